// Package grant holds what was given to services: authorization codes, access
// tokens, refresh tokens and the client assertions already used.
//
// It owns the tables authorization_grant, access_token and used_assertion. One
// authorization is one row; its code is consumed by one conditional update, and
// everything that came of the code is good only while that row is not revoked.
// A code presented a second time revokes the row (RFC 6749, 4.1.2): the denial
// is returned as a value and committed, never lost to a rollback.
//
// Refresh tokens of one authorization are a family in the same row, of which one is good:
// a row does not grow however often it is used. A token that was replaced before, presented
// again, revokes the row as a code does.
//
// Codes and tokens are 256 random bits kept as SHA-256 digests. They are made
// before the transaction. Disconnecting a service, disabling it and closing an
// account end what was given; signing out does not, because the service has a
// session of its own.
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
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// MaxCodeLife is the longest a code may live.
const MaxCodeLife = 60 * time.Second

// MaxRefreshLife is the longest a service may go on while a person is away: about a year.
const MaxRefreshLife = 366 * 24 * time.Hour

// keepEnded is how long ended grants stay, so that a late reuse of a code is still noticed.
const keepEnded = 24 * time.Hour

// Settings are the lifetimes.
type Settings struct {
	// CodeLife is how long an authorization code can be redeemed; at most 60s.
	CodeLife time.Duration `yaml:"code_life"`
	// AccessTokenLife is how long an access token is valid; a partner may set its own.
	AccessTokenLife time.Duration `yaml:"access_token_life"`
	// RefreshLife is how long a service may go on while a person who agreed to that is away; then the person must come again. A partner may set its own.
	RefreshLife time.Duration `yaml:"refresh_token_life"`
	// RefreshIdle is after how long a refresh token ends that is not used.
	RefreshIdle time.Duration `yaml:"refresh_token_idle"`
	// RefreshGrace is how long a public client may try again with the refresh token that was just replaced, when it did not hear the answer; after that it counts as stolen and everything ends. 0s: never.
	RefreshGrace time.Duration `yaml:"refresh_token_grace"`
	// RefreshRetries is how often within that time the same token is answered again; one more counts as stolen, too. Tabs of one browser that all try at once count each.
	RefreshRetries int64 `yaml:"refresh_token_retries"`
	// RefreshEndsWithPassword ends all refresh tokens of an account when its password is changed, so that services ask the person to sign in again.
	RefreshEndsWithPassword bool `yaml:"refresh_ends_with_password"`
}

// Preset returns the numbers of a preset.
func Preset(string) Settings {
	return Settings{
		CodeLife: MaxCodeLife, AccessTokenLife: 15 * time.Minute,
		RefreshLife: 30 * 24 * time.Hour, RefreshIdle: 14 * 24 * time.Hour, RefreshGrace: 20 * time.Second, RefreshRetries: 10, RefreshEndsWithPassword: true,
	}
}

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.CodeLife < 5*time.Second || s.CodeLife > MaxCodeLife {
		out = append(out, "code_life: must be between 5s and 60s")
	}
	if s.AccessTokenLife < 10*time.Second || s.AccessTokenLife > 24*time.Hour {
		out = append(out, "access_token_life: must be between 10s and 24h")
	}
	if s.RefreshLife < s.AccessTokenLife || s.RefreshLife > MaxRefreshLife {
		out = append(out, "refresh_token_life: must be between access_token_life and 8784h")
	}
	if s.RefreshIdle < s.AccessTokenLife || s.RefreshIdle > s.RefreshLife {
		out = append(out, "refresh_token_idle: must be between access_token_life and refresh_token_life")
	}
	if s.RefreshGrace < 0 || s.RefreshGrace > 2*time.Minute {
		out = append(out, "refresh_token_grace: must be between 0s and 2m")
	}
	if s.RefreshRetries < 1 || s.RefreshRetries > 100 {
		out = append(out, "refresh_token_retries: must be between 1 and 100; without any, write refresh_token_grace: 0s")
	}
	return out
}

// Grant is what one authorization gave.
type Grant struct {
	ID             id.Grant
	Account        id.Account
	RelyingParty   id.RelyingParty
	Session        id.Session // in which it was given
	Lineage        id.Session // session.Session.Lineage of it; only Issue takes it
	Subject        string     // by which the service knows the account
	Scopes         []string
	UserInfoClaims []string // released at the userinfo endpoint
	IDTokenClaims  []string // released in the ID token, too
	ACR            string
	AMR            []string
	AuthTime       time.Time
	Nonce          string
	Values         string   // of which single claims must have one to be told, as claim.Values keeps them; "" for none
	Verified       string   // verified claims that are released, as claim.VerifiedRequest keeps them; "" for none
	Details        string   // what exactly was allowed, as JSON (RFC 9396); "": nothing in particular
	Resources      []string // for which it was asked (RFC 8707); nil: for none in particular
}

