// Package journeytest builds the journeys on a test database, with two partner
// services, a mailbox and a clock, and gives tests a person with a browser.
// Only tests import it.
package journeytest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/departure"
	"parvis/internal/disclosure"
	"parvis/internal/enrollment"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/leaving"
	"parvis/internal/lifecycle"
	"parvis/internal/merging"
	"parvis/internal/notify"
	"parvis/internal/notify/mailbox"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/partnering"
	"parvis/internal/policy"
	"parvis/internal/profile"
	"parvis/internal/ratelimit"
	"parvis/internal/reclaim"
	"parvis/internal/recovery"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/unused"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
)

// The services of the tests, and a password that every rule accepts.
const (
	Licences id.RelyingParty = "licences" // asks for the e-mail address and the language
	Permits  id.RelyingParty = "permits"  // asks for nothing but the subject
	Password                 = "seven copper kettles whistle"
	Other                    = "eleven quiet lanterns drift"
)

// House is everything that the journeys stand on.
type House struct {
	T     testing.TB
	DB    *db.DB
	Clock *dbtest.Clock

	Keys        *secret.Keys
	Flows       flow.Flows
	Accounts    account.Accounts
	Attempts    account.Attempts
	Proofs      account.Proofs
	Methods     authenticator.Authenticators
	Apps        totp.Apps
	BackupCodes backupcode.Codes
	Phones      phone.Phones
	Codes       otp.Codes
	Sessions    session.Sessions
	Hasher      *password.Hasher
	Audit       *audit.Log
	Registry    *relyingparty.Registry
	Box         *mailbox.Box
	Worker      *notify.Worker
	Table       policy.Table
	Signin      *signin.Journey
	Enroll      *enrollment.Journey
	Recovery    *recovery.Journey
	Reclaim     *reclaim.Journey
	Stepup      *stepup.Journey
	Bank        *Bank
	Upstreams   *upstream.Registry
	Links       upstream.Links
	Lifecycle   *lifecycle.Lifecycle
	Merging     *merging.Journey
	Partnering  *partnering.Journey
	Profile     *profile.Journey
	Owners      owner.Owners
	Departure   *departure.Journey
	Leaving     *leaving.Journey
	Unused      *unused.Journey
	Leavings    handover.Leavings

	// LeakedPassword is one that is known from a leak when somebody signs in with it.
	LeakedPassword string

	// Verified are the accounts that hold a verified identity.
	Verified map[id.Account]bool

	statements *atomic.Int64
}

// Option changes a house before it is built.
type Option func(*plan)

type plan struct {
	limits   ratelimit.Settings
	password password.Settings
	signin   signin.Settings
	once     bool
	partners []upstream.Settings // beside the bank
}

// WithUnion adds a second sign-in partner.
func WithUnion() Option {
	return func(p *plan) {
		p.partners = append(p.partners, upstream.Settings{
			ID: string(UnionID), Name: i18n.Text{"en": "Harbour Credit Union", "fr": "Caisse du Port"}, Issuer: UnionIssuer,
			OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "another-secret-of-the-tests"},
		})
	}
}

// WithoutRehearsal runs closures once, as in service: for races and counts.
func WithoutRehearsal() Option { return func(p *plan) { p.once = true } }

// WithLimits sets the limits; without it there are none.
func WithLimits(s ratelimit.Settings) Option { return func(p *plan) { p.limits = s } }

// WithPassword sets the rules and the cost of passwords.
func WithPassword(s password.Settings) Option { return func(p *plan) { p.password = s } }

