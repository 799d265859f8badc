package signinui_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"parvis/internal/authenticator/totp"
	"parvis/internal/config"
	"parvis/internal/i18n"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/web/webtest"
)

const (
	number = "416-555-0134"
	e164   = "+14165550134"
)

// asks is the address of a service's request that wants a level.
func asks(acr string) string { return webtest.Authorize(webtest.Aid, "acr_values", acr) }

// arrive signs in at a service that wants a level.
func arrive(p *webtest.Person, acr string) *webtest.Page {
	p.T.Helper()
	p.Open(asks(acr)).Must("sign-in", http.StatusOK)
	return signIn(p, good)
}

// toSetUp makes an account, comes from a service that wants two factors, and passes
// the guard with the code of the e-mail.
func toSetUp(h *webtest.House, language string) *webtest.Person {
	h.T.Helper()
	enrol(h, h.Person(language))
	p := h.Person(language)
	arrive(p, policy.ACRAAL2).Must("second-step", http.StatusOK)
	p.Submit("second-step", "code", sent(h, email)).Must("set-up-method", http.StatusOK)
	return p
}

// seedOf is the seed that the page set-up-app shows.
func seedOf(p *webtest.Person) totp.Seed {
	p.T.Helper()
	address, err := url.Parse(p.Page.Must("set-up-app", p.Page.Status).Href("open-app-link"))
	if err != nil {
		p.T.Fatal(err)
	}
	seed, err := totp.ParseSeed(address.Query().Get("secret"))
	if err != nil {
		p.T.Fatal(err)
	}
	return seed
}

// shown is the code that an app with a seed shows when the next request arrives.
func shown(h *webtest.House, seed totp.Seed) string {
	h.T.Helper()
	code, err := seed.Code(h.Clock.Now().Add(time.Second))
	if err != nil {
		h.T.Fatal(err)
	}
	return code
}

// withApp is somebody who set up an app on the way to a service and declined another.
func withApp(h *webtest.House, language string) (*webtest.Person, totp.Seed) {
	h.T.Helper()
	p := toSetUp(h, language)
	p.Submit("set-up-app")
	seed := seedOf(p)
	p.Submit("set-up-app", "code", shown(h, seed)).Must("set-up-another", http.StatusOK)
	p.Submit("set-up-another", "#not-now").Must("consent", http.StatusOK)
	h.Clock.Advance(totp.Period)
	return p, seed
}

// sent is the newest one-time code to an address or number.
func sent(h *webtest.House, to string) string {
	h.T.Helper()
	for _, l := range h.Mails(to) {
		if l.Kind == notice.KindOneTimeCode {
			return l.Codes[0]
		}
	}
	h.T.Fatalf("no one-time code was sent to %s", to)
	return ""
}

// zipped is how many bytes of a page go over the wire.
func zipped(t *testing.T, body string) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

// wrongCode is a code that is not the right one.
func wrongCode(right string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, right)
}

