package grant

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/secret"
)

// Refresh is a refresh token (RFC 6749, 1.5): the secret of its family, which all that
// came of one authorization share, and one of its own. Both are 256 random bits.
type Refresh struct{ family, own string }

// NewRefresh begins a family. Make it before the transaction.
func NewRefresh() Refresh { return Refresh{secret.NewToken(), secret.NewToken()} }

// Next is another token of the same family. Make it before the transaction.
func (r Refresh) Next() Refresh { return Refresh{r.family, secret.NewToken()} }

// Text is the token as the service gets it.
func (r Refresh) Text() string { return r.family + "." + r.own }

// ParseRefresh reads a presented refresh token; false when it cannot be one of ours.
func ParseRefresh(text string) (Refresh, bool) {
	family, own, ok := strings.Cut(text, ".")
	size := len(secret.NewToken())
	return Refresh{family, own}, ok && len(family) == size && len(own) == size && !strings.Contains(own, ".")
}

func (r Refresh) digest() []byte   { return secret.Digest(r.Text()) }
func (r Refresh) ofFamily() []byte { return secret.Digest("refresh\x00" + r.family) }

// Offline is the refresh token that a redemption gives when the grant is one that lasts
// while the person is away.
type Offline struct {
	Scope   string        // that the grant must have: offline_access
	Refresh Refresh       // the first of its family
	Life    time.Duration // of the family, at most; 0: Settings.RefreshLife
	Bound   bool          // to the key of the request's proof: of a public client (RFC 9449, 5)
}

// Renewal is a refresh token presented at the token endpoint by an authenticated client.
type Renewal struct {
	Refresh      Refresh
	RelyingParty id.RelyingParty
	Scopes       []string // that the access token has; nil: all of the grant
	May          []string // scopes that the service may ask for now: the token has no others
	Token        []byte   // digest of the access token to give
	TokenLife    time.Duration
	Audience     []string // that the token is for; nil: all of the grant
	Details      string   // of the token; "": all of the grant
	Assertion    *Assertion
	Proof        *Proof

	// Next takes the token's place: the client is a public one, from which a stolen token
	// could otherwise not be told apart (RFC 9700, 4.14.2). nil: the token stays what it is,
	// as FAPI 2.0 Security Profile, 5.3.2.1 demands for clients that prove who they are.
	Next *Refresh
	// Sealed is Next's text, for who did not hear the answer and asks again.
	Sealed []byte
}

// The outcomes of a renewal besides Redeemed, Unknown, Reused and Replayed.
const (
	// Repeated: the token was replaced a moment ago, and the answer seems to have been lost.
	// It is given again: an access token, and the successor that was given then.
	Repeated Outcome = "repeated"
)

// key is the thumbprint of the key whose possession was proven; "" for none.
func (r Renewal) key() string {
	if r.Proof == nil {
		return ""
	}
	return r.Proof.Thumbprint
}

// begin stores the first refresh token of a grant that was redeemed just now.
func (g Grants) begin(tx *db.Tx, gr Grant, o Offline, key string) error {
	life := o.Life
	if life <= 0 {
		life = g.Settings.RefreshLife
	}
	if !o.Bound {
		key = ""
	}
	ends := tx.Now().Add(life)
	idle := earlier(tx.Now().Add(g.Settings.RefreshIdle), ends)
	err := tx.ExecOne(`UPDATE authorization_grant SET refresh_family = $1, refresh_digest = $2, refresh_binding = $3,
			refresh_expires_at = $4, refresh_ends_at = $5, ends_at = CASE WHEN ends_at < $4 THEN $4 ELSE ends_at END
		WHERE id = $6`, o.Refresh.ofFamily(), o.Refresh.digest(), db.NullText(key), db.Millis(idle), db.Millis(ends), string(gr.ID))
	if err != nil {
		return fmt.Errorf("grant: begin: %w", err)
	}
	return nil
}

