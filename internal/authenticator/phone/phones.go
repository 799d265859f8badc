package phone

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// indexPurpose keeps the index of numbers apart from others.
const indexPurpose = "phone"

// Phones are the telephones in the database. All fields are needed.
type Phones struct {
	Keys     *secret.Keys
	Methods  authenticator.Authenticators
	Settings Settings
}

// Phone is one number that is bound to an account.
type Phone struct {
	ID      authenticator.ID
	Account id.Account
	Number  Number
	Prefers authenticator.Channel // ByText or ByVoice
	Stopped bool                  // its owner wants no texts: only calls
}

// LogValue shows what may be logged of a phone.
func (p Phone) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(p.ID)), slog.String("number", p.Number.Masked()))
}

// Can reports whether a code may be sent to the phone in a way.
func (p Phone) Can(by authenticator.Channel) bool {
	return p.Number.Can(by) && (by != authenticator.ByText || !p.Stopped)
}

// Sends is the way in which a code is sent when nobody asks for another: the one
// that its owner prefers, if it is possible.
func (p Phone) Sends() authenticator.Channel {
	if p.Can(p.Prefers) {
		return p.Prefers
	}
	return authenticator.ByVoice
}

// Draft is a number that is being set up. Make it before the transaction.
type Draft struct {
	ID      authenticator.ID
	Number  Number
	Prefers authenticator.Channel
}

// LogValue keeps the number out of the log.
func (d Draft) LogValue() slog.Value { return d.Number.LogValue() }

// Prepare makes the identifier of a number that is to be set up.
func Prepare(n Number, prefers authenticator.Channel) Draft {
	return Draft{ID: authenticator.NewID(), Number: n, Prefers: prefers}
}

func (d Draft) check() error {
	if !d.Number.Can(d.Prefers) {
		return refuse("no-text")
	}
	return nil
}

// Bind makes a number that was proven by a code one of the account's. A fault on
// the field "number" when the account has it already or it gets no texts and they
// are preferred; others as of authenticator.Authenticators.Bind. Run it in DB.Write.
func (p Phones) Bind(tx *db.Tx, account id.Account, d Draft, name string) error {
	if err := d.check(); err != nil {
		return err
	}
	own, err := p.All(tx, account)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(own, func(o Phone) bool { return o.Number.e164 == d.Number.e164 }) {
		return refuse("taken")
	}
	err = p.Methods.Bind(tx, authenticator.Authenticator{ID: d.ID, Account: account, Type: authenticator.Phone, Name: name})
	if err != nil {
		return err
	}
	sealed := p.Keys.Seal("phone", "number", string(d.ID), []byte(d.Number.e164))
	err = tx.ExecOne(`INSERT INTO phone (authenticator_id, account_id, number, number_index, prefers) VALUES ($1, $2, $3, $4, $5)`,
		d.ID, account, sealed, p.Keys.Index(indexPurpose, d.Number.e164), d.Prefers)
	if err != nil {
		return fmt.Errorf("phone: bind: %w", err)
	}
	stopped, err := p.Stopped(tx, d.Number)
	if err != nil || !stopped {
		return err
	}
	_, err = p.Stop(tx, d.Number) // also under the root key of today
	return err
}

const selected = `SELECT p.authenticator_id, p.account_id, p.number, p.prefers, s.stopped_at
	FROM phone p LEFT JOIN phone_stop s ON s.number_index = p.number_index`

func (p Phones) scan(r interface{ Scan(dest ...any) error }) (Phone, error) {
	var out Phone
	var sealed []byte
	var stopped time.Time
	if err := r.Scan(&out.ID, &out.Account, &sealed, &out.Prefers, db.NullTime(&stopped)); err != nil {
		return Phone{}, err
	}
	plain, err := p.Keys.Open("phone", "number", string(out.ID), sealed)
	if err != nil {
		return Phone{}, fmt.Errorf("phone: open number: %w", err)
	}
	out.Stopped, out.Number = !stopped.IsZero(), kept(string(plain))
	return out, nil
}

// kept is a number as it was accepted once, whatever is accepted today.
func kept(e164 string) Number {
	n, err := Settings{VoIP: true, Landlines: true}.Parse(e164, "ZZ")
	if err != nil { // the plan of its country has changed: let its owner see and remove it
		return Number{e164: e164, kind: Either}
	}
	return n
}

// Find reads one number of an account; false when it has no such one.
func (p Phones) Find(tx *db.Tx, account id.Account, phone authenticator.ID) (Phone, bool, error) {
	out, err := p.scan(tx.QueryRow(selected+` WHERE p.authenticator_id = $1 AND p.account_id = $2`, phone, account))
	if errors.Is(err, db.ErrNoRows) {
		return Phone{}, false, nil
	}
	if err != nil {
		return Phone{}, false, fmt.Errorf("phone: find: %w", err)
	}
	return out, true, nil
}

// All reads the numbers of an account that are in use.
func (p Phones) All(tx *db.Tx, account id.Account) ([]Phone, error) {
	out, err := p.Every(tx, account)
	if err != nil {
		return nil, err
	}
	list, err := authenticator.List(tx, account)
	if err != nil {
		return nil, err
	}
	aside := authenticator.Aside(list)
	return slices.DeleteFunc(out, func(o Phone) bool {
		return slices.ContainsFunc(aside, func(a authenticator.Authenticator) bool { return a.ID == o.ID })
	}), nil
}

// First reads the number in use that the account has had longest; false when there is none.
func (p Phones) First(tx *db.Tx, account id.Account) (Phone, bool, error) {
	return p.first(tx, account, func(Phone) bool { return true })
}

