// Package webtest plays a person in front of the pages: it opens addresses,
// follows links, fills in forms and presses buttons, by the ids that pages
// promise, and reads what the page says. It drives an http.Handler in the same
// process, keeps cookies as a browser does, sends the headers a browser sends,
// and runs no JavaScript.
//
// Only tests import it. A step that a person could not take (no such link, no
// such form, a field that is not there) fails the test at once.
package webtest

import (
	"bytes"
	"cmp"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// redirectLimit is how many redirects are followed, as browsers do.
const redirectLimit = 20

// Person is one person at one browser.
type Person struct {
	T        testing.TB
	Handler  http.Handler
	Origin   string            // where the handler lives, e.g. "https://signin.test"
	Language string            // Accept-Language, e.g. "fr-CA"
	IP       string            // remote address; "" means 192.0.2.1
	NoCookie bool              // the browser refuses cookies
	Stay     bool              // redirects are not followed: the network broke after the answer
	Before   func()            // called before each request; may be nil
	cookies  map[string]string // the jar: every cookie of ours has Path=/

	Page   *Page   // what is on the screen
	Trail  []*Page // every answer since the last request of the person, redirects too
	Left   string  // address outside Origin that the last answer led to; "" while inside
	Header http.Header
}

// New is a person with an empty browser.
func New(t testing.TB, h http.Handler, origin, language string) *Person {
	return &Person{T: t, Handler: h, Origin: origin, Language: language, cookies: map[string]string{}}
}

// Elsewhere is the same person at another, empty browser.
func (p *Person) Elsewhere() *Person {
	other := New(p.T, p.Handler, p.Origin, p.Language)
	other.Before = p.Before
	return other
}

// Tab is the same browser in a second tab: cookies are shared, the screen is not.
func (p *Person) Tab() *Person {
	return &Person{T: p.T, Handler: p.Handler, Origin: p.Origin, Language: p.Language, IP: p.IP, Before: p.Before, cookies: p.cookies}
}

// Cookie is the value of a cookie in the jar, "" if there is none.
func (p *Person) Cookie(name string) string { return p.cookies[name] }

// SetCookie puts a cookie into the jar; an empty value removes it.
func (p *Person) SetCookie(name, value string) {
	if value == "" {
		delete(p.cookies, name)
		return
	}
	p.cookies[name] = value
}

// Open opens an address: absolute inside Origin, or a path.
func (p *Person) Open(address string) *Page {
	p.T.Helper()
	return p.visit(http.MethodGet, address, nil, "")
}

// Follow follows the link with an id, or presses the button that stands for it
// and belongs to a form elsewhere on the page, which is filled in with values.
func (p *Person) Follow(linkID string, values ...string) *Page {
	p.T.Helper()
	a := p.Page.byID(linkID)
	if a != nil && a.Data == "button" && attr(a, "form") != "" {
		form := p.Page.byID(attr(a, "form"))
		filled := p.fill(form, values)
		if name := attr(a, "name"); name != "" {
			filled.Set(name, attr(a, "value"))
		}
		return p.visit(http.MethodPost, cmp.Or(attr(a, "formaction"), attr(form, "action")), filled, p.Page.URL)
	}
	if a == nil || attr(a, "href") == "" {
		p.T.Fatalf("%s: no link #%s on the page\n%s", p.Page.URL, linkID, p.Page.Text())
	}
	return p.visit(http.MethodGet, attr(a, "href"), nil, p.Page.URL)
}

// FollowText follows the first link whose text contains a text.
func (p *Person) FollowText(text string) *Page {
	p.T.Helper()
	for _, a := range p.Page.all("a") {
		if strings.Contains(textOf(a), text) {
			return p.visit(http.MethodGet, attr(a, "href"), nil, p.Page.URL)
		}
	}
	p.T.Fatalf("%s: no link says %q\n%s", p.Page.URL, text, p.Page.Text())
	return nil
}

// Submit fills in the form with an id (name, value, name, value …) and presses
// its main button, or the button whose id is given as "#id" before the values.
func (p *Person) Submit(formID string, values ...string) *Page {
	p.T.Helper()
	button := ""
	if len(values)%2 == 1 {
		button, values = strings.TrimPrefix(values[0], "#"), values[1:]
	}
	form := p.Page.byID(formID)
	if form == nil || form.Data != "form" {
		p.T.Fatalf("%s: no form #%s on the page\n%s", p.Page.URL, formID, p.Page.Text())
	}
	filled := p.fill(form, values)
	p.press(form, button, filled)
	action := attr(form, "action")
	if action == "" {
		action = p.Page.URL
	}
	if strings.EqualFold(attr(form, "method"), "post") {
		return p.visit(http.MethodPost, action, filled, p.Page.URL)
	}
	return p.visit(http.MethodGet, action+"?"+filled.Encode(), nil, p.Page.URL)
}

// Send posts values to an address as a form of this origin would, whatever the screen shows.
func (p *Person) Send(address string, values url.Values) *Page {
	p.T.Helper()
	if values == nil {
		values = url.Values{}
	}
	return p.visit(http.MethodPost, address, values, p.Origin+"/")
}

// fill takes what the form holds and puts the person's values over it.
func (p *Person) fill(form *html.Node, values []string) url.Values {
	filled := url.Values{}
	named := map[string]bool{}
	walk(form, func(n *html.Node) {
		name := attr(n, "name")
		if name == "" || n.Data == "button" {
			return
		}
		named[name] = true
		switch kind := attr(n, "type"); {
		case n.Data == "textarea":
			filled.Set(name, textOf(n))
		case kind == "checkbox" || kind == "radio":
			if has(n, "checked") {
				filled.Add(name, attr(n, "value"))
			}
		case n.Data == "input" && kind != "submit":
			filled.Set(name, attr(n, "value"))
		case n.Data == "select":
			filled.Set(name, selected(n))
		}
	})
	for i := 0; i < len(values); i += 2 {
		if !named[values[i]] {
			p.T.Fatalf("%s: form #%s has no field %q", p.Page.URL, attr(form, "id"), values[i])
		}
		if values[i+1] == "" {
			filled.Del(values[i]) // an unticked box; an empty text counts the same
			continue
		}
		filled.Set(values[i], values[i+1])
	}
	return filled
}

// press adds the pressed button's own value; without an id it is #submit, #logout-yes or the only button.
func (p *Person) press(form *html.Node, id string, filled url.Values) {
	p.T.Helper()
	var buttons []*html.Node
	walk(form, func(n *html.Node) {
		if n.Data == "button" && attr(n, "type") != "button" {
			buttons = append(buttons, n)
		}
	})
	want := id
	if want == "" {
		want = "submit"
	}
	i := slices.IndexFunc(buttons, func(b *html.Node) bool { return attr(b, "id") == want })
	if i < 0 && id == "" {
		i = slices.IndexFunc(buttons, func(b *html.Node) bool { return attr(b, "id") == "logout-yes" })
	}
	if i < 0 && id == "" && len(buttons) == 1 {
		i = 0
	}
	if i < 0 {
		p.T.Fatalf("%s: form #%s has no button #%s", p.Page.URL, attr(form, "id"), want)
	}
	if name := attr(buttons[i], "name"); name != "" {
		filled.Set(name, attr(buttons[i], "value"))
	}
}

// visit sends a request and follows what it answers.
func (p *Person) visit(method, address string, form url.Values, from string) *Page {
	p.T.Helper()
	p.Trail, p.Left = nil, ""
	base := p.Origin + "/"
	if p.Page != nil {
		base = p.Page.URL
	}
	target := resolve(p.T, base, address)
	if p.Before != nil {
		p.Before()
	}
	for range redirectLimit {
		if !strings.HasPrefix(target, p.Origin+"/") {
			p.Left = target
			return p.Page
		}
		page := p.request(method, target, form, from)
		p.Trail = append(p.Trail, page)
		location := page.Header.Get("Location")
		if on, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url="); ok {
			location = on // a page that leads on by itself
		}
		if location == "" || p.Stay {
			p.Page = page
			return page
		}
		if page.Status != http.StatusTemporaryRedirect && page.Status != http.StatusPermanentRedirect {
			method, form = http.MethodGet, nil
		}
		target = resolve(p.T, target, location)
	}
	p.T.Fatalf("%s: too many redirects", target)
	return nil
}