// Each runs a test in a fresh house on every engine.
func Each(t *testing.T, test func(t *testing.T, h *House), options ...Option) {
	t.Helper()
	p := plan{password: password.Cheap(password.Preset("parvis")), signin: signin.Preset("parvis")}
	for _, o := range options {
		o(&p)
	}
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			clock := dbtest.NewClock()
			statements := &atomic.Int64{}
			o := []dbtest.Option{dbtest.WithClock(clock.Now), dbtest.Observe(func(string) { statements.Add(1) })}
			if p.once {
				o = append(o, dbtest.WithoutRehearsal())
			}
			h := build(t, dbtest.Open(t, engine, o...), clock, p)
			h.statements = statements
			test(t, h)
		})
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func build(t testing.TB, d *db.DB, clock *dbtest.Clock, p plan) *House {
	t.Helper()
	root := bytes.Repeat([]byte{7}, secret.RootBytes)
	keys := must[*secret.Keys](t)(secret.NewKeys(root, root))
	h := &House{T: t, DB: d, Clock: clock, Keys: keys}
	numbers := account.Preset("parvis")
	h.Table = policy.NewTable(policy.Preset("parvis"), policy.Email, policy.Text, policy.Voice, policy.App, policy.Backup)
	h.Flows = flow.Flows{Keys: keys, Settings: flow.Preset("parvis")}
	h.Accounts = account.Accounts{Keys: keys, Settings: numbers}
	h.Attempts = account.Attempts{Keys: keys, Settings: numbers}
	h.Proofs = account.Proofs{Keys: keys, Settings: numbers}
	h.Hasher = password.NewHasher(keys, p.password)
	h.Methods = authenticator.Authenticators{Settings: authenticator.Preset("parvis")}
	h.Apps = totp.Apps{Keys: keys, Methods: h.Methods, Settings: totp.Preset("parvis")}
	h.BackupCodes = backupcode.Codes{Keys: keys, Methods: h.Methods, Settings: backupcode.Preset("parvis"), Hash: h.Hasher.Hash, HashLike: h.Hasher.HashLike}
	h.Phones = phone.Phones{Keys: keys, Methods: h.Methods, Settings: phone.Preset("parvis")}
	h.Codes = otp.Codes{Keys: keys, Settings: otp.Preset("parvis")}
	h.Leavings = handover.Leavings{Keys: keys}
	h.Sessions = session.Sessions{Keys: keys, Settings: session.Preset("parvis")}
	h.Audit = &audit.Log{DB: d, Keys: keys, Settings: audit.Preset("parvis")}
	limiter := &ratelimit.Limiter{DB: d, Keys: keys, Settings: p.limits, Now: clock.Now}
	passwords := password.Passwords{Keys: keys}
	rules := password.Policy{Settings: p.password, Blocklist: must[*password.Blocklist](t)(password.NewBlocklist())}
	connections := connection.Connections{Settings: connection.Preset("parvis"), Audit: h.Audit}
	grants := grant.Grants{Settings: grant.Preset("parvis"), Audit: h.Audit}
	h.Registry = &relyingparty.Registry{DB: d, Now: clock.Now, File: services(t)}
	if err := h.Registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	outbox := h.post(keys)
	h.banks(p.partners)
	h.Links = upstream.Links{Keys: keys, Audit: h.Audit}
	h.Owners = owner.Owners{Accounts: h.Accounts, Sessions: h.Sessions, Grants: grants, Table: h.Table, Outbox: outbox, Audit: h.Audit, Limiter: limiter}
	h.Signin = &signin.Journey{
		Leaked: func(typed string) bool { return typed == h.LeakedPassword },
		DB:     d, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs, Passwords: passwords,
		Hasher: h.Hasher, Table: h.Table, Sessions: h.Sessions, Owners: h.Owners, Connections: connections, Told: disclosure.Source{Accounts: h.Accounts, Phones: h.Phones}, Grants: grants, Upstreams: h.Upstreams, Links: h.Links, Answers: handover.Answers{DB: d, Keys: h.Keys}, Leavings: h.Leavings, Registry: h.Registry,
		Outbox: outbox, Audit: h.Audit, Limiter: limiter, Settings: p.signin,
	}
	h.Enroll = &enrollment.Journey{
		DB: d, Flows: h.Flows, Accounts: h.Accounts, Proofs: h.Proofs, Passwords: passwords, Policy: rules,
		Hasher: h.Hasher, Table: h.Table, Sessions: h.Sessions, Links: h.Links, Registry: h.Registry, Outbox: outbox, Audit: h.Audit, Limiter: limiter,
		Words: []string{"Parvis"},
	}
	h.Recovery = &recovery.Journey{
		DB: d, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs, Passwords: passwords,
		Policy: rules, Hasher: h.Hasher, Table: h.Table, Sessions: h.Sessions, Grants: grants, Links: h.Links, Upstreams: h.Upstreams, Registry: h.Registry, Outbox: outbox, Audit: h.Audit,
		Limiter: limiter, Words: []string{"Parvis"},
	}
	h.Reclaim = &reclaim.Journey{
		DB: d, Flows: h.Flows, Accounts: h.Accounts, Methods: h.Methods, Apps: h.Apps, Phones: h.Phones, BackupCodes: h.BackupCodes,
		Codes: h.Codes, Sessions: h.Sessions, Grants: grants, Outbox: outbox, Audit: h.Audit, Limiter: limiter, Table: h.Table,
	}
	h.Stepup = &stepup.Journey{
		DB: d, Flows: h.Flows, Accounts: h.Accounts, Methods: h.Methods, Apps: h.Apps, Codes: h.Codes, Phones: h.Phones,
		BackupCodes: h.BackupCodes, Sessions: h.Sessions, Owners: h.Owners, Links: h.Links, Registry: h.Registry, Outbox: outbox, Audit: h.Audit,
		Limiter: limiter, Table: h.Table, Name: i18n.Text{"en": "Parvis", "fr": "Parvis"}, Found: h.Reclaim.Found,
	}
	h.Partnering = &partnering.Journey{DB: d, Owners: h.Owners, Passwords: passwords, Upstreams: h.Upstreams, Links: h.Links}
	h.Lifecycle = &lifecycle.Lifecycle{
		DB: d, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs, Passwords: passwords,
		Apps: h.Apps, BackupCodes: h.BackupCodes, Phones: h.Phones, Codes: h.Codes, Sessions: h.Sessions, Connections: connections, Grants: grants, Outbox: outbox, Audit: h.Audit,
		Links: upstream.Links{Keys: keys, Audit: h.Audit}, Requests: assist.Requests{Settings: assist.Preset("parvis")},
	}
	h.Profile = &profile.Journey{
		DB: d, Owners: h.Owners, Proofs: h.Proofs, Passwords: passwords, Policy: rules, Hasher: h.Hasher, Links: h.Links, Limiter: limiter,
		Langs: []i18n.Lang{"en", "fr"}, Words: []string{"Parvis"}, Forget: h.Lifecycle.Forget, Unbind: h.Reclaim.Unbind, Phones: h.Phones, Grants: grants, Connected: connections,
	}
	h.Departure = &departure.Journey{DB: d, Upstreams: h.Upstreams, Links: h.Links, Leavings: h.Leavings, Answers: handover.Answers{DB: d, Keys: keys}, Sessions: h.Sessions, Audit: h.Audit, Limiter: limiter}
	h.Merging = &merging.Journey{
		DB: d, Accounts: h.Accounts, Merges: account.Merges{Settings: numbers}, Sessions: h.Sessions, Connections: connections, Grants: grants,
		Links: h.Links, Upstreams: h.Upstreams, Registry: h.Registry, Table: h.Table, Outbox: outbox, Audit: h.Audit, Limiter: limiter, Close: h.Lifecycle.Close,
	}
	h.Leaving = &leaving.Journey{
		DB: d, Owners: h.Owners,
		Merges: h.Merging.Merges, Connections: connections, Grants: grants, Links: h.Links, Phones: h.Phones, BackupCodes: h.BackupCodes, Requests: h.Lifecycle.Requests, Upstreams: h.Upstreams, Registry: h.Registry,
		Limiter: limiter, Settings: leaving.Preset("parvis"), Close: h.Lifecycle.Close,
	}
	h.Unused = h.leftAlone(outbox, limiter)
	return h
}

