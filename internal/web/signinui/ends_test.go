package signinui_test

import (
	"net/http"
	"testing"
	"time"

	"parvis/internal/authenticator/totp"
	"parvis/internal/config"
	"parvis/internal/flow"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/web/webtest"
)

// eachFew is each for a house where ten wrong codes in a row turn a method off.
func eachFew(t *testing.T, test func(t *testing.T, h *webtest.House, language string)) {
	t.Helper()
	for _, l := range languages {
		t.Run(l, func(t *testing.T) {
			test(t, webtest.Open(t, func(c *config.Config) { c.Methods.Limits.MaxFailures, c.Methods.Limits.Tries = 10, 20 }), l)
		})
	}
}

// wear enters wrong codes until the method is turned off.
func wear(h *webtest.House, p *webtest.Person, seed totp.Seed) *webtest.Page {
	h.T.Helper()
	for range 9 {
		p.Submit("second-step", "code", wrongCode(shown(h, seed))).Must("second-step", http.StatusUnprocessableEntity)
	}
	return p.Submit("second-step", "code", wrongCode(shown(h, seed))).Must("second-step", http.StatusTooManyRequests)
}

func TestTheOnlyMethodThatIsTurnedOffSaysWhoHelps(t *testing.T) {
	eachFew(t, func(t *testing.T, h *webtest.House, language string) {
		_, seed := withApp(h, language)
		p := h.Person(language)
		arrive(p, policy.ACRAAL2).Must("second-step", http.StatusOK)
		page := wear(h, p, seed)
		page.MustSay(
			say(language, "This method is turned off", "Cette méthode est désactivée"),
			say(language, "Too many wrong codes were entered", "Trop de codes incorrects ont été entrés"),
			say(language, "Change your password as soon as you can", "Changez votre mot de passe dès que possible"),
			say(language, "Contact us and give this reference", "Contactez-nous et donnez cette référence"),
		)
		if page.Has("second-step") || page.Has("retry-link") || page.Header.Get("Retry-After") != "" || page.Href("back-to-service") == "" {
			t.Errorf("it looks as if waiting would help, or there is no way back:\n%s", page.Text())
		}
		page.MustNotSay(say(language, "Or wait", "Ou attendez"), say(language, "another of your methods", "une autre de vos méthodes"))
		if told := h.Mail(email); told.Kind != notice.KindMethodDisabled {
			t.Errorf("its owner is told %s", told.Kind)
		}

		page = p.Follow("another-way-link").Must("another-way", http.StatusOK)
		page.MustSay(
			say(language, "There is no other way here", "Il n'y a pas d'autre moyen ici"),
			say(language, "It was turned off after too many wrong codes", "Elle a été désactivée après trop de codes incorrects"),
			say(language, "asks for a stronger method", "exige une méthode plus sûre"),
		)
		if page.Has("another-way") || !page.Has("contact") {
			t.Error("somebody without another way is left alone")
		}

		// A later sign-in says the same before anything is typed, and takes no right code.
		h.Clock.Advance(totp.Period)
		q := h.Person(language)
		page = arrive(q, policy.ACRAAL2).Must("second-step", http.StatusOK)
		if page.Has("second-step") || page.Field("code", "name") != "" || !page.Has("contact") {
			t.Errorf("a code is asked for:\n%s", page.Text())
		}
		page.MustSay(say(language, "This method is turned off", "Cette méthode est désactivée"))
	})
}

func TestAMethodThatIsTurnedOffLeadsToTheOthers(t *testing.T) {
	eachFew(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		p.Submit("set-up-app")
		seed := seedOf(p)
		p.Submit("set-up-app", "code", shown(h, seed)).Must("set-up-another", http.StatusOK)
		p.Submit("set-up-another").Must("set-up-method", http.StatusOK)
		p.Submit("set-up-backup").Must("set-up-backup", http.StatusOK)
		codes := backupCode.FindAllString(p.Page.Text(), -1)
		p.Submit("set-up-backup", "saved", "yes").Must("consent", http.StatusOK)

		// Whoever was asked for the app is told why it is another method now.
		h.Clock.Advance(totp.Period)
		q := h.Person(language)
		arrive(q, policy.ACRAAL2).Must("second-step", http.StatusOK)
		page := wear(h, q, seed)
		page.MustSay(
			say(language, "It is turned off", "Elle est désactivée"), say(language, "Enter a backup code", "Entrez un code de récupération"),
		)
		if page.Field("code", "value") != "" || page.Field("code", "autocomplete") != "off" {
			t.Errorf("the other method is not asked for:\n%s", page.Text())
		}
		q.Submit("second-step", "code", codes[0]).Must("consent", http.StatusOK)

		r := h.Person(language)
		arrive(r, policy.ACRAAL2).Must("second-step", http.StatusOK)
		page = r.Follow("another-way-link").Must("another-way", http.StatusOK)
		page.MustSay(say(language, "It was turned off after too many wrong codes", "Elle a été désactivée après trop de codes incorrects"))
	})
}