// Code is what a code is bound to besides its Grant.
type Code struct {
	Digest      []byte // secret.Digest of the code
	RedirectURI string
	Challenge   string // S256; empty when the request had none
	Thumbprint  string // of the key that it is bound to (RFC 9449, 10); "" for none

	Life time.Duration // of a code that a device waits with (RFC 8628); 0: Settings.CodeLife
}

// Outcome is how a redemption ended.
type Outcome string

// The outcomes; only Redeemed gives anything.
const (
	Redeemed Outcome = "redeemed"
	Unknown  Outcome = "unknown"  // no such code for this client, expired, or revoked
	Reused   Outcome = "reused"   // redeemed before; what it gave is revoked by this
	Mismatch Outcome = "mismatch" // wrong redirect address or verifier; the code is spent
	Replayed Outcome = "replayed" // the client assertion, or the proof of possession, was used before
)

// Redemption is a code presented at the token endpoint by an authenticated client.
type Redemption struct {
	Code         string
	Waited       bool // a device or a service waits with it, and it is no authorization code
	RelyingParty id.RelyingParty
	RedirectURI  string
	Verifier     string
	Token        []byte        // digest of the access token to give
	TokenLife    time.Duration // 0: Settings.AccessTokenLife
	Details      string        // of the token, of those of the grant; "": all of them
	Audience     []string      // that the token is for, of the grant's resources; nil: all of them
	Assertion    *Assertion    // for private_key_jwt
	Proof        *Proof        // of the key that the token is bound to; nil for a bearer token
	Offline      *Offline      // the refresh token to give, if the grant is one that lasts; nil: none
}

// Assertion is a client assertion that may be used once.
type Assertion struct {
	JTI     string
	Expires time.Time // from when it is refused anyway
}

// Proof is a proof of possession of a key (RFC 9449) that may be used once, or a certificate
// that a request came with (RFC 8705), of which Thumbprint is protocol.BoundCertificate.
type Proof struct {
	Thumbprint string
	JTI        string
	Expires    time.Time // from when it is refused anyway
}

// Result is how a redemption ended and what it gave.
type Result struct {
	Outcome Outcome
	Cause   Cause     // of every other outcome than Redeemed and Replayed
	Grant   Grant     // of Redeemed, Reused and Mismatch
	Expires time.Time // of the access token
	Offline bool      // the refresh token of the redemption was given
	Details string    // of the access token
	// Audience is that of the access token: what was asked for, or all of the grant.
	Audience []string
	Sealed   []byte // of Repeated: the refresh token that was given before, as it was sealed
}

// Token is a live access token.
type Token struct {
	Grant   Grant
	Given   time.Time
	Expires time.Time

	Thumbprint string // of the key that it is bound to; "" for a bearer token
	// Scopes are those of the token: all of its grant, or fewer.
	Scopes []string
	Party  id.RelyingParty // to whom it was given: the grant's, or one that exchanged another token for it
	Actors []string        // who act in it by exchanging, the newest first (RFC 8693)
	// Details are what exactly was allowed: all of the grant, or fewer; those of a token that came of another one, none.
	Details string
	// Audience are the protected resources that the token is for; nil: for none in particular.
	Audience []string
}

// Parties are all services that a token came by.
func (t Token) Parties() []id.RelyingParty {
	out := []id.RelyingParty{t.Grant.RelyingParty}
	for _, a := range t.Actors {
		out = append(out, id.RelyingParty(a))
	}
	return out
}

// Grants keeps them. Stateless and safe for concurrent use.
type Grants struct {
	Settings Settings
	Audit    *audit.Log
}

const columns = `id, account, relying_party, session, subject, scope, userinfo_claims, id_token_claims, acr, amr, auth_time, nonce, resource, authorization_details, verified_claims, claim_values`

// Issue stores a grant and its code.
func (g Grants) Issue(tx *db.Tx, gr Grant, code Code) error {
	now := tx.Now()
	ends := now.Add(cmp.Or(code.Life, g.Settings.CodeLife))
	err := tx.ExecOne(`INSERT INTO authorization_grant (`+columns+`, code_digest, redirect_uri, challenge,
			code_expires_at, created_at, ends_at, jkt, lineage)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $20, $22, $23)`,
		string(gr.ID), string(gr.Account), string(gr.RelyingParty), string(gr.Session), gr.Subject,
		join(gr.Scopes), join(gr.UserInfoClaims), join(gr.IDTokenClaims), gr.ACR, join(gr.AMR),
		db.Millis(gr.AuthTime), gr.Nonce, db.NullText(join(gr.Resources)), db.NullText(gr.Details), db.NullText(gr.Verified), db.NullText(gr.Values), code.Digest, code.RedirectURI, code.Challenge,
		db.Millis(ends), db.Millis(now), db.NullText(code.Thumbprint), db.NullText(gr.Lineage))
	if err != nil {
		return fmt.Errorf("grant: issue: %w", err)
	}
	return g.record(tx, audit.CodeIssued, gr, "")
}

