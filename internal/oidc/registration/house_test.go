package registration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/outbound"
	"parvis/internal/ratelimit"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

const (
	issuer   = "https://sign-in.example.org"
	callback = "https://service.example/cb"
)

// house is one node at which services register.
type house struct {
	*testing.T

	db       *db.DB
	clock    *dbtest.Clock
	door     *machine.Door
	endpoint *Endpoint
	registry *relyingparty.Registry
	store    relyingparty.Store
	regs     registrar.Registrations
	handler  http.Handler
	web      *web
	log      *bytes.Buffer
}

// web is a host of the internet that services publish things on.
type web struct {
	*httptest.Server

	pages atomic.Pointer[map[string]string]
	calls atomic.Int64
}

func (w *web) publish(path, text string) string {
	next := maps.Clone(*w.pages.Load())
	next[path] = text
	w.pages.Store(&next)
	return w.URL + path
}

func each(t *testing.T, run func(h *house), changes ...func(*Settings)) {
	t.Helper()
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		run(open(t, d, clock, changes...))
	}, dbtest.WithClock(clock.Now))
}

func open(t *testing.T, d *db.DB, clock *dbtest.Clock, changes ...func(*Settings)) *house {
	t.Helper()
	h := &house{T: t, db: d, clock: clock, web: newWeb(t), log: &bytes.Buffer{}}
	keys, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	h.check(err)
	log := &audit.Log{DB: d, Keys: keys, Settings: audit.Preset("")}
	texts, err := i18n.Load()
	h.check(err)
	site, err := kit.New(kit.Config{
		Settings: kit.Preset(""), Texts: texts, Keys: keys, PublicURL: issuer, Log: slog.New(slog.NewJSONHandler(h.log, nil)), Now: clock.Now, Bypass: Doors(),
	})
	h.check(err)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	h.check(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.web.Certificate().Raw}), 0o600))
	calls := outbound.Preset("")
	calls.Allow, calls.AllowRegistered, calls.CAFile = []string{"127.0.0.0/8"}, []string{"127.0.0.0/8"}, ca
	out, err := outbound.New(calls, nil)
	h.check(err)
	t.Cleanup(out.Close)
	h.registry = &relyingparty.Registry{DB: d, Now: clock.Now, Keys: keys}
	h.store = relyingparty.Store{Registry: h.registry, Audit: log}
	h.write(func(tx *db.Tx) error {
		return h.store.Create(tx, relyingparty.Settings{
			ID: "permits", Name: i18n.Text{"en": "Hunting permits", "fr": "Permis de chasse"}, Department: i18n.Text{"en": "Natural Resources"},
			RedirectURIs: []string{"https://permits.example/cb"},
		}, secret.Digest("permits"))
	})
	h.check(h.registry.Start(t.Context()))
	limiter := &ratelimit.Limiter{DB: d, Keys: keys, Settings: ratelimit.Preset(""), Now: clock.Now}
	partnerKeys := &relyingparty.Keys{Outbound: out, Now: clock.Now}
	h.door = machine.New(machine.Config{Issuer: issuer, Site: site, DB: d, Registry: h.registry, Limiter: limiter, Audit: log, Now: clock.Now, Partners: partnerKeys, Keys: keys})
	h.regs = registrar.Registrations{
		DB: d, Tokens: registrar.Tokens{Audit: log, Langs: i18n.Langs()}, Registry: h.registry, Store: h.store, Grants: grant.Grants{Settings: grant.Preset(""), Audit: log},
		Connections: connection.Connections{Settings: connection.Preset(""), Audit: log}, Audit: log, Most: 1000,
		Reserved: func(context.Context) ([]string, error) { return []string{"Northland Sign-in"}, nil },
	}
	settings := Preset("")
	settings.Enabled = true
	for _, change := range changes {
		change(&settings)
	}
	h.endpoint = New(Config{
		Issuer: issuer, Door: h.door, DB: d, Limiter: limiter, Registrations: h.regs, Registry: h.registry, Outbound: out, Keys: partnerKeys,
		Now: clock.Now, Settings: settings,
	})
	mux := http.NewServeMux()
	h.endpoint.Routes(mux)
	h.handler = site.Wrap(mux)
	return h
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{}
	w.pages.Store(&map[string]string{})
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.calls.Add(1)
		text, ok := (*w.pages.Load())[r.URL.Path]
		if !ok {
			http.NotFound(out, r)
			return
		}
		_, _ = io.WriteString(out, text)
	}))
	t.Cleanup(w.Close)
	return w
}

