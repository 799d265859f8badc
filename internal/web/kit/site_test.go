package kit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/web"
)

func get(h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	h := gallery(t, newSite(t))
	for _, path := range []string{"/sign-in", "/nowhere", "/services"} {
		w := get(h, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
			"X-Robots-Tag": "noindex",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %s: %q, want %q", path, name, got, want)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self';"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		body := w.Body.String()
		for _, inline := range []string{"<style", " style=", "<script>", " onclick=", "javascript:", "unsafe-inline"} {
			if strings.Contains(body+policy, inline) {
				t.Errorf("%s holds %q", path, inline)
			}
		}
	}
	plain := gallery(t, newSite(t, func(c *Config) { c.PublicURL = "http://localhost:8080" }))
	if got := get(plain, "/sign-in").Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("over http: %q", got)
	}
}

func TestFormActionNamesTheOriginOfTheReturnAndNothingElse(t *testing.T) {
	for address, want := range map[string]string{
		"https://service.example/callback?x=1": "form-action 'self' https://service.example;",
		"http://127.0.0.1:8081/callback":       "form-action 'self' http://127.0.0.1:8081;",
		"ca.example.app:/callback":             "form-action 'self' ca.example.app:;",
		"javascript:alert(1)":                  "form-action 'self';",
		"https://a.example; script-src *":      "form-action 'self';",
		"https://*.example":                    "form-action 'self';",
		"data:text/html,x":                     "form-action 'self';",
		"":                                     "form-action 'self';",
	} {
		if got := policy([]string{address}, nil); !strings.Contains(got, want) {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestTheLanguageLinkKeepsThePageAndTheCookieIsKept(t *testing.T) {
	h := gallery(t, newSite(t))
	w := get(h, "/sign-in?error=email&x=a%26b")
	if !strings.Contains(w.Body.String(), `id="language-link" href="/sign-in?error=email&amp;x=a%26b&amp;lang=fr" lang="fr"`) {
		t.Errorf("the link to the other language is wrong")
	}
	w = get(h, "/sign-in?error=email&lang=fr&x=1")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/sign-in?error=email&x=1" {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Location"))
	}
	cookie := w.Result().Cookies()[0]
	if cookie.Name != LangCookie || cookie.Value != "fr" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %+v", cookie)
	}
	w = get(h, "/sign-in", "Cookie", LangCookie+"=fr", "Accept-Language", "en")
	if !strings.Contains(w.Body.String(), `<html lang="fr">`) || w.Header().Get("Content-Language") != "fr" {
		t.Error("the cookie did not win over the browser's language")
	}
	if w := get(h, "/sign-in?lang=xx"); w.Code != http.StatusSeeOther || len(w.Result().Cookies()) != 0 {
		t.Errorf("an unknown language: %d, %v", w.Code, w.Result().Cookies())
	}
}

