package notice

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"parvis/internal/i18n"
)

// gsm7 counts a text in the units of GSM-7 (3GPP TS 23.038, 6.2.1); false when it holds a
// character that is not of that alphabet.
func gsm7(text string) (units int, ok bool) {
	const basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	const extended = "^{}\\[~]|€\f"
	for _, r := range text {
		switch {
		case strings.ContainsRune(basic, r):
			units++
		case strings.ContainsRune(extended, r):
			units += 2
		default:
			return 0, false
		}
	}
	return units, true
}

func codes() []OneTimeCode {
	at := time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC)
	return []OneTimeCode{
		{Code: "402917", Valid: 10 * time.Minute, Asked: Asked{At: at}},
		{Purpose: PurposeSetUp, Code: "00000000", Valid: 90 * time.Minute, Asked: Asked{At: at}},
	}
}

func TestATextWithACodeFitsOneMessageInBothLanguages(t *testing.T) {
	m := sampleMails(t)
	for _, product := range []i18n.Text{{"en": "Parvis", "fr": "Parvis"}, {"en": "My Northland Account", "fr": "Mon compte du Northland"}} {
		m.Product = product
		for _, lang := range i18n.Langs() {
			for _, code := range codes() {
				l, err := m.Speak(Text, "+14165550142", string(lang), code)
				if err != nil {
					t.Fatal(err)
				}
				if n, ok := gsm7(l.Text); !ok || n > 160 {
					t.Errorf("%d units, GSM-7 %v: %q", n, ok, l.Text)
				}
				lines := strings.Split(l.Text, "\n")
				if last := lines[len(lines)-1]; last != "@signin.example.org #"+code.Code {
					t.Errorf("the last line is %q", last)
				}
				if strings.Count(l.Text, code.Code) != 2 || len(l.Links) != 0 || l.HTML != "" || l.Subject != "" {
					t.Errorf("%+v", l)
				}
			}
		}
	}
}

func TestTextsAndCallsAreAsTheirGoldenFiles(t *testing.T) {
	m := sampleMails(t)
	for _, lang := range i18n.Langs() {
		for _, c := range []Channel{Text, Voice} {
			l, err := m.Speak(c, "+14165550142", string(lang), codes()[0])
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "../spoken/one-time-code."+string(c)+"."+string(lang)+".txt", l.Text+"\n")
		}
	}
}

func TestACallSaysTheCodeTwiceDigitByDigitWithPauses(t *testing.T) {
	m := sampleMails(t)
	for _, lang := range i18n.Langs() {
		for _, code := range codes() {
			l, err := m.Speak(Voice, "+14165550142", string(lang), code)
			if err != nil {
				t.Fatal(err)
			}
			var digits strings.Builder
			for _, p := range l.Script {
				if utf8.RuneCountInString(p.Say) == 1 {
					digits.WriteString(p.Say)
					if p.Pause < 1 {
						t.Error("a digit without a pause after it")
					}
				}
				if strings.ContainsAny(p.Say, "0123456789") && utf8.RuneCountInString(p.Say) > 1 && !strings.Contains(p.Say, "minutes") {
					t.Errorf("%q holds digits", p.Say)
				}
			}
			if digits.String() != code.Code+code.Code {
				t.Errorf("the call says %s", digits.String())
			}
			if strings.Count(l.Text, strings.Join(strings.Split(code.Code, ""), " ")) != 2 {
				t.Errorf("to read:\n%s", l.Text)
			}
		}
	}
}

func TestForeignWordsCannotBreakATextOrACall(t *testing.T) {
	m := sampleMails(t)
	for _, evil := range hostile() {
		m.Product = i18n.Text{"en": evil, "fr": evil}
		for _, c := range []Channel{Text, Voice} {
			l, err := m.Speak(c, "+14165550142", "en", codes()[0])
			if err != nil {
				t.Fatal(err)
			}
			if c == Text {
				lines := strings.Split(l.Text, "\n")
				if len(lines) != 2 || lines[1] != "@signin.example.org #402917" {
					t.Errorf("%.60q: %q", evil, l.Text)
				}
			}
			for _, p := range l.Script {
				if strings.ContainsFunc(p.Say, func(r rune) bool { return !isPlain(r) && r != '\u00ad' }) {
					t.Errorf("%.60q: %q", evil, p.Say)
				}
			}
		}
	}
}

func FuzzNarrow(f *testing.F) {
	f.Add("« Courriel » – l’été…")
	f.Fuzz(func(t *testing.T, text string) {
		if got := narrow(text); utf8.ValidString(text) && (!utf8.ValidString(got) || strings.ContainsAny(got, "’“”«»\u00a0\u202f…–—")) {
			t.Errorf("%q", got)
		}
	})
}
