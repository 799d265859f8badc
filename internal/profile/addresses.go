package profile

import (
	"context"
	"fmt"
	"strconv"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// AddressesView is what the page of an account's addresses shows.
type AddressesView struct {
	Emails  []account.Email // the main one first
	Waiting []account.Proof // those that are to be confirmed
	Most    int             // how many an account can have
	Room    bool            // another one can be added
	App     bool            // the account has an authenticator app, which may show an older address
}

// Addresses reads the addresses of an account. Fault Denied when nobody is signed in.
func (j *Journey) Addresses(ctx context.Context, v flow.Visitor) (AddressesView, error) {
	var out AddressesView
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = AddressesView{Most: j.Owners.Accounts.Settings.Addresses}
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		if out.Emails, err = j.Owners.Accounts.Addresses(tx, who.ID); err != nil {
			return err
		}
		if out.Waiting, err = j.Proofs.Waiting(tx, who.ID); err != nil {
			return err
		}
		methods, err := authenticator.List(tx, who.ID)
		out.App = len(authenticator.Of(methods, authenticator.TOTP)) > 0
		out.Room = len(out.Emails) < out.Most
		return err
	})
	if err != nil {
		return AddressesView{}, fmt.Errorf("profile: addresses: %w", err)
	}
	return out, nil
}

// AddAddress mails to an address that is to be added to an account. The answer and the
// work are the same whoever has the address: one proof, one mail, two events. When
// another account has it, its owner is told so, and the proof can be given by nobody.
// Faults: Invalid on "email", Throttled, Denied as for every change.
func (j *Journey) AddAddress(ctx context.Context, v flow.Visitor, typed string) (id.Proof, error) {
	addr, err := account.ParseAddress(typed)
	if err != nil {
		return "", err
	}
	var who owner.Owner
	err = j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		who, err = j.addable(tx, v, addr)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("profile: add address: %w", err)
	}
	for _, l := range []struct {
		rule ratelimit.Rule
		key  string
	}{
		{ratelimit.SendIP, v.IP}, {ratelimit.AddAccount, string(who.ID)}, {ratelimit.MailAddress, addr.Mailbox()},
	} {
		if err := j.Limiter.Allow(ctx, l.rule, l.key); err != nil {
			return "", err
		}
	}
	draft := j.Proofs.Draft(account.ProveAdd, addr)
	draft.Lasts = j.Proofs.Settings.AddressProofLifetime
	undo := secret.NewToken()
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.addable(tx, v, addr)
		if err != nil {
			return err
		}
		d := draft
		d.Account = who.ID
		return j.ask(tx, v, who, d, undo)
	})
	if err != nil {
		return "", fmt.Errorf("profile: add address: %w", err)
	}
	return draft.ID, nil
}

// addable is who may add an address now: one that they have not, with room for it.
func (j *Journey) addable(tx *db.Tx, v flow.Visitor, addr account.Addr) (owner.Owner, error) {
	who, err := j.Owners.Fresh(tx, v)
	if err != nil {
		return who, err
	}
	all, err := j.Owners.Accounts.Addresses(tx, who.ID)
	if err != nil {
		return who, err
	}
	for _, e := range all {
		if e.Address.Key == addr.Key {
			return who, fault.On("email", fault.Invalid, "error.address.own")
		}
	}
	if most := j.Owners.Accounts.Settings.Addresses; len(all) >= most {
		return who, fault.On("email", fault.Invalid, "error.address.too-many", "count", most)
	}
	return who, nil
}

