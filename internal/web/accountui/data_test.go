package accountui_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/notify/notice"
	"parvis/internal/policy"
)

func TestWhatIsHeldIsShownAndDownloaded(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.connect()
		o.app("Pixel")
		o.proves(policy.Password)
		o.Open("/settings/data").Must("second-step", http.StatusOK)
		o.proves(policy.App)
		o.Open("/settings").Must("settings", http.StatusOK)
		o.Follow("data-link").Must("data", http.StatusOK)
		o.Submit("data-page").Must("data-page", http.StatusOK).MustSay(email, "Pixel", "192.0.2.1",
			o.say("Student aid", "Aide financière aux études"), o.say("Connected services", "Services connectés"), "signin.succeeded")
		if m := o.h.Mail(email); m.Kind != notice.KindDataGiven {
			t.Errorf("the mail is %s", m.Kind)
		}

		o.Open("/settings/data").Must("data", http.StatusOK)
		page := o.Submit("data-file")
		for name, want := range map[string]string{
			"Content-Type": "application/json; charset=utf-8", "Content-Disposition": `attachment; filename="account-data.json"`, "Cache-Control": "no-store",
		} {
			if got := page.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		var doc struct {
			Format    string
			Addresses []struct{ Address string }
			Activity  []struct {
				Event string
				At    time.Time
			}
		}
		if err := json.Unmarshal([]byte(page.Body), &doc); err != nil {
			t.Fatalf("%v:\n%.300s", err, page.Body)
		}
		if doc.Format != "parvis.account-data.1" || len(doc.Addresses) != 1 || doc.Addresses[0].Address != email || len(doc.Activity) < 5 {
			t.Errorf("%+v", doc)
		}
		for _, secret := range []string{o.Cookie(sessionID), "argon2"} {
			if strings.Contains(page.Body, secret) {
				t.Error("a secret is in the file")
			}
		}

		// What stands open in a browser is of no use later.
		o.Open("/settings/data").Must("data", http.StatusOK)
		o.h.Clock.Advance(25 * time.Minute)
		if page := o.Submit("data-file"); page.Header.Get("Content-Disposition") != "" {
			t.Error("the file is given to old proofs")
		}
	})
}