func FuzzLanguageSwitchStaysHere(f *testing.F) {
	for _, seed := range []string{"/", "//evil.example", `/\evil.example`, "/a/..//evil.example", "/%2f%2fevil.example", "/%5cevil.example", "/x y", "/.//evil.example/..", "///"} {
		f.Add(seed, "x=1")
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Scheme != "" {
			t.Skip()
		}
		r := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Host: "account.example.org"}
		u.RawQuery = query + "&lang=fr"
		w := httptest.NewRecorder()
		s := &Site{Config: Config{Langs: i18n.Langs()}}
		if !s.switchLang(w, r) {
			t.Skip()
		}
		target := w.Header().Get("Location")
		base, _ := url.Parse("https://account.example.org/")
		to, err := base.Parse(target)
		if err != nil || to.Host != "account.example.org" || to.Scheme != "https" {
			t.Fatalf("%q leads to %q", path, target)
		}
		if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.HasPrefix(target, `/\`) || strings.ContainsAny(target, "\r\n") {
			t.Fatalf("%q leads to %q", path, target)
		}
		if _, again := to.Query()["lang"]; again {
			t.Fatalf("%q would switch again", target)
		}
	})
}

func TestKindsOfFaultBecomeTheirPages(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		after  string
		words  string
	}{
		"invalid":     {fault.New(fault.Invalid, "error.400.form"), 400, "", "in a shape that we cannot read"},
		"denied":      {fault.New(fault.Denied, "error.x"), 403, "", "not open to you"},
		"not found":   {fault.New(fault.NotFound, "error.x"), 404, "", "nothing at this address"},
		"conflict":    {fault.New(fault.Conflict, "error.x"), 409, "", "Another tab"},
		"expired":     {fault.New(fault.Expired, "error.x"), 410, "", "open for too long"},
		"throttled":   {fault.Retry(fault.Throttled, "error.x", 10*time.Minute), 429, "600", "10\u00a0minutes"},
		"unavailable": {fault.New(fault.Unavailable, "error.x"), 503, "5", "busy"},
		"internal":    {fault.Wrap(fault.Internal, "error.400.form", errors.New("secret detail")), 500, "", "The mistake is ours"},
		"plain":       {errors.New("secret detail"), 500, "", "The mistake is ours"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := newSite(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
			mux := http.NewServeMux()
			mux.Handle("GET /link/{token}", s.Handle(func(_ http.ResponseWriter, r *http.Request) error {
				SceneOf(r).Lintel = &Lintel{Name: "Fishing licences"}
				SceneOf(r).Back = &Link{Text: "Fishing licences", URL: "https://fishing.example/"}
				return c.err
			}))
			w := get(s.Wrap(mux), "/link/very-secret-token")
			body := w.Body.String()
			if w.Code != c.status || w.Header().Get("Retry-After") != c.after || !strings.Contains(body, c.words) {
				t.Errorf("%d, Retry-After %q\n%s", w.Code, w.Header().Get("Retry-After"), body)
			}
			if strings.Contains(body, "secret detail") || !strings.Contains(body, `id="back-to-service" href="https://fishing.example/"`) {
				t.Errorf("the page tells too much or too little:\n%s", body)
			}
			if strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), "very-secret-token") {
				t.Errorf("logged: %s", log.String())
			}
			_, rest, _ := strings.Cut(log.String(), `"reference":"`)
			if reference, _, _ := strings.Cut(rest, `"`); len(reference) != 9 || !strings.Contains(body, reference) {
				t.Errorf("the page does not show the reference of the log: %q", reference)
			}
		})
	}
}

func TestUnknownAddressesAndMethodsHavePages(t *testing.T) {
	h := gallery(t, newSite(t))
	if w := get(h, "/nowhere"); w.Code != 404 || !strings.Contains(w.Body.String(), `data-page="error-404"`) {
		t.Errorf("404: %d", w.Code)
	}
	r := httptest.NewRequest(http.MethodDelete, "/sign-in", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 405 || !strings.Contains(w.Header().Get("Allow"), "GET") || !strings.Contains(w.Body.String(), `data-page="error-405"`) {
		t.Errorf("405: %d %v", w.Code, w.Header())
	}
}

func TestAPanicIsTheLastResortPage(t *testing.T) {
	var log bytes.Buffer
	s := newSite(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) { panic("secret detail") })
	w := get(s.Wrap(mux), "/")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret detail") || !strings.Contains(log.String(), "secret detail") {
		t.Errorf("%d %s", w.Code, log.String())
	}
}

func TestErrorPagesSpeakTheLanguageOfTheRequest(t *testing.T) {
	s := newSite(t)
	for _, lang := range i18n.Langs() {
		for _, status := range []int{400, 403, 404, 405, 409, 410, 413, 415, 429, 500, 503} {
			mux := http.NewServeMux()
			mux.Handle("GET /", s.Handle(func(http.ResponseWriter, *http.Request) error {
				return &pageFault{page: "error", status: status, after: 90 * time.Second}
			}))
			w := get(s.Wrap(mux), "/", "Accept-Language", string(lang))
			body := w.Body.String()
			if w.Code != status || strings.Contains(body, "[error.") || strings.Contains(body, "{{") || !strings.Contains(body, `<html lang="`+string(lang)+`"`) {
				t.Errorf("%s %d: %d\n%s", lang, status, w.Code, body)
			}
			if strings.Count(body, "<h1>") != 1 {
				t.Errorf("%s %d: not one h1", lang, status)
			}
		}
	}
}

