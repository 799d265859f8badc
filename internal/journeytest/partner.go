package journeytest

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"parvis/internal/enrollment"
	"parvis/internal/id"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// Bank is the sign-in partners of the houses, which answer alike: what is set by a test.
type Bank struct {
	mutex sync.Mutex
	came  upstream.Assertion
	sid   string
	err   error
	asked []upstream.Ask

	untimed bool
	closed  upstream.Failure
}

// The sign-in partners; the second one exists WithUnion.
const (
	BankID  upstream.ID = "bank"
	UnionID upstream.ID = "union"
)

// The partners' own names for themselves.
const (
	BankIssuer  = "https://bank.test"
	UnionIssuer = "https://union.test"
)

// Comes lets the next sign-in be that of a customer.
func (b *Bank) Comes(customer string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.came, b.err = upstream.Assertion{Subject: customer}, nil
}

// CallsIt lets the bank name the session of the sign-ins that come.
func (b *Bank) CallsIt(sid string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.sid = sid
}

// Fails lets the next sign-in come to nothing.
func (b *Bank) Fails(f upstream.Failure) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.err = upstream.Fail(f, "as the test wants it")
}

// Untimed lets the bank keep to itself when people signed in.
func (b *Bank) Untimed() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.untimed = true
}

// Closes lets the bank not even be asked.
func (b *Bank) Closes(f upstream.Failure) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.closed = f
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
func (c bankConsumer) Begin(_ context.Context, p *upstream.Provider, ask upstream.Ask) (upstream.Request, error) {
	b := c.house.Bank
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.asked = append(b.asked, ask)
	if b.closed != "" {
		return upstream.Request{}, upstream.Fail(b.closed, "as the test wants it")
	}
	pending := upstream.Pending{State: secret.NewToken(), At: c.house.Clock.Now()}
	return upstream.Request{URL: p.Issuer + "/authorize?state=" + pending.State, Pending: pending}, nil
}

// Finish gives what the test has set, as the partner that is asked.
func (c bankConsumer) Finish(_ context.Context, p *upstream.Provider, pending upstream.Pending, _ upstream.Answer) (upstream.Assertion, error) {
	b := c.house.Bank
	b.mutex.Lock()
	defer b.mutex.Unlock()
	came := b.came
	came.Issuer, came.Presence = p.Issuer, upstream.Presence{Subject: came.Subject, Index: b.sid}
	if !b.untimed {
		came.AuthTime = c.house.Clock.Now()
	}
	if b.err != nil {
		return came, b.err
	}
	return came, pending.CheckTimes(came.AuthTime, c.house.Clock.Now(), p.Skew)
}

// Probe finds the bank in good health.
func (bankConsumer) Probe(context.Context, *upstream.Provider, bool) error { return nil }

// Examine finds nothing.
func (bankConsumer) Examine(context.Context, *upstream.Provider) []upstream.Finding { return nil }

// ToBank sends the browser to the bank and gives what it will bring back.
func (b *Browser) ToBank(f id.Flow) upstream.Answer {
	b.h.T.Helper()
	return b.To(f, BankID)
}

// To is ToBank for one of the partners.
func (b *Browser) To(f id.Flow, partner upstream.ID) upstream.Answer {
	b.h.T.Helper()
	if err := b.h.Signin.Partner(b.h.T.Context(), b.Visitor, f, partner); err != nil {
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
	return b.Back(BankID, answer)
}

// Back is FromBank for one of the partners.
func (b *Browser) Back(partner upstream.ID, answer upstream.Answer) (id.Flow, signin.Result, error) {
	f, r, err := b.h.Signin.PartnerReturn(b.h.T.Context(), b.Visitor, partner, answer)
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

// LinkBank links the bank to the account that was proven, by a second sign-in of the customer.
func (b *Browser) LinkBank(f id.Flow, customer string) {
	b.h.T.Helper()
	if err := b.h.Signin.PartnerLink(b.h.T.Context(), b.Visitor, f, true); err != nil {
		b.h.T.Fatal(err)
	}
	b.h.Bank.Comes(customer)
	if _, _, err := b.FromBank(b.Answer(f)); err != nil {
		b.h.T.Fatal(err)
	}
}

// Departure takes "customer jti", or "customer jti sid", as a notice that a customer has
// signed out; "-" stands for no customer.
func (bankConsumer) Departure(_ context.Context, p *upstream.Provider, token string) (upstream.Departure, error) {
	words := strings.Fields(token)
	if len(words) < 2 {
		return upstream.Departure{}, upstream.Fail(upstream.Invalid, "as the test wants it")
	}
	out := upstream.Departure{Issuer: p.Issuer, ID: words[1], Until: time.Now().Add(time.Hour), Indexes: words[2:]} //nolint:forbidigo // long after every test
	if words[0] != "-" {
		out.Subject = words[0]
	}
	return out, nil
}

// WithBank makes an account with the bank in the place of a password, and signs in to it.
func (b *Browser) WithBank(customer, address string) id.Flow {
	b.h.T.Helper()
	f := b.From(Permits)
	b.AtBank(f, customer)
	b.At(f, signin.StepPartnerNew)
	b.Create(f, address)
	b.Activate(Token(b.h.Latest(address)))
	b.At(f, signin.StepPartnerCreate)
	r, err := b.h.Enroll.Partner(b.h.T.Context(), b.Visitor, f)
	if err != nil || r.Outcome != enrollment.Activated {
		b.h.T.Fatalf("%+v, %v", r, err)
	}
	b.Keep(r.Cookies)
	return f
}

// Who is who is signed in in the browser; "" for nobody.
func (b *Browser) Who() id.Account {
	b.h.T.Helper()
	p, err := b.h.Signin.Person(b.h.T.Context(), b.Visitor)
	if err != nil {
		b.h.T.Fatal(err)
	}
	if p == nil {
		return ""
	}
	return p.Account
}
