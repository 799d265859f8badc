package accountui_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parvis/internal/web/webtest"
)

// pagesOfTheAccount are the addresses of the pages that want a sign-in, as the routes in
// the source of this package name them: every pattern "GET …" below /settings and
// /services. Where an address names something, the name is one that nothing has.
func pagesOfTheAccount(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	consts, files := map[string]ast.Expr{"MergePath": &ast.BasicLit{Kind: token.STRING, Value: `"/settings/merge/both"`}}, []*ast.File{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, name := range v.Names {
					consts[name.Name] = v.Values[i]
				}
			}
			return true
		})
	}
	var text func(e ast.Expr) string
	text = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BasicLit:
			s, _ := strconv.Unquote(e.Value) // a number is no pattern
			return s
		case *ast.Ident:
			return text(consts[e.Name])
		case *ast.SelectorExpr:
			return text(consts[e.Sel.Name])
		case *ast.BinaryExpr:
			return text(e.X) + text(e.Y)
		}
		return ""
	}
	var out []string
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			var pattern ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Handle" && len(n.Args) == 2 {
					pattern = n.Args[0]
				}
			case *ast.KeyValueExpr:
				pattern = n.Key
			}
			if pattern == nil {
				return true
			}
			path, ok := strings.CutPrefix(text(pattern), "GET /")
			if ok && (strings.HasPrefix(path, "settings") || strings.HasPrefix(path, "services")) {
				path = strings.NewReplacer("{service}", "student-aid", "{partner}", "bank", "{", "", "}", "").Replace(path)
				out = append(out, "/"+path)
			}
			return true
		})
	}
	slices.Sort(out)
	if len(out) < 25 {
		t.Fatalf("the routes name %d pages only: %v", len(out), out)
	}
	return out
}

// place is where a browser stands.
func place(p *webtest.Person) string { return p.Page.Name() + " at " + p.Page.URL }

// enter proves whatever the door asks for: the password, and the code by e-mail where
// the page wants more.
func enter(h *webtest.House, p *webtest.Person, address, password string) {
	p.T.Helper()
	for range 4 {
		switch {
		case p.Page.Has("sign-in"):
			p.Submit("sign-in", "email", address, "password", password)
		case p.Page.Has("send-code"):
			p.Submit("send-code")
		case p.Page.Has("second-step"):
			p.Submit("second-step", "code", h.Code(address))
		}
	}
}

// R75, R76: a link to any of the account's pages asks for the sign-in and then shows that
// page: to who is not signed in, and to whose session has ended meanwhile.
func TestEveryPageOfTheAccountIsReachedThroughTheSignIn(t *testing.T) {
	h := webtest.Open(t)
	p := registered(h, "en-CA")
	p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
	p.Submit("consent", "#allow")
	for _, path := range pagesOfTheAccount(t) {
		// Where it leads is what it shows to who has signed in with everything asked for.
		p = h.Person("en-CA")
		p.Open("/signin")
		enter(h, p, email, good)
		p.Open(path)
		enter(h, p, email, good)
		want := place(p)

		q := h.Person("en-CA")
		q.Open(path).Must("sign-in", http.StatusOK)
		q.Submit("sign-in", "email", email, "password", "not "+good).Must("sign-in", http.StatusUnprocessableEntity)
		enter(h, q, email, good)
		if got := place(q); got != want {
			t.Errorf("%s ends on %s, want %s", path, got, want)
		}
		h.Advance(31 * time.Minute)
		q.Open(path).Must("session-ended", http.StatusOK).MustSay("30 minutes")
		q.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		enter(h, q, email, good)
		if got := place(q); got != want {
			t.Errorf("%s after the session has ended is %s, want %s", path, got, want)
		}
		h.Advance(time.Hour) // what is limited by the hour is free again
	}
}

