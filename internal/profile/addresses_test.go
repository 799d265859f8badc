package profile_test

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/profile"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/recovery"
	"parvis/internal/signin"
)

const (
	second = "Sam.Rivers@Example.com"
	evil   = "eve@example.net"
)

// token is the secret of a link of our own in a letter.
func token(l notice.Letter, at string) string {
	for _, link := range l.Links {
		if strings.Contains(link, at) {
			return path.Base(strings.SplitN(link, "?", 2)[0])
		}
	}
	return ""
}

// letter is the newest letter of a kind to an address.
func letter(t *testing.T, h *journeytest.House, to string, kind notice.Kind) notice.Letter {
	t.Helper()
	for _, l := range h.Letters(to) {
		if l.Kind == kind {
			return l
		}
	}
	t.Fatalf("%s got no %s", to, kind)
	return notice.Letter{}
}

// ask asks to add an address and gives what waits, and the letter to it.
func ask(t *testing.T, h *journeytest.House, b *journeytest.Browser, to string) (id.Proof, notice.Letter) {
	t.Helper()
	proof, err := h.Profile.AddAddress(t.Context(), b.Visitor, to)
	if err != nil {
		t.Fatal(err)
	}
	return proof, letter(t, h, to, notice.KindConfirmAddress)
}

// add adds an address.
func add(t *testing.T, h *journeytest.House, b *journeytest.Browser, to string) id.Address {
	t.Helper()
	proof, letter := ask(t, h, b, to)
	r, err := h.Profile.ConfirmCode(t.Context(), b.Visitor, proof, letter.Codes[0])
	if err != nil || r.Outcome != profile.Added {
		t.Fatalf("%+v, %v", r, err)
	}
	return rowOf(t, h, b, to)
}

func rowOf(t *testing.T, h *journeytest.House, b *journeytest.Browser, written string) id.Address {
	t.Helper()
	view, err := h.Profile.Addresses(t.Context(), b.Visitor)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range view.Emails {
		if strings.EqualFold(e.Address.Written, written) {
			return e.ID
		}
	}
	t.Fatalf("the account has no %s", written)
	return ""
}

func TestAnAddressIsAddedOnceItsCodeIsTyped(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		proof, letter := ask(t, h, b, second)
		if letter.Kind != notice.KindConfirmAddress || strings.Contains(letter.Text, address) {
			t.Errorf("the letter is %s and names the account: %v", letter.Kind, strings.Contains(letter.Text, address))
		}
		if r := h.Browser(); r.SignIn(r.Direct(), second, journeytest.Password).Outcome == signin.SignedIn {
			t.Error("an address that nobody confirmed opens the account")
		}
		if r, err := h.Profile.ConfirmCode(t.Context(), b.Visitor, proof, "000000"); err != nil || r.Outcome != proving.WrongCode {
			t.Errorf("a wrong code: %+v, %v", r, err)
		}
		if r, err := h.Profile.ConfirmCode(t.Context(), b.Visitor, proof, letter.Codes[0]); err != nil || r.Outcome != profile.Added {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, err := h.Profile.ConfirmCode(t.Context(), b.Visitor, proof, letter.Codes[0]); err != nil && !fault.Is(err, fault.NotFound) {
			t.Errorf("a second time: %v", err)
		}
		if h.Told(address, notice.KindAddressAdded) != 1 || h.Told(second, notice.KindAddressAdded) != 0 || h.Events(audit.AddressAdded) != 1 {
			t.Error("the older address is told, once")
		}
		c := h.Browser()
		if r := c.SignIn(c.Direct(), strings.ToLower(second), journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("the new address: %s", r.Outcome)
		}
	})
}

func TestALinkAddsAnAddressOnlyToTheAccountThatAsked(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		attacker := h.Active(evil)
		victim := h.Active(address)
		_, letter := ask(t, h, attacker, second) // the victim reads this mailbox
		link := token(letter, "/settings/email/")
		if _, err := h.Profile.ConfirmLink(t.Context(), h.Browser().Visitor, link); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody's click: %v", err)
		}
		seen, err := h.Profile.OpenLink(t.Context(), victim.Visitor, link)
		if err != nil || seen.Own || seen.Address.Key != "" {
			t.Errorf("the page shows %+v, %v", seen, err)
		}
		if out, err := h.Profile.ConfirmLink(t.Context(), victim.Visitor, link); err != nil || out != proving.LinkEnded {
			t.Errorf("the click of the reader in their own account: %s, %v", out, err)
		}
		if out, err := h.Profile.ConfirmLink(t.Context(), attacker.Visitor, link); err != nil || out != profile.Added {
			t.Errorf("the account that asked: %s, %v", out, err)
		}
		if out, err := h.Profile.ConfirmLink(t.Context(), attacker.Visitor, link); err != nil || out != proving.LinkEnded {
			t.Errorf("a second time: %s, %v", out, err)
		}
	})
}

