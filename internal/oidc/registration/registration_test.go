package registration

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// RFC 7591, 3.2.1: a service gets its identifier, its secret and everything that is registered, also what it left out.
// OIDC Registration, 3.2: the answer has 201, client_secret_expires_at, and registration_client_uri with its token.
func TestAServiceRegistersItself(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("scope", "openid email address", "contacts", []string{"team@service.example"}, "client_uri", "https://service.example/",
			"grant_types", []string{"authorization_code", "urn:example:unknown"}, "software_id", "4NRB1", "software_version", "2", "a_member_of_somebody_else", 7))
		client, plain := a.str("client_id"), a.str("client_secret")
		if len(client) < 22 || len(plain) < 43 || a.all["client_secret_expires_at"] != 0.0 || a.all["client_id_issued_at"] != float64(h.clock.Now().Unix()) ||
			a.str("registration_client_uri") != issuer+"/register/"+client || len(a.str("registration_access_token")) < 43 {
			h.Errorf("%s", a.text)
		}
		for name, want := range map[string]any{
			"client_name": "Fishing licences", "client_name#fr": "Permis de pêche", "scope": "openid email", "application_type": "web", "subject_type": "pairwise",
			"token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": "RS256", "response_types": []any{"code"},
			"grant_types": []any{"authorization_code"}, "redirect_uris": []any{callback}, "contacts": []any{"team@service.example"},
			"client_uri": "https://service.example/", "software_id": "4NRB1", "software_version": "2",
		} {
			if got := a.all[name]; !equal(got, want) {
				h.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		// RFC 7591, 2: metadata that is not known is ignored.
		if _, there := a.all["a_member_of_somebody_else"]; there {
			h.Error("an unknown member is said to be registered")
		}
		p := h.party(a)
		if p == nil || p.Name["en"] != "Fishing licences" || p.Name["fr"] != "Permis de pêche" || p.Department["fr"] != "Pêches de fisheries" ||
			p.RegisteredBy != "fisheries" || !p.RequirePKCE || p.StartURL != "https://service.example/" || !slices.Equal(p.Scopes, []string{"openid", "email"}) ||
			p.Sector != "client:"+client || p.Listed || p.Introspects || len(p.ACR) > 0 {
			h.Fatalf("%+v", p)
		}
		if !h.signsIn(client, plain) || h.signsIn(client, plain+"x") {
			h.Error("the token endpoint does not know the secret")
		}
		if got := h.events(audit.PartnerRegistered); len(got) != 1 || !strings.Contains(got[0], "fisheries") {
			h.Errorf("%q", got)
		}
		for _, canary := range []string{plain, a.str("registration_access_token")} {
			if strings.Contains(h.log.String(), canary) {
				h.Error("a secret is in the log")
			}
		}
	})
}

