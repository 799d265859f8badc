package registration

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// RFC 7592, 2.1: a service reads what is registered.
// OIDC Registration, 4.3: the values are those that are registered now.
func TestAServiceReadsItsRegistration(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("contacts", []string{"team@service.example"}))
		rat := a.str("registration_access_token")
		got := h.manage(http.MethodGet, a, rat, nil)
		for name, value := range a.all {
			if name != "client_secret" && name != "client_secret_expires_at" && !equal(value, got.all[name]) {
				h.Errorf("%s: %v, registered %v", name, got.all[name], value)
			}
		}
		if got.status != http.StatusOK || got.all["client_secret"] != nil {
			h.Errorf("%d %s", got.status, got.text)
		}
	})
}

// RFC 7592, 2: another service's token, a wrong one, and a service that there is none of, have one answer.
func TestOnlyItsOwnTokenOpensARegistration(t *testing.T) {
	each(t, func(h *house) {
		initial := h.token("fisheries")
		a, b := h.registered(initial, body()), h.registered(initial, body())
		rat := a.str("registration_access_token")
		none := answer{all: map[string]any{"registration_client_uri": issuer + "/register/nobody"}}
		file := answer{all: map[string]any{"registration_client_uri": issuer + "/register/permits"}}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			for name, got := range map[string]answer{
				"another's": h.manage(method, b, rat, body()), "none": h.manage(method, a, "", body()), "the initial one": h.manage(method, a, initial, body()),
				"a cut one": h.manage(method, a, rat[:len(rat)-1], body()), "of nobody": h.manage(method, none, rat, body()), "of an operator's": h.manage(method, file, rat, body()),
			} {
				h.refused(method+" "+name, got, protocol.InvalidToken, "")
			}
		}
		if h.party(a) == nil || h.party(b) == nil {
			h.Error("a stranger deleted a registration")
		}
	})
}

// RFC 7592, 2.2: an update replaces everything; what is left out is taken back, and the secret stays.
// RFC 7592, 3: an update gives another registration access token.
func TestAnUpdateReplacesTheRegistration(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("default_max_age", 60, "contacts", []string{"team@service.example"}))
		client, plain, rat := a.str("client_id"), a.str("client_secret"), a.str("registration_access_token")
		h.write(func(tx *db.Tx) error { // the operator adds what only the operator says
			s, err := h.store.Settings(tx, id.RelyingParty(client))
			s.ACR, s.Introspect, s.Listed = []string{"urn:parvis:acr:aal2"}, true, true
			if err != nil {
				return err
			}
			return h.store.Update(tx, s)
		})
		got := h.manage(http.MethodPut, a, rat, body("client_id", client, "client_secret", plain, "redirect_uris", []string{callback, callback + "2"}, "client_name", "Angling licences"))
		if got.status != http.StatusOK || got.str("client_secret") != "" || got.all["contacts"] != nil || got.all["default_max_age"] != nil || got.str("registration_access_token") == rat {
			h.Fatalf("%d %s", got.status, got.text)
		}
		p := h.party(a)
		if p.MaxAge != 0 || !slices.Equal(p.RedirectURIs, got.list("redirect_uris")) || p.Name["en"] != "Angling licences" ||
			!slices.Equal(p.ACR, []string{"urn:parvis:acr:aal2"}) || !p.Introspects || !p.Listed || p.RegisteredBy != "fisheries" {
			h.Errorf("%+v", p)
		}
		if !h.signsIn(client, plain) {
			h.Error("the secret is good no longer")
		}
		if got := h.events(audit.PartnerChanged); !slices.ContainsFunc(got, func(e string) bool { return strings.HasPrefix(e, "registration ") }) {
			h.Errorf("%q", got)
		}
	})
}

// RFC 7592, 3: whose answer got lost tries again with the token before, for a while.
func TestTheTokenBeforeIsGoodForAWhile(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		first := a.str("registration_access_token")
		second := h.manage(http.MethodPut, a, first, body("client_id", a.str("client_id"))).str("registration_access_token")
		again := h.manage(http.MethodPut, a, first, body("client_id", a.str("client_id")))
		third := again.str("registration_access_token")
		if again.status != http.StatusOK || third == second {
			h.Fatalf("%d %s", again.status, again.text)
		}
		h.refused("the one whose answer got lost", h.manage(http.MethodGet, a, second, nil), protocol.InvalidToken, "")
		h.clock.Advance(10 * time.Minute)
		h.refused("the one before, later", h.manage(http.MethodGet, a, first, nil), protocol.InvalidToken, "")
		if got := h.manage(http.MethodGet, a, third, nil); got.status != http.StatusOK {
			h.Errorf("%d %s", got.status, got.text)
		}
	})
}

