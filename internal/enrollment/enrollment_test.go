package enrollment_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/enrollment"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/signin"
)

const address = "Sam.Fisher@example.org"

func TestAPersonCreatesAnAccountFromAServiceAndGoesOnThere(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Licences)
		b.At(f, signin.StepSignIn)
		if r := b.Create(f, address); r.Outcome != proving.Sent {
			t.Fatalf("outcome %q", r.Outcome)
		}
		b.At(f, signin.StepConfirmEmail)
		letter := h.Latest(address)
		if letter.Kind != notice.KindActivate || len(letter.Codes) != 1 {
			t.Fatalf("letter %s with codes %v", letter.Kind, letter.Codes)
		}
		r := b.Activate(journeytest.Token(letter))
		if r.Outcome != proving.Proven || r.Flow != f {
			t.Fatalf("the link in the asking browser: %+v, want the same flow", r)
		}
		b.At(f, signin.StepChoosePassword)
		if r := b.Choose(f, journeytest.Password); r.Outcome != enrollment.Activated || r.Cookies.Device == "" {
			t.Fatalf("choosing: %+v", r)
		}
		b.At(f, signin.StepConsent)
		if h.Latest(address).Kind != notice.KindActivated {
			t.Error("the owner of a new account is not welcomed")
		}
		for _, name := range []audit.Name{audit.AccountCreated, audit.AddressProofUsed, audit.AccountActivated, audit.PasswordSet, audit.SessionStarted} {
			if h.Events(name) != 1 {
				t.Errorf("%d events %s, want 1", h.Events(name), name)
			}
		}
	})
}

func TestTheTypedCodeIsASecondWay(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		code := h.Latest(address).Codes[0]
		wrong := "000000"
		if code == wrong {
			wrong = "111111"
		}
		r, err := h.Enroll.Code(t.Context(), b.Visitor, f, wrong)
		if err != nil || r.Outcome != proving.WrongCode || r.Left != h.Proofs.Settings.CodeTries-1 {
			t.Fatalf("wrong code: %+v %v", r, err)
		}
		r, err = h.Enroll.Code(t.Context(), b.Visitor, f, code[:3]+" "+code[3:])
		if err != nil || r.Outcome != proving.Proven {
			t.Fatalf("right code: %+v %v", r, err)
		}
		b.At(f, signin.StepChoosePassword)
	})
}

func TestACodeEndsAfterItsTries(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		code := h.Latest(address).Codes[0]
		wrong := "000000"
		if code == wrong {
			wrong = "111111"
		}
		var last proving.Result
		for range h.Proofs.Settings.CodeTries {
			last, _ = h.Enroll.Code(t.Context(), b.Visitor, f, wrong)
		}
		if last.Outcome != proving.CodeEnded {
			t.Errorf("the last try ends with %q", last.Outcome)
		}
		if r, _ := h.Enroll.Code(t.Context(), b.Visitor, f, code); r.Outcome != proving.CodeEnded {
			t.Errorf("the right code after too many tries: %q", r.Outcome)
		}
	})
}

func TestOpeningALinkConsumesNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Licences)
		b.Create(f, address)
		token := journeytest.Token(h.Latest(address))
		scanner := h.Browser()
		for range 5 {
			if l := scanner.Link(token); l.Status != signin.LinkLive || l.Here || l.RelyingParty != journeytest.Licences {
				t.Fatalf("a scanner sees %+v", l)
			}
		}
		if l := b.Link(token); !l.Here || l.Address != "S•••r@example.org" {
			t.Errorf("the asking browser sees %+v", l)
		}
		if r := b.Activate(token); r.Outcome != proving.Proven {
			t.Errorf("after the scanner: %q", r.Outcome)
		}
		if l := b.Link(token); l.Status != signin.LinkUsed {
			t.Errorf("a used link shows %q", l.Status)
		}
	})
}

func TestALinkOpenedElsewhereGoesOnThereAndNeverMovesTheFirstBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		first, phone := h.Browser(), h.Browser()
		f := first.From(journeytest.Licences)
		first.Create(f, address)
		r := phone.Activate(journeytest.Token(h.Latest(address)))
		if r.Outcome != proving.Proven || r.Flow == f {
			t.Fatalf("elsewhere: %+v", r)
		}
		phone.At(r.Flow, signin.StepChoosePassword)
		first.At(f, signin.StepConfirmEmail)
		if _, err := h.Signin.Open(t.Context(), phone.Visitor, f); !fault.Is(err, fault.NotFound) {
			t.Errorf("the phone sees the first browser's flow: %v", err)
		}
		if _, err := h.Enroll.Password(t.Context(), first.Visitor, f, journeytest.Password); !fault.Is(err, fault.Conflict) {
			t.Errorf("the first browser chooses a password without proof: %v", err)
		}
		phone.Choose(r.Flow, journeytest.Password)
		v := phone.View(r.Flow)
		if v.Step != signin.StepReady || v.RelyingParty != journeytest.Licences || v.Finish != "" {
			t.Errorf("the phone ends at %q of %q", v.Step, v.RelyingParty)
		}
		if v := first.View(f); v.Step != signin.StepConfirmEmail || v.Person != nil {
			t.Errorf("the first browser was moved to %q", v.Step)
		}
	})
}

