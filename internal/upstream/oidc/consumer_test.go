package oidc

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	josev4 "github.com/go-jose/go-jose/v4"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/policy"
	"parvis/internal/upstream"
)

func TestASignInYieldsIssuerSubjectAndHowAndNothingElse(t *testing.T) {
	f := newPartner(t)
	a, err := f.signIn(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Issuer != f.server.URL || a.Subject != "s-1" || a.ACR != "high" || !slices.Equal(a.AMR, []string{"pwd", "otp"}) ||
		!a.AuthTime.Equal(f.clock.Add(-time.Minute)) || !a.NotOnOrAfter.Equal(f.clock.Add(5*time.Minute)) {
		t.Errorf("%+v", a)
	}
	if text := fmt.Sprintf("%v %+v", a, a); strings.Contains(text, "s-1") {
		t.Errorf("an assertion prints its subject: %s", text)
	}
	raw, err := json.Marshal(a)
	if err != nil || strings.Contains(string(raw), "ann") || strings.Contains(string(raw), "Ann") {
		t.Errorf("%s", raw)
	}
	if n := f.count("/userinfo"); n != 0 {
		t.Errorf("userinfo was called %d times", n)
	}
}

func TestTheAuthorizationRequestHoldsOnlyWhatItMust(t *testing.T) {
	f := newPartner(t)
	r, q := f.begin(f.provider(), upstream.Ask{Lang: i18n.French})
	want := f.server.URL + "/authorize?client_id=parvis&code_challenge=" + challenge(r.Pending.Verifier) + "&code_challenge_method=S256&nonce=" + r.Pending.Nonce +
		"&redirect_uri=https%3A%2F%2Fsign-in.example.org%2Fpartner%2Fbank%2Fcallback&response_type=code&scope=openid&state=" + r.Pending.State + "&ui_locales=fr-CA+fr"
	if r.URL != want || r.Form != nil {
		t.Errorf("\n%s\n%s", r.URL, want)
	}
	if len(r.Pending.State) < 43 || len(r.Pending.Nonce) < 43 || len(r.Pending.Verifier) < 43 || q.Has("code_verifier") {
		t.Errorf("%+v", r.Pending)
	}
	other, _ := f.begin(f.provider(), upstream.Ask{})
	if other.Pending.State == r.Pending.State || other.Pending.Nonce == r.Pending.Nonce || other.Pending.Verifier == r.Pending.Verifier {
		t.Error("two requests share a secret")
	}
	f.settings.OIDC.ACRValues, f.settings.OIDC.Claims = []string{"low"}, []string{"acr", "auth_time"}
	f.settings.Worth = upstream.Worth{Cap: policy.AAL2, ACR: map[string]policy.Level{"low": policy.OneStep, "mid": policy.TwoSteps, "high": policy.AAL2}}
	f.settings.OIDC.ResponseMode = "form_post"
	hour := time.Hour
	for _, c := range []struct {
		ask  upstream.Ask
		want map[string]string
	}{
		{upstream.Ask{}, map[string]string{"acr_values": "low"}},
		{upstream.Ask{Level: policy.OneStep}, map[string]string{"acr_values": "low"}},
		{upstream.Ask{Level: policy.TwoSteps}, map[string]string{"acr_values": "mid high"}},
		{upstream.Ask{Level: policy.AAL2, MaxAge: &hour}, map[string]string{"acr_values": "high", "max_age": "3600"}},
		{upstream.Ask{Fresh: true, MaxAge: &hour}, map[string]string{"acr_values": "low", "max_age": "0", "prompt": "login"}},
	} {
		c.want["claims"] = `{"id_token":{"acr":{"essential":true},"auth_time":{"essential":true}}}`
		c.want["response_mode"] = "form_post"
		_, q := f.begin(f.provider(), c.ask)
		for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method"} {
			q.Del(name)
		}
		for name, value := range c.want {
			if q.Get(name) != value {
				t.Errorf("%+v: %s is %q, want %q", c.ask, name, q.Get(name), value)
			}
			q.Del(name)
		}
		if len(q) > 0 {
			t.Errorf("%+v: more than needed: %v", c.ask, q)
		}
	}
	f.set(func() {
		f.metadata = func(m map[string]any) { m["authorization_endpoint"] = f.server.URL + "/authorize?tenant=a" }
	})
	f.clock = f.clock.Add(fresh)
	if r, q := f.begin(f.provider(), upstream.Ask{}); q.Get("tenant") != "a" || q.Get("client_id") != "parvis" || strings.Count(r.URL, "?") != 1 {
		t.Errorf("an endpoint with a query: %s", r.URL)
	}
}

