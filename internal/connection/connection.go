// Package connection holds which services an account is connected to, what the
// person agreed to share with each, and the identifier by which each knows them.
//
// It owns the tables connection, subject and retired_subject. A connection exists from the first
// consent, so a service is on "My connected services" from the very first
// sign-in, and is deleted when the person disconnects it. A consent names each
// claim; values are read when they are released and are never kept here, so a
// changed e-mail address needs no new consent. Consent is asked again when more
// is requested, when it has run out and after a disconnect.
//
// A subject is random, stored, and outlives disconnecting and even the account. It
// can be retired, when a service starts anew with a person, but it is never
// forgotten or given to somebody else.
//
// Journeys ask Needed and call Give; the OpenID endpoints call Stand, Used and Subject.
// Ending what was given to a service is grant's part: whoever calls Withdraw
// calls grant.EndConnection in the same transaction.
package connection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
)

// Settings are the numbers of consent.
type Settings struct {
	// ConsentLife is how long an agreement to share lasts before it is asked for again; a partner may shorten it.
	ConsentLife time.Duration `yaml:"consent_life"`
}

// Preset returns the numbers of a preset; they are the same in all of them.
func Preset(string) Settings { return Settings{ConsentLife: 365 * 24 * time.Hour} }

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	if s.ConsentLife < time.Hour || s.ConsentLife > 10*365*24*time.Hour {
		return []string{"consent_life: must be between 1h and 87600h"}
	}
	return nil
}

// Connection is one service of one account.
type Connection struct {
	Account      id.Account
	RelyingParty id.RelyingParty
	Claims       []string   // what the person agreed to share, in the order of the consent page
	Since        time.Time  // first agreement since the service was last disconnected
	ConsentedAt  time.Time  // latest agreement
	LastUsed     time.Time  // latest sign-in at the service; zero before the first has finished
	Address      id.Address // that the service is told, if it is told one; "" for the main one
}

// Reason says why consent must be asked.
type Reason string

// The reasons. The zero value is: it need not be asked.
const (
	NotNeeded Reason = ""
	First     Reason = "first"    // the first visit, or the first after a disconnect
	More      Reason = "more"     // the service asks for something new
	Lapsed    Reason = "lapsed"   // the agreement has run out
	Demanded  Reason = "demanded" // the service asked that the person be asked
)

// Asked is what a service wants, put to one account.
type Asked struct {
	Account      id.Account
	RelyingParty id.RelyingParty
	Claims       []string      // names, e.g. "email"; empty: only the subject
	Period       time.Duration // the partner's own limit; 0: Settings.ConsentLife
	Address      id.Address    // the address that was chosen for the service; "": as it was, at first the main one
}

// Connections gives and reads consents and subjects. Stateless and safe for concurrent use.
type Connections struct {
	Settings Settings
	Audit    *audit.Log
}

// Get reads one connection; the second result says whether there is one.
func (c Connections) Get(tx *db.Tx, account id.Account, rp id.RelyingParty) (Connection, bool, error) {
	row := tx.QueryRow(`SELECT account, relying_party, claims, since, consented_at, last_used_at, address_id
		FROM connection WHERE account = $1 AND relying_party = $2`, string(account), string(rp))
	conn, err := scan(row.Scan)
	if errors.Is(err, db.ErrNoRows) {
		return Connection{}, false, nil
	}
	if err != nil {
		return Connection{}, false, fmt.Errorf("connection: get: %w", err)
	}
	return conn, true, nil
}

// Needed says whether the person must be asked before the service gets what it wants, and why.
func (c Connections) Needed(tx *db.Tx, a Asked) (Reason, error) {
	conn, ok, err := c.Get(tx, a.Account, a.RelyingParty)
	if err != nil {
		return First, err
	}
	if !ok {
		return First, nil
	}
	return c.reason(tx, conn, a), nil
}

// reason judges an agreement that exists.
func (c Connections) reason(tx *db.Tx, conn Connection, a Asked) Reason {
	if c.lapsed(tx, conn, a) {
		return Lapsed
	}
	for _, claim := range a.Claims {
		if !slices.Contains(conn.Claims, claim) {
			return More
		}
	}
	return NotNeeded
}

// Standing is what an authorization needs to know of an account and a service at once.
type Standing struct {
	Reason  Reason // why consent must be asked, if it must
	Subject string // by which the sector knows the account; "" when none was made yet
}

// Stand is Needed and, without making one, Subject in one statement.
func (c Connections) Stand(tx *db.Tx, a Asked, sector string) (Standing, error) {
	var subject string
	row := tx.QueryRow(`SELECT w.account, w.relying_party, c.claims, c.since, c.consented_at, c.last_used_at, c.address_id, s.subject
		FROM (SELECT CAST($1 AS TEXT) AS account, CAST($2 AS TEXT) AS relying_party) w
		LEFT JOIN connection c ON c.account = w.account AND c.relying_party = w.relying_party
		LEFT JOIN subject s ON s.account = w.account AND s.sector = $3`, string(a.Account), string(a.RelyingParty), sector)
	conn, err := scan(row.Scan, db.ScanText(&subject))
	if err != nil {
		return Standing{Reason: First}, fmt.Errorf("connection: stand: %w", err)
	}
	out := Standing{Reason: First, Subject: subject}
	if !conn.ConsentedAt.IsZero() {
		out.Reason = c.reason(tx, conn, a)
	}
	return out, nil
}

