package reclaim_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/reclaim"
	"parvis/internal/recovery"
	"parvis/internal/signin"
	"parvis/internal/stepup"
)

const (
	sam    = "sam@example.org"
	number = "+14165550142"
	other  = "another long password of Sam"
)

var aal2 = journeytest.Demand(policy.AAL2)

// withPhone gives an account with an app a telephone number, too.
func withPhone(t *testing.T, h *journeytest.House) (*journeytest.Browser, totp.Seed) {
	t.Helper()
	b, seed := h.WithApp(sam)
	n, err := h.Phones.Settings.Parse(number, "")
	if err != nil {
		t.Fatal(err)
	}
	d := phone.Prepare(n, authenticator.ByText)
	err = h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Phones.Bind(tx, b.Live().Account, d, "Phone") })
	if err != nil {
		t.Fatal(err)
	}
	return b, seed
}

// app chooses the authenticator app at a second step that is due, and enters what it shows.
func app(t *testing.T, h *journeytest.House, b *journeytest.Browser, f id.Flow, seed totp.Seed) stepup.Result {
	t.Helper()
	v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range append(v.Others, v.Option) {
		if o.Method == policy.App {
			if err := h.Stepup.Choose(t.Context(), b.Visitor, f, o.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Enter(f, h.AppCode(seed))
}

// recover proves the mailbox at a second step that is due.
func recover(t *testing.T, h *journeytest.House, b *journeytest.Browser, f id.Flow) reclaim.Result {
	t.Helper()
	if err := h.Reclaim.Send(t.Context(), b.Visitor, f); err != nil {
		t.Fatal(err)
	}
	r, err := h.Reclaim.Prove(t.Context(), b.Visitor, f, h.Code(sam))
	if err != nil {
		t.Fatal(err)
	}
	b.Keep(r.Cookies)
	return r
}

// token is that of the newest link of a recovery that was sent to an address or number.
func token(t *testing.T, h *journeytest.House, to string, kind notice.Kind, which int) string {
	t.Helper()
	for _, l := range h.Letters(to) {
		if l.Kind != kind {
			continue
		}
		parts := strings.Split(l.Text, "/recovery/")
		if len(parts) <= which {
			t.Fatalf("no link %d in %q", which, l.Text)
		}
		return strings.FieldsFunc(parts[which], func(r rune) bool { return r == '?' || r == ' ' || r == '\n' })[0]
	}
	t.Fatalf("no letter %q to %s", kind, to)
	return ""
}

func use(t *testing.T, h *journeytest.House, token string) error {
	t.Helper()
	return h.Reclaim.Use(t.Context(), flow.Visitor{IP: "192.0.2.9", Locale: "en"}, token)
}

// opened is the stage that a link shows, which changes nothing.
func opened(t *testing.T, h *journeytest.House, token string) reclaim.Link {
	t.Helper()
	l, err := h.Reclaim.Open(t.Context(), flow.Visitor{IP: "192.0.2.9", Locale: "en"}, token)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func advance(t *testing.T, h *journeytest.House, d time.Duration) {
	t.Helper()
	h.Clock.Advance(d)
	if err := h.Reclaim.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// kinds counts the letters of a kind to an address or number.
func kinds(h *journeytest.House, to string, kind notice.Kind) int {
	n := 0
	for _, l := range h.Letters(to) {
		if l.Kind == kind {
			n++
		}
	}
	return n
}

func worth(h *journeytest.House, b *journeytest.Browser) policy.Level {
	return h.Table.Level(b.Live().Facts)
}

// signedIn signs sam in to a service that demands AAL2, in a browser of its own.
func signedIn(h *journeytest.House, password string) (*journeytest.Browser, id.Flow) {
	b := h.Browser()
	f := b.From(journeytest.Permits, aal2)
	b.SignIn(f, sam, password)
	return b, f
}

// R80: the password and a code by e-mail remove what was lost, at once, the account stays,
// and what is bound in its place counts for strong services only after the cooling-off.
func TestALostMethodIsRemovedAndTheNewOneCountsAfterTheCoolingOff(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		old, seed := withPhone(t, h)
		account := old.Live().Account
		b, f := signedIn(h, journeytest.Password)
		b.At(f, signin.StepSecond)
		v, err := h.Reclaim.Look(t.Context(), b.Visitor, f)
		if err != nil || v.Wait != 0 || len(v.Methods) != 2 || v.Told.Addresses != 1 || v.Told.Numbers != 1 || v.Sent != nil {
			t.Fatalf("%+v, %v", v, err)
		}
		if r := recover(t, h, b, f); r.Outcome != reclaim.Removed {
			t.Fatalf("%+v", r)
		}
		if old.Live().ID != "" {
			t.Error("another session goes on")
		}
		for to, want := range map[string]int{sam: 1, number: 1} {
			if got := kinds(h, to, notice.KindLostDone); got != want {
				t.Errorf("%d letters to %s", got, to)
			}
		}
		// Nothing of what was lost proves anything.
		b.At(f, signin.StepSetUp)
		if err := h.DB.Read(t.Context(), func(tx *db.Tx) error {
			for _, a := range authenticator.Of(b.Bound(), authenticator.TOTP, authenticator.Phone) {
				t.Errorf("%v is in use", a)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if c, err := h.Stepup.Choices(t.Context(), b.Visitor, f); err != nil || c.Counts.Sub(h.Clock.Now()) != h.Table.CoolingOff() {
			t.Errorf("%+v, %v", c, err)
		}
		b.SetUp(f, policy.App)
		fresh := b.BindApp(f)
		if got := worth(h, b); got != policy.TwoSteps {
			t.Errorf("the new method is worth %v at once", got)
		}
		if got := policy.AMR(b.Live().Facts); strings.Contains(strings.Join(got, " "), "mfa") {
			t.Errorf("amr %v", got)
		}
		b.At(f, signin.StepLostWait)

		// Half way it proves two steps and no more, whatever is done with it.
		h.Clock.Advance(h.Table.CoolingOff() / 2)
		weak := h.Browser()
		g := weak.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
		weak.SignIn(g, sam, journeytest.Password)
		weak.At(g, signin.StepSecond)
		app(t, h, weak, g, fresh)
		if got := worth(h, weak); got != policy.TwoSteps {
			t.Errorf("half way it is worth %v", got)
		}
		strong, g := signedIn(h, journeytest.Password)
		strong.At(g, signin.StepLostWait)

		advance(t, h, h.Table.CoolingOff()/2)
		strong, g = signedIn(h, journeytest.Password)
		strong.At(g, signin.StepSecond)
		app(t, h, strong, g, fresh)
		if got := worth(h, strong); got != policy.AAL2 {
			t.Errorf("after the cooling-off it is worth %v", got)
		}
		strong.At(g, signin.StepConsent)
		if got := strong.Live().Account; got != account {
			t.Errorf("account %s became %s", account, got)
		}
		if len(strong.Bound()) != 3 { // password, e-mail, the new app: the lost ones are erased
			t.Errorf("%+v", strong.Bound())
		}
		if h.Events(audit.RecoverySettled) != 1 || h.Events(audit.RecoveryDone) != 1 {
			t.Error("not noted")
		}
		// The proof from before goes on as what it was.
		weak.At(weak.From(journeytest.Permits, aal2), signin.StepSignIn)
		_ = seed
	})
}

// Nothing of the account changes while the owner may object: what guards it was lost.
func TestNothingThatTheLostMethodsGuardIsChangedBeforeTheCoolingOffIsOver(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		b, f := signedIn(h, journeytest.Password)
		recover(t, h, b, f)
		if ok, err := h.Stepup.Fresh(t.Context(), b.Visitor); err != nil || ok {
			t.Errorf("%v, %v", ok, err)
		}
		g := b.From(journeytest.Permits, func(s *flow.State) { s.Demand = h.Table.Sensitive(nil) })
		b.At(g, signin.StepLostWait)
		// To set something up in its place is the one thing that goes on.
		set := b.From(journeytest.Permits, func(s *flow.State) { s.Demand, s.SetUp = h.Table.Sensitive(nil), flow.AnyMethod })
		b.At(set, signin.StepSetUp)
		b.SetUp(set, policy.App)
		b.BindApp(set)
		if ok, err := h.Stepup.Fresh(t.Context(), b.Visitor); err != nil || ok {
			t.Errorf("with the new method: %v, %v", ok, err)
		}
		for _, a := range authenticator.Of(b.Bound(), authenticator.TOTP) {
			if err := h.Stepup.Remove(t.Context(), b.Visitor, a.ID); !fault.Is(err, fault.Denied) {
				t.Errorf("removed: %v", err)
			}
		}
	})
}

// A partner is a way in of its own: none is linked while the owner may object.
func TestNoPartnerIsLinkedBeforeTheCoolingOffIsOver(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		b, f := signedIn(h, journeytest.Password)
		recover(t, h, b, f)
		come := func() (*journeytest.Browser, id.Flow) {
			c := h.Browser()
			g := c.From(journeytest.Permits)
			c.AtBank(g, "customer-1")
			c.SignIn(g, sam, journeytest.Password)
			return c, g
		}
		c, g := come()
		if v := c.View(g); v.Step == signin.StepPartnerLink || v.Step == signin.StepSecond {
			t.Errorf("the dispatcher names %s", v.Step)
		}
		if err := h.Signin.PartnerLink(t.Context(), c.Visitor, g, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("linked: %v", err)
		}
		h.Clock.Advance(h.Table.CoolingOff() + time.Minute)
		c, g = come()
		if v := c.View(g); v.Step != signin.StepSecond {
			t.Errorf("after the cooling-off the dispatcher names %s", v.Step)
		}
	})
}

// Whoever undoes it gets everything back, and what was bound meanwhile is gone.
func TestTheLinkOfEveryChannelBringsTheMethodsBack(t *testing.T) {
	for channel, to := range map[lost.Channel]string{lost.ByEmail: sam, lost.ByText: number} {
		t.Run(string(channel), func(t *testing.T) {
			journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
				_, seed := withPhone(t, h)
				thief, f := signedIn(h, journeytest.Password)
				recover(t, h, thief, f)
				thief.SetUp(f, policy.App)
				thiefs := thief.BindApp(f)
				link := token(t, h, to, notice.KindLostDone, 1)
				for range 3 { // scanners and previews open links
					if l := opened(t, h, link); l.Stage != lost.Done || !l.Until.Equal(h.Clock.Now().Add(h.Table.CoolingOff())) {
						t.Fatalf("%+v", l)
					}
				}
				if err := use(t, h, link); err != nil {
					t.Fatal(err)
				}
				if thief.Live().ID != "" {
					t.Error("whoever removed the methods is still signed in")
				}
				if err := use(t, h, link); !fault.Is(err, fault.Conflict) {
					t.Errorf("used twice: %v", err)
				}
				if l := opened(t, h, link); l.Outcome != lost.Undone {
					t.Errorf("%+v", l)
				}
				owner, g := signedIn(h, journeytest.Password)
				owner.At(g, signin.StepSecond)
				h.Clock.Advance(totp.Period)
				if r := app(t, h, owner, g, thiefs); r.Outcome == stepup.Done {
					t.Error("what was bound meanwhile proves something")
				}
				app(t, h, owner, g, seed)
				if got := worth(h, owner); got != policy.AAL2 {
					t.Errorf("the old app is worth %v", got)
				}
				if kinds(h, sam, notice.KindLostUndone) != 1 || kinds(h, number, notice.KindLostUndone) != 1 {
					t.Error("not everybody was told")
				}
				// The next one waits: the owner objected lately.
				thief, f = signedIn(h, journeytest.Password)
				if r := recover(t, h, thief, f); r.Outcome != reclaim.Waits {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// forgot chooses a new password with the mailbox.
func forgot(t *testing.T, h *journeytest.House) {
	t.Helper()
	h.Clock.Advance(time.Minute)
	b := h.Browser()
	f := b.Direct()
	b.Reset(f, sam)
	b.Recover(journeytest.Token(h.Latest(sam)))
	if _, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: other, EndSessions: true}); err != nil {
		t.Fatal(err)
	}
}

// The mailbox alone, however often it is proven, waits; and every channel can stop it.
func TestWhoHasTheMailboxOnlyWaitsAndEveryChannelStopsIt(t *testing.T) {
	for channel, to := range map[lost.Channel]string{lost.ByEmail: sam, lost.ByText: number} {
		for _, late := range []bool{false, true} {
			t.Run(string(channel)+map[bool]string{true: " near the end"}[late], func(t *testing.T) {
				journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
					withPhone(t, h)
					forgot(t, h)
					h.Clock.Advance(24 * time.Hour) // waiting alone makes no password independent
					thief, f := signedIn(h, other)
					if r := recover(t, h, thief, f); r.Outcome != reclaim.Waits {
						t.Fatalf("%+v", r)
					}
					thief.At(f, signin.StepSecond)
					h.Clock.Advance(time.Minute)
					if r := recover(t, h, thief, f); r.Outcome != reclaim.Waits || kinds(h, sam, notice.KindLostWaits) != 1 {
						t.Errorf("asking again: %+v", r)
					}
					kind := notice.KindLostWaits
					if late {
						kind = notice.KindLostSoon
						advance(t, h, h.Table.RecoverAfter(policy.Loss{})*7/8)
					}
					link := token(t, h, to, kind, 1)
					if err := use(t, h, link); err != nil {
						t.Fatal(err)
					}
					if kinds(h, sam, notice.KindLostStopped) != 1 || kinds(h, number, notice.KindLostStopped) != 1 {
						t.Error("not everybody was told")
					}
					advance(t, h, 10*24*time.Hour)
					if n := kinds(h, sam, notice.KindLostOpen); n != 0 {
						t.Errorf("%d links to go on", n)
					}
					if got := worth(h, thief); got > policy.OneStep {
						t.Errorf("worth %v", got)
					}
				})
			})
		}
	}
}

// A forgotten password and a lost telephone are no dead end: after the wait a link of the
// mailbox goes on, on another device, for a while.
func TestAForgottenPasswordAndALostTelephoneLeadBackInAfterTheWait(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		old, _ := withPhone(t, h)
		account := old.Live().Account
		forgot(t, h)
		b, f := signedIn(h, other)
		v, err := h.Reclaim.Look(t.Context(), b.Visitor, f)
		wait := h.Table.RecoverAfter(policy.Loss{})
		if err != nil || v.Wait != wait {
			t.Fatalf("%+v, %v", v, err)
		}
		recover(t, h, b, f)
		advance(t, h, wait/2)
		if kinds(h, sam, notice.KindLostSoon) != 0 {
			t.Error("told again too early")
		}
		advance(t, h, wait/4)
		advance(t, h, time.Minute)
		if kinds(h, sam, notice.KindLostSoon) != 1 || kinds(h, number, notice.KindLostSoon) != 1 {
			t.Error("not told once near the end")
		}
		advance(t, h, wait/4)
		advance(t, h, time.Minute)
		if kinds(h, sam, notice.KindLostOpen) != 1 || kinds(h, number, notice.KindLostOpen) != 0 {
			t.Error("the link to go on was not mailed once")
		}
		link := token(t, h, sam, notice.KindLostOpen, 1)
		if l := opened(t, h, link); l.Does != lost.Finishes || l.Stage != lost.Ready {
			t.Fatalf("%+v", l)
		}
		if err := use(t, h, link); err != nil {
			t.Fatal(err)
		}
		if err := use(t, h, link); !fault.Is(err, fault.Conflict) {
			t.Errorf("used twice: %v", err)
		}
		b, f = signedIn(h, other)
		b.At(f, signin.StepSecond) // the guard: the mailbox again
		b.Enter(f, b.Ask(f, sam))
		b.SetUp(f, policy.App)
		fresh := b.BindApp(f)
		b.At(f, signin.StepLostWait)
		advance(t, h, h.Table.CoolingOff())
		b, f = signedIn(h, other)
		app(t, h, b, f, fresh)
		if got := worth(h, b); got != policy.AAL2 || b.Live().Account != account {
			t.Errorf("worth %v, account %s", got, b.Live().Account)
		}
	})
}

func TestALinkToGoOnEndsWithItsTimeAndARecoveryCanBeginAgain(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		forgot(t, h)
		b, f := signedIn(h, other)
		recover(t, h, b, f)
		advance(t, h, h.Table.RecoverAfter(policy.Loss{}))
		link := token(t, h, sam, notice.KindLostOpen, 1)
		h.Clock.Advance(h.Table.RecoveryOpen())
		if err := use(t, h, link); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v", err)
		}
		if l := opened(t, h, link); l.Stage != lost.Late {
			t.Errorf("%+v", l)
		}
		b, f = signedIn(h, other)
		if r := recover(t, h, b, f); r.Outcome != reclaim.Waits {
			t.Errorf("%+v", r)
		}
		if kinds(h, sam, notice.KindLostWaits) != 2 || h.Events(audit.RecoveryExpired) != 1 {
			t.Error("the second one was not told, or the end of the first not noted")
		}
	})
}

// Who finds the device signs in with it; whoever asked for the recovery has lost.
func TestAMethodThatIsProvenEndsARecoveryThatWaits(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, seed := withPhone(t, h)
		forgot(t, h)
		b, f := signedIn(h, other)
		recover(t, h, b, f)
		owner, g := signedIn(h, other)
		app(t, h, owner, g, seed)
		if got := worth(h, owner); got != policy.AAL2 {
			t.Fatalf("worth %v", got)
		}
		if kinds(h, sam, notice.KindLostFound) != 1 {
			t.Error("not told")
		}
		advance(t, h, 10*24*time.Hour)
		if kinds(h, sam, notice.KindLostOpen) != 0 {
			t.Error("it did not end")
		}
		// The app confirmed the password: it proves more than the mailbox again.
		b, f = signedIn(h, other)
		v, err := h.Reclaim.Look(t.Context(), b.Visitor, f)
		if err != nil || v.Wait != 0 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}