// ForTexts reads the number that texts go to which nobody asked for in front of a page: the one
// that the account has had longest of those in use to which its owner wants codes by text, and
// that Settings accept today; false when there is none.
func (p Phones) ForTexts(tx *db.Tx, account id.Account) (Phone, bool, error) {
	return p.first(tx, account, func(n Phone) bool {
		_, err := p.Settings.Parse(n.Number.e164, "")
		return err == nil && n.Sends() == authenticator.ByText
	})
}

// first reads the number in use that the account has had longest of those that fit.
func (p Phones) first(tx *db.Tx, account id.Account, fit func(Phone) bool) (Phone, bool, error) {
	numbers, err := p.Every(tx, account)
	if err != nil || len(numbers) == 0 {
		return Phone{}, false, err
	}
	list, err := authenticator.List(tx, account)
	if err != nil {
		return Phone{}, false, err
	}
	aside := authenticator.Aside(list)
	for _, a := range list { // the oldest first
		i := slices.IndexFunc(numbers, func(n Phone) bool { return n.ID == a.ID && fit(n) })
		if i >= 0 && !slices.ContainsFunc(aside, func(o authenticator.Authenticator) bool { return o.ID == a.ID }) {
			return numbers[i], true, nil
		}
	}
	return Phone{}, false, nil
}

// Every reads the numbers of an account, those that were set aside, too: to tell its owner
// something everywhere. What they are called stands in authenticator.List only, so that a
// name is the same everywhere.
func (p Phones) Every(tx *db.Tx, account id.Account) ([]Phone, error) {
	rows, err := tx.Query(selected+` WHERE p.account_id = $1 ORDER BY p.authenticator_id`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Phone, error) { return p.scan(r) })
	if err != nil {
		return nil, fmt.Errorf("phone: list: %w", err)
	}
	return out, nil
}

// Accounts are the accounts that have a number.
func (p Phones) Accounts(tx *db.Tx, n Number) ([]id.Account, error) {
	var out []id.Account
	for _, index := range p.Keys.Indexes(indexPurpose, n.e164) {
		rows, err := tx.Query(`SELECT DISTINCT account_id FROM phone WHERE number_index = $1 ORDER BY account_id`, index)
		found, err := db.Collect(rows, err, func(r *db.Rows) (a id.Account, err error) { return a, r.Scan(&a) })
		if err != nil {
			return nil, fmt.Errorf("phone: find accounts: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// Prefer keeps the way in which codes are sent to a number. A fault on the field
// "number" when it gets no texts; None when the account has no such phone.
func (p Phones) Prefer(tx *db.Tx, account id.Account, phone authenticator.ID, by authenticator.Channel) error {
	found, ok, err := p.Find(tx, account, phone)
	if err != nil {
		return err
	}
	if !ok {
		return authenticator.None()
	}
	if err := (Draft{Number: found.Number, Prefers: by}).check(); err != nil {
		return err
	}
	err = tx.ExecOne(`UPDATE phone SET prefers = $1 WHERE authenticator_id = $2 AND account_id = $3`, by, phone, account)
	if err != nil {
		return fmt.Errorf("phone: prefer: %w", err)
	}
	return nil
}

// Stop notes that the owner of a number wants no more texts (they answered STOP);
// true when they were wanted before. It holds for every account, also for one that
// binds the number later.
func (p Phones) Stop(tx *db.Tx, n Number) (bool, error) {
	before, err := p.Stopped(tx, n)
	if err != nil {
		return false, err
	}
	for _, index := range p.Keys.Indexes(indexPurpose, n.e164) {
		_, err := tx.Exec(`INSERT INTO phone_stop (number_index, stopped_at) VALUES ($1, $2) ON CONFLICT (number_index) DO NOTHING`,
			index, db.Millis(tx.Now()))
		if err != nil {
			return false, fmt.Errorf("phone: stop: %w", err)
		}
	}
	return !before, nil
}

// Resume notes that the owner of a number wants texts again (they sent START);
// true when they were not wanted before.
func (p Phones) Resume(tx *db.Tx, n Number) (bool, error) {
	resumed := false
	for _, index := range p.Keys.Indexes(indexPurpose, n.e164) {
		rows, err := tx.Exec(`DELETE FROM phone_stop WHERE number_index = $1`, index)
		if err != nil {
			return false, fmt.Errorf("phone: resume: %w", err)
		}
		resumed = resumed || rows > 0
	}
	return resumed, nil
}

// Stopped reports whether the owner of a number wants no texts: ask before one is
// sent to a number that is not bound yet.
func (p Phones) Stopped(tx *db.Tx, n Number) (bool, error) {
	stopped := false
	for _, index := range p.Keys.Indexes(indexPurpose, n.e164) {
		var count int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM phone_stop WHERE number_index = $1`, index).Scan(&count); err != nil {
			return false, fmt.Errorf("phone: read stop: %w", err)
		}
		stopped = stopped || count > 0
	}
	return stopped, nil
}

// Remove deletes a number of an account; false when it has no such one.
func (p Phones) Remove(tx *db.Tx, account id.Account, phone authenticator.ID) (bool, error) {
	n, err := tx.Exec(`DELETE FROM phone WHERE authenticator_id = $1 AND account_id = $2`, phone, account)
	if err != nil {
		return false, fmt.Errorf("phone: remove: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return authenticator.Remove(tx, account, phone)
}

// Erase deletes every number of an account; the lines of the list are erased with
// it. That somebody wants no texts is a wish about the number and stays.
func (p Phones) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM phone WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("phone: erase: %w", err)
	}
	return nil
}
