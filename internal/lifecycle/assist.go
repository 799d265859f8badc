package lifecycle

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
)

// AskAssistance begins a request of who cannot do something themselves: a link goes to
// the account's own address, as it was first written. For an address without an account
// the same is done and nothing is stored or sent, so that nobody learns which have one.
// The caller's limits have acted; make the draft before the transaction.
func (l *Lifecycle) AskAssistance(tx *db.Tx, v flow.Visitor, addr account.Addr, d assist.Draft) error {
	a, _, err := l.Accounts.ByAddress(tx, addr)
	if err != nil {
		return fmt.Errorf("lifecycle: ask assistance: %w", err)
	}
	own, found, err := l.Accounts.Main(tx, a.ID)
	if err != nil {
		return fmt.Errorf("lifecycle: ask assistance: %w", err)
	}
	m := notify.Message{
		To: addr.Written, Locale: v.Locale, Account: a.ID,
		Data: notice.AssistConfirm{What: inAssist(d.Kind), Token: d.Token, Valid: l.Requests.Settings.ConfirmWithin, Asked: notice.AskedBy(v.UserAgent, tx.Now())},
	}
	if a.Status != account.Active || !found {
		m.Expires, m.Account, a.ID = tx.Now(), "", "" // made, never sent
	} else {
		m.To, m.Locale = own.Address.Written, a.Locale
	}
	if err := l.Requests.Ask(tx, d, a.ID); err != nil {
		return err
	}
	if err := l.noteAssist(tx, audit.AssistAsked, assist.Request{ID: d.ID, Account: a.ID, Kind: d.Kind}, v.Personal("")); err != nil {
		return err
	}
	return l.Outbox.Queue(tx, m)
}

// Assistance is a request with what its pages and commands show.
type Assistance struct {
	assist.Request

	Links      []upstream.Link // sign-in partners of the account
	NoPassword bool            // without the partner, perhaps nothing but the way by e-mail leads in
}

// Assistance reads a request; false when there is none.
func (l *Lifecycle) Assistance(tx *db.Tx, find func(*db.Tx) (assist.Request, bool, error)) (Assistance, bool, error) {
	r, found, err := find(tx)
	if err != nil || !found {
		return Assistance{}, false, err
	}
	out := Assistance{Request: r}
	if out.Links, err = l.Links.List(tx, r.Account); err != nil {
		return Assistance{}, false, err
	}
	list, err := authenticator.List(tx, r.Account)
	out.NoPassword = len(authenticator.Of(list, authenticator.Password)) == 0
	return out, true, err
}

// ConfirmAssistance confirms a request with the link of its mail; link is the sign-in
// partner that is to be removed. Fault NotFound when it does not wait for that (any more),
// or the account has no such link: fault on "link".
func (l *Lifecycle) ConfirmAssistance(ctx context.Context, v flow.Visitor, token string, link upstream.LinkID) error {
	err := l.DB.Write(ctx, func(tx *db.Tx) error {
		r, found, err := l.Assistance(tx, func(tx *db.Tx) (assist.Request, bool, error) { return l.Requests.ByToken(tx, token) })
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, "error.404")
		}
		if r.Kind == assist.Close {
			link = ""
		} else if !has(r.Links, link) {
			return fault.On("link", fault.Invalid, "error.assist.link")
		}
		ok, err := l.Requests.Confirm(tx, r.Request, string(link))
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.NotFound, "error.404")
		}
		if err := l.noteAssist(tx, audit.AssistConfirmed, r.Request, v.Personal("")); err != nil {
			return err
		}
		return l.tell(tx, r.Account, notice.AssistStep{Step: notice.AssistReceived, What: inAssist(r.Kind), Within: l.Requests.Settings.ExpireAfter, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("lifecycle: confirm assistance: %w", err)
	}
	return nil
}

func has(links []upstream.Link, link upstream.LinkID) bool {
	for _, one := range links {
		if one.ID == link {
			return true
		}
	}
	return false
}

// ApproveAssistance is the decision of the first person of the staff, in the caller's
// transaction. Fault NotFound when the request does not wait for it (any more).
func (l *Lifecycle) ApproveAssistance(tx *db.Tx, request assist.ID, by string) error {
	return l.assistStep(tx, request, audit.AssistApproved, notice.AssistApproved, func() (bool, error) { return l.Requests.Approve(tx, request, by) })
}