func TestAddingAnAddressTellsNobodyWhoHasIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		other := h.Active(evil)
		add(t, h, other, "taken@example.net")
		h.Pending("pending@example.net")
		type seen struct {
			Waiting    int
			Status     account.ProofStatus
			Lasts      time.Duration
			Statements int64
		}
		look := func(to string) (out seen) {
			var proof id.Proof
			out.Statements = h.Statements(func() {
				var err error
				if proof, err = h.Profile.AddAddress(t.Context(), b.Visitor, to); err != nil {
					t.Fatal(err)
				}
			})
			p, err := h.Profile.Waiting(t.Context(), b.Visitor, proof)
			if err != nil {
				t.Fatal(err)
			}
			view, err := h.Profile.Addresses(t.Context(), b.Visitor)
			if err != nil {
				t.Fatal(err)
			}
			out.Waiting, out.Status, out.Lasts = len(view.Waiting), p.Status, p.Lasts()
			if err := h.Profile.Withdraw(t.Context(), b.Visitor, proof); err != nil {
				t.Fatal(err)
			}
			return out
		}
		free := look("free@example.net")
		for _, to := range []string{evil, "TAKEN@example.net", "pending@example.net"} {
			if got := look(to); got != free {
				t.Errorf("%s: %+v, a free address: %+v", to, got, free)
			}
		}
		for _, to := range []string{evil, "taken@example.net"} {
			letter := letter(t, h, to, notice.KindAddressInUse)
			if len(letter.Codes) != 0 || strings.Contains(letter.Text, address) {
				t.Errorf("%s is told more than it should be:\n%s", to, letter.Text)
			}
		}
		if h.Told("free@example.net", notice.KindConfirmAddress) != 1 || h.Told(evil, notice.KindConfirmAddress) != 0 {
			t.Error("the wrong letters went out")
		}
	}, journeytest.WithoutRehearsal())
}

func TestOneWithoutFreshProofsChangesNoAddress(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		row := add(t, h, b, second)
		waits, letter := ask(t, h, b, "third@example.org")
		first := rowOf(t, h, b, address)
		thin := h.Browser() // who knows the password only
		thin.SignIn(thin.Direct(), address, journeytest.Password)
		h.Clock.Advance(h.Table.Window() + time.Minute)
		stolen := b // a session whose proofs are old
		again := h.Browser()
		again.SignIn(again.Direct(), address, journeytest.Password)
		for name, v := range map[string]*journeytest.Browser{"nobody": h.Browser(), "a password": again, "an old session": stolen} {
			if _, err := h.Profile.AddAddress(t.Context(), v.Visitor, evil); !fault.Is(err, fault.Denied) {
				t.Errorf("%s adds: %v", name, err)
			}
			if _, err := h.Profile.Resend(t.Context(), v.Visitor, waits); !fault.Is(err, fault.Denied) && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s sends again: %v", name, err)
			}
			if err := h.Profile.MakeMain(t.Context(), v.Visitor, row); !fault.Is(err, fault.Denied) {
				t.Errorf("%s makes main: %v", name, err)
			}
			if err := h.Profile.RemoveAddress(t.Context(), v.Visitor, row); !fault.Is(err, fault.Denied) {
				t.Errorf("%s removes: %v", name, err)
			}
			if err := h.Profile.RemoveAddress(t.Context(), v.Visitor, first); !fault.Is(err, fault.Denied) {
				t.Errorf("%s removes the main one: %v", name, err)
			}
		}
		if _, err := h.Profile.ConfirmCode(t.Context(), h.Browser().Visitor, waits, letter.Codes[0]); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody confirms: %v", err)
		}
		if h.Told(evil, notice.KindConfirmAddress) != 0 || h.Events(audit.AddressMain) != 0 || h.Events(audit.AddressRemoved) != 0 {
			t.Error("something was changed")
		}
	})
}

