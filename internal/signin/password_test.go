package signin_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
	"parvis/internal/signin"
)

const address = "sam@example.org"

func TestASignInGivesANewSessionAndEndsTheOlderOne(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		b.Session = "planted-by-somebody-else-before-the-sign-in"
		f := b.Direct()
		if r := b.SignIn(f, "  SAM@Example.org ", journeytest.Password); r.Outcome != signin.SignedIn || r.Cookies.Session == "" {
			t.Fatalf("%+v", r)
		}
		b.At(f, signin.StepServices)
		first := b.Session
		g := b.From(journeytest.Permits, journeytest.ForceLogin)
		v := b.View(g)
		if v.Step != signin.StepSignIn || !v.Reauth || v.Address != address {
			t.Fatalf("prompt=login: %+v", v)
		}
		if r := b.SignIn(g, "somebody@else.org", journeytest.Password); r.Outcome != signin.SignedIn || b.Session == first {
			t.Fatalf("a new proof gives no new session: %+v", r)
		}
		b.At(g, signin.StepConsent)
		old := *b
		old.Session = first
		if v := old.View(f); v.Person != nil {
			t.Error("the older token still counts")
		}
		if h.Events(audit.SessionReauthenticated) != 1 {
			t.Error("the new proof is not in the audit")
		}
	})
}

func TestKnownAndUnknownAddressesCannotBeToldApart(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("active@example.org")
		h.Pending("pending@example.org")
		type seen struct {
			outcomes, steps string
			statements      int64
		}
		try := func(to string) seen {
			b := h.Browser()
			f := b.From(journeytest.Licences)
			var s seen
			for range 7 {
				s.statements += h.Statements(func() { s.outcomes += string(b.SignIn(f, to, "a wrong password").Outcome) + " " })
				s.steps += string(b.View(f).Step) + " "
			}
			return s
		}
		unknown := try("nobody@example.org")
		if want := "wrong wrong wrong wrong locked locked locked "; unknown.outcomes != want {
			t.Errorf("an unknown address: %q, want %q", unknown.outcomes, want)
		}
		for _, to := range []string{"active@example.org", "pending@example.org"} {
			if got := try(to); got != unknown {
				t.Errorf("%s:\n%+v, unknown:\n%+v", to, got, unknown)
			}
		}
		if n := len(h.Letters("nobody@example.org")) + len(h.Letters("pending@example.org")); n != 1 {
			t.Errorf("%d letters to addresses without an active account, want the pending one's activation only", n)
		}
	}, journeytest.WithoutRehearsal())
}

func TestEveryComparisonCostsOneHashWhoeverOwnsTheAddress(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("active@example.org")
		h.Pending("pending@example.org")
		for _, to := range []string{"active@example.org", "pending@example.org", "nobody@example.org"} {
			b := h.Browser()
			f := b.Direct()
			for try := 1; try <= 7; try++ {
				before := h.Hasher.Computed()
				b.SignIn(f, to, "a wrong password")
				want := int64(1)
				if try > 5 {
					want = 0
				}
				if got := h.Hasher.Computed() - before; got != want {
					t.Errorf("%s, try %d: %d hashes, want %d", to, try, got, want)
				}
			}
		}
	})
}

func TestFortyGuessesAtOnceCompareExactlyFive(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		second := *h.Signin // another node
		second.DB = dbtest.Second(t, h.DB, dbtest.WithClock(h.Clock.Now), dbtest.WithoutRehearsal())
		var compared, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 40 {
			b := h.Browser()
			f := b.Direct()
			node := h.Signin
			if i%2 == 1 {
				node = &second
			}
			all.Go(func() {
				form := signin.PasswordForm{Address: address, Password: fmt.Sprint("guess number ", i)}
				_, err := node.Password(t.Context(), b.Visitor, f, form)
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, e := range h.Recent() {
			switch {
			case e.Name == audit.PasswordFailed:
				compared.Add(1)
			case e.Name == audit.SigninRefused && e.Reason == "locked":
				refused.Add(1)
			}
		}
		if compared.Load() != 5 || refused.Load() != 35 {
			t.Errorf("%d compared and %d refused, want 5 and 35", compared.Load(), refused.Load())
		}
		if n := h.Events(audit.PasswordLocked); n != 1 {
			t.Errorf("locked %d times", n)
		}
		told := 0
		for _, l := range h.Letters(address) {
			if l.Kind == notice.KindLocked {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the owner was told %d times", told)
		}
	}, journeytest.WithoutRehearsal())
}

func TestALockStopsTheRightPasswordToo(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Lock(address)
		b := h.Browser()
		f := b.From(journeytest.Licences)
		if r := b.SignIn(f, address, journeytest.Password); r.Outcome != signin.Locked || r.Cookies != (flow.Cookies{}) {
			t.Errorf("%+v", r)
		}
		v := b.View(f)
		if v.Step != signin.StepUnlock || v.Notice != flow.NoticeLocked || v.Address != address {
			t.Errorf("%+v", v)
		}
	})
}