// Renew gives a new access token for a refresh token. Call it in db.WriteStatement: each
// statement is conditional and no SELECT decides, so that of any number of renewals with
// one token, on any node, one replaces it and no family has two ends. A refusal must be
// committed, too.
func (g Grants) Renew(tx *db.Tx, r Renewal) (Result, error) {
	if refused, err := g.used(tx, r.RelyingParty, r.Assertion, r.Proof); err != nil || refused != nil {
		return deref(refused), err
	}
	now := tx.Now()
	next, until := r.Refresh, time.Time{}
	if r.Next != nil {
		next = *r.Next
		if g.Settings.RefreshGrace > 0 { // without one nobody is answered again, not even who began before us
			until = now.Add(g.Settings.RefreshGrace)
		}
	}
	row := tx.QueryRow(`UPDATE authorization_grant SET
			refresh_expires_at = CASE WHEN refresh_ends_at < $1 THEN refresh_ends_at ELSE $1 END,
			ends_at = CASE WHEN refresh_ends_at < $1 THEN refresh_ends_at ELSE $1 END,
			refresh_former = refresh_digest, refresh_digest = $2, refresh_former_until = $3, refresh_successor = $4, refresh_retries = NULL
		WHERE refresh_family = $5 AND refresh_digest = $6 AND relying_party = $7 AND (refresh_binding IS NULL OR refresh_binding = $8)
			AND refresh_expires_at > $9 AND revoked_at IS NULL RETURNING `+columns+`, refresh_ends_at`,
		db.Millis(now.Add(g.Settings.RefreshIdle)), next.digest(), db.Millis(until), r.Sealed,
		r.Refresh.ofFamily(), r.Refresh.digest(), string(r.RelyingParty), r.key(), db.Millis(now))
	var ends time.Time
	gr, err := scan(row.Scan, db.ScanTime(&ends))
	if errors.Is(err, db.ErrNoRows) {
		return g.repeated(tx, r)
	}
	if err != nil {
		return Result{}, fmt.Errorf("grant: renew: %w", err)
	}
	return g.renewed(tx, r, Result{Outcome: Redeemed, Grant: gr}, ends)
}

// repeated answers who tries again with the token that was replaced a moment ago (and whose
// successor nobody has used, for then another one would be the former), so often and no more.
// Everybody else has a token that is no longer good.
func (g Grants) repeated(tx *db.Tx, r Renewal) (Result, error) {
	if r.Next == nil {
		return g.stale(tx, r)
	}
	var ends time.Time
	var sealed []byte
	row := tx.QueryRow(`UPDATE authorization_grant SET refresh_retries = COALESCE(refresh_retries, 0) + 1
		WHERE refresh_family = $1 AND refresh_former = $2 AND relying_party = $3 AND (refresh_binding IS NULL OR refresh_binding = $4)
			AND refresh_former_until > $5 AND COALESCE(refresh_retries, 0) < $6
			AND refresh_expires_at > $5 AND revoked_at IS NULL RETURNING `+columns+`, refresh_ends_at, refresh_successor`,
		r.Refresh.ofFamily(), r.Refresh.digest(), string(r.RelyingParty), r.key(), db.Millis(tx.Now()), g.Settings.RefreshRetries)
	gr, err := scan(row.Scan, db.ScanTime(&ends), &sealed)
	if errors.Is(err, db.ErrNoRows) {
		return g.stale(tx, r)
	}
	if err != nil {
		return Result{}, fmt.Errorf("grant: renew: %w", err)
	}
	return g.renewed(tx, r, Result{Outcome: Repeated, Grant: gr, Sealed: sealed}, ends)
}

