package accountui_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/policy"
	"parvis/internal/web/webtest"
)

// held is what somebody has who signed in with another browser and went to a service: the
// pages, a token to renew, one to ask userinfo with, and a code that was not redeemed.
type held struct {
	there           owner
	refresh, access string
	waiting         string
}

// pocketCode visits the application and gives the code that it received.
func (o owner) pocketCode() string {
	o.t.Helper()
	tab := o.Tab()
	tab.Open(webtest.Authorize(pocket, "scope", "openid offline_access", "prompt", "consent")).Must("consent", http.StatusOK)
	tab.Submit("consent", "#allow")
	to, err := url.Parse(tab.Left)
	if err != nil || to.Query().Get("code") == "" {
		o.t.Fatalf("no code at %q", tab.Left)
	}
	return to.Query().Get("code")
}

func redemption(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://pocket.test/callback"}, "code_verifier": {webtest.Verifier},
	}
}

func renewal(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// holds gives everything to somebody at another browser, who also proved an app.
func (o owner) holds(node *webtest.House) *held {
	o.t.Helper()
	there := owner{signsIn(o.Person), o.h, o.t}
	there.proves(policy.App)
	out := tokens(o.t, node, redemption(there.pocketCode()))
	h := &held{there: there, waiting: there.pocketCode()}
	h.refresh, _ = out["refresh_token"].(string)
	h.access, _ = out["access_token"].(string)
	if h.refresh == "" || told(o.t, node, h.access) != http.StatusOK {
		o.t.Fatalf("the other node does not serve: %v", out)
	}
	return h
}

// worthless fails for each thing that is still worth something at a node.
func (h *held) worthless(t *testing.T, node *webtest.House) {
	t.Helper()
	browser := h.there.at(node)
	for _, path := range []string{"/services", "/settings", "/settings/data"} {
		if page := browser.Open(path); page.Name() != "session-ended" && page.Name() != "sign-in" {
			t.Errorf("%s is page %s", path, page.Name())
		}
	}
	browser.Open(webtest.Authorize(pocket, "prompt", "none"))
	if to, _ := url.Parse(browser.Left); to.Query().Get("error") != "login_required" || to.Query().Get("code") != "" {
		t.Errorf("the service is sent %q", browser.Left)
	}
	if status := told(t, node, h.access); status != http.StatusUnauthorized {
		t.Errorf("userinfo answers %d", status)
	}
	if out := tokens(t, node, redemption(h.waiting)); out["error"] != "invalid_grant" || out["access_token"] != nil {
		t.Errorf("a code gives %v", out)
	}
	if out := tokens(t, node, renewal(h.refresh)); out["error"] != "invalid_grant" || out["access_token"] != nil {
		t.Errorf("a refresh token gives %v", out)
	}
}

// endings are the ways in which the owner ends what somebody else holds, at the node of o.
var endings = map[string]func(o owner, h *held){
	"signed out everywhere": func(o owner, _ *held) {
		o.Open("/settings/sessions").Must("sessions", http.StatusOK)
		o.Submit("end-all").Must("signed-out", http.StatusOK)
	},
	"signed out elsewhere": func(o owner, _ *held) {
		o.Open("/settings/sessions").Must("sessions", http.StatusOK)
		o.Submit("end-others").Must("sessions", http.StatusOK)
	},
	"method removed": func(o owner, _ *held) {
		app, _ := o.app("Pixel")
		o.proves(policy.App)
		o.Open("/settings/methods/"+string(app)+"/remove").Must("remove-method", http.StatusOK)
		o.Submit("remove-method").Must("methods", http.StatusOK)
	},
	"account deleted": func(o owner, _ *held) {
		o.proves(policy.Email)
		o.Open("/settings/delete").Must("delete-account", http.StatusOK)
		o.Submit("delete-account").Must("closing-link", http.StatusOK)
	},
	"account secured": func(o owner, _ *held) {
		o.Open("/settings/secure").Must("secure", http.StatusOK)
		o.Submit("secure")
	},
}

// What the owner ends at one node is worth nothing at the other from the next request on:
// pages, codes, userinfo and refresh tokens alike.
func TestWhatItsOwnerEndsIsWorthNothingOnAnyNode(t *testing.T) {
	ways := maps.Clone(endings)
	ways["device signed out"] = func(o owner, h *held) {
		id := string(h.there.session().ID)
		o.Open("/settings/sessions").Must("sessions", http.StatusOK)
		o.Follow("end-"+id).Must("sessions", http.StatusOK)
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) {
				h := webtest.Open(t, on, withPocket)
				o := owner{registered(h, "en-CA"), h, t}
				second := h.Node()
				others := o.holds(second)
				end(o, others)
				others.worthless(t, second)
			})
		})
	}
}

