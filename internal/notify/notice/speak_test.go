package notice

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"parvis/internal/i18n"
)

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

// asksToConfirm is a request of a service of a name.
func asksToConfirm(name string) Confirmation {
	return Confirmation{
		Service: Service{Name: i18n.Text{"en": name, "fr": name}, Department: i18n.Text{"en": "Natural Resources"}}, Name: "MFRGGZDFMZTWQ2LKNNWG23TPOB",
		Message: "W4 SC 250", Valid: 10 * time.Minute, At: time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC),
	}
}

func TestATextThatNamesAServiceIsAsItsGoldenFile(t *testing.T) {
	m := sampleMails(t)
	for _, s := range samples() {
		if s.data.Kind() != KindConfirmation {
			continue
		}
		for _, lang := range i18n.Langs() {
			l, err := m.Speak(Text, "+14165550142", string(lang), s.data)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "../spoken/"+s.name+".text."+string(lang)+".txt", l.Text+"\n")
			if _, err := m.Speak(Voice, "+14165550142", string(lang), s.data); !errors.Is(err, ErrChannel) {
				t.Errorf("in a call: %v", err)
			}
		}
	}
}

func TestATextThatNamesAServiceFitsTwoMessagesHoweverLongTheNameIs(t *testing.T) {
	m := sampleMails(t)
	names := append(hostile(), "", "Permis de pêche", "Réservation de campings, de refuges et d’amarrages dans les parcs et les aires protégées du Northland",
		"Œuvres d’art – prêt « à long terme »", strings.Repeat("Île", 60), strings.Repeat("ᐃᓄᒃᑎᑐᑦ ", 20), strings.Repeat("😀", 90), strings.Repeat("[{~}]", 40), "e\u0301le\u0301ment")
	for _, product := range []string{"Parvis", "Mon compte du Northland", "Connexion sécurisée aux services du gouvernement du Northland et de ses municipalités"} {
		m.Product = i18n.Text{"en": product, "fr": product}
		for _, name := range names {
			for _, lang := range i18n.Langs() {
				l, err := m.Speak(Text, "+14165550142", string(lang), asksToConfirm(name))
				if err != nil {
					t.Fatal(err)
				}
				address := "https://signin.example.org/confirmations/MFRGGZDFMZTWQ2LKNNWG23TPOB?lang=" + string(lang)
				if n := parts(l.Text); n > 2 || !strings.HasSuffix(l.Text, ": "+address) || strings.Contains(l.Text, "\n") {
					t.Errorf("%.60q, %s: %d parts: %q", name, lang, n, l.Text)
				}
				if strings.Contains(l.Text, "W4 SC") || len(l.Codes) != 0 || strings.Contains(l.Text, "Natural Resources") {
					t.Errorf("says too much: %q", l.Text)
				}
			}
		}
	}
}

// A name is written as it is where that costs no more, then without the marks that a text has not.
func TestANameInATextKeepsWhatATextCanHold(t *testing.T) {
	say := func(name string) string { return name + strings.Repeat(".", 100) }
	for name, want := range map[string]string{
		"Permis de pêche":                               "Permis de pêche", // 115 characters of UCS-2
		"Fishing licences":                              "Fishing licences",
		"Été à Genève où ça va":                         "Été à Genève où ça va",
		"L’accès à l’œuvre en forêt, ça plaît":          "L'accès à l'oeuvre en foret, ca plait",
		strings.Repeat("a", 300):                        strings.Repeat("a", 203) + "...",
		"Prêt, " + strings.Repeat("b", 196) + ", reste": "Pret, " + strings.Repeat("b", 196) + "...",
		strings.Repeat("ᐃ", 60):                         strings.Repeat("ᐃ", 31) + "...",
	} {
		if got := brief(name, say); got != say(want) {
			t.Errorf("%q: %q", name, got)
		}
	}
	for text, want := range map[int]int{0: 1, 160: 1, 161: 2, 306: 2, 307: 3} {
		if n := parts(strings.Repeat("é", text)); n != want {
			t.Errorf("%d characters are %d parts", text, n)
		}
		if n := parts(strings.Repeat("^", text)); text > 0 && n != parts(strings.Repeat("é", 2*text)) {
			t.Errorf("%d characters that count twice are %d parts", text, n)
		}
	}
	for text, want := range map[int]int{70: 1, 71: 2, 134: 2, 135: 3} {
		if n := parts(strings.Repeat("ê", text)); n != want {
			t.Errorf("%d characters of UCS-2 are %d parts", text, n)
		}
	}
}

func FuzzBrief(f *testing.F) {
	for _, s := range []string{"Permis de pêche", strings.Repeat("Île 😀 ", 50), "\xff", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = clean(name)
		got := brief(name, func(n string) string { return n + ": https://signin.example.org/" })
		if parts(got) > mostParts || !utf8.ValidString(got) || !strings.HasSuffix(got, ": https://signin.example.org/") {
			t.Errorf("%q: %q", name, got)
		}
	})
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