func TestAnAppIsSetUpOnTheWayToAServiceThatAsksForIt(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		name, choose := "Student aid", "Set up"
		if language == "fr-CA" {
			name, choose = "Aide financière aux études", "Configurer"
		}
		enrol(h, h.Person(language))
		p := h.Person(language)
		page := arrive(p, policy.ACRAAL2).Must("second-step", http.StatusOK)
		page.MustSay("s•••s@example.org", name, "10 minutes")
		if page.Has("send-code") || page.Field("code", "autocomplete") != "one-time-code" || page.Field("remember", "type") != "" {
			t.Error("the code must be on its way after the password, and nothing be remembered before a set-up")
		}
		p.Submit("second-step").Must("second-step", http.StatusUnprocessableEntity)
		page = p.Submit("second-step", "code", sent(h, email)).Must("set-up-method", http.StatusOK)
		page.MustSay(name, choose)
		if page.Has("not-now") || !page.Has("set-up-text") || !page.Has("set-up-voice") || !page.Has("set-up-backup") || page.Has("set-up-email") {
			t.Errorf("what is required has a way out, or a method is missing:\n%s", page.Text())
		}
		page = p.Submit("set-up-app").Must("set-up-app", http.StatusOK)
		if page.Header.Get("Cache-Control") != "no-store" || page.Attr("qr", "role") != "img" || page.Attr("qr", "aria-label") == "" {
			t.Error("the seed may be stored on the way, or its picture has no name")
		}
		if size := zipped(t, page.Body); size > 8<<10 {
			t.Errorf("the page has %d bytes", size)
		}
		seed := seedOf(p)
		page.MustSay(strings.Join(seed.Key(), " "), email, "Parvis", "TOTP")
		if strings.Contains(page.URL, seed.Secret()) {
			t.Error("the seed stands in an address")
		}
		page = p.Submit("set-up-app", "code", wrongCode(shown(h, seed)), "name", "Pixel").Must("set-up-app", http.StatusUnprocessableEntity)
		if seedOf(p).Secret() != seed.Secret() || page.Field("name", "value") != "Pixel" || !page.Has("code-error") {
			t.Error("a wrong code changes the seed, or loses what was typed")
		}
		typed := shown(h, seed)
		p.Submit("set-up-app", "code", typed[:3]+" "+typed[3:]).Must("set-up-another", http.StatusOK)
		p.Submit("set-up-another", "#not-now").Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=")

		h.Clock.Advance(totp.Period)
		later := h.Person(language)
		page = arrive(later, policy.ACRAAL2).Must("second-step", http.StatusOK)
		page.MustSay("Pixel", name)
		if page.Has("resend-button") || page.Field("remember", "type") != "" {
			t.Error("an app sends no code, and AAL2 asks each time")
		}
		later.Submit("second-step", "code", shown(h, seed))
		mustLeave(t, later, callback, "code=")
	})
}

func TestAClockThatIsWrongIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		p.Submit("set-up-app")
		seed := seedOf(p)
		for ahead, words := range map[time.Duration][2]string{
			5 * time.Minute:  {"5 minutes fast", "avancer de 5 minutes"},
			-5 * time.Minute: {"5 minutes slow", "retarder de 5 minutes"},
		} {
			code, err := seed.Code(h.Clock.Now().Add(time.Second + ahead))
			if err != nil {
				t.Fatal(err)
			}
			want := words[0]
			if language == "fr-CA" {
				want = words[1]
			}
			p.Submit("set-up-app", "code", code).Must("set-up-app", http.StatusUnprocessableEntity).MustSay(want)
		}
	})
}

func TestWrongAndUsedCodesAreToldAndTooManyLetTheMethodWait(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		_, seed := withApp(h, language)
		p := h.Person(language)
		arrive(p, policy.ACRAAL2).Must("second-step", http.StatusOK)
		p.Page.MustNotSay("(Authenticator app)", "(Application d’authentification)") // the proposed name tells nothing
		used := shown(h, seed)
		p.Submit("second-step", "code", used).Must("consent", http.StatusOK)
		p = h.Person(language)
		arrive(p, policy.ACRAAL2)
		left, next := "3 attempts", "next one"
		if language == "fr-CA" {
			left, next = "3 tentatives", "le suivant"
		}
		p.Submit("second-step", "code", used).Must("second-step", http.StatusUnprocessableEntity).MustSay(next)
		p = h.Person(language)
		arrive(p, policy.ACRAAL2)
		page := p.Submit("second-step", "code", wrongCode(shown(h, seed))).Must("second-step", http.StatusUnprocessableEntity)
		page.MustSay(left)
		if !page.Has("code-error") || !strings.Contains(page.Title(), ":") {
			t.Error("the error is not beside its field and in the title")
		}
		for range 2 {
			p.Submit("second-step", "code", wrongCode(shown(h, seed))).Must("second-step", http.StatusUnprocessableEntity)
		}
		page = p.Submit("second-step", "code", wrongCode(shown(h, seed))).Must("second-step", http.StatusTooManyRequests)
		if page.Header.Get("Retry-After") == "" || page.Has("second-step") || !page.Has("contact") || !page.Has("retry-link") {
			t.Error("a method that waits says neither how long nor what can be done")
		}
		page.MustSay("15 minutes")
		p.Follow("retry-link").Must("second-step", http.StatusOK)
		if p.Page.Has("second-step") {
			t.Error("it waits no more")
		}
		page = p.Follow("another-way-link").Must("another-way", http.StatusOK)
		if page.Has("another-way") || !page.Has("contact") || !page.Has("not-now") {
			t.Error("somebody without another way is left alone")
		}
		h.Clock.Advance(16 * time.Minute)
		p.Follow("second-step-link").Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", shown(h, seed)).Must("consent", http.StatusOK)
	})
}