// The way through the door may be long: the page that was asked for is not lost on it.
func TestThePageThatWasAskedForIsNotLostOnTheWayIn(t *testing.T) {
	reset := func(h *webtest.House, p, opens *webtest.Person) {
		p.Follow("forgot-password-link")
		p.Submit("forgot-password", "email", email).Must("check-email", http.StatusOK)
		opens.Open(h.Link(email)).Must("confirm-link", http.StatusOK)
		opens.Submit("confirm-link").Must("reset-password", http.StatusOK)
		opens.Submit("reset-password", "password", better).Must("sign-in", http.StatusOK)
		enter(h, opens, email, better)
	}
	for name, way := range map[string]func(h *webtest.House, p *webtest.Person) *webtest.Person{
		"the other language": func(h *webtest.House, p *webtest.Person) *webtest.Person {
			p.Follow("language-link").Must("sign-in", http.StatusOK)
			p.Follow("language-link").Must("sign-in", http.StatusOK)
			enter(h, p, email, good)
			return p
		},
		"a forgotten password": func(h *webtest.House, p *webtest.Person) *webtest.Person {
			reset(h, p, p)
			return p
		},
		"a forgotten password, with the link opened on a phone": func(h *webtest.House, p *webtest.Person) *webtest.Person {
			phone := p.Elsewhere()
			reset(h, p, phone)
			phone.Page.Must("connected-services", http.StatusOK) // whoever asked for the mail does not choose the page
			p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
			enter(h, p, email, better)
			return p
		},
		"a locked account": func(h *webtest.House, p *webtest.Person) *webtest.Person {
			for range 5 {
				p.Submit("sign-in", "email", email, "password", "not "+good)
			}
			p.Page.Must("locked", http.StatusOK)
			p.Follow("unlock-link").Must("unlock", http.StatusOK)
			p.Submit("unlock", "email", email).Must("check-email", http.StatusOK)
			p.Open(h.Link(email))
			p.Submit("confirm-link").Must("unlocked", http.StatusOK)
			p.Follow("sign-in-link")
			enter(h, p, email, good)
			return p
		},
		"an account that is created on the way": func(h *webtest.House, p *webtest.Person) *webtest.Person {
			p.Follow("create-account-link").Must("create-account", http.StatusOK)
			p.Submit("create-account", "email", rose, "terms", "yes").Must("confirm-email", http.StatusOK)
			p.Submit("confirm-email", "code", h.Code(rose)).Must("choose-password", http.StatusOK)
			p.Submit("choose-password", "password", alsoGood)
			enter(h, p, rose, alsoGood)
			return p
		},
		"an account that is created on the way, with the link opened on a phone": func(h *webtest.House, p *webtest.Person) *webtest.Person {
			p.Follow("create-account-link").Must("create-account", http.StatusOK)
			p.Submit("create-account", "email", rose, "terms", "yes").Must("confirm-email", http.StatusOK)
			phone := p.Elsewhere()
			phone.Open(h.Link(rose)).Must("confirm-link", http.StatusOK)
			phone.Submit("confirm-link").Must("choose-password", http.StatusOK)
			phone.Submit("choose-password", "password", alsoGood)
			phone.Page.Must("connected-services", http.StatusOK)
			p.Open(p.Page.URL)
			if p.Page.Has("sign-in-link") {
				p.Follow("sign-in-link")
			}
			enter(h, p, rose, alsoGood)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			const page = "/settings/emails/add"
			h := webtest.Open(t)
			registered(h, "fr-CA")
			p := h.Person("fr-CA")
			p.Open(page).Must("sign-in", http.StatusOK)
			if got, want := place(way(h, p)), "add-email at "+webtest.Origin+page; got != want {
				t.Errorf("ends on %s, want %s", got, want)
			}
		})
	}
}

// Whoever was signed out is told why, and comes back to where they were: also from a form,
// and also when the script finds that the time has run out.
func TestTheEndOfASessionSaysWhyAndLeadsBackToThePage(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		const back = "/settings/sessions"
		devices := func() *webtest.Page {
			p.Open(back)
			enter(h, p, email, good)
			return p.Page.Must("sessions", http.StatusOK)
		}
		ended := "/session/ended?next=" + url.QueryEscape(back)
		if got := devices().Attr("session-warning", "data-ended"); got != ended {
			t.Errorf("the script leads to %s", got)
		}
		h.Advance(31 * time.Minute)
		p.Open(ended).Must("session-ended", http.StatusOK).MustSay("30 minutes")
		if got := p.Page.Href("sign-in-link"); got != back {
			t.Errorf("the way back in leads to %s", got)
		}

		devices()
		h.Advance(31 * time.Minute)
		p.Submit("end-all").Must("session-ended", http.StatusOK) // its address shows nothing
		p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		enter(h, p, email, good)
		p.Page.Must("sessions", http.StatusOK)

		other := p.Elsewhere()
		other.Open(back)
		enter(h, other, email, good)
		other.Submit("end-others")
		p.Open("/settings/language").Must("session-ended", http.StatusOK)
		elsewhere := map[string]string{"en": "from another browser or device", "fr": "à partir d'un autre navigateur ou appareil"}
		p.Page.MustSay(elsewhere[p.Page.Lang()]).MustNotSay("30 minutes")

		for _, stray := range []string{"https://evil.test/", "//evil.test", "/authorize?client_id=x", "/settingsx", "/signout"} {
			if got := p.Open("/session/ended?next="+url.QueryEscape(stray)).Must("session-ended", http.StatusOK).Href("sign-in-link"); got != "/signin" {
				t.Errorf("%s: the way back in leads to %s", stray, got)
			}
		}
	})
}

// Each link of the help leads to a page, in both languages.
func TestEveryLinkOfTheHelpLeadsToItsPage(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		help := p.Open("/help").Must("help", http.StatusOK)
		links := map[string]bool{}
		for part := range strings.SplitSeq(help.Body, `href="/`) {
			if to, _, found := strings.Cut(part, `"`); found && !strings.HasPrefix(to, "<") && !strings.HasPrefix(to, "assets/") {
				links["/"+html.UnescapeString(to)] = true
			}
		}
		if len(links) < 15 || !links["/settings/methods"] || !links["/settings/delete"] {
			t.Fatalf("the help leads to %v", links)
		}
		for to := range links {
			if page := p.Open(to); page.Status != http.StatusOK {
				t.Errorf("%s: %d", to, page.Status)
			}
		}
	})
}
