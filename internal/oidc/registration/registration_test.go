package registration

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"parvis/internal/audit"
	"parvis/internal/oidc/machine"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// equal reports whether two values are the same in JSON.
func equal(got, want any) bool {
	var a, b any
	for value, into := range map[any]*any{&got: &a, &want: &b} {
		raw, err := json.Marshal(value)
		if err != nil || json.Unmarshal(raw, into) != nil {
			return false
		}
	}
	return reflect.DeepEqual(a, b)
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
		if unread != nil || m.complete(terms) != nil || m.check(issuer, machine.Settings{MTLS: machine.MTLS{PublicURL: "https://mtls.example"}}, terms) != nil {
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
