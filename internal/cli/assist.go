package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/app"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/lifecycle"
	"parvis/internal/upstream"
)

// assistCmd groups the commands for what people asked the staff to do because they
// cannot do it themselves (R46). Two people do it, whose names differ.
type assistCmd struct {
	List    assistList    `cmd:"" help:"List the confirmed requests that wait for the staff, the oldest first."`
	Show    assistShow    `cmd:"" help:"Show one request, and what it would do; the address is masked. The look is audited."`
	Approve assistApprove `cmd:"" help:"Approve a request, as the first of two people; the owner is told."`
	Do      assistDo      `cmd:"" help:"Do what was approved, as the second of two people; the owner is told."`
	Refuse  assistRefuse  `cmd:"" help:"Refuse a request; the owner is told."`
}

// assistLine is one request in a list.
type assistLine struct {
	ID          assist.ID     `json:"id"`
	Kind        assist.Kind   `json:"kind"`
	Status      assist.Status `json:"status"`
	Reference   string        `json:"reference"`
	Account     id.Account    `json:"account"`
	ConfirmedAt *time.Time    `json:"confirmed_at,omitempty"`
	ApprovedBy  string        `json:"approved_by,omitempty"`
	ExpiresAt   time.Time     `json:"expires_at"`
}

func assistLineOf(r assist.Request) assistLine {
	return assistLine{
		ID: r.ID, Kind: r.Kind, Status: r.Status, Reference: r.Reference, Account: r.Account,
		ConfirmedAt: moment(r.ConfirmedAt), ApprovedBy: r.ApprovedBy, ExpiresAt: r.ExpiresAt,
	}
}

// assistListed is how many requests a list has at most.
const assistListed = 200

type assistList struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the requests.
func (cmd *assistList) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		var all []assist.Request
		err := h.DB.Read(ctx, func(tx *db.Tx) (err error) {
			all, err = h.Lifecycle.Requests.List(tx, assistListed)
			return err
		})
		if err != nil {
			return err
		}
		lines := make([]assistLine, len(all))
		rows := [][]string{{"ID", "KIND", "STATE", "REFERENCE", "CONFIRMED", "APPROVED BY", "EXPIRES"}}
		for i, r := range all {
			l := assistLineOf(r)
			lines[i] = l
			rows = append(rows, []string{string(l.ID), string(l.Kind), string(l.Status), l.Reference, stamp(l.ConfirmedAt), l.ApprovedBy, stamp(&l.ExpiresAt)})
		}
		if cmd.JSON {
			return c.json(lines)
		}
		c.table(rows)
		return nil
	})
}

// assistAnswer is what show says.
type assistAnswer struct {
	assistLine

	Address    string         `json:"address"` // masked
	State      account.Status `json:"state"`   // of the account
	Removes    string         `json:"removes,omitempty"`
	Partners   []string       `json:"partners"`           // issuers that are linked
	NoPassword bool           `json:"no_password"`        // perhaps only the way by e-mail would be left
	EndedAt    *time.Time     `json:"ended_at,omitempty"` // done, refused, expired
	EndedBy    string         `json:"ended_by,omitempty"`
}

type assistShow struct {
	ID       string `arg:"" help:"Identifier of the request."`
	Operator string `help:"Your name for the audit trail." placeholder:"NAME" env:"PARVIS_OPERATOR"`
	JSON     bool   `help:"Answer as JSON." name:"json"`
}

// Run shows a request.
func (cmd *assistShow) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		var answer assistAnswer
		always := change{Apply: true, Operator: cmd.Operator}
		e := audit.Event{Name: audit.OperatorAssistShown}
		err := always.audited(ctx, c, h, &e, func(tx *db.Tx) error {
			r, err := findAssistance(tx, h, cmd.ID)
			if err != nil {
				return err
			}
			e.Account = r.Account
			answer, err = assistAnswerOf(tx, h, r)
			return err
		})
		if err != nil {
			return err
		}
		if cmd.JSON {
			return c.json(answer)
		}
		answer.print(c)
		return nil
	})
}

