package connection

import (
	"fmt"
	"strconv"
	"strings"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Known is a sector that knows an account.
type Known struct {
	Sector  string
	Subject string
}

// Subjects lists the sectors that know an account, in the order of their names.
func (c Connections) Subjects(tx *db.Tx, account id.Account) ([]Known, error) {
	rows, err := tx.Query(`SELECT sector, subject FROM subject WHERE account = $1 ORDER BY sector`, string(account))
	out, err := db.Collect(rows, err, func(r *db.Rows) (k Known, err error) { return k, r.Scan(&k.Sector, &k.Subject) })
	if err != nil {
		return nil, fmt.Errorf("connection: subjects: %w", err)
	}
	return out, nil
}

// causeOf is the cause of a subject that a merging retired.
func causeOf(merge id.Merge) Cause { return Cause("merge:" + merge) }

// Move lets an account answer with the subjects by which sectors know another account
// of the same person. What the account was known by there is retired. It is the one
// case in which a subject changes its account; Return takes it back exactly.
func (c Connections) Move(tx *db.Tx, merge id.Merge, from, to id.Account, sectors []string) error {
	if len(sectors) == 0 {
		return nil
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`INSERT INTO retired_subject (subject, sector, account, cause, created_at, retired_at)
			SELECT subject, sector, account, CAST($1 AS TEXT), created_at, CAST($2 AS BIGINT) FROM subject
			WHERE account = $3`, []any{string(causeOf(merge)), db.Millis(tx.Now()), string(to)}},
		{`DELETE FROM subject WHERE account = $1`, []any{string(to)}},
		{`INSERT INTO moved_subject (merge_id, subject) SELECT CAST($1 AS TEXT), subject FROM subject
			WHERE account = $2`, []any{string(merge), string(from)}},
		{`UPDATE subject SET account = $1 WHERE account = $2`, []any{string(to), string(from)}},
	} {
		in, values := list(len(step.args)+1, sectors)
		if _, err := tx.Exec(step.query+` AND sector IN (`+in+`)`, append(step.args, values...)...); err != nil {
			return fmt.Errorf("connection: move: %w", err)
		}
	}
	return nil
}

// Carry gives an account the connections of another one of the same person that it
// lacks. No claim is shared by them until the person has agreed again: what a service
// would be told has changed.
func (c Connections) Carry(tx *db.Tx, merge id.Merge, from, to id.Account) error {
	_, err := tx.Exec(`INSERT INTO connection (account, relying_party, claims, since, consented_at, last_used_at, carried_by)
		SELECT CAST($1 AS TEXT), relying_party, '', since, consented_at, last_used_at, CAST($2 AS TEXT) FROM connection WHERE account = $3
		ON CONFLICT (account, relying_party) DO NOTHING`, string(to), string(merge), string(from))
	if err != nil {
		return fmt.Errorf("connection: carry: %w", err)
	}
	return nil
}

// Returned is what Return took back: everything given to services since the merging by
// one of these is to be revoked (grant.EndSubjects, grant.EndConnection).
type Returned struct {
	Subjects []string          // that the surviving account answered with meanwhile
	Parties  []id.RelyingParty // services whose carried connection is gone
}

// Return undoes Move and Carry: each account is known again by its own subjects. A
// subject that was retired meanwhile for another reason stays retired.
func (c Connections) Return(tx *db.Tx, merge id.Merge, from, to id.Account) (Returned, error) {
	var out Returned
	rows, err := tx.Query(`SELECT subject FROM moved_subject WHERE merge_id = $1 ORDER BY subject`, string(merge))
	if out.Subjects, err = db.Collect(rows, err, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }); err != nil {
		return Returned{}, fmt.Errorf("connection: return: %w", err)
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{
			`UPDATE subject SET account = $1 WHERE account = $2 AND subject IN (SELECT subject FROM moved_subject WHERE merge_id = $3)`,
			[]any{string(from), string(to), string(merge)},
		},
		{`INSERT INTO subject (sector, account, subject, created_at)
			SELECT r.sector, r.account, r.subject, r.created_at FROM retired_subject r WHERE r.cause = $1 AND r.account = $2
			ON CONFLICT (sector, account) DO NOTHING`, []any{string(causeOf(merge)), string(to)}},
		{
			`DELETE FROM retired_subject WHERE cause = $1 AND subject IN (SELECT subject FROM subject WHERE account = $2)`,
			[]any{string(causeOf(merge)), string(to)},
		},
	} {
		if _, err := tx.Exec(step.query, step.args...); err != nil {
			return Returned{}, fmt.Errorf("connection: return: %w", err)
		}
	}
	rows, err = tx.Query(`DELETE FROM connection WHERE account = $1 AND carried_by = $2 RETURNING relying_party`, string(to), string(merge))
	if out.Parties, err = db.Collect(rows, err, func(r *db.Rows) (p id.RelyingParty, err error) { return p, r.Scan(&p) }); err != nil {
		return Returned{}, fmt.Errorf("connection: return: %w", err)
	}
	return out, c.Settle(tx, merge)
}

// Settle forgets how to undo a merging: its time is over.
func (c Connections) Settle(tx *db.Tx, merge id.Merge) error {
	if _, err := tx.Exec(`DELETE FROM moved_subject WHERE merge_id = $1`, string(merge)); err != nil {
		return fmt.Errorf("connection: settle: %w", err)
	}
	if _, err := tx.Exec(`UPDATE connection SET carried_by = NULL WHERE carried_by = $1`, string(merge)); err != nil {
		return fmt.Errorf("connection: settle: %w", err)
	}
	return nil
}

// list is the placeholders of values from $first on, and the values.
func list(first int, values []string) (string, []any) {
	marks, args := make([]string, len(values)), make([]any, len(values))
	for i, v := range values {
		marks[i], args[i] = "$"+strconv.Itoa(first+i), v
	}
	return strings.Join(marks, ", "), args
}
