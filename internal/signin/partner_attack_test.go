package signin_test

import (
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/enrollment"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/recovery"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// The known attacks on linking accounts of two providers (security.md C.5 64), each from
// the attacker's side, on both engines. "mallory" is the attacker's customer number at
// the partner, address is the victim's.
const mallory = "mallory"

// opens reports whether a customer of a partner gets in, and as whom.
func opens(t *testing.T, h *journeytest.House, partner upstream.ID, customer string) id.Account {
	t.Helper()
	b := h.Browser()
	f := b.From(journeytest.Permits)
	h.Bank.Comes(customer)
	if _, _, err := b.Back(partner, b.To(f, partner)); err != nil {
		t.Fatal(err)
	}
	return b.Live().Account
}

// links counts the partners of an account.
func links(t *testing.T, h *journeytest.House, a id.Account) (n int) {
	t.Helper()
	err := h.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
		n, err = h.Links.Count(tx, a)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Unverified e-mail: an address that somebody only typed makes no account, no link, and
// takes the address from nobody.
func TestAnAddressThatWasOnlyTypedAfterAPartnerLinksNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		for _, owned := range []string{"nobody@example.org", "pending@example.org", "active@example.org"} {
			switch owned {
			case "pending@example.org":
				h.Pending(owned)
			case "active@example.org":
				h.Active(owned)
			}
			h.Clock.Advance(time.Minute)
			b := h.Browser()
			f := b.From(journeytest.Permits)
			b.AtBank(f, mallory)
			b.Create(f, owned)
			// Neither way around the code: not the last step, not a link, not a password.
			if _, err := h.Enroll.Partner(t.Context(), b.Visitor, f); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: an account without a proof: %v", owned, err)
			}
			if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: a link before the proof: %v", owned, err)
			}
			if _, err := h.Enroll.Password(t.Context(), b.Visitor, f, journeytest.Other); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: a password without a proof: %v", owned, err)
			}
			b.At(f, signin.StepConfirmEmail)
			if a := opens(t, h, journeytest.BankID, mallory); a != "" {
				t.Errorf("%s: the partner opens %s", owned, a)
			}
		}
	})
}

// Pre-hijacking: the attacker begins with the victim's address and their own customer
// number; the victim's proof, whichever mail it comes from, gives the attacker nothing.
func TestWhoBeganWithAnotherPersonsAddressAndAPartnerGetsNothing(t *testing.T) {
	victims := map[string]func(t *testing.T, h *journeytest.House) id.Account{
		"by the attacker's mail": func(t *testing.T, h *journeytest.House) id.Account {
			b := h.Browser()
			r := b.Activate(journeytest.Token(h.Latest(address))) // the link that the attacker had sent
			b.At(r.Flow, signin.StepChoosePassword)
			b.Choose(r.Flow, journeytest.Password)
			return b.Live().Account
		},
		"with a password": func(_ *testing.T, h *journeytest.House) id.Account {
			return h.Active(address).Live().Account
		},
		"with the partner": func(t *testing.T, h *journeytest.House) id.Account {
			b := h.Browser()
			b.WithBank(customer, address)
			return b.Live().Account
		},
		"by a reset": func(t *testing.T, h *journeytest.House) id.Account {
			b := h.Browser()
			f := b.Direct()
			b.Reset(f, address)
			r := b.Recover(journeytest.Token(h.Latest(address)))
			if r.Flow == "" { // the account is not active: its mail activates
				r = b.Activate(journeytest.Token(h.Latest(address)))
			}
			b.Choose(r.Flow, journeytest.Password)
			return b.Live().Account
		},
	}
	for name, victim := range victims {
		t.Run(name, func(t *testing.T) {
			journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
				thief := h.Browser()
				f := thief.From(journeytest.Permits)
				thief.AtBank(f, mallory)
				thief.Create(f, address)
				h.Clock.Advance(time.Minute)
				owner := victim(t, h)
				if owner == "" {
					t.Fatal("the victim has no account")
				}
				had := links(t, h, owner)
				// What the attacker still holds: the waiting journey, and a customer number.
				thief.At(f, signin.StepConfirmEmail)
				if _, err := h.Enroll.Partner(t.Context(), thief.Visitor, f); !fault.Is(err, fault.Conflict) {
					t.Errorf("the last step is open: %v", err)
				}
				h.Clock.Advance(time.Minute)
				if _, err := h.Enroll.Resend(t.Context(), thief.Visitor, f); err != nil { // tells nothing, reaches only the victim
					t.Error(err)
				}
				thief.At(f, signin.StepConfirmEmail)
				if thief.Live().ID != "" || links(t, h, owner) != had {
					t.Errorf("the attacker is in, or linked: %d links", links(t, h, owner))
				}
				if a := opens(t, h, journeytest.BankID, mallory); a != "" {
					t.Errorf("the attacker's partner opens %s", a)
				}
			})
		})
	}
}