func equal(got, want any) bool {
	a, err := json.Marshal(got)
	b, err2 := json.Marshal(want)
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

func TestAServiceIsKnownOnAnotherNodeAtOnce(t *testing.T) {
	each(t, func(h *house) {
		other := &relyingparty.Registry{DB: h.db, Now: h.clock.Now}
		h.check(other.Start(t.Context()))
		a := h.registered(h.token("fisheries"), body())
		h.check(other.Refresh(t.Context()))
		p, err := other.Find(t.Context(), h.party(a).ID)
		if err != nil || p == nil || p.RegisteredBy != "fisheries" {
			h.Errorf("%v %v", p, err)
		}
	})
}

// RFC 7591, 3: who brings no initial access token that is good registers nothing.
func TestNobodyRegistersWithoutAGoodToken(t *testing.T) {
	each(t, func(h *house) {
		good := h.token("fisheries", func(d *registrar.Draft) { d.Uses = 2 })
		short := h.token("short", func(d *registrar.Draft) { d.Life = time.Hour })
		gone := h.token("gone")
		h.write(func(tx *db.Tx) error { return h.regs.Tokens.Revoke(tx, "gone") })
		client := h.registered(good, body())
		for name, token := range map[string]string{
			"none": "", "forged": "parvis_iat_" + strings.Repeat("A", 43), "revoked": gone, "cut": good[:len(good)-1],
			"without its tag": strings.TrimPrefix(good, "parvis_iat_"), "a registration access token": client.str("registration_access_token"),
		} {
			h.refused(name, h.register(token, body()), protocol.InvalidToken, "")
		}
		h.registered(good, body())
		h.refused("used up", h.register(good, body()), protocol.InvalidToken, "")
		h.registered(short, body("client_name", "Boats", "client_name#fr", nil))
		h.clock.Advance(time.Hour)
		h.refused("ended", h.register(short, body("client_name", "Boats", "client_name#fr", nil)), protocol.InvalidToken, "")
		if got := h.events(audit.PartnerRegistered); len(got) != 3 {
			h.Errorf("%q", got)
		}
	})
}

func TestManyAtOnceRegisterAsManyServicesAsATokenHasUses(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries", func(d *registrar.Draft) { d.Uses = 3 })
		var made atomic.Int64
		var all sync.WaitGroup
		for range 24 {
			all.Go(func() {
				if h.register(token, body()).status == http.StatusCreated {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if made.Load() != 3 || len(h.events(audit.PartnerRegistered)) != 3 {
			h.Errorf("%d services are registered", made.Load())
		}
	})
}

// RFC 7591, 3.2.2: what cannot be registered is refused as invalid_redirect_uri or invalid_client_metadata.
func TestMetadataThatCannotBeIsRefused(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		key, err := jose.Generate(jose.ES256)
		h.check(err)
		signer, err := jose.NewSigner(jose.ES256, key)
		h.check(err)
		public, err := jose.NewKeySet(signer.JWK()).JSON()
		h.check(err)
		for name, c := range map[string]struct {
			sent  any
			code  protocol.Code
			about string
		}{
			"no JSON":                          {"redirect_uris=x", protocol.InvalidClientMetadata, "the body"},
			"an array":                         {"[]", protocol.InvalidClientMetadata, "the body"},
			"null":                             {"null", protocol.InvalidClientMetadata, "the body"},
			"too long":                         {`{"x": "` + strings.Repeat("a", maxBody) + `"}`, protocol.InvalidClientMetadata, "the body"},
			"another type":                     {body("redirect_uris", callback), protocol.InvalidClientMetadata, "type"},
			"a name that is no text":           {body("client_name", 7), protocol.InvalidClientMetadata, "client_name"},
			"no address":                       {body("redirect_uris", nil), protocol.InvalidRedirectURI, "redirect_uris"},
			"plain http":                       {body("redirect_uris", []string{"http://service.example/cb"}), protocol.InvalidRedirectURI, "https"},
			"http on the loopback":             {body("redirect_uris", []string{"http://127.0.0.1/cb"}), protocol.InvalidRedirectURI, "native"},
			"a script":                         {body("redirect_uris", []string{"javascript:alert(1)"}), protocol.InvalidRedirectURI, ""},
			"a fragment":                       {body("redirect_uris", []string{callback + "#x"}), protocol.InvalidRedirectURI, ""},
			"a wildcard":                       {body("redirect_uris", []string{"https://*.example/cb"}), protocol.InvalidRedirectURI, ""},
			"an address of ours":               {body("redirect_uris", []string{issuer + "/cb"}), protocol.InvalidRedirectURI, "provider"},
			"a private scheme of a web site":   {body("redirect_uris", []string{"ca.example.app:/cb"}), protocol.InvalidRedirectURI, ""},
			"the implicit flow":                {body("response_types", []string{"id_token"}, "grant_types", []string{"implicit"}), protocol.InvalidClientMetadata, "response_types"},
			"no grant type that goes":          {body("grant_types", []string{"implicit"}), protocol.InvalidClientMetadata, "grant_types"},
			"an unknown method":                {body("token_endpoint_auth_method", "magic"), protocol.InvalidClientMetadata, "token_endpoint_auth_method"},
			"an unknown algorithm":             {body("id_token_signed_response_alg", "none"), protocol.InvalidClientMetadata, "id_token_signed_response_alg"},
			"HMAC":                             {body("id_token_signed_response_alg", "HS256"), protocol.InvalidClientMetadata, "id_token_signed_response_alg"},
			"keys that are missing":            {body("token_endpoint_auth_method", "private_key_jwt"), protocol.InvalidClientMetadata, "jwks"},
			"keys twice":                       {body("jwks", json.RawMessage(public), "jwks_uri", "https://service.example/jwks"), protocol.InvalidClientMetadata, "jwks_uri"},
			"keys that are none":               {body("jwks", map[string]any{"keys": []any{}}), protocol.InvalidClientMetadata, "jwks"},
			"keys by plain http":               {body("jwks_uri", "http://service.example/jwks"), protocol.InvalidClientMetadata, "jwks_uri"},
			"keys on the loopback":             {body("jwks_uri", "http://127.0.0.1/jwks"), protocol.InvalidClientMetadata, "jwks_uri"},
			"told on the loopback":             {body("backchannel_logout_uri", "http://127.0.0.1/out"), protocol.InvalidClientMetadata, "backchannel_logout_uri"},
			"begins on the loopback":           {body("initiate_login_uri", "http://127.0.0.1/in"), protocol.InvalidClientMetadata, "initiate_login_uri"},
			"lands on the loopback":            {body("post_logout_redirect_uris", []string{"http://127.0.0.1/"}), protocol.InvalidClientMetadata, "post_logout_redirect_uris"},
			"the public subject":               {body("subject_type", "public"), protocol.InvalidClientMetadata, "subject_type"},
			"an encrypted ID token":            {body("id_token_encrypted_response_alg", "RSA-OAEP"), protocol.InvalidClientMetadata, "id_token_encrypted_response_alg"},
			"an encrypted ID token for nobody": {body("id_token_encrypted_response_alg", "RSA-OAEP-256"), protocol.InvalidClientMetadata, "id_token_encrypted_response_alg"},
			"an encrypted answer":              {body("authorization_encrypted_response_alg", "RSA-OAEP-256"), protocol.InvalidClientMetadata, "authorization_encrypted_response_alg"},
			"a request by plain http":          {body("request_uris", []string{"http://service.example/r"}), protocol.InvalidClientMetadata, "request_uris"},
			"a logo in a script":               {body("logo_uri", "javascript:1"), protocol.InvalidClientMetadata, "logo_uri"},
			"a policy on the loopback":         {body("policy_uri#fr", "http://127.0.0.1/"), protocol.InvalidClientMetadata, "policy_uri"},
			"a long name":                      {body("client_name", strings.Repeat("a", 81)), protocol.InvalidClientMetadata, "client_name"},
			"a name of two lines":              {body("client_name", "a\nb"), protocol.InvalidClientMetadata, "client_name"},
			"a contact of two lines":           {body("contacts", []string{"a\r\nb"}), protocol.InvalidClientMetadata, "contacts"},
			"too many contacts":                {body("contacts", slices.Repeat([]string{"a@b.example"}, 11)), protocol.InvalidClientMetadata, "contacts"},
			"a negative age":                   {body("default_max_age", -1), protocol.InvalidClientMetadata, "default_max_age"},
			"an age that overflows":            {body("default_max_age", int64(1)<<62), protocol.InvalidClientMetadata, "default_max_age"},
		} {
			h.refused(name, h.register(token, c.sent), c.code, c.about)
		}
		r := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader("a=b"))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			h.Errorf("a form: %d", w.Code)
		}
		if got := h.events(audit.PartnerRegistered); len(got) != 0 {
			h.Errorf("%q", got)
		}
	})
}

