package activity_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/activity"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/signin"
)

// told are the messages about new devices to an address, after a round of telling.
func (h house) told(address string) (out []notice.Letter) {
	h.T.Helper()
	if err := h.j.TellNew(h.T.Context()); err != nil {
		h.T.Fatal(err)
	}
	for _, l := range h.Letters(address) {
		if l.Kind == notice.KindNewSignIn {
			out = append(out, l)
		}
	}
	return out
}

// alarm is the token of the link in a message.
func alarm(t *testing.T, l notice.Letter) string {
	t.Helper()
	for _, link := range l.Links {
		if _, rest, ok := strings.Cut(link, "/wasnt-me/"); ok {
			token, _, _ := strings.Cut(rest, "?")
			return token
		}
	}
	t.Fatalf("no link in\n%s", l.Text)
	return ""
}

func (h house) standing(token string) activity.Standing {
	h.T.Helper()
	a, err := h.j.Alarm(h.T.Context(), h.Browser().Visitor, token)
	if err != nil {
		h.T.Fatal(err)
	}
	return a.Standing
}

func (h house) press(token string) bool {
	h.T.Helper()
	done, err := h.j.SecureByMail(h.T.Context(), h.Browser().Visitor, token)
	if err != nil {
		h.T.Fatal(err)
	}
	return done
}

func TestSignInsWithNewDevicesOfFiveMinutesAreToldOnceInOneMessage(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		h.Active(sam)
		h.Active(kim)
		if n := len(h.told(sam)); n != 0 {
			t.Errorf("%d messages about the first browser of an account", n)
		}
		strange := h.Browser()
		strange.UserAgent = phoneAgent
		strange.SignIn(strange.Direct(), sam, journeytest.Password)
		h.Clock.Advance(4 * time.Minute)
		second := h.Browser()
		second.SignIn(second.From(journeytest.Permits), sam, journeytest.Password)
		if n := len(h.told(sam)); n != 0 {
			t.Errorf("%d messages before the five minutes are over", n)
		}
		h.Clock.Advance(time.Minute)
		all := h.told(sam)
		if len(all) != 1 {
			t.Fatalf("%d messages", len(all))
		}
		for _, word := range []string{"2 times", "Safari", "iPhone", "Firefox"} {
			if !strings.Contains(all[0].Text, word) {
				t.Errorf("the message does not say %q:\n%s", word, all[0].Text)
			}
		}
		second.Session = ""
		second.SignIn(second.Direct(), sam, journeytest.Password) // it is known by now
		h.Clock.Advance(time.Hour)
		if n := len(h.told(sam)); n != 1 || len(h.told(kim)) != 0 {
			t.Errorf("%d messages later", n)
		}
	})
}

func TestOfManyNodesThatTellOneDoes(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		h.Active(sam)
		strange := h.Browser()
		strange.SignIn(strange.Direct(), sam, journeytest.Password)
		h.Clock.Advance(5 * time.Minute)
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				if err := h.j.TellNew(t.Context()); err != nil && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if n := len(h.told(sam)); n != 1 {
			t.Errorf("%d messages", n)
		}
	}, journeytest.WithoutRehearsal())
}

// strangers gives an account with a stranger in it, and the link of the message about them.
func (h house) strangers() (owner, stranger *journeytest.Browser, token string) {
	h.T.Helper()
	owner = h.Active(sam)
	stranger = h.elsewhere(sam, phoneAgent)
	h.Clock.Advance(5 * time.Minute)
	all := h.told(sam)
	if len(all) != 1 {
		h.T.Fatalf("%d messages", len(all))
	}
	return owner, stranger, alarm(h.T.(*testing.T), all[0])
}

func TestOpeningTheLinkOfTheMessageDoesNothingAndItsButtonEndsEverythingOnce(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		own, stranger, token := h.strangers()
		there := h.give(stranger)
		for range 3 {
			if s := h.standing(token); s != activity.Live {
				t.Fatalf("the link is %s", s)
			}
		}
		if !h.signedIn(stranger) {
			t.Fatal("opening the link ended a session")
		}
		if !h.press(token) {
			t.Fatal("the button does nothing")
		}
		if h.signedIn(stranger) || h.signedIn(own) {
			t.Error("a session is left")
		}
		if token, code := h.counts(there); token || code {
			t.Errorf("what was given: token %v, code %v", token, code)
		}
		if h.press(token) || h.standing(token) != activity.Used || h.press("nothing") || h.standing("nothing") != activity.Unknown {
			t.Error("the link can be used twice, or an unknown one at all")
		}
		if n := h.Events(audit.AccountSecuring); n != 1 {
			t.Errorf("%d events", n)
		}
		// The stranger's browser is unknown again: another sign-in there is told anew.
		stranger.Session = ""
		stranger.SignIn(stranger.Direct(), sam, journeytest.Password)
		h.Clock.Advance(5 * time.Minute)
		if n := len(h.told(sam)); n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}