// RFC 7592, 2.2: what an update must not say, and what it must.
func TestAnUpdateThatIsNotOfItsRegistrationIsRefused(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		client, rat := a.str("client_id"), a.str("registration_access_token")
		for name, c := range map[string]struct {
			sent  any
			about string
		}{
			"no client_id":      {body(), "client_id"},
			"another client_id": {body("client_id", "permits"), "client_id"},
			"another secret":    {body("client_id", client, "client_secret", "guess"), "client_secret"},
			"its own token":     {body("client_id", client, "registration_access_token", rat), "registration_access_token"},
			"its own address":   {body("client_id", client, "registration_client_uri", "x"), "registration_client_uri"},
			"an issue date":     {body("client_id", client, "client_id_issued_at", 1), "client_id_issued_at"},
			"an end":            {body("client_id", client, "client_secret_expires_at", 0), "client_secret_expires_at"},
			"another sector":    {body("client_id", client, "sector_identifier_uri", h.web.publish("/s", `["`+callback+`"]`)), "sector_identifier_uri"},
			"a name of another": {body("client_id", client, "client_name", "Hunting permits"), "client_name"},
		} {
			h.refused(name, h.manage(http.MethodPut, a, rat, c.sent), protocol.InvalidClientMetadata, c.about)
		}
		if got := h.manage(http.MethodGet, a, rat, nil); got.status != http.StatusOK || got.str("client_name") != "Fishing licences" {
			h.Errorf("%d %s", got.status, got.text)
		}
	})
}

// RFC 7592, 2.3: a deletion ends the registration, its tokens and everything that was given.
func TestADeletionEndsEverything(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		client, rat := a.str("client_id"), a.str("registration_access_token")
		h.write(func(tx *db.Tx) error {
			addr, err := account.ParseAddress("anna@example.org")
			if err != nil {
				return err
			}
			accounts, draft := account.Accounts{Keys: h.door.Keys, Settings: account.Preset("")}, account.NewDraft(addr, "fr")
			if _, _, err := accounts.CreatePending(tx, draft); err != nil {
				return err
			}
			return h.regs.Connections.Give(tx, connection.Asked{Account: draft.ID, RelyingParty: id.RelyingParty(client), Claims: []string{"email"}})
		})
		var done atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if h.manage(http.MethodDelete, a, rat, nil).status == http.StatusNoContent {
					done.Add(1)
				}
			})
		}
		all.Wait()
		if done.Load() != 1 || len(h.events(audit.PartnerRemoved)) != 1 {
			h.Errorf("deleted %d times, %q", done.Load(), h.events(audit.PartnerRemoved))
		}
		if h.party(a) != nil || h.signsIn(client, a.str("client_secret")) {
			h.Error("the service is still known")
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			h.refused(method, h.manage(method, a, rat, body("client_id", client)), protocol.InvalidToken, "")
		}
		h.check(h.db.Read(t.Context(), func(tx *db.Tx) error {
			var left int
			err := tx.QueryRow(`SELECT COUNT(*) FROM connection WHERE relying_party = $1`, client).Scan(&left)
			if left != 0 {
				h.Error("agreements with it stay")
			}
			return err
		}))
	})
}

// RFC 7592, 2.1: a service that the operator disabled may not read its record.
func TestADisabledServiceChangesNothing(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, id.RelyingParty(a.str("client_id"))) })
		h.check(h.registry.Refresh(t.Context()))
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			got := h.manage(method, a, a.str("registration_access_token"), body("client_id", a.str("client_id")))
			if got.status != http.StatusForbidden {
				h.Errorf("%s: %d %s", method, got.status, got.text)
			}
		}
	})
}

// RFC 7592, 2.1: a read answers 200 with JSON that nobody keeps, and its address and token.
// RFC 7592, 2.2: an update answers 200 in the same way; an empty member and one that is null are left out.
// RFC 7592, 2.3: a deletion answers 204 without a body.
// RFC 7592, 3: registration_client_uri is absolute, of the provider, and stays.
func TestEachAnswerOfTheConfigurationEndpointHasItsForm(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("policy_uri", "https://service.example/privacy"))
		at, rat := a.str("registration_client_uri"), a.str("registration_access_token")
		read := h.manage(http.MethodGet, a, rat, nil)
		put := h.manage(http.MethodPut, a, rat, body("client_id", a.str("client_id"), "policy_uri", "", "logo_uri", json.RawMessage("null")))
		for name, got := range map[string]answer{"read": read, "update": put} {
			if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" ||
				got.str("registration_client_uri") != at || got.str("client_id") != a.str("client_id") || got.str("registration_access_token") == "" || got.all["client_id_issued_at"] != a.all["client_id_issued_at"] {
				h.Errorf("%s: %d %v %s", name, got.status, got.header, got.text)
			}
		}
		if read.str("policy_uri") == "" || put.all["policy_uri"] != nil || put.all["logo_uri"] != nil {
			h.Errorf("%s, then %s", read.text, put.text)
		}
		gone := h.manage(http.MethodDelete, a, put.str("registration_access_token"), nil)
		if gone.status != http.StatusNoContent || gone.text != "" || gone.header.Get("Cache-Control") != "no-store" {
			h.Errorf("%d %q %v", gone.status, gone.text, gone.header)
		}
		if got := h.manage(http.MethodPatch, a, rat, body()); got.status != http.StatusMethodNotAllowed {
			h.Errorf("PATCH: %d", got.status)
		}
	})
}

