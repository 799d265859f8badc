package signin_test

import (
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/proving"
	"parvis/internal/signin"
	"parvis/internal/stepup"
)

// R44, R47: who comes from a partner proves an address with a code of five minutes, not
// of half an hour; afterwards another code is sent, or the sign-in begins anew.
func TestTheCodeOfWhoComesFromAPartnerLivesFiveMinutes(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		life := account.Preset("parvis").PartnerProofLifetime
		if life != 5*time.Minute {
			t.Fatalf("the preset says %v", life)
		}
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		b.Create(f, address)
		if v := b.View(f); v.Ends.Sub(v.SentAt) != life {
			t.Errorf("the page says %v", v.Ends.Sub(v.SentAt))
		}
		first := h.Latest(address)
		h.Clock.Advance(life)
		if l := b.Link(journeytest.Token(first)); l.Status != signin.LinkExpired || l.Lasts != life {
			t.Errorf("the link after five minutes: %+v", l)
		}
		if r, err := h.Enroll.Code(t.Context(), b.Visitor, f, first.Codes[0]); err != nil || r.Outcome != proving.CodeEnded {
			t.Errorf("the code after five minutes: %+v, %v", r, err)
		}
		// Another code, by the link's page too, lives as long.
		if _, err := h.Enroll.Resend(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		second := h.Latest(address)
		h.Clock.Advance(life)
		if err := h.Enroll.ResendLink(t.Context(), b.Visitor, journeytest.Token(second)); err != nil {
			t.Fatal(err)
		}
		third := h.Latest(address)
		if third.Codes[0] == second.Codes[0] || b.View(f).Ends.Sub(h.Clock.Now()) != life {
			t.Errorf("the third code ends at %v", b.View(f).Ends)
		}
		h.Clock.Advance(life - time.Millisecond)
		if r, err := h.Enroll.Code(t.Context(), b.Visitor, f, third.Codes[0]); err != nil || r.Outcome != proving.Proven {
			t.Fatalf("the code just before its end: %+v, %v", r, err)
		}
		b.At(f, signin.StepPartnerCreate)
	})
}

// Without a partner, a code lives as long as before.
func TestTheCodeOfAnOrdinaryAccountLivesAsItDid(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.Create(f, address)
		h.Clock.Advance(h.Proofs.Settings.ProofLifetime - time.Minute)
		if r, err := h.Enroll.Code(t.Context(), b.Visitor, f, h.Latest(address).Codes[0]); err != nil || r.Outcome != proving.Proven {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// The other exit: the sign-in begins anew, and nothing of the partner remains.
func TestWhoseCodeIsOverCanBeginTheSignInAnew(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		b.Create(f, address)
		h.Clock.Advance(6 * time.Minute)
		if err := h.Signin.PartnerBack(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		if v := b.View(f); v.Step != signin.StepSignIn || v.Partner != "" || v.Address != "" {
			t.Errorf("%+v", v)
		}
		b.AtBank(f, customer)
		b.At(f, signin.StepPartnerNew)
	})
}

// R45, R47: so does the code that proves an existing account, by mail.
func TestTheCodeThatGuardsALinkLivesFiveMinutes(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		b.SignIn(f, address, journeytest.Password)
		code := b.Ask(f, address)
		look := func() stepup.View {
			v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if v := look(); v.Sent == nil || v.Sent.Ends.Sub(v.Sent.At) != 5*time.Minute || v.Old != nil {
			t.Fatalf("%+v", v)
		}
		h.Clock.Advance(5 * time.Minute)
		if v := look(); v.Sent != nil || v.Old == nil || v.Way != stepup.WaySend {
			t.Errorf("%+v", v)
		}
		if r := b.Enter(f, code); r.Outcome != stepup.Ended {
			t.Errorf("after five minutes: %+v", r)
		}
		b.Enter(f, b.Ask(f, address))
		b.At(f, signin.StepPartnerLink)

		// A second step that has nothing to do with a partner keeps its time.
		plain := h.Browser()
		g := plain.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
		plain.SignIn(g, address, journeytest.Password)
		code = plain.Ask(g, address)
		h.Clock.Advance(h.Codes.Settings.EmailLifetime - time.Second)
		if r := plain.Enter(g, code); r.Outcome != stepup.Done {
			t.Errorf("%+v", r)
		}
	})
}