func findAssistance(tx *db.Tx, h *app.House, request string) (lifecycle.Assistance, error) {
	r, found, err := h.Lifecycle.Assistance(tx, func(tx *db.Tx) (assist.Request, bool, error) { return h.Lifecycle.Requests.Get(tx, assist.ID(request)) })
	if err == nil && !found {
		err = refuse("there is no request %q; `parvis assist list` lists those that wait", request)
	}
	return r, err
}

func assistAnswerOf(tx *db.Tx, h *app.House, r lifecycle.Assistance) (assistAnswer, error) {
	out := assistAnswer{
		assistLine: assistLineOf(r.Request), Partners: []string{}, NoPassword: r.NoPassword,
		EndedAt: moment(r.EndedAt), EndedBy: r.EndedBy,
	}
	for _, l := range r.Links {
		out.Partners = append(out.Partners, l.Issuer)
	}
	out.Removes = issuerOf(r)
	a, _, err := h.Accounts.ByID(tx, r.Account)
	if err != nil {
		return out, err
	}
	out.State = a.Status
	mail, found, err := h.Accounts.Main(tx, r.Account)
	if found {
		out.Address = mail.Address.Masked()
	}
	return out, err
}

// issuerOf is the sign-in partner that a request removes; "" for none (any more).
func issuerOf(r lifecycle.Assistance) string {
	for _, l := range r.Links {
		if l.ID == upstream.LinkID(r.Link) {
			return l.Issuer
		}
	}
	return ""
}

func (a assistAnswer) print(c *console) {
	rows := [][]string{
		{"request", string(a.ID)},
		{"asks to", map[assist.Kind]string{assist.Unlink: "remove a sign-in partner", assist.Close: "close the account"}[a.Kind]},
		{"state", string(a.Status)},
		{"reference", a.Reference},
		{"account", string(a.Account) + " (" + string(a.State) + ")"},
		{"address", a.Address},
		{"confirmed", stamp(a.ConfirmedAt)},
		{"expires", stamp(&a.ExpiresAt)},
	}
	if a.ApprovedBy != "" {
		rows = append(rows, []string{"approved by", a.ApprovedBy})
	}
	if a.EndedAt != nil {
		rows = append(rows, []string{"ended", stamp(a.EndedAt) + " " + a.EndedBy})
	}
	if a.Kind == assist.Unlink {
		rows = append(rows, []string{"removes", a.Removes}, []string{"partners", strings.Join(a.Partners, ", ")})
	}
	c.table(rows)
	if a.NoPassword && a.Kind == assist.Unlink {
		c.printf("\nThe account has no password. Afterwards its owner can choose one by mail; the mail that tells them says so.\n")
	}
}

// staff says who of the staff decides.
type staff struct {
	ID string `arg:"" help:"Identifier of the request."`
	By string `help:"Your own name. Whoever approves and whoever does it are two people." placeholder:"NAME" required:""`
}

type assistApprove struct {
	staff
	change
}

// Run approves a request.
func (cmd *assistApprove) Run(ctx context.Context, c *console) error {
	return cmd.decide(ctx, c, &cmd.change, "assist.approve", func(tx *db.Tx, h *app.House, _ i18n.Text, by string) error {
		return h.Lifecycle.ApproveAssistance(tx, assist.ID(cmd.ID), by)
	})
}

type assistRefuse struct {
	staff
	change
}

// Run refuses a request.
func (cmd *assistRefuse) Run(ctx context.Context, c *console) error {
	return cmd.decide(ctx, c, &cmd.change, "assist.refuse", func(tx *db.Tx, h *app.House, _ i18n.Text, by string) error {
		return h.Lifecycle.RefuseAssistance(tx, assist.ID(cmd.ID), by)
	})
}

type assistDo struct {
	staff
	change
}

