package signinui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/web/webtest"
)

func TestTheLanguageSwitchKeepsWhatWasTypedAndDecidesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		own, other := "en", "fr"
		if strings.HasPrefix(language, "fr") {
			own, other = other, own
		}
		for page, way := range map[string][]string{
			"sign-in": nil, "create-account": {"create-account-link"}, "forgot-password": {"forgot-password-link"}, "unlock": {"unlock-link"},
		} {
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
			for _, link := range way {
				p.Follow(link)
			}
			was := p.Page.Must(page, http.StatusOK).URL
			typed := []string{"email", "half an address@"}
			switch page {
			case "sign-in":
				typed = append(typed, "password", good)
			case "create-account":
				typed = append(typed, "terms", "yes")
			}
			got := p.Follow("language-link", typed...).Must(page, http.StatusOK)
			if got.Lang() != other || got.URL != was || strings.Contains(got.URL, "?") {
				t.Errorf("%s: came to %s in %s", page, got.URL, got.Lang())
			}
			if v := got.Field("email", "value"); v != "half an address@" {
				t.Errorf("%s: the address is %q", page, v)
			}
			if got.Has("error-summary") {
				t.Errorf("%s: the switch found something wrong\n%s", page, got.Text())
			}
			if page == "create-account" && !strings.Contains(got.Body, `value="yes" checked`) {
				t.Errorf("the box is not ticked any more")
			}
			if strings.Contains(got.Body, good) {
				t.Errorf("%s shows the password again", page)
			}
			if again := p.Follow("language-link").Must(page, http.StatusOK); again.Lang() != own || again.Field("email", "value") != "half an address@" {
				t.Errorf("%s: and back: %s, %q", page, again.Lang(), again.Field("email", "value"))
			}
		}
		if n := len(h.Mails(email)); n != 0 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestTheLanguageSwitchOfAServicesOwnLanguageStays(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en-CA")
	p.Open(webtest.Authorize(webtest.Aid, "ui_locales", "fr")).Must("sign-in", http.StatusOK)
	page := p.Follow("language-link", "email", email)
	if page.Lang() != "en" || page.Field("email", "value") != email {
		t.Errorf("the page is in %s with %q", page.Lang(), page.Field("email", "value"))
	}
	if page := p.Follow("create-account-link"); page.Lang() != "en" {
		t.Errorf("the next page is in %s", page.Lang())
	}
}

func TestALanguageThatIsNotOfferedSwitchesNothing(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en")
	p.Open("/signin").Must("sign-in", http.StatusOK)
	page := p.Send(p.Page.URL, url.Values{"form_token": {p.Page.FormToken("sign-in")}, "email": {""}, "password": {""}, "lang": {"de"}})
	if page.Status != http.StatusUnprocessableEntity || page.Lang() != "en" {
		t.Errorf("status %d in %s", page.Status, page.Lang())
	}
	if page := p.Send(p.Page.URL, url.Values{"email": {"x"}, "lang": {"fr"}}); page.Status != http.StatusBadRequest {
		t.Errorf("a form without its token: status %d", page.Status)
	}
}
