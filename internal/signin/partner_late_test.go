package signin_test

import (
	"context"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// slowly lets something happen while the answer of a partner is checked.
type slowly struct {
	upstream.Consumer

	meanwhile func()
}

func (c *slowly) Finish(ctx context.Context, p *upstream.Provider, pending upstream.Pending, answer upstream.Answer) (upstream.Assertion, error) {
	came, err := c.Consumer.Finish(ctx, p, pending, answer)
	if do := c.meanwhile; do != nil {
		c.meanwhile = nil
		do()
	}
	return came, err
}

// What comes of an answer counts while the journey waits for it, and not when the person
// has gone another way while it was checked.
func TestAnAnswerThatComesTooLateChangesNothing(t *testing.T) {
	const intruder = "intruder@example.org"
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, intruder)
		c := &slowly{Consumer: h.Upstreams.Consumers[upstream.OIDC]}
		h.Upstreams.Consumers[upstream.OIDC] = c
		h.Active(address)
		h.Clock.Advance(time.Minute)
		for name, one := range map[string]struct {
			comes string           // who signs in at the bank
			fails upstream.Failure // or how it fails
			due   signin.Step
		}{
			"the owner signs in, a stranger's partner": {comes: "nobody", due: signin.StepConsent},
			"the owner signs in, an intruder's":        {comes: customer, due: signin.StepConsent},
			"the owner signs in, and it fails":         {fails: upstream.Invalid, due: signin.StepConsent},
		} {
			b := h.Browser()
			f := b.From(journeytest.Permits)
			h.Bank.Comes(one.comes)
			answer := b.ToBank(f)
			if one.fails != "" {
				h.Bank.Fails(one.fails)
			}
			c.meanwhile = func() { b.SignIn(f, address, journeytest.Password) }
			before := b.Visitor // as the request of the answer was sent
			_, r, err := h.Signin.PartnerReturn(t.Context(), before, journeytest.BankID, answer)
			if one.fails == "" && !fault.Is(err, fault.Conflict) || r.Outcome != "" {
				t.Errorf("%s: %v, %v", name, r.Outcome, err)
			}
			if v := b.View(f); v.Step != one.due || v.PartnerFailure != "" || b.Who() == "" {
				t.Errorf("%s: %s, %q", name, v.Step, v.PartnerFailure)
			}
		}
		b := h.Browser()
		f := b.From(journeytest.Permits)
		h.Bank.Comes(customer)
		answer := b.ToBank(f)
		c.meanwhile = func() {
			if err := h.Signin.Cancel(t.Context(), b.Visitor, f); err != nil {
				t.Error(err)
			}
		}
		if _, r, err := b.FromBank(answer); !fault.Is(err, fault.Conflict) || r.Outcome != "" || b.Who() != "" {
			t.Errorf("given up: %v, %v", r.Outcome, err)
		}
		b.At(f, signin.StepCancelled)

		b = h.Browser()
		f = b.From(journeytest.Permits)
		answer = b.ToBank(f)
		var second upstream.Answer
		c.meanwhile = func() { second = b.ToBank(f) }
		if _, r, err := b.FromBank(answer); !fault.Is(err, fault.Conflict) || r.Outcome != "" {
			t.Errorf("gone there again: %v, %v", r.Outcome, err)
		}
		if _, r, err := b.FromBank(second); err != nil || r.Outcome != signin.SignedIn {
			t.Errorf("the second answer: %v, %v", r.Outcome, err)
		}
		if h.Events(audit.UpstreamFailed) != 1 {
			t.Errorf("%d failures are noted", h.Events(audit.UpstreamFailed))
		}
	})
}

