package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/grant"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// holder is a client with a key of its own.
type holder struct {
	t   *testing.T
	h   *house
	key *jose.Signer
}

func (h *house) holder() holder {
	h.t.Helper()
	key, err := jose.Generate(jose.ES256)
	check(h.t, err)
	s, err := jose.NewSigner(jose.ES256, key)
	check(h.t, err)
	return holder{h.t, h, s}
}

// proof is a proof of possession for a request; changes with a nil value leave a claim out.
func (k holder) proof(method, path string, changes ...any) string {
	k.t.Helper()
	claims := map[string]any{"jti": secret.NewToken(), "htm": method, "htu": k.h.issuer + path, "iat": k.h.clock.Now().Unix()}
	changed(claims, changes...)
	out, err := k.key.SignWithKey("dpop+jwt", claims)
	check(k.t, err)
	return out
}

// ath is the hash of an access token in a proof.
func ath(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// tokens redeems a code with proofs in the header; node is where it goes.
func (k holder) tokens(node *house, client, code string, proofs ...string) (tokens, http.Header) {
	k.t.Helper()
	r := post(k.t, node, "/token", exchange(code).Encode())
	r.SetBasicAuth(client, password)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	resp, err := http.DefaultClient.Do(r)
	check(k.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	check(k.t, err)
	var out tokens
	check(k.t, json.Unmarshal(raw, &out))
	out.status = resp.StatusCode
	return out, resp.Header
}

// RFC 9449, 5: token_type is DPoP, and the token is bound.
// RFC 9449, 7.1: with the token comes a proof with ath, made for this request.
// RFC 9449, 6.2: introspection tells cnf.jkt.
func TestATokenThatIsBoundToAKeyIsGoodWithThatKeyOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		k, thief := h.holder(), h.holder()
		tok, _ := k.tokens(h, "service", b.code("service"), k.proof("POST", "/token"))
		if tok.status != http.StatusOK || tok.Type != "DPoP" {
			t.Fatalf("%+v", tok)
		}
		ask := func(scheme, proof string) (int, string) {
			headers := []string{"Authorization", scheme + " " + tok.Access}
			if proof != "" {
				headers = append(headers, "DPoP", proof)
			}
			got := h.browser().get("/userinfo", headers...)
			return got.StatusCode, got.Header.Get("WWW-Authenticate")
		}
		good := k.proof("GET", "/userinfo", "ath", ath(tok.Access))
		if status, _ := ask("DPoP", good); status != http.StatusOK {
			t.Errorf("with the key: %d", status)
		}
		for name, c := range map[string]struct{ scheme, proof string }{
			"the same proof again":  {"DPoP", good},
			"as a bearer":           {"Bearer", k.proof("GET", "/userinfo", "ath", ath(tok.Access))},
			"without a proof":       {"DPoP", ""},
			"with another key":      {"DPoP", thief.proof("GET", "/userinfo", "ath", ath(tok.Access))},
			"for another token":     {"DPoP", k.proof("GET", "/userinfo", "ath", ath("x"))},
			"for no token":          {"DPoP", k.proof("GET", "/userinfo")},
			"for another address":   {"DPoP", k.proof("GET", "/token", "ath", ath(tok.Access))},
			"for another method":    {"DPoP", k.proof("POST", "/userinfo", "ath", ath(tok.Access))},
			"with a text":           {"DPoP", "x.y.z"},
			"with an old proof":     {"DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access), "iat", h.clock.Now().Add(-61*time.Second).Unix())},
			"with one of later":     {"DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access), "iat", h.clock.Now().Add(61*time.Second).Unix())},
			"with one without time": {"DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access), "iat", nil)},
		} {
			if status, challenge := ask(c.scheme, c.proof); status != http.StatusUnauthorized || !strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `algs="`) {
				t.Errorf("%s: %d %s", name, status, challenge)
			} else if told, unproven := strings.Contains(challenge, "is bound to a key: send it as Authorization: DPoP"), c.scheme == "Bearer" || c.proof == ""; told != unproven {
				t.Errorf("%s: what to do is told: %v: %s", name, told, challenge)
			}
		}
		if status, _ := ask("DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access), "iat", h.clock.Now().Add(10*time.Second).Unix())); status != http.StatusOK {
			t.Errorf("a clock that is 10 s ahead: %d", status)
		}
		out, _ := h.call("/introspect", "service", url.Values{"token": {tok.Access}})
		cnf, _ := out["cnf"].(map[string]any)
		if out["token_type"] != "DPoP" || cnf["jkt"] != k.key.KeyID() {
			t.Errorf("introspection: %v", out)
		}
		bearer := h.asClient("service", exchange(b.code("service")))
		if got := h.browser().get("/userinfo", "Authorization", "DPoP "+bearer.Access, "DPoP", k.proof("GET", "/userinfo", "ath", ath(bearer.Access))); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("a bearer token as a bound one: %d", got.StatusCode)
		}
	})
}