func TestBackupCodesAreKeptWithoutScriptsAndEachWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		page := p.Submit("set-up-backup").Must("set-up-backup", http.StatusOK)
		at := page.URL
		if page.Header.Get("Cache-Control") != "no-store" {
			t.Error("the codes may be stored on the way")
		}
		file := p.Open(page.Href("download-link"))
		codes := backupCode.FindAllString(file.Body, -1)
		if file.Status != http.StatusOK || len(codes) != 10 || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") ||
			file.Header.Get("Content-Type") != "text/plain; charset=utf-8" || file.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v\n%s", file.Status, file.Header, file.Body)
		}
		p.Open(at).Must("set-up-backup", http.StatusOK).MustSay(codes...)
		page = p.Submit("set-up-backup").Must("set-up-backup", http.StatusUnprocessableEntity)
		if !page.Has("saved-error") {
			t.Error("nothing says that the codes must be kept first")
		}
		// What was kept is shown by using one.
		page = p.Submit("set-up-backup", "saved", "yes").Must("second-step", http.StatusOK)
		if page.Field("code", "inputmode") != "" || page.Field("code", "autocomplete") != "off" {
			t.Error("a backup code is asked for as if it were a number")
		}
		page.MustNotSay(codes...)
		p.Submit("second-step", "code", strings.ToLower(strings.ReplaceAll(codes[0], "-", " "))).Must("set-up-another", http.StatusOK)

		q := h.Person(language)
		arrive(q, policy.ACRAAL2).Must("second-step", http.StatusOK)
		q.Submit("second-step", "code", codes[0]).Must("second-step", http.StatusUnprocessableEntity)
		q.Submit("second-step", "code", "nonsense").Must("second-step", http.StatusUnprocessableEntity)
		q.Submit("second-step", "code", codes[1]).Must("consent", http.StatusOK)
	})
}

var backupCode = regexp.MustCompile(`\b[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}\b`)

func TestAnotherWayIsOneLinkAwayAndSaysWhyTheRestDoesNotDo(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		p.Submit("set-up-app")
		seed := seedOf(p)
		p.Submit("set-up-app", "code", shown(h, seed)).Must("set-up-another", http.StatusOK)
		p.Submit("set-up-another").Must("set-up-method", http.StatusOK)
		p.Submit("set-up-backup").Must("set-up-backup", http.StatusOK)
		codes := backupCode.FindAllString(p.Page.Text(), -1)
		p.Submit("set-up-backup", "saved", "yes").Must("consent", http.StatusOK)

		h.Clock.Advance(totp.Period)
		q := h.Person(language)
		arrive(q, policy.ACRAAL2).Must("second-step", http.StatusOK)
		words, unfit := "Use another way", "asks for a stronger method"
		if language == "fr-CA" {
			words, unfit = "Utiliser un autre moyen", "exige une méthode plus sûre"
		}
		q.Page.MustSay(words)
		page := q.Follow("another-way-link").Must("another-way", http.StatusOK)
		page.MustSay("s•••s@example.org", unfit)
		q.Send(page.URL, url.Values{"form_token": {page.FormToken("another-way")}}).Must("another-way", http.StatusUnprocessableEntity)
		if !q.Page.Has("option-error") {
			t.Error("nothing says that a method must be chosen")
		}
		q.Submit("another-way", "option", "nothing.like.this").Must("another-way", http.StatusUnprocessableEntity)
		q.Open(page.URL)
		page = q.Submit("another-way").Must("second-step", http.StatusOK)
		if page.Field("code", "autocomplete") != "off" {
			t.Errorf("the chosen method is not asked for:\n%s", page.Text())
		}
		q.Submit("second-step", "code", codes[0]).Must("consent", http.StatusOK)
	})
}

