package registration

import (
	"encoding/base64"
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
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
)

// manage asks about a registration with a token.
func (h *house) manage(method string, a answer, token string, sent any) answer {
	h.Helper()
	return h.ask(method, a.str("registration_client_uri"), token, sent)
}

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

func TestOfManyUpdatesAtOnceOneGivesTheTokenThatIsGood(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		rat := a.str("registration_access_token")
		var mu sync.Mutex
		var given []string
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				got := h.manage(http.MethodPut, a, rat, body("client_id", a.str("client_id")))
				mu.Lock()
				defer mu.Unlock()
				if got.status == http.StatusOK {
					given = append(given, got.str("registration_access_token"))
				}
			})
		}
		all.Wait()
		good := 0
		for _, token := range given {
			if h.manage(http.MethodGet, a, token, nil).status == http.StatusOK {
				good++
			}
		}
		if len(given) == 0 || good != 1 {
			h.Errorf("%d of %d tokens are good", good, len(given))
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

// stater signs software statements.
type stater struct {
	signer *jose.Signer
}

func newStater(h *house) (*stater, string) {
	key, err := jose.Generate(jose.ES256)
	h.check(err)
	signer, err := jose.NewSigner(jose.ES256, key)
	h.check(err)
	set, err := jose.NewKeySet(signer.JWK()).JSON()
	h.check(err)
	return &stater{signer}, string(set)
}

func (s *stater) sign(h *house, claims map[string]any) string {
	token, err := s.signer.Sign("JWT", claims)
	h.check(err)
	return token
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

func TestTokensKeepDigestsOnly(t *testing.T) {
	each(t, func(h *house) {
		initial := h.token("fisheries")
		a := h.registered(initial, body())
		h.check(h.db.Read(t.Context(), func(tx *db.Tx) error {
			var first, second []byte
			if err := tx.QueryRow(`SELECT digest FROM registration_token`).Scan(&first); err != nil {
				return err
			}
			if err := tx.QueryRow(`SELECT digest FROM client_registration`).Scan(&second); err != nil {
				return err
			}
			if string(first) != string(digestOf(initial)) || string(second) != string(digestOf(a.str("registration_access_token"))) {
				h.Error("something else than the digest is kept")
			}
			return nil
		}))
	})
}
