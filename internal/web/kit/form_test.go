package kit

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"parvis/internal/fault"
)

func post(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestAFormIsReadOnlyWhenItIsClean(t *testing.T) {
	many := make([]string, maxFields+1)
	for i := range many {
		many[i] = "f" + strings.Repeat("x", i) + "=1"
	}
	for name, body := range map[string]string{
		"repeated field":   "email=a&email=b",
		"NUL":              "email=a%00b",
		"NUL in a name":    "em%00ail=a",
		"invalid UTF-8":    "email=%ff%fe",
		"broken escape":    "email=%zz",
		"semicolon":        "a=1;b=2",
		"too many fields":  strings.Join(many, "&"),
		"overlong UTF-8":   "email=%c0%af",
		"surrogate halves": "email=%ed%a0%80",
	} {
		if _, err := ReadForm(nil, post("/", body)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want an invalid form", name, err)
		}
	}
	f, err := ReadForm(nil, post("/", "email=%C3%A9t%C3%A9%40example.org&terms="))
	if err != nil || f.Get("email") != "été@example.org" || !f.Has("terms") || f.Has("other") {
		t.Fatalf("a clean form: %v %v", f, err)
	}
}

func TestABodyOverTheCapIs413AndAnotherTypeIs415(t *testing.T) {
	status := func(r *http.Request) int {
		w := httptest.NewRecorder()
		mux := http.NewServeMux()
		s := newSite(t)
		mux.Handle("POST /", s.Handle(func(w http.ResponseWriter, r *http.Request) error {
			_, err := ReadForm(w, r)
			return err
		}))
		s.Wrap(mux).ServeHTTP(w, r)
		return w.Code
	}
	if got := status(post("/", "a="+strings.Repeat("x", 70<<10))); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: %d", got)
	}
	for _, kind := range []string{"", "text/plain", "multipart/form-data; boundary=x", "application/json", "application/x-www-form-urlencoded; charset"} {
		r := post("/", "a=1")
		r.Header.Set("Content-Type", kind)
		if got := status(r); got != http.StatusUnsupportedMediaType {
			t.Errorf("content type %q: %d", kind, got)
		}
	}
	r := post("/", "a=1")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	if got := status(r); got != http.StatusOK {
		t.Errorf("a form with a charset: %d", got)
	}
}

func TestOnlyTheAddressesThatSaySoTakeLongerBodies(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Bodies = map[string]int64{"POST /long/{name}": 100 << 10} })
	mux := http.NewServeMux()
	for _, pattern := range []string{"POST /long/{name}", "POST /short"} {
		mux.Handle(pattern, s.Handle(func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.ReadAll(r.Body)
			return err
		}))
	}
	for _, c := range []struct {
		path   string
		length int
		want   int
	}{
		{"/long/a", 90 << 10, http.StatusOK},
		{"/long/a", 101 << 10, http.StatusRequestEntityTooLarge},
		{"/short", 90 << 10, http.StatusRequestEntityTooLarge},
		{"/short", 60 << 10, http.StatusOK},
	} {
		for _, told := range []bool{true, false} {
			r := post(c.path, strings.Repeat("x", c.length))
			if !told {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			s.Wrap(mux).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%s, %d bytes, length told: %v: %d", c.path, c.length, told, w.Code)
			}
		}
	}
}

func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2", "a=%00", "a=%ff", "a=1&a=2", "%=&=%;", "a=" + strings.Repeat("%C3%A9", 50)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		form, err := ParseForm(raw)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		for name, value := range form.values {
			if !utf8.ValidString(name+value) || strings.ContainsRune(name+value, 0) {
				t.Fatalf("%q was let through: %q=%q", raw, name, value)
			}
		}
	})
}

// browser is one browser: it keeps cookies and reads the form's token.
type browser struct {
	t       *testing.T
	h       http.Handler
	cookies map[string]string
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	b.t.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return w
}

