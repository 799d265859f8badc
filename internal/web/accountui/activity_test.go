package accountui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/activity"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/policy"
)

// record writes events of the person's account as the journeys do.
func (o owner) record(list ...audit.Event) {
	o.t.Helper()
	account := o.session().Account
	o.write(func(tx *db.Tx) error {
		for _, e := range list {
			e.Account = account
			if e.Outcome == "" {
				e.Outcome = audit.Success
			}
			if err := o.h.Audit.Record(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestEveryEventThatIsShownHasWordsInBothLanguages(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	shown := activity.Shown()
	for _, lang := range i18n.Langs() {
		tr, words := texts.Tr(lang), 0
		for _, key := range tr.Keys() {
			if strings.HasPrefix(key, "activity.event.") {
				words++
			}
		}
		for _, name := range shown {
			if !tr.Has("activity.event." + string(name)) {
				t.Errorf("%s: no words for %s", lang, name)
			}
		}
		if words != len(shown) {
			t.Errorf("%s: words for %d events, %d are shown", lang, words, len(shown))
		}
	}
}

func TestTheActivityTellsWhatHappenedInWords(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings/activity").Must("activity", http.StatusOK).MustSay(
			o.say("Signed in", "Connexion"), o.say("Account activated", "Compte activé"), o.say("This session", "Cette session"),
			o.say("Times are in", "Fuseau horaire"), o.say("Today", "Aujourd'hui"))
		o.Page.MustNotSay(o.say("New device", "Nouvel appareil"))
		o.connect()
		wrong := o.Elsewhere()
		wrong.Open("/signin")
		wrong.Submit("sign-in", "email", email, "password", "not the right one at all").Must("sign-in", http.StatusUnprocessableEntity)
		strange := signsIn(o.Person)
		o.record(
			audit.Event{Name: audit.MethodBound, Data: map[string]string{"type": "totp"}},
			audit.Event{Name: audit.MethodBound, Data: map[string]string{"type": "something new"}},
			audit.Event{Name: audit.SessionEnded, Reason: "method removed"},
			audit.Event{Name: audit.UpstreamLinked, Data: map[string]string{"issuer": "https://gone.test"}},
			audit.Event{Name: audit.ConsentWithdrawn, RelyingParty: "gone"},
			audit.Event{Name: audit.PasswordResetRequested, Outcome: audit.Refused, Reason: "a word nobody should read"},
		)
		page := o.Open("/settings/activity").Must("activity", http.StatusOK)
		page.MustSay(
			o.say("You agreed to share information with Student aid", "Vous avez accepté de transmettre des renseignements"),
			o.say("Opened Student aid", "Accès"), o.say("Sign-in attempt with a wrong password", "Tentative de connexion avec un mauvais mot de passe"),
			o.say("Security method added: Authenticator app", "Méthode de sécurité ajoutée"), o.say("a security method", "une méthode de sécurité"),
			o.say("because a security method was removed", "parce qu'une méthode de sécurité a été supprimée"),
			o.say("Sign-in partner added: a sign-in partner", "un partenaire de connexion"), o.say("Service disconnected: a service", "un service"),
			o.say("New device", "Nouvel appareil"), o.say("Refused", "Refusé"))
		page.MustNotSay("a word nobody", "[activity", "{{")
		if page := strange.Open("/settings/activity"); strings.Contains(page.Text(), o.say("New device", "Nouvel appareil")) {
			t.Error("the person's own sign-in is marked as that of a stranger")
		}
	})
}

func TestTheActivityIsReadPageByPageAndToldInTheZoneOfTheBrowser(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		for range 40 {
			o.h.Clock.Advance(10 * time.Second)
			o.record(audit.Event{Name: audit.PasswordLocked}, audit.Event{Name: audit.MethodUsed, Data: map[string]string{"type": "phone"}})
		}
		o.SetCookie(sessionCookie, "")
		o.Open("/signin")
		o.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		o.SetCookie("__Host-parvis_zone", "Pacific/Kiritimati")
		first := o.Open("/settings/activity").Must("activity", http.StatusOK).MustSay("UTC+14")
		if first.Has("newest") || first.Attr("main", "id") == "" {
			t.Error("the first page leads to the newest events")
		}
		pages := 1
		for o.Page.Has("older") {
			o.Follow("older").Must("activity", http.StatusOK).MustSay("UTC+14")
			pages++
		}
		if pages < 4 || !o.Page.Has("newest") {
			t.Errorf("%d pages", pages)
		}
		o.Follow("newest").Must("activity", http.StatusOK)
		o.Open("/settings/activity?before=nothing").Must("activity", http.StatusOK).MustSay(o.say("Nothing to show", "Rien à afficher"))
		nobody := o.Elsewhere()
		nobody.Open("/settings/activity").Must("sign-in", http.StatusOK)
	})
}

// Every page of the account that says a time of day says it by the clock of whoever reads
// it, and names the zone once.
func TestEveryPageOfTheAccountTellsTimesInTheZoneOfTheBrowser(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.connect()
		o.backupCodes()
		o.proves(policy.Backup)
		paths := map[string]string{
			"/services": "connected-services", "/settings": "settings", "/settings/methods": "methods", "/settings/emails": "emails",
			"/settings/sessions": "sessions", "/settings/activity": "activity", "/settings/delete": "delete-account", "/session/ending": "session-ending",
		}
		for zone, named := range map[string]string{"": o.say("Eastern Time", "heure de l’Est"), "Asia/Kolkata": "UTC+5:30", "Asia/Nowhere": o.say("Eastern Time", "heure de l’Est")} {
			o.SetCookie("__Host-parvis_zone", zone)
			for path, page := range paths {
				text := strings.ReplaceAll(o.Open(path).Must(page, http.StatusOK).Text(), "\u00a0", " ")
				if n := strings.Count(text, strings.ReplaceAll(named, "\u00a0", " ")); n != 1 {
					t.Errorf("%s names the zone of %q %d times:\n%s", path, zone, n, text)
				}
				if o.Page.Attr("times", "data-times") == "" {
					t.Errorf("%s does not tell the script its zone", path)
				}
			}
		}
	})
}
