// Package app composes the service: configuration, database, services, handlers,
// servers. It is the only place that knows them all, and it constructs with
// struct literals: what depends on what can be read here from top to bottom.
//
// Open builds a House without touching anything but opening the database; Start
// begins the background work; Serve also binds the listeners and drains them at
// the end. The commands use an opened House, the demonstration a started one
// behind its own listeners.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"parvis/internal/account"
	"parvis/internal/activity"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/backchannel"
	"parvis/internal/ciba"
	"parvis/internal/config"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/departure"
	"parvis/internal/device"
	"parvis/internal/disclosure"
	"parvis/internal/enrollment"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/leaving"
	"parvis/internal/lifecycle"
	"parvis/internal/merging"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/notify/sms"
	"parvis/internal/notify/smtp"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/operator"
	"parvis/internal/outbound"
	"parvis/internal/owner"
	"parvis/internal/partnering"
	"parvis/internal/place"
	"parvis/internal/policy"
	"parvis/internal/profile"
	"parvis/internal/pushed"
	"parvis/internal/ratelimit"
	"parvis/internal/reclaim"
	"parvis/internal/recovery"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
	"parvis/internal/screening"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/unused"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
	"parvis/internal/upstream/oidc"
	"parvis/internal/upstream/saml"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

// Options are what a House is made of.
type Options struct {
	Config  *config.Config
	Keys    *secret.Keys     // nil: read the key files of Config
	Now     func() time.Time // the clock of the process
	Log     *slog.Logger
	Version string

	// Observe is told of every statement before it runs, for measurements; may be nil.
	Observe func(query string)

	// Transports are the ways out of messages; nil: the mail server and the provider of Config.
	Transports map[notice.Channel]notify.Transport

	// LatePages parses each page when it is first shown, for tests; a deployment parses all at its start.
	LatePages bool
}

// House is the composed service.
type House struct {
	Config *config.Config
	Log    *slog.Logger
	Now    func() time.Time
	Keys   *secret.Keys
	DB     *db.DB
	Texts  *i18n.Bundle
	Site   *kit.Site

	Audit    *audit.Log
	Limiter  *ratelimit.Limiter
	Places   *place.Places // nil without a file
	Keyring  *keyring.Keyring
	Outbox   *notify.Outbox
	Worker   *notify.Worker
	Mail     *smtp.Transport // nil when another transport was given
	Outbound *outbound.Client
	Registry *relyingparty.Registry
	Partners relyingparty.Store

	Upstreams     *upstream.Registry
	SAML          *saml.Consumer
	UpstreamStore upstream.Store
	Links         upstream.Links
	APIKeys       operator.Keys
	Registrations registrar.Registrations

	Table       policy.Table
	Flows       flow.Flows
	Accounts    account.Accounts
	Attempts    account.Attempts
	Proofs      account.Proofs
	Hasher      *password.Hasher
	Policy      password.Policy
	Passwords   password.Passwords
	Methods     authenticator.Authenticators
	Apps        totp.Apps
	BackupCodes backupcode.Codes
	Phones      phone.Phones
	Told        disclosure.Source // what services are told of people
	// Identity reads verified identities; nil while nothing here verifies one.
	Identity    func(tx *db.Tx, of id.Account) (claim.Identity, error)
	Frameworks  []string // trust frameworks that Identity speaks of
	Codes       otp.Codes
	Sessions    session.Sessions
	Visits      backchannel.Visits
	Telling     *backchannel.Worker
	Connections connection.Connections
	Pushed      pushed.Requests
	// Certificates reads those that services show; nil takes none.
	Certificates *machine.Certificates
	Grants       grant.Grants
	Devices      device.Requests
	Asked        ciba.Requests
	Pinging      *ciba.Pinger

	Enrollment *enrollment.Journey
	Signin     *signin.Journey
	Recovery   *recovery.Journey
	Reclaim    *reclaim.Journey
	Stepup     *stepup.Journey
	Lifecycle  *lifecycle.Lifecycle
	Merging    *merging.Journey
	Partnering *partnering.Journey
	Profile    *profile.Journey
	Owners     owner.Owners
	Departure  *departure.Journey
	Leaving    *leaving.Journey
	Unused     *unused.Journey
	Leavings   handover.Leavings
	Activity   *activity.Journey
	Screening  *screening.Journey
	Visitor    *visit.Visitor
	Jobs       *job.Runner

	mux      *http.ServeMux
	handler  http.Handler
	metrics  *metrics
	running  sync.WaitGroup
	started  atomic.Bool
	stopping atomic.Bool
}