func TestNothingOfTheServiceReachesAPartnerByteByByte(t *testing.T) {
	f := newPartner(t)
	host := strings.TrimPrefix(f.server.URL, "http://")
	p := f.provider()
	request, _ := f.begin(p, upstream.Ask{})
	const get = "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Parvis\r\nAccept: application/json\r\n\r\n"
	if got, want := f.wire.take(), fmt.Sprintf(get, "/.well-known/openid-configuration", host); got != want {
		t.Errorf("metadata:\n%q\n%q", got, want)
	}
	if _, err := f.c.Finish(t.Context(), p, request.Pending, upstream.Answer{Params: f.answer(request.Pending)}); err != nil {
		t.Fatal(err)
	}
	body := "code=c-1&code_verifier=" + request.Pending.Verifier + "&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fsign-in.example.org%2Fpartner%2Fbank%2Fcallback"
	want := fmt.Sprintf("POST /token HTTP/1.1\r\nHost: %s\r\nUser-Agent: Parvis\r\nContent-Length: %d\r\nAccept: application/json\r\n"+
		"Authorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n%s", host, len(body),
		base64.StdEncoding.EncodeToString([]byte("parvis:of+the+bank")), body) + fmt.Sprintf(get, "/jwks", host)
	if got := f.wire.take(); got != want {
		t.Errorf("token request and keys:\n%q\n%q", got, want)
	}
	if err := f.c.Probe(t.Context(), p, true); err != nil {
		t.Fatal(err)
	}
	want = fmt.Sprintf(get, "/.well-known/openid-configuration", host) + fmt.Sprintf(get, "/jwks", host) + fmt.Sprintf("POST /token HTTP/1.1\r\nHost: %s\r\nUser-Agent: Parvis\r\n"+
		"Content-Length: 29\r\nAccept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=authorization_code", host)
	if got := f.wire.take(); got != want {
		t.Errorf("probe:\n%q\n%q", got, want)
	}
}

func TestEachWayOfShowingWhoWeAreIsSentAsItsStandardSays(t *testing.T) {
	f := newPartner(t)
	f.settings.OIDC.Auth = upstream.AuthPost
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	form := f.form["/token"]
	if form.Get("client_id") != "parvis" || form.Get("client_secret") != "of the bank" || len(form) != 6 || f.header["/token"].Get("Authorization") != "" {
		t.Errorf("client_secret_post: %v", form)
	}
	own, err := jose.Generate(jose.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.NewSigner(jose.EdDSA, own)
	if err != nil {
		t.Fatal(err)
	}
	f.settings.OIDC.Auth, f.settings.OIDC.Secret, f.settings.OIDC.SigningAlg, f.settings.OIDC.PrivateKey = "", "", "EdDSA", pemOf(t, own)
	seen := map[string]bool{}
	for range 2 {
		if _, err := f.signIn(nil); err != nil {
			t.Fatal(err)
		}
		form = f.form["/token"]
		payload, head, err := jose.NewKeySet(key.JWK()).Verify(form.Get("client_assertion"), jose.EdDSA)
		if err != nil || head.KeyID != key.KeyID() {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		jti, _ := claims["jti"].(string)
		if claims["iss"] != "parvis" || claims["sub"] != "parvis" || claims["aud"] != f.server.URL || seen[jti] || len(jti) < 20 ||
			claims["exp"] != float64(f.clock.Add(time.Minute).Unix()) || len(claims) != 6 {
			t.Errorf("assertion: %v", claims)
		}
		seen[jti] = true
		if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret") || len(form) != 7 {
			t.Errorf("private_key_jwt: %v", form)
		}
	}
}

func TestAPushedRequestLeavesOnlyItsNameInTheBrowser(t *testing.T) {
	f := newPartner(t)
	f.metadata = func(m map[string]any) { m["pushed_authorization_request_endpoint"] = f.server.URL + "/par" }
	r, _ := f.begin(f.provider(), upstream.Ask{})
	if r.URL != f.server.URL+"/authorize?client_id=parvis&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Aabc" {
		t.Errorf("%s", r.URL)
	}
	form := f.form["/par"]
	if form.Get("state") != r.Pending.State || form.Get("nonce") != r.Pending.Nonce || form.Get("response_type") != "code" || len(form) != 8 || f.header["/par"].Get("Authorization") == "" {
		t.Errorf("%v", form)
	}
	f.settings.OIDC.PAR = upstream.Off
	if r, _ := f.begin(f.provider(), upstream.Ask{}); strings.Contains(r.URL, "request_uri=urn") {
		t.Error("pushed although off")
	}
	f.set(func() {
		f.metadata = func(m map[string]any) {
			m["pushed_authorization_request_endpoint"], m["require_pushed_authorization_requests"] = f.server.URL+"/par", true
		}
	})
	f.clock = f.clock.Add(fresh)
	if r, _ := f.begin(f.provider(), upstream.Ask{}); !strings.Contains(r.URL, "request_uri=urn") {
		t.Error("not pushed although demanded")
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   upstream.Failure
	}{
		"an error":         {400, `{"error":"invalid_request"}`, upstream.Refused},
		"another client":   {401, `{"error":"invalid_client"}`, upstream.Refused},
		"out of order":     {503, ``, upstream.Outage},
		"no address":       {201, `{}`, upstream.Invalid},
		"a strange one":    {201, `{"request_uri":"a b"}`, upstream.Invalid},
		"no JSON":          {201, `<html>`, upstream.Invalid},
		"an error page":    {404, `<html>`, upstream.Invalid},
		"too many at once": {429, `{}`, upstream.Outage},
	} {
		f.set(func() {
			f.handle["/par"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status); _, _ = w.Write([]byte(c.body)) }
		})
		_, err := f.c.Begin(t.Context(), f.provider(), upstream.Ask{})
		failed(t, name, err, c.want)
	}
	plain := newPartner(t)
	plain.settings.OIDC.PAR = upstream.On
	_, err := plain.c.Begin(t.Context(), plain.provider(), upstream.Ask{})
	failed(t, "on and not offered", err, upstream.Invalid)
}

