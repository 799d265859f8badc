package registration

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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
			"another type":                     {body("redirect_uris", callback), protocol.InvalidClientMetadata, "redirect_uris must be a list of texts"},
			"a name that is no text":           {body("client_name", 7), protocol.InvalidClientMetadata, "client_name"},
			"no address":                       {body("redirect_uris", nil), protocol.InvalidRedirectURI, "redirect_uris"},
			"plain http":                       {body("redirect_uris", []string{"http://service.example/cb"}), protocol.InvalidRedirectURI, "https"},
			"http on the loopback":             {body("redirect_uris", []string{"http://127.0.0.1/cb"}), protocol.InvalidRedirectURI, "native"},
			"a script":                         {body("redirect_uris", []string{"javascript:alert(1)"}), protocol.InvalidRedirectURI, ""},
			"a fragment":                       {body("redirect_uris", []string{callback + "#x"}), protocol.InvalidRedirectURI, ""},
			"a wildcard":                       {body("redirect_uris", []string{"https://*.example/cb"}), protocol.InvalidRedirectURI, ""},
			"an address of ours":               {body("redirect_uris", []string{issuer + "/cb"}), protocol.InvalidRedirectURI, "provider"},
			"an address of ours by its port":   {body("redirect_uris", []string{issuer + ":443/cb"}), protocol.InvalidRedirectURI, "provider"},
			"one by a port of zeros":           {body("redirect_uris", []string{issuer + ":0443/cb"}), protocol.InvalidRedirectURI, "provider"},
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
			"introspection_signed_response_alg", "ES256", "introspection_encrypted_response_alg", "RSA-OAEP-256", "introspection_encrypted_response_enc", "A128GCM",
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
			p.IDTokenSecrecy.Key != "RSA-OAEP-256" || p.UserInfoSecrecy.Key != "ECDH-ES" || p.UserInfoSecrecy.Content != "A256GCM" ||
			p.IntrospectionAlg != jose.ES256 || p.IntrospectionSecrecy.Key != "RSA-OAEP-256" || p.IntrospectionSecrecy.Content != "A128GCM" {
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

// RFC 7591, 2.3: what a software statement says wins, and only issuers that are listed count.
func TestASoftwareStatementWins(t *testing.T) {
	const authority = "https://software.example"
	each(t, func(h *house) {
		s, set := newStater(h)
		stranger, _ := newStater(h)
		h.endpoint.Settings.StatementIssuers = map[string]string{authority: h.web.publish("/keys", set)}
		token := h.token("fisheries")
		claims := func(changes ...any) map[string]any {
			out := map[string]any{"iss": authority, "iat": h.clock.Now().Unix(), "client_name": "Stated name", "software_id": "4NRB1", "sub": "x", "client_id": "permits"}
			for i := 0; i+1 < len(changes); i += 2 {
				out[changes[i].(string)] = changes[i+1]
			}
			return out
		}
		statement := s.sign(h, claims())
		a := h.registered(token, body("software_statement", statement, "software_id", "mine"))
		if p := h.party(a); a.str("software_id") != "4NRB1" || a.str("client_name") != "Stated name" || a.str("software_statement") != statement ||
			p.Name["en"] != "Stated name" || p.Name["fr"] != "Stated name" || string(p.ID) == "permits" {
			h.Errorf("%s", a.text)
		}
		// What it says in one language, a service says in no other, and not without one either.
		tagged := claims("client_name#fr", "Nom attesté", "client_uri#en", "https://stated.example")
		delete(tagged, "client_name")
		b := h.registered(token, body("software_statement", s.sign(h, tagged), "client_name", "Mine", "client_name#en", "Mine", "client_uri", "https://mine.example"))
		if p := h.party(b); p.Name["en"] != "Nom attesté" || p.Name["fr"] != "Nom attesté" || p.StartURL != "https://stated.example" {
			h.Errorf("%v, %s", p.Name, p.StartURL)
		}
		head, rest, _ := strings.Cut(statement, ".")
		_, signature, _ := strings.Cut(rest, ".")
		changed, err := json.Marshal(claims("client_name", "Another"))
		h.check(err)
		for name, c := range map[string]struct {
			sent string
			code protocol.Code
		}{
			"of a stranger":    {s.sign(h, claims("iss", "https://stranger.example")), protocol.UnapprovedStatement},
			"signed by others": {stranger.sign(h, claims()), protocol.InvalidStatement},
			"changed":          {head + "." + base64.RawURLEncoding.EncodeToString(changed) + "." + signature, protocol.InvalidStatement},
			"expired":          {s.sign(h, claims("exp", h.clock.Now().Unix())), protocol.InvalidStatement},
			"of the future":    {s.sign(h, claims("nbf", h.clock.Now().Unix()+3600)), protocol.InvalidStatement},
			"no token":         {"a.b.c", protocol.InvalidStatement},
			"unsigned":         {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + rest[:len(rest)-len(signature)], protocol.InvalidStatement},
			"long":             {strings.Repeat("A", jose.MaxToken+1), protocol.InvalidStatement},
		} {
			h.refused(name, h.register(token, body("software_statement", c.sent)), c.code, "software statement")
		}
		h.endpoint.Settings.RequireStatement = true
		h.refused("none", h.register(token, body()), protocol.InvalidClientMetadata, "software_statement")
	})
}

// RFC 7591, 3.2.1: a secret is made when a service comes to need one, and is told once.
func TestASecretComesAndGoesWithItsMethod(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("token_endpoint_auth_method", "none"))
		client := a.str("client_id")
		made := h.manage(http.MethodPut, a, a.str("registration_access_token"), body("client_id", client, "token_endpoint_auth_method", "client_secret_post"))
		plain := made.str("client_secret")
		if plain == "" || made.all["client_secret_expires_at"] != 0.0 || !h.signsIn(client, plain) {
			h.Fatalf("%s", made.text)
		}
		gone := h.manage(http.MethodPut, a, made.str("registration_access_token"), body("client_id", client, "token_endpoint_auth_method", "none"))
		if gone.str("client_secret") != "" || len(h.party(a).Secrets) != 0 || h.signsIn(client, plain) {
			h.Errorf("%s", gone.text)
		}
	})
}

