package oidc_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/relyingparty"
)

// objectClaims are those of a good request object: a request, and what FAPI 2.0 Message
// Signing demands around it.
func objectClaims(h *house, client string, changes ...any) map[string]any {
	c := map[string]any{
		"iss": client, "aud": h.issuer, "nbf": h.clock.Now().Unix(), "exp": h.clock.Now().Add(5 * time.Minute).Unix(),
	}
	for name, value := range request(client) {
		c[name] = value[0]
	}
	return changed(c, changes...)
}

// object signs a request object.
func object(t *testing.T, key crypto.Signer, typ string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.ES256, key)
	check(t, err)
	out, err := s.Sign(typ, claims)
	check(t, err)
	return out
}

func inObject(client, object string, more ...string) url.Values {
	v := url.Values{"client_id": {client}, "request": {object}}
	return with(v, more...)
}

// RFC 9101, 5 and 6.3: of parameters beside the object none counts.
// RFC 9126, 3: an object may be pushed.
func TestOnlyWhatTheRequestObjectSaysCounts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("strict")
		signed := object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "strict", "max_age", 3600, "claims", map[string]any{"userinfo": map[string]any{"email": nil}}))
		got := b.authorize(inObject("strict", signed, "redirect_uri", "https://evil.example/cb", "state", "forged", "scope", "openid")).answer(t)
		if got.Get("code") == "" || got.Get("state") != "st4te" {
			t.Errorf("%v", got)
		}
		if got := b.authorize(request("strict")).answer(t); got.Get("error") != "invalid_request" {
			t.Errorf("without an object: %v", got)
		}
		p := h.push("strict", url.Values{"client_id": {"strict"}, "request": {signed}})
		if p.status != http.StatusCreated {
			t.Fatalf("pushed: %+v", p)
		}
		if got := b.authorize(named("strict", p)).answer(t); got.Get("code") == "" {
			t.Errorf("pushed: %v", got)
		}
	})
}

// RFC 9101, 6.2: the signature, the algorithm and the type of an object are checked.
// RFC 9101, 6.3: client_id in and beside the object are the same.
// FAPI 2.0 MS, 5.3.1: an object has aud, nbf and exp, and is no older than an hour.
func TestARequestObjectThatIsNotGoodSendsNobodyAnywhere(t *testing.T) {
	foreign, err := jose.Generate(jose.ES256)
	check(t, err)
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("strict", "signed")
		now := h.clock.Now()
		with := func(changes ...any) string {
			return object(t, signingKey, "", objectClaims(h, "strict", changes...))
		}
		for name, o := range map[string]string{
			"a foreign key":         object(t, foreign, "", objectClaims(h, "strict")),
			"no signature":          "eyJhbGciOiJub25lIn0.e30.",
			"no token":              "x",
			"of an ID token's type": object(t, signingKey, "at+jwt", objectClaims(h, "strict")),
			"of another client":     with("client_id", "signed"),
			"without client_id":     with("client_id", nil),
			"of another issuer":     with("iss", "signed"),
			"a client assertion":    with("sub", "strict"),
			"for another server":    with("aud", "https://other.example"),
			"without audience":      with("aud", nil),
			"expired":               with("exp", now.Unix()),
			"without end":           with("exp", nil),
			"without beginning":     with("nbf", nil),
			"not yet":               with("nbf", now.Add(time.Minute).Unix()),
			"too old":               with("nbf", now.Add(-61*time.Minute).Unix()),
			"too long":              with("exp", now.Add(61*time.Minute).Unix()),
			"with an object":        with("request", "x"),
			"with a name":           with("request_uri", "urn:ietf:params:oauth:request_uri:x"),
			"with nothing":          with("state", "a\x00b"),
		} {
			got := b.authorize(inObject("strict", o, "redirect_uri", callback, "response_type", "code", "scope", "openid"))
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || !strings.Contains(got.text, "invalid_request_object") {
				t.Errorf("%s: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
			if p := h.push("strict", inObject("strict", o)); p.status != http.StatusBadRequest || p.Error != "invalid_request_object" {
				t.Errorf("%s, pushed: %+v", name, p)
			}
		}
		both := inObject("strict", with())
		both.Set("request_uri", "urn:ietf:params:oauth:request_uri:x")
		if got := b.authorize(both); got.StatusCode != http.StatusBadRequest {
			t.Errorf("an object and a name: %d", got.StatusCode)
		}
		lax := object(t, signingKey, "JWT", objectClaims(h, "signed", "aud", nil, "nbf", nil, "exp", nil, "iss", nil))
		if got := b.authorize(inObject("signed", lax)).answer(t); got.Get("code") == "" {
			t.Errorf("a client that need not: %v", got)
		}
	})
}

