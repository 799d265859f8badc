package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parvis/internal/authenticator/totp"
	"parvis/internal/i18n"
	"parvis/internal/web/webtest"
)

// running starts a whole demonstration on free ports and stops it with the test.
func running(t *testing.T, partners ...string) ready {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready.json")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var out bytes.Buffer
	go func() {
		ended <- Run(ctx, Options{Bind: "127.0.0.1", ReadyFile: file, Partners: partners, Out: &out, Err: io.Discard, System: time.Now})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), "The demonstration is ready.") {
			t.Errorf("nothing was announced: %q", out.String())
		}
		if len(partners) > 0 && !strings.Contains(out.String(), "Registered for you") {
			t.Errorf("the team's clients were not announced: %q", out.String())
		}
	})
	return awaited(t, file, ended)
}

// awaited waits for the ready file.
func awaited(t *testing.T, file string, ended chan error) ready {
	t.Helper()
	for range 6000 {
		text, err := os.ReadFile(file)
		if err == nil {
			var r ready
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("the demonstration did not become ready")
	return ready{}
}

// network is the running demonstration as a handler, so that a webtest.Person can
// walk it. A jar keeps the cookies of the example services, which have no TLS and
// share one, because cookies ignore ports.
func network(t *testing.T, jar http.CookieJar) http.Handler {
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", r.Host
		answer, err := client.Do(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		maps.Copy(w.Header(), answer.Header)
		if jar != nil {
			w.Header().Del("Set-Cookie")
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
}

// walker is one person at one browser: at the sign-in service and at the services.
type walker struct {
	*webtest.Person
	origins map[string]*webtest.Person
}

func walk(t *testing.T, r ready, language string) *walker {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{origins: map[string]*webtest.Person{r.Issuer: webtest.New(t, network(t, nil), r.Issuer, language)}}
	for _, s := range r.Services {
		origin := strings.TrimSuffix(s.URL, "/")
		w.origins[origin] = webtest.New(t, network(t, jar), origin, language)
	}
	w.Person = w.origins[r.Issuer]
	return w
}

// visit opens an address and goes on from site to site as the redirects lead.
func (w *walker) visit(t *testing.T, address string) *webtest.Page {
	t.Helper()
	for range 10 {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		w.Person = w.origins[u.Scheme+"://"+u.Host]
		if w.Person == nil {
			t.Fatalf("led to %s", address)
		}
		page := w.Open(address)
		if w.Left == "" {
			return page
		}
		address = w.Left
	}
	t.Fatal("redirected for ever")
	return nil
}

// follow goes on after a form led to another site.
func (w *walker) follow(t *testing.T) *webtest.Page {
	t.Helper()
	if w.Left == "" {
		return w.Page
	}
	return w.visit(t, w.Left)
}

func TestAPersonGoesThroughTheDemonstration(t *testing.T) {
	r := running(t)
	for language, method := range map[string]string{"en": "email", "fr": "app"} {
		t.Run(language, func(t *testing.T) {
			w := walk(t, r, language)
			who := r.person(t, method)
			page := w.visit(t, r.Services[0].URL+"/").Must("service-home", http.StatusOK)
			if page.Lang() != language {
				t.Errorf("the service speaks %q", page.Lang())
			}
			w.visit(t, r.Services[0].URL+"/login").Must("sign-in", http.StatusOK)
			w.Submit("sign-in", "email", who.Email, "password", who.Password)
			if w.Left == "" {
				w.Page.Must("consent", http.StatusOK)
				w.Submit("consent", "#allow")
			}
			first := w.follow(t).Must("service-signed-in", http.StatusOK).MustSay("sub", "auth_time")
			w.visit(t, r.Services[1].URL+"/login").Must("second-step", http.StatusOK)
			w.second(t, r, who)
			if w.Page.Name() == "consent" {
				w.Page.MustSay(who.Email)
				w.Submit("consent", "#allow")
				w.follow(t)
			}
			second := w.Page.Must("service-signed-in", http.StatusOK).MustSay(who.Email, "email_verified", "locale", "urn:parvis:acr:aal2")
			if subject(t, first) == subject(t, second) {
				t.Error("both services know the person by the same identifier")
			}
			w.visit(t, r.Services[1].URL+"/logout").Must("service-signed-out", http.StatusOK)
			w.visit(t, r.Issuer+"/services").Must("sign-in", http.StatusOK)
		})
	}
}

// person is the first who has a second step.
func (r ready) person(t *testing.T, method string) Person {
	t.Helper()
	for _, p := range r.People {
		if p.Method == method && p.State == "active" {
			return p
		}
	}
	t.Fatalf("nobody has the second step %q", method)
	return Person{}
}

// second proves the second step: with the app, or with a code by e-mail, after which
// an app is set up.
func (w *walker) second(t *testing.T, r ready, who Person) {
	t.Helper()
	if who.Secret != "" {
		w.Submit("second-step", "code", appCode(t, who.Secret))
		return
	}
	if w.Page.Has("send-code") { // else it was sent when the password was right
		w.Submit("send-code").Must("second-step", http.StatusOK)
	}
	w.Submit("second-step", "code", latest(t, r, who.Email).Codes[0]).Must("set-up-method", http.StatusOK)
	w.setUpApp(t)
}

// setUpApp sets up an app by its key and wants no other method.
func (w *walker) setUpApp(t *testing.T) {
	t.Helper()
	page := w.Submit("set-up-app").Must("set-up-app", http.StatusOK)
	u, err := url.Parse(page.Href("open-app-link"))
	if err != nil {
		t.Fatal(err)
	}
	w.Submit("set-up-app", "code", appCode(t, u.Query().Get("secret"))).Must("set-up-another", http.StatusOK)
	w.Submit("set-up-another", "#not-now")
}

func appCode(t *testing.T, secret string) string {
	t.Helper()
	seed, err := totp.ParseSeed(secret)
	if err != nil {
		t.Fatal(err)
	}
	code, err := seed.Code(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestATeamTriesItsOwnClient(t *testing.T) {
	mine := httptest.NewUnstartedServer(nil)
	address := "http://" + mine.Listener.Addr().String()
	file := filepath.Join(t.TempDir(), "team.yaml")
	text := `partners:
  - id: my-service
    name: {en: My service, fr: Mon service}
    department: {en: My department, fr: Mon ministère}
    redirect_uris: [` + address + `/callback]
    start_url: ` + address + `/
    scopes: [openid, email]
  - id: my-app
    name: {en: My application, fr: Mon application}
    department: {en: My department, fr: Mon ministère}
    type: native
    auth: none
    redirect_uris: [ca.example.app:/callback]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := running(t, file)
	if len(r.Services) != 4 {
		t.Fatalf("the ready file names %+v", r.Services)
	}
	got, app := r.Services[2], r.Services[3]
	if got.Name != "My service" || got.URL != address+"/" || got.Demand != "sign-in, email" || got.ClientID != "my-service" || len(got.ClientSecret) < 32 {
		t.Errorf("the ready file says %+v", got)
	}
	if app.ClientID != "my-app" || app.ClientSecret != "" || app.URL != "" || r.Services[0].ClientSecret != "" {
		t.Errorf("the ready file says %+v", app)
	}
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts, err := newWords(bundle)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &service{
		Key: "fishing", ClientID: got.ClientID, ClientSecret: got.ClientSecret, Issuer: r.Issuer, URL: address, Scopes: []string{"openid", "email"},
		Words: texts, Now: time.Now, logins: map[string]login{}, sessions: map[string]visitor{},
	}
	mine.Config.Handler = stranger.handler()
	mine.Start()
	t.Cleanup(mine.Close)
	w := walk(t, ready{Issuer: r.Issuer, Services: r.Services[:3]}, "en")
	w.visit(t, address+"/login").Must("sign-in", http.StatusOK).MustSay("My service")
	w.Submit("sign-in", "email", r.People[0].Email, "password", r.People[0].Password)
	w.Page.Must("consent", http.StatusOK).MustSay("My service")
	w.Submit("consent", "#allow")
	w.follow(t).Must("service-signed-in", http.StatusOK).MustSay(r.People[0].Email)
	w.visit(t, r.Issuer+"/demo/mailbox").MustSay("My service")
}

func TestAServiceThatCannotBeRegisteredStopsTheDemonstrationBeforeItBegins(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "team.yaml")
	for want, text := range map[string]string{
		"team.yaml: no such file": "",
		"team.yaml cannot be used, 2 settings to change:\n  - line 1: idd: there is no such setting": "idd: x\nnme: y\n",
		"partners[x].redirect_uris: name at least one address":                                       "id: x\n",
		"partners[y].acr: \"gold\" is no class that people can reach here":                           "{id: y, name: {en: x}, department: {en: x}, redirect_uris: ['http://127.0.0.1:1/'], acr: [gold]}",
		"partners[student-aid].id: another service of this demonstration has this id":                "{id: student-aid, name: {en: x}, department: {en: x}, redirect_uris: ['http://127.0.0.1:1/']}",
	} {
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		err := Run(t.Context(), Options{Bind: "127.0.0.1", Partners: []string{file}, Out: io.Discard, Err: io.Discard, System: time.Now})
		if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "team.yaml")) || !strings.Contains(err.Error(), file) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func subject(t *testing.T, page *webtest.Page) string {
	t.Helper()
	_, after, _ := strings.Cut(page.Body, `<tr data-claim="sub">`)
	_, after, _ = strings.Cut(after, "<td>")
	value, _, ok := strings.Cut(after, "</td>")
	if !ok {
		t.Fatal("no sub on the page")
	}
	return value
}

func TestTheMailboxShowsMailsAndTheClockEndsLinks(t *testing.T) {
	r := running(t)
	var box []entry
	fetch(t, r.Issuer+"/demo/mailbox.json", &box)
	if len(box) != 1 || box[0].To != r.People[2].Email || len(box[0].Links) == 0 || len(box[0].Codes) != 1 || box[0].Channel != "email" {
		t.Fatalf("the seeded mail: %+v", box)
	}
	w := walk(t, r, "en")
	w.visit(t, r.Issuer+"/demo/mailbox").Must("demo-mailbox", http.StatusOK).MustSay(box[0].Subject, r.People[0].Email)
	w.FollowText(box[0].Subject).Must("demo-message", http.StatusOK).MustSay(box[0].Codes[0])
	if !strings.Contains(w.Page.Body, `sandbox="allow-popups`) {
		t.Error("the mail is not in a sandbox")
	}
	w.visit(t, box[0].Links[0]).Must("confirm-link", http.StatusOK)
	var answer map[string]time.Time
	form := strings.NewReader("advance=31m")
	response, err := http.Post(r.Issuer+"/demo/clock", "application/x-www-form-urlencoded", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if ahead := time.Until(answer["now"]); ahead < 30*time.Minute {
		t.Errorf("the clock is %s ahead", ahead)
	}
	w.visit(t, box[0].Links[0]).Must("link-expired", http.StatusGone)
}

// queryOf is a parameter of an address.
func queryOf(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

func fetch(t *testing.T, address string, into any) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestTheDemonstrationIsNeverPublic(t *testing.T) {
	for _, bind := range []string{"0.0.0.0", "::", "192.0.2.1", "example.org", ""} {
		err := Run(t.Context(), Options{Bind: bind, Out: io.Discard, Err: io.Discard, System: time.Now})
		if err == nil || !strings.Contains(err.Error(), "parvis init") {
			t.Errorf("bind %q: %v", bind, err)
		}
	}
}

func TestAPortInUseIsSaid(t *testing.T) {
	busy := httptest.NewServer(http.NotFoundHandler())
	defer busy.Close()
	u, err := url.Parse(busy.URL)
	if err != nil {
		t.Fatal(err)
	}
	d := &demonstration{Options: Options{Bind: "127.0.0.1"}}
	port := 0
	for _, c := range u.Port() {
		port = port*10 + int(c-'0')
	}
	_, err = d.listen(t.Context(), "127.0.0.1", port)
	if err == nil || !strings.Contains(err.Error(), u.Port()+" is in use") || !strings.Contains(err.Error(), "--port") {
		t.Errorf("got %v", err)
	}
}

func TestTheClockMovesForwardOnly(t *testing.T) {
	c := &Clock{System: func() time.Time { return time.Unix(1000, 0) }}
	if err := c.Advance(31 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := c.Now(); !got.Equal(time.Unix(1000+31*60, 0)) {
		t.Errorf("got %v", got)
	}
	v := &viewer{Clock: c, Due: func(*http.Request) error { return nil }}
	for _, bad := range []string{"", "-1m", "x", "9000h"} {
		r := httptest.NewRequest("POST", "/demo/clock", strings.NewReader("advance="+bad))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		v.clock(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("advance=%s: %d", bad, w.Code)
		}
	}
}

func TestAFolderGoesOnWhereItsClockWasLeft(t *testing.T) {
	dir := t.TempDir()
	run := func(use func(r ready)) string {
		file := filepath.Join(t.TempDir(), "ready.json")
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() {
			ended <- Run(ctx, Options{Bind: "127.0.0.1", Dir: dir, ReadyFile: file, Out: &out, Err: io.Discard, System: time.Now})
		}()
		for {
			if text, err := os.ReadFile(file); err == nil {
				var r ready
				if err := json.Unmarshal(text, &r); err != nil {
					t.Fatal(err)
				}
				use(r)
				break
			}
			select {
			case err := <-ended:
				t.Fatalf("ended early: %v", err)
			case <-time.After(10 * time.Millisecond):
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	advance := func(r ready, by string) time.Time {
		response, err := http.PostForm(r.Issuer+"/demo/clock", url.Values{"advance": {by}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var answer map[string]time.Time
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer["now"]
	}
	if said := run(func(r ready) { advance(r, "49h") }); strings.Contains(said, "ahead of this machine") {
		t.Error("a fresh folder is ahead")
	}
	said := run(func(r ready) {
		if ahead := time.Until(advance(r, "1h")); ahead < 49*time.Hour || ahead > 50*time.Hour {
			t.Errorf("the clock went on %s ahead", ahead)
		}
	})
	if !strings.Contains(said, "49h0m0s ahead of this machine") {
		t.Error(said)
	}
	if err := os.WriteFile(filepath.Join(dir, clockFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Clock{System: time.Now}).Open(dir); err == nil {
		t.Error("a damaged clock is taken")
	}
}
