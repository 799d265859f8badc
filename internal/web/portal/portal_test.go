package portal_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/challenge"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/notify"
	"parvis/internal/notify/mailbox"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/screening"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
	"parvis/internal/web/portal"
	"parvis/internal/web/webtest"
)

const origin = "https://signin.test"

// house is the portal with what stands under it.
type house struct {
	t       *testing.T
	clock   *dbtest.Clock
	handler http.Handler
	box     *mailbox.Box
	worker  *notify.Worker
}

func build(t *testing.T, d *db.DB, clock *dbtest.Clock, change ...func(*portal.Portal)) *house {
	t.Helper()
	root, pepper := make([]byte, secret.RootBytes), make([]byte, secret.RootBytes)
	_, _ = rand.Read(root)
	_, _ = rand.Read(pepper)
	keys, err := secret.NewKeys(pepper, root)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	words := kit.Preset("parvis")
	words.Owner = i18n.Text{"en": "Government of Northland", "fr": "Gouvernement du Northland"}
	site, err := kit.New(kit.Config{Settings: words, Texts: texts, Keys: keys, PublicURL: origin, Log: log, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	partners, problems := relyingparty.FromFile([]relyingparty.Settings{
		partner("fishing", "Fishing licences", "Permis de pêche", true), partner("secret-service", "Hidden service", "Service caché", false),
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	registry := &relyingparty.Registry{DB: d, Now: clock.Now, File: partners}
	if err := registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	settings := portal.Preset("parvis")
	settings.ContactDesk = "desk@northland.example"
	settings.UsedFor = []i18n.Text{{"en": "fishing for trout", "fr": "la pêche à la truite"}}
	mail := notify.Preset("parvis")
	mail.From = "parvis@northland.example"
	bell := notify.NewBell()
	log2 := &audit.Log{DB: d, Keys: keys, Settings: audit.Preset("parvis"), Logger: log}
	outbox := &notify.Outbox{Keys: keys, Settings: mail, Bell: bell, Mails: &notice.Mails{
		Bundle: texts, Languages: i18n.Langs(), BaseURL: origin, Product: words.Names, Owner: words.Owner, Zone: time.UTC,
	}}
	h := &house{t: t, clock: clock, box: &mailbox.Box{}}
	h.worker = &notify.Worker{DB: d, Keys: keys, Transports: h.box.Everyway(), Settings: mail, Bell: bell, Log: log, Audit: log2}
	p := &portal.Portal{
		Site: site, Settings: settings, Registry: registry, Partners: upstreams(t, d, keys, clock.Now), DB: d, Outbox: outbox, Audit: log2,
		Limiter: &ratelimit.Limiter{DB: d, Keys: keys, Settings: ratelimit.Preset("parvis"), Now: clock.Now},
		Numbers: portal.Numbers{
			LinkValid: 31 * time.Minute, ResetValid: 32 * time.Minute, ActivateWithin: 23 * time.Hour, Attempts: 7,
			SessionIdle: 29 * time.Minute, SessionAbsolute: 11 * time.Hour, ConsentLife: 365 * 24 * time.Hour,
			PasswordRules: func(tr *i18n.Tr) []string { return []string{"rule in " + string(tr.Lang())} }, MailFrom: mail.From,
			Methods:   []policy.Method{policy.App, policy.Text, policy.Voice, policy.Email, policy.Backup},
			CodeValid: 9 * time.Minute, EmailCodeValid: 14 * time.Minute, PartnerValid: 6 * time.Minute, Aside: 11 * time.Minute, Closing: 13 * 24 * time.Hour, Unused: 800 * 24 * time.Hour, UnusedFirst: 71 * 24 * time.Hour, UnusedSecond: 19 * 24 * time.Hour, Remember: 25 * 24 * time.Hour,
			CoolingOff: 47 * time.Hour, RecoveryWait: 46 * time.Hour, RecoveryOpen: 45 * time.Hour,
		},
	}
	check := challenge.Preset("parvis")
	check.When, check.Cost, check.Tries = challenge.Off, 1, 4
	p.Screening = &screening.Journey{
		DB: d, Accounts: account.Accounts{Keys: keys, Settings: account.Preset("parvis")}, Sessions: session.Sessions{Settings: session.Preset("parvis")},
		Outbox: outbox, Audit: log2, Limiter: p.Limiter, Challenges: &challenge.Challenges{DB: d, Keys: keys, Settings: check, Now: clock.Now},
	}
	p.Numbers.Check, p.Numbers.CheckDigits = check.CodeLifetime, check.CodeDigits
	for _, f := range change {
		f(p)
	}
	mux := http.NewServeMux()
	if err := p.Routes(mux); err != nil {
		t.Fatal(err)
	}
	h.handler = site.Wrap(mux)
	return h
}

// upstreams is a house with a sign-in partner.
func upstreams(t *testing.T, d *db.DB, keys *secret.Keys, now func() time.Time) *upstream.Registry {
	t.Helper()
	bank, problems := upstream.FromFile([]upstream.Settings{{
		ID: "bank", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: "https://bank.example",
		OIDC: upstream.OIDCSettings{ClientID: "parvis"},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	out := &upstream.Registry{DB: d, Keys: keys, Now: now, File: bank}
	if err := out.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out
}

func partner(id, en, fr string, listed bool) relyingparty.Settings {
	return relyingparty.Settings{
		ID: id, Name: i18n.Text{"en": en, "fr": fr}, Department: i18n.Text{"en": "Ministry of Lakes", "fr": "Ministère des Lacs"},
		RedirectURIs: []string{"https://" + id + ".example/callback"}, StartURL: "https://" + id + ".example/",
		SecretSHA256: []string{strings.Repeat("ab", 32)}, Listed: listed, Scopes: []string{"email"},
		Support: relyingparty.Support{Email: "help@" + id + ".example"},
	}
}

func each(t *testing.T, test func(t *testing.T, h *house), change ...func(*portal.Portal)) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, build(t, d, clock, change...)) }, dbtest.WithClock(clock.Now))
}

func TestEveryPublicPageSpeaksBothLanguagesUnderItsOwnAddress(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		// A browser that prefers the other language still gets the page of the address.
		for lang, paths := range map[string][]string{
			"en": {"/en/", "/en/services", "/en/security", "/en/methods", "/en/privacy", "/en/terms", "/en/accessibility", "/en/help", "/en/contact"},
			"fr": {"/fr/", "/fr/services", "/fr/securite", "/fr/preuves", "/fr/confidentialite", "/fr/conditions", "/fr/accessibilite", "/fr/aide", "/fr/contact"},
		} {
			other := map[string]string{"en": "fr-CA", "fr": "en-CA"}[lang]
			for _, path := range paths {
				page := webtest.New(t, h.handler, origin, other).Open(path)
				if page.Status != http.StatusOK || page.Lang() != lang || page.Heading() == "" {
					t.Errorf("%s: status %d, language %q, heading %q", path, page.Status, page.Lang(), page.Heading())
				}
				if page.Header.Get("X-Robots-Tag") != "" {
					t.Errorf("%s is hidden from search engines", path)
				}
				for _, want := range []string{`rel="canonical" href="` + origin + path + `"`, `hreflang="en"`, `hreflang="fr"`, `property="og:title"`, `name="description"`} {
					if !strings.Contains(page.Body, want) {
						t.Errorf("%s lacks %s", path, want)
					}
				}
				if strings.Contains(page.Body, "{{") || strings.Contains(page.Body, "[home.") {
					t.Errorf("%s shows a placeholder", path)
				}
			}
		}
	})
}

func TestAnAddressWithoutALanguageLeadsToThePersonsOwn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for short, want := range map[string]string{"/": "/fr/", "/help": "/fr/aide", "/privacy": "/fr/confidentialite", "/contact?ref=7K3Q-M92T": "/fr/contact?ref=7K3Q-M92T"} {
			p := webtest.New(t, h.handler, origin, "fr-CA")
			if page := p.Open(short); !strings.HasSuffix(page.URL, want) {
				t.Errorf("%s led to %s, want %s", short, page.URL, want)
			}
		}
	})
}

