package oidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"parvis/internal/db/dbtest"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// RFC 6749, 4.1.3: a code is good for its client and its redirect address only.
// RFC 7636, 4.6: a verifier that is not the one of the challenge is invalid_grant.
func TestOnlyOneCellOfClientAddressAndVerifierIsAccepted(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		accepted := 0
		for _, client := range []string{"service", "other", "public", "nobody"} {
			for _, redirect := range []string{callback, callback + "?x=1", callback + "/", "-"} {
				for _, v := range []string{verifier, strings.ToUpper(verifier), verifier + "A", "-"} {
					changes := []string{"redirect_uri", strings.Trim(redirect, "-"), "code_verifier", strings.Trim(v, "-")}
					var tok tokens
					if client == "public" {
						tok = h.asClient("", exchange(b.code("service"), append(changes, "client_id", client)...))
					} else {
						tok = h.asClient(client, exchange(b.code("service"), changes...))
					}
					right := client == "service" && redirect == callback && v == verifier
					if (tok.status == http.StatusOK) != right {
						t.Errorf("%s %s %s: %d %s", client, redirect, v, tok.status, tok.Error)
					}
					if tok.status == http.StatusOK {
						accepted++
					} else if tok.Error != "invalid_grant" && tok.Error != "invalid_client" {
						t.Errorf("%s %s %s: %s", client, redirect, v, tok.Error)
					}
				}
			}
		}
		if accepted != 1 {
			t.Errorf("%d cells were accepted", accepted)
		}
	})
}

// RFC 7636, 4.4.1: without a challenge the request is invalid_request.
// RFC 9700, 2.1.1: a verifier without a challenge is refused.
func TestPKCECannotBeDowngraded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "plain", "public")
		without := []string{"code_challenge", "", "code_challenge_method", ""}
		for _, client := range []string{"service", "public"} {
			if got := b.authorize(request(client, without...)).answer(t).Get("error"); got != "invalid_request" {
				t.Errorf("%s without PKCE: %q", client, got)
			}
		}
		for name, c := range map[string]struct {
			sent     []string
			verifier string
			ok       bool
		}{
			"none, none":           {without, "", true},
			"none, verifier":       {without, verifier, false},
			"challenge, none":      {nil, "", false},
			"challenge, challenge": {nil, request("x").Get("code_challenge"), false},
			"challenge, verifier":  {nil, verifier, true},
		} {
			tok := h.asClient("plain", exchange(b.code("plain", c.sent...), "code_verifier", c.verifier))
			if (tok.status == http.StatusOK) != c.ok {
				t.Errorf("%s: %d %s", name, tok.status, tok.Error)
			}
		}
	})
}

// RFC 6749, 4.1.2: a code that comes again is refused, and what it gave is revoked.
func TestAReusedCodeIsInvalidAndWhatItGaveIsRevokedOnEveryNode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		b, _ := h.agreed("service")
		code := b.code("service")
		first := second.asClient("service", exchange(code))
		if _, status := h.userinfo(first.Access); status != http.StatusOK {
			t.Fatalf("userinfo on the first node %d", status)
		}
		if again := h.asClient("service", exchange(code)); again.status != http.StatusBadRequest || again.Error != "invalid_grant" {
			t.Errorf("again: %+v", again)
		}
		for _, node := range []*house{h, second} {
			if _, status := node.userinfo(first.Access); status != http.StatusUnauthorized {
				t.Errorf("userinfo after the reuse: %d", status)
			}
		}
	})
}

// RFC 6749, 10.5: a code is used once, however many bring it at the same time.
func TestOfManyExchangesAtOnceOneWins(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		var mu sync.Mutex
		var wg sync.WaitGroup
		wins := 0
		for range 40 {
			wg.Go(func() {
				tok := h.asClient("service", exchange(code))
				mu.Lock()
				defer mu.Unlock()
				if tok.status == http.StatusOK {
					wins++
				} else if tok.Error != "invalid_grant" {
					t.Error(tok)
				}
			})
		}
		wg.Wait()
		if wins != 1 {
			t.Errorf("%d won", wins)
		}
	})
}

// RFC 6749, 4.1.2: a code lives for a minute at most.
func TestACodeThatIsTooOldIsInvalid(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		h.clock.Advance(time.Minute)
		if tok := h.asClient("service", exchange(code)); tok.Error != "invalid_grant" {
			t.Errorf("%+v", tok)
		}
		access := h.asClient("service", exchange(b.code("service"))).Access
		h.clock.Advance(15 * time.Minute)
		if _, status := h.userinfo(access); status != http.StatusUnauthorized {
			t.Errorf("an old access token: %d", status)
		}
	})
}

