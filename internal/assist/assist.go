// Package assist keeps what people asked our staff to do with their account because they
// cannot do it themselves: remove a sign-in partner, or close it (R46).
//
// A request is asked for by the contact form, counts from its confirmation with a link
// that goes to the account's address, is approved by one person of the staff and done by
// another one, whose names differ, and runs out after a while. Each step is one
// conditional statement: it happens once, whoever tries it how often at the same time.
//
// It owns the table assist_request. What a step does to the account, and who is told, is
// lifecycle's part, which calls it in the same transaction.
package assist

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Settings are the numbers of requests.
type Settings struct {
	// ConfirmWithin is how long the link that confirms a request can be used.
	ConfirmWithin time.Duration `yaml:"confirm_within"`
	// ExpireAfter is how long a confirmed request waits for the staff before it runs out.
	ExpireAfter time.Duration `yaml:"expire_after"`
}

// Preset gives the numbers of a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{ConfirmWithin: 24 * time.Hour, ExpireAfter: 14 * 24 * time.Hour}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.ConfirmWithin < 10*time.Minute || s.ConfirmWithin > 7*24*time.Hour {
		out = append(out, "confirm_within: choose 10m to 168h")
	}
	if s.ExpireAfter < 24*time.Hour || s.ExpireAfter > 90*24*time.Hour {
		out = append(out, "expire_after: choose 24h to 2160h")
	}
	return out
}

// ID names one request.
type ID string

// Kind is what is asked for.
type Kind string

// The kinds.
const (
	Unlink Kind = "unlink" // remove a sign-in partner
	Close  Kind = "close"  // close the account
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{Unlink, Close} }

// Status says how far a request has come.
type Status string

// The statuses.
const (
	Asked     Status = "asked"     // waits for the link of the mail
	Confirmed Status = "confirmed" // waits for the first person of the staff
	Approved  Status = "approved"  // waits for the second one
	Done      Status = "done"
	Refused   Status = "refused"  // by the staff
	Expired   Status = "expired"  // nobody did it in time
	Replaced  Status = "replaced" // by a newer one
)

// Request is one request.
type Request struct {
	ID          ID
	Account     id.Account
	Kind        Kind
	Reference   string // of the message that came with it
	Link        string // upstream.LinkID that is to be removed; "" before it was chosen
	Status      Status
	AskedAt     time.Time
	ConfirmedAt time.Time // zero: not yet
	ApprovedAt  time.Time // zero: not yet
	ApprovedBy  string
	EndedAt     time.Time // zero: open
	EndedBy     string
	ExpiresAt   time.Time
}

// Draft is a request to be stored. Make it with New, before the transaction.
type Draft struct {
	ID        ID
	Token     string // for the link of the mail: 256 bits
	Kind      Kind
	Reference string
}

// New makes the identifier and the secret of a request.
func New(kind Kind, reference string) Draft {
	return Draft{ID: id.New[ID](), Token: secret.NewToken(), Kind: kind, Reference: reference}
}

// Requests are the requests in the database. Every method takes a transaction.
type Requests struct {
	Settings Settings
}

// kept is how long an ended request still explains its link.
const kept = 30 * 24 * time.Hour

