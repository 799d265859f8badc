package journeytest

import (
	"context"
	"net/url"
	"sync"

	"parvis/internal/id"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// Bank is the sign-in partner of the houses: what it answers is set by a test.
type Bank struct {
	mutex sync.Mutex
	came  upstream.Assertion
	err   error
	asked []upstream.Ask
}

// BankID names the sign-in partner.
const BankID upstream.ID = "bank"

// bankIssuer is the partner's own name for itself.
const bankIssuer = "https://bank.test"

// Comes lets the next sign-in be that of a customer.
func (b *Bank) Comes(customer string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.came, b.err = upstream.Assertion{Issuer: bankIssuer, Subject: customer}, nil
}

// Fails lets the next sign-in come to nothing.
func (b *Bank) Fails(f upstream.Failure) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.err = upstream.Fail(f, "as the test wants it")
}

// Asked are the requests so far.
func (b *Bank) Asked() []upstream.Ask {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return append([]upstream.Ask(nil), b.asked...)
}

// bankConsumer speaks with the bank as a protocol does.
type bankConsumer struct{ house *House }

// Begin makes a request.
func (c bankConsumer) Begin(_ context.Context, _ *upstream.Provider, ask upstream.Ask) (upstream.Request, error) {
	b := c.house.Bank
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.asked = append(b.asked, ask)
	pending := upstream.Pending{State: secret.NewToken(), At: c.house.Clock.Now()}
	return upstream.Request{URL: bankIssuer + "/authorize?state=" + pending.State, Pending: pending}, nil
}

// Finish gives what the test has set.
func (c bankConsumer) Finish(context.Context, *upstream.Provider, upstream.Pending, upstream.Answer) (upstream.Assertion, error) {
	b := c.house.Bank
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.came, b.err
}

// Probe finds the bank in good health.
func (bankConsumer) Probe(context.Context, *upstream.Provider, bool) error { return nil }

// Examine finds nothing.
func (bankConsumer) Examine(context.Context, *upstream.Provider) []upstream.Finding { return nil }

// ToBank sends the browser to the bank and gives what it will bring back.
func (b *Browser) ToBank(f id.Flow) upstream.Answer {
	b.h.T.Helper()
	if err := b.h.Signin.Partner(b.h.T.Context(), b.Visitor, f, BankID); err != nil {
		b.h.T.Fatal(err)
	}
	return b.Answer(f)
}

// Answer is what the browser will bring back from the bank to which a flow sends it.
func (b *Browser) Answer(f id.Flow) upstream.Answer {
	b.h.T.Helper()
	u := must[*url.URL](b.h.T)(url.Parse(b.View(f).PartnerURL))
	return upstream.Answer{Params: url.Values{"state": {u.Query().Get("state")}, "code": {"x"}}}
}

// FromBank brings an answer back.
func (b *Browser) FromBank(answer upstream.Answer) (id.Flow, signin.Result, error) {
	f, r, err := b.h.Signin.PartnerReturn(b.h.T.Context(), b.Visitor, BankID, answer)
	b.Keep(r.Cookies)
	return f, r, err
}

// AtBank signs in at the bank as a customer, and comes back.
func (b *Browser) AtBank(f id.Flow, customer string) signin.Result {
	b.h.T.Helper()
	b.h.Bank.Comes(customer)
	back, r, err := b.FromBank(b.ToBank(f))
	if err != nil || back != f {
		b.h.T.Fatalf("came back to %s: %v", back, err)
	}
	return r
}