// renewed stores the access token. It lives no longer than its family may, and has no scope that
// was taken from its service since; where that leaves none, there is no token.
func (g Grants) renewed(tx *db.Tx, r Renewal, out Result, ends time.Time) (Result, error) {
	life := r.TokenLife
	if life <= 0 {
		life = g.Settings.AccessTokenLife
	}
	out.Expires = earlier(tx.Now().Add(life), ends)
	all := out.Grant.Scopes
	taken := func(s string) bool { return !slices.Contains(r.May, s) }
	if slices.ContainsFunc(all, taken) {
		if r.Scopes == nil {
			r.Scopes = all
		}
		if r.Scopes = slices.DeleteFunc(slices.Clone(r.Scopes), taken); len(r.Scopes) == 0 {
			return Result{Outcome: Unknown, Cause: ScopesTaken}, nil
		}
	}
	if r.Scopes != nil { // the ID token tells no more than userinfo does with the new access token
		out.Grant.IDTokenClaims = claim.Remaining(out.Grant.IDTokenClaims, out.Grant.Scopes, r.Scopes)
		out.Grant.Scopes = r.Scopes
	}
	out.Audience, out.Details = audience(r.Audience, out.Grant), cmp.Or(r.Details, out.Grant.Details)
	err := g.store(tx, out.Grant.ID, access{digest: r.Token, expires: out.Expires, key: r.key(), scopes: r.Scopes, audience: out.Audience, details: r.Details})
	if err != nil {
		return Result{}, err
	}
	reason := "refresh_token"
	if out.Outcome == Repeated {
		reason = "refresh_token repeated"
	}
	return out, g.record(tx, audit.TokenIssued, out.Grant, reason)
}

// stale ends the family of a token that was replaced before: of two who have it, one has
// stolen it, and nobody can say which (RFC 9700, 4.14.2). Once that is done, further uses
// write nothing.
func (g Grants) stale(tx *db.Tx, r Renewal) (Result, error) {
	if r.Next != nil {
		row := tx.QueryRow(`UPDATE authorization_grant SET revoked_at = $1, revoked_for = 'refresh reuse', refresh_successor = NULL, ends_at = $1
			WHERE refresh_family = $2 AND refresh_digest <> $3 AND relying_party = $4 AND (refresh_binding IS NULL OR refresh_binding = $5)
				AND refresh_expires_at > $1 AND revoked_at IS NULL RETURNING `+columns,
			db.Millis(tx.Now()), r.Refresh.ofFamily(), r.Refresh.digest(), string(r.RelyingParty), r.key())
		gr, err := scan(row.Scan)
		switch {
		case err == nil:
			return Result{Outcome: Reused, Cause: RefreshReused, Grant: gr}, g.record(tx, audit.RefreshReused, gr, "")
		case !errors.Is(err, db.ErrNoRows):
			return Result{}, fmt.Errorf("grant: stale: %w", err)
		}
	}
	cause, err := whyNoRefresh(tx, r)
	return Result{Outcome: Unknown, Cause: cause}, err
}

// whyNoRefresh explains a refresh token that gave nothing. It decides nothing.
func whyNoRefresh(tx *db.Tx, r Renewal) (Cause, error) {
	var party, binding string
	var digest []byte
	var expires, revoked time.Time
	row := tx.QueryRow(`SELECT relying_party, refresh_binding, refresh_digest, refresh_expires_at, revoked_at
		FROM authorization_grant WHERE refresh_family = $1`, r.Refresh.ofFamily())
	err := row.Scan(&party, db.ScanText(&binding), &digest, db.NullTime(&expires), db.NullTime(&revoked))
	switch {
	case errors.Is(err, db.ErrNoRows):
		return RefreshUnknown, nil
	case err != nil:
		return "", fmt.Errorf("grant: why no refresh: %w", err)
	case party != string(r.RelyingParty):
		return RefreshOfOther, nil
	case !revoked.IsZero():
		return RefreshRevoked, nil
	case !expires.After(tx.Now()):
		return RefreshExpired, nil
	case binding != "" && (r.Proof == nil || r.Proof.Thumbprint != binding):
		return KeyDiffers, nil
	default:
		return RefreshUnknown, nil
	}
}