func TestABrowserIsRememberedWhereTheServiceAllowsIt(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		arrive(p, policy.ACRTwoSteps).Must("second-step", http.StatusOK).MustSay("30")
		p.Submit("second-step", "code", sent(h, email), "remember", "yes").Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		p.SetCookie("__Host-parvis_session", "")
		arrive(p, policy.ACRTwoSteps)
		mustLeave(t, p, callback, "code=")
		q := h.Person(language)
		arrive(q, policy.ACRTwoSteps).Must("second-step", http.StatusOK)
	})
}

func TestACodeIsSentAgainAndAnOldOneEndsWithAWayOn(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		arrive(p, policy.ACRTwoSteps).Must("second-step", http.StatusOK)
		first := sent(h, email)
		early := "It is too early for another code"
		if language == "fr-CA" {
			early = "Il est trop tôt pour un autre code"
		}
		page := p.Follow("resend-button", "code", "12", "remember", "yes").Must("second-step", http.StatusTooManyRequests).MustSay(early)
		if wait := page.Header.Get("Retry-After"); wait == "" {
			t.Error("nothing says when another code can be asked for")
		} else {
			page.MustSay(wait + " second")
		}
		if page.Field("code", "value") != "12" || !page.Checked("remember") {
			t.Error("what was typed is lost")
		}
		h.Clock.Advance(30 * time.Second)
		page = p.Follow("resend-button").Must("second-step", http.StatusOK)
		said := "A new code is on its way"
		if language == "fr-CA" {
			said = "Un nouveau code est en route"
		}
		page.MustSay(said)
		second := sent(h, email)
		if first != second {
			p.Submit("second-step", "code", first).Must("second-step", http.StatusUnprocessableEntity)
		}
		h.Clock.Advance(11 * time.Minute)
		page = p.Submit("second-step", "code", second).Must("second-step", http.StatusUnprocessableEntity)
		if !page.Has("send-code") || page.Has("second-step") || page.Has("code-error") {
			t.Errorf("a code that ended leaves no way on:\n%s", page.Text())
		}
		p.Submit("send-code").Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", sent(h, email)).Must("consent", http.StatusOK)
	})
}

func TestASignInCountsEvenWhenItsFirstCodeCannotBeSent(t *testing.T) {
	h := webtest.Open(t, func(c *config.Config) { c.Limits.SendAccount = ratelimit.Limit{Count: 1, Window: time.Hour} })
	enrol(h, h.Person("en"))
	arrive(h.Person("en"), policy.ACRTwoSteps).Must("second-step", http.StatusOK)
	p := h.Person("en")
	page := arrive(p, policy.ACRTwoSteps).Must("second-step", http.StatusOK)
	if !page.Has("send-code") || p.Cookie("__Host-parvis_session") == "" {
		t.Errorf("the sign-in was lost with the code:\n%s", page.Text())
	}
	if page = p.Submit("send-code").Must("second-step", http.StatusTooManyRequests); page.Header.Get("Retry-After") == "" {
		t.Error("nothing says when it can be tried again")
	}
	page.MustSay("too early for another code", "minutes")
}