func tokenIn(body string) string {
	_, rest, _ := strings.Cut(body, `name="form_token" value="`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// changed is a token with another first character, whatever the first one was.
func changed(token string) string {
	if token[0] == 'x' {
		return "y" + token[1:]
	}
	return "x" + token[1:]
}

func TestAFormNeedsTheTokenOfItsOwnBrowserAndForm(t *testing.T) {
	h := gallery(t, newSite(t))
	one := &browser{t, h, map[string]string{}}
	token := tokenIn(one.do(httptest.NewRequest(http.MethodGet, "/sign-in", nil)).Body.String())
	if token == "" || one.cookies[BrowserCookie] == "" {
		t.Fatal("the page gave no token or no cookie")
	}
	body := func(token string) string { return url.Values{tokenField: {token}, "email": {"a"}}.Encode() }
	if w := one.do(post("/sign-in", body(token))); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `value="a"`) {
		t.Errorf("the right token: %d", w.Code)
	}
	page := func(w *httptest.ResponseRecorder) string {
		_, rest, _ := strings.Cut(w.Body.String(), `data-page="`)
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	for name, token := range map[string]string{"none": "", "forged": changed(token), "another form's": tokenIn(one.do(httptest.NewRequest(http.MethodGet, "/check", nil)).Body.String())} {
		if w := one.do(post("/sign-in", body(token))); w.Code != http.StatusBadRequest || page(w) != "too-old" || !strings.Contains(w.Body.String(), `href="/sign-in"`) {
			t.Errorf("%s token: %d %s", name, w.Code, page(w))
		}
	}
	other := &browser{t, h, map[string]string{}}
	other.do(httptest.NewRequest(http.MethodGet, "/sign-in", nil))
	if w := other.do(post("/sign-in", body(token))); page(w) != "too-old" {
		t.Errorf("another browser's token: %s", page(w))
	}
	without := &browser{t, h, map[string]string{}}
	if w := without.do(post("/sign-in", body(token))); w.Code != http.StatusBadRequest || page(w) != "cookies-off" {
		t.Errorf("no cookie: %d %s", w.Code, page(w))
	}
	foreign := post("/sign-in", body(token))
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := one.do(foreign); w.Code != http.StatusForbidden || page(w) != "other-site" {
		t.Errorf("from another site: %d %s", w.Code, page(w))
	}
}

func TestOnlyTheBypassListTakesPostsFromOtherSites(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Bypass = []string{"POST /authorize"} })
	mux := http.NewServeMux()
	mux.HandleFunc("POST /authorize", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /signout", func(http.ResponseWriter, *http.Request) {})
	for path, want := range map[string]int{"/authorize": http.StatusOK, "/signout": http.StatusForbidden} {
		r := post(path, "")
		r.Header.Set("Origin", "https://elsewhere.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		s.Wrap(mux).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestAFaultAboutAFieldIsShownBesideIt(t *testing.T) {
	f := &Form{}
	if !f.FailWith(fault.On("email", fault.Invalid, "sign-in.error.email")) || f.OK() || f.Of("email") == nil {
		t.Error("an invalid field was not noted")
	}
	for _, err := range []error{errors.New("x"), fault.New(fault.Denied, "error.x"), fault.On("email", fault.Internal, "x"), fault.Retry(fault.Unavailable, "x", time.Second)} {
		if f.FailWith(err) {
			t.Errorf("%v was shown in the form", err)
		}
	}
}

func TestACookieThatComesTwiceWithTwoValuesIsNone(t *testing.T) {
	mine, planted := strings.Repeat("a", 43), strings.Repeat("b", 43)
	for _, c := range []struct{ header, want string }{
		{BrowserCookie + "=" + mine, mine},
		{BrowserCookie + "=" + mine + "; " + BrowserCookie + "=" + mine, mine},
		{BrowserCookie + "=" + planted + "; " + BrowserCookie + "=" + mine, ""},
		{BrowserCookie + "=; " + BrowserCookie + "=" + mine, ""},
		{BrowserCookie + "=" + strings.Repeat("a", 201), ""},
		{"other=x", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", c.header)
		if got := Cookie(r, BrowserCookie); got != c.want {
			t.Errorf("%s: %q, want %q", c.header, got, c.want)
		}
	}
}

func TestAFormWhoseFieldsAreGoneKeepsWhatIsWrong(t *testing.T) {
	f := NewForm("code", "402917")
	f.Fail("code", "sign-in.error.wrong")
	f.Fail("terms", "create-account.error.terms")
	f.Unbind("code")
	if f.OK() || f.Of("code") != nil || f.Of("") == nil || f.Of("terms") == nil {
		t.Errorf("%+v", f.Errors)
	}
	(*Form)(nil).Unbind("code")
}
