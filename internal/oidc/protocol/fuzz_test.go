package protocol

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzAProofsClaimsNeverPanicAndNeverFitAnotherRequest(f *testing.F) {
	const here = "https://id.example/token"
	f.Add([]byte(`{"jti":"1","htm":"POST","htu":"https://id.example/token","iat":1900000000}`), here)
	f.Add([]byte(`{"jti":"1","htm":"POST","htu":"HTTPS://id.example:443/token?a#b","iat":1e300,"ath":""}`), "https://id.example/")
	f.Add([]byte(`{"JTI":"1","htm":null,"htu":"//","iat":"x"}`), "")
	now := time.Unix(1_900_000_000, 0)
	f.Fuzz(func(t *testing.T, payload []byte, at string) {
		p, err := ReadProof(payload, "key", "POST", here, "", now)
		if err == nil && (p.JTI == "" || len(p.JTI) > maxJTI || p.Thumbprint != "key") {
			t.Fatalf("%+v", p)
		}
		if _, err := ReadProof(payload, "key", "POST", "https://other.example/token", "", now); err == nil && p.JTI != "" {
			t.Fatal("a proof for two hosts")
		}
		if _, err := ReadProof(payload, "key", "GET", here, "", now); err == nil && p.JTI != "" {
			t.Fatal("a proof for two methods")
		}
		if sameTarget(at, here) && !strings.Contains(strings.ToLower(at), "id.example") {
			t.Fatalf("%q is taken for %s", at, here)
		}
	})
}

func FuzzATokenGivenBackNeverPanicsAndIsOurs(f *testing.F) {
	f.Add([]byte(`{"iss":"https://id.example","sub":"s","aud":"service","jti":"AAAA"}`), "at+jwt")
	f.Add([]byte(`{"iss":"https://id.example","aud":[],"jti":1}`), "")
	f.Fuzz(func(t *testing.T, payload []byte, typ string) {
		if digest, ok := ReadAccessToken(payload, typ, "https://id.example"); ok && len(digest) != 32 {
			t.Fatalf("a digest of %d bytes", len(digest))
		}
		if hint, ok := ReadHint(payload, "https://id.example"); ok && len(hint.Audience) == 0 {
			t.Fatal("a hint for nobody")
		}
	})
}

func FuzzWhatADeviceAndAResourceSendNeverPanics(f *testing.F) {
	f.Add("scope=openid+email&client_id=tv", "application/token-introspection+jwt;q=0.5, */*")
	f.Add("scope=email&scope=openid", ";;q=,")
	f.Fuzz(func(t *testing.T, form, accept string) {
		if WantsSigned([]string{accept}) && !strings.Contains(strings.ToLower(accept), "introspection") {
			t.Fatalf("%q asks for a signed answer", accept)
		}
		p, err := ParseParams(form)
		if err != nil {
			return
		}
		if r, err := ReadDevice(p, Client{ID: "tv", Scopes: []string{"email"}}); err == nil && len(r.Scopes) == 0 {
			t.Fatal("a device that asks for nothing")
		}
	})
}

func FuzzASignOutLandsWhereItIsRegisteredOnly(f *testing.F) {
	registered := []string{"https://good.example/bye", "https://good.example/bye?a=1", "http://127.0.0.1/bye"}
	f.Add("post_logout_redirect_uri=https%3A%2F%2Fgood.example%2Fbye&state=x%26state%3Dy%23z")
	f.Add("post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fbye&state=%0d%0aLocation%3A%20//evil.example&id_token_hint=a.b.c&ui_locales=fr%20en")
	f.Add("post_logout_redirect_uri=https%3A%2F%2Fgood.example%40evil.example%2Fbye&client_id=%00")
	for _, uri := range hostile {
		f.Add("post_logout_redirect_uri=" + url.QueryEscape(uri))
	}
	f.Fuzz(func(t *testing.T, query string) {
		p, bad := ParseParams(query)
		if bad != nil {
			return
		}
		r, bad := ReadLogout(p)
		if bad != nil {
			return
		}
		if !MatchLanding(registered, false, r.RedirectURI) {
			return
		}
		if !slices.Contains(registered, r.RedirectURI) {
			t.Fatalf("%q is taken for a registered address", r.RedirectURI)
		}
		to, err := url.Parse(AppendQuery(r.RedirectURI, []Param{{Name: "state", Value: r.State}}))
		if err != nil {
			t.Fatal(err)
		}
		if own, _ := url.Parse(r.RedirectURI); to.Scheme != own.Scheme || to.Host != own.Host || to.Path != own.Path || to.Fragment != "" {
			t.Fatalf("%q leads to %q", query, to)
		}
		if got := to.Query()["state"]; len(got) != 1 || got[0] != r.State {
			t.Fatalf("the state %q came back as %q", r.State, got)
		}
	})
}