// RFC 6750, 2.1 and 2.2: a token comes in the header or in a form, never in the address.
// RFC 6750, 3.1: a token that is not good is invalid_token with 401, a request without one has no error code.
// OIDC Core, 5.3.1: userinfo answers GET and POST.
func TestNoChangedTokenAndNoOtherKindOfTokenIsAnAccessToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		tok := h.asClient("service", exchange(code))
		tries := []string{tok.ID, code, tok.Access[1:], tok.Access[:42], tok.Access + "A", tok.Access + "=", strings.ToLower(tok.Access), "'", "%00", "null"}
		for i := 0; i < len(tok.Access); i += 7 {
			tries = append(tries, tok.Access[:i]+string(tok.Access[i]^1)+tok.Access[i+1:])
		}
		for _, changed := range tries {
			got := b.get("/userinfo", "Authorization", "Bearer "+changed)
			if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				t.Errorf("%q: %d %s", changed, got.StatusCode, got.Header.Get("WWW-Authenticate"))
			}
		}
		none := b.get("/userinfo")
		if none.StatusCode != http.StatusUnauthorized || strings.Contains(none.Header.Get("WWW-Authenticate"), "error") {
			t.Errorf("without a token: %d %s", none.StatusCode, none.Header.Get("WWW-Authenticate"))
		}
		if got := b.do(http.MethodPost, "/userinfo", url.Values{"access_token": {tok.Access}}); got.StatusCode != http.StatusOK {
			t.Errorf("in a form: %d %s", got.StatusCode, got.text)
		}
		if got := b.do(http.MethodPost, "/userinfo", nil, "Authorization", "Bearer "+tok.Access); got.StatusCode != http.StatusOK {
			t.Errorf("POST with a header: %d", got.StatusCode)
		}
		for _, kind := range []string{"text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", "?"} {
			got := b.do(http.MethodPost, "/userinfo", nil, "Authorization", "Bearer "+tok.Access, "Content-Type", kind)
			if got.StatusCode != http.StatusOK {
				t.Errorf("POST with a header and a body of %s: %d %s", kind, got.StatusCode, got.text)
			}
			if got := b.do(http.MethodPost, "/userinfo", nil, "Content-Type", kind); got.StatusCode != http.StatusUnauthorized {
				t.Errorf("POST without a token and a body of %s: %d %s", kind, got.StatusCode, got.text)
			}
		}
		if got := b.get("/userinfo?access_token=" + tok.Access); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("in the query: %d", got.StatusCode)
		}
	})
}

// RFC 6749, 5.2: each mistake has its code and status: invalid_request, invalid_client with a challenge, invalid_grant, unsupported_grant_type.
// RFC 6749, 2.3: a client authenticates in one way per request.
// RFC 6749, 5.1: no answer of the token endpoint may be kept.
// RFC 6749, 3.2: the token endpoint takes POST only.
func TestATokenRequestIsRefusedByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		for name, c := range map[string]struct {
			form    url.Values
			headers []string
			status  int
			code    string
		}{
			"nobody":          {exchange("c"), nil, 401, "invalid_client"},
			"unknown":         {exchange("c", "client_id", "nobody", "client_secret", password), nil, 401, "invalid_client"},
			"wrong secret":    {exchange("c", "client_id", "service", "client_secret", password+"x"), nil, 401, "invalid_client"},
			"no secret":       {exchange("c", "client_id", "service"), nil, 401, "invalid_client"},
			"two ways":        {exchange("c", "client_id", "service", "client_secret", password), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"password":        {exchange("c", "grant_type", "password"), []string{"Authorization", basic("service", password)}, 400, "unsupported_grant_type"},
			"no grant type":   {exchange("c", "grant_type", ""), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"no code":         {exchange(""), []string{"Authorization", basic("service", password)}, 400, "invalid_grant"},
			"wrong code":      {exchange("c"), []string{"Authorization", basic("service", password)}, 400, "invalid_grant"},
			"JSON":            {exchange("c"), []string{"Content-Type", "application/json"}, 400, "invalid_request"},
			"secret for keys": {exchange("c", "client_id", "signed", "client_secret", password), nil, 401, "invalid_client"},
			"none for keys":   {exchange("c", "client_id", "signed"), nil, 401, "invalid_client"},
			"public's secret": {exchange("c", "client_id", "public", "client_secret", password), nil, 401, "invalid_client"},
			"long code":       {exchange(strings.Repeat("c", 600)), []string{"Authorization", basic("service", password)}, 400, "invalid_grant"},
			"very long":       {exchange(strings.Repeat("c", 20_000)), []string{"Authorization", basic("service", password)}, 413, "invalid_request"},
			"code twice":      {url.Values{"grant_type": {"authorization_code"}, "code": {"a", "b"}}, []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"NUL":             {exchange("c\x00"), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"invalid UTF-8":   {exchange("c\xff"), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
		} {
			if name == "no code" {
				c.code = "invalid_request"
			}
			got := b.do(http.MethodPost, "/token", c.form, c.headers...)
			var out tokens
			if err := json.Unmarshal([]byte(got.text), &out); err != nil {
				t.Errorf("%s: %v: %s", name, err, got.text)
			}
			if got.StatusCode != c.status || out.Error != c.code || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %+v", name, got.StatusCode, out)
			}
			if (got.StatusCode == 401) != strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: challenge %q", name, got.Header.Get("WWW-Authenticate"))
			}
			if len(got.Cookies()) > 0 {
				t.Errorf("%s: a cookie", name)
			}
		}
		if got := b.get("/token"); got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", got.StatusCode)
		}
	})
}