// lapsed reports whether an agreement is too old to count.
func (c Connections) lapsed(tx *db.Tx, conn Connection, a Asked) bool {
	life := c.Settings.ConsentLife
	if a.Period > 0 && a.Period < life {
		life = a.Period
	}
	return !tx.Now().Before(conn.ConsentedAt.Add(life))
}

// Give records the person's agreement to share the named claims, in addition to
// what is shared with the service already, and renews all of it. What was agreed
// to too long ago and is not asked for again is shared no longer: nobody saw it.
func (c Connections) Give(tx *db.Tx, a Asked) error {
	conn, ok, err := c.Get(tx, a.Account, a.RelyingParty)
	if err != nil {
		return err
	}
	claims := slices.Clone(a.Claims)
	if ok && !c.lapsed(tx, conn, a) {
		for _, claim := range conn.Claims {
			if !slices.Contains(claims, claim) {
				claims = append(claims, claim)
			}
		}
	}
	now := db.Millis(tx.Now())
	err = tx.ExecOne(`INSERT INTO connection (account, relying_party, claims, since, consented_at, address_id)
		VALUES ($1, $2, $3, $4, $4, $5)
		ON CONFLICT (account, relying_party) DO UPDATE SET claims = excluded.claims, consented_at = excluded.consented_at,
			address_id = COALESCE(excluded.address_id, connection.address_id)`,
		string(a.Account), string(a.RelyingParty), strings.Join(claims, " "), now, db.NullText(a.Address))
	if err != nil {
		return fmt.Errorf("connection: give: %w", err)
	}
	return c.record(tx, audit.ConsentGiven, a, a.Claims)
}

// Declined records that the person did not agree. Nothing changes.
func (c Connections) Declined(tx *db.Tx, a Asked) error {
	return c.record(tx, audit.ConsentDeclined, a, a.Claims)
}

// Used notes a finished sign-in at the service, to the minute: a row that every
// code wrote would make those collide who read beside it (see db.Write).
func (c Connections) Used(tx *db.Tx, account id.Account, rp id.RelyingParty) error {
	_, err := tx.Exec(`UPDATE connection SET last_used_at = $1 WHERE account = $2 AND relying_party = $3 AND (last_used_at IS NULL OR last_used_at <= $4)`,
		db.Millis(tx.Now()), string(account), string(rp), db.Millis(tx.Now().Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("connection: used: %w", err)
	}
	return nil
}

// List is every service of an account, the latest used first.
func (c Connections) List(tx *db.Tx, account id.Account) ([]Connection, error) {
	rows, err := tx.Query(`SELECT account, relying_party, claims, since, consented_at, last_used_at, address_id
		FROM connection WHERE account = $1 ORDER BY COALESCE(last_used_at, consented_at) DESC, relying_party`, string(account))
	out, err := db.Collect(rows, err, func(rows *db.Rows) (Connection, error) { return scan(rows.Scan) })
	if err != nil {
		return nil, fmt.Errorf("connection: list: %w", err)
	}
	return out, nil
}

// Share chooses which address of an account a service is told; false when there is no such
// connection. It is the caller's part that the address is the account's.
func (c Connections) Share(tx *db.Tx, account id.Account, rp id.RelyingParty, address id.Address) (bool, error) {
	n, err := tx.Exec(`UPDATE connection SET address_id = $1 WHERE account = $2 AND relying_party = $3`,
		db.NullText(address), string(account), string(rp))
	if err != nil {
		return false, fmt.Errorf("connection: share: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, c.record(tx, audit.ConsentAddress, Asked{Account: account, RelyingParty: rp}, nil)
}

// Withdraw ends the agreement with a service and reports whether there was one.
// The caller ends in the same transaction what was given to the service.
func (c Connections) Withdraw(tx *db.Tx, account id.Account, rp id.RelyingParty) (bool, error) {
	n, err := tx.Exec(`DELETE FROM connection WHERE account = $1 AND relying_party = $2`, string(account), string(rp))
	if err != nil {
		return false, fmt.Errorf("connection: withdraw: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, c.record(tx, audit.ConsentWithdrawn, Asked{Account: account, RelyingParty: rp}, nil)
}

// EndParty takes back every agreement to share with a service that is gone for good. What
// people were called there stays theirs.
func (c Connections) EndParty(tx *db.Tx, rp id.RelyingParty) error {
	if _, err := tx.Exec(`DELETE FROM connection WHERE relying_party = $1`, rp); err != nil {
		return fmt.Errorf("connection: end party: %w", err)
	}
	return nil
}

// Forget removes every connection of an account that is being erased. Its subjects stay.
func (c Connections) Forget(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM connection WHERE account = $1`, string(account)); err != nil {
		return fmt.Errorf("connection: forget: %w", err)
	}
	return nil
}

func (c Connections) record(tx *db.Tx, name audit.Name, a Asked, claims []string) error {
	e := audit.Event{Name: name, Account: a.Account, RelyingParty: a.RelyingParty, Outcome: audit.Success}
	if len(claims) > 0 {
		e.Data = map[string]string{"claims": strings.Join(claims, " ")}
	}
	return c.Audit.Record(tx, e)
}

func scan(scan func(...any) error, more ...any) (Connection, error) {
	var c Connection
	var account, rp, claims string
	dest := []any{&account, &rp, db.ScanText(&claims), db.NullTime(&c.Since), db.NullTime(&c.ConsentedAt), db.NullTime(&c.LastUsed), db.ScanText(&c.Address)}
	err := scan(append(dest, more...)...)
	if err != nil {
		return Connection{}, err
	}
	c.Account, c.RelyingParty, c.Claims = id.Account(account), id.RelyingParty(rp), strings.Fields(claims)
	return c, nil
}