// RFC 9449, 4.3: typ, alg, jwk, htm, htu, iat and jti of a proof are checked.
func TestEachMistakeInAProofIsRefusedAndSpendsNoCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "bound")
		k := h.holder()
		key, err := jose.Generate(jose.ES256)
		check(t, err)
		plain, err := jose.NewSigner(jose.ES256, crypto.Signer(key))
		check(t, err)
		claims := map[string]any{"jti": "1", "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
		withoutKey, err := plain.Sign("dpop+jwt", claims)
		check(t, err)
		otherType, err := plain.SignWithKey("JWT", claims)
		check(t, err)
		code := b.code("service")
		for name, proofs := range map[string][]string{
			"two proofs":       {k.proof("POST", "/token"), k.proof("POST", "/token")},
			"no key":           {withoutKey},
			"another type":     {otherType},
			"no jti":           {k.proof("POST", "/token", "jti", nil)},
			"a long jti":       {k.proof("POST", "/token", "jti", strings.Repeat("j", 257))},
			"a foreign origin": {k.proof("POST", "/token", "htu", "https://evil.example/token")},
			"a changed byte":   {k.proof("POST", "/token") + "A"},
			"too old":          {k.proof("POST", "/token", "iat", h.clock.Now().Add(-61*time.Second).Unix())},
		} {
			if tok, _ := k.tokens(h, "service", code, proofs...); tok.status != http.StatusBadRequest || tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		odd := strings.ToUpper(h.issuer[:4]) + h.issuer[4:] + "/token?a=b#c" // RFC 9449, 4.3: without query and fragment, normalized
		if tok, _ := k.tokens(h, "service", code, k.proof("POST", "/token", "htu", odd)); tok.status != http.StatusOK {
			t.Errorf("the same address: %+v", tok)
		}
		if tok, _ := k.tokens(h, "bound", b.code("bound")); tok.status != http.StatusBadRequest || tok.Error != "invalid_dpop_proof" {
			t.Errorf("a client that must bind its tokens: %+v", tok)
		}
	})
}

// RFC 9449, 10: a code is bound to the key that dpop_jkt names.
// RFC 9449, 10.1: a code is bound to the key whose proof came with the pushed request.
func TestACodeIsBoundToTheKeyThatTheRequestNamed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		k, thief := h.holder(), h.holder()
		code := func() string { return b.code("service", "dpop_jkt", k.key.KeyID()) }
		for name, proofs := range map[string][]string{"no proof": nil, "another key": {thief.proof("POST", "/token")}} {
			if tok, _ := k.tokens(h, "service", code(), proofs...); tok.Error != "invalid_grant" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		if tok, _ := k.tokens(h, "service", code(), k.proof("POST", "/token")); tok.status != http.StatusOK {
			t.Errorf("%+v", tok)
		}
		if got := b.authorize(request("service", "dpop_jkt", "short")).answer(t); got.Get("error") != "invalid_request" {
			t.Errorf("no thumbprint: %v", got)
		}
		push := func(proof, jkt string) (map[string]any, int) {
			r := post(t, h, "/par", request("service", "dpop_jkt", jkt).Encode())
			r.SetBasicAuth("service", password)
			r.Header.Set("DPoP", proof)
			resp, err := http.DefaultClient.Do(r)
			check(t, err)
			defer func() { _ = resp.Body.Close() }()
			var out map[string]any
			check(t, json.NewDecoder(resp.Body).Decode(&out))
			return out, resp.StatusCode
		}
		proof := k.proof("POST", "/par")
		out, status := push(proof, "")
		if status != http.StatusCreated {
			t.Fatalf("%d %v", status, out)
		}
		pushed := pushes{URI: out["request_uri"].(string)}
		if got, _ := thief.tokens(h, "service", b.authorize(named("service", pushed)).answer(t).Get("code"), thief.proof("POST", "/token")); got.Error != "invalid_grant" {
			t.Errorf("a code of a request that was pushed with another key: %+v", got)
		}
		if out, status := push(proof, ""); status != http.StatusBadRequest || out["error"] != "invalid_dpop_proof" {
			t.Errorf("the proof again: %d %v", status, out)
		}
		if out, status := push(thief.proof("POST", "/par"), k.key.KeyID()); status != http.StatusBadRequest || out["error"] != "invalid_dpop_proof" {
			t.Errorf("two keys: %d %v", status, out)
		}
	})
}