func TestTokensAreBoundToAKeyWhereThatIsOffered(t *testing.T) {
	f := newPartner(t)
	if _, err := f.signIn(nil); err != nil || f.header["/token"].Get("DPoP") != "" {
		t.Errorf("not offered: %v", err)
	}
	f = newPartner(t)
	f.metadata = func(m map[string]any) { m["dpop_signing_alg_values_supported"] = []string{"ES256"} }
	f.token = func(b map[string]any) { b["token_type"] = "DPoP" }
	f.settings.OIDC.DPoP, f.settings.OIDC.UserInfo = upstream.On, true
	f.handle["/token"] = func(w http.ResponseWriter, r *http.Request) {
		f.set(func() { delete(f.handle, "/token") })
		w.Header().Set("DPoP-Nonce", "n-1")
		f.json(w, 400, map[string]any{"error": "use_dpop_nonce"})
	}
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	if n := f.count("/token"); n != 2 {
		t.Errorf("%d token requests", n)
	}
	proof := func(path string) (map[string]any, string) {
		signed, err := josev4.ParseSignedCompact(f.header[path].Get("DPoP"), []josev4.SignatureAlgorithm{josev4.ES256})
		if err != nil {
			t.Fatal(err)
		}
		h := signed.Signatures[0].Protected
		raw, err := signed.Verify(h.JSONWebKey)
		if err != nil || h.ExtraHeaders["typ"] != "dpop+jwt" {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(raw, &claims); err != nil {
			t.Fatal(err)
		}
		id, err := jose.Thumbprint(h.JSONWebKey.Key)
		if err != nil {
			t.Fatal(err)
		}
		return claims, id
	}
	token, key := proof("/token")
	info, same := proof("/userinfo")
	if token["htm"] != "POST" || token["htu"] != f.server.URL+"/token" || token["nonce"] != "n-1" || token["ath"] != nil {
		t.Errorf("%v", token)
	}
	if info["htm"] != "GET" || info["htu"] != f.server.URL+"/userinfo" || info["ath"] != challenge("the-access-token") || key != same || info["jti"] == token["jti"] {
		t.Errorf("%v", info)
	}
	if f.header["/userinfo"].Get("Authorization") != "DPoP the-access-token" {
		t.Errorf("%v", f.header["/userinfo"])
	}
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	if _, next := proof("/token"); next == key {
		t.Error("two sign-ins share a key, by which a partner could tell them together")
	}
	before := f.count("/token")
	f.set(func() {
		f.handle["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("DPoP-Nonce", "n-2")
			f.json(w, 400, map[string]any{"error": "use_dpop_nonce"})
		}
	})
	_, err := f.signIn(nil)
	failed(t, "a nonce that is never right", err, upstream.Refused)
	if n := f.count("/token") - before; n > 2 {
		t.Errorf("a code was sent %d times", n)
	}
	f.set(func() { f.token, f.handle = nil, map[string]http.HandlerFunc{} })
	_, err = f.signIn(nil)
	failed(t, "an unbound token", err, upstream.Invalid)
}

func TestWhatTheBrowserBringsIsCheckedBeforeAnythingIsSent(t *testing.T) {
	f := newPartner(t)
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	before := f.count("/token")
	for name, c := range map[string]struct {
		change func(url.Values)
		want   upstream.Failure
	}{
		"another state":        {func(v url.Values) { v.Set("state", "x") }, upstream.Replay},
		"a longer state":       {func(v url.Values) { v.Set("state", v.Get("state")+"x") }, upstream.Replay},
		"no state":             {func(v url.Values) { v.Del("state") }, upstream.Replay},
		"an error for another": {func(v url.Values) { v.Set("error", "access_denied"); v.Set("state", "x") }, upstream.Replay},
		"mixed up":             {func(v url.Values) { v.Set("iss", "https://attacker.example") }, upstream.Invalid},
		"a slash more":         {func(v url.Values) { v.Set("iss", v.Get("iss")+"/") }, upstream.Invalid},
		"no iss":               {func(v url.Values) { v.Del("iss") }, upstream.Invalid},
		"an error mixed up":    {func(v url.Values) { v.Set("iss", "x"); v.Set("error", "access_denied") }, upstream.Invalid},
		"nothing":              {func(v url.Values) { v.Del("code") }, upstream.Invalid},
		"an empty code":        {func(v url.Values) { v.Set("code", "") }, upstream.Invalid},
		"a code of two lines":  {func(v url.Values) { v.Set("code", "a\r\nb") }, upstream.Invalid},
		"a huge code":          {func(v url.Values) { v.Set("code", strings.Repeat("a", maxCode+1)) }, upstream.Invalid},
		"two codes":            {func(v url.Values) { v.Add("code", "x") }, upstream.Invalid},
		"two states":           {func(v url.Values) { v.Add("state", v.Get("state")) }, upstream.Invalid},
		"a huge answer":        {func(v url.Values) { v.Set("x", strings.Repeat("a", maxAnswer)) }, upstream.Invalid},
		"many parameters": {func(v url.Values) {
			for i := range maxParams {
				v.Set(fmt.Sprint(i), "x")
			}
		}, upstream.Invalid},
		"cancelled":       {func(v url.Values) { v.Set("error", "access_denied") }, upstream.Cancelled},
		"refused":         {func(v url.Values) { v.Set("error", "invalid_scope") }, upstream.Refused},
		"out of order":    {func(v url.Values) { v.Set("error", "temporarily_unavailable") }, upstream.Outage},
		"broken":          {func(v url.Values) { v.Set("error", "server_error") }, upstream.Outage},
		"weaker":          {func(v url.Values) { v.Set("error", "unmet_authentication_requirements") }, upstream.Weaker},
		"an odd error":    {func(v url.Values) { v.Set("error", "<script>ann@example.org") }, upstream.Refused},
		"an empty error":  {func(v url.Values) { v.Set("error", "") }, upstream.Refused},
		"error and words": {func(v url.Values) { v.Set("error", "login_required"); v.Set("error_description", "secret words") }, upstream.Refused},
	} {
		_, err := f.signIn(c.change)
		failed(t, name, err, c.want)
		if e, ok := errors.AsType[*upstream.Error](err); !ok || !e.ByBrowser {
			t.Errorf("%s: counts against the partner: %v", name, err)
		}
	}
	if n := f.count("/token"); n != before {
		t.Errorf("%d requests were sent for answers that prove nothing", n-before)
	}
	f.set(func() {
		f.metadata = func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }
	})
	f.clock = f.clock.Add(fresh)
	if _, err := f.signIn(func(v url.Values) { v.Del("iss") }); err != nil {
		t.Errorf("a provider that promises no iss: %v", err)
	}
	f.settings.OIDC.RequireIss = true
	_, err := f.signIn(func(v url.Values) { v.Del("iss") })
	failed(t, "no iss where we demand it", err, upstream.Invalid)
}

