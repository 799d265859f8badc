package notice

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"parvis/internal/i18n"
)

// hostile values are what people, partners and browsers could send to break a mail (security.md C.5 69).
func hostile() []string {
	return []string{
		"Licences\r\nBcc: everybody@example.org",
		"Licences\nSubject: You won",
		"<script>alert(1)</script>",
		`"><img src=https://evil.example/x.png onerror=alert(1)>`,
		`</title><a href="https://evil.example">Sign in here</a>`,
		"{{.Token}} {{template \"x\"}} %s %!d(MISSING)",
		"=?utf-8?q?=0ABcc:_x@y.org?=",
		"\u202eecivres\u202c \u2066left\u2069 \u200b\ufeff",
		"\ue000bold\ue001 \ue001\ue000",
		"\x00\x1b[31m\x7f\u0085\u2028\u2029",
		"\xff\xfe broken utf-8 \xc3",
		strings.Repeat("long ", 5000),
		strings.Repeat("x", 100_000),
		"javascript:alert(1)",
		"<!--[if mso]><![endif]-->",
	}
}

func TestForeignWordsCannotBreakAMail(t *testing.T) {
	m := sampleMails(t)
	at := time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC)
	for _, evil := range hostile() {
		text := i18n.Text{"en": evil, "fr": evil}
		service := Service{Name: text, Department: text}
		asked := Asked{At: at, Device: Device{Browser: evil, System: evil}, Place: evil}
		proof := Proof{Token: "token", Code: "402917", Valid: 30 * time.Minute}
		m.Product, m.Owner = text, text
		for _, data := range []Data{
			Activate{Service: service, Proof: proof, Asked: asked},
			PartnerLinked{Partner: text, Asked: asked},
			PartnerUnlinked{Partner: text, Asked: asked},
			AccountsMerged{Other: evil, Token: "token", Valid: time.Hour, Partners: []LinkedPartner{{Name: text, Since: asked.At}}, Asked: asked},
			AssistStep{Step: AssistDone, What: AssistUnlink, Partner: text, NoPassword: true, Asked: asked},
			EnrolmentReset{Service: service, Sharing: []Service{service}, Asked: asked},
			PartnerBlocked{Partner: text, Asked: asked},
			Confirmation{Service: service, Name: "name", Message: evil, Valid: time.Minute, At: at},
			WaysIn{Service: service, Password: true, Partners: []i18n.Text{text, text}, Asked: asked},
			WaysNoAccount{Service: service, Asked: asked},
			PartnerUnblocked{Partner: text, Asked: asked},
			ServiceConnected{Service: service, Shared: []i18n.Text{text, text}, Asked: asked},
			ServiceDisconnected{Service: service, Asked: asked},
			NewSignIn{Service: service, Asked: asked},
			OneTimeCode{Service: service, Code: "402917", Valid: time.Minute, Asked: asked},
			MethodAdded{Method: Method(evil), Name: evil, Asked: asked},
			MethodRemoved{Method: MethodPhone, Name: evil, Asked: asked},
			BackupCodeUsed{Service: service, Left: 3, Asked: asked},
			ContactReceived{Service: service, Reference: evil, At: at},
			ContactDesk{Service: service, Reference: evil, PageReference: evil, From: "sam@example.org", FromLocale: evil, Topic: evil, Body: evil, Asked: asked},
		} {
			letter, err := m.Render("sam@example.org", "en", data)
			if err != nil {
				t.Fatal(err)
			}
			checkHarmless(t, letter)
			if t.Failed() {
				t.Fatalf("%s with %.60q:\n%s\n%.3000s", letter.Kind, evil, letter.Subject, letter.HTML)
			}
		}
	}
}

// checkHarmless refuses a letter in which something foreign took effect.
func checkHarmless(t *testing.T, l Letter) {
	t.Helper()
	seen := readHTML(t, l.HTML)
	for _, link := range append(seen.links, l.Links...) {
		if !strings.HasPrefix(link, "https://signin.example.org/") {
			t.Errorf("a foreign link: %q", link)
		}
	}
	for _, header := range []string{l.Subject, l.FromName, l.ReplyTo, l.To} {
		if strings.ContainsFunc(header, func(r rune) bool { return !isPlain(r) }) || len([]rune(header)) > 254 {
			t.Errorf("a header that is no plain line: %q", header)
		}
	}
	for _, body := range []string{l.Text, l.HTML} {
		for _, r := range body {
			if r != '\n' && r != '\u00ad' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
				t.Errorf("the body holds %U", r)
				return
			}
		}
	}
	if len(l.HTML) > 400_000 || len(l.Text) > 200_000 {
		t.Errorf("%d bytes of HTML, %d of text", len(l.HTML), len(l.Text))
	}
}

