package recovery

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/session"
)

// choosing reports whether the new password of an account is due in a flow.
func choosing(f flow.Flow) bool {
	p := f.State.Progress
	return f.State.Kind == flow.SignIn && !p.Cancelled && p.Task == flow.TaskReset && p.Proven != ""
}

// Password chooses a new password in the browser that gave the proof. It signs
// nobody in and lifts no lock; an account without a password gets its first one.
// Fault Invalid on "password" for each rule it breaks (joined).
func (j *Journey) Password(ctx context.Context, v flow.Visitor, fid id.Flow, form PasswordForm) (proving.Result, error) {
	f, err := j.proving().Look(ctx, v, fid)
	if err != nil {
		return proving.Result{}, err
	}
	if !choosing(f) {
		return proving.Result{}, flow.OutOfTurn()
	}
	service, err := j.Registry.Find(ctx, f.RelyingParty)
	if err != nil {
		return proving.Result{}, fmt.Errorf("recovery: password: %w", err)
	}
	words := slices.Concat(j.Words, account.GuessWords(f.State.Progress.Address), service.Words())
	if err := j.Policy.Refuse(form.Password, password.Context{Words: words}); err != nil {
		return proving.Result{}, err
	}
	verifier, err := j.Hasher.Hash(ctx, form.Password)
	if err != nil {
		return proving.Result{}, fmt.Errorf("recovery: password: %w", err)
	}
	c := chosen{
		visitor: v, account: f.State.Progress.Proven, verifier: verifier,
		bound: authenticator.NewID(), endOthers: form.EndSessions,
	}
	out := proving.Result{Flow: fid}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome, err = j.change(tx, fid, c)
		return err
	})
	if err != nil {
		return proving.Result{}, fmt.Errorf("recovery: password: %w", err)
	}
	return out, nil
}

// chosen is a new password and what was made for it before the transaction.
type chosen struct {
	visitor   flow.Visitor
	account   id.Account
	verifier  string
	bound     authenticator.ID
	endOthers bool
	first     bool // the account had none before
}

func (j *Journey) change(tx *db.Tx, fid id.Flow, c chosen) (proving.Outcome, error) {
	f, err := j.Flows.Load(tx, fid, c.visitor.Browser)
	if err != nil {
		return "", err
	}
	if !choosing(f) || f.State.Progress.Proven != c.account {
		return "", flow.OutOfTurn()
	}
	a, found, err := j.Accounts.ByID(tx, c.account)
	if err != nil {
		return "", err
	}
	address := f.State.Progress.Address
	spent, err := j.spent(tx, f, a.ID)
	if err != nil {
		return "", err
	}
	if !found || !a.Held() || spent {
		f.State.Progress = f.State.Progress.Restart(flow.TaskReset, address)
		f.State.Progress.Notice = flow.NoticeLinkOld
		_, err := j.Flows.Save(tx, f)
		return proving.LinkEnded, err
	}
	_, had, err := j.Passwords.Get(tx, a.ID)
	if err != nil {
		return "", err
	}
	if err := j.Passwords.Set(tx, a.ID, c.bound, c.verifier); err != nil {
		return "", err
	}
	if err := j.Grants.PasswordChanged(tx, a.ID); err != nil {
		return "", err
	}
	if err := authenticator.SetByMailbox(tx, a.ID); err != nil {
		return "", err
	}
	if err := j.bindMailbox(tx, f, c, a.ID); err != nil {
		return "", err
	}
	if err := j.Accounts.Used(tx, a.ID); err != nil {
		return "", err
	}
	if err := j.Audit.Record(tx, f.Event(audit.PasswordReset, c.visitor, a.ID, address)); err != nil {
		return "", err
	}
	if err := j.forgetBrowsers(tx, f, c); err != nil {
		return "", err
	}
	if err := j.endOthers(tx, f, c); err != nil {
		return "", err
	}
	c.first = !had
	if err := j.tell(tx, a, c); err != nil {
		return "", err
	}
	f.State.Progress = f.State.Progress.Restart(flow.TaskSignIn, address)
	f.State.Progress.Notice = flow.NoticeReset
	_, err = j.Flows.Save(tx, f)
	return Changed, err
}

