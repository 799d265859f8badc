package upstream

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// MaxSubject is the longest subject in bytes (OpenID Connect Core 1.0, 2; a SAML
// NameID is not longer in practice).
const MaxSubject = 255

// MaxLinks is how many links an account has at most.
const MaxLinks = 10

// indexPurpose keeps the blind index of subjects apart from others.
const indexPurpose = "upstream-subject"

// Links tie what somebody is at a partner to an account. Stateless and safe for
// concurrent use. Who calls Link has seen a fresh Assertion and, for an account that
// exists, a fresh proof of its owner: nothing here is decided by an address (R45).
type Links struct {
	Keys  *secret.Keys
	Audit *audit.Log

	by audit.Event // who does it, and where
}

// By are the links in the hands of somebody: the flow, session and personal fields of an
// event are those of every event that is recorded.
func (l Links) By(e audit.Event) Links {
	l.by = e
	return l
}

// LinkID names one link.
type LinkID string

// Link is one link.
type Link struct {
	ID      LinkID
	Account id.Account
	Issuer  string
	Subject string
	Since   time.Time
	UsedAt  time.Time // zero: never since it was made

	// ByMailbox says that whoever made the link had proven nothing but the mailbox: until
	// Confirm it proves no more than the mailbox does.
	ByMailbox bool
}

// LogValue keeps the subject out of the log.
func (l Link) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(l.ID)), slog.String("issuer", l.Issuer))
}

// String keeps the subject out of formatted texts.
func (l Link) String() string { return "(link " + string(l.ID) + ")" }

// NewLinkID makes the identifier of a link, before the transaction.
func NewLinkID() LinkID { return id.New[LinkID]() }

// key is what a subject is found by. The length keeps issuer and subject from
// running into each other.
func key(issuer, subject string) string { return strconv.Itoa(len(issuer)) + ":" + issuer + subject }

// Link ties a subject to an account. fault.Conflict when it is tied to an account
// already, to this one or to another, or when the account has MaxLinks;
// fault.Denied when the account's owner has blocked the partner. Run it in DB.Write:
// of racers for one subject exactly one gets it.
func (l Links) Link(tx *db.Tx, link LinkID, account id.Account, issuer, subject string) error {
	if err := l.Free(tx, account, issuer, subject); err != nil {
		return err
	}
	sealed := l.Keys.Seal("upstream_link", "subject", string(link), []byte(subject))
	rows, err := tx.Exec(`INSERT INTO upstream_link (id, account_id, issuer, subject, subject_index, linked_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject_index) DO NOTHING`,
		link, account, issuer, sealed, l.Keys.Index(indexPurpose, key(issuer, subject)), db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("upstream: link: %w", err)
	}
	if rows == 0 {
		return fault.New(fault.Conflict, "error.upstream.linked")
	}
	return l.record(tx, audit.UpstreamLinked, account, issuer)
}

// Free reports by its fault, which is that of Link, why a subject cannot be tied to an
// account.
func (l Links) Free(tx *db.Tx, account id.Account, issuer, subject string) error {
	if issuer == "" || subject == "" || len(subject) > MaxSubject {
		return errors.New("upstream: a link needs an issuer and a subject")
	}
	blocked, err := l.Blocks(tx, account, issuer)
	if err != nil {
		return err
	}
	if blocked {
		return fault.New(fault.Denied, "error.upstream.blocked")
	}
	_, taken, err := l.Find(tx, issuer, subject)
	if err != nil {
		return err
	}
	if taken {
		return fault.New(fault.Conflict, "error.upstream.linked")
	}
	n, err := l.Count(tx, account)
	if err != nil {
		return err
	}
	if n >= MaxLinks {
		return fault.New(fault.Conflict, "error.upstream.full")
	}
	return nil
}

const linkColumns = `id, account_id, issuer, subject, linked_at, used_at, bound_by`

// byMailbox is bound_by of a link that was made on the strength of the mailbox.
const byMailbox = "mailbox"

func (l Links) scan(r interface{ Scan(dest ...any) error }) (Link, error) {
	var out Link
	var sealed []byte
	var by string
	if err := r.Scan(&out.ID, &out.Account, &out.Issuer, &sealed, db.ScanTime(&out.Since), db.NullTime(&out.UsedAt), &by); err != nil {
		return Link{}, err
	}
	out.ByMailbox = by == byMailbox
	plain, err := l.Keys.Open("upstream_link", "subject", string(out.ID), sealed)
	if err != nil {
		return Link{}, fmt.Errorf("upstream: open subject: %w", err)
	}
	out.Subject = string(plain)
	return out, nil
}