func TestTheLanguageLinkLeadsToTheSamePageInTheOtherLanguage(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/security")
		if page := p.Follow("language-link"); page.Lang() != "fr" || !strings.HasSuffix(page.URL, "/fr/securite") {
			t.Errorf("led to %s in %s", page.URL, page.Lang())
		}
		if page := p.Open("/help"); page.Lang() != "fr" {
			t.Error("the choice was forgotten")
		}
	})
}

func TestTheLanguageSwitchKeepsTheMessageThatIsBeingWritten(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "fr-CA")
		p.Open("/fr/contact")
		page := p.Follow("language-link", "email", "ana@example.org", "message", "Bonjour, je ne peux")
		if page.Lang() != "en" || page.Status != http.StatusOK || page.Field("email", "value") != "ana@example.org" || !strings.Contains(page.Body, "Bonjour, je ne peux</textarea>") {
			t.Errorf("%s in %s: %q\n%s", page.URL, page.Lang(), page.Field("email", "value"), page.Text())
		}
		if strings.Contains(page.URL, "?") || page.Has("error-summary") {
			t.Errorf("%s: %s", page.URL, page.Text())
		}
	})
}

func TestTheNumbersOnThePagesAreTheConfiguredOnes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/privacy").MustSay("It lasts 11 minutes at most")
		p.Open("/en/help").MustSay("31 minutes", "6 minutes", "32 minutes", "23 hours", "7 wrong passwords", "rule in en", "parvis@northland.example")
		p.Open("/en/security").MustSay("31 minutes", "29 minutes", "11 hours", "7 wrong passwords", "signin.test")
		p.Open("/fr/aide").MustSay("31 minutes", "6 minutes", "Partenaires de connexion", "23 heures", "7 mots de passe", "rule in fr")
		p.Open("/en/").MustSay("fishing for trout", "Government of Northland")
	})
}

