// Package demo is the demonstration: the whole sign-in service with an embedded
// database, two example services of two departments, a bank as a sign-in partner,
// people to sign in as, a mailbox for every message, and a clock that can be moved,
// in one process.
//
// It composes app's House with a transport that keeps mails in memory and puts
// its own pages beside those of the service; nothing of it is reachable from
// serve. It binds loopback addresses only and marks its keys, which serve refuses.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"parvis/internal/app"
	"parvis/internal/demo/bank"
	"parvis/internal/i18n"
	"parvis/internal/notify/mailbox"
	"parvis/internal/policy"
)

// Options are what the command line can say.
type Options struct {
	Port      int      // of the sign-in service; the example services and the bank take the next three; 0: any free ports
	Dir       string   // folder of the database; "": a fresh one, removed at the end
	ReadyFile string   // written once everything serves; "": none
	Bind      string   // loopback address
	Log       bool     // write the log to Err
	Challenge string   // when forms ask for a check: off, suspicion or always; "": as the preset has it
	Crowded   bool     // with an account that holds as much as one can
	Partners  []string // files with services to register besides the example services
	Out, Err  io.Writer
	System    func() time.Time // the machine's clock
}

// Service is one service, as the ready file names it: the example services
// first, then those of --partner.
type Service struct {
	Name         string `json:"name"`
	URL          string `json:"url"`
	Demand       string `json:"demand"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"` // only one that the demonstration made

	names i18n.Text
}

// Person is one seeded person, as the ready file names them.
type Person struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	State    string `json:"state"` // active, pending, locked, connected, second: another account of who is connected, or crowded: with as much as an account can hold

	Method string   `json:"method"`           // second step that is set up: app, text, voice, backup, several; email: none, a code by e-mail only; partner: as email, and signs in with the bank, too
	Secret string   `json:"secret,omitempty"` // of the authenticator app, in base32
	Number string   `json:"number,omitempty"` // whose texts and calls arrive in the mailbox
	Codes  []string `json:"codes,omitempty"`  // backup codes, each good once

	Customer string `json:"customer,omitempty"` // of the bank, whose sign-in is linked to the account
}

// ready is the ready file. Its form is fixed for scripts.
type ready struct {
	Issuer   string    `json:"issuer"`
	Services []Service `json:"services"`
	People   []Person  `json:"people"`
	Partners []Partner `json:"partners"`
}

// demonstration is one running demonstration.
type demonstration struct {
	Options
	clock     *Clock
	box       *mailbox.Box
	house     *app.House
	words     *words
	issuer    string
	services  []*service
	added     []*added
	bank      *bank.Bank
	bankURL   string
	people    []Person
	listeners []net.Listener // of the sign-in service, then of the example services, then of the bank
}

// Run runs a demonstration until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	if ip := net.ParseIP(o.Bind); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("demo: %q is not an address of this machine; the demonstration has known passwords and is never public. To run a real service: parvis init, then parvis serve", o.Bind)
	}
	d := &demonstration{Options: o, clock: &Clock{System: o.System}, box: &mailbox.Box{}}
	if d.added, err = readPartners(o.Partners); err != nil {
		return err
	}
	defer func() {
		for _, one := range d.listeners {
			_ = one.Close() // closed by its server before, if it had one
		}
	}()
	if err := d.bind(ctx); err != nil {
		return err
	}
	if d.Dir == "" {
		d.Dir, err = os.MkdirTemp("", "parvis-demo-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.Dir)) }()
	}
	if err := d.clock.Open(d.Dir); err != nil {
		return err
	}
	if err := d.build(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.house.Close()) }()
	return d.serve(ctx)
}