// Who has to prove anew who they are does it as themselves: whichever door they take,
// another account behind it proves nothing, and is not slipped under the service.
func TestWhoMustProveItAnewIsNobodyElseAtAPartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, "bank@example.org")
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		b.SignIn(b.From(journeytest.Permits), address, journeytest.Password)
		own := b.Live()
		h.Clock.Advance(h.Table.Window() + time.Second)
		settings, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, Next: "/settings"})
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range map[string]id.Flow{"prompt=login": b.From(journeytest.Permits, journeytest.ForceLogin), "settings": settings} {
			for _, who := range []string{customer, "linked to nobody"} {
				if r := b.AtBank(f, who); r.Outcome != "" {
					t.Errorf("%s: %s is enough: %+v", name, who, r)
				}
				if v := b.View(f); v.Step != signin.StepPartnerFailed || v.PartnerFailure != signin.OtherAccount || v.Address != address {
					t.Errorf("%s, %s: %s, %q, address %q", name, who, v.Step, v.PartnerFailure, v.Address)
				}
				if live := b.Live(); live.ID != own.ID || live.Account != own.Account {
					t.Errorf("%s, %s: the session is another one", name, who)
				}
			}
			// The password that is asked for next is that of this account, whatever is typed.
			if r := b.SignIn(f, "bank@example.org", journeytest.Password); r.Outcome != signin.SignedIn || b.Live().Account != own.Account {
				t.Errorf("%s: %+v", name, r)
			}
			own = b.Live()
			h.Clock.Advance(h.Table.Window() + time.Second)
		}
		if got := h.Events(audit.UpstreamFailed); got != 4 {
			t.Errorf("%d are noted", got)
		}
		// Who is linked proves it there.
		c := h.Browser()
		c.AtBank(c.From(journeytest.Permits), customer)
		linked := c.Live().Account
		h.Clock.Advance(time.Minute)
		if r := c.AtBank(c.From(journeytest.Permits, journeytest.ForceLogin), customer); r.Outcome != signin.SignedIn || c.Live().Account != linked {
			t.Errorf("its own partner: %+v", r)
		}
	})
}

// A closed door makes nobody another person: who is signed in through it, and finds somebody
// else still signed in at the partner, is told so and stays who they are.
func TestAClosedDoorAndSomebodyElsesPartnerMakeNobodyAnotherPerson(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, "bank@example.org")
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		b.SignIn(b.From(journeytest.Permits), address, journeytest.Password)
		own := b.Live()
		f := b.From(journeytest.Permits, allow(string(journeytest.BankID)))
		if v := b.View(f); v.Step != signin.StepSignIn || !v.Reauth || !v.OtherDoor {
			t.Fatalf("%+v", v)
		}
		for range 2 { // the button that tries again is no way around
			if r := b.AtBank(f, customer); r.Outcome != "" {
				t.Errorf("%+v", r)
			}
			if v := b.View(f); v.Step != signin.StepPartnerFailed || v.PartnerFailure != signin.OtherAccount || v.Address != address {
				t.Errorf("%s, %q, address %q", v.Step, v.PartnerFailure, v.Address)
			}
			if live := b.Live(); live.ID != own.ID || live.Account != own.Account {
				t.Error("the session is another one")
			}
		}
		if got := h.Events(audit.UpstreamFailed); got != 2 {
			t.Errorf("%d are noted", got)
		}
		asked := h.Bank.Asked()
		if last := asked[len(asked)-1]; !last.Fresh {
			t.Errorf("whoever is still signed in there is taken: %+v", last)
		}

		// What is linked to nobody can be linked to the account, by its password.
		b.AtBank(f, "linked to nobody")
		b.At(f, signin.StepPartnerNew)
		if r := b.AtBank(f, customer); r.Outcome != "" || b.Live().ID != own.ID {
			t.Errorf("from the page of a new one: %+v", r)
		}
		b.AtBank(f, "linked to nobody")
		h.Clock.Advance(time.Minute)
		b.SignIn(f, address, journeytest.Password)
		b.Enter(f, b.Ask(f, address))
		b.At(f, signin.StepPartnerLink)
		b.LinkBank(f, "linked to nobody")
		if live := b.Live(); live.Account != own.Account || live.Facts.Partner.Door != string(journeytest.BankID) {
			t.Errorf("%+v", live)
		}
		b.At(f, signin.StepConsent)
		// And from then on, it opens the service to who is signed in by the password.
		c := h.Browser()
		c.SignIn(c.From(journeytest.Licences), address, journeytest.Password)
		g := c.From(journeytest.Permits, allow(string(journeytest.BankID)))
		if r := c.AtBank(g, "linked to nobody"); r.Outcome != signin.SignedIn || c.Live().Account != own.Account {
			t.Errorf("its own partner: %+v", r)
		}
	})
}