func TestStrangersCannotLockSomebodyOutOfTheirOwnBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		h.Lock(address)
		own.Session = ""
		f := own.Direct()
		if r := own.SignIn(f, address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Fatalf("in the owner's browser: %+v", r)
		}
		for range 5 {
			own.Session = ""
			own.SignIn(own.Direct(), address, "wrong in the own browser")
		}
		own.Session = ""
		if r := own.SignIn(own.Direct(), address, journeytest.Password); r.Outcome != signin.Locked {
			t.Errorf("the owner's browser has no counter of its own: %+v", r)
		}
	})
}

func TestLimitsThatStrangersReachDoNotKeepTheOwnerOut(t *testing.T) {
	limits := ratelimit.Settings{
		SigninAddress: ratelimit.Limit{Count: 6, Window: time.Hour}, SigninAddressIP: ratelimit.Limit{Count: 6, Window: time.Hour},
	}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		own.Session = ""
		stranger := h.Browser()
		for i := range 8 {
			form := signin.PasswordForm{Address: address, Password: "a guess of a stranger"}
			_, err := h.Signin.Password(t.Context(), stranger.Visitor, stranger.Direct(), form)
			if fault.Is(err, fault.Throttled) != (i >= 6) {
				t.Fatalf("guess %d: %v", i+1, err)
			}
		}
		if r := own.SignIn(own.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("in the owner's browser: %+v", r)
		}
	}, journeytest.WithLimits(limits))
}

func TestASuccessForgetsTheFailures(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		for range 3 {
			b := h.Browser()
			for range 4 {
				b.SignIn(b.Direct(), address, "a wrong password")
			}
			if r := b.SignIn(b.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// Somebody who is in and out of new browsers all day, or a service's own tests, has the right password.
func TestTheRightPasswordUsesUpNoLimitOfItsAddress(t *testing.T) {
	limit := ratelimit.Limit{Count: 3, Window: time.Hour}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		for i := range 8 {
			b := h.Browser()
			if r := b.SignIn(b.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
				t.Fatalf("sign-in %d: %+v", i+1, r)
			}
		}
		for i := range 5 { // a wrong one does, all the same
			b := h.Browser()
			_, err := h.Signin.Password(t.Context(), b.Visitor, b.Direct(), signin.PasswordForm{Address: address, Password: "wrong"})
			if throttled := fault.Is(err, fault.Throttled); throttled != (i >= 3) {
				t.Errorf("guess %d: %v", i+1, err)
			}
		}
		b := h.Browser()
		if _, err := h.Signin.Password(t.Context(), b.Visitor, b.Direct(), signin.PasswordForm{Address: address, Password: journeytest.Password}); !fault.Is(err, fault.Throttled) {
			t.Errorf("beyond the limit the right one is compared: %v", err)
		}
	}, journeytest.WithLimits(ratelimit.Settings{SigninBurst: limit, SigninAddressIP: limit, SigninAddress: limit}))
}

func TestTheLimitsActBeforeAnythingIsCompared(t *testing.T) {
	limits := ratelimit.Settings{SigninAddress: ratelimit.Limit{Count: 2, Window: time.Hour}}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		for i := range 5 {
			b := h.Browser()
			f := b.Direct()
			spelled := []string{address, "SAM@example.org", " Sam@EXAMPLE.ORG"}[i%3]
			_, err := h.Signin.Password(t.Context(), b.Visitor, f, signin.PasswordForm{Address: spelled, Password: "wrong"})
			if throttled := fault.Is(err, fault.Throttled); throttled != (i >= 2) {
				t.Errorf("try %d: %v", i+1, err)
			}
		}
		if n := h.Events(audit.PasswordFailed); n != 2 {
			t.Errorf("%d compared, want 2", n)
		}
	}, journeytest.WithLimits(limits))
}

func TestAWeakerVerifierIsRaisedAtTheNextSignIn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		stronger := password.Cheap(password.Preset("parvis"))
		stronger.Passes = 2
		h.Signin.Hasher = password.NewHasher(h.Keys, stronger)
		b := h.Browser()
		b.SignIn(b.Direct(), address, journeytest.Password)
		var stored password.Stored
		err := h.DB.Read(t.Context(), func(tx *db.Tx) error {
			person, err := h.Signin.Person(t.Context(), b.Visitor)
			if err != nil {
				return err
			}
			stored, _, err = h.Signin.Passwords.Get(tx, person.Account)
			return err
		})
		if err != nil || !strings.Contains(stored.Verifier, "t=2") {
			t.Errorf("verifier %.40s… %v", stored.Verifier, err)
		}
		if r := b.SignIn(b.From(journeytest.Permits, journeytest.ForceLogin), "", journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("%+v", r)
		}
	})
}