// RFC 7591, 2: each member that there is goes where a partner of the file has it.
func TestEachMemberIsWhatAPartnerOfTheFileHas(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries", func(d *registrar.Draft) { d.Terms.OptionalPKCE, d.Terms.PublicSubject = true, true })
		a := h.registered(token, body(
			"token_endpoint_auth_method", "private_key_jwt", "token_endpoint_auth_signing_alg", "EdDSA", "jwks_uri", "https://service.example/jwks", "subject_type", "public",
			"post_logout_redirect_uris", []string{"https://service.example/bye"}, "initiate_login_uri", "https://service.example/start",
			"id_token_signed_response_alg", "ES256", "request_object_signing_alg", "PS256", "authorization_signed_response_alg", "RS256",
			"request_uris", []string{"https://service.example/request.jwt"}, "userinfo_signed_response_alg", "PS256", "id_token_encrypted_response_alg", "RSA-OAEP-256",
			"userinfo_encrypted_response_alg", "ECDH-ES", "userinfo_encrypted_response_enc", "A256GCM",
			"frontchannel_logout_uri", "https://service.example/frame", "frontchannel_logout_session_required", true,
			"backchannel_logout_uri", "https://service.example/signed-out", "backchannel_logout_session_required", true,
			"require_signed_request_object", true, "require_pushed_authorization_requests", true, "dpop_bound_access_tokens", true, "default_max_age", 600, "require_auth_time", true,
		))
		p := h.party(a)
		if a.str("client_secret") != "" || p.AuthMethod != relyingparty.AuthPrivateKeyJWT || p.JWKSURI != "https://service.example/jwks" || p.Sector != "" ||
			!slices.Equal(p.PostLogoutRedirectURIs, []string{"https://service.example/bye"}) || p.InitiateLoginURI != "https://service.example/start" ||
			p.IDTokenAlg != "ES256" || p.RequestObjectAlg != jose.PS256 || p.AnswerAlg != jose.RS256 || !p.RequireObject || !p.RequirePushed || !p.RequireDPoP ||
			p.MaxAge != 10*time.Minute || p.RequirePKCE || p.AuthAlg != jose.EdDSA || p.BackchannelLogoutURI != "https://service.example/signed-out" ||
			p.FrontchannelLogoutURI != "https://service.example/frame" || !slices.Equal(p.RequestURIs, []string{"https://service.example/request.jwt"}) || p.UserInfoAlg != jose.PS256 ||
			p.IDTokenSecrecy.Key != "RSA-OAEP-256" || p.UserInfoSecrecy.Key != "ECDH-ES" || p.UserInfoSecrecy.Content != "A256GCM" {
			h.Errorf("%+v", p)
		}
		native := h.registered(token, body("application_type", "native", "token_endpoint_auth_method", "none", "redirect_uris", []string{"ca.example.app:/cb", "http://127.0.0.1/cb"}))
		if p := h.party(native); !p.Native || !p.Public() || !p.RequirePKCE || native.str("client_secret") != "" {
			h.Errorf("%+v", p)
		}
		// RFC 8705, 2.1.2 and 3.4: the subject of its certificate, and tokens that are bound to it, where certificates are taken.
		bySubject := body("token_endpoint_auth_method", "tls_client_auth", "tls_client_auth_san_dns", "client.example", "tls_client_certificate_bound_access_tokens", true)
		h.refused("no certificates here", h.register(token, bySubject), protocol.InvalidClientMetadata, "certificates")
		h.door.Settings.MTLS.PublicURL = "https://mtls.example.org"
		certified := h.registered(token, bySubject)
		if p := h.party(certified); p.AuthMethod != relyingparty.AuthTLS || p.Subject.DNS != "client.example" || !p.CertificateBound || certified.str("client_secret") != "" {
			h.Errorf("%+v", p)
		}
		h.refused("nobody's certificate", h.register(token, body("token_endpoint_auth_method", "tls_client_auth")), protocol.InvalidClientMetadata, "token_endpoint_auth_method")
		high := h.token("high", func(d *registrar.Draft) { d.Terms.Profile = string(relyingparty.ProfileFAPI2) })
		strict := h.registered(high, body("client_name", "Tides", "client_name#fr", nil, "jwks_uri", "https://service.example/jwks"))
		if p := h.party(strict); !p.FAPI() || !p.RequirePushed || p.AuthMethod != relyingparty.AuthPrivateKeyJWT || strict.str("id_token_signed_response_alg") != "ES256" || strict.all["require_pushed_authorization_requests"] != true {
			h.Errorf("%+v", p)
		}
		h.refused("a secret under FAPI 2.0", h.register(high, body("client_name", "Tides", "client_name#fr", nil, "token_endpoint_auth_method", "client_secret_basic")), protocol.InvalidClientMetadata, "token_endpoint_auth_method")
		// OIDC Registration, 2: refresh tokens are for services that say so in grant_types, where the operator gives them.
		away := h.token("away", func(d *registrar.Draft) { d.Terms.Scopes = append(d.Terms.Scopes, claim.ScopeOffline) })
		both := []string{"authorization_code", "refresh_token"}
		for _, c := range []struct {
			token string
			sent  map[string]any
			gets  bool
		}{
			{away, body("client_name", "Tide alarm", "client_name#fr", nil, "grant_types", both), true},
			{away, body("client_name", "Tide alarm", "client_name#fr", nil, "grant_types", both, "scope", "openid"), true},
			{away, body("client_name", "Tide alarm", "client_name#fr", nil, "scope", "openid offline_access"), false},
			{token, body("grant_types", both), false},
		} {
			a := h.registered(c.token, c.sent)
			if p := h.party(a); p.Grants("refresh_token") != c.gets || p.Allows(claim.ScopeOffline) != c.gets || slices.Contains(a.list("grant_types"), "refresh_token") != c.gets {
				h.Errorf("%v: %s", c.sent, a.text)
			}
		}
		unnamed := h.registered(token, body("client_name", nil, "client_name#fr", nil))
		if p := h.party(unnamed); p.Name["en"] != "service.example" || p.Name["fr"] != "service.example" {
			h.Errorf("%v", p.Name)
		}
	})
}