func TestOnlyWhoProvesTheAddressIsToldThatItIsTaken(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.Create(f, "sam.fisher@EXAMPLE.org")
		b.At(f, signin.StepConfirmEmail)
		if other := h.Letters("sam.fisher@EXAMPLE.org"); len(other) != 0 {
			t.Fatal("the mail goes to another way of writing the address")
		}
		got := h.Letters(address)
		if got[0].Kind != notice.KindAlreadyRegistered {
			t.Fatalf("letters: %v", got)
		}
		if r := b.Activate(journeytest.Token(got[0])); r.Outcome != proving.Proven {
			t.Fatalf("outcome %q", r.Outcome)
		}
		b.At(f, signin.StepAlready)
		if _, err := h.Enroll.Password(t.Context(), b.Visitor, f, journeytest.Other); !fault.Is(err, fault.Conflict) {
			t.Errorf("a taken account takes a password: %v", err)
		}
	})
}

func TestKnownAndUnknownAddressesCannotBeToldApart(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("active@example.org")
		h.Pending("pending@example.org")
		type seen struct {
			result     proving.Result
			statements int64
			mails      int
			step       signin.Step
		}
		try := func(to string) seen {
			b := h.Browser()
			f := b.Direct()
			before := len(h.Letters(to))
			var s seen
			s.statements = h.Statements(func() { s.result = b.Create(f, to) })
			s.mails = len(h.Letters(to)) - before
			s.step = b.View(f).Step
			s.result.Flow = ""
			return s
		}
		unknown := try("nobody@example.org")
		for _, to := range []string{"active@example.org", "pending@example.org"} {
			if got := try(to); got.result != unknown.result || got.step != unknown.step || got.mails != unknown.mails {
				t.Errorf("%s: %+v, unknown: %+v", to, got, unknown)
			}
		}
		active, pending := try("active@example.org"), try("pending@example.org")
		if active.statements != unknown.statements {
			t.Errorf("statements: %d for an active account, %d for none", active.statements, unknown.statements)
		}
		if d := pending.statements - unknown.statements; d < -1 || d > 1 {
			t.Errorf("statements: %d for a pending account, %d for none", pending.statements, unknown.statements)
		}
	}, journeytest.WithoutRehearsal())
}

func TestEachResendEndsTheOlderLink(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Licences)
		b.Create(f, address)
		old := journeytest.Token(h.Latest(address))
		h.Clock.Advance(time.Minute)
		if _, err := h.Enroll.Resend(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		letter := h.Latest(address)
		if letter.Kind != notice.KindActivateAgain {
			t.Errorf("letter %s", letter.Kind)
		}
		if l := b.Link(old); l.Status != signin.LinkReplaced {
			t.Errorf("the older link is %q", l.Status)
		}
		if r := b.Activate(old); r.Outcome != proving.LinkEnded {
			t.Errorf("the older link: %q", r.Outcome)
		}
		if r := b.Activate(journeytest.Token(letter)); r.Outcome != proving.Proven {
			t.Errorf("the newer link: %q", r.Outcome)
		}
	})
}

func TestAnExpiredLinkOffersAnotherUntilTheAccountIsRemoved(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.From(journeytest.Licences)
		b.Create(f, address)
		token := journeytest.Token(h.Latest(address))
		h.Clock.Advance(31 * time.Minute)
		if l := b.Link(token); l.Status != signin.LinkExpired || !l.Resend || l.RelyingParty != journeytest.Licences {
			t.Fatalf("after 31 minutes: %+v", l)
		}
		if r := b.Activate(token); r.Outcome != proving.LinkEnded {
			t.Errorf("an expired link: %q", r.Outcome)
		}
		if err := h.Enroll.ResendLink(t.Context(), b.Visitor, token); err != nil {
			t.Fatal(err)
		}
		again := h.Latest(address)
		if again.Kind != notice.KindActivateAgain {
			t.Fatalf("letter %s", again.Kind)
		}
		if r, err := h.Enroll.Code(t.Context(), b.Visitor, f, again.Codes[0]); err != nil || r.Outcome != proving.Proven {
			t.Errorf("the new code in the waiting flow: %+v %v", r, err)
		}
	})
}

func TestALinkOpenedAfterRemovalStillLeadsBackToTheService(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.Create(b.From(journeytest.Licences), address)
		token := journeytest.Token(h.Latest(address))
		h.Clock.Advance(25 * time.Hour)
		if err := h.Lifecycle.RemoveUnactivated(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := b.Link(token)
		if l.Status != signin.LinkRemoved || l.RelyingParty != journeytest.Licences || l.Resend || l.Address != "" {
			t.Errorf("after removal: %+v", l)
		}
		if err := h.Enroll.ResendLink(t.Context(), b.Visitor, token); err != nil || len(h.Letters(address)) != 1 {
			t.Errorf("a removed account is mailed again: %v", err)
		}
		again := h.Browser()
		again.Create(again.Direct(), address)
		if k := h.Latest(address).Kind; k != notice.KindActivate {
			t.Errorf("the address is not free again: letter %s", k)
		}
	})
}