// Many people share an address: what a stranger among them makes up keeps nobody from
// coming back from a partner, nor from opening a mailed link.
func TestMadeUpAnswersKeepNobodyFromComingBack(t *testing.T) {
	limits := ratelimit.Preset("parvis")
	limits.PartnerIP.Count, limits.LinkIP.Count = 5, 5
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, address)
		h.Clock.Advance(time.Hour)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		h.Bank.Comes(customer)
		answer := b.ToBank(f)
		junk := b.Visitor
		junk.Browser = []byte("a browser that was made up by somebody")
		for i := range 20 {
			_, _, err := h.Signin.PartnerReturn(t.Context(), junk, journeytest.BankID, upstream.Answer{Params: map[string][]string{"state": {"x"}}})
			want := fault.NotFound
			if int64(i) >= limits.PartnerIP.Count {
				want = fault.Throttled
			}
			if !fault.Is(err, want) {
				t.Fatalf("answer %d: %v", i, err)
			}
		}
		if _, r, err := b.FromBank(answer); err != nil || r.Outcome != signin.SignedIn {
			t.Errorf("who comes back: %v, %v", r.Outcome, err)
		}
		if _, err := h.Signin.OpenLink(t.Context(), b.Visitor, "x"); err != nil {
			t.Errorf("a mailed link: %v", err)
		}
	}, journeytest.WithLimits(limits), journeytest.WithoutRehearsal())
}

// What keeps people from a partner is found in the audit trail, whether it failed before
// they left for it or after they came back.
func TestAPartnerThatCannotEvenBeAskedIsNoted(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Bank.Closes(upstream.Slow)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		if err := h.Signin.Partner(t.Context(), b.Visitor, f, journeytest.BankID); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepPartnerFailed)
		for _, e := range h.Recent() {
			if e.Name != audit.UpstreamFailed {
				continue
			}
			if e.Flow != f || e.Reason != string(upstream.Slow) || e.Data["provider"] != string(journeytest.BankID) || e.Personal.IP == "" {
				t.Errorf("%+v", e)
			}
			return
		}
		t.Error("nothing is noted")
	})
}

// R42: a partner is asked the same whatever level a service demands; what its sign-in is
// worth less is proven here.
func TestAServiceThatWantsMoreIsNotHeardOfAtThePartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, address)
		for _, level := range []policy.Level{0, policy.OneStep, policy.TwoSteps, policy.AAL2} {
			b := h.Browser()
			f := b.From(journeytest.Permits, func(s *flow.State) { s.Demand.Level = level })
			if r := b.AtBank(f, customer); r.Outcome != signin.SignedIn {
				t.Fatalf("%v: %+v", level, r)
			}
			if asked := h.Bank.Asked(); asked[len(asked)-1] != (upstream.Ask{Lang: "en"}) {
				t.Errorf("%v: the bank is told %+v", level, asked[len(asked)-1])
			}
			if v := b.View(f); v.Step.Second() != (level > policy.OneStep) {
				t.Errorf("%v: then %s", level, v.Step)
			}
		}
	})
}

