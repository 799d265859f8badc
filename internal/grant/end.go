package grant

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
)

// Challenge is the S256 challenge of a verifier (RFC 7636, 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// EndConnection revokes what an account's services were given: one service's part, at a disconnect.
func (g Grants) EndConnection(tx *db.Tx, account id.Account, rp id.RelyingParty) error {
	return g.end(tx, `account = $3 AND relying_party = $4`, "disconnected", string(account), string(rp))
}

// EndAccount revokes everything given for an account: it was closed, or its owner asked for it.
func (g Grants) EndAccount(tx *db.Tx, account id.Account) error {
	return g.end(tx, `account = $3`, "account", string(account))
}

// EndSubjects revokes what services were given for an account under subjects that it
// answers with no longer.
func (g Grants) EndSubjects(tx *db.Tx, account id.Account, subjects []string) error {
	if len(subjects) == 0 {
		return nil
	}
	marks, args := make([]string, len(subjects)), []any{string(account)}
	for i, s := range subjects {
		marks[i], args = "$"+strconv.Itoa(4+i), append(args, s)
	}
	return g.end(tx, `account = $3 AND subject IN (`+strings.Join(marks, ", ")+`)`, "merged", args...)
}

// EndParty revokes everything a service was given: it was disabled.
func (g Grants) EndParty(tx *db.Tx, rp id.RelyingParty) error {
	if _, err := tx.Exec(`DELETE FROM access_token WHERE relying_party = $1`, string(rp)); err != nil { // what it exchanged
		return fmt.Errorf("grant: end: %w", err)
	}
	return g.end(tx, `relying_party = $3`, "disabled", string(rp))
}

// EndOthers revokes everything given for an account but in one session of it: its owner
// signed out of every other one, of those that had ended before, too.
func (g Grants) EndOthers(tx *db.Tx, account id.Account, except id.Session) error {
	return g.end(tx, `account = $3 AND session <> $4`, "session", string(account), string(except))
}

// Others are the services that still have something which EndOthers would revoke, by
// their identifiers.
func (g Grants) Others(tx *db.Tx, account id.Account, except id.Session) ([]id.RelyingParty, error) {
	rows, err := tx.Query(`SELECT DISTINCT relying_party FROM authorization_grant
		WHERE account = $1 AND session <> $2 AND ends_at > $3 AND revoked_at IS NULL ORDER BY relying_party`,
		string(account), string(except), db.Millis(tx.Now()))
	out, err := db.Collect(rows, err, func(r *db.Rows) (rp id.RelyingParty, err error) { return rp, r.Scan(db.ScanText(&rp)) })
	if err != nil {
		return nil, fmt.Errorf("grant: others: %w", err)
	}
	return out, nil
}

// EndSession revokes everything given in a session, and in those that it replaced or that
// replaced one of them in the same browser (session.Session.Lineage): to its owner, who
// ends it, they are one. Plain signing out does not call it.
func (g Grants) EndSession(tx *db.Tx, session, lineage id.Session) error {
	return g.end(tx, `(session = $3 OR lineage = $4)`, "session", string(session), string(lineage))
}

// EndProven revokes everything given for an account where one of these methods was proven,
// named by their values of amr, but in some sessions of it: the method was removed, and
// whoever has it may hold what outlives the session. An amr does not tell which of several
// methods of a kind it was; then a service asks once too often.
func (g Grants) EndProven(tx *db.Tx, account id.Account, except []id.Session, amr ...string) error {
	if len(amr) == 0 {
		return nil
	}
	args, tests := []any{string(account)}, []string{}
	mark := func(value string) string {
		args = append(args, value)
		return "$" + strconv.Itoa(2+len(args))
	}
	for _, value := range amr {
		tests = append(tests, "' ' || amr || ' ' LIKE "+mark("% "+value+" %"))
	}
	all := []string{"account = $3", "(" + strings.Join(tests, " OR ") + ")"}
	for _, s := range except {
		all = append(all, "session <> "+mark(string(s)))
	}
	return g.end(tx, strings.Join(all, " AND "), "method", args...)
}

// RevokeToken ends one access token for the service that it was given to (RFC 7009, 2.1),
// and those that it was exchanged for.
// Outcome Redeemed when there was one, live or not; Mismatch when it is another service's;
// Unknown when there is none.
func (g Grants) RevokeToken(tx *db.Tx, rp id.RelyingParty, digest []byte) (Outcome, error) {
	row := tx.QueryRow(`SELECT `+ofGrant("g")+`, t.relying_party FROM access_token t JOIN authorization_grant g ON g.id = t.grant_id WHERE t.digest = $1`, digest)
	var party string
	found, err := scan(row.Scan, db.ScanText(&party))
	if party != "" {
		found.RelyingParty = id.RelyingParty(party)
	}
	switch {
	case errors.Is(err, db.ErrNoRows):
		return Unknown, nil
	case err != nil:
		return "", fmt.Errorf("grant: revoke: %w", err)
	case found.RelyingParty != rp:
		return Mismatch, nil
	}
	n, err := tx.Exec(`DELETE FROM access_token WHERE digest = $1`, digest)
	if err != nil {
		return "", fmt.Errorf("grant: revoke: %w", err)
	}
	if n == 0 {
		return Unknown, nil
	}
	if err := endChildren(tx, digest); err != nil {
		return "", err
	}
	return Redeemed, g.record(tx, audit.TokenRevoked, found, "access_token")
}

// ofGrant are the columns of a grant in a query that names its table.
func ofGrant(table string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

// end revokes the grants a condition names; its first placeholder is $3.
func (g Grants) end(tx *db.Tx, condition, reason string, args ...any) error {
	all := append([]any{db.Millis(tx.Now()), reason}, args...)
	_, err := tx.Exec(`UPDATE authorization_grant SET revoked_at = $1, revoked_for = $2, refresh_successor = NULL,
			ends_at = CASE WHEN ends_at < $1 THEN ends_at ELSE $1 END
		WHERE revoked_at IS NULL AND `+condition, all...)
	if err != nil {
		return fmt.Errorf("grant: end: %w", err)
	}
	return nil
}

// Forget removes every trace of an account that is being erased.
func (g Grants) Forget(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`DELETE FROM access_token WHERE grant_id IN (SELECT id FROM authorization_grant WHERE account = $1)`, string(account))
	if err != nil {
		return fmt.Errorf("grant: forget: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM authorization_grant WHERE account = $1`, string(account)); err != nil {
		return fmt.Errorf("grant: forget: %w", err)
	}
	return nil
}

// purgeBatch is how many rows one transaction of Purge removes at most.
const purgeBatch = 500

// Purge removes what ended long enough ago, in small transactions.
func (g Grants) Purge(ctx context.Context, d *db.DB) error {
	for _, query := range []string{
		`DELETE FROM access_token WHERE digest IN (SELECT digest FROM access_token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM authorization_grant WHERE id IN (SELECT id FROM authorization_grant WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)`,
		`DELETE FROM used_assertion WHERE digest IN (SELECT digest FROM used_assertion WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
	} {
		for {
			var n int64
			err := d.Write(ctx, func(tx *db.Tx) error {
				var err error
				n, err = tx.Exec(query, db.Millis(tx.Now().Add(-keepEnded)), purgeBatch)
				return err
			})
			if err != nil {
				return fmt.Errorf("grant: purge: %w", err)
			}
			if n < purgeBatch {
				break
			}
		}
	}
	return nil
}