// The attacker's unverified account is wiped by the victim's proof: not its password (none
// could be chosen), not its journey, not its older link or code live on.
func TestAPendingAccountOfSomebodyElseIsWipedByAVerifiedSignUpWithAPartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		thief := h.Browser()
		f := thief.Direct()
		thief.Create(f, address) // by password, in a browser that waits
		old := h.Latest(address)
		h.Clock.Advance(time.Minute)
		owner := h.Browser()
		owner.WithBank(customer, address)
		if l := thief.Link(journeytest.Token(old)); l.Status != signin.LinkReplaced {
			t.Errorf("the attacker's link is %s", l.Status)
		}
		if r, err := h.Enroll.Code(t.Context(), thief.Visitor, f, old.Codes[0]); err != nil || r.Outcome != proving.CodeEnded {
			t.Errorf("the attacker's code: %+v, %v", r, err)
		}
		if _, err := h.Enroll.Password(t.Context(), thief.Visitor, f, journeytest.Other); !fault.Is(err, fault.Conflict) {
			t.Errorf("the attacker chooses a password: %v", err)
		}
		if r := thief.SignIn(thief.Direct(), address, journeytest.Other); r.Outcome != signin.Wrong {
			t.Errorf("%+v", r)
		}
	})
}

// Whoever proved the address first, and left the last step open, loses it to who ends
// first; the attacker's customer number is not added to the account that is there then.
func TestOfTwoWhoProvedOneAddressTheSlowerLinksNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		slow := h.Browser()
		f := slow.From(journeytest.Permits)
		slow.AtBank(f, mallory)
		slow.Create(f, address)
		slow.Activate(journeytest.Token(h.Latest(address)))
		slow.At(f, signin.StepPartnerCreate)
		h.Clock.Advance(time.Minute)
		fast := h.Browser()
		fast.WithBank(customer, address)
		r, err := h.Enroll.Partner(t.Context(), slow.Visitor, f)
		if err != nil || r.Outcome == enrollment.Activated || r.Cookies.Session != "" {
			t.Errorf("%+v, %v", r, err)
		}
		slow.At(f, signin.StepAlready)
		if n := links(t, h, fast.Live().Account); n != 1 {
			t.Errorf("%d links", n)
		}
		if a := opens(t, h, journeytest.BankID, mallory); a != "" {
			t.Errorf("the slower one's partner opens %s", a)
		}
	})
}

// E-mail change: whatever becomes of somebody's address at the partner or here, the link
// is the subject's. A new owner of the old address gets nothing of it.
func TestALinkFollowsTheSubjectAndNoAddress(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		// Somebody else at the same partner gives the same address.
		h.Clock.Advance(time.Minute)
		other := h.Browser()
		f := other.From(journeytest.Permits)
		other.AtBank(f, "customer-2")
		other.Create(f, address)
		other.Activate(journeytest.Token(h.Latest(address))) // even with the mailbox
		other.At(f, signin.StepAlready)
		if _, err := h.Enroll.Partner(t.Context(), other.Visitor, f); !fault.Is(err, fault.Conflict) {
			t.Errorf("linked by an address: %v", err)
		}
		if a := opens(t, h, journeytest.BankID, "customer-2"); a != "" {
			t.Errorf("customer 2 opens %s", a)
		}
		if a := opens(t, h, journeytest.BankID, customer); a != owner {
			t.Errorf("customer 1 opens %s", a)
		}
	})
}

// Subject reuse: a subject means something at its issuer only, exactly as it is written;
// and one that was let go opens nothing of what it opened before.
func TestASubjectCountsAtItsIssuerOnlyAndExactlyAsItIsWritten(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		for what, who := range map[string]struct {
			partner upstream.ID
			subject string
		}{
			"at another partner": {journeytest.UnionID, customer},
			"in capitals":        {journeytest.BankID, "CUSTOMER-1"},
			"with a space":       {journeytest.BankID, customer + " "},
			"a beginning of it":  {journeytest.BankID, customer[:len(customer)-1]},
			"a longer one":       {journeytest.BankID, customer + "0"},
		} {
			if a := opens(t, h, who.partner, who.subject); a != "" {
				t.Errorf("%s: opens %s", what, a)
			}
		}
		if a := opens(t, h, journeytest.BankID, customer); a != owner {
			t.Errorf("the subject itself opens %q", a)
		}
		// The partner gives the number to somebody else after the account is closed here.
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Lifecycle.Close(tx, owner, notice.RemovedByOperator) })
		if err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Minute)
		next := h.Browser()
		next.WithBank(customer, "next@example.org")
		if a := next.Live().Account; a == owner || a == "" {
			t.Errorf("the next customer with the number is %q", a)
		}
	}, journeytest.WithUnion())
}