func TestAChosenMethodThatIsTurnedOffNamesTheOthersAndTheSettings(t *testing.T) {
	eachFew(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		p.Submit("set-up-backup").Must("set-up-backup", http.StatusOK)
		codes := backupCode.FindAllString(p.Page.Text(), -1)
		p.Submit("set-up-backup", "saved", "yes").Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", codes[0]).Must("set-up-another", http.StatusOK)
		p.Submit("set-up-another").Must("set-up-method", http.StatusOK)
		p.Submit("set-up-text").Must("set-up-phone", http.StatusOK)
		p.Submit("set-up-phone", "number", number).Must("confirm-phone", http.StatusOK)
		p.Submit("confirm-phone", "code", sent(h, e164)).Must("consent", http.StatusOK)

		q := h.Person(language)
		arrive(q, policy.ACRAAL2).Must("second-step", http.StatusOK)
		q.Follow("another-way-link").Must("another-way", http.StatusOK)
		q.Submit("another-way", "option", q.Page.Option("option", "backup.")).Must("second-step", http.StatusOK)
		for range 9 {
			q.Submit("second-step", "code", "ABCD-EFGH-JKMN").Must("second-step", http.StatusUnprocessableEntity)
		}
		page := q.Submit("second-step", "code", "ABCD-EFGH-JKMN").Must("second-step", http.StatusTooManyRequests)
		page.MustSay(
			say(language, "This method is turned off", "Cette méthode est désactivée"),
			say(language, "Use another of your methods. Then you can set up this method again in your settings.",
				"Utilisez une autre de vos méthodes. Vous pourrez ensuite configurer de nouveau cette méthode dans vos paramètres."),
		)
		if page.Has("second-step") || page.Has("retry-link") || !page.Has("contact") {
			t.Errorf("it looks as if waiting would help, or nobody is named who does:\n%s", page.Text())
		}
		h.Clock.Advance(time.Minute)
		q.Follow("another-way-link").Must("another-way", http.StatusOK)
		q.Submit("another-way", "option", q.Page.Option("option", "text.")).Must("second-step", http.StatusOK)
		q.Submit("second-step", "code", sent(h, e164)).Must("consent", http.StatusOK)
	})
}

// A deployment that offers nothing to set up does not leave anybody on an empty page.
func TestWhereNoMethodCanBeSetUpThePageSaysSoAndLeadsBack(t *testing.T) {
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			h := webtest.Open(t, func(c *config.Config) { c.Policy.Methods = []policy.Method{policy.Email} })
			p := h.Person(language)
			enrol(h, p)
			f, err := h.Signin.Start(t.Context(), flow.Visitor{
				Browser: secret.Digest(p.Cookie("__Host-parvis_browser")), Session: p.Cookie("__Host-parvis_session"), IP: "192.0.2.1",
			}, signin.Starts{Sensitive: true, SetUp: flow.AnyMethod, Next: "/settings/methods"})
			if err != nil {
				t.Fatal(err)
			}
			page := p.Open("/signin/"+string(f)).Must("set-up-method", http.StatusOK)
			page.MustSay(
				say(language, "There is no method to set up here", "Il n'y a aucune méthode à configurer ici"),
				say(language, "Contact us and give this reference", "Contactez-nous et donnez cette référence"),
			)
			page.MustNotSay(say(language, "strong enough", "assez sûre"))
			for _, gone := range []string{"set-up-app", "set-up-text", "set-up-backup", "help-me-choose-link"} {
				if page.Has(gone) {
					t.Errorf("%s is offered", gone)
				}
			}
			if !page.Has("contact") || !page.Has("not-now") || page.Href("back-to-service") != "/settings" {
				t.Error("there is no way on")
			}
			p.Submit("not-now").Must("methods", http.StatusOK)
		})
	}
}