// A session that nobody used has ended by itself, and what lets a service go on has not:
// what the owner ends later ends that, too.
func TestWhatWasGivenInASessionThatEndedEndsWithTheOthers(t *testing.T) {
	ways := maps.Clone(endings)
	delete(ways, "signed out elsewhere") // the page offers it while there is another session
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) {
				h := webtest.Open(t, on, withPocket)
				o := owner{registered(h, "en-CA"), h, t}
				others := o.holds(h)
				h.Clock.Advance(24 * time.Hour)
				out := tokens(t, h, renewal(others.refresh))
				if others.refresh, _ = out["refresh_token"].(string); others.refresh == "" {
					t.Fatalf("the session ended, and nothing goes on: %v", out)
				}
				others.access, _ = out["access_token"].(string)
				end(owner{signsIn(o.Person), h, t}, others)
				others.worthless(t, h.Node())
			})
		})
	}
}

// What the owner was given in the session in which they remove a method stays.
func TestWhoRemovesAMethodKeepsTheirOwnServices(t *testing.T) {
	webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) {
		h := webtest.Open(t, on, withPocket)
		o := owner{registered(h, "en-CA"), h, t}
		o.proves(policy.App)
		mine := tokens(t, h, redemption(o.pocketCode()))
		endings["method removed"](o, nil)
		refresh, _ := mine["refresh_token"].(string)
		if out := tokens(t, h, renewal(refresh)); out["access_token"] == nil {
			t.Errorf("%v", out)
		}
	})
}

// A service goes on with a refresh token of a session that has ended: the owner, who is
// signed in nowhere else, reads which, and can end that.
func TestWhatServicesWereGivenInEndedSessionsCanBeEndedByWhoIsSignedInNowhereElse(t *testing.T) {
	for _, language := range []string{"en-CA", "fr-CA"} {
		t.Run(language, func(t *testing.T) {
			h := webtest.Open(t, withPocket)
			o := owner{registered(h, language), h, t}
			there := owner{signsIn(o.Person), h, t}
			out := tokens(t, h, redemption(there.pocketCode()))
			refresh, _ := out["refresh_token"].(string)
			there.Open("/settings").Must("settings", http.StatusOK)
			there.Submit("sign-out").Must("signed-out", http.StatusOK)

			page := o.Open("/settings/sessions").Must("sessions", http.StatusOK)
			page.MustSay(o.say("signed in on this device only", "Seul cet appareil"), o.say("Services that can go on without you", "Services qui peuvent continuer sans vous"),
				o.say("Trail passes", "Laissez-passer de sentier"), o.say("The services stay connected", "Les services restent connectés"))
			if !page.Has("given") || !page.Has("end-given") {
				t.Fatalf("nothing can be ended:\n%s", page.Text())
			}
			if out = tokens(t, h, renewal(refresh)); out["access_token"] == nil {
				t.Fatalf("the service cannot go on, and the page says so: %v", out)
			}
			refresh, _ = out["refresh_token"].(string)
			page = o.Submit("end-others", "#end-given").Must("sessions", http.StatusOK)
			page.MustSay(o.say("Services can no longer use", "Les services ne peuvent plus utiliser"))
			if page.Has("end-others") || page.Has("given") {
				t.Errorf("there is still something to end:\n%s", page.Text())
			}
			if out = tokens(t, h, renewal(refresh)); out["error"] != "invalid_grant" {
				t.Errorf("the service goes on: %v", out)
			}
			o.Open("/services").Must("connected-services", http.StatusOK).MustSay(o.say("Trail passes", "Laissez-passer de sentier"))
		})
	}
}
