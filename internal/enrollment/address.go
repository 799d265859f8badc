package enrollment

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// Address begins an account. The answer and the work are the same whether the
// address is new, waits for its activation or has an account (B.1 16): always one
// proof, one mail and two events. Faults: Invalid on "email" or "terms", Throttled.
func (j *Journey) Address(ctx context.Context, v flow.Visitor, fid id.Flow, form AddressForm) (proving.Result, error) {
	addr, err := account.ParseAddress(form.Address)
	if err != nil {
		return proving.Result{}, err
	}
	if !form.Terms {
		return proving.Result{}, fault.On("terms", fault.Invalid, "create-account.error.terms")
	}
	f, err := j.proving().Look(ctx, v, fid)
	if err != nil {
		return proving.Result{}, err
	}
	return j.send(ctx, f, request{visitor: v, address: addr, locale: form.Locale, why: notice.WhySignUp})
}

// Resend sends the activation mail of a flow again; the older link and code end.
func (j *Journey) Resend(ctx context.Context, v flow.Visitor, fid id.Flow) (proving.Result, error) {
	f, addr, err := j.proving().Asked(ctx, v, fid)
	if err != nil {
		return proving.Result{}, err
	}
	return j.send(ctx, f, request{visitor: v, address: addr, locale: v.Locale, why: notice.WhyResend, again: true})
}

// request is one activation mail that is asked for.
type request struct {
	visitor  flow.Visitor
	address  account.Addr
	locale   string
	service  notice.Service
	why      notice.Why
	partner  bool // who asks comes from a sign-in partner
	admitted proving.Admission
	undo     string // secret of the link that an address gets which is kept for an account that had it
	again    bool   // only while the flow waits for the answer to an earlier one
}

// limits are the rules of an activation mail.
func limits() proving.Limits {
	return proving.Limits{IP: ratelimit.EnrollmentIP, Address: ratelimit.EnrollmentAddress}
}

func (j *Journey) send(ctx context.Context, looked flow.Flow, r request) (proving.Result, error) {
	service, err := j.Registry.Find(ctx, looked.RelyingParty)
	if err != nil {
		return proving.Result{}, fmt.Errorf("enrollment: send: %w", err)
	}
	r.service = service.InMail()
	proofs := j.proving()
	if r.admitted, err = proofs.Admit(ctx, r.visitor, r.address, limits()); err != nil {
		return proving.Result{}, err
	}
	r.undo = secret.NewToken()
	draft := account.NewDraft(r.address, r.locale)
	proof := j.Proofs.Draft(account.ProveActivate, r.address)
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := proofs.Load(tx, r.visitor, looked.ID, r.again)
		if err != nil {
			return err
		}
		a, created, err := j.pending(tx, draft)
		if err != nil {
			return err
		}
		r, d := r, proof
		d.Account, d.Flow, d.RelyingParty = a.ID, f.ID, f.RelyingParty
		if r.partner = f.State.Progress.Partner.Known(tx.Now()); r.partner { // R44, R47
			d.Lasts = j.Proofs.Settings.PartnerProofLifetime
		}
		if err := j.answer(tx, r, d, f, a, created); err != nil {
			return err
		}
		return proofs.Wait(tx, f, flow.TaskCreate, r.address, d, r.again)
	})
	if err != nil {
		return proving.Result{}, fmt.Errorf("enrollment: send: %w", err)
	}
	return proving.Result{Outcome: proving.Sent, Flow: looked.ID}, nil
}

// answer issues the proof, queues the one mail that fits, and notes both. An address that
// is kept for an account that had it gets a proof all the same: its secrets are never sent
// and it belongs to no account.
func (j *Journey) answer(tx *db.Tx, r request, d account.ProofDraft, f flow.Flow, a account.Account, created bool) error {
	kept, err := j.Accounts.Remind(tx, r.address, a.ID, r.undo)
	if err != nil {
		return err
	}
	if kept.Kept() && !a.Held() {
		d.Account, a = "", account.Account{ID: kept.Account, Locale: kept.Locale, Status: account.Active}
	} else {
		kept = account.Reservation{}
	}
	if err := j.mail(tx, r, d, a, kept, created); err != nil {
		return err
	}
	return j.record(tx, r, f, a, created)
}

// pending finds or makes the account of an address. One that waited too long for
// its activation, and that the job has not removed yet, is removed first.
func (j *Journey) pending(tx *db.Tx, draft account.Draft) (account.Account, bool, error) {
	a, created, err := j.Accounts.CreatePending(tx, draft)
	fresh := a.CreatedAt.After(tx.Now().Add(-j.Accounts.Settings.UnactivatedAfter))
	if err != nil || created || a.Status != account.Pending || fresh {
		return a, created, err
	}
	removed, err := j.Accounts.RemoveUnactivated(tx, a.ID)
	if err != nil || !removed {
		return a, false, err
	}
	err = j.Audit.Record(tx, audit.Event{Name: audit.AccountRemovedUnactivated, Account: a.ID, Outcome: audit.Success})
	if err != nil {
		return account.Account{}, false, err
	}
	return j.Accounts.CreatePending(tx, draft)
}