// leftAlone builds the journey of accounts that nobody uses.
func (h *House) leftAlone(outbox *notify.Outbox, limiter *ratelimit.Limiter) *unused.Journey {
	return &unused.Journey{
		DB: h.DB, Accounts: h.Accounts, Attempts: h.Attempts, Merges: h.Merging.Merges, Requests: h.Lifecycle.Requests, Outbox: outbox, Audit: h.Audit,
		Limiter: limiter, Settings: unused.Preset("parvis"), Close: h.Lifecycle.Close,
		Verified: func(*db.Tx, []id.Account) (map[id.Account]bool, error) { return h.Verified, nil },
	}
}

// banks builds the sign-in partners: the bank, and what a test adds.
func (h *House) banks(more []upstream.Settings) {
	h.T.Helper()
	h.Bank = &Bank{}
	file, problems := upstream.FromFile(append([]upstream.Settings{{
		ID: string(BankID), Name: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Issuer: BankIssuer,
		OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "a-secret-of-the-tests-own"},
	}}, more...))
	if len(problems) > 0 {
		h.T.Fatal(problems)
	}
	h.Upstreams = &upstream.Registry{
		DB: h.DB, Keys: h.Keys, Now: h.Clock.Now, File: file, Consumers: map[upstream.Protocol]upstream.Consumer{upstream.OIDC: bankConsumer{h}},
	}
	if err := h.Upstreams.Start(h.T.Context()); err != nil {
		h.T.Fatal(err)
	}
}