// RFC 9449, 11.1: a proof is good once.
func TestOfManyWhoUseAProofAtOnceOneWins(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		k := h.holder()
		proof := grant.Proof{Thumbprint: k.key.KeyID(), JTI: "one", Expires: h.clock.Now().Add(time.Minute)}
		nodes := []*db.DB{h.db, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now))}
		var mu sync.Mutex
		var wg sync.WaitGroup
		wins := 0
		for i := range 500 {
			wg.Go(func() {
				won := false
				err := nodes[i%2].WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
					won, err = h.grants.UseProof(tx, proof)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if won {
					wins++
				}
			})
		}
		wg.Wait()
		if wins != 1 {
			t.Errorf("%d won", wins)
		}
	})
}

// RFC 9449, 8: a proof that was made beforehand is worth nothing.
func TestANonceIsDemandedGivenAndTakenOnEveryNodeForAWhile(t *testing.T) {
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		h := open(t, d, clock, nil, machine.Settings{ProofNonce: true})
		second := open(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), clock, h, machine.Settings{ProofNonce: true})
		b, _ := h.agreed("service")
		k := h.holder()
		tok, head := k.tokens(h, "service", b.code("service"), k.proof("POST", "/token"))
		nonce := head.Get("DPoP-Nonce")
		if tok.status != http.StatusBadRequest || tok.Error != "use_dpop_nonce" || nonce == "" {
			t.Fatalf("%+v, nonce %q", tok, nonce)
		}
		tok, head = k.tokens(second, "service", b.code("service"), k.proof("POST", "/token", "nonce", nonce))
		if tok.status != http.StatusOK || head.Get("DPoP-Nonce") == "" {
			t.Errorf("on another node: %+v", tok)
		}
		for name, wrong := range map[string]string{"forged": nonce[:len(nonce)-1] + "x", "no mark": strings.Split(nonce, ".")[0], "text": "x"} {
			if tok, _ := k.tokens(h, "service", "x", k.proof("POST", "/token", "nonce", wrong)); tok.Error != "use_dpop_nonce" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		clock.Advance(7 * time.Minute)
		if tok, _ := k.tokens(h, "service", "x", k.proof("POST", "/token", "nonce", nonce)); tok.Error != "use_dpop_nonce" {
			t.Errorf("an old one: %+v", tok)
		}
	}, dbtest.WithClock(clock.Now))
}

// RFC 9449, 4.2: names of claims are exact, and none comes twice.
// RFC 9101, 4: names of claims of a request object are exact.
func TestNamesInProofsAndObjectsAreExact(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "strict")
		k := h.holder()
		for _, claim := range []string{"jti", "htm", "htu", "iat"} {
			upper := map[string]any{"jti": secret.NewToken(), "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
			upper[strings.ToUpper(claim)] = upper[claim]
			delete(upper, claim)
			out, err := k.key.SignWithKey("dpop+jwt", upper)
			check(t, err)
			if tok, _ := k.tokens(h, "service", b.code("service"), out); tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s in upper case: %+v", claim, tok)
			}
			both := map[string]any{"jti": secret.NewToken(), "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
			both[strings.ToUpper(claim)] = both[claim]
			out, err = k.key.SignWithKey("dpop+jwt", both)
			check(t, err)
			if tok, _ := k.tokens(h, "service", b.code("service"), out); tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s twice: %+v", claim, tok)
			}
		}
		for _, claim := range []string{"aud", "exp", "nbf"} {
			claims := objectClaims(h, "strict")
			claims[strings.ToUpper(claim)] = claims[claim]
			delete(claims, claim)
			got := b.get("/authorize?" + inObject("strict", object(t, signingKey, "oauth-authz-req+jwt", claims)).Encode())
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s of a request object in upper case: %d", claim, got.StatusCode)
			}
		}
	})
}