func TestThePublicPagesTellOfTheMethodsThatAreOffered(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/methods").MustSay("Authenticator app", "Text message (SMS)", "Phone call", "Backup codes", "9 minutes", "14 minutes",
			"moved to another phone", "at least two methods", "If you lose your phone", "remove the lost phone", "When you get a new phone", "Okta Verify", "every other app", "25 days",
			"I cannot use any of my methods", "after 47 hours", "wait 46 hours", "works for 45 hours")
		p.Open("/fr/preuves").MustSay("Application d'authentification", "Message texte (SMS)", "Appel vocal", "Codes de récupération", "9 minutes", "14 minutes",
			"transférer votre numéro", "Si vous perdez votre téléphone", "Quand vous changez de téléphone", "25 jours", "après 47 heures", "attendez ensuite 46 heures", "pendant 45 heures")
		p.Open("/en/help").MustSay("Why am I asked for a second step?", "No. A code by e-mail is enough for many services", "I cannot scan the QR code", "How do I remove a method?")
		p.Open("/fr/aide").MustSay("Pourquoi me demande‑t‑on une deuxième étape?", "Je ne peux pas lire le code QR", "Comment supprimer une méthode?")
	})
}

func TestAMethodThatIsNotOfferedIsNotPromised(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/methods").MustSay("Authenticator app").MustNotSay("Text message", "Phone call", "Backup codes", "backup codes", "as a second step", "remember the browser")
		p.Open("/en/help").MustSay("No. You can use any of the other methods.").MustNotSay("Code by e-mail")
	}, func(p *portal.Portal) {
		p.Numbers.Methods = []policy.Method{policy.App, policy.Passkey}
		p.Numbers.Remember = 0
	})
}

func TestASecondStepThatEverySignInNeedsIsNotLaidToTheServices(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/methods").MustSay("with your password and a second step").MustNotSay("Some services then", "Each service decides")
		p.Open("/en/help").MustSay("part of signing in here").MustNotSay("decides whether it is needed")
		p.Open("/fr/preuves").MustSay("avec votre mot de passe et une deuxième étape").MustNotSay("Certains services exigent ensuite", "Chaque service décide")
		p.Open("/fr/aide").MustSay("Elle fait partie de la connexion").MustNotSay("qui décide si elle est nécessaire")
	}, func(p *portal.Portal) { p.Numbers.Always = policy.TwoSteps })
}

func TestThePrivacyNoticeNamesWhatTheMethodsKeepAndTell(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/privacy").MustSay("such as a phone number", "for 25 days or until", "see your number", "how and when you signed in")
		p.Open("/fr/confidentialite").MustSay("comme un numéro de téléphone", "pendant 25 jours ou", "voient votre numéro", "comment et quand vous vous connectez")
	})
}

func TestWithoutSecondStepsNoneIsPromised(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/methods").MustSay("Password").MustNotSay("second step", "uthenticator app", "lose your phone")
		p.Open("/en/help").MustNotSay("second step", "uthenticator app")
		p.Open("/en/privacy").MustSay("how and when you signed in").MustNotSay("phone number", "your number", "second step")
	}, func(p *portal.Portal) { p.Numbers.Methods = nil })
}

func TestOnlyServicesThatAskedForItAreListed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/services").MustSay("Fishing licences", "Ministry of Lakes").MustNotSay("Hidden service")
		p.Open("/en/contact").MustNotSay("Hidden service")
		p.Open("/fr/services").MustSay("Permis de pêche")
	})
}

func TestAContactFormIsAcknowledgedAndSentToTheDesk(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "fr-CA")
		p.Open("/contact?ref=7k30-m91t&service=secret-service").MustSay("Service caché", "help@secret-service.example")
		page := p.Submit("contact", "email", "Ana@Example.org", "message", "Bonjour,\r\nje ne peux pas me connecter.")
		if page.Name() != "contact-sent" {
			t.Fatalf("page %s, status %d: %s", page.Name(), page.Status, page.Text())
		}
		if err := h.worker.RunDue(context.Background()); err != nil {
			t.Fatal(err)
		}
		desk, own := h.box.To("desk@northland.example"), h.box.To("Ana@Example.org")
		if len(desk) != 1 || len(own) != 1 {
			t.Fatalf("%d mails to the desk, %d to the person", len(desk), len(own))
		}
		for _, want := range []string{"je ne peux pas me connecter.", "Ana@Example.org", "7K30-M91T", "Hidden service"} {
			if !strings.Contains(desk[0].Text, want) {
				t.Errorf("the desk's mail lacks %q:\n%s", want, desk[0].Text)
			}
		}
		if strings.Contains(own[0].Text, "je ne peux pas") {
			t.Error("the acknowledgement repeats what was written: it could carry foreign words to a stranger")
		}
	})
}