// Redeem consumes a code and stores the access token it gives. Call it in
// db.WriteStatement: each statement is conditional and no SELECT decides, so of
// any number of redemptions at once one wins. A refusal must be committed, too.
func (g Grants) Redeem(tx *db.Tx, r Redemption) (Result, error) {
	if refused, err := g.used(tx, r.RelyingParty, r.Assertion, r.Proof); err != nil || refused != nil {
		return deref(refused), err
	}
	jkt := ""
	if r.Proof != nil {
		jkt = r.Proof.Thumbprint
	}
	now := tx.Now()
	life := r.TokenLife
	if life <= 0 {
		life = g.Settings.AccessTokenLife
	}
	expires := now.Add(life)
	var redirect, challenge, wanted string
	row := tx.QueryRow(`UPDATE authorization_grant SET redeemed_at = $1, ends_at = $2
		WHERE code_digest = $3 AND relying_party = $4 AND `+r.kind()+` AND redeemed_at IS NULL AND revoked_at IS NULL AND code_expires_at > $1
		RETURNING `+columns+`, redirect_uri, challenge, jkt`,
		db.Millis(now), db.Millis(expires), secret.Digest(r.Code), string(r.RelyingParty))
	gr, err := scan(row.Scan, &redirect, &challenge, db.ScanText(&wanted))
	if errors.Is(err, db.ErrNoRows) {
		return g.reuse(tx, r)
	}
	if err != nil {
		return Result{}, fmt.Errorf("grant: redeem: %w", err)
	}
	cause, ok := bound(r, redirect, challenge)
	if ok && wanted != "" && wanted != jkt {
		cause, ok = KeyDiffers, false
	}
	if !ok {
		return Result{Outcome: Mismatch, Cause: cause, Grant: gr}, g.end(tx, `id = $3`, "mismatch", string(gr.ID))
	}
	out := Result{Outcome: Redeemed, Grant: gr, Expires: expires, Audience: audience(r.Audience, gr), Details: cmp.Or(r.Details, gr.Details)}
	if err := g.store(tx, gr.ID, access{digest: r.Token, expires: expires, key: jkt, audience: out.Audience, details: r.Details}); err != nil {
		return Result{}, err
	}
	if r.Offline != nil && slices.Contains(gr.Scopes, r.Offline.Scope) {
		out.Offline = true
		if err := g.begin(tx, gr, *r.Offline, jkt); err != nil {
			return Result{}, err
		}
	}
	return out, g.record(tx, audit.CodeRedeemed, gr, "")
}

// kind is the condition for codes of the kind that is redeemed: what somebody waits with came
// by no redirect, and every authorization code did. A code of the other kind is not touched.
func (r Redemption) kind() string {
	if r.Waited {
		return `redirect_uri = ''`
	}
	return `redirect_uri <> ''`
}

// access is an access token that is to be stored.
type access struct {
	digest  []byte
	expires time.Time
	key     string   // that it is bound to; "" for a bearer token
	scopes  []string // nil: all of its grant

	audience []string
	details  string // "": all of its grant
}

// audience is for what a token is good: never for more than its grant.
func audience(asked []string, gr Grant) []string {
	if asked == nil {
		return gr.Resources
	}
	return asked
}