// OIDC Core, 6.2: a request object is fetched from a registered request_uri, and its parameters alone count.
// RFC 9101, 5.2.3: it is fetched by GET and has its own media type.
// RFC 9101, 10.4: no other address is fetched, and what is wrong there sends nobody anywhere.
func TestARequestObjectIsFetchedFromItsRegisteredAddressOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var body, kind string
		asked := 0
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if r.URL.Path == "/moved" {
				http.Redirect(w, r, "/object", http.StatusFound)
				return
			}
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		file := filepath.Join(t.TempDir(), "ca.pem")
		check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
		s := outbound.Preset("")
		s.Allow, s.CAFile = []string{"127.0.0.0/8"}, file
		client, err := outbound.New(s, nil)
		check(t, err)
		t.Cleanup(client.Close)
		h.partnerKeys.Outbound = client
		object1, moved := server.URL+"/object", server.URL+"/moved"
		h.adds("fetched", func(s *relyingparty.Settings) { s.RequestURIs = []string{object1, moved, object1 + "#GkurKxf5T0Y"} })
		b, _ := h.agreed("fetched")
		named := func(uri string) reply {
			return b.authorize(url.Values{"client_id": {"fetched"}, "request_uri": {uri}, "state": {"changed"}, "scope": {"openid"}, "response_type": {"code"}})
		}
		good := object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "fetched"))
		for _, one := range []string{"application/oauth-authz-req+jwt", "application/jwt; charset=utf-8", "application/jose"} {
			body, kind = good+"\n", one
			if got := named(object1).answer(t); got.Get("code") == "" || got.Get("state") != "st4te" {
				t.Errorf("%s: %v", one, got)
			}
		}
		// OIDC Registration, 2: the fragment of a registered address tells contents apart, and is not sent.
		if got := named(object1 + "#GkurKxf5T0Y").answer(t); got.Get("code") == "" {
			t.Errorf("a registered fragment: %v", got)
		}
		before := asked
		for name, uri := range map[string]string{"another path": server.URL + "/other", "a query": object1 + "?x=1", "a fragment": object1 + "#x", "an inner address": "http://169.254.169.254/latest"} {
			if got := named(uri); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || asked != before {
				t.Errorf("%s: %d, asked %d times", name, got.StatusCode, asked-before)
			}
		}
		if got := named(moved); got.StatusCode != http.StatusBadRequest || asked != before+1 {
			t.Errorf("a redirect: %d, asked %d times", got.StatusCode, asked-before)
		}
		for name, c := range map[string][2]string{
			"another type":     {good, "text/plain"},
			"a page":           {"<html>", "application/jwt"},
			"too long":         {good + strings.Repeat(" ", 65<<10), "application/jwt"},
			"another client's": {object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "strict")), "application/jwt"},
		} {
			body, kind = c[0], c[1]
			if got := named(object1); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d", name, got.StatusCode)
			}
		}
		// Anybody who knows the client_id can make us fetch: each client's addresses have a limit of their own.
		body, kind = good, "application/jwt"
		before = asked
		limited := reply{}
		for range 40 {
			if limited = named(object1); limited.StatusCode == http.StatusTooManyRequests {
				break
			}
		}
		if limited.StatusCode != http.StatusTooManyRequests || limited.Header.Get("Retry-After") == "" || asked-before > 30 || asked == before {
			t.Errorf("without end: %d after %d", limited.StatusCode, asked-before)
		}
		if got := b.authorize(request("fetched")).answer(t); got.Get("code") == "" {
			t.Errorf("a request that needs no fetch: %v", got)
		}
		h.clock.Advance(6 * time.Minute)
		client.Close()
		server.Close()
		if got := named(object1); got.StatusCode != http.StatusBadRequest {
			t.Errorf("out of reach: %d", got.StatusCode)
		}
		if got := b.authorize(request("service", "request_uri", object1)).answer(t); got.Get("error") != "request_uri_not_supported" {
			t.Errorf("a service without one: %v", got)
		}
	})
}