func TestOneAccountConfirmsNothingOfAnother(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, other := h.Active(address), h.Active(evil)
		row := add(t, h, b, second)
		proof, letter := ask(t, h, b, "third@example.org")
		if _, err := h.Profile.Waiting(t.Context(), other.Visitor, proof); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account sees it: %v", err)
		}
		if _, err := h.Profile.ConfirmCode(t.Context(), other.Visitor, proof, letter.Codes[0]); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account confirms it: %v", err)
		}
		if err := h.Profile.Withdraw(t.Context(), other.Visitor, proof); err != nil {
			t.Error(err)
		}
		if err := h.Profile.MakeMain(t.Context(), other.Visitor, row); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account's main address: %v", err)
		}
		if err := h.Profile.RemoveAddress(t.Context(), other.Visitor, row); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account's address is removed: %v", err)
		}
		if r, err := h.Profile.ConfirmCode(t.Context(), b.Visitor, proof, letter.Codes[0]); err != nil || r.Outcome != profile.Added {
			t.Errorf("its own account: %+v, %v", r, err)
		}
	})
}

func TestAResetWorksByAnyAddressAndEveryAddressIsTold(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		add(t, h, b, second)
		h.Clock.Advance(time.Minute)
		c := h.Browser()
		f := c.Direct()
		c.Reset(f, strings.ToUpper(second))
		if h.Told(address, notice.KindResetPassword) != 0 {
			t.Error("the link went to another address")
		}
		c.Recover(journeytest.Token(letter(t, h, second, notice.KindResetPassword)))
		if _, err := h.Recovery.Password(t.Context(), c.Visitor, f, recovery.PasswordForm{Password: journeytest.Other}); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{address, second} {
			if h.Told(to, notice.KindPasswordChanged) != 1 {
				t.Errorf("%s is told %d times", to, h.Told(to, notice.KindPasswordChanged))
			}
		}
	})
}

// Whoever guesses at one address of an account has no more tries at another, and learns
// nowhere that both are of one account.
func TestGuessesAtEachAddressOfAnAccountCountTogether(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		add(t, h, b, second)
		h.Active(evil)
		most := h.Attempts.Settings.MaxFailures
		stranger := h.Browser()
		f := stranger.Direct()
		for range most {
			stranger.SignIn(f, address, "not the password at all")
		}
		// Another address of the account, that of another account, and nobody's, are alike.
		type seen struct {
			Outcomes   string
			Statements int64
			Reset      proving.Outcome
		}
		look := func(to, word string) (out seen) {
			c := h.Browser()
			cf := c.Direct()
			r := h.Browser()
			rf := r.Direct()
			out.Statements = h.Statements(func() {
				out.Reset = r.Reset(rf, to).Outcome
				for range most + 1 {
					out.Outcomes += " " + string(c.SignIn(cf, to, word).Outcome)
				}
			})
			return out
		}
		look("warm@example.net", "not the password at all")
		nobodys := look("nobody@example.net", "not the password at all")
		if got := look(evil, "not the password at all"); got != nobodys {
			t.Errorf("another account: %+v, nobody: %+v", got, nobodys)
		}
		if got := look(second, journeytest.Password); got != nobodys {
			t.Errorf("another address of the account: %+v, nobody: %+v", got, nobodys)
		}
		// Its reader is told why, and the way by that mail lifts the lock there, but not what is
		// shown at the other address: locks that end together would tell whose they are.
		l := letter(t, h, second, notice.KindUnlock)
		if h.Told(second, notice.KindResetPassword) != 0 || !strings.Contains(l.Text, "new password") {
			t.Errorf("the mail of a reset:\n%s", l.Text)
		}
		u := h.Browser()
		if r := u.Recover(journeytest.Token(l)); r.Outcome != recovery.Unlocked {
			t.Errorf("unlocking: %s", r.Outcome)
		}
		for _, after := range []struct {
			to   string
			want signin.Outcome
		}{{address, signin.Locked}, {second, signin.SignedIn}, {address, signin.Locked}} {
			c := h.Browser()
			if r := c.SignIn(c.Direct(), after.to, journeytest.Password); r.Outcome != after.want {
				t.Errorf("%s after unlocking: %s", after.to, r.Outcome)
			}
		}
		u = h.Browser()
		u.Unlock(u.Direct(), address)
		u.Recover(journeytest.Token(letter(t, h, address, notice.KindUnlock)))
		c := h.Browser()
		if r := c.SignIn(c.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("unlocked there, too: %s", r.Outcome)
		}
	}, journeytest.WithoutRehearsal())
}