// A branch that was begun meanwhile, and left, makes nobody another person either.
func TestAForgottenPasswordOnTheWayMakesNobodyAnotherPersonAtAPartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, "bank@example.org")
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		b.SignIn(b.From(journeytest.Permits), address, journeytest.Password)
		own := b.Live()
		for name, change := range map[string]func(*flow.State){"prompt=login": journeytest.ForceLogin, "closed door": allow(string(journeytest.BankID))} {
			f := b.From(journeytest.Permits, change)
			b.Reset(f, address)
			b.At(f, signin.StepCheckEmail)
			if r := b.AtBank(f, customer); r.Outcome != "" || b.Live().ID != own.ID {
				t.Errorf("%s: %+v", name, r)
			}
			if v := b.View(f); v.Step != signin.StepPartnerFailed || v.PartnerFailure != signin.OtherAccount {
				t.Errorf("%s: %s, %q", name, v.Step, v.PartnerFailure)
			}
		}
	})
}

// Who creates an account finds the sign-in of somebody else who left the browser: it opens
// nothing of theirs. They sign in there themselves, or choose a password.
func TestAStrangersSignInAtAPartnerIsNotThatOfANewAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		began := func(later time.Duration) (*journeytest.Browser, id.Flow) {
			t.Helper()
			b := h.Browser()
			f := b.From(journeytest.Permits)
			b.AtBank(f, "stranger") // signs in, and walks away
			h.Clock.Advance(later)
			to := "new-" + later.String() + "@example.org"
			b.Create(f, to)
			b.Activate(journeytest.Token(h.Latest(to)))
			b.At(f, signin.StepPartnerCreate)
			return b, f
		}
		stranger := func() id.Account {
			t.Helper()
			b := h.Browser()
			b.AtBank(b.From(journeytest.Permits), "stranger")
			return b.Who()
		}
		create := func(b *journeytest.Browser, f id.Flow) error {
			t.Helper()
			r, err := h.Enroll.Partner(t.Context(), b.Visitor, f)
			b.Keep(r.Cookies)
			return err
		}

		b, f := began(5 * time.Minute)
		if err := create(b, f); !fault.Is(err, fault.Conflict) || b.Who() != "" {
			t.Errorf("an old sign-in creates an account: %v", err)
		}
		if v := b.View(f); v.Step != signin.StepPartnerCreate || !v.TooOld || !v.Creating {
			t.Errorf("%+v", v)
		}
		if r := b.AtBank(f, customer); r.Outcome != "" {
			t.Errorf("%+v", r)
		}
		asked := h.Bank.Asked()
		if last := asked[len(asked)-1]; !last.Fresh {
			t.Errorf("whoever is still signed in there is taken: %+v", last)
		}
		h.Clock.Advance(6 * time.Minute) // it came after the proof of the address: time is no matter
		if v := b.View(f); v.Step != signin.StepPartnerCreate || v.TooOld {
			t.Errorf("%+v", v)
		}
		if err := create(b, f); err != nil || b.Who() == "" {
			t.Errorf("%v", err)
		}
		c := h.Browser()
		if c.AtBank(c.From(journeytest.Permits), customer); c.Who() != b.Who() {
			t.Error("who signed in there themselves is not the owner")
		}

		// It fails, and they choose a password.
		b, f = began(10 * time.Minute)
		answer := b.ToBank(f)
		h.Bank.Fails(upstream.Cancelled)
		if _, _, err := b.FromBank(answer); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepPartnerFailed)
		if err := h.Signin.PartnerBack(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepChoosePassword)
		b.Choose(f, journeytest.Password)
		b.At(f, signin.StepConsent)

		// Who is told of it at once leaves it, however new it is.
		b, f = began(4 * time.Minute)
		if v := b.View(f); v.TooOld {
			t.Errorf("%+v", v)
		}
		if err := h.Signin.PartnerBack(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepChoosePassword)
		b.Choose(f, journeytest.Password)
		b.At(f, signin.StepConsent)
		if who := stranger(); who != "" {
			t.Errorf("the stranger has the account %s", who)
		}
	})
}
