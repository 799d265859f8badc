package grant

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
)

// MaxActors is how many services can act for one another in one token.
const MaxActors = 4

// Exchange is an access token that is to come of another one (RFC 8693).
type Exchange struct {
	Subject      Token  // that was presented, as FindDigest found it
	Digest       []byte // of the presented token
	RelyingParty id.RelyingParty
	Scopes       []string // never more than those of the subject token
	Audience     []string
	Token        []byte        // digest of the access token to give
	TokenLife    time.Duration // at most; never longer than the subject token is good
	Assertion    *Assertion
	Proof        *Proof
}

// Actors are those who act in the token that comes of an exchange, the newest first.
func (x Exchange) Actors() []string {
	return append([]string{string(x.RelyingParty)}, x.Subject.Actors...)
}

// Exchange stores a token that came of another one. It stays a token of the same grant, so
// that it ends when that is revoked, and with the token that it came of. Call it in
// db.WriteStatement: one update decides whether the subject token is still there, and holds
// it until the new one is stored. The outcomes are Redeemed, Unknown and Replayed.
func (g Grants) Exchange(tx *db.Tx, x Exchange) (Result, error) {
	if refused, err := g.used(tx, x.RelyingParty, x.Assertion, x.Proof); err != nil || refused != nil {
		return deref(refused), err
	}
	now := tx.Now()
	var ends time.Time
	row := tx.QueryRow(`UPDATE access_token SET expires_at = expires_at WHERE digest = $1 AND expires_at > $2
		AND EXISTS (SELECT 1 FROM authorization_grant g WHERE g.id = access_token.grant_id AND g.revoked_at IS NULL)
		RETURNING expires_at`, x.Digest, db.Millis(now))
	err := row.Scan(db.ScanTime(&ends))
	if errors.Is(err, db.ErrNoRows) {
		return Result{Outcome: Unknown, Cause: TokenRevoked}, nil
	}
	if err != nil {
		return Result{}, fmt.Errorf("grant: exchange: %w", err)
	}
	key := ""
	if x.Proof != nil {
		key = x.Proof.Thumbprint
	}
	out := Result{Outcome: Redeemed, Grant: x.Subject.Grant, Expires: earlier(now.Add(x.TokenLife), ends), Audience: x.Audience}
	out.Grant.Scopes = x.Scopes
	err = tx.ExecOne(`INSERT INTO access_token (digest, grant_id, created_at, expires_at, jkt, scope, audience, relying_party, actors, parent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		x.Token, string(out.Grant.ID), db.Millis(now), db.Millis(out.Expires), db.NullText(key), join(x.Scopes), db.NullText(join(x.Audience)),
		string(x.RelyingParty), join(x.Actors()), x.Digest)
	if err != nil {
		return Result{}, fmt.Errorf("grant: exchange: %w", err)
	}
	given := out.Grant
	given.RelyingParty = x.RelyingParty
	return out, g.record(tx, audit.TokenIssued, given, "token_exchange")
}

// endChildren removes the tokens that came of a token that was removed just now, and what came of those.
func endChildren(tx *db.Tx, digest []byte) error {
	of := [][]byte{digest}
	for range MaxActors {
		var next [][]byte
		for _, parent := range of {
			rows, err := tx.Query(`DELETE FROM access_token WHERE parent = $1 RETURNING digest`, parent)
			gone, err := db.Collect(rows, err, func(r *db.Rows) (d []byte, err error) { return d, r.Scan(&d) })
			if err != nil {
				return fmt.Errorf("grant: revoke: %w", err)
			}
			next = append(next, gone...)
		}
		if of = next; len(of) == 0 {
			break
		}
	}
	return nil
}