// RFC 7591, 5: a name that people could take for another service's is refused.
func TestANameThatLooksLikeAnothersIsRefused(t *testing.T) {
	each(t, func(h *house) {
		token, others := h.token("fisheries"), h.token("boats")
		for name, c := range map[string]string{
			"a partner's":             "Hunting permits",
			"in another writing":      "HUNTlNG-PERMITS",
			"with letters of Greece":  "Ηunting permits",
			"in the other language":   "Permis de chasse",
			"the deployment's":        "northland sign-in",
			"another department's":    "Natural Resources",
			"without a letter":        "!!!",
			"of two scripts in words": "Fishіng",
		} {
			h.refused(name, h.register(token, body("client_name", c, "client_name#fr", nil)), protocol.InvalidClientMetadata, "client_name")
		}
		h.registered(token, body())
		h.refused("a registered one's", h.register(others, body()), protocol.InvalidClientMetadata, "client_name")
		h.registered(token, body()) // of one department: test and production
		if got := h.events(audit.RegistrationRefused); len(got) != 9 || !strings.HasPrefix(got[0], "alike ") {
			h.Errorf("%q", got)
		}
	})
}

// OIDC Registration, 5: a sector lists every redirect address, and its host is the sector.
func TestASectorIsProvenByItsList(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		list := func(text string) string { return h.web.publish("/sector.json", text) }
		sectored := func(uri string) answer { return h.register(token, body("sector_identifier_uri", uri)) }
		a := sectored(list(`["https://other.example/cb", "` + callback + `"]`))
		if a.status != http.StatusCreated || !strings.HasPrefix(h.party(a).Sector, "sector:registered:127.0.0.1") {
			h.Fatalf("%d %s", a.status, a.text)
		}
		two := h.registered(token, body("sector_identifier_uri", list(`["`+callback+`"]`)))
		if h.party(two).Sector != h.party(a).Sector {
			h.Error("two services of one sector know people by different subjects")
		}
		for name, uri := range map[string]string{
			"an address is missing": list(`["https://other.example/cb"]`), "not there": h.web.URL + "/nothing", "plain http": "http://127.0.0.1/sector.json",
		} {
			h.refused(name, sectored(uri), protocol.InvalidClientMetadata, "sector_identifier_uri")
		}
		for _, text := range []string{`{"a": 1}`, `null`, `[1]`, strings.Repeat("[", 70_000)} {
			h.refused("no list", sectored(list(text)), protocol.InvalidClientMetadata, "sector_identifier_uri")
		}
		// The inside of the network is no sector: nobody is called there.
		h.refused("a metadata address", sectored("https://169.254.169.254/latest"), protocol.InvalidClientMetadata, "sector_identifier_uri")
	})
}