func TestTheClientIsTheFirstAddressThatNoTrustedProxyWrote(t *testing.T) {
	s := &Site{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"203.0.113.9:1234", "1.2.3.4", "203.0.113.9"},
		{"10.0.0.1:1234", "1.2.3.4", "1.2.3.4"},
		{"10.0.0.1:1234", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"},
		{"10.0.0.1:1234", "", "10.0.0.1"},
		{"10.0.0.1:1234", "rubbish", "10.0.0.1"},
		{"10.0.0.1:1234", "6.6.6.6, rubbish", "10.0.0.1"},
		{"[fd00::1]:1234", "2001:db8::7", "2001:db8::7"},
		{"[::ffff:10.0.0.1]:1234", "::ffff:1.2.3.4", "1.2.3.4"},
		{"@", "", ""},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": {c.forwarded}}}
		if got := s.clientIP(r); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestStaticFilesAreSmallAndKeptForGood(t *testing.T) {
	s := newSite(t)
	h := gallery(t, s)
	address, err := s.assets.URL("app.css")
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{"gzip, deflate, br": "br", "gzip": "gzip", "": "", "br;q=0, gzip;q=0.5": "gzip"} {
		w := get(h, address, "Accept-Encoding", accept)
		if w.Code != 200 || w.Header().Get("Content-Encoding") != want || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%q: %d %v", accept, w.Code, w.Header())
		}
		again := get(h, address, "Accept-Encoding", accept, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%q again: %d", accept, again.Code)
		}
	}
	if w := get(h, "/assets/app.css"); w.Code != 404 || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("an unknown file: %d", w.Code)
	}
	if w := get(h, "/assets/../kit.go"); w.Code == 200 {
		t.Error("a path leads out")
	}
}

// zipped is the length of content as gzip sends it.
func zipped(t *testing.T, content []byte) int {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestPagesStayWithinTheirBudget(t *testing.T) {
	files, err := web.Files()
	if err != nil {
		t.Fatal(err)
	}
	budget := map[string]int{"app.css": 15 << 10, "app.js": 12 << 10, "altcha.js": 2 << 10, "favicon.svg": 10 << 10, "touch.png": 10 << 10}
	first := 0
	for _, f := range files {
		size := zipped(t, f.Plain)
		if limit, known := budget[f.Name]; !known || size > limit {
			t.Errorf("%s: %d bytes, budget %d", f.Name, size, limit)
		}
		delete(budget, f.Name)
		first += size
		for name, packed := range map[string][]byte{".gz": f.Gzip, ".br": f.Brotli} {
			if packed == nil && f.Name != "touch.png" {
				t.Errorf("%s%s is missing; run npm run build in web/", f.Name, name)
			}
		}
		if strings.Contains(string(f.Plain), "GDS Transport") || strings.Contains(string(f.Plain), "crest") || strings.Contains(string(f.Plain), "@font-face") || strings.Contains(string(f.Plain), "url(") {
			t.Errorf("%s holds what must not be shipped", f.Name)
		}
	}
	if len(budget) > 0 {
		t.Errorf("missing: %v", budget)
	}
	h := gallery(t, newSite(t))
	for _, page := range []string{"sign-in", "check", "choose", "consent", "services", "states", "prose"} {
		size := zipped(t, get(h, "/"+page+"?error=email,password").Body.Bytes())
		if size > 8<<10 {
			t.Errorf("%s: %d bytes of HTML", page, size)
		}
		if first+size > 40<<10 {
			t.Errorf("%s: %d bytes at the first view", page, first+size)
		}
	}
}

// HtmlUnit, which the conformance suite drives, read such a selector without its escape in old versions, and threw
// where the text of a page was asked for.
func TestTheStyleKnowsNoClassWhoseNameIsEscaped(t *testing.T) {
	files, err := web.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name == "app.css" && strings.Contains(string(f.Plain), `.\:`) {
			t.Error(`app.css has a selector of a class whose name is escaped`)
		}
	}
}

func TestTheTitleSaysErrorThenTaskThenServiceThenProduct(t *testing.T) {
	h := gallery(t, newSite(t))
	if w := get(h, "/sign-in"); !strings.Contains(w.Body.String(), "<title>Sign in – Fishing licences – Parvis</title>") {
		t.Error("title")
	}
	if w := get(h, "/sign-in?error=email"); !strings.Contains(w.Body.String(), "<title>Error: Sign in – Fishing licences – Parvis</title>") {
		t.Error("title of an error")
	}
}

func TestOnlyPublicPagesMayBeFound(t *testing.T) {
	h := gallery(t, newSite(t))
	public, private := get(h, "/states"), get(h, "/sign-in")
	for _, want := range []string{`rel="canonical" href="https://account.example.org/states"`, `hreflang="fr"`, `property="og:title"`} {
		if !strings.Contains(public.Body.String(), want) || strings.Contains(private.Body.String(), want) && want != `hreflang="fr"` {
			t.Errorf("%s", want)
		}
	}
	if public.Header().Get("X-Robots-Tag") != "" || private.Header().Get("X-Robots-Tag") != "noindex" {
		t.Error("robots")
	}
}