func TestAnAccountThatWaitedTooLongBeginsAnewEvenBeforeTheJobRan(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Pending(address)
		h.Clock.Advance(25 * time.Hour)
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		letter := h.Latest(address)
		if letter.Kind != notice.KindActivate {
			t.Errorf("letter %s", letter.Kind)
		}
		b.Activate(journeytest.Token(letter))
		if r := b.Choose(f, journeytest.Password); r.Outcome != enrollment.Activated {
			t.Errorf("outcome %q", r.Outcome)
		}
	})
}

func TestAStrangerWhoBeganFirstNeverSetsThePassword(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		stranger, owner := h.Browser(), h.Browser()
		sf, of := stranger.Direct(), owner.Direct()
		stranger.Create(sf, address)
		h.Clock.Advance(time.Minute)
		owner.Create(of, address)
		owner.Activate(journeytest.Token(h.Latest(address)))
		if _, err := h.Enroll.Password(t.Context(), stranger.Visitor, sf, journeytest.Other); !fault.Is(err, fault.Conflict) {
			t.Errorf("the stranger chose a password: %v", err)
		}
		owner.Choose(of, journeytest.Password)
		if r := stranger.SignIn(sf, address, journeytest.Other); r.Outcome != signin.Wrong {
			t.Errorf("the stranger signs in: %q", r.Outcome)
		}
	})
}

func TestTwoBrowsersWithProofMakeOneAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		one, two := h.Browser(), h.Browser()
		f1, f2 := one.Direct(), two.Direct()
		one.Create(f1, address)
		one.Activate(journeytest.Token(h.Latest(address)))
		h.Clock.Advance(time.Minute)
		two.Create(f2, address)
		two.Activate(journeytest.Token(h.Latest(address)))
		one.Choose(f1, journeytest.Password)
		if r := two.Choose(f2, journeytest.Other); r.Outcome != proving.Proven {
			t.Errorf("the second password: %q", r.Outcome)
		}
		two.At(f2, signin.StepAlready)
	})
}

func TestFiveHundredPressesOfOneLinkGiveOneWinner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		token := journeytest.Token(h.Latest(address))
		visitors := make([]flow.Visitor, 500)
		for i := range visitors {
			visitors[i] = h.Browser().Visitor
		}
		var won, lost, busy atomic.Int64
		var all sync.WaitGroup
		for _, v := range visitors {
			all.Go(func() {
				r, err := h.Enroll.ConfirmLink(t.Context(), v, token)
				switch {
				case fault.Is(err, fault.Unavailable):
					busy.Add(1)
				case err != nil:
					t.Error(err)
				case r.Outcome == proving.Proven:
					won.Add(1)
				case r.Outcome == proving.LinkEnded:
					lost.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || lost.Load()+busy.Load() != 499 {
			t.Errorf("%d winners, %d losers, %d busy", won.Load(), lost.Load(), busy.Load())
		}
		if busy.Load() > 25 {
			t.Errorf("%d of 500 were told to come back", busy.Load())
		}
	}, journeytest.WithoutRehearsal())
}

func TestFiveHundredTriesOfOneCodeCompareNoMoreThanItsTries(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		code := h.Latest(address).Codes[0]
		var won atomic.Int64
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				r, err := h.Enroll.Code(t.Context(), b.Visitor, f, code)
				if err == nil && r.Outcome == proving.Proven {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d winners", won.Load())
		}
		b.At(f, signin.StepChoosePassword)
	}, journeytest.WithoutRehearsal())
}

func TestAWeakPasswordIsRefusedWithItsReasonsAndNothingIsLost(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		b.Activate(journeytest.Token(h.Latest(address)))
		for _, weak := range []string{"short", "Sam.Fisher@example.org", "passwordpassword"} {
			if _, err := h.Enroll.Password(t.Context(), b.Visitor, f, weak); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", weak, err)
			}
		}
		b.At(f, signin.StepChoosePassword)
	})
}

func TestAProofCountsNoLongerThanItsLinkWouldHave(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		b.Activate(journeytest.Token(h.Latest(address)))
		b.At(f, signin.StepChoosePassword)
		h.Clock.Advance(h.Proofs.Settings.ProofLifetime)
		if r := b.Choose(f, journeytest.Password); r.Outcome == enrollment.Activated || r.Cookies.Session != "" {
			t.Fatalf("%+v", r)
		}
		b.At(f, signin.StepCreate)
		if v := b.View(f); v.Notice != flow.NoticeLinkOld || v.Address != address {
			t.Errorf("%+v", v)
		}
	})
}
