package protocol

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func params(t *testing.T, v url.Values) Params {
	t.Helper()
	p, err := ParseParams(v.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func jwt(claims string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"ES256"}`)) + "." + e([]byte(claims)) + "." + e([]byte("signature"))
}

// RFC 6749, 2.3: two ways of authentication in one request are refused.
func TestAClientAuthenticatesInExactlyOneWay(t *testing.T) {
	assertion := jwt(`{"sub":"service"}`)
	cases := []struct {
		name, header string
		form         url.Values
		method       string
		code         Code
	}{
		{"basic", basicHeader("service", "s3cret"), url.Values{}, MethodBasic, ""},
		{"basic with the same client_id", basicHeader("service", "s3cret"), url.Values{"client_id": {"service"}}, MethodBasic, ""},
		{"basic with another client_id", basicHeader("service", "s3cret"), url.Values{"client_id": {"other"}}, "", InvalidRequest},
		{"post", "", url.Values{"client_id": {"service"}, "client_secret": {"s"}}, MethodPost, ""},
		{"none", "", url.Values{"client_id": {"service"}}, MethodNone, ""},
		{"assertion", "", url.Values{"client_assertion": {assertion}, "client_assertion_type": {AssertionType}}, MethodPrivateKeyJWT, ""},
		{"assertion for another", "", url.Values{"client_id": {"other"}, "client_assertion": {assertion}, "client_assertion_type": {AssertionType}}, "", InvalidClient},
		{"assertion of no type", "", url.Values{"client_assertion": {assertion}}, "", InvalidClient},
		{"assertion that is none", "", url.Values{"client_assertion": {"a.b"}, "client_assertion_type": {AssertionType}}, "", InvalidClient},
		{"basic and post", basicHeader("service", "s"), url.Values{"client_id": {"service"}, "client_secret": {"s"}}, "", InvalidRequest},
		{"basic and assertion", basicHeader("service", "s"), url.Values{"client_assertion": {assertion}, "client_assertion_type": {AssertionType}}, "", InvalidRequest},
		{"post and assertion", "", url.Values{"client_id": {"service"}, "client_secret": {"s"}, "client_assertion": {assertion}, "client_assertion_type": {AssertionType}}, "", InvalidRequest},
		{"nobody", "", url.Values{}, "", InvalidClient},
		{"bearer", "Bearer x", url.Values{}, "", InvalidClient},
		{"basic of nothing", "Basic ", url.Values{}, "", InvalidClient},
		{"basic not base64", "Basic %%%", url.Values{}, "", InvalidClient},
		{"basic without colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("service")), url.Values{}, "", InvalidClient},
		{"secret twice", "", url.Values{"client_id": {"service"}, "client_secret": {"a", "b"}}, "", InvalidRequest},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadCredentials(c.header, params(t, c.form))
			if c.code != "" {
				if err == nil || err.Code != c.code || err.Where != Direct {
					t.Fatalf("got %v, want %s", err, c.code)
				}
				return
			}
			if err != nil || got.Method != c.method || got.ClientID != "service" {
				t.Fatalf("got %v %v", got, err)
			}
		})
	}
}

// RFC 6749, 2.3.1: name and secret in HTTP Basic are form-encoded.
func TestBasicIsReadFormEncodedAndAsItStands(t *testing.T) {
	got, err := ReadCredentials(basicHeader("urn%3Aservice", "a%2Bb+c"), params(t, url.Values{}))
	if err != nil {
		t.Fatal(err)
	}
	if got.ClientID != "urn:service" || !slices.Equal(got.Secrets, []string{"a+b c", "a%2Bb+c"}) {
		t.Errorf("got %+v", got)
	}
}

// RFC 6749, 3.2: a parameter that comes twice is refused, one without a value is none.
func TestATokenRequestIsReadStrictly(t *testing.T) {
	verifier := strings.Repeat("v", 43)
	full := func() url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {"c"}, "redirect_uri": {"https://service.example/cb"}, "code_verifier": {verifier}}
	}
	if _, err := ReadTokenRequest(params(t, full())); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(url.Values)
		code  Code
	}{
		"no grant type": {func(v url.Values) { v.Del("grant_type") }, InvalidRequest},
		"password":      {func(v url.Values) { v.Set("grant_type", "password") }, UnsupportedGrantType},
		"no code":       {func(v url.Values) { v.Del("code") }, InvalidRequest},
		"short":         {func(v url.Values) { v.Set("code_verifier", verifier[1:]) }, InvalidGrant},
		"long":          {func(v url.Values) { v.Set("code_verifier", strings.Repeat("v", 129)) }, InvalidGrant},
		"strange":       {func(v url.Values) { v.Set("code_verifier", verifier[1:]+"é") }, InvalidGrant},
		"huge code":     {func(v url.Values) { v.Set("code", strings.Repeat("c", 513)) }, InvalidGrant},
	} {
		v := full()
		c.spoil(v)
		if _, err := ReadTokenRequest(params(t, v)); err == nil || err.Code != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

// RFC 7523, 3: iss, sub, aud, exp, nbf, iat and jti of an assertion are checked.
func TestAnAssertionMustBeTheClientsForUsNowAndOnce(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	strict := Us{Issuer: "https://id.example"}
	compatible := Us{Issuer: "https://id.example", Endpoints: []string{"https://id.example/token"}}
	full := func() map[string]any {
		return map[string]any{
			"iss": "service", "sub": "service", "aud": "https://id.example", "jti": "j1",
			"exp": now.Add(time.Minute).Unix(), "iat": now.Unix(),
		}
	}
	run := func(c map[string]any, us Us) *Error {
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		_, _, refused := CheckAssertion(payload, "service", us, now)
		return refused
	}
	for name, c := range map[string]struct {
		claim string
		value any
		ok    bool
	}{
		"as it should be":        {"iss", "service", true},
		"token endpoint":         {"aud", "https://id.example/token", true},
		"list":                   {"aud", []string{"https://other.example", "https://id.example"}, true},
		"no iat":                 {"iat", nil, true},
		"clock ahead":            {"iat", now.Add(9 * time.Second).Unix(), true},
		"fraction":               {"exp", float64(now.Unix()) + 1.5, true},
		"other issuer":           {"iss", "other", false},
		"other subject":          {"sub", "other", false},
		"other audience":         {"aud", "https://other.example", false},
		"audience as prefix":     {"aud", "https://id.example/", false},
		"no audience":            {"aud", nil, false},
		"many audiences":         {"aud", []string{"https://id.example", "b", "c", "d", "e", "f"}, false},
		"expired":                {"exp", now.Unix(), false},
		"no exp":                 {"exp", nil, false},
		"exp as text":            {"exp", "2030", false},
		"far exp":                {"exp", now.Add(2 * time.Hour).Unix(), false},
		"monstrous exp":          {"exp", 1e300, false},
		"from the future":        {"iat", now.Add(time.Minute).Unix(), false},
		"old":                    {"iat", now.Add(-2 * time.Hour).Unix(), false},
		"not yet":                {"nbf", now.Add(time.Minute).Unix(), false},
		"no jti":                 {"jti", nil, false},
		"empty jti":              {"jti", "", false},
		"jti of a megabyte":      {"jti", strings.Repeat("j", 1<<20), false},
		"issuer of a wrong type": {"iss", 7, false},
	} {
		claims := full()
		claims[c.claim] = c.value
		if err := run(claims, compatible); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		one := name != "token endpoint" && name != "list" // FAPI 2.0 Security Profile, 5.3.2.1: the issuer, as a string
		if err := run(claims, strict); (err == nil) != (c.ok && one) {
			t.Errorf("%s, only for the issuer: %v", name, err)
		}
	}
	for _, claim := range []string{"iss", "sub", "aud", "jti", "exp"} { // RFC 7519, 10.1.1: names are case-sensitive
		claims := full()
		claims[strings.ToUpper(claim)] = claims[claim]
		delete(claims, claim)
		if err := run(claims, compatible); err == nil {
			t.Errorf("%s was read in upper case", claim)
		}
	}
}

func TestNoClaimAboutAPersonReplacesOneOfTheProtocol(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	token := IDToken{
		Issuer: "https://id.example", Subject: "s", Audience: "service", IssuedAt: at, Expires: at.Add(time.Minute), AuthTime: at, AccessToken: "t", Code: "c",
		Person: map[string]any{"sub": "evil", "iss": "evil", "aud": "evil", "acr": "evil", "amr": "evil", "nonce": "evil", "sid": "evil", "exp": 1, "at_hash": "evil", "c_hash": "evil", "auth_time": 1, "jti": "evil", "email": "a@b.example"},
	}
	for name, value := range token.Claims() {
		if value == "evil" || value == 1 {
			t.Errorf("%s was replaced", name)
		}
	}
	if token.Claims()["email"] != "a@b.example" {
		t.Error("the e-mail address is gone")
	}
}

// OIDC Core, 3.1.3.6: the left half of the hash, as in the example of the specification.
func TestLeftHashIsThatOfTheSpecification(t *testing.T) {
	// OpenID Connect Core 1.0, appendix A.3.
	if got := LeftHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Error(got)
	}
}

// RFC 6750, 2: a token comes in one way per request.
func TestABearerTokenComesOnceAndInOnePlace(t *testing.T) {
	if got, err := ReadPresentedToken("Bearer abc", params(t, nil)); err != nil || got.Token != "abc" || got.Scheme != SchemeBearer {
		t.Error(got, err)
	}
	if got, err := ReadPresentedToken("", params(t, url.Values{"access_token": {"abc"}})); err != nil || got.Token != "abc" {
		t.Error(got, err)
	}
	if _, err := ReadPresentedToken("Bearer abc", params(t, url.Values{"access_token": {"abc"}})); err == nil || err.Code != InvalidRequest {
		t.Error(err)
	}
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic abc", "Bearer " + strings.Repeat("x", 513)} {
		if _, err := ReadPresentedToken(header, params(t, nil)); err == nil || err.Code != InvalidToken {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func FuzzCredentialsNeverPanic(f *testing.F) {
	f.Add(basicHeader("service", "secret"), "client_id=service")
	f.Add("", "client_assertion="+jwt(`{"sub":"service"}`)+"&client_assertion_type="+url.QueryEscape(AssertionType))
	f.Fuzz(func(t *testing.T, header, form string) {
		p, err := ParseParams(form)
		if err != nil {
			return
		}
		c, err := ReadCredentials(header, p)
		if err == nil && (c.Method == "" || c.ClientID == "") {
			t.Fatalf("%+v", c)
		}
		_, _ = ReadTokenRequest(p)
		_, _ = ReadPresentedToken(header, p)
		_, _ = ReadLogout(p)
	})
}

func FuzzAnAssertionsClaimsNeverPanic(f *testing.F) {
	f.Add([]byte(`{"iss":"service","sub":"service","aud":["https://id.example"],"exp":1900000000,"jti":"1"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		jti, expires, err := CheckAssertion(payload, "service", Us{Issuer: "https://id.example"}, time.Unix(1_899_999_990, 0))
		if err == nil && (jti == "" || expires.Unix() < 1_899_999_990) {
			t.Fatal(jti, expires)
		}
		_, _ = ReadHint(payload, "https://id.example")
	})
}

func TestAnUnknownTimeIsNoClaim(t *testing.T) {
	token := IDToken{Issuer: "https://id.example.org", Person: map[string]any{"auth_time": 1}}
	if got, there := token.Claims()["auth_time"]; there {
		t.Errorf("auth_time %v", got)
	}
	token.AuthTime = time.Unix(1700000000, 0)
	if got := token.Claims()["auth_time"]; got != int64(1700000000) {
		t.Errorf("auth_time %v", got)
	}
}

func FuzzARequestObjectNeverPanics(f *testing.F) {
	for _, s := range []string{`{}`, `{"client_id":"service","aud":["x"],"exp":1e300,"nbf":-1}`, `{"client_id":{},"claims":{"a":[null]}}`, `[`, "{\"a\":\"\x00\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, strict := range []bool{false, true} {
			p, err := ObjectParams(payload, "", "service", "https://issuer.example", time.Unix(1_700_000_000, 0), strict)
			if err == nil && (p.Get("client_id") != "service" || p.Get("request") != "" || p.Get("request_uri") != "") {
				t.Fatal("a request object of another client, or one that holds another")
			}
		}
	})
}
