package webtest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/app"
	"parvis/internal/authenticator/password"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/mailbox"
	"parvis/internal/notify/notice"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// Origin is where a House lives.
const Origin = "https://signin.test"

// The services of a House. Both have a start page and an address that starts a sign-in.
const (
	Fishing id.RelyingParty = "fishing-licences" // asks for nothing but a sign-in
	Aid     id.RelyingParty = "student-aid"      // asks for the e-mail address and the language
)

// House is a whole deployment for a test: the real handler over a database of
// its own, a clock that stands still until it is moved, and a mailbox.
type House struct {
	*app.House

	T     testing.TB
	Clock *dbtest.Clock
	Box   *mailbox.Box

	database string
	change   []func(*config.Config)
}

// Node is a second node of the same deployment: another process as far as the product
// can tell, over the same database, clock and mailbox.
func (h *House) Node() *House {
	h.T.Helper()
	return compositionOf(h.T, &House{T: h.T, Clock: h.Clock, Box: h.Box, database: h.database, change: h.change})
}

// Open composes a House over SQLite; change may alter its configuration. The
// database is a copy of one that was migrated and given its signing keys once.
func Open(t testing.TB, change ...func(*config.Config)) *House {
	t.Helper()
	file := t.TempDir() + "/parvis.db"
	fresh, err := ready()
	must(t, err)
	must(t, os.WriteFile(file, fresh, 0o600))
	return open(t, "sqlite:"+file, change...)
}

// OpenOn composes a House over a fresh database on one engine: slower than Open, for
// what an engine could change.
func OpenOn(t testing.TB, engine string, change ...func(*config.Config)) *House {
	t.Helper()
	if engine == db.SQLite {
		return Open(t, change...)
	}
	return open(t, dbtest.URL(t, engine), change...)
}

func open(t testing.TB, database string, change ...func(*config.Config)) *House {
	t.Helper()
	return compositionOf(t, &House{T: t, Clock: dbtest.NewClock(), Box: &mailbox.Box{}, database: database, change: change})
}

// compositionOf composes the service of a House and starts what it needs.
func compositionOf(t testing.TB, h *House) *House {
	t.Helper()
	var err error
	h.House, err = compose(t.Context(), h.database, h.Clock.Now, h.Box, slog.New(slog.NewTextHandler(t.Output(), nil)), h.change...)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	ctx := t.Context()
	must(t, h.Keyring.Start(ctx))
	must(t, h.Registry.Start(ctx))
	must(t, h.Jobs.Start(ctx))
	return h
}

// ready is a database file that was migrated and has its signing keys.
//
//nolint:gochecknoglobals // made once per test binary: RSA keys are slow to make
var ready = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "parvis-webtest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder
	ctx := context.Background()
	file := dir + "/parvis.db"
	h, err := compose(ctx, "sqlite:"+file, dbtest.NewClock().Now, &mailbox.Box{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if _, err = h.DB.Migrate(ctx); err == nil {
		err = h.Keyring.Start(ctx)
	}
	if err == nil {
		err = h.DB.Checkpoint(ctx)
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// compose builds the service as a deployment would.
func compose(ctx context.Context, database string, now func() time.Time, box *mailbox.Box, log *slog.Logger, change ...func(*config.Config)) (*app.House, error) {
	c := config.Preset("parvis")
	c.Server.PublicURL = Origin
	c.Server.OperationsListen = ""
	c.Database.URL = database
	c.Deployment.Owner = i18n.Text{"en": "Government of Northland", "fr": "Gouvernement du Northland"}
	c.Mail.From, c.Public.ContactDesk = "noreply@northland.example", "desk@northland.example"
	c.Password = password.Cheap(c.Password)
	c.Partners = []relyingparty.Settings{
		partner(Fishing, "Fishing licences", "Permis de pêche", "Ministry of Natural Resources", "Ministère des Richesses naturelles", "openid"),
		partner(Aid, "Student aid", "Aide financière aux études", "Ministry of Colleges", "Ministère de l’Enseignement supérieur", "openid", "email", "locale"),
	}
	for _, f := range change {
		f(&c)
	}
	keys, err := secret.NewKeys([]byte(strings.Repeat("p", secret.RootBytes)), []byte(strings.Repeat("r", secret.RootBytes)))
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, app.Options{Config: &c, Keys: keys, Now: now, Log: log, Version: "test", Transports: box.Everyway(), LatePages: true})
}

func partner(pid id.RelyingParty, en, fr, depEN, depFR string, scopes ...string) relyingparty.Settings {
	base := "https://" + string(pid) + ".test"
	return relyingparty.Settings{
		ID: string(pid), Name: i18n.Text{"en": en, "fr": fr}, Department: i18n.Text{"en": depEN, "fr": depFR},
		RedirectURIs: []string{base + "/callback"}, PostLogoutRedirectURIs: []string{base + "/signed-out"},
		StartURL: base + "/", InitiateLoginURI: base + "/login", Scopes: scopes, Secret: strings.Repeat("s", 43), Listed: true,
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Person is somebody at an empty browser, in a language. A second passes before
// each request, so that what happens later is later.
func (h *House) Person(language string) *Person {
	p := New(h.T, h.Handler(), Origin, language)
	p.Before = func() { h.Clock.Advance(time.Second) }
	return p
}

// Verifier is the PKCE code verifier of every request made by Authorize.
var Verifier = strings.Repeat("verifier-", 6)

// Authorize is the address at which a service sends a person here. extra are
// further parameters: name, value ….
func Authorize(pid id.RelyingParty, extra ...string) string {
	scope := "openid"
	if pid == Aid {
		scope = "openid email locale"
	}
	challenge := sha256.Sum256([]byte(Verifier))
	q := url.Values{
		"client_id": {string(pid)}, "response_type": {"code"}, "scope": {scope}, "state": {"state-1234567890"},
		"nonce": {"nonce-1234567890"}, "redirect_uri": {"https://" + string(pid) + ".test/callback"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	return "/authorize?" + q.Encode()
}

// Mails delivers what is due and gives the letters to an address, newest first.
func (h *House) Mails(address string) []notice.Letter {
	h.T.Helper()
	must(h.T, h.Worker.RunDue(context.WithoutCancel(h.T.Context())))
	all := h.Box.To(address)
	slices.SortStableFunc(all, func(a, b notice.Letter) int { return b.At.Compare(a.At) })
	return all
}

// Mail is the newest letter to an address.
func (h *House) Mail(address string) notice.Letter {
	h.T.Helper()
	all := h.Mails(address)
	if len(all) == 0 {
		h.T.Fatalf("no mail to %s", address)
	}
	return all[0]
}

// Link is the address of the link with a token in the newest letter to an address.
func (h *House) Link(address string) string {
	h.T.Helper()
	for _, l := range h.Mail(address).Links {
		if strings.Contains(l, "/link/") {
			return l
		}
	}
	h.T.Fatalf("no link in the mail to %s:\n%s", address, h.Mail(address).Text)
	return ""
}

// Code is the typed code in the newest letter to an address.
func (h *House) Code(address string) string {
	h.T.Helper()
	m := h.Mail(address)
	if len(m.Codes) == 0 {
		h.T.Fatalf("no code in the mail to %s:\n%s", address, m.Text)
	}
	return m.Codes[0]
}

// Advance moves the clock and does what has become due.
func (h *House) Advance(by time.Duration) {
	h.T.Helper()
	h.Clock.Advance(by)
	must(h.T, h.RunDue(context.WithoutCancel(h.T.Context())))
}