// Open composes the service. It opens the database and changes nothing in it.
func Open(ctx context.Context, o Options) (*House, error) {
	h := &House{Config: o.Config, Log: o.Log, Now: o.Now, Keys: o.Keys, metrics: newMetrics(o.Version)}
	if h.Keys == nil {
		keys, err := o.Config.Keys.Open()
		if err != nil {
			return nil, err
		}
		h.Keys = keys
	}
	var err error
	var watch []db.Option
	if o.Observe != nil {
		watch = append(watch, db.Observe(o.Observe))
	}
	h.DB, err = db.Open(ctx, o.Config.Database, o.Now, watch...)
	if err != nil {
		return nil, err
	}
	for _, build := range []func(*House, Options) error{(*House).ground, (*House).domains, (*House).journeys, (*House).doors} {
		if err := build(h, o); err != nil {
			return nil, errors.Join(err, h.DB.Close())
		}
	}
	h.measure() //nolint:contextcheck // the metrics are asked for later, by nobody's request
	return h, nil
}

// ground builds what everything stands on: words, pages, audit, limits, mail, keys, partners.
func (h *House) ground(o Options) error {
	var err error
	h.Texts, err = i18n.Load()
	if err != nil {
		return err
	}
	c := h.Config
	h.Site, err = kit.New(kit.Config{
		Settings: c.Deployment, Texts: h.Texts, Langs: c.Langs(), Keys: h.Keys, PublicURL: c.Server.PublicURL,
		TrustedProxies: c.Server.Proxy.Networks(), Bypass: bypass(), Bodies: bodies(), Log: h.Log, Now: h.Now,
		Guard: h.guard, Late: o.LatePages,
	})
	if err != nil {
		return err
	}
	h.Audit = &audit.Log{DB: h.DB, Keys: h.Keys, Settings: c.Audit, Logger: h.Log, Observe: h.metrics.event}
	h.Limiter = &ratelimit.Limiter{DB: h.DB, Keys: h.Keys, Settings: c.Limits, Now: h.Now, Reached: h.limitReached}
	h.Keyring = &keyring.Keyring{DB: h.DB, Keys: h.Keys, Settings: c.Keyring, Audit: h.Audit, Now: h.Now, Logger: h.Log, Peppers: Peppers{Keys: h.Keys}.Needed}
	h.Outbound, err = outbound.New(c.Outbound, nil)
	if err != nil {
		return err
	}
	if err := h.mail(o); err != nil {
		return err
	}
	fromFile, problems := relyingparty.FromFile(c.Partners)
	if len(problems) > 0 {
		return &config.Error{Problems: problems}
	}
	h.Registry = &relyingparty.Registry{DB: h.DB, Now: h.Now, Keys: h.Keys, File: fromFile, Identities: h.Identity != nil}
	h.Partners = relyingparty.Store{Registry: h.Registry, Audit: h.Audit}
	return h.upstreams()
}

// upstreams builds the sign-in partners.
func (h *House) upstreams() error {
	fromFile, problems := upstream.FromFile(h.Config.Upstreams)
	if len(problems) > 0 {
		return &config.Error{Problems: problems}
	}
	h.SAML = &saml.Consumer{
		Outbound: h.Outbound, Signing: func() ([]keyring.Private, error) { return h.Keyring.Privates(jose.RS256) },
		Assertions: upstream.Assertions{DB: h.DB}, Relays: upstream.Relays{Keys: h.Keys}, BaseURL: h.Config.Server.PublicURL, Cached: h.Keyring.Settings.PublishBefore / 2, Now: h.Now,
	}
	h.Upstreams = &upstream.Registry{
		DB: h.DB, Keys: h.Keys, Now: h.Now, File: fromFile,
		Consumers: map[upstream.Protocol]upstream.Consumer{
			upstream.OIDC: &oidc.Consumer{Outbound: h.Outbound, Signer: h.Keyring.Signer, BaseURL: h.Config.Server.PublicURL, Now: h.Now},
			upstream.SAML: h.SAML,
		},
	}
	h.UpstreamStore = upstream.Store{Registry: h.Upstreams, Audit: h.Audit}
	h.APIKeys = operator.Keys{Audit: h.Audit}
	h.Links = upstream.Links{Keys: h.Keys, Audit: h.Audit}
	return nil
}