// Who comes to the lock by no fault of that address is let out as ever: by the code of a
// reset's mail, too.
func TestAResetAtAnotherAddressOfALockedAccountUnlocksItFirst(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		add(t, h, b, second)
		h.Lock(address)
		c := h.Browser()
		f := c.Direct()
		if r := c.Reset(f, second); r.Outcome != proving.Sent {
			t.Fatalf("%s", r.Outcome)
		}
		r, err := h.Recovery.Code(t.Context(), c.Visitor, f, letter(t, h, second, notice.KindUnlock).Codes[0])
		if err != nil || r.Outcome != recovery.Unlocked {
			t.Fatalf("%+v, %v", r, err)
		}
		if r := c.SignIn(f, second, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("the password: %s", r.Outcome)
		}
		if h.Events(audit.PasswordUnlocked) != 1 {
			t.Error("that it was unlocked is not recorded once")
		}
	})
}

// A reset that somebody has begun with an address ends with the address.
func TestAResetEndsWithItsAddress(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		row := add(t, h, b, evil)
		thief := h.Browser()
		f := thief.Direct()
		thief.Reset(f, evil)
		thief.Recover(journeytest.Token(letter(t, h, evil, notice.KindResetPassword)))
		if err := h.Profile.RemoveAddress(t.Context(), b.Visitor, row); err != nil {
			t.Fatal(err)
		}
		r, err := h.Recovery.Password(t.Context(), thief.Visitor, f, recovery.PasswordForm{Password: journeytest.Other})
		if err != nil || r.Outcome != proving.LinkEnded {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestTheMainAddressIsChangedAndTheOlderOneCanTakeThatBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		h.Clock.Advance(time.Second)
		row := add(t, h, b, second)
		if err := h.Profile.RemoveAddress(t.Context(), b.Visitor, rowOf(t, h, b, address)); !fault.Is(err, fault.Conflict) {
			t.Errorf("the main address is removed: %v", err)
		}
		for range 2 {
			if err := h.Profile.MakeMain(t.Context(), b.Visitor, row); err != nil {
				t.Fatal(err)
			}
		}
		if h.Told(address, notice.KindMainAddress) != 1 || h.Told(second, notice.KindMainAddress) != 1 {
			t.Error("both are told, once")
		}
		if token(letter(t, h, second, notice.KindMainAddress), "/address/") != "" {
			t.Error("the new address can undo its own change")
		}
		link := token(letter(t, h, address, notice.KindMainAddress), "/address/")
		seen, err := h.Profile.OpenUndo(t.Context(), h.Browser().Visitor, link)
		if err != nil || seen.Status != profile.UndoOpen || seen.What != account.Demoted || seen.Address.Written != address {
			t.Fatalf("%+v, %v", seen, err)
		}
		if p, err := h.Signin.Person(t.Context(), b.Visitor); err != nil || p == nil || p.Address != second {
			t.Errorf("%+v, %v", p, err)
		}
		f := h.Browser()
		ff := f.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
		f.SignIn(ff, address, journeytest.Password)
		f.Enter(ff, f.Ask(ff, second)) // codes go to the main address
	})
}

func TestTheMainAddressIsNotChangedToAndFroWithoutEnd(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		h.Clock.Advance(time.Second)
		rows := []id.Address{add(t, h, b, second), rowOf(t, h, b, address)}
		most := int(h.Profile.Limiter.Settings.MainAccount.Count)
		for i := range most {
			if err := h.Profile.MakeMain(t.Context(), b.Visitor, rows[i%2]); err != nil {
				t.Fatalf("time %d: %v", i+1, err)
			}
		}
		if err := h.Profile.MakeMain(t.Context(), b.Visitor, rows[most%2]); !fault.Is(err, fault.Throttled) {
			t.Errorf("once more: %v", err)
		}
		if n := h.Told(address, notice.KindMainAddress); n != most {
			t.Errorf("%d mails for %d changes", n, most)
		}
		h.Clock.Advance(time.Hour)
		if err := h.Profile.MakeMain(t.Context(), b.Visitor, rows[most%2]); !fault.Is(err, fault.Denied) {
			t.Errorf("later, with proofs that are too old: %v", err)
		}
	}, journeytest.WithLimits(ratelimit.Preset("parvis")))
}

