package accountui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"parvis/internal/config"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/web/webtest"
)

const pocket id.RelyingParty = "pocket" // an application on a phone that goes on while its owner is away

func withPocket(c *config.Config) {
	s := c.Partners[1]
	s.ID, s.Secret, s.Auth, s.Type = string(pocket), "", "none", "native"
	s.Name = map[string]string{"en": "Trail passes", "fr": "Laissez-passer de sentier"}
	s.RedirectURIs, s.PostLogoutRedirectURIs = []string{"https://pocket.test/callback"}, nil
	s.GrantTypes, s.Scopes = []string{"authorization_code", "refresh_token"}, append(slices.Clone(s.Scopes), "offline_access")
	s.DetailTypes = []relyingparty.DetailType{{
		Type: "fee", Title: map[string]string{"en": "Pay a fee", "fr": "Payer des frais"},
		Fields: map[string]i18n.Text{"amount": {"en": "Amount", "fr": "Montant"}, "for": {"en": "For", "fr": "Pour"}},
	}}
	c.Partners = append(c.Partners, s)
}

// RFC 9396, 4: the person reads what exactly is asked for in the words of the registration,
// with every value, and nothing in a value can become a part of the page.
func TestThePersonReadsWhatExactlyTheyAllow(t *testing.T) {
	for _, language := range []string{"en-CA", "fr-CA"} {
		t.Run(language, func(t *testing.T) {
			h := webtest.Open(t, withPocket)
			o := owner{registered(h, language), h, t}
			ask := webtest.Authorize(pocket, "scope", "openid", "authorization_details",
				`[{"type":"fee","amount":{"currency":"CAD","value":12.50},"for":"<b>Licence</b> & more"}]`)
			for range 2 { // each time
				page := o.Open(ask).Must("consent", http.StatusOK).MustSay(o.say("Pay a fee", "Payer des frais"), o.say("Amount", "Montant"),
					"currency: CAD, value: 12.50", "<b>Licence</b> & more")
				if strings.Contains(page.Body, "<b>Licence") {
					t.Error("a value is a part of the page")
				}
				o.Submit("consent", "#allow")
				if at, err := url.Parse(o.Left); err != nil || at.Query().Get("code") == "" {
					t.Fatalf("%s, %v", o.Left, err)
				}
			}
		})
	}
}

// tokens is a token request of the application.
func tokens(t *testing.T, h *webtest.House, form url.Values) map[string]any {
	t.Helper()
	form.Set("client_id", string(pocket))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, webtest.Origin+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	out := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// OpenID Connect Core 1.0, 11: the person is told that a service stays connected, sees it
// among the services, and can end it.
func TestThePersonIsToldThatAServiceStaysConnectedAndCanEndIt(t *testing.T) {
	for _, language := range []string{"en-CA", "fr-CA"} {
		t.Run(language, func(t *testing.T) {
			webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) {
				h := webtest.Open(t, on, withPocket)
				o := owner{registered(h, language), h, t}
				o.Open(webtest.Authorize(pocket, "scope", "openid offline_access")).Must("consent", http.StatusOK).
					MustSay(o.say("stays connected to your account while you are away", "reste connecté à votre compte en votre absence"))
				o.Submit("consent", "#allow")
				at, err := url.Parse(o.Left)
				if err != nil || at.Query().Get("code") == "" {
					t.Fatalf("%s, %v", o.Left, err)
				}
				o.Open("/services").Must("connected-services", http.StatusOK).MustNotSay("offline_access", o.say("While you are away", "En votre absence"))
				tok := tokens(t, h, url.Values{
					"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {"https://pocket.test/callback"}, "code_verifier": {webtest.Verifier},
				})
				refresh, ok := tok["refresh_token"].(string)
				if !ok {
					t.Fatalf("%v", tok)
				}
				o.Open("/services").Must("connected-services", http.StatusOK).
					MustSay(o.say("While you are away", "En votre absence"), o.say("Stays connected until", "Reste connecté jusqu")).MustNotSay("offline_access")
				again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
				next := tokens(t, h, again)
				if next["refresh_token"] == nil {
					t.Fatalf("%v", next)
				}
				o.Open("/services/pocket/disconnect").Must("disconnect", http.StatusOK)
				o.Submit("disconnect").Must("connected-services", http.StatusOK)
				again.Set("refresh_token", next["refresh_token"].(string))
				if out := tokens(t, h, again); out["error"] != "invalid_grant" {
					t.Errorf("after a disconnect: %v", out)
				}
			})
		})
	}
}

func TestAChangedPasswordEndsWhatGoesOnWhileThePersonIsAway(t *testing.T) {
	h := webtest.Open(t, withPocket)
	o := owner{registered(h, "en-CA"), h, t}
	o.Open(webtest.Authorize(pocket, "scope", "openid offline_access")).Must("consent", http.StatusOK)
	o.Submit("consent", "#allow")
	at, err := url.Parse(o.Left)
	if err != nil {
		t.Fatal(err)
	}
	tok := tokens(t, h, url.Values{
		"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {"https://pocket.test/callback"}, "code_verifier": {webtest.Verifier},
	})
	o.Open("/settings/password").Must("change-password", http.StatusOK)
	o.Submit("change-password", "password", "another long passphrase of mine").Must("settings", http.StatusOK)
	refresh, _ := tok["refresh_token"].(string)
	if out := tokens(t, h, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); out["error"] != "invalid_grant" {
		t.Errorf("%v of %v", out, tok)
	}
}