// mail builds the outbox and what delivers it.
func (h *House) mail(o Options) error {
	c := h.Config
	palette, err := c.Deployment.Theme.Palette()
	if err != nil {
		return err
	}
	mails := &notice.Mails{
		Bundle: h.Texts, Languages: c.Langs(), BaseURL: c.Server.PublicURL, Product: c.Deployment.Names,
		Owner: c.Deployment.Owner, Zone: h.Site.Zone(), Support: c.Deployment.Support.Email, Answered: c.Mail.ReplyTo != "",
		Theme: notice.ThemeOf(palette.Light, palette.Dark),
	}
	if err := mails.Check(); err != nil {
		return err
	}
	ways := o.Transports
	if ways == nil {
		ways, err = h.ways()
		if err != nil {
			return err
		}
	}
	bell := notify.NewBell()
	h.Outbox = &notify.Outbox{Keys: h.Keys, Mails: mails, Settings: c.Mail, Bell: bell, Channels: beside(ways)}
	h.Worker = &notify.Worker{DB: h.DB, Keys: h.Keys, Transports: ways, Settings: c.Mail, Bell: bell, Log: h.Log, Audit: h.Audit}
	return nil
}

// ways are the mail server and the provider of texts and calls of the configuration.
func (h *House) ways() (map[notice.Channel]notify.Transport, error) {
	c := h.Config
	h.Mail = &smtp.Transport{Settings: c.Mail}
	out := map[notice.Channel]notify.Transport{notice.Email: h.Mail}
	if !c.Texts.Offered() {
		return out, nil
	}
	provider, err := sms.New(c.Texts, h.Outbound, h.Now)
	if err != nil {
		return nil, err
	}
	out[notice.Text] = provider
	if c.Texts.Calls {
		out[notice.Voice] = provider
	}
	return out, nil
}

// beside are the channels that messages can go out on besides e-mail.
func beside(ways map[notice.Channel]notify.Transport) []notice.Channel {
	var out []notice.Channel
	for _, c := range notice.Channels() {
		if c != notice.Email && ways[c] != nil {
			out = append(out, c)
		}
	}
	return out
}

// guard refuses a network address that asks for far more than people do. It
// counts in this node's memory, before any work. The endpoints that services call are left
// out: a whole service calls from one address, and who is refused there is counted there.
func (h *House) guard(r *http.Request) error {
	if protocol.ForPrograms(r.URL.Path) {
		return nil
	}
	return h.Limiter.Local(ratelimit.RequestIP, ratelimit.IPKey(kit.ClientIP(r))).Fault()
}

// limitReached records, once per window, that a limit refused somebody.
func (h *House) limitReached(tx *db.Tx, rule ratelimit.Rule, key string) error {
	e := audit.Event{Name: audit.LimitReached, Outcome: audit.Refused, Data: map[string]string{"rule": string(rule)}}
	if rule.OfIP() {
		e.Personal.IP = key
	}
	return h.Audit.Record(tx, e)
}

// EndParty ends everything that was given to a service.
func (h *House) EndParty(tx *db.Tx, rp id.RelyingParty) error { return h.Grants.EndParty(tx, rp) }

// Handler answers everything that the public may ask.
func (h *House) Handler() http.Handler { return h.handler }

// Close ends what Open opened, after Serve or Wait.
func (h *House) Close() error {
	if h.Mail != nil {
		h.Mail.Close()
	}
	h.Outbound.Close()
	if f := h.Policy.Breached; f != nil {
		if err := f.Close(); err != nil {
			return errors.Join(fmt.Errorf("app: %w", err), h.DB.Close())
		}
	}
	if err := h.DB.Close(); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return nil
}