// OIDC Registration, 2: a logo is shown; it is fetched once and kept here, so that no page calls a stranger.
func TestALogoIsKeptAndNeverCalledByAPage(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		png := "\x89PNG\r\n\x1a\n" + strings.Repeat("p", 100)
		a := h.registered(token, body("logo_uri", h.web.publish("/logo.png", png)))
		if p := h.party(a); string(p.LogoPNG) != png || a.str("logo_uri") == "" || h.web.calls.Load() != 1 {
			h.Errorf("%d bytes, %s", len(p.LogoPNG), a.text)
		}
		for name, uri := range map[string]string{
			"a script": h.web.publish("/logo.svg", "<svg/>"), "large": h.web.publish("/large.png", png+strings.Repeat("p", relyingparty.MaxLogo)), "not there": h.web.URL + "/none.png",
		} {
			a := h.registered(token, body("logo_uri", uri))
			if h.party(a).LogoPNG != nil || a.str("logo_uri") != "" {
				h.Errorf("%s: %s", name, a.text)
			}
		}
	})
}

func TestNothingIsThereUnlessItIsTurnedOn(t *testing.T) {
	each(t, func(h *house) {
		if a := h.register(h.token("fisheries"), body()); a.status != http.StatusNotFound {
			h.Errorf("%d %s", a.status, a.text)
		}
	}, func(s *Settings) { s.Enabled = false })
	for name, s := range map[string]Settings{
		"none":          {},
		"too many":      {MaxServices: 100_000},
		"plain keys":    {MaxServices: 1, StatementIssuers: map[string]string{"a": "http://a.example"}},
		"nobody states": {MaxServices: 1, RequireStatement: true},
	} {
		if len(s.Problems()) != 1 {
			t.Errorf("%s: %q", name, s.Problems())
		}
	}
	if p := Preset("").Problems(); len(p) > 0 || Preset("").Enabled {
		t.Error(p)
	}
}