func basic(client, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+secret))
}

func TestBothSecretsAreGoodDuringRotationAndOneAfterwards(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		next := secret.NewToken()
		h.write(func(tx *tx) error {
			return h.store.RotateSecret(tx, "service", secret.Digest(next), tx.Now().Add(time.Hour))
		})
		check(t, h.registry.Refresh(t.Context()))
		both := func() (old, new int) {
			old = h.asClient("service", exchange(b.code("service"))).status
			new = h.asClient("", exchange(b.code("service"), "client_id", "service", "client_secret", next)).status
			return old, new
		}
		if old, new := both(); old != 200 || new != 200 {
			t.Errorf("during the rotation: %d, %d", old, new)
		}
		h.clock.Advance(time.Hour)
		check(t, h.registry.Refresh(t.Context()))
		b.signIn(h.person("bea@example.org"), "")
		h.consent(h.person("carl@example.org"), "service", "email")
		if old := h.asClient("service", exchange("c")); old.Error != "invalid_client" {
			t.Errorf("the former secret after its end: %+v", old)
		}
		if tok := h.asClient("", exchange("c", "client_id", "service", "client_secret", next)); tok.Error != "invalid_grant" {
			t.Errorf("the new secret: %+v", tok)
		}
	})
}

func TestRefusedTokenRequestsAreSlowedDownWithoutStoppingGoodOnes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		slowed := false
		for range 130 {
			if h.asClient("service", exchange("wrong")).status == http.StatusTooManyRequests {
				slowed = true
				break
			}
		}
		if !slowed {
			t.Error("130 wrong codes were all answered")
		}
		if tok := h.asClient("service", exchange(b.code("service"))); tok.status != http.StatusOK {
			t.Errorf("a good one: %+v", tok)
		}
	})
}

// assertionClaims are those of a good client assertion.
func assertionClaims(h *house, changes ...any) map[string]any {
	c := map[string]any{
		"iss": "signed", "sub": "signed", "aud": h.issuer, "jti": secret.NewToken(), "iat": h.clock.Now().Unix(), "exp": h.clock.Now().Add(time.Minute).Unix(),
	}
	for i := 0; i+1 < len(changes); i += 2 {
		c[changes[i].(string)] = changes[i+1]
	}
	return c
}

func sign(t *testing.T, key crypto.Signer, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.ES256, key)
	check(t, err)
	out, err := s.Sign("JWT", claims)
	check(t, err)
	return out
}

func signed(code, assertion string) url.Values {
	return exchange(code, "client_assertion_type", protocol.AssertionType, "client_assertion", assertion)
}

// RFC 7523, 3: an assertion is good once.
// OIDC Core, 9: private_key_jwt.
func TestAClientAssertionIsGoodOnceOnOneNode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		b, _ := h.agreed("signed")
		assertion := sign(t, signingKey, assertionClaims(h))
		if tok := h.asClient("", signed(b.code("signed"), assertion)); tok.status != http.StatusOK {
			t.Fatalf("%+v", tok)
		}
		for name, node := range map[string]*house{"the same node": h, "another node": second} {
			if tok := node.asClient("", signed(b.code("signed"), assertion)); tok.status != 401 || tok.Error != "invalid_client" {
				t.Errorf("replay at %s: %+v", name, tok)
			}
		}
	})
}

