package proving

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/ratelimit"
)

// Outcome says how a step ended. A journey has outcomes of its own beside these.
type Outcome string

// The outcomes that every journey has.
const (
	Sent      Outcome = "sent"       // a mail is on its way, whatever is known of the address
	Proven    Outcome = "proven"     // go to the dispatcher of Result.Flow
	WrongCode Outcome = "wrong-code" // Result.Left tries remain
	CodeEnded Outcome = "code-ended" // no try left, too old, or replaced: ask for another mail
	LinkEnded Outcome = "link-ended" // used, replaced, expired or removed: show what signin.OpenLink tells
)

// Result is what came of a step.
type Result struct {
	Outcome Outcome
	Flow    id.Flow // flow to go on with: the one given, or a new one of this browser
	Left    int     // tries left for a code
}

// Proving asks for proofs and takes them, for one journey. All fields are needed.
// Safe for concurrent use.
type Proving struct {
	DB       *db.DB
	Flows    flow.Flows
	Accounts account.Accounts
	Proofs   account.Proofs
	Audit    *audit.Log
	Limiter  *ratelimit.Limiter

	Purposes []account.Purpose // of the links that are the journey's
	Tasks    []flow.Task       // branches on which a flow waits for the answer to a mail of the journey

	// Known names the browser of a token for an account that signed in with it, else
	// nil: session.Sessions.Known.
	Known func(tx *db.Tx, token string, account id.Account) ([]byte, error)
	// Asking reports whether a flow still asks who the person at the door is.
	Asking func(tx *db.Tx, v flow.Visitor, f flow.Flow) (bool, error)
	// Give does what a proof was asked for, to an account that is not closed, and
	// says how the flow goes on. It does not save the flow.
	Give func(tx *db.Tx, v flow.Visitor, f flow.Flow, a account.Account, p account.Proof) (Outcome, flow.Progress, error)
}

// Waiting reports whether a flow waits for the answer to a mail of the journey.
func (p Proving) Waiting(f flow.Flow) bool {
	at := f.State.Progress
	return f.State.Kind == flow.SignIn && !at.Cancelled && slices.Contains(p.Tasks, at.Task) &&
		at.Proof != "" && at.Proven == "" && !at.Taken
}

// Look reads a flow of a browser, before the transaction that changes it.
func (p Proving) Look(ctx context.Context, v flow.Visitor, fid id.Flow) (flow.Flow, error) {
	var f flow.Flow
	err := p.DB.Read(ctx, func(tx *db.Tx) (err error) {
		f, err = p.Flows.Load(tx, fid, v.Browser)
		return err
	})
	if err != nil {
		return flow.Flow{}, fmt.Errorf("proving: look: %w", err)
	}
	return f, nil
}

// Asked is the flow that waits for an answer, and the address its mail went to.
// Fault Conflict when it waits for none.
func (p Proving) Asked(ctx context.Context, v flow.Visitor, fid id.Flow) (flow.Flow, account.Addr, error) {
	f, err := p.Look(ctx, v, fid)
	if err != nil {
		return flow.Flow{}, account.Addr{}, err
	}
	if !p.Waiting(f) {
		return flow.Flow{}, account.Addr{}, flow.OutOfTurn()
	}
	addr, err := account.ParseAddress(f.State.Progress.Address)
	return f, addr, err
}

// Limits are the rules that act before a mail is written, beside the limits of mail
// to one address and one person. One that is "" does not act.
type Limits struct {
	IP      ratelimit.Rule
	Address ratelimit.Rule
}

// Admission is what the limits say of a mail that somebody not signed in asks for.
type Admission struct {
	quiet bool // who reads it had enough: make the mail, do not send it
}

// Hold keeps a mail from being sent when who reads it had enough of them; it is made
// all the same, so that the work does not tell.
func (a Admission) Hold(tx *db.Tx, m *notify.Message) {
	if a.quiet {
		m.Expires = tx.Now()
	}
}

// Admit lets the limits act before anything is written or mailed. Fault Throttled.
// They count by mailbox, so that neither the case of letters nor an alias is another
// address. A browser that the account has signed in with counts by itself: what
// strangers ask for must not keep the owner from a mail. The mails to an account that
// has several addresses are counted together, too; the answer does not tell when that
// was enough. Every address costs the same work.
func (p Proving) Admit(ctx context.Context, v flow.Visitor, addr account.Addr, l Limits) (Admission, error) {
	if err := p.Limiter.Allow(ctx, l.IP, v.IP); err != nil {
		return Admission{}, err
	}
	to, own := addr.Mailbox(), ""
	err := p.DB.Read(ctx, func(tx *db.Tx) error {
		to, own = addr.Mailbox(), ""
		a, _, err := p.Accounts.ByAddress(tx, addr)
		if err != nil {
			return err
		}
		main, found, err := p.Accounts.Main(tx, a.ID)
		if err != nil {
			return err
		}
		if found {
			to = main.Address.Mailbox()
		}
		device, err := p.Known(tx, v.Device, a.ID)
		if device != nil {
			own = "|" + hex.EncodeToString(device)
		}
		return err
	})
	if err != nil {
		return Admission{}, fmt.Errorf("proving: admit: %w", err)
	}
	for _, rule := range []ratelimit.Rule{l.Address, ratelimit.MailAddress} {
		if rule == "" {
			continue
		}
		if err := p.Limiter.Allow(ctx, rule, addr.Mailbox()+own); err != nil {
			return Admission{}, err
		}
	}
	d, err := p.Limiter.Take(ctx, ratelimit.MailRecipient, to+own)
	return Admission{quiet: !d.Allowed}, err
}

// Load is the flow in which a mail is asked for. Fault Conflict when it no longer
// asks who the person is, or when the mail is to go out again and none went out.
func (p Proving) Load(tx *db.Tx, v flow.Visitor, fid id.Flow, again bool) (flow.Flow, error) {
	f, err := p.Flows.Load(tx, fid, v.Browser)
	if err != nil {
		return flow.Flow{}, err
	}
	ok, err := p.Asking(tx, v, f)
	if err != nil {
		return flow.Flow{}, err
	}
	if !ok || (again && !p.Waiting(f)) {
		return flow.Flow{}, flow.OutOfTurn()
	}
	return f, nil
}

// Note notes that the mail of a proof was sent, for the audit. The event keeps no
// address: it may be that of an account which is removed.
func (p Proving) Note(tx *db.Tx, v flow.Visitor, f flow.Flow, a id.Account, purpose account.Purpose) error {
	e := f.Event(audit.AddressProofSent, v, a, "")
	e.Data = map[string]string{"purpose": string(purpose)}
	return p.Audit.Record(tx, e)
}

// Wait saves that a flow now waits for the answer to a mail; again adds to those
// that were sent before.
func (p Proving) Wait(tx *db.Tx, f flow.Flow, task flow.Task, addr account.Addr, d account.ProofDraft, again bool) error {
	next := f.State.Progress.Restart(task, addr.Written)
	next.Sent(d.ID, tx.Now(), d.Lasts)
	next.Sends = 1
	if again {
		next.Sends += f.State.Progress.Sends
	}
	f.State.Progress = next
	_, err := p.Flows.Save(tx, f)
	return err
}
