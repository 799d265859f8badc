package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// accountCmd groups the commands about one person's account. Looking at one is
// audited, too.
type accountCmd struct {
	Show   accountShow   `cmd:"" help:"Show the state of an account; the address is masked."`
	Unlock accountUnlock `cmd:"" help:"Lift the lock of an account's password; the owner is told."`
	Resend accountResend `cmd:"" help:"Send a new activation mail for an account that is not activated."`
	Delete accountDelete `cmd:"" help:"Delete an account and everything that belongs to it; the owner is told."`
	Unused accountUnused `cmd:"" help:"Count the accounts that nobody uses, by how far their owners were warned."`
}

// whom says which account is meant.
type whom struct {
	Account string `arg:"" help:"E-mail address or identifier of the account."`
}

// find reads the account in the command's own transaction.
func (w whom) find(tx *db.Tx, h *app.House) (account.Account, error) {
	if !strings.Contains(w.Account, "@") {
		a, found, err := h.Accounts.ByID(tx, id.Account(w.Account))
		if err == nil && !found {
			err = refuse("there is no account %q", w.Account)
		}
		return a, err
	}
	addr, err := account.ParseAddress(w.Account)
	if err != nil {
		return account.Account{}, refuse("%q is not an e-mail address", w.Account)
	}
	a, found, err := h.Accounts.ByAddress(tx, addr)
	if err == nil && !found {
		err = refuse("no account has this address")
	}
	return a, err
}

// accountAnswer is what show says.
type accountAnswer struct {
	ID          id.Account      `json:"id"`
	Address     string          `json:"address"`
	Status      account.Status  `json:"status"`
	Locked      bool            `json:"locked"`
	Locale      string          `json:"locale"`
	CreatedAt   time.Time       `json:"created_at"`
	ActivatedAt *time.Time      `json:"activated_at,omitempty"`
	ClosedAt    *time.Time      `json:"closed_at,omitempty"`
	Methods     []methodAnswer  `json:"methods"`
	Services    []serviceAnswer `json:"services"`
	Events      []eventAnswer   `json:"events"`
}

// methodAnswer is one security method, without the name that its owner gave it.
type methodAnswer struct {
	Type     authenticator.Type     `json:"type"`
	Added    time.Time              `json:"added"`
	LastUsed *time.Time             `json:"last_used,omitempty"`
	Standing authenticator.Standing `json:"standing"`
}

type serviceAnswer struct {
	ID       id.RelyingParty `json:"id"`
	Since    time.Time       `json:"since"`
	LastUsed *time.Time      `json:"last_used,omitempty"`
}

type eventAnswer struct {
	At      time.Time       `json:"at"`
	Name    audit.Name      `json:"event"`
	Outcome string          `json:"outcome"`
	Reason  string          `json:"reason,omitempty"`
	Service id.RelyingParty `json:"service,omitempty"`
}

// eventsShown is how many of the newest events show lists.
const eventsShown = 20

type accountShow struct {
	whom
	Full     bool   `help:"Show the address in full."`
	Operator string `help:"Your name for the audit trail." placeholder:"NAME" env:"PARVIS_OPERATOR"`
	JSON     bool   `help:"Answer as JSON." name:"json"`
}

