package askedui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/oidc/protocol"
	"parvis/internal/web/webtest"
)

const (
	email = "sam.rivers@example.org"
	good  = "paper lantern over the river 7"
	words = "W4 SC: transfer 250"
)

// asking is a service that may ask, and somebody who has agreed to what it is told.
type asking struct {
	*webtest.Person

	t *testing.T
	h *webtest.House
}

// each runs a test in both languages.
func each(t *testing.T, test func(t *testing.T, a asking)) {
	t.Helper()
	for _, language := range []string{"en-CA", "fr-CA"} {
		t.Run(language, func(t *testing.T) {
			h := webtest.Open(t, func(c *config.Config) {
				c.Partners[1].GrantTypes, c.Partners[1].Auth = []string{"authorization_code", protocol.GrantCIBA}, "client_secret_post"
			})
			a := asking{person(h, language, email), t, h}
			a.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
			a.Submit("consent", "#allow")
			test(t, a)
		})
	}
}

// person is somebody who has just created an account.
func person(h *webtest.House, language, address string) *webtest.Person {
	p := h.Person(language)
	p.Open("/signin?start=create-account").Must("create-account", http.StatusOK)
	p.Submit("create-account", "email", address, "terms", "yes").Must("confirm-email", http.StatusOK)
	p.Submit("confirm-email", "code", h.Code(address)).Must("choose-password", http.StatusOK)
	p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
	return p
}

// say is the English or the French words.
func (a asking) say(en, fr string) string {
	if strings.HasPrefix(a.Language, "fr") {
		return fr
	}
	return en
}

// call is a request of the service's machine.
func (a asking) call(path string, pairs ...string) map[string]any {
	a.t.Helper()
	form := url.Values{"client_id": {string(webtest.Aid)}, "client_secret": {strings.Repeat("s", 43)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequestWithContext(a.t.Context(), http.MethodPost, webtest.Origin+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Proto", "https")
	w := httptest.NewRecorder()
	a.h.Handler().ServeHTTP(w, r)
	out := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		a.t.Fatalf("%s answers %d %s: %v", path, w.Code, w.Body, err)
	}
	return out
}

// asks asks the person, and gives auth_req_id and the path of the link in the mail.
func (a asking) asks(pairs ...string) (code, path string) {
	a.t.Helper()
	out := a.call("/bc-authorize", append([]string{"scope", "openid email locale", "login_hint", email}, pairs...)...)
	if code, _ = out["auth_req_id"].(string); code == "" {
		a.t.Fatalf("%v", out)
	}
	for _, letter := range a.h.Mails(email) {
		for _, link := range letter.Links {
			if _, name, ok := strings.Cut(link, "/confirmations/"); ok {
				name, _, _ = strings.Cut(name, "?")
				return code, "/confirmations/" + name
			}
		}
	}
	a.t.Fatal("no mail has the link")
	return "", ""
}

// told is what the service hears of a request.
func (a asking) told(code string) map[string]any {
	a.t.Helper()
	a.h.Advance(6 * time.Second)
	return a.call("/token", "grant_type", protocol.GrantCIBA, "auth_req_id", code)
}

func TestWhoIsAskedReadsWhoAsksWhatAndAllowsIt(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		service := a.say("Student aid", "Aide financière aux études")
		a.Open("/confirmations").Must("confirmations", http.StatusOK).MustSay(a.say("No service is waiting for your answer", "Aucun service n'attend"))
		code, path := a.asks("binding_message", words)

		page := a.Open("/confirmations").Must("confirmations", http.StatusOK)
		page.MustSay(service, a.say("Ministry of Colleges", "Ministère de l'Enseignement supérieur"), a.say("Times are in", "Fuseau horaire"))
		if page.Lang() != a.say("en", "fr") || page.Href("open-"+strings.TrimPrefix(path, "/confirmations/")) != path {
			t.Fatalf("%s does not lead to %s", page.Body, path)
		}
		page = a.Open(path).Must("confirmation", http.StatusOK)
		page.MustSay(a.say("has not confirmed anything", "n'a rien confirmé"))
		page.MustNotSay(service, words, email) // whoever has the link
		page = a.Submit("confirmation").Must("confirmation-question", http.StatusOK)
		page.MustSay(service, a.say("Ministry of Colleges", "Ministère de l'Enseignement supérieur"), email, words,
			a.say("you must see the same words", "les mêmes mots"), a.say("Only confirm if you started this yourself", "Confirmez seulement si"))
		if out := a.told(code); out["error"] != "authorization_pending" {
			t.Errorf("%v before an answer", out)
		}
		page = a.Submit("confirmation-question", "#allow").Must("confirmation-done", http.StatusOK)
		page.MustSay(a.say("You confirmed", "Vous avez confirmé"))
		if !page.Has("confirmation-allowed") || page.Has("not-me") || page.Href("services") != "/services" {
			t.Errorf("%s", page.Text())
		}
		if out := a.told(code); out["id_token"] == nil || out["access_token"] == nil {
			t.Errorf("%v after it was allowed", out)
		}
		a.Open("/confirmations").Must("confirmations", http.StatusOK).MustNotSay(service)
	})
}