// takeOver is an account that somebody took over who had its session, its proofs and its
// mailbox for a moment.
func takeOver(t *testing.T, h *journeytest.House) (owner, thief *journeytest.Browser) {
	t.Helper()
	owner = h.Active(address)
	h.Clock.Advance(time.Hour)
	thief = signIn(h, journeytest.Password)
	row := add(t, h, thief, evil)
	if err := h.Profile.MakeMain(t.Context(), thief.Visitor, row); err != nil {
		t.Fatal(err)
	}
	if err := h.Profile.RemoveAddress(t.Context(), thief.Visitor, rowOf(t, h, thief, address)); err != nil {
		t.Fatal(err)
	}
	if err := h.Profile.Password(t.Context(), thief.Visitor, profile.PasswordForm{Password: journeytest.Other, EndOthers: true}); err != nil {
		t.Fatal(err)
	}
	return owner, thief
}

func TestWhoLostTheirAddressTakesTheAccountBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, thief := takeOver(t, h)
		// The thief prepares to stay: a proven reset, and an address that waits.
		prepared := h.Browser()
		f := prepared.Direct()
		prepared.Reset(f, evil)
		prepared.Recover(journeytest.Token(letter(t, h, evil, notice.KindResetPassword)))
		waits, asked := ask(t, h, thief, "eve2@example.net")
		busy := h.Browser()
		busy.Create(busy.Direct(), address) // and wants to keep the address busy
		link := token(letter(t, h, address, notice.KindAddressRemoved), "/address/")
		if link == "" {
			t.Fatal("the removed address has no way back")
		}
		reader := h.Browser()
		done, err := h.Profile.TakeBack(t.Context(), reader.Visitor, link)
		if err != nil || done.Status != profile.UndoOpen {
			t.Fatalf("%+v, %v", done, err)
		}
		if p, err := h.Signin.Person(t.Context(), thief.Visitor); err != nil || p != nil {
			t.Errorf("the thief is signed in still: %+v, %v", p, err)
		}
		if _, err := h.Profile.ConfirmCode(t.Context(), thief.Visitor, waits, asked.Codes[0]); !fault.Is(err, fault.Denied) {
			t.Errorf("the address that waited: %v", err)
		}
		r, err := h.Recovery.Password(t.Context(), prepared.Visitor, f, recovery.PasswordForm{Password: "nine green parasols turning"})
		if err != nil || r.Outcome != proving.LinkEnded {
			t.Errorf("the reset that was prepared: %+v, %v", r, err)
		}
		for _, try := range []struct{ to, word string }{{address, journeytest.Password}, {address, journeytest.Other}, {evil, journeytest.Other}} {
			c := h.Browser()
			if r := c.SignIn(c.Direct(), try.to, try.word); r.Outcome == signin.SignedIn {
				t.Errorf("%s with %q opens the account", try.to, try.word)
			}
		}
		if h.Told(evil, notice.KindAddressesRestored) != 1 || h.Told(address, notice.KindAddressesRestored) != 1 || h.Events(audit.AddressRestored) != 1 {
			t.Error("whom it concerns is told, once")
		}
		// The owner chooses a new password by mail and is in.
		owner := h.Browser()
		of := owner.Direct()
		owner.Unlock(of, address) // the tries above may have locked it
		if h.Told(address, notice.KindUnlock) > 0 {
			owner.Recover(journeytest.Token(letter(t, h, address, notice.KindUnlock)))
		}
		h.Clock.Advance(time.Second)
		of = owner.Direct()
		owner.Reset(of, address)
		owner.Recover(journeytest.Token(letter(t, h, address, notice.KindResetPassword)))
		if _, err := h.Recovery.Password(t.Context(), owner.Visitor, of, recovery.PasswordForm{Password: "nine green parasols turning"}); err != nil {
			t.Fatal(err)
		}
		if r := owner.SignIn(owner.Direct(), address, "nine green parasols turning"); r.Outcome != signin.SignedIn {
			t.Errorf("the owner: %s", r.Outcome)
		}
		if again, err := h.Profile.TakeBack(t.Context(), reader.Visitor, link); err != nil || again.Status != profile.UndoDone {
			t.Errorf("a second time: %+v, %v", again, err)
		}
	})
}

