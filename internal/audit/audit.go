package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Log writes and reads events. All fields are needed.
type Log struct {
	DB       *db.DB
	Keys     *secret.Keys
	Settings Settings
	Logger   *slog.Logger // is told of each checkpoint, so that a copy stands outside the database; may be nil
	// Observe is told of each event after its commit, for metrics; may be nil.
	Observe func(name Name, outcome string)
}

// Event is something that happened. Name and Outcome are needed.
type Event struct {
	ID           id.Event  // made by Record
	At           time.Time // the transaction's instant, set by Record
	Name         Name
	Account      id.Account
	RelyingParty id.RelyingParty
	Session      id.Session
	Flow         id.Flow
	Outcome      string            // Success, Refused, Failed
	Reason       string            // a word, never a sentence with values
	Personal     Personal          // sealed, erased after Settings.KeepPersonal
	Data         map[string]string // further facts, none of them personal or secret
	Number       int64             // place in the chain; 0: not chained yet
}

// Personal are the fields of an event that tell who somebody is.
type Personal struct {
	IP        string
	UserAgent string
	Address   string // e-mail address
}

// LogValue keeps personal data out of logs.
func (Personal) LogValue() slog.Value { return slog.StringValue("(personal)") }

// String keeps personal data out of formatted texts.
func (Personal) String() string { return "(personal)" }

// Limits on what an event may hold: what a stranger sent is cut, not refused.
const (
	textBytes  = 512
	dataFields = 32
)

// Record inserts an event into the caller's transaction. Nothing waits for the
// chain: it is made after the commit.
func (l *Log) Record(tx *db.Tx, e Event) error {
	if e.Name == "" || e.Outcome == "" {
		return errors.New("audit: an event needs a name and an outcome")
	}
	if len(e.Data) > dataFields {
		return fmt.Errorf("audit: %s has %d data fields, %d at most", e.Name, len(e.Data), dataFields)
	}
	e.ID, e.At = id.New[id.Event](), tx.Now()
	e.Reason = cut(e.Reason)
	data, err := encodeData(e.Data)
	if err != nil {
		return err
	}
	p := l.seal(e)
	err = tx.ExecOne(`INSERT INTO audit_event (id, at, name, account, relying_party, session, flow, outcome, reason, data,
		ip, user_agent, address, personal_salt, personal_digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		e.ID, db.Millis(e.At), e.Name, db.NullText(e.Account), db.NullText(e.RelyingParty), db.NullText(e.Session),
		db.NullText(e.Flow), e.Outcome, e.Reason, data, p.ip, p.agent, p.address, p.salt, p.digest)
	if err != nil {
		return fmt.Errorf("audit: record %s: %w", e.Name, err)
	}
	if l.Observe != nil {
		tx.AfterCommit(func() { l.Observe(e.Name, e.Outcome) })
	}
	return nil
}

// sealed are the personal columns of a row.
type sealed struct{ ip, agent, address, salt, digest []byte }

func (l *Log) seal(e Event) sealed {
	p := e.Personal
	p.IP, p.UserAgent, p.Address = cut(p.IP), cut(p.UserAgent), cut(p.Address)
	if p == (Personal{}) {
		return sealed{}
	}
	s := sealed{salt: make([]byte, 16)}
	_, _ = rand.Read(s.salt) // never fails
	s.digest = p.digest(s.salt)
	row := string(e.ID)
	if p.IP != "" {
		s.ip = l.Keys.Seal("audit_event", "ip", row, []byte(p.IP))
	}
	if p.UserAgent != "" {
		s.agent = l.Keys.Seal("audit_event", "user_agent", row, []byte(p.UserAgent))
	}
	if p.Address != "" {
		s.address = l.Keys.Seal("audit_event", "address", row, []byte(p.Address))
	}
	return s
}

// open decrypts the personal columns of a row; what was erased is empty.
func (l *Log) open(row id.Event, s sealed) (Personal, error) {
	var p Personal
	for _, f := range []struct {
		column string
		sealed []byte
		into   *string
	}{{"ip", s.ip, &p.IP}, {"user_agent", s.agent, &p.UserAgent}, {"address", s.address, &p.Address}} {
		if len(f.sealed) == 0 {
			continue
		}
		plain, err := l.Keys.Open("audit_event", f.column, string(row), f.sealed)
		if err != nil {
			return Personal{}, fmt.Errorf("audit: open %s of event %s: %w", f.column, row, err)
		}
		*f.into = string(plain)
	}
	return p, nil
}

// digest binds the personal fields to the event without telling them.
func (p Personal) digest(salt []byte) []byte {
	return hashParts(salt, []byte(p.IP), []byte(p.UserAgent), []byte(p.Address))
}

// hashParts is SHA-256 over parts, each preceded by its length.
func hashParts(parts ...[]byte) []byte {
	h := sha256.New()
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		_, _ = h.Write(size[:]) // hash.Hash never fails
		_, _ = h.Write(p)
	}
	return h.Sum(nil)
}

// encodeData writes data as JSON with sorted keys and cut values.
func encodeData(data map[string]string) (string, error) {
	if len(data) == 0 {
		return "{}", nil
	}
	short := make(map[string]string, len(data))
	for _, k := range slices.Sorted(maps.Keys(data)) {
		short[k] = cut(data[k])
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(short); err != nil {
		return "", fmt.Errorf("audit: data: %w", err)
	}
	return string(bytes.TrimSpace(out.Bytes())), nil
}

// cut shortens a text to textBytes at a rune's border, and makes it storable:
// valid UTF-8 without NUL, which PostgreSQL refuses.
func cut(s string) string {
	clean := make([]rune, 0, min(len(s), textBytes))
	size := 0
	for _, r := range s {
		if r == 0 {
			r = utf8.RuneError
		}
		size += utf8.RuneLen(r)
		if size > textBytes {
			break
		}
		clean = append(clean, r)
	}
	return string(clean)
}