// RFC 7591, 2: what a service leaves out has its default: authorization_code, code, client_secret_basic.
// RFC 7591, 2.2: a name by language is shown in that language; one without a tag stands for the others.
// RFC 7591, 3.1: a request is JSON by POST; another method and another type are refused.
// RFC 7591, 3.2.1: the answer is JSON that nobody keeps, with Cache-Control no-store and Pragma no-cache.
func TestWhatAServiceLeavesOutHasItsDefault(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		a := h.registered(token, map[string]any{"redirect_uris": []string{callback}, "client_name#fr-CA": "Permis de pêche", "client_name#ja": "名前", "client_name": "Fishing licences", "tos_uri": nil})
		for name, want := range map[string]any{
			"grant_types": []string{"authorization_code"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "client_secret_basic",
			"client_name": "Fishing licences", "client_name#fr": "Permis de pêche", "scope": "openid email locale",
		} {
			if !equal(a.all[name], want) {
				h.Errorf("%s is %v, want %v", name, a.all[name], want)
			}
		}
		if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
			h.Errorf("%v", a.header)
		}
		if got := h.ask(http.MethodGet, "/register", token, nil); got.status != http.StatusMethodNotAllowed {
			h.Errorf("GET: %d", got.status)
		}
		if _, there := a.all["tos_uri"]; there {
			h.Error("a member that is null is said to be registered")
		}
	})
}

// RFC 7591, 5: addresses that people are sent to and that we call are of the web, and https.
func TestEveryAddressThatIsRegisteredIsHTTPS(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		for _, member := range []string{"client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri", "initiate_login_uri", "backchannel_logout_uri"} {
			for _, uri := range []string{"http://service.example/x", "javascript:alert(1)", "data:text/html,x", "https://"} {
				h.refused(member+" "+uri, h.register(token, body(member, uri)), protocol.InvalidClientMetadata, member)
			}
		}
		if h.web.calls.Load() != 0 || len(h.events(audit.PartnerRegistered)) != 0 {
			h.Error("somebody was called, or registered")
		}
	})
}

// RFC 7591, 5: an address of the provider itself, however it is written, is no redirect address of a service.
func TestNoServiceRegistersAnAddressOfTheProvider(t *testing.T) {
	m := metadata{ApplicationType: "web"}
	for uri, mine := range map[string]bool{
		"https://sign-in.example/cb": true, "https://sign-in.example:443/cb": true, "https://sign-in.example:00443/cb": true,
		"https://mtls.example:8443/cb": true, "https://sign-in.example:8443/cb": false, "https://mtls.example/cb": false, "https://service.example/cb": false,
	} {
		m.RedirectURIs = []string{uri}
		if refusal := m.checkAddresses("https://sign-in.example", "https://mtls.example:8443"); (refusal != nil) != mine {
			t.Errorf("%s: %v", uri, refusal)
		}
	}
}