// Whoever took an account over must not be able to put it out of its owner's reach.
func TestWhatTheIntruderPreparedGoesWithTheAddressThatIsTakenBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, thief := takeOver(t, h)
		a := thief.Live().Account
		foreign := totp.Prepare()
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Apps.Bind(tx, a, foreign, "Eve's", 0) })
		if err != nil {
			t.Fatal(err)
		}
		fresh := h.Browser()
		f := fresh.From(journeytest.Permits, journeytest.Demand(policy.AAL2))
		fresh.SignIn(f, evil, journeytest.Other)
		h.Clock.Advance(time.Minute)
		fresh.Enter(f, h.AppCode(foreign.Seed))
		if _, err := h.Leaving.Ask(t.Context(), fresh.Visitor); err != nil {
			t.Fatal(err)
		}
		link := token(letter(t, h, address, notice.KindAddressRemoved), "/address/")
		done, err := h.Profile.TakeBack(t.Context(), h.Browser().Visitor, link)
		if err != nil || done.Status != profile.UndoOpen {
			t.Fatalf("%+v, %v", done, err)
		}
		if h.Events(audit.AccountKept) != 1 || h.Events(audit.MethodRemoved) != 1 {
			t.Errorf("kept %d times, %d methods removed", h.Events(audit.AccountKept), h.Events(audit.MethodRemoved))
		}
		err = h.DB.Read(t.Context(), func(tx *db.Tx) error {
			kept, found, err := h.Accounts.ByID(tx, a)
			if err != nil || !found || kept.Status != account.Active {
				t.Errorf("%+v, %v, %v", kept, found, err)
			}
			list, err := authenticator.List(tx, a)
			if n := len(authenticator.Of(list, authenticator.TOTP)); n != 0 {
				t.Errorf("%d apps are there still", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestNothingIsTakenBackTooLateOrByAnUnknownLink(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		takeOver(t, h)
		link := token(letter(t, h, address, notice.KindAddressRemoved), "/address/")
		if u, err := h.Profile.TakeBack(t.Context(), h.Browser().Visitor, "unknown"); err != nil || u.Status != profile.UndoNone {
			t.Errorf("%+v, %v", u, err)
		}
		h.Clock.Advance(h.Accounts.Settings.AddressUndo)
		if u, err := h.Profile.TakeBack(t.Context(), h.Browser().Visitor, link); err != nil || u.Status != profile.UndoOver {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

// Somebody who got an address into an account must not come back by it after the owner
// has removed it.
func TestAnAddressThatTheOwnerThrowsOutTakesNothingBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		h.Clock.Advance(time.Minute)
		row := add(t, h, b, evil)
		if err := h.Profile.RemoveAddress(t.Context(), b.Visitor, row); err != nil {
			t.Fatal(err)
		}
		if token(letter(t, h, evil, notice.KindAddressRemoved), "/address/") != "" {
			t.Error("the address has a way back")
		}
	})
}

func TestOfAccountsThatConfirmOneAddressAtOnceOneHasIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		const racers = 8
		type racer struct {
			b     *journeytest.Browser
			proof id.Proof
			code  string
		}
		var all []racer
		for i := range racers {
			r := racer{b: h.Active(fmt.Sprintf("racer%d@example.org", i))}
			proof, letter := ask(t, h, r.b, "prize@example.org")
			r.proof, r.code = proof, letter.Codes[0]
			all = append(all, r)
			h.Clock.Advance(time.Second)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[proving.Outcome]int{}
		for _, r := range all {
			wg.Go(func() {
				out, err := h.Profile.ConfirmCode(t.Context(), r.b.Visitor, r.proof, r.code)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					got[proving.Outcome("error")]++ // the database was too busy: nothing happened
					return
				}
				got[out.Outcome]++
			})
		}
		wg.Wait()
		if got[profile.Added] != 1 || got[profile.Added]+got[profile.Taken]+got["error"] != racers {
			t.Errorf("%v", got)
		}
	}, journeytest.WithoutRehearsal())
}

func TestACodeOfAnAddressIsUsedOnce(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		proof, letter := ask(t, h, b, second)
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				_, _ = h.Profile.ConfirmCode(t.Context(), b.Visitor, proof, letter.Codes[0]) // what came of it is counted below
			})
		}
		wg.Wait()
		if n := h.Events(audit.AddressAdded); n != 1 {
			t.Errorf("added %d times", n)
		}
		if n := h.Told(address, notice.KindAddressAdded); n != 1 {
			t.Errorf("told %d times", n)
		}
	}, journeytest.WithoutRehearsal())
}

func TestARemovedAddressIsFree(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		row := add(t, h, b, second)
		if err := h.Profile.RemoveAddress(t.Context(), b.Visitor, row); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Minute)
		if c := h.Active(second); c.Who() == b.Who() || c.Who() == "" {
			t.Error("nobody else can have it")
		}
		var err error
		var left []account.Email
		if err = h.DB.Read(t.Context(), func(tx *db.Tx) error {
			left, err = h.Accounts.Addresses(tx, b.Who())
			return err
		}); err != nil || len(left) != 1 {
			t.Errorf("%+v, %v", left, err)
		}
	})
}