func TestWhatIsNoPlainAddressIsRefused(t *testing.T) {
	m := sampleMails(t)
	for _, bad := range []string{
		"", "sam", "@example.org", "sam@", "sam@example.org\r\nBcc: x@example.org", "sam@example.org, x@example.org",
		"Sam <sam@example.org>", "sam@exa mple.org", `"sam"@example.org`, "sam@x@example.org", "sam@example.org;x@example.org",
		"sam\x00@example.org", "sam\u202e@example.org", "\u2028sam@example.org", "sam@[127.0.0.1]", "sam(comment)@example.org",
		strings.Repeat("a", 65) + "@example.org", "sam@" + strings.Repeat("a", 250) + ".org", "sam@example.org\n",
	} {
		if _, err := m.Render(bad, "en", Activated{}); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := m.Render("desk@example.org", "en", ContactDesk{From: bad, Body: "x"}); bad != "" && !errors.Is(err, ErrAddress) {
			t.Errorf("an answer to %q: %v", bad, err)
		}
	}
	for _, good := range []string{"sam@example.org", "Sam.O'Neil+tag@Example.ORG", "rené@exemple.ca", "sam@exämple.ca", "a_b-c@a.b.c.d"} {
		if _, err := m.Render(good, "en", Activated{}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestAnUnknownLocaleGetsTheDeploymentsFirstLanguage(t *testing.T) {
	m := sampleMails(t)
	m.Languages = []i18n.Lang{i18n.French}
	for _, locale := range []string{"", "de", "en", "fr-CA", "../../etc/passwd"} {
		letter, err := m.Render("sam@example.org", locale, Activated{})
		if err != nil || letter.Lang != "fr" {
			t.Errorf("%q: %q, %v", locale, letter.Lang, err)
		}
	}
}

func TestAThemeOfColoursOnlyIsAccepted(t *testing.T) {
	m := sampleMails(t)
	m.Theme = DefaultTheme()
	m.Theme.Light.Brand, m.Theme.Dark.Link = "#702082", "#ABCDEF"
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	letter, err := m.Render("sam@example.org", "en", Activated{})
	if err != nil || !strings.Contains(letter.HTML, "background:#702082") || !strings.Contains(letter.HTML, "color:#ABCDEF!important") {
		t.Error("the theme's colours are not in the mail", err)
	}
	for _, bad := range []string{"red", "#12345", "#0a524c;}body{display:none", "url(https://evil.example)", ""} {
		m := sampleMails(t)
		m.Theme = DefaultTheme()
		m.Theme.Dark.Act = bad
		if m.Check() == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	for _, bad := range []string{"https://signin.example.org/", "signin.example.org", "ftp://x.org", "https://"} {
		m := sampleMails(t)
		m.BaseURL = bad
		if m.Check() == nil {
			t.Errorf("base URL %q was accepted", bad)
		}
	}
}

func TestAThemeIsTakenFromTheTokensOfTheStyleSheet(t *testing.T) {
	got := ThemeOf(map[string]string{"brand": "#702082", "lamp": "#FFFFFF", "unknown": "x"}, nil)
	want := DefaultTheme()
	want.Light.Brand, want.Light.Lamp = "#702082", "#702082"
	if got != want {
		t.Errorf("%+v", got)
	}
}

func FuzzMail(f *testing.F) {
	m := sampleMails(f)
	for _, evil := range hostile()[:11] {
		f.Add("sam@example.org", evil, evil)
		f.Add(evil+"@example.org", "Fishing", evil)
	}
	f.Fuzz(func(t *testing.T, address, name, body string) {
		text := i18n.Text{"en": name, "fr": name}
		data := ContactDesk{
			Reference: name, From: address, Topic: body, Body: body, Service: Service{Name: text, Department: text},
			Asked: Asked{At: time.Unix(1_700_000_000, 0), Device: DeviceOf(name), Place: body},
		}
		letter, err := m.Render(address, "fr", data)
		if err != nil {
			if !errors.Is(err, ErrAddress) {
				t.Fatal(err)
			}
			return
		}
		checkHarmless(t, letter)
	})
}
