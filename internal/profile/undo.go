package profile

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
	"parvis/internal/session"
)

// UndoStatus says what a link that takes a change back can do.
type UndoStatus string

// The statuses.
const (
	UndoNone  UndoStatus = "none"  // there is no such link
	UndoOpen  UndoStatus = "open"  // it can take the change back
	UndoDone  UndoStatus = "done"  // it has done so, or a link of another address has
	UndoOver  UndoStatus = "over"  // its time is over
	UndoTaken UndoStatus = "taken" // another account has the address by now
)

// Undo is what the page of such a link shows.
type Undo struct {
	Status  UndoStatus
	What    account.Change
	Address account.Addr // whose mail the link came in; zero unless it is open
	MadeAt  time.Time
	EndsAt  time.Time
}

// OpenUndo looks at a link that takes a change to an address back. It changes nothing and
// wants no session: whoever has it reads the address. Fault Throttled.
func (j *Journey) OpenUndo(ctx context.Context, v flow.Visitor, token string) (Undo, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Undo{}, err
	}
	var out Undo
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		c, found, err := j.Owners.Accounts.ChangeBy(tx, token)
		if err != nil {
			return err
		}
		out = undoOf(c, found, tx.Now())
		return nil
	})
	if err != nil {
		return Undo{}, fmt.Errorf("profile: open undo: %w", err)
	}
	return out, nil
}

func undoOf(c account.AddressChange, found bool, now time.Time) Undo {
	out := Undo{Status: UndoNone, What: c.What, MadeAt: c.MadeAt, EndsAt: c.EndsAt}
	switch {
	case !found:
	case c.Ended:
		out.Status = UndoDone
	case !c.Open(now):
		out.Status = UndoOver
	default:
		out.Status, out.Address = UndoOpen, c.Address
	}
	return out
}

// TakeBack takes a change to an address back, once: it is the main address again, younger
// addresses are removed, and so are sign-in partners and second steps that were linked or
// bound while it could have been somebody else, and the wish to delete the account; nobody is signed in any more, nothing that services were given
// counts, and the password is one that nobody knows: the owner chooses a new one, by mail
// to this address, and by a second step where the account has one. What was removed is told
// of recoveries for a while, and can stop them: it may be the owner's, and whoever takes
// back a stranger who reads an address that was given up. Fault Throttled.
func (j *Journey) TakeBack(ctx context.Context, v flow.Visitor, token string) (Undo, error) {
	looked, err := j.OpenUndo(ctx, v, token)
	if err != nil || looked.Status != UndoOpen {
		return looked, err
	}
	// A password that nobody knows, and not none: what proofs to choose a new one were
	// given before is older than it, and counts no longer (recovery).
	verifier, err := j.Hasher.Hash(ctx, secret.NewToken())
	if err != nil {
		return Undo{}, fmt.Errorf("profile: undo: %w", err)
	}
	bound, row := authenticator.NewID(), id.New[id.Address]()
	var out Undo
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		c, found, err := j.Owners.Accounts.ChangeBy(tx, token)
		if err != nil {
			return err
		}
		if out = undoOf(c, found, tx.Now()); out.Status != UndoOpen {
			return nil
		}
		a, found, err := j.Owners.Accounts.ByID(tx, c.Account)
		if err != nil {
			return err
		}
		if found && a.Status == account.Closing { // by whoever changed the address, perhaps
			if a, err = j.keep(tx, v, a); err != nil {
				return err
			}
		}
		if !found || a.Status != account.Active {
			out.Status = UndoOver
			return nil
		}
		removed, taken, done, err := j.Owners.Accounts.TakeBack(tx, c, row, j.Forget)
		if err != nil {
			return err
		}
		if !done {
			if out.Status = UndoOver; taken {
				out.Status = UndoTaken
			}
			return nil
		}
		if err := j.Passwords.Set(tx, a.ID, bound, verifier); err != nil {
			return err
		}
		return j.secure(tx, v, a, c, removed)
	})
	if err != nil {
		return Undo{}, fmt.Errorf("profile: undo: %w", err)
	}
	return out, nil
}

// keep takes back that an account is to be deleted; the account as it is afterwards.
func (j *Journey) keep(tx *db.Tx, v flow.Visitor, a account.Account) (account.Account, error) {
	var closures account.Closures
	c, found, err := closures.Pending(tx, a.ID)
	if err != nil || !found {
		return a, err
	}
	kept, err := closures.Keep(tx, c)
	if err != nil || !kept {
		return a, err
	}
	a.Status = account.Active
	return a, j.Owners.Audit.Record(tx, audit.Event{
		Name: audit.AccountKept, Account: a.ID, Outcome: audit.Success, Reason: "address restored", Personal: v.Personal(""),
	})
}

