package demo

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify"
)

// knownPassword is the password of every seeded person.
const knownPassword = "copper kettle on the stove"

// states of seeded people, as the ready file names them
const (
	stateActive    = "active"
	statePending   = "pending"
	stateLocked    = "locked"
	stateConnected = "connected"
)

// cast are the people of the demonstration, one for each state.
func cast() []Person {
	return []Person{
		{Email: "sam.rivers@northland.example", Password: knownPassword, State: stateActive},
		{Email: "rose.lake@northland.example", Password: knownPassword, State: stateConnected},
		{Email: "noor.forest@northland.example", Password: knownPassword, State: statePending},
		{Email: "luc.mountain@northland.example", Password: knownPassword, State: stateLocked},
	}
}

// casting is one person on the way into the database.
type casting struct {
	Person
	draft    account.Draft
	verifier string
	bound    authenticator.ID
	proof    account.ProofDraft
}

// prepare makes everything slow or secret before the transactions.
func (d *demonstration) prepare(ctx context.Context) ([]casting, error) {
	verifier, err := d.house.Hasher.Hash(ctx, knownPassword)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	d.people = cast()
	all := make([]casting, len(d.people))
	for i, p := range d.people {
		addr, err := account.ParseAddress(p.Email)
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		locale := "en"
		if p.State == stateLocked {
			locale = "fr"
		}
		all[i] = casting{
			Person: p, draft: account.NewDraft(addr, locale), verifier: verifier, bound: authenticator.NewID(),
			proof: d.house.Proofs.Draft(account.ProveActivate, addr),
		}
	}
	return all, nil
}

// seed puts the people into the database, those that are not there yet.
func (d *demonstration) seed(ctx context.Context, all []casting) error {
	fresh := map[string]bool{}
	err := d.house.DB.Write(ctx, func(tx *db.Tx) error {
		clear(fresh)
		for _, one := range all {
			created, err := d.person(tx, one)
			if err != nil {
				return fmt.Errorf("demo: %s person: %w", one.State, err)
			}
			fresh[one.Email] = created
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.State != stateLocked || !fresh[one.Email] {
			continue
		}
		if err := d.lock(ctx, one.draft.Address); err != nil {
			return err
		}
	}
	return nil
}

// person makes one account in its state; false when it is there already.
func (d *demonstration) person(tx *db.Tx, one casting) (bool, error) {
	h := d.house
	a, created, err := h.Accounts.CreatePending(tx, one.draft)
	if err != nil || !created {
		return false, err
	}
	if err := h.Audit.Record(tx, audit.Event{Name: audit.AccountCreated, Account: a.ID, Outcome: audit.Success, Reason: "demo"}); err != nil {
		return false, err
	}
	if one.State == statePending {
		return true, d.invite(tx, one, a.ID)
	}
	if _, err := h.Accounts.MarkProven(tx, a.ID, one.draft.Address); err != nil {
		return false, err
	}
	if err := h.Passwords.Set(tx, a.ID, one.bound, one.verifier); err != nil {
		return false, err
	}
	if _, err := h.Accounts.Activate(tx, a.ID); err != nil {
		return false, err
	}
	if one.State == stateConnected {
		return true, d.connect(tx, a.ID)
	}
	return true, nil
}

// invite sends the activation mail, as the page "create an account" does.
func (d *demonstration) invite(tx *db.Tx, one casting, a id.Account) error {
	proof := one.proof
	proof.Account = a
	issued, err := d.house.Proofs.Issue(tx, proof)
	if err != nil {
		return err
	}
	return d.house.Outbox.Queue(tx, notify.Message{
		To: one.Email, Locale: one.draft.Locale, Account: a,
		Data: notify.Activate{
			Proof: notify.Proof{Token: proof.Token, Code: proof.Code, Valid: issued.ExpiresAt.Sub(issued.CreatedAt)},
			Asked: notify.Asked{At: tx.Now()},
		},
	})
}

// connect agrees to share with both services.
func (d *demonstration) connect(tx *db.Tx, a id.Account) error {
	for _, s := range d.services {
		rp := id.RelyingParty(s.ClientID)
		asked := connection.Asked{Account: a, RelyingParty: rp, Claims: s.Claims}
		if err := d.house.Connections.Give(tx, asked); err != nil {
			return err
		}
		if err := d.house.Connections.Used(tx, a, rp); err != nil {
			return err
		}
	}
	return nil
}

// lock counts wrong passwords until the address is locked.
func (d *demonstration) lock(ctx context.Context, addr account.Addr) error {
	key := d.house.Attempts.Key(addr, nil)
	for range d.house.Config.Account.MaxFailures {
		err := d.house.DB.WriteStatement(ctx, func(tx *db.Tx) error {
			_, err := d.house.Attempts.Count(tx, key)
			return err
		})
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	err := d.house.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := d.house.Attempts.Failed(tx, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// delivered waits until the seeds' mails are in the mailbox, so that a script
// that reads the ready file finds them there.
func (d *demonstration) delivered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := d.house.Worker.RunDue(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}
