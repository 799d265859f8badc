package profile

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
	"parvis/internal/session"
)

// PasswordView is what the page of a new password shows.
type PasswordView struct {
	First  bool // the account has none yet
	Leaked bool // it is known from a leak
	Fresh  bool // it can be chosen now; else the person proves first who they are
}

// PasswordPage reads what the page shows. Fault Denied when nobody is signed in.
func (j *Journey) PasswordPage(ctx context.Context, v flow.Visitor) (PasswordView, error) {
	var out PasswordView
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		kept, has, err := j.Passwords.Get(tx, who.ID)
		if err != nil {
			return err
		}
		out.First, out.Leaked = !has, !kept.LeakedAt.IsZero()
		_, err = j.Owners.Fresh(tx, v)
		out.Fresh = err == nil
		if fault.Is(err, fault.Denied) {
			err = nil
		}
		return err
	})
	if err != nil {
		return PasswordView{}, fmt.Errorf("profile: password: %w", err)
	}
	return out, nil
}

// PasswordForm is a new password as it was typed.
type PasswordForm struct {
	Password  string
	EndOthers bool // sign out everywhere else, and ask for the second step again
}

// current is the account and its password before a change.
type current struct {
	who   owner.Owner
	kept  password.Stored
	has   bool
	words []string // of the addresses
}

// Password chooses a new password, or the first one. Faults: Invalid on "password" for
// each rule that it breaks (joined) and for the one in use, Throttled, Denied when nobody
// is signed in or the proofs are older than the deployment's window.
func (j *Journey) Password(ctx context.Context, v flow.Visitor, form PasswordForm) error {
	var was current
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		was, err = j.current(tx, v)
		return err
	})
	if err != nil {
		return fmt.Errorf("profile: password: %w", err)
	}
	verifier, err := j.judged(ctx, was, form.Password)
	if err != nil {
		return err
	}
	bound := authenticator.NewID()
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.Fresh(tx, v)
		if err != nil {
			return err
		}
		list, err := authenticator.List(tx, who.ID)
		if err != nil {
			return err
		}
		if err := j.Passwords.Set(tx, who.ID, bound, verifier); err != nil {
			return err
		}
		if authenticator.MailboxOnly(list, who.Session.Facts) { // they chose the older one with a mailed link
			if err := authenticator.SetByMailbox(tx, who.ID); err != nil {
				return err
			}
		}
		return j.changed(tx, v, who, form, !was.has)
	})
	if err != nil {
		return fmt.Errorf("profile: password: %w", err)
	}
	return nil
}

func (j *Journey) current(tx *db.Tx, v flow.Visitor) (current, error) {
	var out current
	var err error
	if out.who, err = j.Owners.Fresh(tx, v); err != nil {
		return out, err
	}
	if out.kept, out.has, err = j.Passwords.Get(tx, out.who.ID); err != nil {
		return out, err
	}
	all, err := j.Owners.Accounts.Addresses(tx, out.who.ID)
	for _, e := range all {
		out.words = append(out.words, e.Address.Words()...)
	}
	return out, err
}

// judged is the verifier of a password that every rule accepts. It runs outside of every
// transaction. The limit acts before anything is compared.
func (j *Journey) judged(ctx context.Context, was current, typed string) (string, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.PasswordAccount, string(was.who.ID)); err != nil {
		return "", err
	}
	if err := j.Policy.Refuse(typed, password.Context{Words: slices.Concat(j.Words, was.words)}); err != nil {
		return "", err
	}
	if was.has {
		same, err := j.Hasher.Verify(ctx, typed, was.kept.Verifier)
		if err != nil {
			return "", fmt.Errorf("profile: password: %w", err)
		}
		if same.OK {
			return "", fault.On("password", fault.Invalid, "error.password.same")
		}
	}
	verifier, err := j.Hasher.Hash(ctx, typed)
	if err != nil {
		return "", fmt.Errorf("profile: password: %w", err)
	}
	return verifier, nil
}

// changed ends what the older password may have opened, when the owner wants it, records
// the change and tells every address.
func (j *Journey) changed(tx *db.Tx, v flow.Visitor, who owner.Owner, form PasswordForm, first bool) error {
	name := audit.PasswordChanged
	if first {
		name = audit.PasswordSet
	}
	if err := j.Owners.Audit.Record(tx, owner.Event(name, v, who)); err != nil {
		return err
	}
	if err := j.Owners.Grants.PasswordChanged(tx, who.ID); err != nil {
		return err
	}
	if form.EndOthers {
		const why = "password changed"
		if _, err := j.Owners.EndOthers(tx, v, who, why, func(session.Session) bool { return true }); err != nil {
			return err
		}
		if err := j.Owners.ForgetBrowsers(tx, v, who, why); err != nil {
			return err
		}
		if err := j.Owners.Sessions.ForgetDevices(tx, who.ID); err != nil {
			return err
		}
	}
	partners, err := j.Links.Count(tx, who.ID)
	if err != nil {
		return err
	}
	return j.tellAll(tx, who, notice.PasswordChanged{
		First: first, SessionsEnded: form.EndOthers, Partners: partners, Asked: notice.AskedBy(v.UserAgent, tx.Now()),
	})
}