// RFC 7592, 2: a token in the query is none; the client secret is none either.
func TestTheTokenComesInTheHeaderOnly(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		at := answer{all: map[string]any{"registration_client_uri": a.str("registration_client_uri") + "?access_token=" + a.str("registration_access_token")}}
		h.refused("in the query", h.manage(http.MethodGet, at, "", nil), protocol.InvalidToken, "")
		h.refused("the secret", h.manage(http.MethodGet, a, a.str("client_secret"), nil), protocol.InvalidToken, "")
		if got := h.manage(http.MethodGet, a, a.str("registration_access_token"), nil); got.status != http.StatusOK {
			h.Errorf("%d %s", got.status, got.text)
		}
	})
}

// RFC 7592, 2.2: the provider may replace what a service asks for, and answers with what is registered: an operator's later values stay, are answered, and are named.
// RFC 7592, 2.1: a read answers the values in force, also those that an operator changed.
func TestWhatAnOperatorHardenedStays(t *testing.T) {
	each(t, func(h *house) {
		_, set := newStater(h)
		a := h.registered(h.token("fisheries", func(d *registrar.Draft) { d.Terms.OptionalPKCE = true }), body("jwks", json.RawMessage(set), "policy_uri", "https://service.example/privacy", "scope", "openid email", "client_uri", "https://service.example/",
			"redirect_uris", []string{callback, callback + "/old"}, "default_max_age", 7200, "contacts", []string{"team@service.example"}))
		client := a.str("client_id")
		operator := func(change func(*relyingparty.Settings)) {
			h.write(func(tx *db.Tx) error {
				s, err := h.store.Settings(tx, id.RelyingParty(client))
				h.check(err)
				change(&s)
				return h.store.Update(tx, s)
			})
			h.check(h.registry.Refresh(t.Context()))
		}
		operator(func(s *relyingparty.Settings) {
			s.RequireDPoP, s.PKCE, s.RedirectURIs, s.MaxAge, s.Scopes, s.Support.Email, s.Name = true, "required", []string{callback}, time.Hour, []string{"openid"}, "desk@service.example", i18n.Text{"en": "Angling (test)", "fr": "Pêche (essai)"}
		})
		winners := []string{"client_name", "default_max_age", "dpop_bound_access_tokens", "redirect_uris", "scope"}
		wants := func(name string, got answer) {
			t.Helper()
			for member, want := range map[string]any{
				"dpop_bound_access_tokens": true, "redirect_uris": []string{callback}, "default_max_age": 3600, "scope": "openid", "client_name#en": "Angling (test)", "client_name#fr": "Pêche (essai)", "operator_values": winners,
			} {
				if !equal(got.all[member], want) {
					t.Errorf("%s: %s is %v, want %v", name, member, got.all[member], want)
				}
			}
			p := h.party(a)
			if !p.RequireDPoP || !p.RequirePKCE || !slices.Equal(p.RedirectURIs, []string{callback}) || p.MaxAge != time.Hour || p.Allows("email") || p.Support.Email != "desk@service.example" || p.Name["fr"] != "Pêche (essai)" {
				t.Errorf("%s: %+v", name, p)
			}
			if _, there := got.all["client_name"]; there {
				t.Errorf("%s: the name that it asked for is answered, too", name)
			}
		}
		wants("read", h.manage(http.MethodGet, a, a.str("registration_access_token"), nil))
		rat := a.str("registration_access_token")
		put := func(changes ...any) answer {
			t.Helper()
			got := h.manage(http.MethodPut, a, rat, body(append([]any{"client_id", client, "jwks", json.RawMessage(set), "scope", "openid email", "redirect_uris", []string{callback, callback + "/old"}}, changes...)...))
			if got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.text)
			}
			rat = got.str("registration_access_token")
			return got
		}
		wants("an update that asks for others", put("default_max_age", 86400, "policy_uri", "https://service.example/new"))
		if got := h.party(a).PolicyURL["en"]; got != "https://service.example/new" {
			t.Errorf("what the operator left alone does not change: %q", got)
		}
		// To ask for the operator's value does not make it the service's to change again.
		wants("an update that asks for the same", put("dpop_bound_access_tokens", true, "default_max_age", 3600))
		wants("and then for less", put())
		// What does not go with the operator's values is refused, and nothing of it is done.
		operator(func(s *relyingparty.Settings) { s.RequireObject = true })
		h.refused("no keys any more", h.manage(http.MethodPut, a, rat, body("client_id", client)), protocol.InvalidClientMetadata, "require_signed_request_object")
		// The operator gives a value back by setting it to what was registered.
		operator(func(s *relyingparty.Settings) { s.RequireObject, s.RequireDPoP = false, false })
		got := put("dpop_bound_access_tokens", true)
		if got.all["dpop_bound_access_tokens"] != true || slices.Contains(got.list("operator_values"), "dpop_bound_access_tokens") || !h.party(a).RequireDPoP {
			t.Errorf("%s", got.text)
		}
		if got := put(); got.all["dpop_bound_access_tokens"] != nil || h.party(a).RequireDPoP {
			t.Errorf("%s", got.text)
		}
	})
}
