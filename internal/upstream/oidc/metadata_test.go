package oidc

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/jose"
	"parvis/internal/policy"
	"parvis/internal/upstream"
)

func TestMetadataOfAnotherIssuerOrWithUnsafeAddressesIsRefused(t *testing.T) {
	f := newPartner(t)
	for name, change := range map[string]func(map[string]any){
		"another issuer":        func(m map[string]any) { m["issuer"] = "https://attacker.example" },
		"a slash more":          func(m map[string]any) { m["issuer"] = f.server.URL + "/" },
		"no issuer":             func(m map[string]any) { delete(m, "issuer") },
		"no authorization":      func(m map[string]any) { delete(m, "authorization_endpoint") },
		"javascript":            func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"a fragment":            func(m map[string]any) { m["authorization_endpoint"] = f.server.URL + "/#x" },
		"a user":                func(m map[string]any) { m["authorization_endpoint"] = "https://a@bank.example/" },
		"two lines":             func(m map[string]any) { m["authorization_endpoint"] = "https://bank.example/\r\nx" },
		"a file":                func(m map[string]any) { m["token_endpoint"] = "file:///etc/passwd" },
		"a number":              func(m map[string]any) { m["token_endpoint"] = 7 },
		"no keys":               func(m map[string]any) { delete(m, "jwks_uri") },
		"userinfo elsewhere":    func(m map[string]any) { m["userinfo_endpoint"] = "ftp://bank.example" },
		"pushing elsewhere":     func(m map[string]any) { m["pushed_authorization_request_endpoint"] = "gopher://x" },
		"no code flow":          func(m map[string]any) { m["response_types_supported"] = []string{"id_token"} },
		"an endless address":    func(m map[string]any) { m["jwks_uri"] = "https://bank.example/" + strings.Repeat("a", 3000) },
		"an address of nothing": func(m map[string]any) { m["jwks_uri"] = "https://" },
	} {
		f.set(func() { f.metadata = change })
		_, err := f.c.Begin(t.Context(), f.provider(), upstream.Ask{})
		failed(t, name, err, upstream.Invalid)
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   upstream.Failure
	}{
		"not there": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, upstream.Invalid},
		"broken":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, upstream.Outage},
		"no JSON":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, upstream.Invalid},
		"huge":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("x", 100_000))) }, upstream.Invalid},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		}, upstream.Invalid},
	} {
		f.set(func() { f.handle["/.well-known/openid-configuration"] = c.handle })
		_, err := f.c.Begin(t.Context(), f.provider(), upstream.Ask{})
		failed(t, name, err, c.want)
	}
	if _, err := parseMetadata([]byte(`{"issuer":"https://b.example","authorization_endpoint":"http://b.example/a","token_endpoint":"https://b.example/t","jwks_uri":"https://b.example/k"}`), "https://b.example"); err == nil {
		t.Error("an https issuer with an http endpoint was accepted")
	}
}