// Mix-up (RFC 9700, 4.4): an answer counts at the partner that was asked last on the
// journey, at its own address, and nowhere else; it is spent by the attempt.
func TestAPartnerThatIsSwappedInFlightGetsNobodyIn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, address)
		h.Bank.Comes(customer)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		// The request goes to the one, its answer comes to the address of the other.
		answer := b.To(f, journeytest.BankID)
		if _, _, err := b.Back(journeytest.UnionID, answer); !fault.Is(err, fault.NotFound) {
			t.Errorf("at the other's address: %v", err)
		}
		// Another one is asked meanwhile: the first answer is nobody's any more.
		other := b.To(f, journeytest.UnionID)
		if _, _, err := b.Back(journeytest.BankID, answer); !fault.Is(err, fault.NotFound) {
			t.Errorf("after another was asked: %v", err)
		}
		if _, _, err := b.Back(journeytest.BankID, other); !fault.Is(err, fault.NotFound) {
			t.Errorf("the other's answer at the first one's address: %v", err)
		}
		if b.Live().ID != "" {
			t.Error("somebody got in")
		}
		// The other's own answer is the other's customer, who has no account here.
		if _, r, err := b.Back(journeytest.UnionID, other); err != nil || r.Outcome == signin.SignedIn {
			t.Errorf("%+v, %v", r, err)
		}
		b.At(f, signin.StepPartnerNew)
		if v := b.View(f); v.Partner != journeytest.UnionID {
			t.Errorf("the page names %q", v.Partner)
		}
	}, journeytest.WithUnion())
}

// Login CSRF: an answer to the attacker's own request, brought by the victim's browser,
// signs nobody in and links nothing, whatever the victim is doing.
func TestAnAnswerOfTheAttackersJourneyDoesNothingInTheVictimsBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		victim := h.Active(address)
		owner := victim.Live().Account
		h.Clock.Advance(time.Minute)
		h.Browser().WithBank(customer, "mallory@example.org")
		thief := h.Browser()
		f := thief.From(journeytest.Permits)
		h.Bank.Comes(customer)
		answer := thief.ToBank(f)
		waiting, idle := h.Browser(), h.Browser()
		g := waiting.From(journeytest.Permits)
		own := waiting.ToBank(g)
		for name, b := range map[string]*journeytest.Browser{"signed in": victim, "at the partner": waiting, "idle": idle} {
			if _, r, err := b.FromBank(answer); !fault.Is(err, fault.NotFound) || r.Cookies.Session != "" {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
			if _, err := h.Signin.Open(t.Context(), b.Visitor, f); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: sees the attacker's journey: %v", name, err)
			}
		}
		if victim.Live().Account != owner || links(t, h, owner) != 0 || waiting.Live().ID != "" || idle.Live().ID != "" {
			t.Error("the attacker's answer did something")
		}
		// The victim's own way goes on undisturbed.
		if _, r, err := waiting.FromBank(own); err != nil || r.Outcome != signin.SignedIn {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// R49: the way out for whoever has lost the partner: "Forgot your password?" sets the first
// password. Neither raises what the account is worth, nor removes the partner.
func TestAnAccountOfAPartnerGetsItsFirstPasswordByMail(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		h.Clock.Advance(time.Minute)
		lost := h.Browser()
		f := lost.From(journeytest.Permits)
		h.Bank.Fails(upstream.Refused) // the bank asserts this person no longer (R53)
		if _, _, err := lost.FromBank(lost.ToBank(f)); err != nil {
			t.Fatal(err)
		}
		lost.At(f, signin.StepPartnerFailed)
		lost.Reset(f, address)
		if letter := h.Latest(address); letter.Kind != notice.KindResetPassword {
			t.Fatalf("the mail is %s", letter.Kind)
		}
		lost.Recover(journeytest.Token(h.Latest(address)))
		if _, err := h.Recovery.Password(t.Context(), lost.Visitor, f, recovery.PasswordForm{Password: journeytest.Other}); err != nil {
			t.Fatal(err)
		}
		if lost.Live().ID != "" {
			t.Error("a reset signs in")
		}
		if r := lost.SignIn(f, address, journeytest.Other); r.Outcome != signin.SignedIn || lost.Live().Account != owner {
			t.Errorf("%+v", r)
		}
		if n := links(t, h, owner); n != 1 {
			t.Errorf("%d links after the reset", n)
		}
		if a := opens(t, h, journeytest.BankID, customer); a != owner {
			t.Errorf("the partner opens %q", a)
		}
	})
}

// The last step of a new account is the one of the way that was taken: no partner's
// account without a partner, and no password in a partner's place.
func TestTheLastStepIsThatOfTheWayThatWasTaken(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		plain := h.Browser()
		f := plain.Direct()
		plain.Create(f, address)
		plain.Activate(journeytest.Token(h.Latest(address)))
		if _, err := h.Enroll.Partner(t.Context(), plain.Visitor, f); !fault.Is(err, fault.Conflict) {
			t.Errorf("an account of no partner: %v", err)
		}
		plain.At(f, signin.StepChoosePassword)
		b := h.Browser()
		g := b.From(journeytest.Permits)
		b.AtBank(g, customer)
		b.Create(g, "other@example.org")
		b.Activate(journeytest.Token(h.Latest("other@example.org")))
		if _, err := h.Enroll.Password(t.Context(), b.Visitor, g, journeytest.Other); !fault.Is(err, fault.Conflict) {
			t.Errorf("a password in a partner's place: %v", err)
		}
		b.At(g, signin.StepPartnerCreate)
	})
}
