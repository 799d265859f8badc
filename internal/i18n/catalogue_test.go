package i18n

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
)

// message is one message with the file it stands in and all its forms.
type message struct {
	file  string
	forms []string
}

func catalogue(t *testing.T, l Lang) map[string]message {
	t.Helper()
	out := map[string]message{}
	files, err := fs.Glob(embedded, path.Join("catalogue", string(l), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", l, files, err)
	}
	for _, file := range files {
		messages, err := readFile(embedded, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			out[m.ID] = message{path.Base(file), forms(m)}
		}
	}
	return out
}

func forms(m *goi18n.Message) []string {
	out := []string{m.Other}
	for _, f := range []string{m.One, m.Many} {
		if f != "" {
			out = append(out, f)
		}
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`\{\{\s*\.(\w+)\s*\}\}`)
	markup      = regexp.MustCompile(`<[^>]*>`)
)

func placeholders(texts []string) []string {
	seen := map[string]bool{}
	for _, text := range texts {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if m[1] != "count" { // "one" may say "one"
				seen[m[1]] = true
			}
		}
	}
	out := []string{}
	for k := range seen {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func TestTheLanguagesHaveTheSameKeysFilesPlaceholdersAndLinks(t *testing.T) {
	en, fr := catalogue(t, English), catalogue(t, French)
	for key, m := range en {
		other, ok := fr[key]
		if !ok {
			t.Errorf("%s: %q has no French", m.file, key)
			continue
		}
		if m.file != other.file {
			t.Errorf("%q is in %s and in French in %s", key, m.file, other.file)
		}
		if a, b := placeholders(m.forms), placeholders(other.forms); !slices.Equal(a, b) {
			t.Errorf("%s: %q has the placeholders %v and in French %v", m.file, key, a, b)
		}
		if a, b := markup.FindAllString(m.forms[0], -1), markup.FindAllString(other.forms[0], -1); !slices.Equal(a, b) {
			t.Errorf("%s: %q has the markup %v and in French %v", m.file, key, a, b)
		}
		if (len(m.forms) > 1) != (len(other.forms) > 1) {
			t.Errorf("%s: %q has plural forms in one language only", m.file, key)
		}
	}
	for key, m := range fr {
		if _, ok := en[key]; !ok {
			t.Errorf("%s: %q has no English", m.file, key)
		}
	}
}

// allowedMarkup is all the markup that a message may hold: links and words kept together.
var allowedMarkup = regexp.MustCompile(`^</?(strong|span|a)( (href|id|lang|class|hreflang)="[^"<>]*")*>$`)

func TestMessagesAreWholeAndClean(t *testing.T) {
	for _, l := range Langs() {
		for key, m := range catalogue(t, l) {
			for _, text := range m.forms {
				where := string(l) + " " + m.file + " " + key
				if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) && !strings.HasPrefix(text, ",") {
					t.Errorf("%s: %q is empty or has space at its ends", where, text)
				}
				if rest := placeholder.ReplaceAllString(text, ""); strings.ContainsAny(rest, "{}") {
					t.Errorf("%s: %q: a placeholder is {{.name}}", where, text)
				}
				for _, tag := range markup.FindAllString(text, -1) {
					if !allowedMarkup.MatchString(tag) {
						t.Errorf("%s: markup %q is not allowed", where, tag)
					}
				}
				plain := markup.ReplaceAllString(text, "")
				if strings.Contains(plain, "  ") || strings.ContainsAny(plain, "\t\n\"") || straight.MatchString(plain) {
					t.Errorf("%s: %q: write ’ and “ ”, one space", where, text)
				}
			}
		}
	}
}

var straight = regexp.MustCompile(`\pL'\pL`)

// French as the Government of Canada sets it: a no-break space before the colon
// and inside the guillemets, none before ? ! ;.
func TestFrenchTypography(t *testing.T) {
	rules := []struct {
		wrong *regexp.Regexp
		say   string
	}{
		{regexp.MustCompile(`[^\x{a0}\x{202f}\d]:(\s|$)`), "a no-break space before the colon"},
		{regexp.MustCompile(`«[^\x{a0}\x{202f}]|[^\x{a0}\x{202f}]»`), "no-break spaces inside « »"},
		{regexp.MustCompile(`[^!][ \x{a0}\x{202f}][?!;](?:$|[^ ]| [^?#])`), "no space before ? ! ;"},
		{regexp.MustCompile(`[“”]`), "« » for quotations"},
		{regexp.MustCompile(`\d (h|%|\$|minutes?|heures?|jours?)\b`), "a no-break space after a number"},
		{regexp.MustCompile(`(?i)\be-?mails?\b`), "courriel"},
		{regexp.MustCompile(`\b(Etape|Etat|A propos|Ecran)\b`), "accents on capitals"},
	}
	for key, m := range catalogue(t, French) {
		for _, text := range m.forms {
			for _, rule := range rules {
				if rule.wrong.MatchString(markup.ReplaceAllString(text, "")) {
					t.Errorf("%s %s: %q: %s", m.file, key, text, rule.say)
				}
			}
		}
	}
}

// english are words that no French text of ours holds.
var english = regexp.MustCompile(`(?i)(?:^|[^\pL])(the|your|you|and|with|this|that|sign in|sign out|password|address|account|please|again|enter|choose|from|which|when|they|have|has|been|will|our|are|was|not|minutes ago|login|click|browser|device)(?:$|[^\pL])`)

func TestFrenchHoldsNoEnglish(t *testing.T) {
	en := catalogue(t, English)
	for key, m := range catalogue(t, French) {
		for i, text := range m.forms {
			plain := placeholder.ReplaceAllString(markup.ReplaceAllString(text, ""), "")
			if english.MatchString(plain) {
				t.Errorf("%s %s: %q holds English: %q", m.file, key, text, english.FindString(plain))
			}
			same := i < len(en[key].forms) && en[key].forms[i] == text
			if same && len(strings.Fields(plain)) > 2 {
				t.Errorf("%s %s: %q is the same in both languages", m.file, key, text)
			}
		}
	}
}

var sentenceEnd = regexp.MustCompile(`[.!?:](?:\s|$)`)

// words are the words of a text without placeholders' braces and markup.
func words(text string) []string {
	text = placeholder.ReplaceAllString(markup.ReplaceAllString(text, ""), "X")
	return strings.FieldsFunc(text, func(r rune) bool {
		return strings.ContainsRune(" \u00a0\u202f.,;:!?()«»“”–—/’", r)
	})
}

func TestSentencesAreShort(t *testing.T) {
	const most = 25
	for _, l := range Langs() {
		for key, m := range catalogue(t, l) {
			for _, text := range m.forms {
				for _, sentence := range sentenceEnd.Split(markup.ReplaceAllString(text, ""), -1) {
					if n := len(strings.Fields(sentence)); n > most {
						t.Errorf("%s %s %s: a sentence of %d words: %q", l, m.file, key, n, sentence)
					}
				}
			}
		}
	}
}

// lix is Björnsson's readability index: words per sentence and the share of words
// longer than six letters. Up to 30 is easy, 40 is a newspaper.
func lix(texts []string) (index float64, count int) {
	sentences, long := 0, 0
	for _, text := range texts {
		for _, sentence := range sentenceEnd.Split(text, -1) {
			if len(words(sentence)) > 0 {
				sentences++
			}
		}
		for _, w := range words(text) {
			count++
			if len([]rune(w)) > 6 {
				long++
			}
		}
	}
	if count == 0 {
		return 0, 0
	}
	return float64(count)/float64(sentences) + 100*float64(long)/float64(count), count
}

// TestPagesAreEasyToRead takes the messages of one page (the first part of their
// keys) as one text; labels and buttons alone are too short to judge.
func TestPagesAreEasyToRead(t *testing.T) {
	limit := map[Lang]float64{English: 35, French: 45}
	const enough = 60 // words
	for _, l := range Langs() {
		pages := map[string][]string{}
		for key, m := range catalogue(t, l) {
			page, _, _ := strings.Cut(key, ".")
			for _, text := range m.forms[:1] {
				if len(words(text)) >= 5 {
					pages[page] = append(pages[page], text)
				}
			}
		}
		for page, texts := range pages {
			if index, count := lix(texts); count >= enough && index > limit[l] {
				t.Errorf("%s %s: LIX %.1f over %.0f (%d words)", l, page, index, limit[l], count)
			}
		}
	}
}