// Somebody who holds the mail and nothing else signs people out once, and no more: the
// owner comes back in as before, and the stranger gets no session, password or method.
func TestWhoHoldsOnlyTheMailLocksNobodyOutAndGetsNowhere(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		own, _, token := h.strangers()
		before := own.Bound()
		attacker := h.Browser()
		done, err := h.j.SecureByMail(t.Context(), attacker.Visitor, token)
		if err != nil || !done {
			t.Fatal(done, err)
		}
		if h.signedIn(attacker) || attacker.Session != "" {
			t.Error("the mail signs somebody in")
		}
		own.Session = ""
		f := own.Direct()
		if r := own.SignIn(f, sam, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Fatalf("the owner: %q", r.Outcome)
		}
		after := own.Bound()
		if len(after) != len(before) || !h.signedIn(own) {
			t.Errorf("methods before %v, after %v", before, after)
		}
		addr, err := account.ParseAddress(sam)
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.Read(t.Context(), func(tx *db.Tx) error {
			locked, err := h.Attempts.AnyLocked(tx, addr)
			if locked {
				t.Error("the password is locked")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheLinkOfTheMessageEndsWithItsTimeAndWithItsAccount(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		_, stranger, token := h.strangers()
		h.Clock.Advance(h.Sessions.Settings.NewDeviceLink)
		if h.press(token) || h.standing(token) != activity.Expired {
			t.Error("an old link works")
		}
		b := h.Browser()
		b.SignIn(b.Direct(), sam, journeytest.Password)
		h.Clock.Advance(5 * time.Minute)
		letters := h.told(sam)
		fresh := alarm(t, letters[0])
		if h.standing(fresh) != activity.Live {
			t.Fatal("the new link does not work")
		}
		who := b.Live().Account
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Sessions.Erase(tx, who) }); err != nil {
			t.Fatal(err)
		}
		if h.press(fresh) || h.standing(fresh) != activity.Unknown || h.signedIn(stranger) {
			t.Error("a link outlives its account")
		}
	})
}

func TestOfManyPressesAtOnceOneSecures(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		_, _, token := h.strangers()
		var wait sync.WaitGroup
		won := make(chan bool, 20)
		for range cap(won) {
			wait.Go(func() {
				done, err := h.j.SecureByMail(t.Context(), h.Browser().Visitor, token)
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
				if done {
					won <- true
				}
			})
		}
		wait.Wait()
		if len(won) != 1 || h.Events(audit.AccountSecuring) != 1 {
			t.Errorf("%d won, %d events", len(won), h.Events(audit.AccountSecuring))
		}
	}, journeytest.WithoutRehearsal())
}

func TestWhatWasDoneSinceTheSecuringBeganIsListed(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		own, _, _ := h.strangers()
		done := func() []activity.Entry {
			t.Helper()
			out, err := h.j.Done(t.Context(), own.Visitor)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if n := len(done()); n != 0 {
			t.Errorf("%d things before it began", n)
		}
		if err := h.j.Secure(t.Context(), own.Visitor); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Minute)
		h.record(audit.Event{Name: audit.MethodRemoved, Account: own.Live().Account, Outcome: audit.Success})
		h.Clock.Advance(time.Minute)
		if err := h.j.Secured(t.Context(), own.Visitor); err != nil {
			t.Fatal(err)
		}
		var names []audit.Name
		for _, e := range done() {
			names = append(names, e.Name)
		}
		if len(names) != 3 || names[0] != audit.AccountSecuring || names[1] != audit.MethodRemoved || names[2] != audit.AccountSecured {
			t.Errorf("%v", names)
		}
		nobody := h.Browser().Visitor
		for _, err := range []error{h.j.Secure(t.Context(), nobody), h.j.Secured(t.Context(), nobody)} {
			if !fault.Is(err, fault.Denied) {
				t.Errorf("to nobody: %v", err)
			}
		}
	})
}
