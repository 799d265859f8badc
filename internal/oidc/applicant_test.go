package oidc_test

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"parvis/internal/clientcert"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// variant is how the conformance suite of the OpenID Foundation is set in the plans
// fapi2-security-profile-final-test-plan and fapi2-message-signing-final-test-plan.
type variant struct {
	keys   bool // client_auth_type private_key_jwt, and not mtls
	dpop   bool // sender_constrain dpop, and not mtls
	oauth  bool // openid plain_oauth
	rar    bool // authorization_request_type rar
	signed bool // fapi_request_method signed_non_repudiation
	jarm   bool // fapi_response_mode jarm
}

func (v variant) String() string {
	var out []string
	for name, on := range map[int]bool{0: v.keys, 1: v.dpop, 2: v.oauth, 3: v.rar, 4: v.signed, 5: v.jarm} {
		if on {
			out = append(out, []string{"keys", "dpop", "oauth", "rar", "signed", "jarm"}[name])
		}
	}
	if len(out) == 0 {
		return "mtls"
	}
	return strings.Join(out, "+")
}

// certifications are the four that there are of clients and of what binds their tokens.
func certifications() []variant {
	return []variant{{keys: true, dpop: true}, {keys: true}, {dpop: true}, {}}
}

// applicant is one of the suite's two clients.
type applicant struct {
	*testing.T
	variant

	h      *house
	b      *browser
	client string
	signer *jose.Signer // of assertions and request objects
	mine   identity     // its certificate
	k      holder
}