// ask issues the proof and queues the one mail that fits the address. One that another
// account had, and can still take back with undo, is nobody else's until then.
func (j *Journey) ask(tx *db.Tx, v flow.Visitor, who owner.Owner, d account.ProofDraft, undo string) error {
	if _, err := j.Proofs.Issue(tx, d); err != nil {
		return err
	}
	holder, _, err := j.Owners.Accounts.ByAddress(tx, d.Address)
	if err != nil {
		return err
	}
	kept, err := j.Owners.Accounts.Remind(tx, d.Address, who.ID, undo)
	if err != nil {
		return err
	}
	own, _, err := j.Owners.Accounts.Typed(tx, holder.ID, d.Address)
	if err != nil {
		return err
	}
	main, err := j.Owners.Accounts.Mailbox(tx, who.ID)
	if err != nil {
		return err
	}
	if err := j.Owners.Audit.Record(tx, owner.Event(audit.AddressAsked, v, who)); err != nil {
		return err
	}
	asked := notice.AskedBy(v.UserAgent, tx.Now())
	if holder.Held() {
		e := audit.Event{Name: audit.AddressWanted, Account: holder.ID, Outcome: audit.Success}
		if err := j.Owners.Audit.Record(tx, e); err != nil {
			return err
		}
		return j.send(tx, owner.Owner{ID: holder.ID, Locale: holder.Locale}, own.Address, notice.AddressInUse{Asked: notice.Asked{At: tx.Now()}})
	}
	if kept.Kept() {
		e := audit.Event{Name: audit.AddressWanted, Account: kept.Account, Outcome: audit.Success, Reason: "removed lately"}
		if err := j.Owners.Audit.Record(tx, e); err != nil {
			return err
		}
		data := notice.AddressKept{Undo: notice.Undo{Token: undo, Valid: kept.EndsAt.Sub(tx.Now())}, Asked: notice.Asked{At: tx.Now()}}
		return j.send(tx, owner.Owner{ID: kept.Account, Locale: kept.Locale}, kept.Address, data)
	}
	e := owner.Event(audit.AddressProofSent, v, who)
	e.Data = map[string]string{"purpose": string(d.Purpose)}
	if err := j.Owners.Audit.Record(tx, e); err != nil {
		return err
	}
	return j.send(tx, who, d.Address, notice.ConfirmAddress{
		Owner: main.Masked(), Asked: asked, Proof: notice.Proof{Token: d.Token, Code: d.Code, Valid: d.Lasts},
	})
}

// Waiting is one address that is to be confirmed. Fault NotFound for one that is not,
// or that somebody else wants to add; Denied when nobody is signed in.
func (j *Journey) Waiting(ctx context.Context, v flow.Visitor, proof id.Proof) (account.Proof, error) {
	var out account.Proof
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		out, err = j.waiting(tx, who, proof)
		return err
	})
	if err != nil {
		return account.Proof{}, fmt.Errorf("profile: waiting address: %w", err)
	}
	return out, nil
}

func (j *Journey) waiting(tx *db.Tx, who owner.Owner, proof id.Proof) (account.Proof, error) {
	p, err := j.Proofs.ByID(tx, proof)
	if err != nil {
		return p, err
	}
	if p.Purpose != account.ProveAdd || p.Account != who.ID || p.Address.Key == "" {
		return account.Proof{}, fault.New(fault.NotFound, "error.404")
	}
	return p, nil
}

// Resend mails to an address that waits once more; the older code and link end.
func (j *Journey) Resend(ctx context.Context, v flow.Visitor, proof id.Proof) (id.Proof, error) {
	p, err := j.Waiting(ctx, v, proof)
	if err != nil {
		return "", err
	}
	return j.AddAddress(ctx, v, p.Address.Written)
}

// Withdraw gives up an address that waits. Doing it twice is doing it once.
func (j *Journey) Withdraw(ctx context.Context, v flow.Visitor, proof id.Proof) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil || proof == "" {
			return err
		}
		_, err = j.Proofs.Withdraw(tx, who.ID, proof)
		return err
	})
	if err != nil {
		return fmt.Errorf("profile: withdraw address: %w", err)
	}
	return nil
}