// Find is the link of a subject; false when it has none.
func (l Links) Find(tx *db.Tx, issuer, subject string) (Link, bool, error) {
	for _, index := range l.Keys.Indexes(indexPurpose, key(issuer, subject)) {
		out, err := l.scan(tx.QueryRow(`SELECT `+linkColumns+` FROM upstream_link WHERE subject_index = $1`, index))
		switch {
		case errors.Is(err, db.ErrNoRows):
			continue
		case err != nil:
			return Link{}, false, fmt.Errorf("upstream: find link: %w", err)
		case out.Issuer != issuer || out.Subject != subject:
			return Link{}, false, errors.New("upstream: a link does not hold what its index says")
		}
		return out, true, nil
	}
	return Link{}, false, nil
}

// List gives the links of an account, the oldest first.
func (l Links) List(tx *db.Tx, account id.Account) ([]Link, error) {
	rows, err := tx.Query(`SELECT `+linkColumns+` FROM upstream_link WHERE account_id = $1 ORDER BY linked_at, id`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Link, error) { return l.scan(r) })
	if err != nil {
		return nil, fmt.Errorf("upstream: list links: %w", err)
	}
	return out, nil
}

// Count is how many links an account has: ways in besides its password.
func (l Links) Count(tx *db.Tx, account id.Account) (int, error) {
	var n int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM upstream_link WHERE account_id = $1`, account).Scan(&n); err != nil {
		return 0, fmt.Errorf("upstream: count links: %w", err)
	}
	return n, nil
}

// Used notes a use. It writes at most once a minute.
func (l Links) Used(tx *db.Tx, link LinkID) error {
	now := tx.Now()
	_, err := tx.Exec(`UPDATE upstream_link SET used_at = $1 WHERE id = $2 AND (used_at IS NULL OR used_at <= $3)`,
		db.Millis(now), link, db.Millis(now.Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("upstream: note use: %w", err)
	}
	return nil
}

// SetByMailbox notes that a link was made just now by somebody who had proven nothing but
// the mailbox: Link.ByMailbox.
func (l Links) SetByMailbox(tx *db.Tx, link LinkID) error {
	if err := tx.ExecOne(`UPDATE upstream_link SET bound_by = $1 WHERE id = $2`, byMailbox, link); err != nil {
		return fmt.Errorf("upstream: note how a link was made: %w", err)
	}
	return nil
}

// Confirm notes that a method of AAL2 or more was proven in a session that a link opened:
// from then on it proves something else than the mailbox, however it was made.
func (l Links) Confirm(tx *db.Tx, account id.Account, link LinkID) error {
	if _, err := tx.Exec(`UPDATE upstream_link SET bound_by = '' WHERE id = $1 AND account_id = $2`, link, account); err != nil {
		return fmt.Errorf("upstream: confirm a link: %w", err)
	}
	return nil
}

// Unlink removes a link of an account; false when it has no such one. Whether the
// account can still be reached without it is for the caller to know (R46).
func (l Links) Unlink(tx *db.Tx, account id.Account, link LinkID) (bool, error) {
	var issuer string
	err := tx.QueryRow(`DELETE FROM upstream_link WHERE id = $1 AND account_id = $2 RETURNING issuer`, link, account).Scan(&issuer)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("upstream: unlink: %w", err)
	}
	return true, l.record(tx, audit.UpstreamUnlinked, account, issuer)
}

// Move gives the links of an account to another one of the same person, as many as it
// may have (MaxLinks), the ones used last first. A partner that the other account's owner
// blocked stays behind. It tells how many moved.
func (l Links) Move(tx *db.Tx, from, to id.Account) (int64, error) {
	has, err := l.Count(tx, to)
	if err != nil {
		return 0, err
	}
	n, err := tx.Exec(`UPDATE upstream_link SET account_id = $1 WHERE id IN (`+moving+`)`, to, from, max(0, MaxLinks-has))
	if err != nil {
		return 0, fmt.Errorf("upstream: move links: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	return n, l.Audit.Record(tx, audit.Event{
		Name: audit.UpstreamLinked, Account: to, Outcome: audit.Success, Reason: "merged", Data: map[string]string{"links": strconv.FormatInt(n, 10)},
	})
}

// moving selects the links of account $2 that account $1 takes: $3 at most.
const moving = `SELECT id FROM upstream_link u
	WHERE NOT EXISTS (SELECT 1 FROM upstream_block b WHERE b.account_id = $1 AND b.issuer = u.issuer) AND u.account_id = $2
	ORDER BY COALESCE(u.used_at, u.linked_at) DESC, u.id LIMIT $3`

// Moving are the links that Move would move now, the oldest first.
func (l Links) Moving(tx *db.Tx, from, to id.Account) ([]Link, error) {
	has, err := l.Count(tx, to)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(`SELECT `+linkColumns+` FROM upstream_link WHERE id IN (`+moving+`) ORDER BY linked_at, id`, to, from, max(0, MaxLinks-has))
	out, err := db.Collect(rows, err, func(r *db.Rows) (Link, error) { return l.scan(r) })
	if err != nil {
		return nil, fmt.Errorf("upstream: moving links: %w", err)
	}
	return out, nil
}

// Erase forgets the links and blocks of an account.
func (l Links) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM upstream_link WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("upstream: erase links: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM upstream_block WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("upstream: erase blocks: %w", err)
	}
	return nil
}

// Block lets no subject of a partner be linked to an account: its owner never uses
// that partner. fault.Conflict while a link to it exists, which is removed first.
// Blocking twice is blocking once. Run it in DB.Write.
func (l Links) Block(tx *db.Tx, account id.Account, issuer string) error {
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM upstream_link WHERE account_id = $1 AND issuer = $2`, account, issuer).Scan(&n)
	if err != nil {
		return fmt.Errorf("upstream: block: %w", err)
	}
	if n > 0 {
		return fault.New(fault.Conflict, "error.upstream.in_use")
	}
	rows, err := tx.Exec(`INSERT INTO upstream_block (account_id, issuer, blocked_at) VALUES ($1, $2, $3)
		ON CONFLICT (account_id, issuer) DO NOTHING`, account, issuer, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("upstream: block: %w", err)
	}
	if rows == 0 {
		return nil
	}
	return l.record(tx, audit.UpstreamBlocked, account, issuer)
}

