package reclaim

import (
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/session"
)

// finish sets every method aside, ends every session but one, and tells the owner
// everywhere. False when the request does not allow it (any more).
func (j *Journey) finish(tx *db.Tx, v flow.Visitor, r lost.Request, d lost.Draft, except id.Session) (bool, error) {
	until := tx.Now().Add(j.Table.CoolingOff())
	ok, err := j.Requests.Finish(tx, r.ID, until)
	if err != nil || !ok {
		return false, err
	}
	aside, err := authenticator.SetAside(tx, r.Account, until)
	if err != nil {
		return false, err
	}
	for _, a := range aside {
		if err := j.Codes.EndMethod(tx, r.Account, a.ID); err != nil {
			return false, err
		}
	}
	if err := j.signOut(tx, v, r.Account, except, "recovery"); err != nil {
		return false, err
	}
	if err := j.Grants.EndOthers(tx, r.Account, except); err != nil {
		return false, err
	}
	if err := j.note(tx, audit.RecoveryDone, v, r, map[string]string{"methods": strconv.Itoa(len(aside))}); err != nil {
		return false, err
	}
	return true, j.tell(tx, v, r, d, notice.LostDone, until)
}

// undo brings everything back: what was bound in place of the lost methods is removed,
// every session ends, and what services were given since. False when it is too late.
func (j *Journey) undo(tx *db.Tx, v flow.Visitor, r lost.Request, by lost.Channel) (bool, error) {
	ok, err := j.Requests.Undo(tx, r.ID)
	if err != nil || !ok {
		return false, err
	}
	list, err := authenticator.List(tx, r.Account)
	if err != nil {
		return false, err
	}
	for _, a := range authenticator.Reclaimed(list, tx.Now()) {
		if err := j.Unbind(tx, a); err != nil {
			return false, err
		}
		err := j.Audit.Record(tx, audit.Event{
			Name: audit.MethodRemoved, Account: r.Account, Outcome: audit.Success, Reason: "recovery undone",
			Personal: v.Personal(""), Data: map[string]string{"method": string(a.ID), "type": string(a.Type)},
		})
		if err != nil {
			return false, err
		}
	}
	if err := authenticator.BringBack(tx, r.Account); err != nil {
		return false, err
	}
	if err := j.signOut(tx, v, r.Account, "", "recovery undone"); err != nil {
		return false, err
	}
	if err := j.Grants.EndAccount(tx, r.Account); err != nil {
		return false, err
	}
	if err := j.note(tx, audit.RecoveryUndone, v, r, map[string]string{"channel": string(by)}); err != nil {
		return false, err
	}
	return true, j.tell(tx, v, r, lost.Draft{}, notice.LostUndone, time.Time{})
}

// stop ends a recovery before anything was set aside, and every session: whoever began it
// knows the password, or chose one.
func (j *Journey) stop(tx *db.Tx, v flow.Visitor, r lost.Request, by lost.Channel) (bool, error) {
	ok, err := j.Requests.Stop(tx, r.ID, lost.Stopped)
	if err != nil || !ok {
		return false, err
	}
	if err := j.signOut(tx, v, r.Account, "", "recovery stopped"); err != nil {
		return false, err
	}
	if err := j.Grants.EndAccount(tx, r.Account); err != nil {
		return false, err
	}
	e := map[string]string{"channel": string(by)}
	if err := j.note(tx, audit.RecoveryStopped, v, r, e); err != nil {
		return false, err
	}
	return true, j.tell(tx, v, r, lost.Draft{}, notice.LostStopped, time.Time{})
}

// Found ends a recovery that waits, because a method that counts in full was proven, in
// the transaction of the proof: nothing is lost, or the one who asked was somebody else.
func (j *Journey) Found(tx *db.Tx, v flow.Visitor, owner id.Account) error {
	r, found, err := j.Requests.Open(tx, owner)
	if err != nil || !found || !r.DoneAt.IsZero() {
		return err
	}
	ok, err := j.Requests.Stop(tx, r.ID, lost.Found)
	if err != nil || !ok {
		return err
	}
	if err := j.note(tx, audit.RecoveryStopped, v, r, map[string]string{"channel": "method"}); err != nil {
		return err
	}
	return j.tell(tx, v, r, lost.Draft{}, notice.LostFound, time.Time{})
}

// Unbind deletes an authenticator with its secret, and ends the codes sent to it.
func (j *Journey) Unbind(tx *db.Tx, a authenticator.Authenticator) error {
	var err error
	switch a.Type {
	case authenticator.TOTP:
		_, err = j.Apps.Remove(tx, a.Account, a.ID)
	case authenticator.Phone:
		_, err = j.Phones.Remove(tx, a.Account, a.ID)
	case authenticator.BackupCode:
		_, err = j.BackupCodes.Remove(tx, a.Account)
	default:
		_, err = authenticator.Remove(tx, a.Account, a.ID)
	}
	if err != nil {
		return err
	}
	return j.Codes.EndMethod(tx, a.Account, a.ID)
}

// signOut ends the sessions of an account, except one, and forgets the browsers in which
// the second step is not asked.
func (j *Journey) signOut(tx *db.Tx, v flow.Visitor, owner id.Account, except id.Session, why string) error {
	browsers, err := j.Sessions.ForgetAll(tx, owner)
	if err != nil {
		return err
	}
	sessions, err := j.Sessions.EndAll(tx, owner, except, session.Revoked)
	if err != nil {
		return err
	}
	for _, e := range []struct {
		name audit.Name
		what string
		n    int64
	}{{audit.BrowserForgotten, "browsers", browsers}, {audit.SessionEnded, "sessions", sessions}} {
		if e.n == 0 {
			continue
		}
		err := j.Audit.Record(tx, audit.Event{
			Name: e.name, Account: owner, Outcome: audit.Success, Reason: why, Personal: v.Personal(""),
			Data: map[string]string{e.what: strconv.FormatInt(e.n, 10)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tell tells the owner everywhere how far a recovery is: every confirmed address, and every
// number by text. The links of the draft, when it has any, are stored with it.
func (j *Journey) tell(tx *db.Tx, v flow.Visitor, r lost.Request, d lost.Draft, stage notice.LostStage, until time.Time) error {
	to, err := j.recipients(tx, r.Account)
	if err != nil {
		return err
	}
	if d.Mailed != "" {
		if err := j.Requests.Link(tx, r, d.Mailed, lost.Stops, lost.ByEmail); err != nil {
			return err
		}
	}
	data := notice.Lost{Stage: stage, Token: d.Mailed, Until: until, Asked: notice.AskedBy(v.UserAgent, tx.Now())}
	if stage == notice.LostOpen {
		if err := j.Requests.Link(tx, r, d.Finish, lost.Finishes, lost.ByEmail); err != nil {
			return err
		}
		data.Finish = d.Finish
		to.numbers, to.addresses = nil, to.addresses[:min(1, len(to.addresses))] // the others were told twice
	}
	for _, a := range to.addresses {
		err := j.Outbox.Queue(tx, notify.Message{To: a.Written, Locale: to.locale, Account: r.Account, Data: data})
		if err != nil {
			return err
		}
	}
	if len(to.numbers) == 0 {
		return nil
	}
	if d.Texted != "" {
		if err := j.Requests.Link(tx, r, d.Texted, lost.Stops, lost.ByText); err != nil {
			return err
		}
	}
	data.Token = d.Texted
	for _, n := range to.numbers {
		err := j.Outbox.Queue(tx, notify.Message{Channel: notice.Text, To: n, Locale: to.locale, Account: r.Account, Data: data})
		if err != nil {
			return err
		}
	}
	return nil
}
