package registration

import (
	"net/http"
	"testing"

	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
)

// OIDC Registration, 2: token_endpoint_auth_method client_secret_jwt is registered where the
// deployment takes it, and never with the profile of FAPI.
func TestAServiceThatSignsWithItsSecretRegistersWhereThatIsTurnedOn(t *testing.T) {
	each(t, func(h *house) {
		asked := body("token_endpoint_auth_method", "client_secret_jwt", "token_endpoint_auth_signing_alg", "HS256")
		h.refused("turned off", h.register(h.token("fisheries"), asked), protocol.InvalidClientMetadata, "token_endpoint_auth_method")
		h.door.Settings.SecretJWT = true
		a := h.registered(h.token("forests"), asked)
		client, plain := a.str("client_id"), a.str("client_secret")
		if len(plain) < 43 || a.str("token_endpoint_auth_method") != "client_secret_jwt" || a.str("token_endpoint_auth_signing_alg") != "HS256" {
			h.Fatalf("%s", a.text)
		}
		if p := h.party(a); len(p.Secrets) != 1 || !p.SecretMatches(plain, h.clock.Now()) || h.signsIn(client, plain) {
			h.Error("it is not registered with the secret that it was told, or may send it")
		}
		same := h.manage(http.MethodPut, a, a.str("registration_access_token"), body("client_id", client, "client_secret", plain, "token_endpoint_auth_method", "client_secret_jwt"))
		if same.str("registration_access_token") == "" || same.str("client_secret") != "" {
			h.Fatalf("%s", same.text)
		}
		// What is kept of a secret is not what the other method needs: each has its own.
		basic := h.manage(http.MethodPut, a, same.str("registration_access_token"), body("client_id", client, "token_endpoint_auth_method", "client_secret_basic"))
		if next := basic.str("client_secret"); next == "" || next == plain || !h.signsIn(client, next) || h.signsIn(client, plain) {
			h.Fatalf("%s", basic.text)
		}
		back := h.manage(http.MethodPut, a, basic.str("registration_access_token"), body("client_id", client, "token_endpoint_auth_method", "client_secret_jwt"))
		if next := back.str("client_secret"); next == "" || !h.party(a).SecretMatches(next, h.clock.Now()) || len(h.party(a).Secrets) != 1 {
			h.Fatalf("%s", back.text)
		}
		strict := h.token("courts", func(d *registrar.Draft) { d.Terms.Profile = "fapi2" })
		h.refused("FAPI", h.register(strict, asked), protocol.InvalidClientMetadata, "token_endpoint_auth_method")
	})
}
