package registration

import (
	"net/http"
	"testing"

	"parvis/internal/oidc/protocol"
)

// The plan oidcc-3rdparty-init-login-certification-test-plan: oidcc-3rd_party-init-login (the
// answer of the registration and that of the client configuration endpoint, JSON with 200,
// repeat initiate_login_uri) and oidcc-3rd_party-init-login-nohttps (400, invalid_client_metadata).
//
// OIDC Core, 4: initiate_login_uri is an https address, and a sign-in can start elsewhere.
// OIDC Registration, 2: initiate_login_uri is registered and told.
func TestTheModulesOfTheSuiteForSignInsThatStartElsewhere(t *testing.T) {
	each(t, func(h *house) {
		const start = "https://service.example/test/a/alias/initiate_login"
		token := h.token("fisheries")
		a := h.registered(token, body("initiate_login_uri", start))
		got := h.manage(http.MethodGet, a, a.str("registration_access_token"), nil)
		if a.str("initiate_login_uri") != start || got.status != http.StatusOK || got.str("initiate_login_uri") != start || h.party(a).InitiateLoginURI != start {
			h.Errorf("registered %q, told %d %q", a.str("initiate_login_uri"), got.status, got.str("initiate_login_uri"))
		}
		for _, plain := range []string{"http://service.example/initiate_login", "javascript:alert(1)", "service.example/initiate_login", start + "#x"} {
			h.refused(plain, h.register(token, body("initiate_login_uri", plain)), protocol.InvalidClientMetadata, "initiate_login_uri")
		}
	})
}
