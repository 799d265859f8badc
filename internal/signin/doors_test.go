package signin_test

import (
	"testing"
	"time"

	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/signin"
)

func allow(doors ...string) func(*flow.State) {
	return func(s *flow.State) { s.Demand.Doors = policy.Doors{Allow: doors} }
}

// R4: a service may forbid a door. The journey takes none that is closed, whatever a
// page offers.
func TestAClosedDoorIsNotTakenWhateverThePageOffers(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		f := b.From(journeytest.Permits, allow("password"))
		if err := h.Signin.Partner(t.Context(), b.Visitor, f, journeytest.BankID); !fault.Is(err, fault.Conflict) {
			t.Errorf("a closed partner is asked: %v", err)
		}
		if n := len(h.Bank.Asked()); n != 0 {
			t.Errorf("the bank was asked %d times", n)
		}
		b.At(f, signin.StepSignIn)
		if v := b.View(f); !v.Password || v.Doors.Opens(string(journeytest.BankID)) {
			t.Errorf("%+v", v)
		}
		if r := b.SignIn(f, address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("%+v", r)
		}

		other := h.Browser()
		g := other.From(journeytest.Permits, allow(string(journeytest.BankID)))
		if v := other.View(g); v.Password {
			t.Errorf("%+v", v)
		}
		_, err := h.Signin.Password(t.Context(), other.Visitor, g, signin.PasswordForm{Address: address, Password: journeytest.Password})
		if !fault.Is(err, fault.Conflict) || other.Session != "" {
			t.Errorf("a closed password is taken: %v", err)
		}
		// A wrong one is not compared, and not counted.
		for range 20 {
			_, err = h.Signin.Password(t.Context(), other.Visitor, g, signin.PasswordForm{Address: address, Password: "wrong"})
		}
		if !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		third := h.Browser()
		if r := third.SignIn(third.From(journeytest.Permits), address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("a closed door locks the password: %+v", r)
		}
	})
}

// A live session that came through a door which the next service does not take is asked
// for another one, and goes on as the same person.
func TestASessionOfAClosedDoorIsAskedForAnotherOne(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		f := b.From(journeytest.Licences, allow("password"))
		if v := b.View(f); v.Step != signin.StepSignIn || !v.OtherDoor || !v.Reauth || v.Address != address {
			t.Errorf("%+v", v)
		}
		// There is no password yet: "forgot password" makes the first one (R49), and it opens.
		h.Clock.Advance(time.Minute)
		b.Reset(f, address)
		b.Recover(journeytest.Token(h.Latest(address)))
		b.At(f, signin.StepChoosePassword)

		// The other way round: a password does not open what takes the bank only, but the
		// bank does, and what takes the password is then asked for it again.
		c := h.Active("carol@example.org")
		g := c.From(journeytest.Permits, allow(string(journeytest.BankID)))
		if v := c.View(g); v.Step != signin.StepSignIn || !v.OtherDoor || v.Password {
			t.Errorf("%+v", v)
		}
		d := h.Browser()
		k := d.From(journeytest.Permits, allow(string(journeytest.BankID)))
		if r := d.AtBank(k, customer); r.Outcome != signin.SignedIn || d.Live().Account != owner {
			t.Errorf("%+v", r)
		}
		d.At(k, signin.StepConsent)
		d.At(d.From(journeytest.Permits, allow("password", string(journeytest.BankID))), signin.StepConsent)
		d.At(d.From(journeytest.Permits, func(s *flow.State) { s.Demand.Doors = policy.Doors{Forbid: []string{"other"}} }), signin.StepConsent)
		d.At(d.From(journeytest.Permits, allow("password")), signin.StepSignIn)
		d.At(d.From(journeytest.Permits, allow("other")), signin.StepSignIn)
	})
}

// Who has an account with a password, and comes to a service that takes the partner
// only, links it once: the password proves the account, and the partner opens the service.
func TestAPasswordProvesTheAccountToWhichAnOpenPartnerIsLinked(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits, allow(string(journeytest.BankID)))
		b.AtBank(f, customer)
		b.At(f, signin.StepPartnerNew)
		if v := b.View(f); !v.Password {
			t.Errorf("%+v", v)
		}
		b.SignIn(f, address, journeytest.Password)
		b.Enter(f, b.Ask(f, address))
		b.At(f, signin.StepPartnerLink)
		if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepHandOff)
		before := b.Session
		if back, r, err := b.FromBank(b.Answer(f)); err != nil || back != f || r.Outcome != signin.SignedIn || b.Session == before {
			t.Fatalf("%+v, %v", r, err)
		}
		b.At(f, signin.StepConsent)
		if got := b.Live().Facts; !got.Password.IsZero() || got.Partner.Door != string(journeytest.BankID) {
			t.Errorf("%+v", got)
		}

		// Who declines is asked for an open door, and the password still opens nothing here.
		c := h.Browser()
		g := c.From(journeytest.Permits, allow(string(journeytest.BankID)))
		c.AtBank(g, "customer-2")
		c.SignIn(g, address, journeytest.Password)
		c.Enter(g, c.Ask(g, address))
		if err := h.Signin.PartnerLink(t.Context(), c.Visitor, g, false); err != nil {
			t.Fatal(err)
		}
		if v := c.View(g); v.Step != signin.StepSignIn || !v.OtherDoor || v.Password {
			t.Errorf("%+v", v)
		}
		var never id.Flow
		if never = c.From(journeytest.Permits, allow("other")); c.View(never).Step != signin.StepSignIn {
			t.Error("a closed door opens")
		}
	})
}