func (h *house) check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	h.check(h.db.Write(h.Context(), fn))
}

// token is a new initial access token.
func (h *house) token(name string, changes ...func(*registrar.Draft)) string {
	h.Helper()
	d := registrar.NewDraft(name, registrar.Terms{
		Department: i18n.Text{"en": "Fisheries of " + name, "fr": "Pêches de " + name}, Scopes: []string{"openid", "email", "locale"},
	}, 50, 24*time.Hour)
	for _, change := range changes {
		change(&d)
	}
	h.write(func(tx *db.Tx) error { return h.regs.Tokens.Add(tx, d) })
	return d.Token
}

// body is metadata that is good, with changes; nil takes a member away.
func body(changes ...any) map[string]any {
	out := map[string]any{"client_name": "Fishing licences", "client_name#fr": "Permis de pêche", "redirect_uris": []string{callback}}
	for i := 0; i+1 < len(changes); i += 2 {
		name := changes[i].(string)
		if changes[i+1] == nil {
			delete(out, name)
		} else {
			out[name] = changes[i+1]
		}
	}
	return out
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	all    map[string]any
}

func (a answer) str(name string) string { s, _ := a.all[name].(string); return s }

func (a answer) list(name string) []string {
	var out []string
	values, _ := a.all[name].([]any)
	for _, v := range values {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

func (h *house) ask(method, path, token string, sent any) answer {
	h.Helper()
	raw, isText := sent.(string)
	if !isText && sent != nil {
		text, err := json.Marshal(sent)
		h.check(err)
		raw = string(text)
	}
	r := httptest.NewRequest(method, strings.TrimPrefix(path, issuer), strings.NewReader(raw))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	out := answer{status: w.Code, header: w.Header(), text: w.Body.String(), all: map[string]any{}}
	if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		h.check(json.Unmarshal(w.Body.Bytes(), &out.all))
		if w.Header().Get("Cache-Control") != "no-store" {
			h.Error("an answer may be kept")
		}
	}
	return out
}

func (h *house) register(token string, sent any) answer {
	h.Helper()
	return h.ask(http.MethodPost, "/register", token, sent)
}

// registered is a service that is registered, or the end of the test.
func (h *house) registered(token string, sent any) answer {
	h.Helper()
	a := h.register(token, sent)
	if a.status != http.StatusCreated {
		h.Fatalf("%d %s", a.status, a.text)
	}
	return a
}

// party is the service as the provider knows it; nil for none.
func (h *house) party(a answer) *relyingparty.RelyingParty {
	h.Helper()
	p, err := h.registry.Find(h.Context(), id.RelyingParty(a.str("client_id")))
	h.check(err)
	return p
}

// refused wants an answer with an error that names a member.
func (h *house) refused(name string, a answer, code protocol.Code, about string) {
	h.Helper()
	status := http.StatusBadRequest
	if code == protocol.InvalidToken {
		status = http.StatusUnauthorized
	}
	if a.status != status || a.str("error") != string(code) || !strings.Contains(a.str("error_description"), about) {
		h.Errorf("%s: %d %s, want %s about %q", name, a.status, a.text, code, about)
	}
	if code == protocol.InvalidToken && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
		h.Errorf("%s: no challenge: %v", name, a.header)
	}
}

// signsIn reports whether the token endpoint takes a service's secret.
func (h *house) signsIn(client, plain string) bool {
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader("grant_type=authorization_code"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, plain)
	_, _, _, err := h.door.Client(r)
	return err == nil
}

// events are the audit events of a name, as "reason data".
func (h *house) events(name audit.Name) []string {
	h.Helper()
	var out []string
	h.check(h.db.Read(h.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT COALESCE(reason, ''), COALESCE(data, '') FROM audit_event WHERE name = $1`, name)
		out, err = db.Collect(rows, err, func(r *db.Rows) (string, error) {
			var reason, data string
			err := r.Scan(&reason, &data)
			return reason + " " + data, err
		})
		return err
	}))
	slices.Sort(out)
	return out
}

func digestOf(text string) []byte { sum := sha256.Sum256([]byte(text)); return sum[:] }
