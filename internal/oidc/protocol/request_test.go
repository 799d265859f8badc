package protocol

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/oidc/claim"
)

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636, appendix B

func client() Client {
	return Client{
		ID: "service", RedirectURIs: []string{"https://service.example/cb"},
		RequirePKCE: true, FormPost: true, Scopes: []string{"openid", "email", "locale"},
	}
}

func good() url.Values {
	return url.Values{
		"client_id": {"service"}, "redirect_uri": {"https://service.example/cb"}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"s1"}, "nonce": {"n1"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
}

func check(t *testing.T, v url.Values, c Client) (*Request, *Error) {
	t.Helper()
	p, err := ParseParams(v.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := Named(p); err != nil {
		return nil, err
	}
	return Check(p, c, Came{})
}

// OIDC Core, 3.1.2.1: unknown parameters are ignored.
func TestAGoodRequestKeepsEveryRule(t *testing.T) {
	v := good()
	v.Set("prompt", "login consent")
	v.Set("max_age", "600")
	v.Set("ui_locales", "fr-CA en")
	v.Set("login_hint", "anna@example.org")
	v.Set("acr_values", "a b a")
	v.Set("response_mode", "form_post")
	v.Set("display", "popup")
	v.Set("unknown_parameter", "ignored")
	r, err := check(t, v, client())
	if err != nil {
		t.Fatal(err)
	}
	age := int64(600)
	want := &Request{
		ClientID: "service", RedirectURI: "https://service.example/cb", ResponseMode: ModeFormPost, Scopes: []string{"openid", "email"},
		State: "s1", Nonce: "n1", Challenge: challenge, Prompt: Prompt{Login: true, Consent: true}, MaxAge: &age,
		UILocales: []string{"fr-CA", "en"}, LoginHint: "anna@example.org", Parameter: claim.Parameter{ACR: []string{"a", "b"}},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

// RFC 6749, 4.1.2.1: each rule of a request has its code and its destination.
func TestEachRuleRefusesWithItsCodeAndDestination(t *testing.T) {
	set := func(name, value string) func(url.Values, *Client) {
		return func(v url.Values, _ *Client) { v.Set(name, value) }
	}
	twice := func(name string) func(url.Values, *Client) {
		return func(v url.Values, _ *Client) { v.Add(name, v.Get(name)+"2") }
	}
	cases := []struct {
		name  string
		spoil func(url.Values, *Client)
		code  Code
		where Where
	}{
		{"no client", set("client_id", ""), InvalidRequest, ToPage},
		{"client twice", twice("client_id"), InvalidRequest, ToPage},
		{"redirect twice", twice("redirect_uri"), InvalidRequest, ToPage},
		{"no redirect", set("redirect_uri", ""), InvalidRequest, ToPage},
		{"foreign redirect", set("redirect_uri", "https://evil.example/cb"), InvalidRequest, ToPage},
		{"NUL", set("state", "a\x00b"), InvalidRequest, ToPage},
		{"not UTF-8", set("state", "a\xffb"), InvalidRequest, ToPage},
		{"state twice", twice("state"), InvalidRequest, ToClient},
		{"long state", set("state", strings.Repeat("s", 2049)), InvalidRequest, ToClient},
		{"unknown parameter twice", func(v url.Values, _ *Client) { v["zzz"] = []string{"1", "2"} }, InvalidRequest, ToClient},
		{"no response type", set("response_type", ""), InvalidRequest, ToClient},
		{"token", set("response_type", "token"), UnsupportedResponseType, ToClient},
		{"hybrid", set("response_type", "code id_token"), UnsupportedResponseType, ToClient},
		{"fragment", set("response_mode", "fragment"), InvalidRequest, ToClient},
		{"form_post not enabled", func(v url.Values, c *Client) { v.Set("response_mode", "form_post"); c.FormPost = false }, InvalidRequest, ToClient},
		{"request object", set("request", "x"), RequestNotSupported, ToClient},
		{"request uri", set("request_uri", "https://service.example/r"), RequestURINotSupported, ToClient},
		{"registration", set("registration", "{}"), RegistrationUnsupported, ToClient},
		{"not pushed", func(_ url.Values, c *Client) { c.RequirePushed = true }, InvalidRequest, ToClient},
		{"not signed", func(_ url.Values, c *Client) { c.RequireObject = true }, InvalidRequest, ToClient},
		{"fragment.jwt", set("response_mode", "fragment.jwt"), InvalidRequest, ToClient},
		{"no openid", set("scope", "email"), InvalidScope, ToClient},
		{"no scope", set("scope", ""), InvalidScope, ToClient},
		{"no PKCE", set("code_challenge", ""), InvalidRequest, ToClient},
		{"plain PKCE", set("code_challenge_method", "plain"), InvalidRequest, ToClient},
		{"no PKCE method", set("code_challenge_method", ""), InvalidRequest, ToClient},
		{"short challenge", set("code_challenge", challenge[1:]), InvalidRequest, ToClient},
		{"strange challenge", set("code_challenge", challenge[1:]+"="), InvalidRequest, ToClient},
		{"long nonce", set("nonce", strings.Repeat("n", 513)), InvalidRequest, ToClient},
		{"none with login", set("prompt", "none login"), InvalidRequest, ToClient},
		{"create with consent", set("prompt", "create consent"), InvalidRequest, ToClient},
		{"unknown prompt", set("prompt", "whatever"), InvalidRequest, ToClient},
		{"negative max_age", set("max_age", "-1"), InvalidRequest, ToClient},
		{"huge max_age", set("max_age", "99999999999"), InvalidRequest, ToClient},
		{"max_age no number", set("max_age", "1e3"), InvalidRequest, ToClient},
		{"claims no JSON", set("claims", "{"), InvalidRequest, ToClient},
		{"claims wrong type", set("claims", `{"userinfo":[]}`), InvalidRequest, ToClient},
		{"claims acr no string", set("claims", `{"id_token":{"acr":{"value":1}}}`), InvalidRequest, ToClient},
		{"claims too long", set("claims", `{"x":"`+strings.Repeat("a", 5000)+`"}`), InvalidRequest, ToClient},
		{"many acr", set("acr_values", strings.Repeat("a ", 10)+strings.Join(strings.Split("bcdefghijklmnopqrstuvwxyz", ""), " ")), InvalidRequest, ToClient},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, cl := good(), client()
			c.spoil(v, &cl)
			r, err := check(t, v, cl)
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Code != c.code || err.Where != c.where {
				t.Errorf("%v to %v, want %v to %v", err.Code, err.Where, c.code, c.where)
			}
			if c.where == ToClient && (r == nil || r.RedirectURI != "https://service.example/cb") {
				t.Error("the error has nowhere to go")
			}
		})
	}
}

// RFC 9700, 2.1.1: public clients use PKCE, with S256.
func TestPKCEIsRequiredUnlessAConfidentialClientIsRegisteredWithout(t *testing.T) {
	v := good()
	v.Del("code_challenge")
	v.Del("code_challenge_method")
	for _, c := range []struct{ public, require, accepted bool }{
		{true, true, false}, {true, false, false}, {false, true, false}, {false, false, true},
	} {
		cl := client()
		cl.Public, cl.RequirePKCE = c.public, c.require
		if _, err := check(t, v, cl); (err == nil) != c.accepted {
			t.Errorf("public %v, required %v: %v", c.public, c.require, err)
		}
	}
}

// OIDC Core, 3.1.2.1: scopes that are not understood are ignored.
func TestScopesThatAreNotTheClientsAreIgnored(t *testing.T) {
	v := good()
	v.Set("scope", "openid profile email social_security_number email")
	r, err := check(t, v, client())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"openid", "email"}, r.Scopes); diff != "" {
		t.Error(diff)
	}
}