func TestThereAreAsManyServicesAsMayBe(t *testing.T) {
	each(t, func(h *house) {
		h.endpoint.Registrations.Most = 1
		token := h.token("fisheries")
		h.registered(token, body())
		a := h.register(token, body())
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			h.Errorf("%d %s", a.status, a.text)
		}
		if got := h.events(audit.RegistrationRefused); len(got) != 1 || !strings.HasPrefix(got[0], "full ") {
			h.Errorf("%q", got)
		}
	})
}

func TestRequestsOfOneNetworkAreCounted(t *testing.T) {
	each(t, func(h *house) {
		for range h.endpoint.Limiter.Settings.RegistrationIP.Count {
			h.register("", body())
		}
		if a := h.register(h.token("fisheries"), body()); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			h.Errorf("%d %s", a.status, a.text)
		}
	})
}

// What is kept of a service is read by the same parser as what it sends.
func TestMetadataSurvivesBeingKept(t *testing.T) {
	sent, refusal := parse([]byte(`{"client_name":"A","client_name#fr":"B","client_name#fr-CA":"C","client_name#de":"D","redirect_uris":["https://a.example"],"jwks":{"keys":[]},"client_id":"x"}`))
	if refusal != nil {
		t.Fatal(refusal)
	}
	raw, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	kept, refusal := parse(raw)
	if refusal != nil {
		t.Fatal(refusal)
	}
	sent.clientID = ""
	if !reflect.DeepEqual(sent, kept) || kept.texts["client_name"]["fr"] != "B" || len(kept.texts["client_name"]) != 2 {
		t.Errorf("%s", raw)
	}
}

func FuzzMetadata(f *testing.F) {
	for _, text := range []string{
		`{"redirect_uris":["https://a.example/cb"],"client_name":"a","client_name#fr":"b"}`, `{"jwks":{"keys":[{"kty":"EC"}]},"contacts":["a"]}`,
		`{"client_name#":"x","client_name#fr-":"y","logo_uri#en":null}`, `[]`, `null`, `{"redirect_uris":null,"default_max_age":1e300}`,
		`{"client_id":"a","client_secret":"b","registration_access_token":1}`, `{"id_token_encrypted_response_alg":"none"}`,
	} {
		f.Add([]byte(text))
	}
	terms := registrar.Terms{Scopes: []string{"openid", "email"}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, unread := parse(raw)
		if unread != nil || m.complete(terms) != nil || m.check(issuer, true, terms) != nil {
			return
		}
		s := m.settings(relyingparty.Settings{ID: "fuzz"}, terms)
		for _, scope := range s.Scopes {
			if !slices.Contains(terms.Scopes, scope) {
				t.Errorf("scope %q was not given", scope)
			}
		}
		if s.Introspect || s.Listed || len(s.ACR) > 0 || s.PKCE != "required" || s.Subject == "public" {
			t.Errorf("more than a service may say: %+v", s)
		}
		kept, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, unread := parse(kept); unread != nil {
			t.Errorf("what is kept cannot be read: %s: %v", kept, unread)
		}
		if problems := s.Problems(); len(problems) > 0 && refusal(problems) == nil {
			t.Errorf("%q", problems)
		}
	})
}

func FuzzSector(f *testing.F) {
	for _, text := range []string{`["https://a.example/cb"]`, `[]`, `null`, `[1]`, `{}`, "["} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if list, ok := addresses(raw); ok && (list == nil || len(list) > maxListed) {
			t.Errorf("%d addresses", len(list))
		}
	})
}
