// Package bench measures the service on this machine: whole operations through
// its real handlers on loopback, each beside a floor measured in the same run.
//
// A rate alone says little about a program: it depends on the machine and on its
// neighbours. So each scenario is set against what its unavoidable parts cost
// here and now (a password hash, a signature, a commit, an HTTP answer), and the
// goal of the project stands beside it. The driver runs in the same process and
// shares its cores. Everything is bounded in time and stays on loopback.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"parvis/internal/app"
	"parvis/internal/config"
	"parvis/internal/i18n"
	"parvis/internal/notify/mailbox"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// Options are what the command line can say.
type Options struct {
	Length   time.Duration // length of each measurement
	Pairs    int           // answers about known and about unknown addresses that are compared for each form
	Only     bool          // only that comparison
	Workers  int           // operations at the same time
	Postgres string        // address of an empty database that may be filled with test data; "": SQLite only
	JSON     bool          // one object a line instead of a table
	Named    string        // only operations whose name contains this; "": all
	Out      io.Writer
	Now      func() time.Time
}

const (
	benchPassword = "a bench between two elm trees"
	redirectURI   = "https://bench.example/callback"
	clientSecret  = "the-bench-has-a-secret-of-its-own-and-it-is-long"
)

// Run measures every scenario on every engine.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "parvis-bench-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's own cleaning
	report := &report{out: o.Out, json: o.JSON}
	if o.Only {
		report.effectHead(o)
	} else {
		report.start(o)
	}
	engines := []struct{ name, url string }{{"SQLite", "sqlite:" + filepath.Join(dir, "bench.db")}}
	if o.Postgres != "" {
		engines = append(engines, struct{ name, url string }{"PostgreSQL", o.Postgres})
	}
	for _, e := range engines {
		if err := measure(ctx, o, e.name, e.url, report); err != nil {
			return fmt.Errorf("bench: %s: %w", e.name, err)
		}
	}
	if o.Postgres == "" {
		report.say("PostgreSQL was not measured: give --postgres.")
	}
	return nil
}

// measure runs all scenarios on one engine.
func measure(ctx context.Context, o Options, engine, url string, report *report) (err error) {
	b, err := open(ctx, o, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	if err := b.people(ctx); err != nil {
		return err
	}
	if err := b.strongPeople(ctx); err != nil {
		return err
	}
	if o.Only {
		return enumeration(ctx, b, engine, report)
	}
	for _, s := range b.scenarios() {
		if !strings.Contains(s.name, o.Named) {
			continue
		}
		if s.prepare != nil {
			if err := s.prepare(ctx); err != nil {
				return fmt.Errorf("%s: prepare: %w", s.name, err)
			}
		}
		floor, err := s.floor(ctx)
		if err != nil {
			return fmt.Errorf("%s: floor: %w", s.name, err)
		}
		cost, err := b.cost(ctx, s.operation)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		result, err := b.run(ctx, s.workers, s.operation)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if result.Driver, err = b.alone(ctx, s.driver); err != nil {
			return fmt.Errorf("%s: the driver's own work: %w", s.name, err)
		}
		report.add(engine, s, result, floor, cost)
	}
	return nil
}

// bench is one running service and what drives it.
type bench struct {
	Options
	house    *app.House
	server   *http.Server
	hello    *http.Server
	issuer   string
	helloURL string
	stop     context.CancelFunc
	client   *http.Client
	visitors []*visitor
	strong   []strongPerson // with an authenticator app
	used     counter        // how many of them have had their turn
	meter    *meter
}

// open starts the service on loopback with limits off and two partners.
func open(ctx context.Context, o Options, url string) (*bench, error) {
	public, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := listen(ctx)
	if err != nil {
		return nil, errors.Join(err, public.Close())
	}
	b := &bench{Options: o, issuer: "http://localhost:" + port(public), helloURL: "http://127.0.0.1:" + port(plain) + "/", meter: &meter{}}
	b.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}
	b.house, err = compose(ctx, o, b.issuer, url, b.meter)
	if err != nil {
		return nil, errors.Join(err, public.Close(), plain.Close())
	}
	work, stop := context.WithCancel(ctx)
	b.stop = stop
	if _, err := b.house.DB.Migrate(work); err != nil {
		return nil, errors.Join(err, b.close(ctx), public.Close(), plain.Close())
	}
	if err := b.house.Start(work); err != nil {
		return nil, errors.Join(err, b.close(ctx), public.Close(), plain.Close())
	}
	b.server = app.NewServer(b.house.Config.Server, b.house.Handler(), b.house.Log)
	b.hello = app.NewServer(b.house.Config.Server, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello, world") // the driver notices what is missing
	}), b.house.Log)
	go func() { _ = b.server.Serve(public) }() // ends with Close
	go func() { _ = b.hello.Serve(plain) }()
	return b, nil
}

func listen(ctx context.Context) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
}

func port(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) } //nolint:forcetypeassert // a TCP listener has a TCP address

func compose(ctx context.Context, o Options, issuer, url string, m *meter) (*app.House, error) {
	keys, err := secret.NewKeys(randomKey(), randomKey())
	if err != nil {
		return nil, err
	}
	c := config.Preset("parvis")
	c.Server.PublicURL = issuer
	c.Database.URL = url
	c.Deployment.Owner = i18n.Text{"en": "Bench", "fr": "Banc"}
	c.Mail.From = "bench@bench.example"
	c.Limits = ratelimit.Settings{}
	c.Flow.PerIP = 1 << 30
	for _, alg := range []string{"RS256", "ES256"} {
		c.Partners = append(c.Partners, relyingparty.Settings{
			ID: clientOf(alg), Name: i18n.Text{"en": "Bench " + alg, "fr": "Banc " + alg}, Department: i18n.Text{"en": "Bench", "fr": "Banc"},
			RedirectURIs: []string{redirectURI}, Secret: clientSecret, Scopes: []string{"email"}, IDTokenAlg: alg, PKCE: "optional",
		})
	}
	c.Partners = append(c.Partners, relyingparty.Settings{
		ID: strongClient, Name: i18n.Text{"en": "Bench AAL2", "fr": "Banc AAL2"}, Department: i18n.Text{"en": "Bench", "fr": "Banc"},
		RedirectURIs: []string{redirectURI}, Secret: clientSecret, IDTokenAlg: "ES256", PKCE: "optional", ACR: []string{policy.ACRAAL2},
	})
	providerParties(&c)
	return app.Open(ctx, app.Options{Observe: func(string) { m.statements.Add(1) }, Config: &c, Keys: keys, Now: o.Now, Log: slog.New(slog.DiscardHandler), Version: "bench", Transports: (&mailbox.Box{}).Everyway()})
}

func clientOf(alg string) string { return "bench-" + alg }

// randomKey makes a key for the life of the measurement.
func randomKey() []byte { return secret.Digest(secret.NewToken()) }

func (b *bench) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var errs []error
	for _, s := range []*http.Server{b.server, b.hello} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	b.stop()
	b.house.Wait(ctx)
	return errors.Join(append(errs, b.house.Close())...)
}

// machine says on what was measured.
func machine() string {
	return fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
