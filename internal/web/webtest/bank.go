package webtest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"parvis/internal/config"
	"parvis/internal/i18n"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// BankID names the sign-in partner of a House, and BankOrigin is where it lives.
const (
	BankID     upstream.ID = "bank"
	BankOrigin string      = "https://bank.test"
)

// Bank is a sign-in partner: what it answers is set by a test.
type Bank struct {
	Customer string           // who signs in there
	Fails    upstream.Failure // how its answer comes to nothing; "" for a sign-in
	Closed   upstream.Failure // why it cannot even be asked; "" when it can
	Asked    []upstream.Ask   // every request so far

	h *House
}

// WithBank writes the bank into a configuration.
func WithBank(c *config.Config) {
	c.Upstreams = append(c.Upstreams, upstream.Settings{
		ID: string(BankID), Name: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"},
		Brand:   i18n.Text{"en": "Northland Bank, with Norbank cards", "fr": "Banque du Northland, avec les cartes Norbank"},
		Banner:  i18n.Text{"en": "Norbank has a new name: Northland Bank.", "fr": "Norbank a un nouveau nom : Banque du Northland."},
		Help:    i18n.Text{"en": "The bank helps with a forgotten card number.", "fr": "La banque vous aide si vous avez oublié votre numéro de carte."},
		HelpURL: i18n.Text{"en": BankOrigin + "/help", "fr": BankOrigin + "/aide"},
		Issuer:  BankOrigin, OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "a-secret-of-the-tests-own"},
	})
}

// OpenBank puts the bank into the place of the consumer of its protocol.
func (h *House) OpenBank() *Bank {
	b := &Bank{Customer: "customer-1", h: h}
	h.Upstreams.Consumers = map[upstream.Protocol]upstream.Consumer{upstream.OIDC: b}
	return b
}

// Begin makes a request.
func (b *Bank) Begin(_ context.Context, _ *upstream.Provider, ask upstream.Ask) (upstream.Request, error) {
	if b.Closed != "" {
		return upstream.Request{}, upstream.Fail(b.Closed, "as the test wants it")
	}
	b.Asked = append(b.Asked, ask)
	pending := upstream.Pending{State: secret.NewToken(), At: b.h.Clock.Now()}
	return upstream.Request{URL: BankOrigin + "/authorize?state=" + pending.State, Pending: pending}, nil
}

// Finish gives what the test has set.
func (b *Bank) Finish(_ context.Context, p *upstream.Provider, _ upstream.Pending, _ upstream.Answer) (upstream.Assertion, error) {
	if b.Fails != "" {
		return upstream.Assertion{}, upstream.Fail(b.Fails, "as the test wants it")
	}
	return upstream.Assertion{Issuer: p.Issuer, Subject: b.Customer, AuthTime: b.h.Clock.Now()}, nil
}

// Probe finds the bank closed or open.
func (b *Bank) Probe(context.Context, *upstream.Provider, bool) error {
	if b.Closed != "" {
		return upstream.Fail(b.Closed, "as the test wants it")
	}
	return nil
}

// Close puts the bank out of reach and waits until the house knows.
func (b *Bank) Close() {
	b.h.T.Helper()
	b.Closed = upstream.Outage
	b.until(func() bool { return b.h.Upstreams.Health(BankID).Down }, "the bank is closed")
}

// Reopen brings the bank back and waits until the house knows.
func (b *Bank) Reopen() {
	b.h.T.Helper()
	b.Closed = ""
	b.until(func() bool { return !b.h.Upstreams.Health(BankID).Down }, "the bank is open again")
}

// until looks after the bank until the house knows something of it.
func (b *Bank) until(known func() bool, what string) {
	b.h.T.Helper()
	ctx, cancel := context.WithCancel(b.h.T.Context())
	var watch sync.WaitGroup
	watch.Go(func() { b.h.Upstreams.Watch(ctx) })
	defer watch.Wait()
	defer cancel()
	for range 1200 {
		if known() {
			return
		}
		must(b.h.T, b.h.Upstreams.Refresh(ctx))
		b.h.Clock.Advance(time.Second)
		time.Sleep(50 * time.Millisecond)
	}
	b.h.T.Fatalf("nobody noticed that %s", what)
}

// Examine finds nothing.
func (*Bank) Examine(context.Context, *upstream.Provider) []upstream.Finding { return nil }

// Answer is where the bank sends the person who left for it, with its answer.
func (b *Bank) Answer(p *Person) string {
	p.T.Helper()
	u, err := url.Parse(p.Left)
	must(p.T, err)
	return upstream.CallbackPath(BankID) + "?" + url.Values{"state": {u.Query().Get("state")}, "code": {"a-code"}, "iss": {BankOrigin}}.Encode()
}

// Again comes back from the bank to which the page of linking leads.
func (b *Bank) Again(p *Person) *Page {
	p.T.Helper()
	p.Page.Must("partner-hand-off", http.StatusOK)
	p.Follow("submit")
	return p.Open(b.Answer(p))
}

// SignIn goes to the bank from the page that has its door, and comes back.
func (b *Bank) SignIn(p *Person) *Page {
	p.T.Helper()
	p.Submit("partner-" + string(BankID))
	if p.Page.Name() != "partner-hand-off" {
		return p.Page
	}
	p.Follow("submit")
	return p.Open(b.Answer(p))
}

// SignOut is where people sign out of the bank, too.
func (*Bank) SignOut(*upstream.Provider, i18n.Lang) string {
	return BankOrigin + "/end-session?client_id=parvis"
}

// Departure takes "customer jti" as a notice that a customer has signed out.
func (b *Bank) Departure(_ context.Context, p *upstream.Provider, token string) (upstream.Departure, error) {
	if b.Closed != "" {
		return upstream.Departure{}, upstream.Fail(b.Closed, "as the test wants it")
	}
	customer, notice, ok := strings.Cut(token, " ")
	if !ok {
		return upstream.Departure{}, upstream.Fail(upstream.Invalid, "as the test wants it")
	}
	return upstream.Departure{Issuer: p.Issuer, Subject: customer, ID: notice, Until: b.h.Clock.Now().Add(time.Hour)}, nil
}
