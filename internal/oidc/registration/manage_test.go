package registration

import (
	"net/http"
	"sync"
	"testing"

	"parvis/internal/db"
	"parvis/internal/jose"
)

// manage asks about a registration with a token.
func (h *house) manage(method string, a answer, token string, sent any) answer {
	h.Helper()
	return h.ask(method, a.str("registration_client_uri"), token, sent)
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

// A registration that is older than its settings are kept says the same by its metadata.
func TestAnOlderRegistrationKnowsWhatItAskedFor(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("logo_uri", h.web.publish("/logo.png", "\x89PNG\r\n\x1a\n1")))
		h.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE client_registration SET baseline = NULL, baseline_at = NULL`)
			return err
		})
		got := h.manage(http.MethodGet, a, a.str("registration_access_token"), nil)
		if got.all["operator_values"] != nil || got.all["logo_uri"] == nil {
			t.Errorf("%s", got.text)
		}
		got = h.manage(http.MethodPut, a, a.str("registration_access_token"), body("client_id", a.str("client_id"), "dpop_bound_access_tokens", true))
		if got.all["operator_values"] != nil || !h.party(a).RequireDPoP || h.party(a).LogoPNG != nil {
			t.Errorf("%s", got.text)
		}
	})
}
