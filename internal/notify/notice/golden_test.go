package notice

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"parvis/internal/i18n"
)

var update = flag.Bool("update", false, "write the golden mails anew")

func TestEveryMailIsAsItsGoldenFiles(t *testing.T) {
	m := sampleMails(t)
	var names []string
	for _, s := range samples() {
		for _, lang := range i18n.Langs() {
			letter, err := m.Render("sam@example.org", string(lang), s.data)
			if err != nil {
				t.Fatal(err)
			}
			base := s.name + "." + string(lang)
			golden(t, base+".txt", "Subject: "+letter.Subject+"\n\n"+letter.Text)
			golden(t, base+".html", letter.HTML)
			names = append(names, base+".txt", base+".html")
		}
	}
	files, err := os.ReadDir("testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(names, f.Name()) {
			t.Errorf("testdata/golden/%s belongs to no mail", f.Name())
		}
	}
}

// clock is a time of day as mails write it: "14:32", « 14 h 32 ».
var clock = regexp.MustCompile(`\b\d{1,2}(?::|\x{a0}h\x{a0})\d{2}\b`)

// A mail is read anywhere: the time that it tells is that of the deployment, by name.
func TestEveryMailThatTellsATimeOfDayNamesItsZone(t *testing.T) {
	m := sampleMails(t)
	told := 0
	for _, s := range samples() {
		for lang, zone := range map[i18n.Lang]string{i18n.English: "Eastern Time", i18n.French: "heure de l’Est"} {
			letter, err := m.Render("sam@example.org", string(lang), s.data)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{letter.Text, letter.HTML} {
				if !clock.MatchString(text) {
					continue
				}
				told++
				if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), zone) {
					t.Errorf("%s.%s tells %q in no zone", s.name, lang, clock.FindString(text))
				}
			}
		}
	}
	if told < 100 {
		t.Errorf("only %d of the mails tell a time", told)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; look at it and run go test ./internal/notify -update:\n%s", file, diff)
	}
}

// each runs a test over every sample in every language.
func each(t *testing.T, test func(t *testing.T, l Letter)) {
	t.Helper()
	m := sampleMails(t)
	for _, s := range samples() {
		for _, lang := range i18n.Langs() {
			t.Run(s.name+"."+string(lang), func(t *testing.T) {
				letter, err := m.Render("sam@example.org", string(lang), s.data)
				if err != nil {
					t.Fatal(err)
				}
				test(t, letter)
			})
		}
	}
}

func TestEveryKindHasASample(t *testing.T) {
	have := map[Kind]bool{}
	for _, s := range samples() {
		have[s.data.Kind()] = true
	}
	for _, k := range []Kind{
		KindActivate, KindActivateAgain, KindAlreadyRegistered, KindActivated, KindRemoved, KindResetPassword,
		KindResetNoAccount, KindPasswordChanged, KindPasswordLeaked, KindConfirmAddress, KindAddressInUse, KindAddressAdded, KindAddressRemoved, KindAddressKept, KindMainAddress, KindAddressesRestored, KindLocked, KindUnlock, KindUnlockNoAccount,
		KindUnlockNotLocked, KindUnlocked, KindNewSignIn, KindServiceConnected, KindServiceDisconnected,
		KindContactReceived, KindContactDesk, KindOneTimeCode, KindMethodAdded, KindMethodRemoved, KindMethodWaits, KindMethodDisabled,
		KindBackupCodesMade, KindBackupCodeUsed, KindBackupCodesUsedUp, KindBrowserRemembered,
		KindPartnerLinked, KindPartnerUnlinked, KindPartnerBlocked, KindPartnerUnblocked, KindWaysIn, KindWaysNoAccount, KindEnrolmentReset,
		KindAccountsMerged, KindMergeUndone, KindMergeFinished, KindSurvivorClosing, KindAccountClosing, KindAccountKept, KindDataGiven,
		KindUnusedFirst, KindUnusedSecond, KindUnusedKept,
		KindLostWaits, KindLostSoon, KindLostOpen, KindLostDone, KindLostStopped, KindLostUndone, KindLostFound,
		KindAssistConfirm, KindAssistReceived, KindAssistApproved, KindAssistDone, KindAssistRefused, KindAssistExpired,
		KindSignedOut, KindConfirmation,
	} {
		if !have[k] {
			t.Errorf("%s has no sample", k)
		}
	}
}

func TestTextAndHTMLOfAMailSayTheSame(t *testing.T) {
	each(t, func(t *testing.T, l Letter) {
		seen := readHTML(t, l.HTML)
		text := words(strings.NewReplacer("*", " ", ">", " ", ":", " ").Replace(l.Text))
		// every word of the HTML's body stands in the text, in order
		rest := text
		for _, w := range words(strings.NewReplacer(">", " ", ":", " ").Replace(seen.text)) {
			i := slices.Index(rest, w)
			if i < 0 {
				t.Fatalf("%q of the HTML is not in the text, or not in its place", w)
			}
			rest = rest[i+1:]
		}
		if diff := cmp.Diff(l.Links, seen.links); diff != "" {
			t.Errorf("links of the letter and of the HTML differ: %s", diff)
		}
		for _, link := range l.Links {
			if !slices.Contains(strings.Split(l.Text, "\n"), link) {
				t.Errorf("%s does not stand on a line of its own in the text", link)
			}
			if !strings.HasPrefix(link, "https://signin.example.org/") {
				t.Errorf("%s leads elsewhere than to the base URL", link)
			}
			if !strings.Contains(link, "lang="+l.Lang) {
				t.Errorf("%s does not open in the mail's language", link)
			}
		}
		for _, code := range l.Codes {
			shown := Grouped(code)
			if strings.Count(l.Text, shown) != 1 || strings.Count(seen.text, shown) != 1 {
				t.Errorf("code %s does not stand once in text and HTML", shown)
			}
			if strings.Contains(l.Subject, code) || strings.Contains(l.Subject, shown) || strings.Contains(seen.preheader, shown) {
				t.Error("the code stands in the subject or the preview")
			}
		}
		if d := digits(seen.text); d != digits(textBody(l.Text)) {
			t.Errorf("numbers differ:\n%s\n%s", d, digits(textBody(l.Text)))
		}
	})
}

