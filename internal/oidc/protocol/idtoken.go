package protocol

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"maps"
	"time"

	"parvis/internal/jose"
)

// IDToken is what an ID token says (OpenID Connect Core 1.0, 2, 3.1.3.6 and 3.3.2.11).
type IDToken struct {
	Issuer      string
	Subject     string
	Audience    string
	IssuedAt    time.Time
	Expires     time.Time
	AuthTime    time.Time // zero: nobody knows, and nobody has asked; then there is no such claim
	Nonce       string
	ACR         string
	AMR         []string
	SessionID   string         // sid (Front- and Back-Channel Logout 1.0)
	AccessToken string         // for at_hash
	Code        string         // that it was given for, for c_hash; "" for none
	Algorithm   string         // that will sign it, for both hashes
	ID          string         // jti
	Person      map[string]any // claims about the person; can never replace one of ours
}

// Claims is the payload. The protocol's own claims are written last, so that no
// claim about a person can take their place.
func (t IDToken) Claims() map[string]any {
	out := map[string]any{}
	maps.Copy(out, t.Person)
	out["iss"], out["sub"], out["aud"] = t.Issuer, t.Subject, t.Audience
	out["iat"], out["exp"], out["jti"] = t.IssuedAt.Unix(), t.Expires.Unix(), t.ID
	delete(out, "auth_time")
	if !t.AuthTime.IsZero() {
		out["auth_time"] = t.AuthTime.Unix()
	}
	for name, value := range map[string]string{"nonce": t.Nonce, "acr": t.ACR, "sid": t.SessionID} {
		delete(out, name)
		if value != "" {
			out[name] = value
		}
	}
	delete(out, "amr")
	if len(t.AMR) > 0 {
		out["amr"] = t.AMR
	}
	for name, of := range map[string]string{"at_hash": t.AccessToken, "c_hash": t.Code} {
		delete(out, name)
		if of != "" {
			out[name] = hashFor(t.Algorithm, of)
		}
	}
	return out
}

// LeftHash is the left half of the SHA-256 of a token or code, for at_hash and c_hash beside
// signatures that use that hash (OpenID Connect Core 1.0, 3.1.3.6 and 3.3.2.11): all that there
// are but those of Ed25519.
func LeftHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// hashFor is at_hash or c_hash beside a signature of an algorithm: that of Ed25519 uses SHA-512 (RFC
// 8032, 5.1).
func hashFor(alg, token string) string {
	if alg != "EdDSA" {
		return LeftHash(token)
	}
	sum := sha512.Sum512([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// SessionID is the sid of a session for one client: another one for each client,
// so that clients cannot compare people by it. "" for no session.
func SessionID(session, clientID string) string {
	if session == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("sid\x00" + session + "\x00" + clientID))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Hint is what an ID token of ours tells when a client gives it back (id_token_hint).
type Hint struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  Audience `json:"aud"`
	SessionID string   `json:"sid"`
}

// MayBeIDToken reports whether a signed token with that typ ("" for none) can be an ID token
// of ours: what is signed for another purpose names it (RFC 8725, 3.11).
func MayBeIDToken(typ string) bool { return typ == "" || typ == "jwt" }

// ReadHint reads the payload of an ID token whose signature was ours. It may have
// expired (RP-Initiated Logout 1.0, 4); issuer and single audience must be right.
func ReadHint(payload []byte, issuer string) (Hint, bool) {
	var h Hint
	if jose.Exact(payload, &h) != nil || h.Issuer != issuer || h.Subject == "" || len(h.Audience) != 1 {
		return Hint{}, false
	}
	return h, true
}
