package app

import (
	"context"
	"fmt"

	"parvis/internal/relyingparty"
)

// UpstreamIDs are the identifiers of the sign-in partners that are configured or stored,
// also of those that are out of use, and of them those that are not.
func (h *House) UpstreamIDs(ctx context.Context) (known, inUse []string, err error) {
	all, err := h.Upstreams.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range all {
		known = append(known, string(p.ID))
		if !p.Disabled {
			inUse = append(inUse, string(p.ID))
		}
	}
	return known, inUse, nil
}

// checkDoors refuses to start with a service of the configuration into which no door
// leads. A door that does not exist is named in the log: its sign-in partner may be
// stored later. So is a service whose only doors are out of use, which is for a while.
func (h *House) checkDoors(ctx context.Context) error {
	known, inUse, err := h.UpstreamIDs(ctx)
	if err != nil {
		return err
	}
	for _, s := range h.Config.Partners {
		if unknown := s.Doors.Unknown(known); len(unknown) > 0 {
			h.Log.WarnContext(ctx, "a service names sign-in partners that do not exist", "partner", s.ID, "doors", unknown)
		}
		p, problems := s.Build()
		switch {
		case len(problems) > 0 || relyingparty.AnyDoor(p.Doors, inUse):
		case relyingparty.AnyDoor(p.Doors, known):
			h.Log.WarnContext(ctx, "nobody can sign in to a service: the sign-in partners that it takes are disabled", "partner", s.ID)
		default:
			return fmt.Errorf("app: partners[%s].doors: no door is open: the password is closed, and so is every sign-in partner there is", s.ID)
		}
	}
	return nil
}