// tell tells every address of an account of its new password (SP 800-63B-4, 4.2.3).
func (j *Journey) tell(tx *db.Tx, a account.Account, c chosen) error {
	partners, err := j.Links.Count(tx, a.ID)
	if err != nil {
		return err
	}
	all, err := j.Accounts.Addresses(tx, a.ID)
	if err != nil {
		return err
	}
	told := notice.PasswordChanged{Reset: true, First: c.first, SessionsEnded: c.endOthers, Partners: partners, Asked: notice.AskedBy(c.visitor.UserAgent, tx.Now())}
	for _, e := range all {
		if err := j.Outbox.Queue(tx, notify.Message{To: e.Address.Written, Locale: a.Locale, Account: a.ID, Data: told}); err != nil {
			return err
		}
	}
	return nil
}

// bindMailbox binds the codes by e-mail again when they were turned off after too many
// wrong ones: who reads the mailed link has proven the mailbox anew (SP 800-63B-4, 3.2.2).
func (j *Journey) bindMailbox(tx *db.Tx, f flow.Flow, c chosen, owner id.Account) error {
	list, err := authenticator.List(tx, owner)
	if err != nil {
		return err
	}
	for _, email := range authenticator.Of(list, authenticator.Email) {
		was, err := authenticator.Rebind(tx, owner, email.ID)
		if err != nil || !was {
			return err
		}
		e := f.Event(audit.MethodBound, c.visitor, owner, "")
		e.Reason, e.Data = "mailbox proven", map[string]string{"method": string(email.ID), "type": string(email.Type)}
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// spent reports whether a proof counts no longer: it was given longer ago than a
// link works, the password was changed since, or its address is not the account's any more. Whoever opened a link with
// somebody else's mailbox and waits must not outlive the owner's own new password.
func (j *Journey) spent(tx *db.Tx, f flow.Flow, a id.Account) (bool, error) {
	proven := db.Time(f.State.Progress.ProvenAt)
	kept, found, err := j.Passwords.Get(tx, a)
	if err != nil {
		return false, err
	}
	if tx.Now().Sub(proven) >= j.Proofs.Settings.ProofLifetime || found && kept.SetAt.After(proven) {
		return true, nil
	}
	addr, err := account.ParseAddress(f.State.Progress.Address)
	if err != nil {
		return true, nil //nolint:nilerr // an address that is none proves nothing
	}
	holder, held, err := j.Accounts.ByAddress(tx, addr)
	return !held || holder.ID != a, err
}

// forgetBrowsers asks for the second step again in every browser: whoever knew the
// older password may have had one of them remembered.
func (j *Journey) forgetBrowsers(tx *db.Tx, f flow.Flow, c chosen) error {
	n, err := j.Sessions.ForgetAll(tx, c.account)
	if err != nil || n == 0 {
		return err
	}
	e := f.Event(audit.BrowserForgotten, c.visitor, c.account, "")
	e.Reason, e.Data = "password reset", map[string]string{"browsers": strconv.FormatInt(n, 10)}
	return j.Audit.Record(tx, e)
}

// endOthers signs out every other browser, when the person wants it, and makes
// the browsers of the account unknown: one of them may be why the password changed.
func (j *Journey) endOthers(tx *db.Tx, f flow.Flow, c chosen) error {
	if !c.endOthers {
		return nil
	}
	own, err := j.Sessions.FindLive(tx, c.visitor.Session)
	if err != nil {
		return err
	}
	n, err := j.Sessions.EndAll(tx, c.account, own.ID, session.Revoked)
	if err != nil {
		return err
	}
	if err := j.Grants.EndOthers(tx, c.account, own.ID); err != nil {
		return err
	}
	if err := j.Sessions.ForgetDevices(tx, c.account); err != nil {
		return err
	}
	e := f.Event(audit.SessionEnded, c.visitor, c.account, "")
	e.Reason, e.Data = "password reset", map[string]string{"sessions": strconv.FormatInt(n, 10)}
	return j.Audit.Record(tx, e)
}