func TestEachRuleOfRequestObjects(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("signed", "service")
		good := func(changes ...any) string {
			return object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "signed", changes...))
		}
		t.Run("RFC 9101, 5: client_id stands beside the object, too", func(t *testing.T) {
			if got := b.authorize(url.Values{"request": {good()}}); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%d", got.StatusCode)
			}
		})
		t.Run("RFC 9101, 5: request and request_uri exclude each other", func(t *testing.T) {
			got := b.authorize(inObject("signed", good(), "request_uri", "https://service.example/object"))
			if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request") {
				t.Errorf("%d", got.StatusCode)
			}
		})
		t.Run("RFC 9101, 5.1: an object by value is taken by POST, too", func(t *testing.T) {
			f := b.do(http.MethodPost, "/authorize", inObject("signed", good())).flow(t)
			if got := b.get("/authorize/finish/" + string(f)).answer(t); got.Get("code") == "" || got.Get("state") != "st4te" {
				t.Errorf("%v", got)
			}
		})
		t.Run("RFC 9101, 4: members that are no text are read as JSON, and one that is an object is no other request", func(t *testing.T) {
			got := b.authorize(inObject("signed", good("max_age", 3600, "claims", map[string]any{"id_token": map[string]any{"email": nil}}))).answer(t)
			if got.Get("code") == "" {
				t.Errorf("%v", got)
			}
			for _, name := range []string{"request", "request_uri"} {
				if got := b.authorize(inObject("signed", good(name, "x"))); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request_object") {
					t.Errorf("%s: %d", name, got.StatusCode)
				}
			}
		})
		t.Run("RFC 9101, 6.1: an object that is encrypted is refused: discovery names no algorithm for it", func(t *testing.T) {
			got := b.authorize(inObject("signed", "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.a.b.c.d"))
			if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request_object") {
				t.Errorf("%d", got.StatusCode)
			}
			if doc := b.get("/.well-known/openid-configuration").text; strings.Contains(doc, "request_object_encryption") {
				t.Error(doc)
			}
		})
		t.Run("RFC 9101, 6.2: alg none and secrets sign no object", func(t *testing.T) {
			for _, alg := range []string{"none", "HS256"} {
				claims, err := json.Marshal(objectClaims(h, "signed"))
				check(t, err)
				head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `"}`))
				o := head + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + map[string]string{"none": "", "HS256": "c2ln"}[alg]
				if got := b.authorize(inObject("signed", o)); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request_object") {
					t.Errorf("%s: %d", alg, got.StatusCode)
				}
			}
		})
		t.Run("RFC 9101, 7: what is not supported for a client has a code of its own", func(t *testing.T) {
			if got := b.authorize(request("service", "request", good())).answer(t); got.Get("error") != "request_not_supported" {
				t.Errorf("%v", got)
			}
			if got := b.authorize(request("service", "request_uri", "https://service.example/object")).answer(t); got.Get("error") != "request_uri_not_supported" {
				t.Errorf("%v", got)
			}
		})
		t.Run("RFC 9101, 10.5: the document says what is taken, and does not say that all must sign", func(t *testing.T) {
			var doc map[string]any
			check(t, json.Unmarshal([]byte(b.get("/.well-known/oauth-authorization-server").text), &doc))
			if _, must := doc["require_signed_request_object"]; must || doc["request_parameter_supported"] != true || doc["request_uri_parameter_supported"] != true || doc["require_request_uri_registration"] != true {
				t.Errorf("%v", doc)
			}
		})
	})
}