// MakeMain makes an address the main one. The older one is told, with a link that takes
// that back, and so are the others. Faults: NotFound for an address that the account does
// not have, Denied as for every change, Throttled. Doing it twice is doing it once.
func (j *Journey) MakeMain(ctx context.Context, v flow.Visitor, row id.Address) error {
	draft := account.NewChange()
	var limit ratelimit.Decision
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		limit = ratelimit.Decision{Allowed: true}
		who, was, next, err := j.own(tx, v, row)
		if err != nil || next.Main {
			return err
		}
		limit, err = j.Limiter.TakeIn(tx, ratelimit.MainAccount, string(who.ID))
		if err != nil || !limit.Allowed {
			return err
		}
		made, err := j.Owners.Accounts.MakeMain(tx, who.ID, row)
		if err != nil || !made {
			return err
		}
		if err := j.Owners.Audit.Record(tx, owner.Event(audit.AddressMain, v, who)); err != nil {
			return err
		}
		undo, err := j.note(tx, draft, account.Demoted, was)
		if err != nil {
			return err
		}
		return j.tellEach(tx, who, func(e account.Email) notice.Data {
			data := notice.MainAddress{Main: next.Address.Masked(), Asked: notice.AskedBy(v.UserAgent, tx.Now())}
			switch e.ID {
			case row:
				data.Main = ""
			case was.ID:
				data.Undo = undo
			}
			return data
		})
	})
	if err != nil {
		return fmt.Errorf("profile: main address: %w", err)
	}
	return limit.Fault()
}

// own is who may change their account now, its main address and one of its addresses.
func (j *Journey) own(tx *db.Tx, v flow.Visitor, row id.Address) (who owner.Owner, main, one account.Email, err error) {
	if who, err = j.Owners.Fresh(tx, v); err != nil {
		return who, main, one, err
	}
	if main, _, err = j.Owners.Accounts.Main(tx, who.ID); err != nil {
		return who, main, one, err
	}
	one, found, err := j.Owners.Accounts.AddressOf(tx, who.ID, row)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "error.404")
	}
	return who, main, one, err
}

// note keeps how a change to an address is taken back, and gives the link for its mail;
// none for an address that may not.
func (j *Journey) note(tx *db.Tx, d account.ChangeDraft, what account.Change, e account.Email) (notice.Undo, error) {
	may, err := j.Owners.Accounts.TakesBack(tx, e)
	if err != nil || !may {
		return notice.Undo{}, err
	}
	if err := j.Owners.Accounts.Note(tx, d, what, e); err != nil {
		return notice.Undo{}, err
	}
	return notice.Undo{Token: d.Token, Valid: j.Owners.Accounts.Settings.AddressUndo}, nil
}

// tellEach mails each address of an account what fits it.
func (j *Journey) tellEach(tx *db.Tx, who owner.Owner, data func(account.Email) notice.Data) error {
	all, err := j.Owners.Accounts.Addresses(tx, who.ID)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := j.send(tx, who, e.Address, data(e)); err != nil {
			return err
		}
	}
	return nil
}

// RemoveAddress removes an address that is not the main one, and frees it. It is told,
// with a link that takes that back, and so are the others. Faults: NotFound for an address
// that the account does not have, Conflict for the main one, Denied as for every change.
func (j *Journey) RemoveAddress(ctx context.Context, v flow.Visitor, row id.Address) error {
	draft := account.NewChange()
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, _, gone, err := j.own(tx, v, row)
		if err != nil {
			return err
		}
		if gone.Main {
			return fault.New(fault.Conflict, "error.address.main")
		}
		undo, err := j.note(tx, draft, account.Removed, gone)
		if err != nil {
			return err
		}
		if _, err := j.Owners.Accounts.TakeAway(tx, gone); err != nil {
			return err
		}
		if err := j.Owners.Audit.Record(tx, owner.Event(audit.AddressRemoved, v, who)); err != nil {
			return err
		}
		asked := notice.AskedBy(v.UserAgent, tx.Now())
		if err := j.send(tx, who, gone.Address, notice.AddressRemoved{Undo: undo, Asked: asked}); err != nil {
			return err
		}
		return j.tellAll(tx, who, notice.AddressRemoved{Address: gone.Address.Masked(), Asked: asked})
	})
	if err != nil {
		return fmt.Errorf("profile: remove address: %w", err)
	}
	return nil
}

// removedCount is how many addresses an event tells of.
func removedCount(removed []account.Email) map[string]string {
	return map[string]string{"removed": strconv.Itoa(len(removed))}
}

// mailTo is a mail about an account to one address.
func mailTo(a account.Account, to account.Addr, data notice.Data) notify.Message {
	return notify.Message{To: to.Written, Locale: a.Locale, Account: a.ID, Data: data}
}