func TestWhoRefusesIsLedToWhatToDoIfItWasSomebodyElse(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		code, path := a.asks()
		stranger := a.Elsewhere() // who is not signed in signs in first
		stranger.Open(path).Must("confirmation", http.StatusOK)
		stranger.Submit("confirmation").Must("sign-in", http.StatusOK)
		page := stranger.Submit("sign-in", "email", email, "password", good).Must("confirmation-question", http.StatusOK)
		page.MustNotSay(a.say("The service says", "Message du service"))
		page = stranger.Submit("confirmation-question", "#deny").Must("confirmation-done", http.StatusOK)
		page.MustSay(a.say("You refused", "Vous avez refusé"), a.say("It received nothing", "Il n'a rien reçu"))
		if !page.Has("confirmation-denied") || page.Href("not-me") != "/settings/secure" {
			t.Fatalf("%s", page.Text())
		}
		if out := a.told(code); out["error"] != "access_denied" || out["access_token"] != nil {
			t.Errorf("%v after it was refused", out)
		}
		stranger.Follow("not-me").Must("secure", http.StatusOK)
	})
}

func TestARequestThatIsOverIsSaidToBeSo(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		over := a.say("nothing to confirm any more", "plus rien à confirmer")
		code, path := a.asks("requested_expiry", "60")
		late := a.Tab()
		late.Open(path).Must("confirmation", http.StatusOK)
		a.Open(path)
		a.Submit("confirmation").Must("confirmation-question", http.StatusOK)
		a.h.Advance(2 * time.Minute)
		page := a.Submit("confirmation-question", "#allow").Must("confirmation-done", http.StatusOK)
		page.MustSay(over)
		if !page.Has("confirmation-over") || page.Has("confirmation-allowed") {
			t.Errorf("%s", page.Text())
		}
		late.Submit("confirmation").Must("confirmation-done", http.StatusOK).MustSay(over)
		if out := a.told(code); out["error"] != "expired_token" {
			t.Errorf("%v", out)
		}
		a.Open("/confirmations/nobody-knows").Must("confirmation", http.StatusOK)
		a.Submit("confirmation").Must("confirmation-done", http.StatusOK).MustSay(over)
		a.Open("/confirmations/done?how=nonsense").Must("confirmation-done", http.StatusOK).MustSay(over)
	})
}

func TestWhoIsSignedInWithAnotherAccountIsToldThat(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		code, path := a.asks("binding_message", words)
		rose := person(a.h, a.Language, "rose.lake@example.org")
		rose.Open("/confirmations").Must("confirmations", http.StatusOK).MustNotSay(a.say("Student aid", "Aide financière"))
		rose.Open(path).Must("confirmation", http.StatusOK)
		page := rose.Submit("confirmation") // they are not asked to agree to anything
		page.Must("confirmation-done", http.StatusOK).MustSay(a.say("Another account was asked", "La demande concerne un autre compte"))
		page.MustSay("rose.lake@example.org", a.say("Nothing was confirmed", "Rien n'a été confirmé"), a.say("Open the link of the message again", "Ouvrez de nouveau le lien du message"))
		page.MustNotSay(words, email)
		if page.Href("sign-out") != "/signout" || page.Href("stay") != "/services" {
			t.Errorf("%s", page.Body)
		}
		nobody := a.h.Person(a.Language).Open("/confirmations/done?how=other").Must("confirmation-done", http.StatusOK)
		nobody.MustSay(a.say("than the one that you were signed in with", "que celui que vous utilisiez")).MustNotSay("rose.lake@example.org", a.say("Sign out here", "Déconnectez-vous ici"))
		if nobody.Has("sign-out") || nobody.Has("stay") {
			t.Errorf("who is not signed in can sign out: %s", nobody.Body)
		}
		if out := a.told(code); out["error"] != "authorization_pending" {
			t.Errorf("%v", out)
		}
	})
}
