package accountui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/notify/notice"
	"parvis/internal/web/webtest"
)

const sessionCookie = "__Host-parvis_session"

// signsIn signs the owner in with another browser.
func signsIn(p *webtest.Person) *webtest.Person {
	p.T.Helper()
	other := p.Elsewhere()
	other.Open("/signin").Must("sign-in", http.StatusOK)
	other.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
	return other
}

func TestTheSessionsAreListedAndEndOneByOne(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		page := o.Open("/settings").Must("settings", http.StatusOK)
		if page.Href("sessions-link") != "/settings/sessions" {
			t.Error("the settings do not lead to the sessions")
		}
		page = o.Open("/settings/sessions").Must("sessions", http.StatusOK)
		page.MustSay(o.say("This device", "Cet appareil"), o.say("signed in on this device only", "Seul cet appareil"), o.say("password", "mot de passe"))
		if page.Has("end-others") || !page.Has("end-all") || page.Href("end-here") != "/signout" {
			t.Error("the page offers the wrong things to somebody with one session")
		}

		other := signsIn(o.Person)
		there := owner{other, o.h, t}.session().ID
		page = o.Open("/settings/sessions").Must("sessions", http.StatusOK)
		if !page.Has("end-"+string(there)) || !page.Has("end-others") {
			t.Fatalf("the other session cannot be ended:\n%s", page.Text())
		}
		other.Open("/settings/sessions")
		stale := o.Tab()
		stale.Open("/settings/sessions")
		o.Follow("end-"+string(there)).Must("sessions", http.StatusOK).MustSay(o.say("That device is signed out.", "Cet appareil est déconnecté."))
		stale.Follow("end-"+string(there)).Must("sessions", http.StatusOK) // it had ended: no error
		other.Submit("end-all").Must("session-ended", http.StatusOK)
		o.Open("/services").Must("connected-services", http.StatusOK)
	})
}

func TestSigningOutOfTheOthersAndEverywhereIsToldByMail(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		other, third := signsIn(o.Person), signsIn(o.Person)
		o.Open("/settings/sessions")
		o.Submit("end-others").Must("sessions", http.StatusOK).MustSay(o.say("All other devices are signed out", "Tous les autres appareils sont déconnectés"))
		for _, p := range []*webtest.Person{other, third} {
			p.Open("/services").Must("session-ended", http.StatusOK)
		}
		o.Open("/services").Must("connected-services", http.StatusOK)
		if l := o.h.Mail(email); l.Kind != notice.KindSignedOut || l.Lang != o.Page.Lang() {
			t.Errorf("mail %q in %q", l.Kind, l.Lang)
		}

		other = signsIn(o.Person)
		token := o.Cookie(sessionCookie)
		o.Open("/settings/sessions")
		o.Submit("end-all").Must("signed-out", http.StatusOK)
		if o.Cookie(sessionCookie) != "" {
			t.Error("the cookie is still there")
		}
		o.SetCookie(sessionCookie, token)
		o.Open("/services").Must("session-ended", http.StatusOK)
		other.Open("/services").Must("session-ended", http.StatusOK)
		if l := o.h.Mail(email); l.Kind != notice.KindSignedOut {
			t.Errorf("mail %q", l.Kind)
		}
	})
}

// client is the service Aid as far as its machine is concerned, at one node.
type client struct {
	t *testing.T
	h *webtest.House
}

// send gives the status of an answer, and its body.
func (c client) send(r *http.Request) (int, map[string]any) {
	c.t.Helper()
	r.Header.Set("X-Forwarded-Proto", "https")
	w := httptest.NewRecorder()
	c.h.Handler().ServeHTTP(w, r)
	body := map[string]any{}
	_ = json.Unmarshal(w.Body.Bytes(), &body) // an error has no body that matters
	return w.Code, body
}

func (c client) redeem(code string) (int, string) {
	c.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://student-aid.test/callback"},
		"code_verifier": {webtest.Verifier}, "client_id": {string(webtest.Aid)}, "client_secret": {strings.Repeat("s", 43)},
	}
	r := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, webtest.Origin+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body := c.send(r)
	token, _ := body["access_token"].(string)
	return status, token
}

func (c client) userinfo(token string) int {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), http.MethodGet, webtest.Origin+"/userinfo", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	status, _ := c.send(r)
	return status
}

// codeOf is the code with which somebody was sent back to the service.
func codeOf(t *testing.T, p *webtest.Person) string {
	t.Helper()
	u, err := url.Parse(p.Left)
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("no code in %q: %v", p.Left, err)
	}
	return u.Query().Get("code")
}

// Two nodes share one database. What one ends is worth nothing at the other from the
// next request on: pages, codes, access tokens and userinfo alike.
func TestSigningOutEverywhereTakesEffectOnEveryNodeAtOnce(t *testing.T) {
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			h := webtest.OpenOn(t, engine)
			second := h.Node()
			p := h.Person("en-CA")
			p.Open("/signin?start=create-account").Must("create-account", http.StatusOK)
			p.Submit("create-account", "email", email, "terms", "yes")
			p.Submit("confirm-email", "code", h.Code(email))
			p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)

			// Somebody signs in at the second node and goes to a service, twice.
			there := second.Person("en-CA")
			there.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
			there.Submit("sign-in", "email", email, "password", good).Must("consent", http.StatusOK)
			there.Submit("consent", "#allow")
			first := codeOf(t, there)
			at := client{t, second}
			status, token := at.redeem(first)
			if status != http.StatusOK || at.userinfo(token) != http.StatusOK {
				t.Fatalf("token %d, userinfo %d", status, at.userinfo(token))
			}
			there.Open(webtest.Authorize(webtest.Aid))
			waiting := codeOf(t, there)
			journey := there.Tab() // a journey that stands open
			journey.Open("/settings/methods").Must("methods", http.StatusOK)

			p.Open("/settings/sessions").Must("sessions", http.StatusOK)
			p.Submit("end-all").Must("signed-out", http.StatusOK)

			if status := at.userinfo(token); status != http.StatusUnauthorized {
				t.Errorf("userinfo answers %d", status)
			}
			if status, token := at.redeem(waiting); status != http.StatusBadRequest || token != "" {
				t.Errorf("a code gives %d and %q", status, token)
			}
			for _, node := range []*webtest.House{h, second} {
				if status := (client{t, node}).userinfo(token); status != http.StatusUnauthorized {
					t.Errorf("userinfo answers %d", status)
				}
			}
			there.Open(webtest.Authorize(webtest.Aid, "prompt", "none"))
			if u, _ := url.Parse(there.Left); u.Query().Get("error") != "login_required" {
				t.Errorf("the service is sent %q", there.Left)
			}
			journey.Submit("add-method").Must("session-ended", http.StatusOK)
			there.Open("/services").Must("sign-in", http.StatusOK)
		})
	}
}