// Unblock takes Block back; false when the partner was not blocked.
func (l Links) Unblock(tx *db.Tx, account id.Account, issuer string) (bool, error) {
	n, err := tx.Exec(`DELETE FROM upstream_block WHERE account_id = $1 AND issuer = $2`, account, issuer)
	if err != nil {
		return false, fmt.Errorf("upstream: unblock: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, l.record(tx, audit.UpstreamUnblocked, account, issuer)
}

// Blocked lists the issuers that an account's owner has blocked.
func (l Links) Blocked(tx *db.Tx, account id.Account) ([]string, error) {
	rows, err := tx.Query(`SELECT issuer FROM upstream_block WHERE account_id = $1 ORDER BY issuer`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (issuer string, err error) { return issuer, r.Scan(&issuer) })
	if err != nil {
		return nil, fmt.Errorf("upstream: list blocks: %w", err)
	}
	return out, nil
}

// Blocked is a sign-in partner that the owner of an account has blocked.
type Blocked struct {
	Issuer string
	At     time.Time
}

// BlockedSince lists them with when that was, for the owner.
func (l Links) BlockedSince(tx *db.Tx, account id.Account) ([]Blocked, error) {
	rows, err := tx.Query(`SELECT issuer, blocked_at FROM upstream_block WHERE account_id = $1 ORDER BY issuer`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (b Blocked, err error) { return b, r.Scan(&b.Issuer, db.ScanTime(&b.At)) })
	if err != nil {
		return nil, fmt.Errorf("upstream: list blocks: %w", err)
	}
	return out, nil
}

// Blocks reports whether an account's owner has blocked a partner.
func (l Links) Blocks(tx *db.Tx, account id.Account, issuer string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM upstream_block WHERE account_id = $1 AND issuer = $2`, account, issuer).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("upstream: read block: %w", err)
	}
	return n > 0, nil
}

// record audits a change of links: the account and the partner, never the subject.
func (l Links) record(tx *db.Tx, name audit.Name, account id.Account, issuer string) error {
	e := l.by
	e.Name, e.Account, e.Outcome, e.Reason, e.Data = name, account, audit.Success, "", map[string]string{"issuer": issuer}
	return l.Audit.Record(tx, e)
}