// bind takes the ports first: it is the likeliest thing to go wrong.
func (d *demonstration) bind(ctx context.Context) error {
	main, err := d.listen(ctx, d.Bind, d.Port)
	if err != nil {
		return err
	}
	port := portOf(main)
	d.issuer = "http://localhost:" + strconv.Itoa(port)
	d.listeners = append(d.listeners, main)
	// Browsers may try the address of IPv6 first for "localhost".
	if six, err := d.listen(ctx, "::1", port); err == nil {
		d.listeners = append(d.listeners, six)
	}
	for i, known := range []*service{
		{Key: "fishing", ClientID: "fishing-licences", Demand: "sign-in", Scopes: []string{"openid"}},
		{Key: "aid", ClientID: "student-aid", Demand: "two factors (AAL2), email, locale", Scopes: []string{"openid", "email", "locale"}, Claims: []string{"email", "locale"}, Accepts: []string{policy.ACRAAL2, policy.ACRPhishingResistant, policy.ACRAAL3}},
	} {
		wanted := port + 1 + i
		if d.Port == 0 {
			wanted = 0
		}
		l, err := d.listen(ctx, d.Bind, wanted)
		if err != nil {
			return err
		}
		known.Issuer, known.URL = d.issuer, "http://"+l.Addr().String()
		known.Now = d.clock.Now
		known.logins, known.sessions = map[string]login{}, map[string]visitor{}
		d.services = append(d.services, known)
		d.listeners = append(d.listeners, l)
	}
	wanted := port + 3
	if d.Port == 0 {
		wanted = 0
	}
	l, err := d.listen(ctx, d.Bind, wanted)
	if err != nil {
		return err
	}
	d.bankURL = "http://" + l.Addr().String()
	d.listeners = append(d.listeners, l)
	return nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port } //nolint:forcetypeassert // a TCP listener has a TCP address

// listen binds a loopback port and says in plain words when it is taken.
func (d *demonstration) listen(ctx context.Context, host string, port int) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("demo: port %d is in use by another program. Stop it, or choose other ports: parvis demo --port 9090 (takes 9090 to 9093)", port)
	}
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return l, nil
}

// build composes the service, its people, the example services and the bank.
func (d *demonstration) build(ctx context.Context) error {
	log := slog.New(slog.DiscardHandler)
	if d.Log {
		log = app.NewLog(d.Err, slog.LevelDebug)
	}
	bundle, err := i18n.Load()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if d.words, err = newWords(bundle); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	for _, s := range d.services {
		s.Words = d.words
	}
	if d.bank, err = d.openBank(); err != nil {
		return err
	}
	cfg, keys, err := d.configure()
	if err != nil {
		return err
	}
	d.house, err = app.Open(ctx, app.Options{Config: cfg, Keys: keys, Now: d.clock.Now, Log: log, Version: "demo", Transports: d.box.Everyway()})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// serve starts everything, says so, and waits for the end.
func (d *demonstration) serve(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := d.start(work); err != nil {
		return err
	}
	handlers := d.handlers()
	failed := make(chan error, len(d.listeners))
	var servers []*http.Server
	for i, one := range d.listeners {
		s := app.NewServer(d.house.Config.Server, handlers[i], d.house.Log)
		servers = append(servers, s)
		go func() { failed <- s.Serve(one) }()
	}
	err := d.announce()
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	for _, s := range servers {
		if closing := s.Shutdown(ending); closing != nil {
			_ = s.Close() // connections of browsers that were left open
		}
	}
	stop()
	d.house.Wait(ending)
	return err
}

// handlers are what answers at each listener.
func (d *demonstration) handlers() []http.Handler {
	var out []http.Handler
	front := d.front()
	for range len(d.listeners) - len(d.services) - 1 {
		out = append(out, front)
	}
	for _, s := range d.services {
		out = append(out, s.handler())
	}
	return append(out, d.bank.Handler())
}

// front puts the demonstration's pages beside the service's own.
func (d *demonstration) front() http.Handler {
	v := &viewer{
		Words: d.words, Box: d.box, Clock: d.clock, People: d.people, Services: d.named(), Partners: d.partners(), Issuer: d.issuer, Zone: d.house.Site.Zone(),
		Due: func(r *http.Request) error { return d.house.RunDue(r.Context()) },
	}
	mux := http.NewServeMux()
	v.routes(mux)
	mine := http.NewCrossOriginProtection().Handler(mux)
	service := d.house.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isMine(r.URL.Path) && r.Host == hostOf(d.issuer) {
			mine.ServeHTTP(w, r)
			return
		}
		service.ServeHTTP(w, r)
	})
}

func isMine(path string) bool {
	return path == "/demo" || len(path) > 5 && path[:6] == "/demo/"
}

func hostOf(issuer string) string { return issuer[len("http://"):] }

// named are all services in the order of the ready file.
func (d *demonstration) named() []Service {
	var out []Service
	for _, s := range d.services {
		out = append(out, Service{URL: s.URL, Demand: s.Demand, ClientID: s.ClientID, names: d.texts(s.Key, "name")})
	}
	for _, a := range d.added {
		out = append(out, a.service())
	}
	for i := range out {
		out[i].Name = out[i].names.In(i18n.English)
	}
	return out
}