func TestNoIDTokenThatProvesNothingIsBelieved(t *testing.T) {
	f := newPartner(t)
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	set := func(key string, value any) func(map[string]any) { return func(c map[string]any) { c[key] = value } }
	unset := func(key string) func(map[string]any) { return func(c map[string]any) { delete(c, key) } }
	for name, c := range map[string]struct {
		claims func(map[string]any)
		want   upstream.Failure
	}{
		"another issuer":        {set("iss", "https://attacker.example"), upstream.Invalid},
		"no issuer":             {unset("iss"), upstream.Invalid},
		"another audience":      {set("aud", "other"), upstream.Invalid},
		"several audiences":     {set("aud", []string{"parvis", "other"}), upstream.Invalid},
		"no audience":           {unset("aud"), upstream.Invalid},
		"an empty audience":     {set("aud", []string{}), upstream.Invalid},
		"for somebody else":     {set("azp", "other"), upstream.Invalid},
		"expired":               {set("exp", f.clock.Add(-11*time.Second).Unix()), upstream.Invalid},
		"without end":           {unset("exp"), upstream.Invalid},
		"an end in words":       {set("exp", "tomorrow"), upstream.Invalid},
		"an end past all time":  {set("exp", 1e300), upstream.Invalid},
		"from the future":       {set("iat", f.clock.Add(11*time.Second).Unix()), upstream.Invalid},
		"without beginning":     {unset("iat"), upstream.Invalid},
		"not yet":               {set("nbf", f.clock.Add(time.Minute).Unix()), upstream.Invalid},
		"older than we asked":   {set("iat", f.clock.Add(-time.Minute).Unix()), upstream.Replay},
		"another nonce":         {set("nonce", "replayed"), upstream.Replay},
		"no nonce":              {unset("nonce"), upstream.Replay},
		"a nonce of no type":    {set("nonce", 7), upstream.Invalid},
		"no subject":            {unset("sub"), upstream.Invalid},
		"an empty subject":      {set("sub", ""), upstream.Invalid},
		"a number as subject":   {set("sub", 7), upstream.Invalid},
		"a long subject":        {set("sub", strings.Repeat("s", 256)), upstream.Invalid},
		"a subject in Cyrillic": {set("sub", "ѕ"), upstream.Invalid},
		"another access token":  {set("at_hash", challenge("x")), upstream.Invalid},
		"a logout token":        {set("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}), upstream.Invalid},
		"signed in to be":       {set("auth_time", f.clock.Add(time.Minute).Unix()), upstream.Invalid},
		"an acr of two lines":   {set("acr", "a\nb"), upstream.Invalid},
		"a long acr":            {set("acr", strings.Repeat("a", 257)), upstream.Invalid},
		"many methods":          {set("amr", strings.Split(strings.Repeat("a ", 21), " ")), upstream.Invalid},
	} {
		f.set(func() { f.claims = c.claims })
		_, err := f.signIn(nil)
		failed(t, name, err, c.want)
	}
	for name, claims := range map[string]func(map[string]any){
		"aud as a list of one": set("aud", []string{"parvis"}),
		"azp is us":            set("azp", "parvis"),
		"a clock a little off": func(c map[string]any) {
			c["iat"], c["exp"] = f.clock.Add(9*time.Second).Unix(), f.clock.Add(time.Minute).Unix()
		},
		"just expired":          set("exp", f.clock.Add(-9*time.Second).Unix()),
		"seconds with a point":  set("iat", float64(f.clock.Unix())+0.5),
		"one method":            set("amr", "pwd"),
		"nothing but the least": func(c map[string]any) { delete(c, "acr"); delete(c, "amr"); delete(c, "auth_time") },
		"the hash of the token": set("at_hash", accessHash(jose.ES256, "the-access-token")),
	} {
		f.set(func() { f.claims = claims })
		if _, err := f.signIn(nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoForgedSignatureIsBelieved(t *testing.T) {
	f := newPartner(t)
	foreign := ecKey(t)
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	unsigned := func(header string, claims map[string]any, signature string) string {
		raw, _ := json.Marshal(claims)
		return encode(header) + "." + encode(string(raw)) + "." + signature
	}
	public := f.keys["k1"].Public()
	key := josev4.JSONWebKey{Key: public}
	jwk, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(map[string]any) string{
		"none":      func(c map[string]any) string { return unsigned(`{"alg":"none"}`, c, "") },
		"nOnE":      func(c map[string]any) string { return unsigned(`{"alg":"nOnE","kid":"k1"}`, c, "") },
		"no alg":    func(c map[string]any) string { return unsigned(`{"kid":"k1"}`, c, "AAAA") },
		"HS by key": func(c map[string]any) string { return signWith(t, "HS256", jwk, "", c) },
		"HS by word": func(c map[string]any) string {
			return signWith(t, "HS256", []byte("of the bank, of the bank, of the bank"), "", c)
		},
		"another key": func(c map[string]any) string {
			return signWith(t, jose.ES256, josev4.JSONWebKey{Key: foreign, KeyID: "k1"}, "", c)
		},
		"an unknown key": func(c map[string]any) string {
			return signWith(t, jose.ES256, josev4.JSONWebKey{Key: foreign, KeyID: "k9"}, "", c)
		},
		"its own key": func(c map[string]any) string {
			s, err := josev4.NewSigner(josev4.SigningKey{Algorithm: josev4.ES256, Key: foreign}, &josev4.SignerOptions{EmbedJWK: true})
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := json.Marshal(c)
			signed, err := s.Sign(raw)
			if err != nil {
				t.Fatal(err)
			}
			out, _ := signed.CompactSerialize()
			return out
		},
		"zeros": func(c map[string]any) string {
			return unsigned(`{"alg":"ES256","kid":"k1"}`, c, encode(strings.Repeat("\x00", 64)))
		},
		"cut": func(c map[string]any) string { out := f.sign(c); return out[:len(out)-2] },
		"other claims": func(c map[string]any) string {
			a, b := strings.Split(f.sign(c), "."), strings.Split(f.sign(with(c, "sub", "s-2")), ".")
			return a[0] + "." + b[1] + "." + a[2]
		},
		"access token": func(c map[string]any) string {
			return signWith(t, f.alg, josev4.JSONWebKey{Key: f.keys["k1"], KeyID: "k1"}, "at+jwt", c)
		},
		"logout token": func(c map[string]any) string {
			return signWith(t, f.alg, josev4.JSONWebKey{Key: f.keys["k1"], KeyID: "k1"}, "logout+jwt", c)
		},
		"no token":      func(map[string]any) string { return "" },
		"two parts":     func(map[string]any) string { return "a.b" },
		"many dots":     func(map[string]any) string { return strings.Repeat(".", 10_000) },
		"a huge token":  func(c map[string]any) string { return f.sign(with(c, "x", strings.Repeat("x", jose.MaxToken))) },
		"not encrypted": func(c map[string]any) string { return encrypt(t, &foreign.PublicKey, f.sign(c)) },
		"iss twice": func(c map[string]any) string {
			raw, _ := json.Marshal(c)
			text := strings.TrimSuffix(string(raw), "}") + `,"ISS":"x"}`
			s, err := josev4.NewSigner(josev4.SigningKey{Algorithm: josev4.ES256, Key: josev4.JSONWebKey{Key: f.keys["k1"], KeyID: "k1"}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := s.Sign([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			out, _ := signed.CompactSerialize()
			return out
		},
	} {
		f.set(func() { f.forge = forge })
		_, err := f.signIn(nil)
		failed(t, name, err, upstream.Invalid)
		f.clock = f.clock.Add(time.Minute)
	}
	f.set(func() { f.forge = nil })
	if _, err := f.signIn(nil); err != nil {
		t.Errorf("the true one: %v", err)
	}
	f.settings.OIDC.IDTokenAlgs = []string{"RS256"}
	_, err = f.signIn(nil)
	failed(t, "a good algorithm that is not accepted of this partner", err, upstream.Invalid)
	f.settings.OIDC.IDTokenAlgs = nil
	f.roll("k2", jose.EdDSA)
	f.set(func() {
		f.claims = func(c map[string]any) {
			sum := sha512.Sum512([]byte("the-access-token"))
			c["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:32])
		}
	})
	f.clock = f.clock.Add(time.Minute)
	if _, err := f.signIn(nil); err != nil {
		t.Errorf("EdDSA with at_hash: %v", err)
	}
}

func TestRolledKeysAreFetchedAtOnceButNotByEveryUnknownOne(t *testing.T) {
	f := newPartner(t)
	if _, err := f.signIn(nil); err != nil || f.count("/jwks") != 1 {
		t.Fatal(err)
	}
	if _, err := f.signIn(nil); err != nil || f.count("/jwks") != 1 {
		t.Errorf("keys are not kept: %v", err)
	}
	f.clock = f.clock.Add(again)
	f.roll("k2", jose.ES256)
	if _, err := f.signIn(nil); err != nil || f.count("/jwks") != 2 {
		t.Errorf("a rolled key: %v, %d fetches", err, f.count("/jwks"))
	}
	foreign := ecKey(t)
	f.set(func() {
		f.forge = func(c map[string]any) string {
			return signWith(t, jose.ES256, josev4.JSONWebKey{Key: foreign, KeyID: "k9"}, "", c)
		}
	})
	for range 20 {
		_, err := f.signIn(nil)
		failed(t, "unknown", err, upstream.Invalid)
		f.clock = f.clock.Add(time.Second)
	}
	if n := f.count("/jwks"); n > 2+3 {
		t.Errorf("%d fetches in twenty seconds of unknown keys", n)
	}
	f.set(func() { f.forge = nil; delete(f.keys, "k1"); delete(f.keys, "k2") })
	f.roll("k3", jose.ES256)
	f.clock = f.clock.Add(fresh)
	if _, err := f.signIn(nil); err != nil {
		t.Errorf("after the keys were replaced: %v", err)
	}
	f.set(func() { f.handle["/jwks"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	f.clock = f.clock.Add(fresh)
	if _, err := f.signIn(nil); err != nil {
		t.Errorf("known keys while they cannot be fetched: %v", err)
	}
	f.clock = f.clock.Add(stale)
	_, err := f.signIn(nil)
	failed(t, "keys that are too old", err, upstream.Outage)
}

func TestAnEncryptedIDTokenIsOpenedWithOurKeysOnly(t *testing.T) {
	f := newPartner(t)
	own, older, foreign := ecKey(t), ecKey(t), ecKey(t)
	f.settings.OIDC.DecryptionKey = pemOf(t, own) + pemOf(t, older)
	for name, c := range map[string]struct {
		forge func(map[string]any) string
		want  upstream.Failure
	}{
		"for us":            {func(c map[string]any) string { return encrypt(t, &own.PublicKey, f.sign(c)) }, ""},
		"for our older key": {func(c map[string]any) string { return encrypt(t, &older.PublicKey, f.sign(c)) }, ""},
		"for another":       {func(c map[string]any) string { return encrypt(t, &foreign.PublicKey, f.sign(c)) }, upstream.Invalid},
		"not encrypted":     {nil, upstream.Invalid},
		"not signed":        {func(map[string]any) string { return encrypt(t, &own.PublicKey, `{"sub":"s-1"}`) }, upstream.Invalid},
		"signed by another": {func(c map[string]any) string {
			return encrypt(t, &own.PublicKey, signWith(t, jose.ES256, josev4.JSONWebKey{Key: foreign, KeyID: "k1"}, "", c))
		}, upstream.Invalid},
		"encrypted twice": {func(c map[string]any) string {
			return encrypt(t, &own.PublicKey, encrypt(t, &own.PublicKey, f.sign(c)))
		}, upstream.Invalid},
		"with a broken shell": {func(c map[string]any) string { return encrypt(t, &own.PublicKey, f.sign(c)) + "x" }, upstream.Invalid},
	} {
		f.set(func() { f.forge = c.forge })
		_, err := f.signIn(nil)
		failed(t, name, err, c.want)
		f.clock = f.clock.Add(time.Minute)
	}
}

func TestTheAgeOfAnAuthenticationIsWhatWasDemanded(t *testing.T) {
	f := newPartner(t)
	p := f.provider()
	limit := 15 * time.Minute
	for name, c := range map[string]struct {
		ask  upstream.Ask
		at   any
		want upstream.Failure
	}{
		"young enough":          {upstream.Ask{MaxAge: &limit}, f.clock.Add(-limit).Unix(), ""},
		"too old":               {upstream.Ask{MaxAge: &limit}, f.clock.Add(-limit - 11*time.Second).Unix(), upstream.Stale},
		"not said":              {upstream.Ask{MaxAge: &limit}, nil, upstream.Invalid},
		"not demanded":          {upstream.Ask{}, nil, ""},
		"old and not demanded":  {upstream.Ask{}, f.clock.Add(-1000 * time.Hour).Unix(), ""},
		"anew":                  {upstream.Ask{Fresh: true}, f.clock.Unix(), ""},
		"before we asked":       {upstream.Ask{Fresh: true}, f.clock.Add(-11 * time.Second).Unix(), upstream.Stale},
		"anew, but not said":    {upstream.Ask{Fresh: true}, nil, upstream.Invalid},
		"from the future, anew": {upstream.Ask{Fresh: true}, f.clock.Add(time.Hour).Unix(), upstream.Invalid},
	} {
		f.set(func() {
			f.claims = func(claims map[string]any) {
				claims["auth_time"] = c.at
				if c.at == nil {
					delete(claims, "auth_time")
				}
			}
		})
		request, _ := f.begin(p, c.ask)
		_, err := f.c.Finish(t.Context(), p, request.Pending, upstream.Answer{Params: f.answer(request.Pending)})
		failed(t, name, err, c.want)
	}
	f.settings.OIDC.Claims = []string{"acr", "amr", "auth_time"}
	for _, claim := range f.settings.OIDC.Claims {
		f.set(func() { f.claims = func(c map[string]any) { delete(c, claim) } })
		_, err := f.signIn(nil)
		failed(t, claim+" was essential", err, upstream.Invalid)
	}
}

func TestATokenEndpointThatMisbehavesIsToldApart(t *testing.T) {
	f := newPartner(t)
	f.settings.Timeout = 3 * time.Second
	if _, err := f.signIn(nil); err != nil {
		t.Fatal(err)
	}
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) }
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   upstream.Failure
	}{
		"a code used before": {write(400, `{"error":"invalid_grant","error_description":"secret words"}`), upstream.Replay},
		"not us":             {write(401, `{"error":"invalid_client"}`), upstream.Refused},
		"out of order":       {write(503, `{"error":"x"}`), upstream.Outage},
		"too often":          {write(429, ``), upstream.Outage},
		"unavailable":        {write(400, `{"error":"temporarily_unavailable"}`), upstream.Outage},
		"no code of error":   {write(400, `{}`), upstream.Invalid},
		"an error page":      {write(404, `<html>`), upstream.Invalid},
		"no JSON":            {write(200, `id_token=x`), upstream.Invalid},
		"no token":           {write(200, `{}`), upstream.Invalid},
		"a list":             {write(200, `[]`), upstream.Invalid},
		"a number":           {write(200, `{"id_token":7}`), upstream.Invalid},
		"a huge answer":      {write(200, `{"id_token":"`+strings.Repeat("x", 100_000)+`"}`), upstream.Invalid},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, f.server.URL+"/userinfo", http.StatusFound)
		}, upstream.Invalid},
		"a nonce for ever": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("DPoP-Nonce", "n")
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"error":"use_dpop_nonce"}`))
		}, upstream.Refused},
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, upstream.Slow},
		"gone in the middle": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, upstream.Outage},
	} {
		f.set(func() { f.handle["/token"] = c.handle })
		before := f.count("/token")
		_, err := f.signIn(nil)
		failed(t, name, err, c.want)
		if n := f.count("/token") - before; n != 1 {
			t.Errorf("%s: a code was sent %d times", name, n)
		}
	}
	if f.count("/userinfo") != 0 {
		t.Error("a redirect was followed")
	}
	f.server.Close()
	_, err := f.signIn(nil)
	failed(t, "away", err, upstream.Outage)
}

func TestUserinfoIsCalledOnlyWhereItIsConfiguredAndOnlyItsSubjectCounts(t *testing.T) {
	f := newPartner(t)
	f.settings.OIDC.UserInfo = true
	if _, err := f.signIn(nil); err != nil || f.count("/userinfo") != 1 || f.header["/userinfo"].Get("Authorization") != "Bearer the-access-token" {
		t.Errorf("%v", err)
	}
	jwt := func(claims map[string]any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte(f.sign(claims)))
		}
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   upstream.Failure
	}{
		"a signed answer": {jwt(map[string]any{"sub": "s-1"}), ""},
		"signed, another": {jwt(map[string]any{"sub": "s-2"}), upstream.Invalid},
		"somebody else":   {func(w http.ResponseWriter, _ *http.Request) { f.json(w, 200, map[string]any{"sub": "s-2"}) }, upstream.Invalid},
		"nobody":          {func(w http.ResponseWriter, _ *http.Request) { f.json(w, 200, map[string]any{}) }, upstream.Invalid},
		"no answer":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, upstream.Invalid},
		"refused":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, upstream.Invalid},
		"out of order":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, upstream.Outage},
		"a token of no one": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte("a.b.c"))
		}, upstream.Invalid},
	} {
		f.set(func() { f.handle["/userinfo"] = c.handle })
		_, err := f.signIn(nil)
		failed(t, name, err, c.want)
	}
}
