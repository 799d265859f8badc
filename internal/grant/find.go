package grant

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Digest is what is kept of an opaque access token.
func Digest(presented string) []byte { return secret.Digest(presented) }

// FindToken is the live access token of a presented text; the second result says whether there is one.
// WhyNot tells the cause when there is none.
func (g Grants) FindToken(tx *db.Tx, presented string) (Token, bool, error) {
	return g.FindDigest(tx, Digest(presented))
}

// FindDigest is FindToken by what is kept of the token.
func (g Grants) FindDigest(tx *db.Tx, digest []byte) (Token, bool, error) {
	var t Token
	var fewer, audience, party, actors, details string
	row := tx.QueryRow(`SELECT `+ofGrant("g")+`, t.created_at, t.expires_at, t.jkt, t.scope, t.audience, t.relying_party, t.actors, t.authorization_details
		FROM access_token t JOIN authorization_grant g ON g.id = t.grant_id
		WHERE t.digest = $1 AND t.expires_at > $2 AND g.revoked_at IS NULL`, digest, db.Millis(tx.Now()))
	gr, err := scan(row.Scan, db.ScanTime(&t.Given), db.NullTime(&t.Expires), db.ScanText(&t.Thumbprint), db.ScanText(&fewer), db.ScanText(&audience), db.ScanText(&party), db.ScanText(&actors), db.ScanText(&details))
	if errors.Is(err, db.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("grant: find token: %w", err)
	}
	t.Grant, t.Scopes, t.Audience = gr, gr.Scopes, strings.Fields(audience)
	t.Party, t.Actors = gr.RelyingParty, strings.Fields(actors)
	t.Details = cmp.Or(details, gr.Details)
	if party != "" {
		t.Details = "" // what was allowed to one service is not allowed to another
		t.Party = id.RelyingParty(party)
	}
	if fewer != "" {
		t.Scopes = strings.Fields(fewer)
	}
	return t, true, nil
}

// FindCode is what a code was given for, good or not: that never changes. Whether it is good
// is for Redeem to say. The second result says whether there is such a code.
func (g Grants) FindCode(tx *db.Tx, code string) (Grant, bool, error) {
	gr, err := scan(tx.QueryRow(`SELECT `+columns+` FROM authorization_grant WHERE code_digest = $1`, secret.Digest(code)).Scan)
	if errors.Is(err, db.ErrNoRows) {
		return Grant{}, false, nil
	}
	if err != nil {
		return Grant{}, false, fmt.Errorf("grant: find code: %w", err)
	}
	return gr, true, nil
}