func TestAPageThatNamesUnknownWordsIsRefusedAtStart(t *testing.T) {
	s := newSite(t)
	for _, text := range []string{`{{t "no.such.key"}}`, `{{if .Data}}{{with (tb "no.such.key" "a" 1)}}{{.}}{{end}}{{end}}`, `{{define "foot"}}{{foot "lock" (th "no.such.key")}}{{end}}`} {
		_, err := s.Pages(fstest.MapFS{"pages/x.html": {Data: []byte(text)}}, "pages")
		if err == nil || !strings.Contains(err.Error(), "no.such.key") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAPageThatIsParsedLateIsRefusedWhenItIsShown(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Late = true })
	pages, err := s.Pages(fstest.MapFS{"pages/x.html": {Data: []byte(`{{t "no.such.key"}}`)}}, "pages")
	if err != nil {
		t.Fatal(err)
	}
	err = pages.Render(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, View{Page: "x", Title: "X"})
	if err == nil || !strings.Contains(err.Error(), "no.such.key") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsTypedIsEscaped(t *testing.T) {
	h := gallery(t, newSite(t))
	b := &browser{t, h, map[string]string{}}
	token := tokenIn(b.do(httptest.NewRequest(http.MethodGet, "/sign-in", nil)).Body.String())
	body := b.do(post("/sign-in", url.Values{tokenField: {token}, "email": {`"><script>alert(1)</script>`}, "password": {"never shown"}}.Encode())).Body.String()
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "never shown") {
		t.Error("typed text was not escaped, or a password came back")
	}
}

func TestSettingsNameTheKeyThatIsWrong(t *testing.T) {
	s := Preset("parvis")
	s.Names = i18n.Text{"en": "X"}
	s.TimeZone = "Mars/Olympus"
	s.Links.Help = i18n.Text{"en": "javascript:alert(1)", "fr": "//evil.example"}
	problems := strings.Join(s.Problems(), "\n")
	for _, want := range []string{"names:", "time_zone", "links.help.en", "links.help.fr"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is not named in:\n%s", want, problems)
		}
	}
	if p := Preset("ontario").Problems(); len(p) > 0 {
		t.Errorf("a preset has problems: %v", p)
	}
}

func TestTheMarkOfADeploymentIsAnImageAndMustBeAnSVG(t *testing.T) {
	file := t.TempDir() + "/mark.svg"
	if err := os.WriteFile(file, []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *Config) { c.Settings.Theme.Mark = file })
	w := get(gallery(t, s), "/sign-in")
	if !strings.Contains(w.Body.String(), `<img class="mark" src="/assets/mark.`) || strings.Contains(w.Body.String(), "alert(1)") {
		t.Error("the mark is not shown as an image")
	}
	svg := get(gallery(t, s), assetPath+s.assets.mark)
	if svg.Code != 200 || !strings.Contains(svg.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", svg.Code, svg.Header())
	}
}

func FuzzAnAddressToComeBackToIsOfThisSite(f *testing.F) {
	for _, raw := range []string{
		"/services", "/services?a=b&c=%26", "//evil.test", `/\evil.test`, "/%2F/evil.test", "https://evil.test/", "/a#b",
		"/.//evil.test", "/%00", "/a?%zz", "/\t/evil.test", "/é?lang=fr",
	} {
		f.Add(raw)
	}
	origin, _ := url.Parse("https://signin.test/somewhere/else")
	f.Fuzz(func(t *testing.T, raw string) {
		out := LocalPath(raw)
		if out == "" {
			return
		}
		to, err := origin.Parse(out)
		if err != nil || to.Scheme != "https" || to.Host != "signin.test" || to.User != nil {
			t.Fatalf("%q leads to %q", raw, out)
		}
		if strings.ContainsAny(out, "\\\r\n\t \x00#") || strings.HasPrefix(out, "//") {
			t.Fatalf("%q became %q", raw, out)
		}
		if again := LocalPath(out); len(out) <= 2000 && again != out {
			t.Fatalf("%q became %q and then %q", raw, out, again)
		}
	})
}

// The policy lets a page frame the origins that it names, and nothing that an address
// could smuggle in; no other page frames anything.
func TestFrameSourcesAreTheOriginsOfWhatIsFramed(t *testing.T) {
	if got := policy(nil, nil); strings.Contains(got, "frame-src") {
		t.Errorf("a page without frames: %s", got)
	}
	for want, frames := range map[string][]string{
		"default-src 'none'; frame-src https://a.example https://b.example:8443; script-src": {"https://a.example/x?y=1", "https://a.example/z", "https://b.example:8443/"},
		"default-src 'none'; script-src": {"javascript:alert(1)", "data:text/html,x", "https://a.example; script-src *", "https://*.example", "ca.example.app:/x", ""},
	} {
		if got := policy(nil, frames); !strings.HasPrefix(got, want) {
			t.Errorf("%v: %s", frames, got)
		}
	}
}