// Run does what was asked for and approved.
func (cmd *assistDo) Run(ctx context.Context, c *console) error {
	return cmd.decide(ctx, c, &cmd.change, "assist.do", func(tx *db.Tx, h *app.House, partner i18n.Text, by string) error {
		return h.Lifecycle.DoAssistance(tx, assist.ID(cmd.ID), by, partner)
	})
}

// now reads how the request stands after a step. Closing the account erases its requests.
func (a *assistAnswer) now(tx *db.Tx, h *app.House) error {
	r, found, err := h.Lifecycle.Requests.Get(tx, a.ID)
	if err != nil {
		return err
	}
	if !found {
		a.Status, a.State = assist.Done, account.Closed
		return nil
	}
	a.assistLine, a.EndedAt, a.EndedBy = assistLineOf(r), moment(r.EndedAt), r.EndedBy
	return nil
}

// unready says why a step cannot be done now, and which one can.
func (a assistAnswer) unready(what string) string {
	switch a.Status {
	case assist.Asked:
		return "the owner of the account has not confirmed this request yet; a link in their mail does that"
	case assist.Confirmed:
		return fmt.Sprintf("nobody has approved this request yet. One person approves it first, then another one does it:\n  parvis assist approve %[1]s --by NAME --apply\n  parvis assist do %[1]s --by ANOTHER_NAME --apply", a.ID)
	case assist.Approved:
		return fmt.Sprintf("%s has approved this request already. Somebody else does it now:\n  parvis assist do %s --by ANOTHER_NAME --apply", a.ApprovedBy, a.ID)
	default:
		return fmt.Sprintf("the request is %s: %s comes too late", a.Status, strings.TrimPrefix(what, "assist."))
	}
}

// partnersNamed is what people call sign-in partners, by issuer.
func partnersNamed(ctx context.Context, h *app.House) (map[string]i18n.Text, error) {
	if err := h.Upstreams.Start(ctx); err != nil {
		return nil, err
	}
	all, err := h.Upstreams.List(ctx)
	out := map[string]i18n.Text{}
	for _, p := range all {
		out[p.Issuer] = p.Name
	}
	return out, err
}

// decide runs a step of a request with its audit event, and says what it would do.
func (s staff) decide(ctx context.Context, c *console, ch *change, what string, do func(*db.Tx, *app.House, i18n.Text, string) error) error {
	by, err := assist.Name(s.By)
	if err != nil {
		return refuse("--by: give your name")
	}
	return c.withHouse(ctx, func(h *app.House) error {
		names, err := partnersNamed(ctx, h) // before the transaction
		if err != nil {
			return err
		}
		var answer assistAnswer
		e := audit.Event{Name: audit.OperatorCommand, Reason: what}
		err = ch.audited(ctx, c, h, &e, func(tx *db.Tx) error {
			r, err := findAssistance(tx, h, s.ID)
			if err != nil {
				return err
			}
			e.Account = r.Account
			if answer, err = assistAnswerOf(tx, h, r); err != nil {
				return err
			}
			issuer := issuerOf(r)
			partner, known := names[issuer]
			if !known {
				partner = i18n.Text{"en": issuer, "fr": issuer}
			}
			if err := do(tx, h, partner, by); err != nil || !ch.Apply {
				return err
			}
			return answer.now(tx, h)
		})
		switch {
		case fault.Is(err, fault.Denied):
			return refuse("%s approved this request: somebody else has to do it", by)
		case fault.Is(err, fault.NotFound):
			return refuse("%s", answer.unready(what))
		case err != nil:
			return err
		}
		if ch.Apply && what == "assist.do" {
			if err := h.DB.Checkpoint(ctx); err != nil { // a closed account leaves nothing in the file
				return err
			}
		}
		if ch.JSON {
			return c.json(map[string]any{"did": what, "id": s.ID, "applied": ch.Apply})
		}
		answer.print(c)
		ch.report(c, what+" "+s.ID)
		return nil
	})
}