// applicants registers the suite's two clients as docs/integration/fapi.md says, and signs a person in who agreed.
func applicants(t *testing.T, h *house, ca identity, v variant) (first, second *applicant) {
	t.Helper()
	if h.applicant == "" {
		h.applicant = h.person("fapi@example.org")
	}
	person := h.applicant
	b := h.browser()
	b.signIn(person, "")
	b.cookies[kit.BrowserCookie] = strings.Repeat("b", 43)
	one := func(name string) *applicant {
		h.applied++
		name = "fapi-" + name + "-" + strconv.Itoa(h.applied)
		key, err := jose.Generate(jose.ES256)
		check(t, err)
		a := &applicant{T: t, variant: v, h: h, b: b, client: name, k: h.holder(), signer: signs(t, jose.ES256, key)}
		a.mine = certify(&ca, pkix.Name{CommonName: name}, begins, always, nil)
		h.enroll(name, func(s *relyingparty.Settings) {
			s.Profile, s.JWKS, s.Auth, s.CertificateBound, s.RequireDPoP, s.RequireObject = "fapi2", keySet(key), "private_key_jwt", !v.dpop, v.dpop, v.signed
			if !v.keys {
				s.Auth, s.SubjectDN = "tls_client_auth", "CN="+name
			}
			if v.oauth {
				s.OpenID = "optional"
			}
			if v.rar {
				s.DetailTypes = []relyingparty.DetailType{{Type: "fee", Title: i18n.Text{"en": "Pay a fee"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount"}}}}
			}
		})
		h.consent(person, id.RelyingParty(name), claim.Email, claim.ScopeOffline)
		return a
	}
	return one("one"), one("two")
}

func signs(t *testing.T, alg jose.Algorithm, key crypto.Signer) *jose.Signer {
	t.Helper()
	s, err := jose.NewSigner(alg, key)
	check(t, err)
	return s
}

// anyAlg are keys that do not say what they are for, so that the rules of the profile decide.
func anyAlg(set []byte) string {
	return regexp.MustCompile(`"alg":"[^"]*",?`).ReplaceAllString(string(set), "")
}

// in is the applicant in a case.
func (a *applicant) in(t *testing.T) *applicant {
	out := *a
	out.T, out.k.t = t, t
	return &out
}

// base is the address that it calls: that of mtls_endpoint_aliases for certificates.
func (a *applicant) base() string {
	if a.keys && a.dpop {
		return a.h.issuer
	}
	return "https://" + showHost
}

// do calls an endpoint, with the certificate where there is one.
func (a *applicant) do(method, path string, v url.Values, headers ...string) (map[string]any, int) {
	a.Helper()
	if a.keys && a.dpop {
		c := caller{t: a.T, client: http.DefaultClient, base: a.h.issuer, host: strings.TrimPrefix(a.h.issuer, "http://")}
		return c.do(method, path, v, headers...)
	}
	return a.by(&a.mine).do(method, path, v, headers...)
}

func (a *applicant) by(shown *identity) caller { return a.h.proxy(clientcert.PEM, shown) }

// authenticated adds what the client says who it is with.
func (a *applicant) authenticated(v url.Values, changes ...any) url.Values {
	a.Helper()
	if !a.keys {
		v.Set("client_id", a.client)
		return v
	}
	v.Set("client_assertion_type", protocol.AssertionType)
	v.Set("client_assertion", a.sign(a.signer, "", a.claims(changes...)))
	return v
}

// claims are those of a good assertion; changes with a nil value leave one out.
func (a *applicant) claims(changes ...any) map[string]any {
	now := a.h.clock.Now()
	out := map[string]any{"iss": a.client, "sub": a.client, "aud": a.h.issuer, "jti": secret.NewToken(), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	return changed(out, changes...)
}

func (a *applicant) sign(s *jose.Signer, typ string, claims map[string]any) string {
	a.Helper()
	out, err := s.Sign(typ, claims)
	check(a.T, err)
	return out
}

// unsecured is a token with alg none.
func unsecured(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	check(t, err)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

// parameters are those of the suite's authorization request.
func (a *applicant) parameters(changes ...string) url.Values {
	scope := offline
	if a.oauth {
		scope = "email offline_access"
	}
	v := request(a.client, "scope", scope)
	if a.oauth {
		v.Del("nonce")
	}
	if a.rar {
		v.Set("authorization_details", `[{"type":"fee","amount":"12.50"}]`)
	}
	if a.jarm {
		v.Set("response_mode", "jwt")
	}
	return with(v, changes...)
}

// objected puts parameters into a signed request object, where the plan signs them.
func (a *applicant) objected(v url.Values, changes ...any) url.Values {
	a.Helper()
	if !a.signed {
		return v
	}
	return url.Values{"client_id": {a.client}, "request": {a.sign(a.signer, "oauth-authz-req+jwt", a.object(v, changes...))}}
}

func (a *applicant) object(v url.Values, changes ...any) map[string]any {
	now := a.h.clock.Now()
	out := map[string]any{"iss": a.client, "aud": a.h.issuer, "nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for name, values := range v {
		out[name] = values[0]
	}
	return changed(out, changes...)
}

// push pushes parameters as they are.
func (a *applicant) push(v url.Values, headers ...string) (map[string]any, int) {
	a.Helper()
	return a.do(http.MethodPost, "/par", a.authenticated(v), headers...)
}

// named pushes a good request and gives its name.
func (a *applicant) named(changes ...string) string {
	a.Helper()
	out, status := a.push(a.objected(a.parameters(changes...)))
	uri, _ := out["request_uri"].(string)
	if expires, _ := out["expires_in"].(float64); status != http.StatusCreated || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || expires < 5 || expires >= 600 {
		a.Fatalf("%d %v", status, out)
	}
	return uri
}

// sent sends the browser with the two parameters that a name needs.
func (a *applicant) sent(uri string) reply {
	a.Helper()
	return a.agrees(a.b.authorize(url.Values{"client_id": {a.client}, "request_uri": {uri}}))
}

// agrees goes through what is asked of the person, as the consent page does.
func (a *applicant) agrees(got reply) reply {
	a.Helper()
	if !strings.HasPrefix(got.Header.Get("Location"), "/signin/") {
		return got
	}
	f := got.flow(a.T)
	a.b.agrees(f)
	return a.b.get("/authorize/finish/" + string(f))
}

// answered are the parameters of an answer, out of the JWT where the plan wants one.
func (a *applicant) answered(got reply) map[string]any {
	a.Helper()
	q, out := got.answer(a.T), map[string]any{}
	if a.jarm {
		if len(q) != 1 {
			a.Errorf("more than the response: %v", q)
		}
		out = a.h.claims(q.Get("response"), jose.ES256)
		if exp, _ := out["exp"].(float64); out["aud"] != a.client || int64(exp) <= a.h.clock.Now().Unix() || int64(exp) > a.h.clock.Now().Add(10*time.Minute).Unix() {
			a.Errorf("%v", out)
		}
	} else {
		for name := range q {
			out[name] = q.Get(name)
		}
	}
	if out["iss"] != a.h.issuer {
		a.Errorf("iss: %v", out)
	}
	return out
}

func (a *applicant) code(changes ...string) string {
	a.Helper()
	out := a.answered(a.sent(a.named(changes...)))
	code, _ := out["code"].(string)
	if code == "" {
		a.Fatalf("no code: %v", out)
	}
	return code
}

// proven are the headers of a call that must be bound, with changes to the proof.
func (a *applicant) proven(method, path string, changes ...any) []string {
	a.Helper()
	if !a.dpop {
		return nil
	}
	return []string{"DPoP", a.k.proof(method, path, append([]any{"htu", a.base() + path}, changes...)...)}
}

// redeem asks for the tokens of a code.
func (a *applicant) redeem(code string, changes ...string) (map[string]any, int) {
	a.Helper()
	return a.do(http.MethodPost, "/token", a.authenticated(exchange(code, changes...)), a.proven("POST", "/token")...)
}

// tokens are good ones, each bound, with an ID token where OpenID is asked for and none else.
func (a *applicant) tokens(code string) map[string]any {
	a.Helper()
	out, status := a.redeem(code)
	kind := map[bool]string{true: "DPoP", false: "Bearer"}[a.dpop]
	_, hasID := out["id_token"]
	_, hasDetails := out["authorization_details"]
	if status != http.StatusOK || out["token_type"] != kind || hasID == a.oauth || hasDetails != a.rar || out["refresh_token"] == nil {
		a.Fatalf("%d %v", status, out)
	}
	return out
}

// resource asks userinfo with an access token; changes are those of the proof.
func (a *applicant) resource(access any, changes ...any) (map[string]any, int) {
	a.Helper()
	token, _ := access.(string)
	if !a.dpop {
		return a.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+token)
	}
	headers := a.proven("GET", "/userinfo", append([]any{"ath", ath(token)}, changes...)...)
	return a.do(http.MethodGet, "/userinfo", nil, append(headers, "Authorization", "DPoP "+token)...)
}

// refused is what the error of an answer must be: one of those that the suite takes.
func (a *applicant) refused(what string, out map[string]any, status int, codes ...string) {
	a.Helper()
	code, _ := out["error"].(string)
	about, _ := out["error_description"].(string)
	if status < 400 || status >= 500 || !strings.Contains(" "+strings.Join(codes, " ")+" ", " "+code+" ") || code == "" || strings.ContainsAny(about, "\r\n\t\"\\") {
		a.Errorf("%s: %d %v, want one of %v", what, status, out, codes)
	}
}