// unbind removes the second steps that were bound while it could have been somebody else,
// and ends a recovery: the owner is left with what was theirs before.
func (j *Journey) unbind(tx *db.Tx, v flow.Visitor, a account.Account, suspect time.Time) error {
	if err := j.Lost.Drop(tx, a.ID); err != nil {
		return err
	}
	list, err := authenticator.List(tx, a.ID)
	if err != nil {
		return err
	}
	numbers, err := j.Phones.Every(tx, a.ID)
	if err != nil {
		return err
	}
	for _, m := range authenticator.Of(list, authenticator.TOTP, authenticator.Phone, authenticator.Passkey, authenticator.BackupCode) {
		if !m.BoundAt.After(suspect) || !m.BoundAt.After(a.ActivatedAt) {
			continue
		}
		for _, p := range numbers {
			if p.ID != m.ID {
				continue
			}
			if err := j.Owners.Accounts.WitnessNumber(tx, a.ID, string(m.ID), p.Number.E164()); err != nil {
				return err
			}
		}
		if err := j.Unbind(tx, m); err != nil {
			return err
		}
		err := j.Owners.Audit.Record(tx, audit.Event{
			Name: audit.MethodRemoved, Account: a.ID, Outcome: audit.Success, Reason: "address restored", Personal: v.Personal(""),
			Data: map[string]string{"method": string(m.ID), "type": string(m.Type)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// secure ends whatever somebody else may have opened or prepared, records that, and tells
// everybody whom it concerns.
func (j *Journey) secure(tx *db.Tx, v flow.Visitor, a account.Account, c account.AddressChange, removed []account.Email) error {
	e := audit.Event{Name: audit.AddressRestored, Account: a.ID, Outcome: audit.Success, Personal: v.Personal(c.Address.Written), Data: removedCount(removed)}
	if err := j.Owners.Audit.Record(tx, e); err != nil {
		return err
	}
	if err := j.endAll(tx, v, a.ID); err != nil {
		return err
	}
	if _, err := j.Proofs.Withdraw(tx, a.ID, ""); err != nil {
		return err
	}
	links, err := j.Links.List(tx, a.ID)
	if err != nil {
		return err
	}
	suspect := c.MadeAt.Add(-j.Owners.Accounts.Settings.AddressUndo)
	for _, l := range links {
		if !l.Since.After(suspect) || !l.Since.After(a.ActivatedAt) {
			continue
		}
		if _, err := j.Links.By(e).Unlink(tx, a.ID, l.ID); err != nil {
			return err
		}
	}
	if err := j.unbind(tx, v, a, suspect); err != nil {
		return err
	}
	asked := notice.AskedBy(v.UserAgent, tx.Now())
	for _, gone := range removed {
		if err := j.Owners.Accounts.Witness(tx, gone); err != nil {
			return err
		}
		if err := j.Owners.Outbox.Queue(tx, mailTo(a, gone.Address, notice.AddressesRestored{Removed: true, Told: account.WitnessFor, Asked: asked})); err != nil {
			return err
		}
	}
	all, err := j.Owners.Accounts.Addresses(tx, a.ID)
	if err != nil {
		return err
	}
	for _, one := range all {
		data := notice.AddressesRestored{Main: c.Address.Masked(), Asked: asked}
		if one.Main {
			data.Main = ""
		}
		if err := j.Owners.Outbox.Queue(tx, mailTo(a, one.Address, data)); err != nil {
			return err
		}
	}
	return nil
}

// endAll signs an account out everywhere, makes its browsers unknown and ends what
// services were given.
func (j *Journey) endAll(tx *db.Tx, v flow.Visitor, a id.Account) error {
	n, err := j.Owners.Sessions.EndAll(tx, a, "", session.Revoked)
	if err != nil {
		return err
	}
	if err := j.Owners.Sessions.ForgetDevices(tx, a); err != nil {
		return err
	}
	if err := j.Grants.EndAccount(tx, a); err != nil {
		return err
	}
	return j.Owners.Audit.Record(tx, audit.Event{
		Name: audit.SessionEnded, Account: a, Outcome: audit.Success, Reason: "address restored", Personal: v.Personal(""),
		Data: map[string]string{"sessions": strconv.FormatInt(n, 10)},
	})
}
