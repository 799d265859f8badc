package cli

import (
	"context"
	"strings"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/lifecycle"
)

// partnerResetEnrolment lets a service begin anew with one person (R52).
type partnerResetEnrolment struct {
	change
	Service string `help:"Identifier of the service that asks for it." placeholder:"ID" required:""`
	Subject string `help:"Identifier by which the service knows the person (the claim sub)." placeholder:"SUB" required:""`
}

// resetAnswer is what reset-enrolment says. The account is not named: whoever asks on
// behalf of a service knows the person by the subject only.
type resetAnswer struct {
	Service id.RelyingParty   `json:"service"`
	Sharing []id.RelyingParty `json:"sharing"` // the other services that know people by the same subject
	Ended   []id.RelyingParty `json:"ended"`   // of all of them, those that the person was connected to
	Applied bool              `json:"applied"`
}

// Run resets the enrolment.
func (cmd *partnerResetEnrolment) Run(ctx context.Context, c *console) error {
	pid := id.RelyingParty(cmd.Service)
	return c.withHouse(ctx, func(h *app.House) error {
		reset, err := cmd.reset(ctx, h)
		if err != nil {
			return err
		}
		answer := resetAnswer{Service: pid, Sharing: []id.RelyingParty{}, Ended: []id.RelyingParty{}, Applied: cmd.Apply}
		for _, p := range reset.Sharing {
			answer.Sharing = append(answer.Sharing, p.ID)
		}
		e := audit.Event{Name: audit.OperatorCommand, RelyingParty: pid, Reason: "partner.reset-enrolment"}
		err = cmd.audited(ctx, c, h, &e, func(tx *db.Tx) error {
			did, err := h.Lifecycle.ResetEnrolment(tx, reset)
			e.Account = did.Account
			answer.Ended = append([]id.RelyingParty{}, did.Ended...)
			return err
		})
		if fault.Is(err, fault.NotFound) {
			return refuse("service %q knows nobody by this subject, or does not any more", cmd.Service)
		}
		if err != nil {
			return err
		}
		if cmd.JSON {
			return c.json(answer)
		}
		if len(answer.Sharing) > 0 {
			c.printf("begin anew, too: %s\n", join(answer.Sharing))
		}
		cmd.report(c, "partner.reset-enrolment "+cmd.Service)
		return nil
	})
}

// reset finds the service, and those that share its subjects.
func (cmd *partnerResetEnrolment) reset(ctx context.Context, h *app.House) (lifecycle.Reset, error) {
	out := lifecycle.Reset{Subject: strings.TrimSpace(cmd.Subject)}
	service, err := h.Registry.Find(ctx, id.RelyingParty(cmd.Service))
	if err != nil {
		return out, err
	}
	if service == nil {
		return out, partnerError(cmd.Service, fault.New(fault.NotFound, ""))
	}
	all, err := h.Registry.List(ctx)
	if err != nil {
		return out, err
	}
	out.Service = service
	for _, p := range all {
		if p.ID != service.ID && p.Sector == service.Sector {
			out.Sharing = append(out.Sharing, p)
		}
	}
	return out, nil
}

// join names services in one line.
func join(list []id.RelyingParty) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = string(p)
	}
	return strings.Join(words, ", ")
}