// forgeries are tokens that take their algorithm or key from themselves, or that
// other libraries have let through (CVE-2016-9122, CVE-2018-0114, CVE-2022-21449 and the like).
func forgeries(t *testing.T, claims map[string]any, public crypto.PublicKey) map[string]string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	payload, err := json.Marshal(claims)
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	check(t, err)
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	ownSigner, err := jose.NewSigner(jose.ES256, own)
	check(t, err)
	ownSet, err := jose.NewKeySet(ownSigner.JWK()).JSON()
	check(t, err)
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	check(t, json.Unmarshal(ownSet, &set))
	raw := func(header string) string { return encode([]byte(header)) + "." + encode(payload) }
	ecSign := func(input string) string {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, own, digest[:])
		check(t, err)
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return input + "." + encode(sig)
	}
	hs := func(key []byte) string {
		input := raw(`{"alg":"HS256","typ":"JWT"}`)
		m := hmac.New(sha256.New, key)
		_, _ = m.Write([]byte(input))
		return input + "." + encode(m.Sum(nil))
	}
	kid, err := jose.Thumbprint(public)
	check(t, err)
	good := sign(t, signingKey, claims)
	parts := strings.Split(good, ".")
	return map[string]string{
		"none":               raw(`{"alg":"none"}`) + ".",
		"nOnE":               raw(`{"alg":"nOnE"}`) + ".",
		"none, signature":    raw(`{"alg":"none"}`) + "." + parts[2],
		"no alg":             raw(`{}`) + "." + parts[2],
		"HS256 with DER":     hs(der),
		"HS256 with PEM":     hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 with nothing": hs(nil),
		"embedded jwk":       ecSign(raw(`{"alg":"ES256","jwk":` + string(set.Keys[0]) + `}`)),
		"jku":                ecSign(raw(`{"alg":"ES256","jku":"https://evil.example/jwks"}`)),
		"x5u":                ecSign(raw(`{"alg":"ES256","x5u":"https://evil.example/cert"}`)),
		"own key, right kid": ecSign(raw(`{"alg":"ES256","kid":"` + kid + `"}`)),
		"kid as path":        ecSign(raw(`{"alg":"ES256","kid":"../../../dev/null"}`)),
		"r = s = 0":          raw(`{"alg":"ES256"}`) + "." + encode(make([]byte, 64)),
		"empty signature":    parts[0] + "." + parts[1] + ".",
		"no signature":       parts[0] + "." + parts[1],
		"cut signature":      good[:len(good)-2],
		"other payload":      parts[0] + "." + encode([]byte(strings.Replace(string(payload), `"iss"`, `"isx"`, 1))) + "." + parts[2],
		"five parts":         good + ".a.b",
		"JSON form":          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"many dots":          strings.Repeat(".", 5000),
		"crit":               ecSign(raw(`{"alg":"ES256","crit":["b64"],"b64":false}`)),
		"bomb":               "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJwMmMiOjIwMDAwMDAwMDAsImVuYyI6IkExMjhHQ00ifQ.a.b.c.d",
	}
}

// RFC 7523, 3: an assertion is signed with a key of its client by an algorithm that is allowed.
func TestNoForgedAssertionOrHintIsBelieved(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("signed", "service")
		code := b.code("signed")
		for name, forged := range forgeries(t, assertionClaims(h), signingKey.Public()) {
			if tok := h.asClient("", signed(code, forged)); tok.status != 401 || tok.Error != "invalid_client" {
				t.Errorf("assertion %s: %+v", name, tok)
			}
		}
		for name, changes := range map[string][]any{
			"other issuer": {"iss", "service"}, "other subject": {"sub", "service"}, "other audience": {"aud", "https://other.example"},
			"expired": {"exp", h.clock.Now().Unix()}, "no jti": {"jti", ""}, "from the future": {"iat", h.clock.Now().Add(time.Hour).Unix()},
		} {
			if tok := h.asClient("", signed(code, sign(t, signingKey, assertionClaims(h, changes...)))); tok.status != 401 {
				t.Errorf("assertion %s: %+v", name, tok)
			}
		}
		if tok := h.asClient("", signed(code, sign(t, signingKey, assertionClaims(h)))); tok.status != http.StatusOK {
			t.Errorf("the code was spent by a refused client: %+v", tok)
		}
		hint := map[string]any{"iss": h.issuer, "sub": "x", "aud": "service", "exp": h.clock.Now().Add(time.Hour).Unix()}
		hints := forgeries(t, hint, signingKey.Public())
		hints["a client's key"] = sign(t, signingKey, hint)
		for name, forged := range hints {
			if got := b.authorize(request("service", "id_token_hint", forged)).answer(t).Get("error"); got != "invalid_request" {
				t.Errorf("hint %s: %q", name, got)
			}
		}
	})
}