func TestATelephoneIsSetUpByTextAndByCall(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		page := p.Submit("set-up-voice").Must("set-up-phone", http.StatusOK)
		if page.Field("number", "autocomplete") != "tel" || page.Field("number", "type") != "tel" {
			t.Error("the browser cannot fill in the number")
		}
		page = p.Submit("set-up-phone").Must("set-up-phone", http.StatusUnprocessableEntity)
		if !page.Has("number-error") {
			t.Error("the empty number is not named")
		}
		page = p.Submit("set-up-phone", "number", "12").Must("set-up-phone", http.StatusUnprocessableEntity)
		if !page.Has("number-error") || page.Field("number", "value") != "12" {
			t.Error("the wrong number is not shown again")
		}
		page = p.Submit("set-up-phone", "number", number).Must("confirm-phone", http.StatusOK)
		if strings.Contains(page.Body, " data-texted ") {
			t.Error("a call is no text message")
		}
		page.MustSay("+1 416\u2011555\u20110134")
		p.Submit("change-number").Must("set-up-phone", http.StatusOK)
		p.Submit("set-up-phone", "number", number, "channel", "text").Must("confirm-phone", http.StatusOK)
		h.Clock.Advance(time.Minute)
		p.Follow("other-channel-button").Must("confirm-phone", http.StatusOK)
		h.Clock.Advance(time.Minute)
		if page = p.Follow("other-channel-button").Must("confirm-phone", http.StatusOK); !strings.Contains(page.Body, " data-texted ") {
			t.Error("a telephone cannot read the code from its message")
		}
		code, early := sent(h, e164), "It is too early for another code"
		if language == "fr-CA" {
			early = "Il est trop tôt pour un autre code"
		}
		page = p.Follow("resend-button", "code", "34").Must("confirm-phone", http.StatusTooManyRequests).MustSay(early, "second")
		if page.Header.Get("Retry-After") == "" || page.Field("code", "value") != "34" {
			t.Error("nothing says how long to wait, or what was typed is lost")
		}
		p.Submit("confirm-phone", "code", wrongCode(code)).Must("confirm-phone", http.StatusUnprocessableEntity)
		p.Submit("confirm-phone", "code", code).Must("set-up-another", http.StatusOK)
		p.Submit("set-up-another", "#not-now").Must("consent", http.StatusOK)

		q := h.Person(language)
		page = arrive(q, policy.ACRAAL2).Must("second-step", http.StatusOK)
		page.MustSay("0134").MustNotSay("416-555", "416\u2011555")
		if !page.Has("resend-button") || page.Field("code", "inputmode") != "numeric" {
			t.Error("the text is not on its way after the password")
		}
		q.Submit("second-step", "code", sent(h, e164)).Must("consent", http.StatusOK)
	})
}

func TestThreeQuestionsEndInOneMethod(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		p.Follow("help-me-choose-link").Must("help-me-choose", http.StatusOK)
		page := p.Submit("help-me-choose", "phone", "mobile").Must("help-me-choose", http.StatusUnprocessableEntity)
		if page.Has("phone-error") || !page.Has("app-error") || !page.Has("shared-error") {
			t.Error("the open questions are not named")
		}
		for _, one := range []struct{ phone, app, shared, want string }{
			{"mobile", "yes", "no", "set-up-app"},
			{"none", "yes", "yes", "set-up-app"},
			{"mobile", "no", "no", "set-up-text"},
			{"landline", "no", "no", "set-up-voice"},
			{"none", "no", "yes", "set-up-backup"},
		} {
			page = p.Submit("help-me-choose", "phone", one.phone, "app", one.app, "shared", one.shared).Must("help-me-choose", http.StatusOK)
			if !page.Has(one.want) {
				t.Errorf("%+v: %s", one, page.Text())
			}
		}
		p.Submit("set-up-backup").Must("set-up-backup", http.StatusOK)
		p.Submit("back").Must("set-up-method", http.StatusOK)
	})
}

func TestWhatNothingDemandsIsNeverAWall(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := toSetUp(h, language)
		p.Submit("set-up-app")
		p.Submit("set-up-app", "code", shown(h, seedOf(p))).Must("set-up-another", http.StatusOK)
		page := p.Submit("set-up-another").Must("set-up-method", http.StatusOK)
		if !page.Has("not-now") {
			t.Fatal("a wish has become a demand")
		}
		p.Submit("set-up-text").Must("set-up-phone", http.StatusOK)
		p.Submit("back").Must("set-up-method", http.StatusOK)
		p.Submit("not-now").Must("consent", http.StatusOK)
	})
}

func TestEveryMethodHasItsWords(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range i18n.Langs() {
		for _, m := range policy.Seconds() {
			for _, key := range []string{"method." + string(m) + ".name", "method." + string(m) + ".needs", "help-me-choose.why." + string(m)} {
				if !texts.Tr(lang).Has(key) && (m != policy.Email || !strings.HasPrefix(key, "help")) {
					t.Errorf("%s: %s is missing", lang, key)
				}
			}
		}
	}
}

func TestAnotherAccountCanBeUsedAtTheSecondStep(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		arrive(p, policy.ACRTwoSteps).Must("second-step", http.StatusOK).MustSay(email)
		p.Submit("switch", "#use-another-account").Must("sign-in", http.StatusOK)
		if p.Cookie("__Host-parvis_session") != "" || p.Page.Href("back-to-service") == "" {
			t.Error("somebody is still signed in, or the service was lost")
		}
	})
}

