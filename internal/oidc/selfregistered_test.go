package oidc_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/oidc/registration"
	"parvis/internal/outbound"
	"parvis/internal/ratelimit"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// counter is where services register themselves with one token.
type counter struct {
	h       *house
	handler http.Handler
	token   string
}

// opensRegistration opens the endpoint at which services register themselves beside a house.
func (h *house) opensRegistration(terms registrar.Terms) counter {
	h.t.Helper()
	keys, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	check(h.t, err)
	texts, err := i18n.Load()
	check(h.t, err)
	log := &audit.Log{DB: h.db, Keys: keys, Settings: audit.Preset("")}
	site, err := kit.New(kit.Config{Settings: kit.Preset(""), Texts: texts, Keys: keys, PublicURL: h.issuer, Log: slog.New(slog.NewJSONHandler(h.log, nil)), Now: h.clock.Now, Bypass: registration.Doors()})
	check(h.t, err)
	out, err := outbound.New(outbound.Preset(""), nil)
	check(h.t, err)
	h.t.Cleanup(out.Close)
	limiter := &ratelimit.Limiter{DB: h.db, Keys: keys, Settings: ratelimit.Preset(""), Now: h.clock.Now}
	regs := registrar.Registrations{
		DB: h.db, Tokens: registrar.Tokens{Audit: log, Langs: i18n.Langs()}, Registry: h.registry, Store: h.store, Grants: h.grants, Connections: h.connections, Audit: log, Most: 10,
		Reserved: func(context.Context) ([]string, error) { return nil, nil },
	}
	settings := registration.Preset("")
	settings.Enabled = true
	mux := http.NewServeMux()
	registration.New(registration.Config{
		Issuer: h.issuer, DB: h.db, Limiter: limiter, Registrations: regs, Registry: h.registry, Outbound: out, Keys: h.partnerKeys, Now: h.clock.Now, Settings: settings,
		Door: machine.New(machine.Config{Issuer: h.issuer, Site: site, DB: h.db, Registry: h.registry, Limiter: limiter, Audit: log, Now: h.clock.Now, Partners: h.partnerKeys, Keys: keys, Grants: h.grants}),
	}).Routes(mux)
	d := registrar.NewDraft("rivers", terms, 10, time.Hour)
	h.write(func(tx *db.Tx) error { return regs.Tokens.Add(tx, d) })
	return counter{h: h, handler: site.Wrap(mux), token: d.Token}
}

// registers a service, and gives its identifier and its secret.
func (c counter) registers(body string) (id.RelyingParty, string) {
	c.h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	var out struct {
		ID     id.RelyingParty `json:"client_id"`
		Secret string          `json:"client_secret"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusCreated {
		c.h.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return out.ID, out.Secret
}

// RFC 7591, 3.2.1: what is registered works: a device, a service that asks people to confirm, one that acts for itself.
// RFC 8628, 3.1: a device that registered itself begins a request, and is given tokens when its person allowed it.
// CIBA, 7.1: a service that registered itself asks a person to confirm, and is given tokens when the person allowed it.
// RFC 6749, 4.4: a service that registered itself gets a token for itself, with scopes of its token.
func TestServicesThatRegisteredThemselvesWork(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		c := h.opensRegistration(registrar.Terms{
			Department: i18n.Text{"en": "Rivers", "fr": "Rivières"}, Scopes: []string{"openid", "email"}, OwnScopes: []string{"levels.read"},
			Grants: []string{protocol.GrantDeviceCode, protocol.GrantCIBA, protocol.GrantClientCredentials},
			DetailTypes: []relyingparty.DetailType{
				{Type: "fee", Title: i18n.Text{"en": "Pay a fee", "fr": "Payer des frais"}, Fields: map[string]i18n.Text{"amount": {"en": "Amount", "fr": "Montant"}}},
			},
		})
		gauge, _ := c.registers(`{"client_name": "Gauge", "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"], "token_endpoint_auth_method": "none", "authorization_details_types": ["fee"]}`)
		desk, plain := c.registers(`{"client_name": "Flood desk", "grant_types": ["urn:openid:params:grant-type:ciba"], "backchannel_token_delivery_mode": "poll"}`)
		job, own := c.registers(`{"client_name": "Nightly", "grant_types": ["client_credentials"]}`)
		b, anna := h.viewer(string(gauge), string(desk))
		with := func(path string, client id.RelyingParty, password string, v url.Values) map[string]any {
			r := post(t, h, path, v.Encode())
			r.SetBasicAuth(url.QueryEscape(string(client)), url.QueryEscape(password))
			resp, err := http.DefaultClient.Do(r)
			check(t, err)
			defer func() { _ = resp.Body.Close() }()
			out := map[string]any{}
			check(t, json.NewDecoder(resp.Body).Decode(&out))
			return out
		}

		d := h.device(string(gauge), "openid email")
		if got := h.poll(string(gauge), d.code); got.Error != "authorization_pending" {
			t.Fatalf("%+v", got)
		}
		b.answers(b.types(d.user), "allow")
		h.clock.Advance(10 * time.Second)
		if got := h.poll(string(gauge), d.code); got.ID == "" || got.Access == "" {
			t.Errorf("the device: %+v", got)
		}
		if out, status := h.call("/device_authorization", "", url.Values{"client_id": {string(gauge)}, "scope": {"openid"}, "authorization_details": {`[{"type": "fee", "amount": 5}]`}}); status != http.StatusOK {
			t.Errorf("details that it registered: %d %v", status, out)
		}
		if out, status := h.call("/device_authorization", "", url.Values{"client_id": {string(gauge)}, "scope": {"openid"}, "authorization_details": {`[{"type": "other"}]`}}); status != http.StatusBadRequest || out["error"] != "invalid_authorization_details" {
			t.Errorf("details that it did not register: %d %v", status, out)
		}

		asked := with("/bc-authorize", desk, plain, url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}})
		code, _ := asked["auth_req_id"].(string)
		if code == "" {
			t.Fatalf("%v", asked)
		}
		var name string
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT id FROM ciba_request WHERE digest = $1`, secret.Digest(code)).Scan(&name)
		}))
		b.says(b.opens(name), "allow")
		if got := with("/token", desk, plain, url.Values{"grant_type": {protocol.GrantCIBA}, "auth_req_id": {code}}); got["id_token"] == nil {
			t.Errorf("the desk: %v for %s", got, anna)
		}

		if got := with("/token", job, own, url.Values{"grant_type": {protocol.GrantClientCredentials}}); got["access_token"] == nil || got["scope"] != "levels.read" {
			t.Errorf("the job: %v", got)
		}
		if got := with("/token", job, own, url.Values{"grant_type": {protocol.GrantClientCredentials}, "scope": {"levels.write"}}); got["error"] != "invalid_scope" {
			t.Errorf("a scope that its token does not allow: %v", got)
		}
	})
}
