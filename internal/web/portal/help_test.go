package portal_test

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"parvis/internal/web/portal"
	"parvis/internal/web/webtest"
)

// numbers are the numbers of a text as people read them.
var numbers = regexp.MustCompile(`\d+(?:\.\d+)?`)

// fixed are numbers that no setting changes: the step of RFC 6238, the oldest TLS that is
// offered, and the key that resets the zoom.
var fixed = map[string][]string{"help.app.what.a": {"30"}, "help.tls.what": {"1.2"}, "help.text.keys-how": {"0"}}

// helpTexts are the messages of the help in one language.
func helpTexts(t *testing.T, lang string) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../i18n/catalogue/" + lang + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	out := map[string]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var messages map[string]any
		if err := json.Unmarshal(raw, &messages); err != nil {
			t.Fatal(err)
		}
		for key, text := range messages {
			if !strings.HasPrefix(key, "help.") {
				continue
			}
			switch text := text.(type) {
			case string:
				out[key] = text
			case map[string]any:
				for _, form := range text {
					out[key] += form.(string) + "\n"
				}
			}
		}
	}
	return out
}

// R90: who changes a setting changes the help. A number that is written into an answer
// would stay as it is.
func TestNoAnswerOfTheHelpHoldsANumberOfItsOwn(t *testing.T) {
	placeholder := regexp.MustCompile(`\{\{[^}]*\}\}`)
	for _, lang := range []string{"en", "fr"} {
		texts := helpTexts(t, lang)
		if len(texts) < 150 {
			t.Fatalf("%s: only %d messages", lang, len(texts))
		}
		for key, text := range texts {
			if found := numbers.FindAllString(placeholder.ReplaceAllString(text, ""), -1); !slices.Equal(found, fixed[key]) {
				t.Errorf("%s %s: %v stands in the text, want a placeholder: %q", lang, key, found, text)
			}
		}
	}
}

// Each number on the page is one of the settings, and follows it.
func TestEveryNumberOfTheHelpFollowsItsSetting(t *testing.T) {
	read := func(name string, change func(*portal.Portal)) map[string][]string {
		out := map[string][]string{}
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				p := webtest.New(t, h.handler, origin, "en-CA")
				for _, path := range []string{"/en/help", "/fr/aide"} {
					out[path] = numbers.FindAllString(p.Open(path).Text(), -1)
				}
			}, change)
		})
		return out
	}
	set := func(base int) func(*portal.Portal) {
		return func(p *portal.Portal) {
			n := &p.Numbers
			n.Attempts = base + 1
			n.LinkValid, n.ResetValid = time.Duration(base+2)*time.Minute, time.Duration(base+3)*time.Minute
			n.PartnerValid, n.EmailCodeValid = time.Duration(base+4)*time.Minute, time.Duration(base+5)*time.Minute
			n.ActivateWithin, n.CoolingOff = time.Duration(base)*time.Hour, time.Duration(base+6)*time.Hour
			n.Closing = time.Duration(base+7) * 24 * time.Hour
			n.Unused, n.UnusedFirst, n.UnusedSecond = time.Duration(base+8)*24*time.Hour, time.Duration(base+9)*24*time.Hour, time.Duration(base+10)*24*time.Hour
		}
	}
	a, b := read("low", set(10)), read("high", set(40))
	for path, first := range a {
		second := b[path]
		if len(first) != len(second) {
			t.Fatalf("%s: %v and %v", path, first, second)
		}
		moved := map[string]string{}
		for i := range first {
			if first[i] != second[i] {
				moved[first[i]] = second[i]
			} else if !slices.Contains([]string{"30", "1.2", "0"}, first[i]) {
				t.Errorf("%s: %s stands there whatever is configured", path, first[i])
			}
		}
		want := map[string]string{"10": "40", "11": "41", "12": "42", "13": "43", "14": "44", "15": "45", "16": "46", "17": "47", "18": "48", "19": "49", "20": "50"}
		if !maps.Equal(moved, want) {
			t.Errorf("%s: the numbers move as %v, want %v", path, moved, want)
		}
	}
}

// outline is the structure of the help: headings with their places, steps, lists and links.
func outline(t *testing.T, page *webtest.Page) (marks, questions []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page.Body))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *html.Node, in bool)
	walk = func(n *html.Node, in bool) {
		if n.Type == html.ElementNode {
			id, href := "", ""
			for _, a := range n.Attr {
				switch a.Key {
				case "id":
					id = a.Val
				case "href":
					href = strings.NewReplacer("/en/help", "", "/fr/aide", "", "/en/methods", "M", "/fr/preuves", "M", "/en/contact", "C", "/fr/contact", "C").Replace(a.Val)
				case "class":
					in = in || a.Val == "prose"
				}
			}
			if in && slices.Contains([]string{"h2", "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "a"}, n.Data) {
				marks = append(marks, n.Data+"#"+id+" "+href)
			}
			if in && n.Data == "h3" {
				questions = append(questions, strings.TrimSpace(text(n)))
				next := n.NextSibling
				for next != nil && next.Type != html.ElementNode {
					next = next.NextSibling
				}
				if next == nil || !slices.Contains([]string{"p", "ul", "ol", "dl"}, next.Data) {
					t.Errorf("%s: %q has no answer", page.URL, text(n))
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, in)
		}
	}
	walk(root, false)
	return marks, questions
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var out strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out.WriteString(text(c))
	}
	return out.String()
}

// Both languages have the same entries, answered with as many steps and the same links,
// and no entry is written that the page does not show.
func TestTheHelpIsTheSameInBothLanguagesAndWhole(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := webtest.New(t, h.handler, origin, "en-CA")
		english, asked := outline(t, p.Open("/en/help").Must("help", http.StatusOK))
		anchors(t, p.Page)
		french, _ := outline(t, p.Open("/fr/aide").Must("help", http.StatusOK))
		anchors(t, p.Page)
		if !slices.Equal(english, french) {
			t.Errorf("the help differs:\n%v\n%v", english, french)
		}
		if len(asked) < 45 {
			t.Errorf("only %d questions: %q", len(asked), asked)
		}
	})
	template, err := os.ReadFile("pages/help.html")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("portal.go") // the title and the description
	if err != nil {
		t.Fatal(err)
	}
	for key := range helpTexts(t, "en") {
		_, last, _ := strings.Cut(key, ".")
		if !strings.Contains(string(template), `"`+key+`"`) && !strings.Contains(string(code), `".`+last+`"`) {
			t.Errorf("%s is written and never shown", key)
		}
	}
}

// anchors checks that each link within the page leads to something on it.
func anchors(t *testing.T, page *webtest.Page) {
	t.Helper()
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page.Body, -1) {
		if !page.Has(m[1]) {
			t.Errorf("%s leads to #%s, which is not there", page.URL, m[1])
		}
	}
}

// R87: who reads the help learns whether the browser is recent enough.
func TestTheHelpSaysOverWhichTLSItCame(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		behind := webtest.New(t, h.handler, origin, "en-CA")
		behind.Open("/en/help").MustSay("TLS, in version 1.2 or newer", "the browser that you use now is recent enough").MustNotSay("TLS 1.3")
		over := webtest.New(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13}
			h.handler.ServeHTTP(w, r)
		}), origin, "en-CA")
		over.Open("/en/help").MustSay("This page came to you over TLS 1.3")
		over.Open("/fr/aide").MustSay("TLS 1.3")
	})
}