// Run shows an account.
func (cmd *accountShow) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		var answer accountAnswer
		always := change{Apply: true, Operator: cmd.Operator}
		err := always.about(ctx, c, h, audit.OperatorAccountShown, cmd.whom, func(tx *db.Tx, a account.Account) error {
			var err error
			answer, err = cmd.answer(tx, h, a)
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

func (cmd *accountShow) answer(tx *db.Tx, h *app.House, a account.Account) (accountAnswer, error) {
	out := accountAnswer{
		ID: a.ID, Status: a.Status, Locale: a.Locale, CreatedAt: a.CreatedAt,
		ActivatedAt: moment(a.ActivatedAt), ClosedAt: moment(a.ClosedAt),
		Methods: []methodAnswer{}, Services: []serviceAnswer{}, Events: []eventAnswer{},
	}
	mail, found, err := h.Accounts.Main(tx, a.ID)
	if err != nil {
		return out, err
	}
	if found {
		out.Address = mail.Address.Masked()
		if cmd.Full {
			out.Address = mail.Address.Written
		}
		all, err := h.Accounts.Every(tx, a.ID)
		if err != nil {
			return out, err
		}
		if out.Locked, err = h.Attempts.Closed(tx, a.ID, all...); err != nil {
			return out, err
		}
	}
	methods, err := authenticator.List(tx, a.ID)
	if err != nil {
		return out, err
	}
	for _, m := range methods {
		out.Methods = append(out.Methods, methodAnswer{
			Type: m.Type, Added: m.BoundAt, LastUsed: moment(m.UsedAt), Standing: h.Methods.StateOf(m, tx.Now()).Standing,
		})
	}
	services, err := h.Connections.List(tx, a.ID)
	if err != nil {
		return out, err
	}
	for _, s := range services {
		out.Services = append(out.Services, serviceAnswer{ID: s.RelyingParty, Since: s.Since, LastUsed: moment(s.LastUsed)})
	}
	events, err := h.Audit.ByAccount(tx, a.ID, eventsShown)
	if err != nil {
		return out, err
	}
	for _, e := range events {
		out.Events = append(out.Events, eventAnswer{At: e.At, Name: e.Name, Outcome: e.Outcome, Reason: e.Reason, Service: e.RelyingParty})
	}
	return out, nil
}

func (a accountAnswer) print(c *console) {
	state := string(a.Status)
	if a.Locked {
		state += ", password locked"
	}
	rows := [][]string{{"account", string(a.ID)}, {"address", a.Address}, {"state", state}, {"language", a.Locale}, {"created", stamp(&a.CreatedAt)}}
	if a.ActivatedAt != nil {
		rows = append(rows, []string{"activated", stamp(a.ActivatedAt)})
	}
	if a.ClosedAt != nil {
		rows = append(rows, []string{"closed", stamp(a.ClosedAt)})
	}
	for _, m := range a.Methods {
		line := string(m.Type) + ", since " + stamp(&m.Added) + ", last used " + stamp(m.LastUsed)
		if m.Standing != authenticator.Usable {
			line += ", " + string(m.Standing)
		}
		rows = append(rows, []string{"method", line})
	}
	for _, s := range a.Services {
		rows = append(rows, []string{"service", string(s.ID) + ", since " + stamp(&s.Since) + ", last used " + stamp(s.LastUsed)})
	}
	c.table(rows)
	c.printf("\n")
	events := [][]string{{"WHEN", "EVENT", "OUTCOME", "REASON"}}
	for _, e := range a.Events {
		events = append(events, []string{stamp(&e.At), string(e.Name), e.Outcome, e.Reason})
	}
	c.table(events)
}

// moment is a pointer to a time, nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func stamp(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

type accountUnlock struct {
	whom
	change
}

// Run lifts a lock.
func (cmd *accountUnlock) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		did := false
		err := cmd.about(ctx, c, h, audit.OperatorAccountUnlocked, cmd.whom, func(tx *db.Tx, a account.Account) error {
			if a.Status != account.Active {
				return refuse("the account is %s; only an active account has a lock to lift", a.Status)
			}
			var err error
			did, err = h.Lifecycle.Unlock(tx, a.ID)
			if err == nil && !did {
				err = refuse("the account is not locked")
			}
			return err
		})
		return cmd.done(c, err, "unlock")
	})
}

type accountResend struct {
	whom
	change
}

// Run sends another activation mail.
func (cmd *accountResend) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		draft := h.Proofs.Draft(account.ProveActivate, account.Addr{}) // secrets are made before the transaction
		err := cmd.about(ctx, c, h, audit.OperatorActivationResent, cmd.whom, func(tx *db.Tx, a account.Account) error {
			if a.Status != account.Pending {
				return refuse("the account is %s; only one that is not activated can get an activation mail", a.Status)
			}
			return h.Lifecycle.ResendActivation(tx, a.ID, draft)
		})
		return cmd.done(c, err, "resend")
	})
}

type accountDelete struct {
	whom
	change
}

// Run deletes an account.
func (cmd *accountDelete) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		err := cmd.about(ctx, c, h, audit.OperatorAccountDeleted, cmd.whom, func(tx *db.Tx, a account.Account) error {
			if a.Status == account.Closed {
				return refuse("the account is deleted already")
			}
			return h.Lifecycle.Close(tx, a.ID, notice.RemovedByOperator)
		})
		if err == nil && cmd.Apply {
			err = h.DB.Checkpoint(ctx) // so that no copy of the database file holds anything of it
		}
		return cmd.done(c, err, "delete")
	})
}

// accountUnused counts; it looks at nobody's account.
type accountUnused struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// unusedAnswer is what unused says.
type unusedAnswer struct {
	After    string `json:"after"` // "0s": no account is removed
	Unwarned int64  `json:"unwarned"`
	First    int64  `json:"warned_once"`
	Second   int64  `json:"warned_twice"`
}

// Run counts unused accounts.
func (cmd *accountUnused) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		o, err := h.Unused.Look(ctx)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return c.json(unusedAnswer{After: o.Settings.After.String(), Unwarned: o.Unwarned, First: o.First, Second: o.Second})
		}
		if o.Off {
			c.printf("No account is removed because nobody uses it (unused.after is 0).\n")
			return nil
		}
		const day = 24 * time.Hour
		c.printf("Accounts without a sign-in for %d days are removed; their owners are told %d and %d days before.\n\n",
			o.Settings.After/day, o.Settings.FirstWarning/day, o.Settings.SecondWarning/day)
		c.table([][]string{
			{"to be warned", strconv.FormatInt(o.Unwarned, 10)},
			{"warned once", strconv.FormatInt(o.First, 10)},
			{"warned twice", strconv.FormatInt(o.Second, 10)},
		})
		return nil
	})
}

// about runs a change of one account with its audit event.
func (ch *change) about(ctx context.Context, c *console, h *app.House, name audit.Name, w whom, do func(*db.Tx, account.Account) error) error {
	e := audit.Event{Name: name}
	return ch.audited(ctx, c, h, &e, func(tx *db.Tx) error {
		a, err := w.find(tx, h)
		if err != nil {
			return err
		}
		e.Account = a.ID
		return do(tx, a)
	})
}

// done says what was done.
func (ch *change) done(c *console, err error, what string) error {
	if err != nil {
		return err
	}
	if ch.JSON {
		return c.json(map[string]any{"did": what, "applied": ch.Apply})
	}
	ch.report(c, what)
	return nil
}
