package accountui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/policy"
	"parvis/internal/web/webtest"
)

// ask sends a request of a service's machine to a node.
func ask(t *testing.T, node *webtest.House, r *http.Request) (int, map[string]any) {
	t.Helper()
	r.RemoteAddr = "192.0.2.50:40000"
	w := httptest.NewRecorder()
	node.Handler().ServeHTTP(w, r)
	out := map[string]any{}
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, out
}

// redeem redeems a code at a node; it gives the access token.
func redeem(t *testing.T, node *webtest.House, code string) (int, string) {
	t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://student-aid.test/callback"}, "code_verifier": {webtest.Verifier},
	}
	r := httptest.NewRequest(http.MethodPost, webtest.Origin+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(string(webtest.Aid), strings.Repeat("s", 43))
	status, out := ask(t, node, r)
	token, _ := out["access_token"].(string)
	return status, token
}

// told is the status of userinfo at a node.
func told(t *testing.T, node *webtest.House, token string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, webtest.Origin+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	status, _ := ask(t, node, r)
	return status
}

// grantedCode visits the service and gives the code that it received.
func (o owner) grantedCode() string {
	o.t.Helper()
	tab := o.Tab()
	tab.Open(webtest.Authorize(webtest.Aid))
	if tab.Left == "" {
		tab.Submit("consent", "#allow")
	}
	to, err := url.Parse(tab.Left)
	if err != nil || to.Query().Get("code") == "" {
		o.t.Fatalf("no code at %q", tab.Left)
	}
	return to.Query().Get("code")
}

// at is the same browser at another node.
func (o owner) at(node *webtest.House) *webtest.Person {
	p := webtest.New(o.t, node.Handler(), webtest.Origin, o.Page.Lang())
	for _, name := range []string{"__Host-parvis_browser", "__Host-parvis_session", "__Host-parvis_device"} {
		if v := o.Cookie(name); v != "" {
			p.SetCookie(name, v)
		}
	}
	return p
}

// The clock stands still: what one node does counts on the other at once, for pages,
// codes and what services read.
func TestADeletedAccountIsGoneOnEveryNodeAtOnce(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		second := o.h.Node()
		status, token := redeem(t, second, o.grantedCode())
		if status != http.StatusOK || told(t, second, token) != http.StatusOK {
			t.Fatalf("the second node does not serve: %d", status)
		}
		waiting := o.grantedCode()
		o.proves(policy.Email)
		browser := o.at(second)
		browser.Open("/settings").Must("settings", http.StatusOK)
		o.Open("/settings/delete").Must("delete-account", http.StatusOK)
		o.Submit("delete-account").Must("closing-link", http.StatusOK)

		for _, path := range []string{"/settings", "/services", "/settings/data"} {
			if page := browser.Open(path); page.Name() != "session-ended" && page.Name() != "sign-in" {
				t.Errorf("%s is page %s on the other node", path, page.Name())
			}
		}
		if status := told(t, second, token); status != http.StatusUnauthorized {
			t.Errorf("userinfo answers %d on the other node", status)
		}
		if status, _ := redeem(t, second, waiting); status != http.StatusBadRequest {
			t.Errorf("a code is redeemed with %d on the other node", status)
		}
		late := webtest.New(t, second.Handler(), webtest.Origin, o.Page.Lang())
		late.Open("/signin").Must("sign-in", http.StatusOK)
		late.Submit("sign-in", "email", email, "password", good).Must("closing", http.StatusOK)
	})
}

// A service may ask for a new sign-in (prompt=login, OpenID Connect Core 1.0, 3.1.2.1),
// which replaces the session of the browser. To its owner it is one device.
func TestSigningADeviceOutEndsWhatItWasGivenBeforeItSignedInAnew(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		second := o.h.Node()
		there := owner{signsIn(o.Person), o.h, t}
		_, token := redeem(t, second, there.grantedCode())
		waiting, before := there.grantedCode(), there.session().ID
		there.Open(webtest.Authorize(webtest.Aid, "prompt", "login")).Must("sign-in", http.StatusOK)
		there.Submit("sign-in", "email", email, "password", good)
		after := there.session().ID
		if after == before || told(t, second, token) != http.StatusOK {
			t.Fatal("signing in anew does not replace the session, or ends what was given")
		}
		o.Open("/settings/sessions").Must("sessions", http.StatusOK)
		o.Follow("end-"+string(after)).Must("sessions", http.StatusOK)
		if status := told(t, second, token); status != http.StatusUnauthorized {
			t.Errorf("userinfo answers %d on the other node", status)
		}
		if status, _ := redeem(t, second, waiting); status != http.StatusBadRequest {
			t.Errorf("a code is redeemed with %d on the other node", status)
		}
	})
}

func TestARemovedMethodIsGoneOnEveryNodeAtOnce(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		second := o.h.Node()
		app, seed := o.app("Pixel")
		o.phone("+14165550142", "My phone")
		o.proves(policy.App)

		other := webtest.New(t, second.Handler(), webtest.Origin, o.Page.Lang())
		other.Open("/settings/delete").Must("sign-in", http.StatusOK)
		other.Submit("sign-in", "email", email, "password", good).Must("second-step", http.StatusOK)

		o.Open("/settings/methods/"+string(app)+"/remove").Must("remove-method", http.StatusOK)
		o.Submit("remove-method").Must("methods", http.StatusOK)
		typed, err := seed.Code(o.h.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if page := other.Submit("second-step", "code", typed); page.Name() == "delete-account" {
			t.Error("a removed app proves somebody on the other node")
		}
	})
}
