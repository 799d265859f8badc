package accountui_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/web/webtest"
)

const (
	email = "sam.rivers@example.org"
	good  = "paper lantern over the river 7"
)

func each(t *testing.T, test func(t *testing.T, h *webtest.House, p *webtest.Person), change ...func(*config.Config)) {
	t.Helper()
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, change...)
			test(t, h, registered(h, l))
		})
	}
}

// registered is somebody who has just created an account.
func registered(h *webtest.House, language string) *webtest.Person {
	p := h.Person(language)
	p.Open("/signin?start=create-account").Must("create-account", http.StatusOK)
	p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
	p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
	p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
	return p
}

func TestAServiceIsListedFromTheFirstSignInAndCanBeDisconnected(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		p.Page.MustSay(email)
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		page := p.Open("/services").Must("connected-services", http.StatusOK)
		name, department, receives := "Student aid", "Ministry of Colleges", "e-mail address"
		if page.Lang() == "fr" {
			name, department, receives = "Aide financière aux études", "Ministère de l'Enseignement supérieur", "adresse courriel"
		}
		page.MustSay(name, department, receives)
		if !strings.Contains(page.Body, `href="https://student-aid.test/login?iss=https%3A%2F%2Fsignin.test"`) {
			t.Error("Open does not lead to the service's own address")
		}
		if lang := page.Lang(); !strings.HasSuffix(p.Follow("find-service-link").Must("services", http.StatusOK).URL, "/"+lang+"/services") {
			t.Errorf("to find another service leads to %s", p.Page.URL)
		}
		p.Open("/services/student-aid/disconnect").Must("disconnect", http.StatusOK).MustSay(name)
		p.Submit("disconnect").Must("connected-services", http.StatusOK).MustNotSay(department)
		p.Page.MustSay(name) // what was done
		if p.Open("/services/student-aid/disconnect").Status != http.StatusNotFound {
			t.Error("a service that is not connected cannot be disconnected")
		}
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
	})
}

func TestSigningOutEndsTheSessionEverywhereInTheBrowser(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		token := p.Cookie("__Host-parvis_session")
		p.Open("/signout").Must("sign-out", http.StatusOK).MustSay(email)
		p.Submit("sign-out").Must("signed-out", http.StatusOK)
		if p.Cookie("__Host-parvis_session") != "" {
			t.Error("the cookie is still there")
		}
		p.Open("/services").Must("sign-in", http.StatusOK)
		p.SetCookie("__Host-parvis_session", token)
		p.Open("/services").Must("sign-in", http.StatusOK)
	})
}

func TestAnIdleSessionEndsAndSaysSo(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		if p.Page.Attr("session-warning", "data-after") == "" {
			t.Error("the page does not tell its script when the session ends")
		}
		h.Advance(28 * time.Minute)
		page := p.Open("/session/ending").Must("session-ending", http.StatusOK)
		if page.Header.Get("Refresh") == "" {
			t.Error("the page without script does not watch the end")
		}
		p.Submit("session-ending").Must("connected-services", http.StatusOK)
		h.Advance(28 * time.Minute)
		p.Open("/services").Must("connected-services", http.StatusOK)
		h.Advance(31 * time.Minute)
		p.Open("/services").Must("session-ended", http.StatusOK).MustSay("30 minutes")
		p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
	})
}

func TestStayingSignedInWithoutAScriptComesBackToThePage(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		page := p.Open("/services/student-aid/disconnect?from=a%26b").Must("disconnect", http.StatusOK)
		_, ending, found := strings.Cut(page.Body, "; url=")
		if !found {
			t.Fatal("the page without script is not led anywhere")
		}
		ending, _, _ = strings.Cut(ending, `"`)
		h.Advance(28 * time.Minute)
		p.Open(html.UnescapeString(ending)).Must("session-ending", http.StatusOK)
		p.Submit("session-ending").Must("disconnect", http.StatusOK)
		if !strings.HasSuffix(p.Page.URL, "/services/student-aid/disconnect?from=a%26b") {
			t.Errorf("came back to %s", p.Page.URL)
		}
	})
}

func TestStayingSignedInNeverLeadsToAnotherSite(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		token := p.Open("/session/ending").Must("session-ending", http.StatusOK).FormToken("session-ending")
		for _, next := range []string{
			"https://evil.test/", "//evil.test", "///evil.test", `/\evil.test`, `\\evil.test`, "javascript:alert(1)",
			"/%2F%2Fevil.test", "/./%2Fevil.test", "/%5Cevil.test", "/.//evil.test", "evil.test", "/\t/evil.test",
			"/\n/evil.test", "@evil.test", "/a/..//evil.test", "https:/evil.test", "https:evil.test", " //evil.test",
		} {
			p.Stay = true
			page := p.Send("/session/extend", url.Values{"form_token": {token}, "next": {next}})
			p.Stay = false
			to, err := url.Parse(page.Header.Get("Location"))
			if page.Status != http.StatusSeeOther || err != nil || to.IsAbs() || to.Host != "" ||
				!strings.HasPrefix(to.Path, "/") || strings.HasPrefix(page.Header.Get("Location"), "//") {
				t.Errorf("%q leads with %d to %q", next, page.Status, page.Header.Get("Location"))
			}
		}
	})
}

func TestTheScriptIsToldByStatusWhetherTheSessionLives(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		p.Header = http.Header{"Accept": {"application/json"}}
		token := p.Page.FormToken("session-extend")
		if page := p.Send("/session/extend", url.Values{"form_token": {token}}); page.Status != http.StatusNoContent {
			t.Errorf("a live session: %d", page.Status)
		}
		h.Advance(31 * time.Minute)
		if page := p.Send("/session/extend", url.Values{"form_token": {token}}); page.Status != http.StatusGone {
			t.Errorf("an ended session: %d", page.Status)
		}
	})
}

func TestAPageOfTheAccountAsksForASignInAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		q := p.Elsewhere()
		q.Open("/services/student-aid/disconnect").Must("sign-in", http.StatusOK)
		q.Submit("sign-in", "email", email, "password", good).Must("disconnect", http.StatusOK)
	})
}

func TestTwoDifferentSessionCookiesCountAsNone(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		p.Header = http.Header{"Cookie": {"__Host-parvis_session=" + strings.Repeat("A", 43)}}
		p.Open("/services").Must("sign-in", http.StatusOK)
	})
}
