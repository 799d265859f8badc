package kit

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/secret"
)

// newSite is a site for tests; change may alter its configuration.
func newSite(t *testing.T, change ...func(*Config)) *Site {
	t.Helper()
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeys([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("r", 32)))
	if err != nil {
		t.Fatal(err)
	}
	settings := Preset("parvis")
	settings.Owner = i18n.Text{"en": "Government of Northland", "fr": "Gouvernement du Northland"}
	c := Config{
		Settings: settings, Texts: texts, Keys: keys, PublicURL: "https://account.example.org",
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// states is the data of the page with every component.
type states struct {
	Choices    []Choice
	Wait, Long time.Duration
}

// gallery serves every component, for the tests and for the eye.
func gallery(t *testing.T, s *Site) http.Handler {
	t.Helper()
	pages, err := s.Pages(os.DirFS("testdata"), "gallery")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", s.Static())
	service := func(line string) *Lintel {
		return &Lintel{Line: line, Name: "Fishing licences", Department: "Ministry of Natural Resources"}
	}
	views := map[string]View{
		"sign-in": {Page: "sign-in", Title: "Sign in", Lintel: service("You are signing in to")},
		"check":   {Page: "check", Title: "Check your e-mail", Lintel: service("You are creating an account for")},
		"choose": {
			Page: "choose", Title: "Choose a password", Lintel: service("You are creating an account for"),
			Data: &Rules{Items: []Rule{
				{Kind: "min", Value: 15, Text: "be at least 15 characters long"},
				{Kind: "not", Values: []string{"sam.rivers"}, Text: "not be your e-mail address or the name of a service"},
				{Kind: "server", Text: "not appear in a known data leak. We check when you continue."},
			}},
		},
		"consent": {Page: "consent", Title: "Share this with Fishing licences?", Lintel: service("Asks for your information")},
		"services": {
			Page: "services", Title: "My connected services", Wide: true, NoReference: true,
			Tabs:    []Tab{{Text: "Services", URL: "/services", Current: true}, {Text: "Security", URL: "/security"}, {Text: "Activity", URL: "/activity"}, {Text: "Profile", URL: "/profile"}},
			Session: &SessionClock{Idle: 125 * time.Second, Warn: 2 * time.Minute},
			Data:    []*Lintel{service(""), {Name: "Health card renewal", Department: "Ministry of Health"}},
		},
		"prose": {Page: "prose", Title: "Welcome", Public: true, Wide: true, Data: []Choice{{Value: "a", Text: "Signing in"}, {Value: "b", Text: "Something else"}}},
		"states": {Page: "states", Title: "States", Public: true, Description: "Every component.", Data: states{
			Choices: []Choice{{Value: "a", Text: "By phone", Hint: "With its camera."}, {Value: "b", Text: "In person"}}, Wait: 10*time.Minute + time.Second, Long: 3 * time.Hour,
		}},
	}
	for name, view := range views {
		mux.Handle("GET /"+name, s.Handle(func(w http.ResponseWriter, r *http.Request) error {
			SceneOf(r).Reference = "7K3Q-M92T"
			if !view.Wide && !view.Public {
				SceneOf(r).Back = &Link{Text: "Fishing licences", URL: "/back"}
			}
			view := view
			if r.URL.Query().Has("error") {
				f := NewForm("email", "sam.rivers@example.org", "code", "402917", "bad", "sam.rivers@example")
				for _, field := range []string{"email", "password", "code", "bad", "terms"} {
					if strings.Contains(r.URL.Query().Get("error"), field) {
						f.Fail(field, "sign-in.error.email")
					}
				}
				view.Form = f
			}
			return pages.Render(w, r, http.StatusOK, view)
		}))
		mux.Handle("POST /"+name, s.Handle(func(w http.ResponseWriter, r *http.Request) error {
			form, err := s.Form(w, r, name)
			if err != nil {
				return err
			}
			view := view
			view.Form = form
			form.Fail("email", "sign-in.error.email")
			return pages.Render(w, r, http.StatusUnprocessableEntity, view)
		}))
	}
	return s.Wrap(mux)
}

// TestGalleryForTheEye serves the gallery at PARVIS_GALLERY (an address such as
// 127.0.0.1:8099) until it is stopped; without the variable it does nothing.
func TestGalleryForTheEye(t *testing.T) {
	address := os.Getenv("PARVIS_GALLERY")
	if address == "" {
		t.Skip("PARVIS_GALLERY is not set")
	}
	h := gallery(t, newSite(t, func(c *Config) {
		c.PublicURL = "http://" + address
		if brand := os.Getenv("PARVIS_GALLERY_BRAND"); brand != "" {
			c.Settings.Theme.Brand = brand
		}
	}))
	server := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: time.Second}
	t.Fatal(server.ListenAndServe())
}

func TestEveryComponentRendersInEveryLanguage(t *testing.T) {
	h := gallery(t, newSite(t))
	for _, lang := range i18n.Langs() {
		for _, page := range []string{"sign-in", "check", "choose", "consent", "services", "states", "prose"} {
			for _, query := range []string{"", "?error=email,password,code,bad,terms"} {
				r := httptest.NewRequest(http.MethodGet, "/"+page+query, nil)
				r.Header.Set("Accept-Language", string(lang))
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				body := w.Body.String()
				if w.Code != http.StatusOK {
					t.Fatalf("%s%s %s: %d %s", page, query, lang, w.Code, body)
				}
				if !strings.Contains(body, `<html lang="`+string(lang)+`">`) || !strings.Contains(body, `data-page="`+page+`"`) {
					t.Errorf("%s %s: the page does not name itself", page, lang)
				}
				if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "&lt;svg") || strings.Contains(body, "[kit.") {
					t.Errorf("%s %s: the page holds a mistake:\n%s", page, lang, body)
				}
			}
		}
	}
}

func TestAWaitIsNeverSaidTooShortAndCountedOnlyWhenSomebodySitsItOut(t *testing.T) {
	body := get(gallery(t, newSite(t)), "/states").Body.String()
	for _, want := range []string{
		`data-left="601"`, "<strong>11\u00a0minutes</strong>, at <strong>14:32</strong>", "<p>You can try again in <strong>3\u00a0hours</strong>, at <strong>17:32</strong>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	if strings.Count(body, "data-words=") != 1 {
		t.Error("a wait of hours is counted minute by minute")
	}
}

func TestACodeWithLettersIsNoNumberAndATextedCodeMayBeReadFromTheMessage(t *testing.T) {
	body := get(gallery(t, newSite(t)), "/states").Body.String()
	field := func(name string) string {
		_, rest, _ := strings.Cut(body, `id="`+name+`"`)
		tag, _, _ := strings.Cut(rest, ">")
		return tag
	}
	if f := field("code8"); !strings.Contains(f, `inputmode="numeric" autocomplete="one-time-code"`) || !strings.Contains(f, "data-texted") {
		t.Error(f)
	}
	if f := field("letters"); strings.Contains(f, "numeric") || !strings.Contains(f, `autocomplete="off"`) || strings.Contains(f, "data-texted") {
		t.Error(f)
	}
}
