package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/i18n"
	"parvis/internal/notify/mailbox"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// house opens a whole service on a fresh SQLite database.
func house(t *testing.T) *House {
	t.Helper()
	return houseWith(t, func(*config.Config, *Options) {})
}

// houseWith is house with other settings or options.
func houseWith(t *testing.T, change func(*config.Config, *Options)) *House {
	t.Helper()
	c := config.Preset("parvis")
	c.Server.PublicURL = "http://localhost:8080"
	c.Server.Listen, c.Server.OperationsListen = "127.0.0.1:0", ""
	c.Database.URL = "sqlite:" + t.TempDir() + "/parvis.db"
	c.Deployment.Owner = i18n.Text{"en": "Northland", "fr": "Northland"}
	c.Public.ContactDesk, c.Mail.From = "desk@example.org", "noreply@example.org"
	root, pepper := make([]byte, secret.RootBytes), make([]byte, secret.RootBytes)
	root[0], pepper[0] = 1, 2
	keys, err := secret.NewKeys(pepper, root)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Config: &c, Keys: keys, Now: time.Now, Log: slog.New(slog.DiscardHandler), Version: "test", Transports: (&mailbox.Box{}).Everyway(),
	}
	change(&c, &o)
	h, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// start migrates and starts a house until the test ends.
func start(t *testing.T, h *House) {
	t.Helper()
	if _, err := h.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		h.Wait(ending)
	})
}

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost:8080"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	h := house(t)
	ops := h.operations()
	if w := ask(ops, "GET", "/healthz"); w.Code != http.StatusOK {
		t.Errorf("alive: %d", w.Code)
	}
	w := ask(ops, "GET", "/readyz")
	var answer Readiness
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || answer.Ready || !strings.Contains(answer.Checks["migrations"], "parvis migrate up") || answer.Checks["database"] != "ok" {
		t.Errorf("before the start: %d %v", w.Code, answer)
	}
	start(t, h)
	if w := ask(ops, "GET", "/readyz"); w.Code != http.StatusOK {
		t.Errorf("after the start: %d %s", w.Code, w.Body)
	}
	h.stopping.Store(true)
	if w := ask(ops, "GET", "/readyz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("while stopping: %d", w.Code)
	}
}

func TestTheOperatorsPathsAreNotPublicAndTheDemonstrationsAreNotThere(t *testing.T) {
	h := house(t)
	start(t, h)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/openapi.json", "/api/v1/upstreams", "/demo/mailbox", "/demo/mailbox.json", "/demo/clock"} {
		if w := ask(h.Handler(), "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestEveryMetricIsDocumentedAndNoneIsMissing(t *testing.T) {
	h := house(t)
	start(t, h)
	ask(h.Handler(), "GET", "/signin/THISISTHEIDOFAFLOW12345678/sign-in")
	ask(h.Handler(), "GET", "/no/such/page")
	text := ask(h.operations(), "GET", "/metrics").Body.String()
	if strings.Contains(text, "THISISTHEIDOFAFLOW") || strings.Contains(text, "/no/such") {
		t.Error("a metric holds a path instead of a route")
	}
	if !strings.Contains(text, `route="/signin/{flow}/sign-in"`) || !strings.Contains(text, `route="none"`) {
		t.Errorf("routes are missing")
	}
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var have, told []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (parvis_\w+)`).FindAllStringSubmatch(text, -1) {
		have = append(have, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(parvis_\\w+)`").FindAllStringSubmatch(string(doc), -1) {
		told = append(told, m[1])
	}
	for _, name := range told {
		if name != "parvis_tls_certificate_not_after_seconds" && !slices.Contains(have, name) {
			t.Errorf("%s is documented and does not exist", name)
		}
	}
	for _, name := range have {
		if !slices.Contains(told, name) {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
}

func TestEveryAnswerHasARequestIDAndOtherSitesAreKeptOut(t *testing.T) {
	h := house(t)
	start(t, h)
	w := ask(h.Handler(), "GET", "/.well-known/openid-configuration")
	if w.Code != http.StatusOK || len(w.Header().Get("X-Request-Id")) < 16 {
		t.Errorf("%d %q", w.Code, w.Header().Get("X-Request-Id"))
	}
	for path, status := range map[string]int{"/signout": http.StatusForbidden, "/token": http.StatusBadRequest} {
		r := httptest.NewRequest("POST", path, strings.NewReader(""))
		r.Host = "localhost:8080"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, r)
		if w.Code == http.StatusForbidden && status != http.StatusForbidden || status == http.StatusForbidden && w.Code != status {
			t.Errorf("POST %s from another site: %d", path, w.Code)
		}
	}
}

func TestAStopLetsRequestsInProgressEnd(t *testing.T) {
	h := house(t)
	if _, err := h.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	h.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "done")
	})
	l, err := listen(t.Context(), "test", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.Config.Server.Listen = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- h.Serve(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + h.Config.Server.Listen + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = r.Body.Close() }()
		b, _ := io.ReadAll(r.Body)
		answer <- string(b)
	}()
	<-entered
	stop()
	time.Sleep(50 * time.Millisecond)
	close(leave)
	if got := <-answer; got != "done" {
		t.Errorf("the request in progress got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnAddressInUseIsSaidWithItsSetting(t *testing.T) {
	first, err := listen(t.Context(), "server.listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	_, err = listen(t.Context(), "server.listen", first.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "server.listen") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func TestAServiceIntoWhichNoDoorLeadsKeepsTheHouseShut(t *testing.T) {
	h := houseWith(t, func(c *config.Config, _ *Options) {
		c.Partners = []relyingparty.Settings{{
			ID: "fishing", Name: i18n.Text{"en": "Fishing", "fr": "Pêche"}, Department: i18n.Text{"en": "Waters", "fr": "Eaux"},
			RedirectURIs: []string{"https://fishing.example/callback"}, Secret: strings.Repeat("s", 43),
			Doors: relyingparty.Doors{Allow: []string{"a-bank-that-is-gone"}},
		}}
	})
	if _, err := h.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "partners[fishing].doors: no door is open") {
		t.Errorf("started: %v", err)
	}
}