// OIDC Core, 5.5: claims asks for single claims of the ID token and of userinfo.
func TestTheClaimsParameterAsksOnlyForWhatTheScopesCover(t *testing.T) {
	v := good()
	v.Set("scope", "openid")
	v.Set("claims", `{"userinfo":{"email":null,"updated_at":null,"nonsense":{"essential":true}},
		"id_token":{"locale":{"essential":true},"acr":{"essential":true,"values":["one","two"]},"sub":{"value":"abc"}},"other":{}}`)
	r, err := check(t, v, client())
	if err != nil {
		t.Fatal(err)
	}
	want := &Request{
		ClientID: "service", RedirectURI: "https://service.example/cb", ResponseMode: ModeQuery, Scopes: []string{"openid"}, State: "s1", Nonce: "n1",
		Challenge: challenge, Parameter: claim.Parameter{ACR: []string{"one", "two"}, EssentialACR: true, UserInfo: []string{"email"}, IDToken: []string{"locale"}, Subject: "abc"},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"email", "locale"}, r.Attributes()); diff != "" {
		t.Error(diff)
	}
}

func TestAnErrorRepeatsNothingOfTheRequest(t *testing.T) {
	const mark = "MARKER7391"
	for name := range good() {
		v := good()
		v.Set(name, mark+"<script>")
		_, err := check(t, v, client())
		if err != nil && strings.Contains(err.Error(), mark) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 9207, 2: an answer that is sent by redirect names the issuer.
func TestAnAnswerKeepsTheRegisteredQueryAndNamesTheIssuer(t *testing.T) {
	r := &Request{State: "a b&c"}
	got := AppendQuery("https://service.example/cb?x=1", r.Granted("https://id.example", "c0de"))
	want := "https://service.example/cb?x=1&code=c0de&state=a%20b%26c&iss=https%3A%2F%2Fid.example"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = AppendQuery("https://service.example/cb", (&Request{}).Refused("https://id.example", refuse(AccessDenied, "no")))
	want = "https://service.example/cb?error=access_denied&error_description=no&iss=https%3A%2F%2Fid.example"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCapsComeBeforeParsing(t *testing.T) {
	for _, raw := range []string{strings.Repeat("a", MaxQuery+1), strings.Repeat("a=b&", MaxParams+1), "a=%zz", "%zz=a"} {
		if _, err := ParseParams(raw); err == nil || err.Where != ToPage {
			t.Errorf("%.20q… was accepted", raw)
		}
	}
}

func FuzzAnAuthorizationRequestNeverPanicsAndNeverLeavesTheRegisteredAddress(f *testing.F) {
	f.Add(good().Encode())
	f.Add("client_id=service&redirect_uri=https%3A%2F%2Fevil.example&response_type=code")
	f.Add("client_id=service&client_id=other")
	f.Add(good().Encode() + "&claims=%7B%22id_token%22%3A%7B%22acr%22%3Anull%2C%22sub%22%3A%7B%22value%22%3A%5B%5D%7D%7D%7D")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := ParseParams(raw)
		if err != nil {
			return
		}
		r, err := Check(p, client(), Came{})
		if err != nil && err.Where == ToPage {
			return
		}
		if r.RedirectURI != "https://service.example/cb" {
			t.Fatalf("redirect to %q", r.RedirectURI)
		}
		if err == nil && r.Challenge == "" {
			t.Fatal("accepted without PKCE")
		}
		if _, fail := json.Marshal(r); fail != nil {
			t.Fatal(fail)
		}
		r.Attributes()
	})
}