func (g Grants) store(tx *db.Tx, of id.Grant, a access) error {
	err := tx.ExecOne(`INSERT INTO access_token (digest, grant_id, created_at, expires_at, jkt, scope, audience, authorization_details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.digest, string(of), db.Millis(tx.Now()), db.Millis(a.expires), db.NullText(a.key), db.NullText(join(a.scopes)), db.NullText(join(a.audience)), db.NullText(a.details))
	if err != nil {
		return fmt.Errorf("grant: store: %w", err)
	}
	return nil
}

// used notes the assertion and the proof of a request, if it has them. A result is the
// refusal of one that was used before.
func (g Grants) used(tx *db.Tx, rp id.RelyingParty, a *Assertion, p *Proof) (*Result, error) {
	if a != nil {
		fresh, err := g.UseAssertion(tx, rp, *a)
		if err != nil {
			return nil, err
		}
		if !fresh {
			return &Result{Outcome: Replayed}, nil
		}
	}
	if p != nil {
		fresh, err := g.UseProof(tx, *p)
		if err != nil {
			return nil, err
		}
		if !fresh {
			return &Result{Outcome: Replayed, Cause: ProofReplayed}, nil
		}
	}
	return nil, nil //nolint:nilnil // nothing is refused
}

// bound compares what the code was bound to in constant time. A verifier is
// demanded exactly when the request had a challenge (RFC 9700, 4.8.2).
func bound(r Redemption, redirect, challenge string) (Cause, bool) {
	same := secret.Equal([]byte(r.RedirectURI), []byte(redirect))
	fits := secret.Equal([]byte(Challenge(r.Verifier)), []byte(challenge))
	switch {
	case challenge != "" && r.Verifier == "":
		return VerifierMissing, false
	case challenge == "" && r.Verifier != "":
		return VerifierUnasked, false
	case challenge != "" && !fits:
		return VerifierWrong, false
	case !same:
		return RedirectDiffers, false
	}
	return "", true
}

// reuse looks whether the code was redeemed by this client before, and if so
// revokes what it gave. Once that is done, further uses write nothing and are Unknown.
func (g Grants) reuse(tx *db.Tx, r Redemption) (Result, error) {
	row := tx.QueryRow(`UPDATE authorization_grant SET revoked_at = $1, revoked_for = $2
		WHERE code_digest = $3 AND relying_party = $4 AND `+r.kind()+` AND redeemed_at IS NOT NULL AND revoked_at IS NULL
		RETURNING `+columns, db.Millis(tx.Now()), "reuse", secret.Digest(r.Code), string(r.RelyingParty))
	gr, err := scan(row.Scan)
	if errors.Is(err, db.ErrNoRows) {
		cause, err := why(tx, r)
		return Result{Outcome: Unknown, Cause: cause}, err
	}
	if err != nil {
		return Result{}, fmt.Errorf("grant: reuse: %w", err)
	}
	return Result{Outcome: Reused, Cause: CodeReused, Grant: gr}, g.record(tx, audit.CodeReused, gr, "")
}

// UseAssertion notes a client assertion and reports whether it was new. One
// insert decides, so of any number at once, on any node, one is new.
func (g Grants) UseAssertion(tx *db.Tx, rp id.RelyingParty, a Assertion) (bool, error) {
	n, err := tx.Exec(`INSERT INTO used_assertion (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`,
		secret.Digest(string(rp)+"\x00"+a.JTI), db.Millis(a.Expires))
	if err != nil {
		return false, fmt.Errorf("grant: assertion: %w", err)
	}
	return n == 1, nil
}

// UseProof notes a proof of possession and reports whether it was new, as UseAssertion does.
// A certificate was proven by its connection, and is always new.
func (g Grants) UseProof(tx *db.Tx, p Proof) (bool, error) {
	if protocol.ByCertificate(p.Thumbprint) {
		return true, nil
	}
	n, err := tx.Exec(`INSERT INTO used_assertion (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`,
		secret.Digest("\x00proof\x00"+p.Thumbprint+"\x00"+p.JTI), db.Millis(p.Expires))
	if err != nil {
		return false, fmt.Errorf("grant: proof: %w", err)
	}
	return n == 1, nil
}

func (g Grants) record(tx *db.Tx, name audit.Name, gr Grant, reason string) error {
	outcome := audit.Success
	if name == audit.CodeReused || name == audit.RefreshReused {
		outcome = audit.Refused
	}
	return g.Audit.Record(tx, audit.Event{
		Name: name, Account: gr.Account, RelyingParty: gr.RelyingParty, Session: gr.Session,
		Outcome: outcome, Reason: reason, Data: map[string]string{"grant": string(gr.ID)},
	})
}

func scan(scan func(...any) error, more ...any) (Grant, error) {
	var g Grant
	var gid, account, rp, session, scopes, userinfo, idToken, amr, resources string
	dest := []any{
		&gid, &account, &rp, &session, &g.Subject, &scopes, &userinfo, &idToken, &g.ACR, &amr,
		db.NullTime(&g.AuthTime), &g.Nonce, db.ScanText(&resources), db.ScanText(&g.Details), db.ScanText(&g.Verified), db.ScanText(&g.Values),
	}
	if err := scan(append(dest, more...)...); err != nil {
		return Grant{}, err
	}
	g.ID, g.Account, g.RelyingParty, g.Session = id.Grant(gid), id.Account(account), id.RelyingParty(rp), id.Session(session)
	g.Scopes, g.UserInfoClaims, g.IDTokenClaims, g.AMR = strings.Fields(scopes), strings.Fields(userinfo), strings.Fields(idToken), strings.Fields(amr)
	g.Resources = strings.Fields(resources)
	return g, nil
}

func join(list []string) string { return strings.Join(list, " ") }