// OIDC Core, 3.1.2.1: id_token_hint names the person, even when it is expired; somebody else is login_required.
func TestAHintOfThePersonIsTakenAndThatOfAnotherIsNot(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		mine := h.asClient("service", exchange(b.code("service"))).ID
		foreign := h.asClient("other", exchange(b.code("other"))).ID
		h.clock.Advance(20 * time.Minute) // hints may have expired
		if got := b.authorize(request("service", "prompt", "none", "id_token_hint", mine)).answer(t); !got.Has("code") {
			t.Errorf("my hint: %v", got)
		}
		if got := b.authorize(request("service", "prompt", "none", "id_token_hint", foreign)).answer(t).Get("error"); got != "invalid_request" {
			t.Errorf("a token for another service: %q", got)
		}
		bea := h.person("bea@example.org")
		h.consent(bea, "service", "email")
		c := h.browser()
		c.signIn(bea, "")
		if got := c.authorize(request("service", "prompt", "none", "id_token_hint", mine)).answer(t).Get("error"); got != "login_required" {
			t.Errorf("somebody else: %q", got)
		}
		fid := c.authorize(request("service", "id_token_hint", mine)).flow(t)
		if to := c.get("/authorize/finish/" + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
			t.Errorf("before anybody chose: %s", to)
		}
		c.signIn(bea, fid)
		h.write(func(tx *tx) error {
			f, err := h.flows.Load(tx, fid, digestOf(c))
			if err != nil || !f.State.SelectAccount {
				return fmt.Errorf("select %v: %w", f.State.SelectAccount, err)
			}
			s, err := h.sessions.Find(tx, c.cookies["__Host-parvis_session"])
			f.State.Progress.Session = s.ID
			if err == nil {
				_, err = h.flows.Save(tx, f)
			}
			return err
		})
		if got := c.get("/authorize/finish/" + string(fid)).answer(t).Get("error"); got != "login_required" {
			t.Errorf("somebody else signed in although asked for another: %q", got)
		}
	})
}

// OIDC Discovery, 4.2: the document is JSON at its well-known address.
// RFC 8414, 3: the same document is at oauth-authorization-server.
func TestDocumentsMayBeKeptAndReadFromAnyOrigin(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks.json"} {
			got := b.get(path, "Origin", "https://app.example")
			if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.Header.Get("Cache-Control"), "public, max-age=") ||
				got.Header.Get("Access-Control-Allow-Origin") != "*" || got.Header.Get("Access-Control-Allow-Credentials") != "" || len(got.Cookies()) > 0 {
				t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
			}
			if again := b.get(path, "If-None-Match", got.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s again: %d", path, again.StatusCode)
			}
			if !json.Valid([]byte(got.text)) || strings.Contains(got.text, `"d"`) {
				t.Errorf("%s: %s", path, got.text)
			}
		}
		got := b.do(http.MethodOptions, "/token", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
		if got.StatusCode != http.StatusNoContent || got.Header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, DPoP" {
			t.Errorf("preflight: %d %v", got.StatusCode, got.Header)
		}
		if got := b.get("/authorize?" + request("service").Encode()); got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("authorize may be read from other origins")
		}
	})
}

// OIDC Discovery, 4.3: issuer is the address the document was fetched from.
func TestGoOIDCSignsInAsAService(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		provider, err := goidc.NewProvider(ctx, h.issuer)
		check(t, err)
		b, _ := h.agreed("service", "es256")
		for _, client := range []string{"service", "es256"} {
			config := oauth2.Config{ClientID: client, ClientSecret: password, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "email"}}
			pkce := oauth2.GenerateVerifier()
			got := b.get(config.AuthCodeURL("st4te", goidc.Nonce("n0nce"), oauth2.S256ChallengeOption(pkce))).answer(t)
			tok, err := config.Exchange(context.WithoutCancel(ctx), got.Get("code"), oauth2.VerifierOption(pkce))
			check(t, err)
			raw, _ := tok.Extra("id_token").(string)
			idToken, err := provider.VerifierContext(ctx, &goidc.Config{ClientID: client, Now: h.clock.Now, SupportedSigningAlgs: []string{"RS256", "ES256"}}).Verify(ctx, raw)
			check(t, err)
			check(t, idToken.VerifyAccessToken(tok.AccessToken))
			if idToken.Nonce != "n0nce" {
				t.Errorf("nonce %q", idToken.Nonce)
			}
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tok))
			check(t, err)
			if info.Subject != idToken.Subject || info.Email != "anna@example.org" || !info.EmailVerified {
				t.Errorf("userinfo %+v", info)
			}
		}
	})
}