// textBody is the text twin without its addresses and the numbers of list items.
func textBody(text string) string {
	var keep []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "https://") {
			continue
		}
		if len(line) > 3 && line[1:3] == ". " && line[0] >= '1' && line[0] <= '9' {
			line = line[3:]
		}
		keep = append(keep, line)
	}
	return strings.Join(keep, "\n")
}

func words(s string) []string { return strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")) }

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// shown is what an HTML mail shows and leads to.
type shown struct {
	text      string
	preheader string
	links     []string
}

// readHTML refuses HTML whose elements are not balanced, that fetches anything, runs
// anything, or carries an element that a mail needs not.
func readHTML(t *testing.T, source string) shown {
	t.Helper()
	allowed := strings.Fields("html head meta title style body div table tr td h1 h2 p a span strong ul ol li dl dt dd blockquote br")
	void := map[string]bool{"meta": true, "br": true}
	var out shown
	var open []string
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) != 0 {
				t.Fatalf("left open: %v", open)
			}
			return out
		case html.TextToken:
			text := string(z.Text())
			switch {
			case slices.Contains(open, "head"):
				if slices.Contains(open, "style") && strings.Contains(strings.ToLower(text), "url(") {
					t.Error("the style fetches something")
				}
			case slices.Contains(open, "div"):
				out.preheader += text
			default:
				out.text += " " + text
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if !slices.Contains(allowed, token.Data) {
				t.Errorf("<%s> has no place in a mail", token.Data)
			}
			for _, a := range token.Attr {
				switch {
				case a.Key == "href" && token.Data == "a":
					if !slices.Contains(out.links, a.Val) {
						out.links = append(out.links, a.Val)
					}
				case slices.Contains([]string{"src", "srcset", "background", "href", "action", "data", "poster"}, a.Key),
					strings.HasPrefix(a.Key, "on"):
					t.Errorf("<%s %s=%q> refers outside", token.Data, a.Key, a.Val)
				case a.Key == "style" && strings.Contains(a.Val, "url("):
					t.Errorf("<%s style=%q> fetches something", token.Data, a.Val)
				}
			}
			if !void[token.Data] {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func TestNoMailHasAHoleInItsWords(t *testing.T) {
	each(t, func(t *testing.T, l Letter) {
		for _, hole := range []string{"<no value>", "&lt;no value", "[mail.", "ZgotmplZ", boldOn, boldOff, "  (", "()", "%!("} {
			if strings.Contains(l.Subject+l.Text+l.HTML, hole) {
				t.Errorf("the mail holds %q", hole)
			}
		}
		if !strings.Contains(l.HTML, `<html lang="`+l.Lang+`-CA"`) {
			t.Error("the HTML does not name its language")
		}
	})
}

func TestFrenchMailsFollowCanadianTypography(t *testing.T) {
	each(t, func(t *testing.T, l Letter) {
		if l.Lang != "fr" {
			return
		}
		text := l.Subject + "\n" + textBody(l.Text)
		for _, bad := range []string{" :", " ?", "\u00a0?", "\u202f?", " !", " »", "« ", "'", "e-mail", "email", "mail "} {
			if strings.Contains(text, bad) {
				t.Errorf("%q in a French mail", bad)
			}
		}
	})
}

// The limits of experience.md A4: LIX at most 35 in English and 45 in French, no sentence beyond 25 words.
func TestTheWordsOfMailsAreEasyToRead(t *testing.T) {
	m := sampleMails(t)
	for _, lang := range i18n.Langs() {
		var long, all, sentences int
		for _, s := range samples() {
			if s.data.Kind() == KindContactDesk {
				continue
			}
			letter, err := m.Render("sam@example.org", string(lang), s.data)
			if err != nil {
				t.Fatal(err)
			}
			body, _, _ := strings.Cut(letter.Text, "\n-- ")
			for line := range strings.SplitSeq(textBody(body), "\n") {
				for sentence := range strings.SplitSeq(strings.ReplaceAll(line, "?", "."), ". ") {
					w := words(sentence)
					if len(w) > 25 && !strings.Contains(sentence, "14") {
						t.Errorf("%s: %d words: %s", s.name, len(w), sentence)
					}
					if len(w) < 3 {
						continue
					}
					sentences++
					all += len(w)
					for _, one := range w {
						if len([]rune(strings.Trim(one, ".,:()«»“”"))) > 6 {
							long++
						}
					}
				}
			}
		}
		lix := float64(all)/float64(sentences) + 100*float64(long)/float64(all)
		limit := 35.0
		if lang == i18n.French {
			limit = 45
		}
		t.Logf("%s: LIX %.1f", lang, lix)
		if lix > limit {
			t.Errorf("%s: LIX %.1f is over %.0f", lang, lix, limit)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	m := sampleMails(b)
	data := samples()[0].data
	for b.Loop() {
		if _, err := m.Render("sam@example.org", "fr", data); err != nil {
			b.Fatal(err)
		}
	}
}
