package registration

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// all gives a token every grant type, a scope of an API, and a type of details.
func all(d *registrar.Draft) {
	d.Terms.Scopes = append(d.Terms.Scopes, claim.ScopeOffline)
	d.Terms.Grants = []string{
		protocol.GrantAuthorizationCode, protocol.GrantRefreshToken, protocol.GrantClientCredentials, protocol.GrantDeviceCode, protocol.GrantCIBA,
	}
	d.Terms.OwnScopes = []string{"permits.read", "permits.write"}
	d.Terms.DetailTypes = []relyingparty.DetailType{
		{Type: "fee", Title: i18n.Text{"en": "Pay a fee", "fr": "Payer des frais"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount", "fr": "Montant"}}},
		{Type: "sign", Title: i18n.Text{"en": "Sign", "fr": "Signer"}, Fields: map[string]i18n.Text{"paper": {"en": "Paper", "fr": "Document"}}},
	}
}

// by is metadata of a service without redirect addresses, with these grant types.
func by(grants []string, changes ...any) map[string]any {
	return body(append([]any{"redirect_uris", nil, "grant_types", grants}, changes...)...)
}

// RFC 7591, 2: a service registers the grant types that its initial access token allows, and no others.
// RFC 7591, 2.1: without the grant type authorization_code there are no response types, and a service that asks for some is refused.
// RFC 8628, 4: a device registers urn:ietf:params:oauth:grant-type:device_code, and needs no redirect address.
func TestAServiceRegistersTheGrantTypesOfItsToken(t *testing.T) {
	each(t, func(h *house) {
		plain, wide := h.token("fisheries"), h.token("forests", all)
		for _, g := range []string{protocol.GrantClientCredentials, protocol.GrantDeviceCode, protocol.GrantCIBA, protocol.GrantTokenExchange} {
			h.refused(g+" alone", h.register(plain, by([]string{g})), protocol.InvalidClientMetadata, "grant_types")
			h.refused(g+" besides", h.register(plain, body("grant_types", []string{protocol.GrantAuthorizationCode, g})), protocol.InvalidClientMetadata, "grant_types")
		}
		h.refused("exchanging stays the operator's", h.register(wide, by([]string{protocol.GrantTokenExchange})), protocol.InvalidClientMetadata, "grant_types")
		television := []string{protocol.GrantDeviceCode, protocol.GrantRefreshToken}
		for name, c := range map[string]struct {
			sent        map[string]any
			scope       string
			secret, own bool
		}{
			"a device":          {by(television, "token_endpoint_auth_method", "none"), "openid email locale offline_access", false, false},
			"a nightly job":     {by([]string{protocol.GrantClientCredentials}), "permits.read permits.write", true, true},
			"a narrow job":      {by([]string{protocol.GrantClientCredentials}, "scope", "permits.read email other"), "permits.read", true, true},
			"a counter":         {by([]string{protocol.GrantCIBA}), "openid email locale", true, false},
			"a site with a job": {body("grant_types", []string{protocol.GrantAuthorizationCode, protocol.GrantClientCredentials}), "openid email locale permits.read permits.write", true, true},
		} {
			a := h.registered(wide, c.sent)
			p := h.party(a)
			if a.str("scope") != c.scope || (a.str("client_secret") != "") != c.secret || (len(p.OwnScopes) > 0) != c.own || !slices.Equal(a.list("grant_types"), c.sent["grant_types"].([]string)) ||
				!slices.Equal(p.GrantTypes, c.sent["grant_types"].([]string)) {
				h.Errorf("%s: %s %+v", name, a.text, p)
			}
			types, there := a.all["response_types"].([]any)
			if _, sent := c.sent["redirect_uris"]; !there || (len(types) == 1) != sent {
				h.Errorf("%s: response_types %v", name, a.all["response_types"])
			}
		}
		for name, c := range map[string]struct {
			sent  map[string]any
			code  protocol.Code
			about string
		}{
			"a response type without its grant":  {by([]string{protocol.GrantDeviceCode}, "response_types", []string{"code"}), protocol.InvalidClientMetadata, "response_types"},
			"the default without an address":     {body("redirect_uris", nil), protocol.InvalidRedirectURI, "redirect_uris"},
			"a public client that has no person": {by([]string{protocol.GrantClientCredentials}, "token_endpoint_auth_method", "none"), protocol.InvalidClientMetadata, "grant_types"},
			"a public client that asks people":   {by([]string{protocol.GrantCIBA}, "token_endpoint_auth_method", "none"), protocol.InvalidClientMetadata, "grant_types"},
			"refresh tokens of nothing":          {by([]string{protocol.GrantRefreshToken}), protocol.InvalidClientMetadata, "grant_types"},
			"refresh tokens without a person":    {by([]string{protocol.GrantClientCredentials, protocol.GrantRefreshToken}), protocol.InvalidClientMetadata, ""},
			"no name":                            {by([]string{protocol.GrantDeviceCode}, "client_name", nil, "client_name#fr", nil), protocol.InvalidClientMetadata, "client_name"},
		} {
			h.refused(name, h.register(wide, c.sent), c.code, c.about)
		}
		devices := h.token("rivers", func(d *registrar.Draft) { d.Terms.Grants = []string{protocol.GrantDeviceCode} })
		h.refused("a token for devices alone", h.register(devices, body("client_name", "Gauges", "client_name#fr", nil)), protocol.InvalidClientMetadata, "grant_types")
	})
}

// CIBA, 4: a service registers backchannel_token_delivery_mode, backchannel_client_notification_endpoint, backchannel_authentication_request_signing_alg and backchannel_user_code_parameter, and is answered with all of them.
// CIBA, 4: backchannel_client_notification_endpoint is an HTTPS address, and required in ping mode.
// RFC 7592, 2.1 and 2.2: what was registered for confirmations is read and replaced.
func TestAServiceRegistersHowItAsksPeopleToConfirm(t *testing.T) {
	each(t, func(h *house) {
		const at = "https://service.example/told"
		token := h.token("forests", all)
		asks := func(changes ...any) map[string]any { return by([]string{protocol.GrantCIBA}, changes...) }
		plain := h.registered(token, asks())
		if plain.str("backchannel_token_delivery_mode") != "poll" || plain.all["backchannel_user_code_parameter"] != false || h.party(plain).Pinged() {
			h.Errorf("%s", plain.text)
		}
		pinged := []any{
			"backchannel_token_delivery_mode", "ping", "backchannel_client_notification_endpoint", at, "backchannel_authentication_request_signing_alg", "ES256",
			"backchannel_user_code_parameter", false, "jwks_uri", "https://service.example/jwks",
		}
		a := h.registered(token, asks(pinged...))
		rat := a.str("registration_access_token")
		for i := 0; i < len(pinged); i += 2 {
			if got := h.manage(http.MethodGet, a, rat, nil); a.all[pinged[i].(string)] != pinged[i+1] || got.all[pinged[i].(string)] != pinged[i+1] {
				h.Errorf("%s: %v, read %v", pinged[i], a.all[pinged[i].(string)], got.all[pinged[i].(string)])
			}
		}
		if p := h.party(a); p.NotificationEndpoint != at || p.BackchannelRequestAlg != "ES256" || len(p.RedirectURIs) != 0 || p.RegisteredBy != "forests" {
			h.Errorf("%+v", p)
		}
		client := a.str("client_id")
		next := h.manage(http.MethodPut, a, rat, asks("client_id", client, "response_types", []string{}))
		if next.status != http.StatusOK || next.str("backchannel_token_delivery_mode") != "poll" || next.str("backchannel_client_notification_endpoint") != "" || h.party(a).Pinged() {
			h.Errorf("%d %s", next.status, next.text)
		}
		rat = next.str("registration_access_token")
		h.refused("an update to what is not allowed", h.manage(http.MethodPut, a, rat, by([]string{protocol.GrantTokenExchange}, "client_id", client)), protocol.InvalidClientMetadata, "grant_types")
		for name, c := range map[string]struct {
			sent  map[string]any
			about string
		}{
			"push":                     {asks("backchannel_token_delivery_mode", "push", "backchannel_client_notification_endpoint", at), "backchannel_token_delivery_mode"},
			"ping to nowhere":          {asks("backchannel_token_delivery_mode", "ping"), "backchannel_client_notification_endpoint"},
			"poll and an address":      {asks("backchannel_client_notification_endpoint", at), "backchannel_client_notification_endpoint"},
			"plain http":               {asks("backchannel_token_delivery_mode", "ping", "backchannel_client_notification_endpoint", "http://service.example/told"), "backchannel_client_notification_endpoint"},
			"http on the loopback":     {asks("backchannel_token_delivery_mode", "ping", "backchannel_client_notification_endpoint", "http://127.0.0.1/told"), "backchannel_client_notification_endpoint"},
			"a script":                 {asks("backchannel_token_delivery_mode", "ping", "backchannel_client_notification_endpoint", "javascript:alert(1)"), "backchannel_client_notification_endpoint"},
			"a user code":              {asks("backchannel_user_code_parameter", true), "backchannel_user_code_parameter"},
			"an unknown algorithm":     {asks("backchannel_authentication_request_signing_alg", "HS256", "jwks_uri", "https://service.example/jwks"), "backchannel_authentication_request_signing_alg"},
			"an algorithm for no keys": {asks("backchannel_authentication_request_signing_alg", "ES256"), "backchannel_authentication_request_signing_alg"},
			"without the grant type":   {body("backchannel_token_delivery_mode", "poll"), "backchannel_token_delivery_mode"},
		} {
			h.refused(name, h.register(token, c.sent), protocol.InvalidClientMetadata, c.about)
		}
		if h.web.calls.Load() != 0 {
			h.Error("somebody was called at an address that was only registered")
		}
	})
}

// CIBA, 4: who is given subjects of a sector without a redirect address lists its jwks_uri there, and shows by these keys who it is.
func TestASectorIsProvenByKeysWhereNobodyIsSentBack(t *testing.T) {
	each(t, func(h *house) {
		const keys = "https://service.example/jwks"
		token := h.token("forests", all)
		lists := func(uris ...string) string {
			raw, err := json.Marshal(append([]string{}, uris...))
			h.check(err)
			return h.web.publish("/sector.json", string(raw))
		}
		signed := func(grants []string, sector string) map[string]any {
			return by(grants, "sector_identifier_uri", sector, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", keys)
		}
		for _, g := range []string{protocol.GrantCIBA, protocol.GrantDeviceCode} {
			a := h.registered(token, signed([]string{g}, lists(keys)))
			if p := h.party(a); !strings.HasPrefix(p.Sector, "sector:registered:127.0.0.1") {
				h.Errorf("%s", p.Sector)
			}
			h.refused("not listed", h.register(token, signed([]string{g}, lists())), protocol.InvalidClientMetadata, "sector_identifier_uri")
			h.refused("a secret", h.register(token, by([]string{g}, "sector_identifier_uri", lists(keys), "jwks_uri", keys)), protocol.InvalidClientMetadata, "sector_identifier_uri")
			h.refused("an address of the sector, and a way around it",
				h.register(token, body("grant_types", []string{protocol.GrantAuthorizationCode, g}, "sector_identifier_uri", lists(callback))), protocol.InvalidClientMetadata, "sector_identifier_uri")
		}
	})
}

// RFC 9396, 10: a service registers authorization_details_types, those that its token allows, in the words of the operator.
func TestAServiceRegistersTheTypesOfDetailsOfItsToken(t *testing.T) {
	each(t, func(h *house) {
		const member = "authorization_details_types"
		token := h.token("forests", all)
		if none := h.registered(token, body()); none.all[member] != nil || len(h.party(none).DetailTypes) != 0 {
			h.Errorf("%s", none.text)
		}
		a := h.registered(token, body(member, []string{"fee", "fee"}))
		p := h.party(a)
		if !slices.Equal(a.list(member), []string{"fee"}) || len(p.DetailTypes) != 1 || p.DetailType("fee").Title["fr"] != "Payer des frais" {
			h.Errorf("%s %+v", a.text, p.DetailTypes)
		}
		h.refused("another", h.register(token, body(member, []string{"fee", "transfer"})), protocol.InvalidClientMetadata, member)
		h.refused("words of its own", h.register(token, body(member, []map[string]any{{"type": "fee"}})), protocol.InvalidClientMetadata, "type")
		h.refused("a token without any", h.register(h.token("boats"), body(member, []string{"fee"})), protocol.InvalidClientMetadata, member)
		rat, client := a.str("registration_access_token"), a.str("client_id")
		if got := h.manage(http.MethodGet, a, rat, nil); !slices.Equal(got.list(member), []string{"fee"}) {
			h.Errorf("%s", got.text)
		}
		next := h.manage(http.MethodPut, a, rat, body("client_id", client, member, []string{"sign"}))
		if !slices.Equal(next.list(member), []string{"sign"}) || len(h.party(a).DetailTypes) != 1 || h.party(a).DetailTypes[0].Type != "sign" {
			h.Errorf("%s", next.text)
		}
		// RFC 7592, 2.2: what the operator gave besides stays, and is answered.
		h.write(func(tx *db.Tx) error {
			s, err := h.store.Settings(tx, id.RelyingParty(client))
			if err != nil {
				return err
			}
			s.DetailTypes = append(s.DetailTypes, relyingparty.DetailType{Type: "transfer", Title: i18n.Text{"en": "Transfer", "fr": "Virer"}, Fields: map[string]i18n.Text{"to": {"en": "To", "fr": "À"}}})
			s.GrantTypes, s.OwnScopes = append(s.GrantTypes, protocol.GrantClientCredentials), []string{"boats.read"}
			return h.store.Update(tx, s)
		})
		h.check(h.registry.Refresh(h.Context()))
		kept := h.manage(http.MethodPut, a, next.str("registration_access_token"), body("client_id", client, member, []string{"sign"}))
		if !slices.Equal(kept.list(member), []string{"sign", "transfer"}) || !slices.Equal(kept.list("operator_values"), []string{member, "grant_types", "scope"}) ||
			kept.str("scope") != "openid email locale boats.read" || len(h.party(a).DetailTypes) != 2 {
			h.Errorf("%s", kept.text)
		}
	})
}

// What a token cannot allow is refused when it is made.
func TestTermsThatCannotBeAreRefused(t *testing.T) {
	good := registrar.Terms{Department: i18n.Text{"en": "Fisheries", "fr": "Pêches"}, Scopes: []string{"openid"}}
	if problems := registrar.NewDraft("fisheries", good, 1, 1).Problems(i18n.Langs()); len(problems) != 0 {
		t.Fatalf("%v", problems)
	}
	job := good
	job.Scopes, job.Grants = nil, []string{protocol.GrantClientCredentials}
	if problems := registrar.NewDraft("job", job, 1, 1).Problems(i18n.Langs()); len(problems) != 0 {
		t.Errorf("a token for services without people: %v", problems)
	}
	fee := relyingparty.DetailType{Type: "fee", Title: i18n.Text{"en": "Pay a fee", "fr": "Payer des frais"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount"}}}
	for field, change := range map[string]func(*registrar.Terms){
		"grants 1":     func(s *registrar.Terms) { s.Grants = []string{protocol.GrantTokenExchange} },
		"grants 2":     func(s *registrar.Terms) { s.Grants = []string{protocol.GrantCIBA, protocol.GrantCIBA} },
		"grants 3":     func(s *registrar.Terms) { s.Grants = []string{protocol.GrantCIBA, protocol.GrantRefreshToken} },
		"own_scopes 1": func(s *registrar.Terms) { s.OwnScopes = []string{"permits.read"} },
		"own_scopes 2": func(s *registrar.Terms) {
			s.Grants, s.OwnScopes = []string{protocol.GrantClientCredentials}, []string{"email"}
		},
		"own_scopes 3": func(s *registrar.Terms) {
			s.Grants, s.OwnScopes = []string{protocol.GrantClientCredentials}, []string{"a b"}
		},
		"scopes 1":                      func(s *registrar.Terms) { s.Grants, s.Scopes = []string{protocol.GrantDeviceCode}, nil },
		"authorization_details_types 1": func(s *registrar.Terms) { s.DetailTypes = []relyingparty.DetailType{fee} },
		"authorization_details_types 2": func(s *registrar.Terms) { s.DetailTypes = []relyingparty.DetailType{{Type: "fee", Title: fee.Title}} },
	} {
		terms := good
		change(&terms)
		want, _, _ := strings.Cut(field, " ")
		if problems := registrar.NewDraft("fisheries", terms, 1, 1).Problems(i18n.Langs()); len(problems) != 1 || problems[0].Field != want {
			t.Errorf("%s: %v", field, problems)
		}
	}
}
