package app

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/relyingparty"
)

// UpstreamIDs are the identifiers of the sign-in partners that are configured or stored,
// also of those that are out of use: they are taken out for a while only.
func (h *House) UpstreamIDs(ctx context.Context) ([]string, error) {
	all, err := h.Upstreams.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(all))
	for i, p := range all {
		out[i] = string(p.ID)
	}
	return out, nil
}

// checkDoors refuses to start with a service of the configuration into which no door
// leads. A door that does not exist is named in the log: its sign-in partner may be
// stored later.
func (h *House) checkDoors(ctx context.Context) error {
	known, err := h.UpstreamIDs(ctx)
	if err != nil {
		return err
	}
	for _, s := range h.Config.Partners {
		if unknown := s.Doors.Unknown(known); len(unknown) > 0 {
			h.Log.WarnContext(ctx, "a service names sign-in partners that do not exist", "partner", s.ID, "doors", unknown)
		}
		p, problems := s.Build()
		if len(problems) == 0 && !relyingparty.AnyDoor(p.Doors, slices.Clone(known)) {
			return fmt.Errorf("app: partners[%s].doors: no door is open: the password is closed, and so is every sign-in partner there is", s.ID)
		}
	}
	return nil
}
