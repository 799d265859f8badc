package connection

import (
	"errors"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Cause says why a subject was retired.
type Cause string

// CauseReset is the cause of a subject that a service gave up to start anew with the person.
const CauseReset Cause = "reset"

// Subject is the identifier by which a sector knows an account; it is made at
// the first call, and of callers at the same time all get the same one.
func (c Connections) Subject(tx *db.Tx, sector string, account id.Account) (string, error) {
	subject, found, err := c.subject(tx, sector, account)
	if err != nil || found {
		return subject, err
	}
	_, err = tx.Exec(`INSERT INTO subject (sector, account, subject, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (sector, account) DO NOTHING`, sector, string(account), secret.NewToken(), db.Millis(tx.Now()))
	if err != nil {
		return "", fmt.Errorf("connection: subject: %w", err)
	}
	subject, found, err = c.subject(tx, sector, account)
	if err == nil && !found {
		err = errors.New("connection: subject: it is not there after it was made")
	}
	return subject, err
}

// subject reads the identifier by which a sector knows an account, if there is one.
func (c Connections) subject(tx *db.Tx, sector string, account id.Account) (string, bool, error) {
	var out string
	err := tx.QueryRow(`SELECT subject FROM subject WHERE sector = $1 AND account = $2`, sector, string(account)).Scan(&out)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("connection: subject: %w", err)
	}
	return out, true, nil
}

// BySubject is the account that a sector knows by a subject; false when it knows
// nobody by it, or does not any more.
func (c Connections) BySubject(tx *db.Tx, sector, subject string) (id.Account, bool, error) {
	var out id.Account
	err := tx.QueryRow(`SELECT account FROM subject WHERE sector = $1 AND subject = $2`, sector, subject).Scan(&out)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("connection: by subject: %w", err)
	}
	return out, true, nil
}

// Retire takes from an account the subject by which a sector knows it: the next
// visit makes a new one, and nobody gets the old one. False when there was none. Of
// racers one retires; the others find nothing, or the subject made since.
func (c Connections) Retire(tx *db.Tx, sector string, account id.Account, subject string, cause Cause) (bool, error) {
	kept, err := tx.Exec(`INSERT INTO retired_subject (subject, sector, account, cause, created_at, retired_at)
		SELECT subject, sector, account, CAST($1 AS TEXT), created_at, CAST($2 AS BIGINT) FROM subject
		WHERE sector = $3 AND account = $4 AND subject = $5 ON CONFLICT (subject) DO NOTHING`,
		string(cause), db.Millis(tx.Now()), sector, string(account), subject)
	if err != nil {
		return false, fmt.Errorf("connection: retire: %w", err)
	}
	if kept == 0 {
		return false, nil
	}
	err = tx.ExecOne(`DELETE FROM subject WHERE sector = $1 AND account = $2 AND subject = $3`, sector, string(account), subject)
	if err != nil {
		return false, fmt.Errorf("connection: retire: %w", err)
	}
	return true, c.Audit.Record(tx, audit.Event{
		Name: audit.SubjectRetired, Account: account, Outcome: audit.Success, Reason: string(cause), Data: map[string]string{"sector": sector},
	})
}