// post builds the outbox and the mailbox.
func (h *House) post(keys *secret.Keys) *notify.Outbox {
	bundle := must[*i18n.Bundle](h.T)(i18n.Load())
	mails := &notice.Mails{
		Bundle: bundle, Languages: []i18n.Lang{"en", "fr"}, BaseURL: "https://signin.test",
		Product: i18n.Text{"en": "Parvis", "fr": "Parvis"}, Owner: i18n.Text{"en": "The government", "fr": "Le gouvernement"},
		Zone: time.UTC,
	}
	settings := notify.Preset("parvis")
	h.Box = &mailbox.Box{}
	h.Worker = &notify.Worker{
		DB: h.DB, Keys: keys, Transports: h.Box.Everyway(), Settings: settings, Audit: h.Audit, Log: slog.New(slog.DiscardHandler),
	}
	return &notify.Outbox{Keys: keys, Mails: mails, Settings: settings, Channels: []notice.Channel{notice.Text, notice.Voice}}
}

func services(t testing.TB) []*relyingparty.RelyingParty {
	t.Helper()
	out, problems := relyingparty.FromFile([]relyingparty.Settings{
		{
			ID: string(Licences), Name: i18n.Text{"en": "Fishing licences", "fr": "Permis de pêche"},
			Department:   i18n.Text{"en": "Natural Resources", "fr": "Richesses naturelles"},
			RedirectURIs: []string{"https://licences.test/callback"}, StartURL: "https://licences.test/",
			Auth: "none", Scopes: []string{"openid", "email", "locale"},
		},
		{
			ID: string(Permits), Name: i18n.Text{"en": "Building permits", "fr": "Permis de construire"},
			Department:   i18n.Text{"en": "Municipal Affairs", "fr": "Affaires municipales"},
			RedirectURIs: []string{"https://permits.test/callback"}, StartURL: "https://permits.test/",
			Auth: "none", Scopes: []string{"openid"},
		},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return out
}

// Statements counts the database statements that f makes. Use WithoutRehearsal.
func (h *House) Statements(f func()) int64 {
	before := h.statements.Load()
	f()
	return h.statements.Load() - before
}

// Letters delivers what waits and gives the letters to an address, newest first.
func (h *House) Letters(address string) []notice.Letter {
	h.T.Helper()
	if err := h.Worker.RunDue(context.WithoutCancel(h.T.Context())); err != nil {
		h.T.Fatal(err)
	}
	out := h.Box.To(address)
	slices.SortStableFunc(out, func(a, b notice.Letter) int { return b.At.Compare(a.At) }) // deliveries overtake each other
	return out
}

// Told counts the letters of a kind that an address received.
func (h *House) Told(address string, kind notice.Kind) (n int) {
	h.T.Helper()
	for _, l := range h.Letters(address) {
		if l.Kind == kind {
			n++
		}
	}
	return n
}

// Events counts the audit events of a name.
func (h *House) Events(name audit.Name) int {
	h.T.Helper()
	n := 0
	for _, e := range h.Recent() {
		if e.Name == name {
			n++
		}
	}
	return n
}

// Recent are the newest audit events.
func (h *House) Recent() []audit.Event {
	h.T.Helper()
	var out []audit.Event
	err := h.DB.Read(h.T.Context(), func(tx *db.Tx) (err error) {
		out, err = h.Audit.Recent(tx, 5000)
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return out
}