// request sends one request with the headers of a browser and keeps the cookies.
func (p *Person) request(method, target string, form url.Values, from string) *Page {
	p.T.Helper()
	var body *bytes.Reader
	if form != nil {
		body = bytes.NewReader([]byte(form.Encode()))
	} else {
		body = bytes.NewReader(nil)
	}
	r := httptest.NewRequestWithContext(p.T.Context(), method, target, body)
	r.RemoteAddr = "192.0.2.1:40000"
	if p.IP != "" {
		r.RemoteAddr = p.IP + ":40000"
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Accept-Language", p.Language)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", p.Origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	} else if from != "" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	maps.Copy(r.Header, p.Header)
	for name, value := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value}) //nolint:gosec // a request's cookie has no attributes
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	answer := w.Result()
	defer func() { _ = answer.Body.Close() }() // a recorder's body cannot fail
	if !p.NoCookie {
		p.keep(answer.Cookies())
	}
	return read(p.T, target, answer.StatusCode, answer.Header, w.Body.Bytes())
}

// keep stores cookies as a browser does and checks that they are made as promised.
func (p *Person) keep(cookies []*http.Cookie) {
	p.T.Helper()
	for _, c := range cookies {
		// At http: only the whole house is met, whose door gives other names; see kit.OverHTTP.
		safe := strings.HasPrefix(c.Name, "__Host-") && c.Secure
		plain := strings.HasPrefix(p.Origin, "http://") && strings.HasPrefix(c.Name, "parvis_") && !c.Secure
		if !safe && !plain || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			p.T.Errorf("cookie %s is not __Host-, Secure, HttpOnly, SameSite=Lax, Path=/: %s", c.Name, c)
		}
		if c.MaxAge < 0 || c.Value == "" {
			delete(p.cookies, c.Name)
			continue
		}
		p.cookies[c.Name] = c.Value
	}
}

func resolve(t testing.TB, base, address string) string {
	t.Helper()
	b, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Fragment = ""
	return u.String()
}