// RefuseAssistance ends a request that is not done, in the caller's transaction.
func (l *Lifecycle) RefuseAssistance(tx *db.Tx, request assist.ID, by string) error {
	return l.assistStep(tx, request, audit.AssistRefused, notice.AssistRefused, func() (bool, error) { return l.Requests.Refuse(tx, request, by) })
}

func (l *Lifecycle) assistStep(tx *db.Tx, request assist.ID, name audit.Name, step notice.AssistStage, do func() (bool, error)) error {
	r, found, err := l.Requests.Get(tx, request)
	if err != nil {
		return err
	}
	ok := false
	if found {
		if ok, err = do(); err != nil {
			return err
		}
	}
	if !ok {
		return fault.New(fault.NotFound, "error.assist.none")
	}
	if err := l.noteAssist(tx, name, r, audit.Personal{}); err != nil {
		return err
	}
	return l.tell(tx, r.Account, notice.AssistStep{Step: step, What: inAssist(r.Kind), Asked: notice.Asked{At: tx.Now()}})
}

// DoAssistance does what was asked for, by a second person of the staff, in the caller's
// transaction: of many at once it is done once. Removing what may be the last way in leaves
// the owner the way by e-mail, and the mail says so. partner is what people call the sign-in
// partner. Fault NotFound when the request was not approved (any more), Denied when the
// same person approved it (error.assist.same).
func (l *Lifecycle) DoAssistance(tx *db.Tx, request assist.ID, by string, partner i18n.Text) error {
	r, found, err := l.Assistance(tx, func(tx *db.Tx) (assist.Request, bool, error) { return l.Requests.Get(tx, request) })
	if err != nil {
		return err
	}
	if found && r.Status == assist.Approved && assist.Same(r.ApprovedBy, by) {
		return fault.New(fault.Denied, "error.assist.same")
	}
	ok := false
	if found {
		if ok, err = l.Requests.Finish(tx, request, by); err != nil {
			return err
		}
	}
	if !ok {
		return fault.New(fault.NotFound, "error.assist.none")
	}
	if err := l.noteAssist(tx, audit.AssistDone, r.Request, audit.Personal{}); err != nil {
		return err
	}
	if r.Kind == assist.Close {
		return l.Close(tx, r.Account, notice.RemovedByRequest)
	}
	if _, err := l.Links.Unlink(tx, r.Account, upstream.LinkID(r.Link)); err != nil {
		return err
	}
	if err := l.signOut(tx, r.Account, "partner removed"); err != nil { // it may be in other hands
		return err
	}
	return l.tell(tx, r.Account, notice.AssistStep{
		Step: notice.AssistDone, What: inAssist(r.Kind), Partner: partner, NoPassword: r.NoPassword, Asked: notice.Asked{At: tx.Now()},
	})
}

// expireAssistance ends requests that nobody did in time, and tells whose they were.
func (l *Lifecycle) expireAssistance(tx *db.Tx, limit int) (int64, error) {
	confirmed, n, err := l.Requests.Expire(tx, limit)
	if err != nil {
		return 0, err
	}
	for _, r := range confirmed {
		if err := l.noteAssist(tx, audit.AssistExpired, r, audit.Personal{}); err != nil {
			return 0, err
		}
		if err := l.tell(tx, r.Account, notice.AssistStep{Step: notice.AssistExpired, What: inAssist(r.Kind), Asked: notice.Asked{At: tx.Now()}}); err != nil {
			return 0, err
		}
	}
	gone, err := l.Requests.Purge(tx, limit)
	return max(int64(n), gone), err
}

// noteAssist records a step of a request.
func (l *Lifecycle) noteAssist(tx *db.Tx, name audit.Name, r assist.Request, who audit.Personal) error {
	return l.Audit.Record(tx, audit.Event{
		Name: name, Account: r.Account, Outcome: audit.Success, Personal: who, Data: map[string]string{"request": string(r.ID), "kind": string(r.Kind)},
	})
}

// inAssist is what is asked for as mails name it.
func inAssist(k assist.Kind) notice.AssistWhat {
	if k == assist.Close {
		return notice.AssistClose
	}
	return notice.AssistUnlink
}

// assistEvery is how often requests are looked at that have run out.
const assistEvery = 5 * time.Minute
