package demo

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/demo/bank"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
)

// knownPassword is the password of every seeded person.
const knownPassword = "copper kettle on the stove"

// states of seeded people, as the ready file names them
const (
	stateActive    = "active"
	statePending   = "pending"
	stateLocked    = "locked"
	stateConnected = "connected"
	stateSecond    = "second"  // another account of who is connected
	stateCrowded   = "crowded" // with as much as an account can hold, in French
)

// The second steps of seeded people, as the ready file names them.
const (
	methodByEmail   = "email"
	methodByApp     = "app"
	methodByText    = "text"
	methodByVoice   = "voice"
	methodByBackup  = "backup"
	methodBySeveral = "several"
	methodByPartner = "partner" // a code by e-mail, and the bank in place of the password
)

// knownSecret is the key of every seeded authenticator app; as public as the password.
const knownSecret = "NORTHLANDDEMOSEEDFORAUTHENTICATO"

// knownCodes are the backup codes of seeded people; as public as the password.
func knownCodes() []string { return []string{"N0RTH0000001", "N0RTH0000002", "N0RTH0000003"} }

// cast are the people of the demonstration, one for each state and each second step.
func cast() []Person {
	var codes []string
	for _, code := range knownCodes() {
		codes = append(codes, backupcode.Grouped(code))
	}
	return []Person{
		{Email: "sam.rivers@northland.example", State: stateActive, Method: methodByEmail},
		{Email: "rose.lake@northland.example", State: stateConnected, Method: methodByEmail},
		{Email: "noor.forest@northland.example", State: statePending, Method: methodByEmail},
		{Email: "luc.mountain@northland.example", State: stateLocked, Method: methodByEmail},
		{Email: "ada.bridge@northland.example", State: stateActive, Method: methodByApp, Secret: knownSecret},
		{Email: "tom.harbour@northland.example", State: stateActive, Method: methodByText, Number: "+14165550134"},
		{Email: "vera.hill@northland.example", State: stateActive, Method: methodByVoice, Number: "+16135550145"},
		{Email: "ben.field@northland.example", State: stateActive, Method: methodByBackup, Codes: codes},
		{Email: "ines.meadow@northland.example", State: stateActive, Method: methodBySeveral, Secret: knownSecret, Number: "+15145550156", Codes: codes},
		{Email: "lee.shore@northland.example", State: stateActive, Method: methodByPartner, Customer: bank.Customers()[0].ID},
		{Email: "r.lake@home.example", State: stateSecond, Method: methodByEmail},
	}
}

// casting is one person on the way into the database.
type casting struct {
	Person
	draft    account.Draft
	verifier string
	bound    authenticator.ID
	proof    account.ProofDraft
	app      *totp.Draft       // nil for none
	phone    *phone.Draft      // nil for none
	codes    *backupcode.Draft // nil for none
	link     upstream.LinkID   // for who is a customer of the bank
}

// prepare makes everything slow or secret before the transactions.
func (d *demonstration) prepare(ctx context.Context) ([]casting, error) {
	verifier, err := d.house.Hasher.Hash(ctx, knownPassword)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	d.people = cast()
	if d.Crowded {
		d.people = append(d.people, crowdedPerson())
	}
	codes, err := d.house.BackupCodes.Draft(ctx, knownCodes())
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	for i := range d.people {
		d.people[i].Password = knownPassword
	}
	all := make([]casting, len(d.people))
	for i, p := range d.people {
		addr, err := account.ParseAddress(p.Email)
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		locale := "en"
		if p.State == stateLocked || p.State == stateCrowded {
			locale = "fr"
		}
		all[i] = casting{
			Person: p, draft: account.NewDraft(addr, locale), verifier: verifier, bound: authenticator.NewID(),
			proof: d.house.Proofs.Draft(account.ProveActivate, addr), link: upstream.NewLinkID(),
		}
		if err := d.equip(&all[i], codes); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// equip prepares the second steps of one person.
func (d *demonstration) equip(one *casting, codes backupcode.Draft) error {
	if one.Secret != "" {
		seed, err := totp.ParseSeed(one.Secret)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		one.app = &totp.Draft{ID: authenticator.NewID(), Seed: seed}
	}
	if one.Number != "" {
		number, err := d.house.Phones.Settings.Parse(one.Number, "")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		by := authenticator.ByText
		if one.Method == methodByVoice {
			by = authenticator.ByVoice
		}
		one.phone = new(phone.Prepare(number, by))
	}
	if len(one.Codes) > 0 {
		codes.ID = authenticator.NewID()
		one.codes = &codes
	}
	return nil
}

// furnish gives one person their second steps and their link to the bank.
func (d *demonstration) furnish(tx *db.Tx, one casting, a id.Account) error {
	tr := d.words.bundle.Tr(i18n.Lang(one.draft.Locale))
	if one.app != nil {
		if err := d.house.Apps.Bind(tx, a, *one.app, tr.T("demo.method.app"), 0); err != nil {
			return err
		}
	}
	if one.phone != nil {
		if err := d.house.Phones.Bind(tx, a, *one.phone, tr.T("demo.method.phone")); err != nil {
			return err
		}
	}
	if one.codes != nil {
		if err := d.house.BackupCodes.Store(tx, a, *one.codes); err != nil {
			return err
		}
	}
	return d.link(tx, one, a)
}

// seed puts the people into the database, those that are not there yet.
func (d *demonstration) seed(ctx context.Context, all []casting) error {
	for _, s := range d.services {
		party, err := d.house.Registry.Get(ctx, id.RelyingParty(s.ClientID))
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		s.Sector = party.Sector
	}
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
	if err != nil {
		return false, err
	}
	if !created {
		return false, d.relink(tx, one, a.ID)
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
	if err := d.furnish(tx, one, a.ID); err != nil {
		return false, err
	}
	switch one.State {
	case stateConnected:
		return true, d.connect(tx, a.ID, d.services)
	case stateSecond:
		return true, d.connect(tx, a.ID, d.services[:1])
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
		Data: notice.Activate{
			Proof: notice.Proof{Token: proof.Token, Code: proof.Code, Valid: issued.ExpiresAt.Sub(issued.CreatedAt)},
			Asked: notice.Asked{At: tx.Now()},
		},
	})
}

// connect agrees to share with services, as at a first visit: each knows the account
// by an identifier from then on.
func (d *demonstration) connect(tx *db.Tx, a id.Account, services []*service) error {
	for _, s := range services {
		rp := id.RelyingParty(s.ClientID)
		asked := connection.Asked{Account: a, RelyingParty: rp, Claims: s.Claims}
		if err := d.house.Connections.Give(tx, asked); err != nil {
			return err
		}
		if err := d.house.Connections.Used(tx, a, rp); err != nil {
			return err
		}
		if _, err := d.house.Connections.Subject(tx, s.Sector, a); err != nil {
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