// Ask stores a request that waits for its confirmation; older ones of the account that
// do, too, end. For the account "" the same statements run and store nothing.
func (r Requests) Ask(tx *db.Tx, d Draft, account id.Account) error {
	now := tx.Now()
	_, err := tx.Exec(`UPDATE assist_request SET status = $1, ended_at = $2 WHERE account_id = $3 AND status = $4`,
		Replaced, db.Millis(now), account, Asked)
	if err != nil {
		return fmt.Errorf("assist: ask: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO assist_request (id, account_id, kind, reference, token_digest, status, asked_at, expires_at)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE CAST($2 AS TEXT) <> ''`,
		d.ID, account, d.Kind, d.Reference, secret.Digest(d.Token), Asked, db.Millis(now), db.Millis(now.Add(r.Settings.ConfirmWithin)))
	if err != nil {
		return fmt.Errorf("assist: ask: %w", err)
	}
	return nil
}

const columns = `id, account_id, kind, reference, link_id, status, asked_at, confirmed_at, approved_at, approved_by, ended_at, ended_by, expires_at`

func scan(s interface{ Scan(dest ...any) error }) (Request, error) {
	var r Request
	err := s.Scan(&r.ID, &r.Account, &r.Kind, &r.Reference, db.ScanText(&r.Link), &r.Status, db.ScanTime(&r.AskedAt),
		db.NullTime(&r.ConfirmedAt), db.NullTime(&r.ApprovedAt), db.ScanText(&r.ApprovedBy), db.NullTime(&r.EndedAt),
		db.ScanText(&r.EndedBy), db.ScanTime(&r.ExpiresAt))
	return r, err
}

func (r Requests) one(tx *db.Tx, where string, arg any) (Request, bool, error) {
	out, err := scan(tx.QueryRow(`SELECT `+columns+` FROM assist_request WHERE `+where, arg))
	if errors.Is(err, db.ErrNoRows) {
		return Request{}, false, nil
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("assist: find: %w", err)
	}
	if out.EndedAt.IsZero() && !tx.Now().Before(out.ExpiresAt) {
		out.Status = Expired
	}
	return out, true, nil
}

// ByToken is the request that a mailed link is about, ended or not.
func (r Requests) ByToken(tx *db.Tx, token string) (Request, bool, error) {
	return r.one(tx, `token_digest = $1`, secret.Digest(token))
}

// Get is one request.
func (r Requests) Get(tx *db.Tx, request ID) (Request, bool, error) {
	return r.one(tx, `id = $1`, request)
}

// List gives the requests that wait for the staff, the oldest first.
func (r Requests) List(tx *db.Tx, limit int) ([]Request, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM assist_request WHERE status IN ($1, $2) AND expires_at > $3 ORDER BY confirmed_at, id LIMIT $4`,
		Confirmed, Approved, db.Millis(tx.Now()), limit)
	out, err := db.Collect(rows, err, func(rows *db.Rows) (Request, error) { return scan(rows) })
	if err != nil {
		return nil, fmt.Errorf("assist: list: %w", err)
	}
	return out, nil
}

// step is one conditional statement; false when the request is not at that step (any more).
func (r Requests) step(tx *db.Tx, query string, args ...any) (bool, error) {
	n, err := tx.Exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("assist: step: %w", err)
	}
	return n == 1, nil
}

// Confirm notes that the account's address confirmed a request, with the link of a
// sign-in partner that is to be removed. Others of the account that wait for the same end.
func (r Requests) Confirm(tx *db.Tx, request Request, link string) (bool, error) {
	now := tx.Now()
	ok, err := r.step(tx, `UPDATE assist_request SET status = $1, confirmed_at = $2, link_id = $3, expires_at = $4
		WHERE id = $5 AND status = $6 AND expires_at > $2`,
		Confirmed, db.Millis(now), db.NullText(link), db.Millis(now.Add(r.Settings.ExpireAfter)), request.ID, Asked)
	if err != nil || !ok {
		return false, err
	}
	_, err = tx.Exec(`UPDATE assist_request SET status = $1, ended_at = $2
		WHERE account_id = $3 AND kind = $4 AND id <> $5 AND ended_at IS NULL`, Replaced, db.Millis(now), request.Account, request.Kind, request.ID)
	if err != nil {
		return false, fmt.Errorf("assist: confirm: %w", err)
	}
	return true, nil
}

// Same reports whether two names are those of one person of the staff: case makes nobody
// another one.
func Same(a, b string) bool { return strings.EqualFold(a, b) }

// Name is the name of somebody of the staff as it is kept: without needless spaces, which
// make nobody another person. Fault Invalid for none.
func Name(typed string) (string, error) {
	name := strings.Join(strings.Fields(typed), " ")
	if name == "" || len(name) > 100 {
		return "", fault.On("by", fault.Invalid, "error.assist.by")
	}
	return name, nil
}

// Approve notes the first person of the staff.
func (r Requests) Approve(tx *db.Tx, request ID, by string) (bool, error) {
	now := db.Millis(tx.Now())
	return r.step(tx, `UPDATE assist_request SET status = $1, approved_at = $2, approved_by = $3
		WHERE id = $4 AND status = $5 AND expires_at > $2`, Approved, now, by, request, Confirmed)
}

// Finish notes the second person, who is not the first one, and that it is done.
func (r Requests) Finish(tx *db.Tx, request ID, by string) (bool, error) {
	before, found, err := r.Get(tx, request)
	if err != nil || !found || Same(before.ApprovedBy, by) {
		return false, err
	}
	return r.step(tx, `UPDATE assist_request SET status = $1, ended_at = $2, ended_by = $3
		WHERE id = $4 AND status = $5 AND approved_by = $6 AND expires_at > $2`, Done, db.Millis(tx.Now()), by, request, Approved, before.ApprovedBy)
}

// Refuse ends a request that the staff does not do.
func (r Requests) Refuse(tx *db.Tx, request ID, by string) (bool, error) {
	now := db.Millis(tx.Now())
	return r.step(tx, `UPDATE assist_request SET status = $1, ended_at = $2, ended_by = $3
		WHERE id = $4 AND status IN ($5, $6) AND expires_at > $2`, Refused, now, by, request, Confirmed, Approved)
}

// Expire ends requests whose time is over, at most limit of them, and gives those that
// had been confirmed, whose owners are told.
func (r Requests) Expire(tx *db.Tx, limit int) (confirmed []Request, n int, err error) {
	now := db.Millis(tx.Now())
	rows, err := tx.Query(`UPDATE assist_request SET status = $1, ended_at = $2 WHERE id IN (
		SELECT id FROM assist_request WHERE ended_at IS NULL AND expires_at <= $2 ORDER BY expires_at LIMIT $3)
		RETURNING `+columns, Expired, now, limit)
	all, err := db.Collect(rows, err, func(rows *db.Rows) (Request, error) { return scan(rows) })
	if err != nil {
		return nil, 0, fmt.Errorf("assist: expire: %w", err)
	}
	for _, one := range all {
		if !one.ConfirmedAt.IsZero() {
			confirmed = append(confirmed, one)
		}
	}
	return confirmed, len(all), nil
}

// Purge deletes requests that ended long ago, at most limit of them.
func (r Requests) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM assist_request WHERE id IN (
		SELECT id FROM assist_request WHERE ended_at <= $1 ORDER BY ended_at LIMIT $2)`, db.Millis(tx.Now().Add(-kept)), limit)
	if err != nil {
		return 0, fmt.Errorf("assist: purge: %w", err)
	}
	return n, nil
}

// Erase forgets the requests of an account.
func (r Requests) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM assist_request WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("assist: erase: %w", err)
	}
	return nil
}