func TestThePagesOfTheSecondStepKeepTheirTurn(t *testing.T) {
	h := webtest.Open(t)
	p := toSetUp(h, "en")
	at := strings.TrimSuffix(p.Page.URL, "/set-up-method")
	for _, page := range []string{"second-step", "another-way", "set-up-app", "set-up-phone", "confirm-phone", "set-up-backup", "set-up-backup/codes.txt", "set-up-another", "consent"} {
		if name := p.Open(at + "/" + page).Name(); name != "set-up-method" {
			t.Errorf("%s out of turn shows %s", page, name)
		}
	}
	stranger := h.Person("en")
	stranger.Open("/signin")
	stranger.Open(at+"/set-up-method").Must("elsewhere", http.StatusNotFound)
	p.Open(at + "/set-up-method")
	p.Submit("set-up-app").Must("set-up-app", http.StatusOK)
	seed := seedOf(p)
	page := p.Follow("language-link").Must("set-up-app", http.StatusOK)
	if page.Lang() != "fr" || seedOf(p).Secret() != seed.Secret() {
		t.Error("the language changes the seed")
	}
}

func TestFromTheSettingsAMethodIsAddedOrNotAndTheWayBackStaysOpen(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		enrol(h, p)
		p.Open("/settings/methods").Must("methods", http.StatusOK)
		page := p.Submit("add-method").Must("set-up-method", http.StatusOK)
		if page.Href("back-to-service") != "/settings" || !page.Has("not-now") {
			t.Error("who comes from the settings cannot go back to them")
		}
		p.Submit("not-now").Must("methods", http.StatusOK)
		p.Submit("add-method").Must("set-up-method", http.StatusOK)
		p.Submit("set-up-app")
		other, added := "Backup codes Recommended", "The authenticator app is added."
		if language == "fr-CA" {
			other, added = "Codes de récupération Méthode recommandée", "L'application d'authentification est ajoutée."
		}
		p.Submit("set-up-app", "code", shown(h, seedOf(p))).Must("methods", http.StatusOK).MustSay(added)
		p.Open("/settings/methods").MustNotSay(added)
		p.Submit("add-method").Must("set-up-method", http.StatusOK).MustSay(other)
		p.Submit("set-up-backup").Must("set-up-backup", http.StatusOK)
		p.Submit("set-up-backup", "saved", "yes").Must("methods", http.StatusOK)
		replaces := "New codes replace those you have"
		if language == "fr-CA" {
			replaces = "De nouveaux codes remplacent ceux que vous avez"
		}
		p.Submit("add-method").Must("set-up-method", http.StatusOK).MustSay(replaces).MustNotSay(other)

		h.Clock.Advance(25 * time.Minute) // the proofs are too old for a change
		p.Open("/settings/methods").Must("methods", http.StatusOK)
		p.Submit("add-method").Must("sign-in", http.StatusOK)
		page = p.Submit("sign-in", "password", good).Must("second-step", http.StatusOK)
		if page.Href("back-to-service") != "/settings" {
			t.Error("who comes from the settings cannot go back to them")
		}
	})
}

func TestWhatEverySignInNeedsIsNotLaidToTheService(t *testing.T) {
	for _, language := range languages {
		h := webtest.Open(t, func(c *config.Config) {
			c.Policy.Always = policy.TwoSteps
			c.Policy.Methods = []policy.Method{policy.App, policy.Text, policy.Backup}
		})
		always, needed, asks := "Every sign-in here needs", "One more proof is needed", "Student aid asks"
		if language == "fr-CA" {
			always, needed, asks = "Chaque connexion exige ici", "Une vérification supplémentaire est nécessaire", "Aide financière aux études exige"
		}
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
		p.Submit("choose-password", "password", good).Must("set-up-method", http.StatusOK).MustSay(always).MustNotSay(asks)
		p.Submit("set-up-app").Must("set-up-app", http.StatusOK)
		p.Submit("set-up-app", "code", shown(h, seedOf(p))).Must("set-up-another", http.StatusOK)

		p = h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		signIn(p, good).Must("second-step", http.StatusOK).MustSay(needed).MustNotSay(asks)
		p = h.Person(language)
		arrive(p, policy.ACRAAL2).Must("second-step", http.StatusOK).MustSay(asks)
	}
}
