package oidc_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// adds registers one more service at the house.
func (h *house) adds(id string, change func(*relyingparty.Settings)) {
	h.t.Helper()
	h.write(func(tx *db.Tx) error {
		s := parties()[0]
		s.ID, s.Auth, s.JWKS = id, "private_key_jwt", keySet(signingKey)
		change(&s)
		return h.store.Create(tx, s, nil)
	})
	check(h.t, h.registry.Refresh(h.t.Context()))
}

// OIDC Core, 15.1: ID tokens are signed with the algorithm that is registered, RS256 by default.
// OIDC Core, 3.1.3.6: at_hash uses the hash of that algorithm.
// OIDC Core, 3.3.2.11: so does c_hash, the left half of the hash of the code.
// OIDC Core, 5.3.2: userinfo answers in a signed JWT with iss and aud where that is registered.
// JARM, 3: answers are signed with authorization_signed_response_alg.
func TestEachServiceIsSignedForWithItsAlgorithm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed()
		for _, alg := range jose.Algorithms() {
			name := "signs-" + strings.ToLower(string(alg))
			h.adds(name, func(s *relyingparty.Settings) { s.IDTokenAlg, s.UserInfoAlg = string(alg), string(alg) })
			h.consent(a, id.RelyingParty(name), claim.Email)
			_, err := h.keyring.Signer(alg)
			if made := alg == jose.RS256 || alg == jose.ES256; made != (err == nil) || !made && !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s before anybody wants it: %v", alg, err)
			}
			check(t, h.keyring.Prepare(t.Context(), alg))
			code := b.code(name)
			got := h.post("/token", h.assert(name, exchange(code)))
			var tok tokens
			check(t, json.Unmarshal([]byte(got.text), &tok))
			hash := protocol.LeftHash
			if alg == jose.EdDSA {
				hash = func(text string) string {
					sum := sha512.Sum512([]byte(text))
					return base64.RawURLEncoding.EncodeToString(sum[:32])
				}
			}
			if claims := h.claims(tok.ID, alg); claims["aud"] != name || claims["at_hash"] != hash(tok.Access) || claims["c_hash"] != hash(code) {
				t.Errorf("%s: %v", alg, claims)
			}
			info := b.get("/userinfo", "Authorization", "Bearer "+tok.Access)
			if kind := info.Header.Get("Content-Type"); kind != "application/jwt" {
				t.Errorf("%s: userinfo is %s", alg, kind)
			}
			if claims := h.claims(info.text, alg); claims["aud"] != name || claims["iss"] != h.issuer || claims["email"] != "anna@example.org" || claims["sub"] == "" {
				t.Errorf("%s: userinfo %v", alg, claims)
			}
			answer := b.authorize(request(name, "response_mode", "jwt")).answer(t)
			if claims := h.claims(answer.Get("response"), alg); claims["code"] == "" || claims["aud"] != name {
				t.Errorf("%s: answer %v", alg, claims)
			}
			if got := b.authorize(request(name, "id_token_hint", tok.ID, "prompt", "none")).answer(t); got.Get("code") == "" {
				t.Errorf("%s: as a hint: %v", alg, got)
			}
		}
	})
}

// OIDC Core, 10.2: ID tokens and userinfo are encrypted for the key of the service with use enc, after they are signed.
func TestWhatIsToldIsEncryptedForTheServiceThatWantsIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		reader, keys := sealed(t)
		h.adds("sealed", func(s *relyingparty.Settings) {
			s.JWKS, s.IDTokenKeyAlg, s.UserInfoKeyAlg, s.UserInfoContentAlg, s.UserInfoAlg = keys, "RSA-OAEP-256", "RSA-OAEP-256", "A256GCM", "ES256"
		})
		h.adds("sealed-only", func(s *relyingparty.Settings) { s.JWKS, s.UserInfoKeyAlg = keys, "RSA-OAEP-256" })
		b, _ := h.agreed("sealed", "sealed-only")
		var tok tokens
		check(t, json.Unmarshal([]byte(h.post("/token", h.assert("sealed", exchange(b.code("sealed")))).text), &tok))
		inside, err := reader.Decrypt(tok.ID)
		check(t, err)
		if claims := h.claims(inside, jose.RS256); claims["aud"] != "sealed" {
			t.Errorf("%v", claims)
		}
		info := b.get("/userinfo", "Authorization", "Bearer "+tok.Access)
		inside, err = reader.Decrypt(info.text)
		check(t, err)
		if claims := h.claims(inside, jose.ES256); claims["email"] != "anna@example.org" {
			t.Errorf("%v", claims)
		}
		check(t, json.Unmarshal([]byte(h.post("/token", h.assert("sealed-only", exchange(b.code("sealed-only")))).text), &tok))
		info = b.get("/userinfo", "Authorization", "Bearer "+tok.Access)
		inside, err = reader.Decrypt(info.text)
		check(t, err)
		var claims map[string]any
		check(t, json.Unmarshal([]byte(inside), &claims))
		if claims["email"] != "anna@example.org" || info.Header.Get("Content-Type") != "application/jwt" {
			t.Errorf("%v", claims)
		}
	})
}

// OIDC Registration, 2: a code is not spent while the keys to encrypt for cannot be fetched.
func TestNoCodeIsSpentWhileTheKeysToEncryptForAreOutOfReach(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(func(tx *db.Tx) error {
			s := parties()[0]
			s.ID, s.Auth, s.JWKSURI, s.IDTokenKeyAlg = "unread", "none", "https://away.invalid/jwks", "ECDH-ES"
			return h.store.Create(tx, s, nil)
		})
		check(t, h.registry.Refresh(t.Context()))
		b, _ := h.agreed("unread")
		code := b.code("unread")
		resp, err := http.DefaultClient.Do(post(t, h, "/token", exchange(code, "client_id", "unread").Encode()))
		check(t, err)
		check(t, resp.Body.Close())
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%d", resp.StatusCode)
		}
		redeemed := int64(-1)
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM authorization_grant WHERE redeemed_at IS NOT NULL`).Scan(&redeemed)
		}))
		if redeemed != 0 {
			t.Error("the code is spent")
		}
	})
}
