package grant

import (
	"fmt"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
)

// Own is what a service is given for itself and not for a person (RFC 6749, 4.4).
type Own struct {
	ID           id.Grant
	RelyingParty id.RelyingParty
	Scopes       []string
	Token        []byte        // digest of the access token to give
	TokenLife    time.Duration // 0: Settings.AccessTokenLife
	Audience     []string      // that the token is for
	Assertion    *Assertion
	Proof        *Proof
}

// GiveOwn stores an access token of a service for itself: a grant of no account, in no
// session, that has no code and can be renewed by nothing but another such request. Call it
// in db.WriteStatement. The outcomes are Redeemed and Replayed.
func (g Grants) GiveOwn(tx *db.Tx, o Own) (Result, error) {
	if refused, err := g.used(tx, o.RelyingParty, o.Assertion, o.Proof); err != nil || refused != nil {
		return deref(refused), err
	}
	now := tx.Now()
	life, key := o.TokenLife, ""
	if life <= 0 {
		life = g.Settings.AccessTokenLife
	}
	if o.Proof != nil {
		key = o.Proof.Thumbprint
	}
	expires := now.Add(life)
	gr := Grant{ID: o.ID, RelyingParty: o.RelyingParty, Scopes: o.Scopes, Resources: o.Audience}
	err := tx.ExecOne(`INSERT INTO authorization_grant (id, account, relying_party, session, subject, scope, userinfo_claims, id_token_claims,
			acr, amr, auth_time, nonce, code_digest, redirect_uri, challenge, code_expires_at, redeemed_at, created_at, ends_at, resource)
		VALUES ($1, '', $2, '', '', $3, '', '', '', '', $4, '', $5, '', '', $6, $6, $6, $7, $8)`,
		string(o.ID), string(o.RelyingParty), join(o.Scopes), db.Millis(time.Time{}), o.Token, db.Millis(now), db.Millis(expires), db.NullText(join(o.Audience)))
	if err != nil {
		return Result{}, fmt.Errorf("grant: own: %w", err)
	}
	if err := g.store(tx, o.ID, access{digest: o.Token, expires: expires, key: key, audience: o.Audience}); err != nil {
		return Result{}, err
	}
	return Result{Outcome: Redeemed, Grant: gr, Expires: expires, Audience: o.Audience}, g.record(tx, audit.TokenIssued, gr, "client_credentials")
}