func TestAVerifierIsMadeAnewWithTheNewestPepperAtTheNextSignIn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		pepper := bytes.Repeat([]byte{7}, secret.RootBytes) // the house's
		now, err := secret.NewKeys(bytes.Repeat([]byte{8}, secret.RootBytes), pepper)
		if err == nil {
			now, err = now.WithOlderPeppers(pepper)
		}
		if err != nil {
			t.Fatal(err)
		}
		h.Signin.Hasher = password.NewHasher(now, password.Cheap(password.Preset("parvis")))
		count := func(pepper int) (n int64) {
			err := h.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
				n, err = h.Signin.Passwords.Count(tx, now.PepperIDs()[pepper])
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		wrong := h.Browser()
		wrong.SignIn(wrong.Direct(), address, journeytest.Other)
		if count(0) != 0 || count(1) != 1 {
			t.Errorf("after a wrong password %d have the newest pepper, %d the older one", count(0), count(1))
		}
		b := h.Browser()
		if r := b.SignIn(b.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("with the older pepper: %+v", r)
		}
		if count(0) != 1 || count(1) != 0 {
			t.Errorf("after the sign-in %d have the newest pepper, %d the older one", count(0), count(1))
		}
		if r := b.SignIn(b.From(journeytest.Permits, journeytest.ForceLogin), "", journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("with the newest pepper: %+v", r)
		}
	})
}

// newSignIns is of how many sign-ins owners are going to be told.
func newSignIns(t *testing.T, h *journeytest.House) (n int) {
	t.Helper()
	err := h.DB.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM new_sign_in`).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestANewBrowserIsToldToTheOwnerAndTheOwnOneIsNot(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		own.Session = ""
		own.SignIn(own.Direct(), address, journeytest.Password)
		count := func() int { return newSignIns(t, h) }
		if count() != 0 {
			t.Error("a sign-in with the own browser is told")
		}
		other := h.Browser()
		other.SignIn(other.Direct(), address, journeytest.Password)
		if count() != 1 {
			t.Error("a sign-in with a new browser is not told")
		}
	})
}

func TestALockThatTheProcessDidNotLiveToTellIsToldOnceAtTheNextAttempt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		addr, err := account.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		for range h.Attempts.Settings.MaxFailures { // counted, and nothing after it
			err := h.DB.WriteStatement(t.Context(), func(tx *db.Tx) error {
				_, err := h.Attempts.Count(tx, h.Attempts.Key(addr, nil))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		told := func() (n int) {
			for _, l := range h.Letters(address) {
				if l.Kind == notice.KindLocked {
					n++
				}
			}
			return n
		}
		b := h.Browser()
		refused := func() {
			if r := b.SignIn(b.Direct(), address, journeytest.Password); r.Outcome != signin.Locked {
				t.Fatalf("%+v", r)
			}
		}
		refused()
		if told() != 0 {
			t.Error("told while the last comparison may still be under way")
		}
		h.Clock.Advance(2 * time.Minute)
		var wait sync.WaitGroup
		for range 4 {
			c := h.Browser()
			f := c.Direct()
			wait.Go(func() { c.SignIn(f, address, "another guess") })
		}
		wait.Wait()
		refused()
		if told() != 1 || h.Events(audit.PasswordLocked) != 1 {
			t.Errorf("told %d times, %d events", told(), h.Events(audit.PasswordLocked))
		}
	})
}

func TestACopiedDeviceCookieIsToldAsANewBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		copied := own.Device
		for range 3 {
			own.SignIn(own.From(journeytest.Permits, journeytest.ForceLogin), "", "wrong in the own browser")
		}
		own.SignIn(own.From(journeytest.Permits, journeytest.ForceLogin), "", journeytest.Password)
		if own.Device == copied {
			t.Fatal("the token is the same after a sign-in")
		}
		thief := h.Browser()
		thief.Device = copied
		for range 5 {
			thief.SignIn(thief.Direct(), address, "a guess with the copy")
		}
		own.Session = ""
		if r := own.SignIn(own.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Fatalf("the copy locks the own browser: %+v", r)
		}
		addr, err := account.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			a, _, err := h.Accounts.ByAddress(tx, addr)
			if err != nil {
				return err
			}
			_, err = h.Attempts.Unlock(tx, a.ID, addr)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := thief.SignIn(thief.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Fatalf("%+v", r)
		}
		if told := newSignIns(t, h); told != 1 {
			t.Errorf("the owner is told %d times", told)
		}
	})
}

func TestNoEventKeepsAnAddressThatHasNoActiveAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Pending("pending@example.org")
		h.Lock("pending@example.org")
		h.Lock("nobody@example.org")
		b := h.Browser()
		b.Reset(b.Direct(), "other@example.org")
		for _, e := range h.Recent() {
			if e.Personal.Address != "" {
				t.Errorf("%s keeps %s", e.Name, e.Personal.Address)
			}
		}
	})
}