// FindRefresh is a refresh token that is good; the second result says whether there is one.
func (g Grants) FindRefresh(tx *db.Tx, r Refresh) (Token, bool, error) {
	var t Token
	row := tx.QueryRow(`SELECT `+columns+`, redeemed_at, refresh_expires_at, refresh_binding FROM authorization_grant
		WHERE refresh_family = $1 AND refresh_digest = $2 AND refresh_expires_at > $3 AND revoked_at IS NULL`,
		r.ofFamily(), r.digest(), db.Millis(tx.Now()))
	gr, err := scan(row.Scan, db.NullTime(&t.Given), db.NullTime(&t.Expires), db.ScanText(&t.Thumbprint))
	if errors.Is(err, db.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("grant: find refresh: %w", err)
	}
	t.Grant, t.Scopes, t.Party, t.Details = gr, gr.Scopes, gr.RelyingParty, gr.Details
	return t, true, nil
}

// FindFamily is what the family of a refresh token was given for, good or not: that never
// changes. The second result says whether there is such a family.
func (g Grants) FindFamily(tx *db.Tx, r Refresh) (Grant, bool, error) {
	gr, err := scan(tx.QueryRow(`SELECT `+columns+` FROM authorization_grant WHERE refresh_family = $1`, r.ofFamily()).Scan)
	if errors.Is(err, db.ErrNoRows) {
		return Grant{}, false, nil
	}
	if err != nil {
		return Grant{}, false, fmt.Errorf("grant: find family: %w", err)
	}
	return gr, true, nil
}

// RevokeRefresh ends a family, with every access token that came of it, for the service
// that it was given to (RFC 7009, 2.1). The outcomes are those of RevokeToken.
func (g Grants) RevokeRefresh(tx *db.Tx, rp id.RelyingParty, r Refresh) (Outcome, error) {
	row := tx.QueryRow(`UPDATE authorization_grant SET revoked_at = $1, revoked_for = 'client', refresh_successor = NULL, ends_at = $1
		WHERE refresh_family = $2 AND relying_party = $3 AND revoked_at IS NULL RETURNING `+columns,
		db.Millis(tx.Now()), r.ofFamily(), string(rp))
	gr, err := scan(row.Scan)
	switch {
	case err == nil:
		return Redeemed, g.record(tx, audit.TokenRevoked, gr, "refresh_token")
	case !errors.Is(err, db.ErrNoRows):
		return "", fmt.Errorf("grant: revoke refresh: %w", err)
	}
	var party string
	err = tx.QueryRow(`SELECT relying_party FROM authorization_grant WHERE refresh_family = $1`, r.ofFamily()).Scan(&party)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return Unknown, nil
	case err != nil:
		return "", fmt.Errorf("grant: revoke refresh: %w", err)
	case party != string(rp):
		return Mismatch, nil
	}
	return Unknown, nil
}

// PasswordChanged revokes what lets services of an account go on while its owner is away,
// if Settings.RefreshEndsWithPassword says so.
func (g Grants) PasswordChanged(tx *db.Tx, account id.Account) error {
	if !g.Settings.RefreshEndsWithPassword {
		return nil
	}
	return g.end(tx, `account = $3 AND refresh_family IS NOT NULL`, "password", string(account))
}

// Away says until when services can go on without the owner of an account, each unless it
// asks again; services that cannot are not in it.
func (g Grants) Away(tx *db.Tx, account id.Account) (map[id.RelyingParty]time.Time, error) {
	type one struct {
		party string
		until time.Time
	}
	rows, err := tx.Query(`SELECT relying_party, MAX(refresh_ends_at) FROM authorization_grant
		WHERE account = $1 AND refresh_expires_at > $2 AND revoked_at IS NULL GROUP BY relying_party`, string(account), db.Millis(tx.Now()))
	all, err := db.Collect(rows, err, func(r *db.Rows) (o one, err error) { return o, r.Scan(&o.party, db.NullTime(&o.until)) })
	if err != nil {
		return nil, fmt.Errorf("grant: away: %w", err)
	}
	out := map[id.RelyingParty]time.Time{}
	for _, o := range all {
		out[id.RelyingParty(o.party)] = o.until
	}
	return out, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func deref(r *Result) Result {
	if r == nil {
		return Result{}
	}
	return *r
}