func TestMetadataRenewsItselfAndServesThroughAShortOutage(t *testing.T) {
	f := newPartner(t)
	const path = "/.well-known/openid-configuration"
	p := f.provider()
	for range 5 {
		f.begin(p, upstream.Ask{})
	}
	if n := f.count(path); n != 1 {
		t.Errorf("%d fetches", n)
	}
	f.set(func() { f.metadata = func(m map[string]any) { m["authorization_endpoint"] = f.server.URL + "/moved" } })
	f.clock = f.clock.Add(fresh)
	if r, _ := f.begin(p, upstream.Ask{}); !strings.Contains(r.URL, "/moved?") {
		t.Errorf("not renewed: %s", r.URL)
	}
	f.set(func() { f.handle[path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	f.clock = f.clock.Add(fresh)
	before := f.count(path)
	for range 5 {
		if r, _ := f.begin(p, upstream.Ask{}); !strings.Contains(r.URL, "/moved?") {
			t.Errorf("lost in an outage: %s", r.URL)
		}
	}
	if n := f.count(path) - before; n != 1 {
		t.Errorf("%d fetches while it fails", n)
	}
	f.clock = f.clock.Add(stale)
	_, err := f.c.Begin(t.Context(), p, upstream.Ask{})
	failed(t, "too old", err, upstream.Outage)
	f.set(func() { delete(f.handle, path) })
	f.clock = f.clock.Add(again)
	f.begin(p, upstream.Ask{})
	moved := *p
	moved.Issuer = "http://127.0.0.1:1"
	if _, err := f.c.Begin(t.Context(), &moved, upstream.Ask{}); err == nil {
		t.Error("the metadata of one issuer served another")
	}
}

func TestManySignInsAtOnceAskForKeysOnce(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	request, _ := f.begin(p, upstream.Ask{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := f.c.Finish(t.Context(), p, request.Pending, upstream.Answer{Params: f.answer(request.Pending)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := f.count("/jwks"); n != 1 {
		t.Errorf("%d fetches of keys", n)
	}
}

func TestAProbeLooksThoroughlyOnlyWhenAsked(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	if err := f.c.Probe(t.Context(), p, false); err != nil || f.count("/token") != 0 {
		t.Errorf("%v", err)
	}
	if err := f.c.Probe(t.Context(), p, true); err != nil || f.count("/token") != 1 {
		t.Errorf("%v", err)
	}
	f.set(func() { f.handle["/token"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	failed(t, "a token endpoint out of order", f.c.Probe(t.Context(), p, true), upstream.Outage)
	if err := f.c.Probe(t.Context(), p, false); err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.c.Probe(gone, p, true); upstream.FailureOf(err) != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("our own end counts against the partner: %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	failed(t, "late", f.c.Probe(late, p, true), upstream.Slow)
}

func TestAnExaminationSaysExactlyWhatIsWrong(t *testing.T) {
	f := newPartner(t)
	for _, finding := range f.c.Examine(t.Context(), f.provider()) {
		if finding.Wrong {
			t.Errorf("of a good one: %s", finding.Text)
		}
	}
	f.metadata = func(m map[string]any) {
		m["id_token_signing_alg_values_supported"] = []string{"HS256"}
		m["token_endpoint_auth_methods_supported"] = []string{"tls_client_auth"}
		m["response_modes_supported"] = []string{"query"}
		m["acr_values_supported"], m["scopes_supported"] = []string{"low"}, []string{"openid"}
		delete(m, "userinfo_endpoint")
		delete(m, "code_challenge_methods_supported")
		delete(m, "authorization_response_iss_parameter_supported")
	}
	o := &f.settings.OIDC
	o.ResponseMode, o.PAR, o.DPoP, o.UserInfo, o.ACRValues, o.Scopes = "form_post", upstream.On, upstream.On, true, []string{"high"}, []string{"openid", "email"}
	o.Claims = []string{"acr"}
	f.settings.Worth = upstream.Worth{Cap: policy.AAL2, ACR: map[string]policy.Level{"high": policy.AAL2}}
	f.keys = map[string]crypto.Signer{}
	var all strings.Builder
	for _, finding := range f.c.Examine(t.Context(), f.provider()) {
		if finding.Wrong {
			all.WriteString("wrong: ")
		}
		all.WriteString(finding.Text + "\n")
	}
	for _, want := range []string{
		"wrong: keys:", "wrong: oidc.id_token_algs: the provider signs ID tokens with HS256", "wrong: oidc.auth:", "wrong: oidc.response_mode:",
		"wrong: oidc.par", "wrong: oidc.dpop", "wrong: oidc.userinfo", `wrong: oidc.acr_values: "high"`, `wrong: oidc.scopes: "email"`,
		"S256", "RFC 9207", `worth.acr: "high"`, "claims parameter", "more than openid",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is not in\n%s", want, all.String())
		}
	}
	f.server.Close()
	findings := f.c.Examine(t.Context(), f.provider())
	if len(findings) != 1 || !findings[0].Wrong || !strings.Contains(findings[0].Text, "metadata: outbound: unreachable") {
		t.Errorf("%v", findings)
	}
}

func FuzzMetadata(f *testing.F) {
	good, err := json.Marshal(map[string]any{
		"issuer": "https://b.example", "authorization_endpoint": "https://b.example/a", "token_endpoint": "https://b.example/t", "jwks_uri": "https://b.example/k",
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"issuer":"https://b.example","authorization_endpoint":"https://b.example/%zz"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseMetadata(raw, "https://b.example")
		if err != nil {
			return
		}
		for _, address := range []string{m.Authorization, m.Token, m.Keys} {
			if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
				t.Errorf("%q was accepted", address)
			}
		}
	})
}

func FuzzClaims(f *testing.F) {
	p, problems := upstream.Settings{
		ID: "bank", Name: map[string]string{"en": "x"}, Issuer: "https://b.example", OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "of the bank"},
	}.Build()
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	now := time.Unix(1_800_000_000, 0)
	pending := upstream.Pending{Nonce: "n", At: now}
	f.Add([]byte(`{"iss":"https://b.example","aud":"parvis","sub":"s","nonce":"n","exp":1800000100,"iat":1800000000,"amr":["pwd"]}`))
	f.Add([]byte(`{"iss":"https://b.example","aud":["parvis"],"sub":"s","nonce":"n","exp":1e9,"iat":-1,"auth_time":null,"amr":"x"}`))
	f.Add([]byte(`{"iss":"https://b.example","aud":"parvis","sub":"s","\u017fub":"x","nonce":"n","exp":1800000100,"iat":1800000000}`))
	f.Add([]byte(`{"iss":"https://b.example","aud":"parvis","SUB":"s","nonce":"n","exp":1800000100,"iat":1800000000}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := readClaims(raw)
		if err != nil {
			return
		}
		c.algorithm = jose.ES256
		a, err := c.check(p, pending, "", now)
		if err == nil && (a.Issuer != p.Issuer || a.Subject == "" || len(a.Subject) > upstream.MaxSubject || c.Nonce != "n" || !a.NotOnOrAfter.After(now.Add(-p.Skew))) {
			t.Errorf("%q was believed", raw)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	p, problems := upstream.Settings{
		ID: "bank", Name: map[string]string{"en": "x"}, Issuer: "https://b.example", OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "of the bank"},
	}.Build()
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	f.Add("code=a&state=s&iss=https%3A%2F%2Fb.example")
	f.Add("error=access_denied&state=s&iss=https%3A%2F%2Fb.example&error_description=x")
	f.Add("code=a&code=b&state=s")
	f.Fuzz(func(t *testing.T, query string) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if checkParams(params, upstream.Pending{State: "s"}) != nil {
			return
		}
		code, err := readAnswer(params, p, &metadata{SendsIss: true})
		if err == nil && (!visible(code, maxCode) || params.Get("iss") != p.Issuer || params.Get("state") != "s") {
			t.Errorf("%q was taken", query)
		}
	})
}