func TestWhatIsWrongWithAContactFormIsSaidAndNothingIsLost(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		p.Open("/en/contact")
		page := p.Submit("contact", "email", "not an address", "message", "Hello", "reference", "abc")
		if page.Status != http.StatusUnprocessableEntity || !strings.HasPrefix(page.Title(), "Error: ") {
			t.Errorf("status %d, title %q", page.Status, page.Title())
		}
		page.MustSay("Enter the reference as it appears on the page")
		if page.Field("email", "value") != "not an address" || !strings.Contains(page.Body, ">Hello</textarea>") {
			t.Error("what was typed is lost")
		}
		page = p.Submit("contact", "email", "ana@example.org", "message", strings.Repeat("é", 3001), "reference", "")
		page.MustSay("too long")
		if got := p.Submit("contact", "email", "ana@example.org", "message", "x", "reference", ""); got.Name() != "contact-sent" {
			t.Errorf("page %s", got.Name())
		}
	})
}

func TestTheContactFormIsThrottled(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		limit := int(ratelimit.Preset("parvis").ContactIP.Count)
		for range limit {
			p.Open("/en/contact")
			if page := p.Submit("contact", "email", "ana@example.org", "message", "Hello"); page.Name() != "contact-sent" {
				t.Fatalf("page %s", page.Name())
			}
		}
		p.Open("/en/contact")
		page := p.Submit("contact", "email", "ana@example.org", "message", "Hello")
		if page.Status != http.StatusTooManyRequests || page.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", page.Status, page.Header.Get("Retry-After"))
		}
		page.Must("contact", http.StatusTooManyRequests).MustSay("Hello", "You can try again in 1 hour")
		if page.Field("email", "value") != "ana@example.org" {
			t.Error("what was typed is lost")
		}
	})
}

func TestSearchEnginesAreToldOfThePublicPagesOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		robots := p.Open("/robots.txt")
		if !strings.Contains(robots.Body, "Disallow: /\n") || !strings.Contains(robots.Body, origin+"/sitemap.xml") {
			t.Error(robots.Body)
		}
		sitemap := p.Open("/sitemap.xml")
		if strings.Count(sitemap.Body, "<loc>") != 18 || !strings.Contains(sitemap.Body, origin+"/fr/aide") {
			t.Error(sitemap.Body)
		}
	})
}

func TestProblemsOfTheSettingsNameTheKey(t *testing.T) {
	s := portal.Settings{AnswerWithin: 0, MessageLength: 1, ContactDesk: "nobody", Intro: i18n.Text{"en": "x"}, OwnerURL: i18n.Text{"en": "ftp://x", "fr": "https://x.example"}}
	text := strings.Join(s.Problems(), "\n")
	for _, key := range []string{"contact_desk:", "answer_within:", "message_length:", "intro:", "owner_url.en:"} {
		if !strings.Contains(text, key) {
			t.Errorf("no problem of %s in:\n%s", key, text)
		}
	}
	if p := portal.Preset("parvis").Problems(); len(p) > 0 {
		t.Error(p)
	}
}

func TestTheContactFormAsksForTheCheckAndGoesOnByMail(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "fr-CA")
		p.Open("/fr/contact").MustSay("Votre navigateur fait un court calcul")
		p.Submit("contact", "email", "ana@example.org", "message", "Bonjour").Must("contact", http.StatusUnprocessableEntity).
			MustSay("Bonjour", "votre navigateur doit faire une vérification")
		p.Submit("contact", "#challenge-by-mail").Must("contact", http.StatusOK).MustSay("Bonjour", "Nous avons envoyé un code à a•••a@example.org")
		if err := h.worker.RunDue(context.Background()); err != nil {
			t.Fatal(err)
		}
		letters := h.box.To("ana@example.org")
		if len(letters) != 1 || len(h.box.To("desk@northland.example")) != 0 {
			t.Fatalf("%d mails, and the desk %d", len(letters), len(h.box.To("desk@northland.example")))
		}
		p.Submit("contact", "challenge_code", "1").Must("contact", http.StatusUnprocessableEntity).MustSay("Le code n’est pas le bon")
		p.Submit("contact", "challenge_code", letters[0].Codes[0]).Must("contact-sent", http.StatusOK)
	}, func(p *portal.Portal) { p.Screening.Challenges.Settings.When = challenge.Always })
}