// raw makes a proof by hand, so that its header can be anything; key signs with ES256.
func raw(t *testing.T, key crypto.Signer, header, claims map[string]any) string {
	t.Helper()
	h, err := json.Marshal(header)
	check(t, err)
	c, err := json.Marshal(claims)
	check(t, err)
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
	check(t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// What fapi2-security-profile-final-dpop-negative-tests sends to a protected resource, and the token endpoint with it.
func TestEachRuleOfProofsHoldsAtTheResourceAndAtTheTokenEndpoint(t *testing.T) {
	rsa, err := jose.Generate(jose.PS256)
	check(t, err)
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		key, err := jose.Generate(jose.ES256)
		check(t, err)
		k := holder{t, h, signs(t, jose.ES256, key)}
		tok, _ := k.tokens(h, "service", b.code("service"), k.proof("POST", "/token"))
		private := key.(*ecdsa.PrivateKey)
		point, err := private.PublicKey.Bytes()
		check(t, err)
		jwk := map[string]any{"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])}
		d, err := private.Bytes()
		check(t, err)
		leaked := maps.Clone(jwk)
		leaked["d"] = base64.RawURLEncoding.EncodeToString(d)
		header := func(changes ...any) map[string]any {
			return changed(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}, changes...)
		}
		type target struct {
			method, path, ath string
		}
		resource, endpoint := target{"GET", "/userinfo", ath(tok.Access)}, target{"POST", "/token", ""}
		claims := func(at target, changes ...any) map[string]any {
			out := map[string]any{"jti": secret.NewToken(), "htm": at.method, "htu": h.issuer + at.path, "iat": h.clock.Now().Unix()}
			if at.ath != "" {
				out["ath"] = at.ath
			}
			return changed(out, changes...)
		}
		// sends gives the status and the error of a request with proofs.
		sends := func(at target, proofs ...string) (int, string) {
			t.Helper()
			if at == endpoint {
				out, _ := k.tokens(h, "service", b.code("service"), proofs...)
				return out.status, out.Error
			}
			r, err := http.NewRequestWithContext(t.Context(), at.method, h.issuer+at.path, nil)
			check(t, err)
			r.Header.Set("Authorization", "DPoP "+tok.Access)
			for _, p := range proofs {
				r.Header.Add("DPoP", p)
			}
			resp, err := http.DefaultClient.Do(r)
			check(t, err)
			check(t, resp.Body.Close())
			found := ""
			if _, rest, ok := strings.Cut(resp.Header.Get("WWW-Authenticate"), `error="`); ok {
				found, _, _ = strings.Cut(rest, `"`)
			}
			return resp.StatusCode, found
		}
		now := h.clock.Now()
		for _, at := range []target{resource, endpoint} {
			foreign := strings.Replace(h.issuer, "127.0.0.1", "127.0.0.3", 1) + at.path
			signed := func(header, claims map[string]any) []string { return []string{raw(t, key, header, claims)} }
			for name, proofs := range map[string][]string{
				"RFC 9449, 4.3: a proof as it should be is taken":                            signed(header(), claims(at)),
				"RFC 9449, 4.3: query and fragment of htu do not count":                      signed(header(), claims(at, "htu", h.issuer+at.path+"?a=b#c")),
				"RFC 9449, 4.3: scheme and host of htu are compared without regard to case":  signed(header(), claims(at, "htu", strings.ToUpper(h.issuer[:4])+h.issuer[4:]+at.path)),
				"RFC 9449, 11.1: iat may be 10 seconds ahead":                                signed(header(), claims(at, "iat", now.Add(10*time.Second).Unix())),
				"RFC 9449, 11.1: iat may be 10 seconds ago":                                  signed(header(), claims(at, "iat", now.Add(-10*time.Second).Unix())),
				"RFC 9449, 4.2: members of header and claims that are not known are ignored": signed(header("x", "y"), claims(at, "nbf", now.Unix(), "exp", now.Add(5*time.Minute).Unix(), "z", []int{1})),
			} {
				t.Run(name+": "+at.path, func(t *testing.T) {
					if status, code := sends(at, proofs...); status != http.StatusOK {
						t.Errorf("%d %s", status, code)
					}
				})
			}
			none := strings.Split(raw(t, key, header("alg", "none"), claims(at)), ".")
			broken := raw(t, key, header(), claims(at))
			broken = broken[:len(broken)-8] + map[bool]string{true: "BBBBBBBB", false: "AAAAAAAA"}[strings.HasSuffix(broken, "AAAAAAAA")]
			rs256, err := signs(t, jose.RS256, rsa).SignWithKey("dpop+jwt", claims(at))
			check(t, err)
			refusals := map[string][]string{
				"RFC 9449, 4.3: one proof and no more":                                {k.proof(at.method, at.path, "ath", ath(tok.Access)), k.proof(at.method, at.path, "ath", ath(tok.Access))},
				"RFC 9449, 4.3: a proof is a JWT":                                     {"x.y.z"},
				"RFC 9449, 4.3: typ is there":                                         signed(header("typ", nil), claims(at)),
				"RFC 9449, 4.3: typ is dpop+jwt":                                      signed(header("typ", "JWT"), claims(at)),
				"RFC 9449, 4.3: alg is there":                                         signed(header("alg", nil), claims(at)),
				"RFC 9449, 4.3: alg is not none":                                      {none[0] + "." + none[1] + "."},
				"RFC 9449, 4.3: alg is none that a secret signs":                      signed(header("alg", "HS256"), claims(at)),
				"RFC 9449, 4.3: alg is one of dpop_signing_alg_values_supported":      {rs256},
				"RFC 9449, 4.2: jwk is there":                                         signed(header("jwk", nil), claims(at)),
				"RFC 9449, 4.3: jwk holds no private key":                             signed(header("jwk", leaked), claims(at)),
				"RFC 9449, 4.3: the signature is good with the key in the header":     {broken},
				"RFC 9449, 4.2: jti is there":                                         signed(header(), claims(at, "jti", nil)),
				"RFC 9449, 4.2: htm is there":                                         signed(header(), claims(at, "htm", nil)),
				"RFC 9449, 4.2: htu is there":                                         signed(header(), claims(at, "htu", nil)),
				"RFC 9449, 4.2: iat is there":                                         signed(header(), claims(at, "iat", nil)),
				"RFC 9449, 4.3: htm is the method":                                    signed(header(), claims(at, "htm", "PUT")),
				"RFC 9449, 4.3: htm is compared with regard to case":                  signed(header(), claims(at, "htm", strings.ToLower(at.method))),
				"RFC 9449, 4.3: htu has the path of the request":                      signed(header(), claims(at, "htu", h.issuer+"/elsewhere")),
				"RFC 9449, 4.3: htu has the host of the request":                      signed(header(), claims(at, "htu", foreign)),
				"RFC 9449, 11.1: iat is not an hour ahead":                            signed(header(), claims(at, "iat", now.Add(time.Hour).Unix())),
				"RFC 9449, 11.1: iat is not an hour ago":                              signed(header(), claims(at, "iat", now.Add(-time.Hour).Unix())),
				"FAPI 2.0 SP, 5.3.2.1: iat is not more than 60 seconds ahead":         signed(header(), claims(at, "iat", now.Add(61*time.Second).Unix())),
				"RFC 9449, 4.3: claims are of their types":                            signed(header(), claims(at, "iat", "now")),
				"RFC 9449, 11.1: jti is of a length that can be kept":                 signed(header(), claims(at, "jti", strings.Repeat("j", 257))),
				"RFC 9449, 12.1: a token of another type in its place proves nothing": {tok.ID},
			}
			for name, proofs := range refusals {
				t.Run(name+": "+at.path, func(t *testing.T) {
					want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusBadRequest}[at == resource]
					if status, code := sends(at, proofs...); status != want || code != "invalid_dpop_proof" {
						t.Errorf("%d %s", status, code)
					}
				})
			}
		}
		for name, proof := range map[string]string{
			"RFC 9449, 7.1: ath is there":                  raw(t, key, header(), claims(resource, "ath", nil)),
			"RFC 9449, 4.3: ath is the hash of this token": raw(t, key, header(), claims(resource, "ath", ath("another"))),
		} {
			t.Run(name, func(t *testing.T) {
				if status, code := sends(resource, proof); status != http.StatusUnauthorized || code != "invalid_dpop_proof" {
					t.Errorf("%d %s", status, code)
				}
			})
		}
		t.Run("RFC 9449, 11.1: a proof is good once at the resource", func(t *testing.T) {
			proof := raw(t, key, header(), claims(resource))
			if status, _ := sends(resource, proof); status != http.StatusOK {
				t.Fatalf("%d", status)
			}
			if status, code := sends(resource, proof); status != http.StatusUnauthorized || code != "invalid_dpop_proof" {
				t.Errorf("%d %s", status, code)
			}
		})
		t.Run("RFC 9449, 11.1: a proof is good once at the token endpoint, also for another code", func(t *testing.T) {
			proof := raw(t, key, header(), claims(endpoint))
			if status, _ := sends(endpoint, proof); status != http.StatusOK {
				t.Fatalf("%d", status)
			}
			if status, code := sends(endpoint, proof); status != http.StatusBadRequest || code != "invalid_dpop_proof" {
				t.Errorf("%d %s", status, code)
			}
		})
	})
}