// mail issues the proof and queues the one mail that fits the account. It goes to
// the address as it was first written, never to another way of writing it: what is
// one address to us may be two mailboxes somewhere (C.5 61).
func (j *Journey) mail(tx *db.Tx, r request, d account.ProofDraft, a account.Account, kept account.Reservation, created bool) error {
	own, found, err := j.Accounts.Typed(tx, a.ID, r.address)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("enrollment: the account %s has no address", a.ID)
	}
	to := own.Address
	if kept.Kept() {
		to = kept.Address
	}
	d.Address = to
	if _, err := j.Proofs.Issue(tx, d); err != nil {
		return err
	}
	proof := notice.Proof{Token: d.Token, Code: d.Code, Valid: d.Lasts}
	asked := notice.AskedBy(r.visitor.UserAgent, tx.Now())
	m := notify.Message{To: to.Written, Locale: r.locale, Account: a.ID}
	switch {
	case kept.Kept():
		m.Locale, m.Data = a.Locale, notice.AddressKept{Undo: notice.Undo{Token: r.undo, Valid: kept.EndsAt.Sub(tx.Now())}, Asked: asked}
	case created:
		m.Data = notice.Activate{Service: r.service, Proof: proof, Asked: asked, Partner: r.partner}
	case a.Status == account.Pending:
		m.Data = notice.ActivateAgain{Service: r.service, Proof: proof, Asked: asked, Why: r.why, Removal: j.Accounts.Settings.UnactivatedAfter}
	default:
		m.Locale = a.Locale
		m.Data = notice.AlreadyRegistered{Service: r.service, Proof: proof, Asked: asked}
	}
	r.admitted.Hold(tx, &m)
	return j.Outbox.Queue(tx, m)
}

// record notes what happened to the account, and that a mail was sent. No event
// of an account that is not active yet keeps its address: it may be removed.
func (j *Journey) record(tx *db.Tx, r request, f flow.Flow, a account.Account, created bool) error {
	name := audit.AccountAddressTaken
	switch {
	case created:
		name = audit.AccountCreated
	case a.Status == account.Pending:
		name = audit.AccountActivationResent
	}
	if err := j.Audit.Record(tx, f.Event(name, r.visitor, a.ID, "")); err != nil {
		return err
	}
	return j.proving().Note(tx, r.visitor, f, a.ID, account.ProveActivate)
}

// ResendLink sends another activation mail in place of an ended link, until the
// account is removed (R22). Nothing tells whether it did. The flow that the first
// mail was asked for in goes on, when it is this browser's.
func (j *Journey) ResendLink(ctx context.Context, v flow.Visitor, token string) error {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return err
	}
	var old account.Proof
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		old, err = j.Proofs.Find(tx, token)
		return err
	})
	if err != nil {
		return fmt.Errorf("enrollment: resend: %w", err)
	}
	if old.Purpose != account.ProveActivate || old.Account == "" || old.Address.Key == "" {
		return nil
	}
	service, err := j.Registry.Find(ctx, old.RelyingParty)
	if err != nil {
		return fmt.Errorf("enrollment: resend: %w", err)
	}
	r := request{visitor: v, address: old.Address, locale: v.Locale, service: service.InMail(), why: notice.WhyResend, undo: secret.NewToken()}
	if r.admitted, err = j.proving().Admit(ctx, v, r.address, limits()); err != nil {
		return err
	}
	draft := j.Proofs.Draft(account.ProveActivate, old.Address)
	draft.Account, draft.Flow, draft.RelyingParty, draft.Lasts = old.Account, old.Flow, old.RelyingParty, old.Lasts()
	err = j.DB.Write(ctx, func(tx *db.Tx) error { return j.resend(tx, r, draft) })
	if err != nil {
		return fmt.Errorf("enrollment: resend: %w", err)
	}
	return nil
}

func (j *Journey) resend(tx *db.Tx, r request, d account.ProofDraft) error {
	a, found, err := j.Accounts.ByID(tx, d.Account)
	if err != nil {
		return err
	}
	until := a.CreatedAt.Add(j.Accounts.Settings.UnactivatedAfter)
	if !found || a.Status != account.Pending || !tx.Now().Before(until) {
		return nil
	}
	f, err := j.Flows.Load(tx, d.Flow, r.visitor.Browser)
	if err != nil && fault.KindOf(err) == fault.Internal {
		return err
	}
	own := err == nil
	if !own {
		f = flow.Flow{ID: d.Flow, RelyingParty: d.RelyingParty}
	}
	if err := j.answer(tx, r, d, f, a, false); err != nil || !own || !j.proving().Waiting(f) {
		return err
	}
	f.State.Progress.Sent(d.ID, tx.Now(), d.Lasts)
	f.State.Progress.Sends++
	_, err = j.Flows.Save(tx, f)
	return err
}