// RFC 9449, 5: a refresh token of a public client is bound to its key, and a new access token to the key of the proof with it.
// RFC 9449, 5.1: the document names the algorithms of proofs.
func TestRefreshedTokensAreBound(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("mobile", func(s *relyingparty.Settings) { s.Auth = "none" })
		a := h.person("anna@example.org")
		h.consent(a, "mobile", claim.Email, claim.ScopeOffline)
		b := h.browser()
		b.signIn(a, "")
		k, thief := h.holder(), h.holder()
		tok := h.ask("mobile", exchange(b.code("mobile", "scope", offline)), k.proof("POST", "/token"))
		refresh := func() url.Values {
			return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}
		}
		for name, proofs := range map[string][]string{"without a proof": nil, "with another key": {thief.proof("POST", "/token")}} {
			if out := h.ask("mobile", refresh(), proofs...); out["error"] != "invalid_grant" {
				t.Errorf("%s: %v", name, out)
			}
		}
		next := h.ask("mobile", refresh(), k.proof("POST", "/token"))
		cnf, _ := h.told(next["access_token"])["cnf"].(map[string]any)
		if next["token_type"] != "DPoP" || cnf["jkt"] != k.key.KeyID() {
			t.Errorf("%v bound to %v", next, cnf)
		}
		if doc := b.get("/.well-known/oauth-authorization-server").text; !strings.Contains(doc, `"dpop_signing_alg_values_supported":["ES256","PS256","EdDSA"]`) {
			t.Error(doc)
		}
	})
}

// RFC 9449, 11.1: a proof is good for one request, also when that was refused for something else.
func TestTheProofOfARefusedRequestIsUsedUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		k := h.holder()
		ask := func(path, proof string, v url.Values) string {
			t.Helper()
			r := post(t, h, path, v.Encode(), "DPoP", proof)
			r.SetBasicAuth("service", password)
			return h.send(r).Error
		}
		for path, c := range map[string]struct {
			bad, good url.Values
			code      string
		}{
			"/token": {exchange(b.code("service"), "authorization_details", "[]"), exchange(b.code("service")), "invalid_authorization_details"},
			"/par":   {request("service", "response_type", "token"), request("service"), "unsupported_response_type"},
		} {
			proof := k.proof("POST", path)
			if got := ask(path, proof, c.bad); got != c.code {
				t.Errorf("%s: %q", path, got)
			}
			if got := ask(path, proof, c.good); got != "invalid_dpop_proof" {
				t.Errorf("%s: the proof of a refused request is taken: %q", path, got)
			}
			if got := ask(path, k.proof("POST", path), c.good); got != "" {
				t.Errorf("%s: %q", path, got)
			}
		}
	})
}
