package profile_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/enrollment"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/profile"
	"parvis/internal/proving"
	"parvis/internal/signin"
)

// holds reports which account has an address.
func holds(t *testing.T, h *journeytest.House, written string) (out account.Account) {
	t.Helper()
	addr, err := account.ParseAddress(written)
	if err != nil {
		t.Fatal(err)
	}
	err = h.DB.Read(t.Context(), func(tx *db.Tx) error { out, _, err = h.Accounts.ByAddress(tx, addr); return err })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Whoever removed the owner's address, and has the mailbox open, puts it nowhere else: the
// owner's link works until its time is over.
func TestARemovedAddressStaysItsAccountsUntilThatCannotBeTakenBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, thief := takeOver(t, h)
		victim := thief.Who()
		first := token(letter(t, h, address, notice.KindAddressRemoved), "/address/")

		// On another account of their own: no code comes, and the reader is shown the way back.
		other := h.Active("eve.other@example.net")
		h.Clock.Advance(time.Minute)
		if _, err := h.Profile.AddAddress(t.Context(), other.Visitor, address); err != nil {
			t.Fatal(err)
		}
		if h.Told(address, notice.KindConfirmAddress) != 0 || h.Told(address, notice.KindAddressKept) != 1 || h.Events(audit.AddressWanted) != 1 {
			t.Error("the address can be confirmed for another account")
		}
		// As a new account: none is begun.
		creator := h.Browser()
		f := creator.Direct()
		if r := creator.Create(f, address); r.Outcome != proving.Sent {
			t.Errorf("creating an account: %s", r.Outcome)
		}
		if h.Told(address, notice.KindActivate) != 1 || h.Told(address, notice.KindAddressKept) != 2 || holds(t, h, address).ID != "" {
			t.Error("an account is created with the address")
		}
		// With a code that was mailed before, and with an account that was begun before, on an older node.
		p := h.Proofs.Draft(account.ProveAdd, mustParse(t, address))
		p.Account = other.Who()
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Proofs.Issue(tx, p); return err }); err != nil {
			t.Fatal(err)
		}
		if r, err := h.Profile.ConfirmCode(t.Context(), other.Visitor, p.ID, p.Code); err != nil || r.Outcome != profile.Taken {
			t.Errorf("a code of before: %+v, %v", r, err)
		}

		link := token(letter(t, h, address, notice.KindAddressKept), "/address/")
		if link == "" || link == first {
			t.Fatal("no fresh link")
		}
		for _, one := range []string{first, link} {
			if u, err := h.Profile.OpenUndo(t.Context(), h.Browser().Visitor, one); err != nil || u.Status != profile.UndoOpen || u.Address.Written != address {
				t.Errorf("%+v, %v", u, err)
			}
		}
		if u, err := h.Profile.TakeBack(t.Context(), h.Browser().Visitor, link); err != nil || u.Status != profile.UndoOpen {
			t.Fatalf("%+v, %v", u, err)
		}
		if holds(t, h, address).ID != victim {
			t.Error("the owner does not have their address back")
		}
		if u, err := h.Profile.TakeBack(t.Context(), h.Browser().Visitor, first); err != nil || u.Status != profile.UndoDone {
			t.Errorf("the first link afterwards: %+v, %v", u, err)
		}
	})
}

func mustParse(t *testing.T, written string) account.Addr {
	t.Helper()
	addr, err := account.ParseAddress(written)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// Whoever owned the address is led to the way back by whatever they try first.
func TestWhoAsksForAKeptAddressIsMailedTheWayBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		takeOver(t, h)
		for i, ask := range []func(b *journeytest.Browser, f id.Flow){
			func(b *journeytest.Browser, f id.Flow) { b.Reset(f, address) },
			func(b *journeytest.Browser, f id.Flow) { b.Unlock(f, address) },
			func(b *journeytest.Browser, f id.Flow) {
				if err := h.Recovery.Ways(t.Context(), b.Visitor, f, address); err != nil {
					t.Fatal(err)
				}
			},
			func(b *journeytest.Browser, f id.Flow) { b.Create(f, address) },
		} {
			b := h.Browser()
			ask(b, b.Direct())
			if n := h.Told(address, notice.KindAddressKept); n != i+1 {
				t.Errorf("%d: %d letters", i, n)
			}
			l := letter(t, h, address, notice.KindAddressKept)
			u, err := h.Profile.OpenUndo(t.Context(), b.Visitor, token(l, "/address/"))
			if err != nil || u.Status != profile.UndoOpen || len(l.Codes) != 0 {
				t.Errorf("%d: %+v, %v", i, u, err)
			}
		}
		for _, kind := range []notice.Kind{notice.KindResetNoAccount, notice.KindUnlockNoAccount, notice.KindWaysNoAccount} {
			if h.Told(address, kind) != 0 {
				t.Errorf("%s is a dead end", kind)
			}
		}
		// When that cannot be taken back any more, anybody can have it.
		h.Clock.Advance(h.Accounts.Settings.AddressUndo)
		if c := h.Active(address); c.Who() == "" {
			t.Error("the address is not free")
		}
	})
}

func TestAnAccountPutsItsOwnAddressBackItself(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		h.Clock.Advance(time.Second)
		if err := h.Profile.MakeMain(t.Context(), b.Visitor, add(t, h, b, second)); err != nil {
			t.Fatal(err)
		}
		if err := h.Profile.RemoveAddress(t.Context(), b.Visitor, rowOf(t, h, b, address)); err != nil {
			t.Fatal(err)
		}
		add(t, h, b, address)
		if holds(t, h, address).ID != b.Who() || h.Told(address, notice.KindAddressKept) != 0 {
			t.Error("the account cannot have its own address again")
		}
	})
}

// Nobody learns from a page, or from the work behind it, that an address is kept.
func TestAKeptAddressIsLikeEveryOther(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		takeOver(t, h)
		asker := h.Active("someone@example.net")
		type seen struct {
			Outcome    proving.Outcome
			Step       signin.Step
			Statements int64
		}
		look := func(do func(b *journeytest.Browser, f id.Flow) proving.Outcome) (out seen) {
			b := h.Browser()
			f := b.Direct()
			out.Statements = h.Statements(func() { out.Outcome = do(b, f) })
			out.Step = b.View(f).Step
			return out
		}
		for name, do := range map[string]func(to string) seen{
			"create": func(to string) seen {
				return look(func(b *journeytest.Browser, f id.Flow) proving.Outcome { return b.Create(f, to).Outcome })
			},
			"reset": func(to string) seen {
				return look(func(b *journeytest.Browser, f id.Flow) proving.Outcome { return b.Reset(f, to).Outcome })
			},
			"unlock": func(to string) seen {
				return look(func(b *journeytest.Browser, f id.Flow) proving.Outcome { return b.Unlock(f, to).Outcome })
			},
			"ways": func(to string) seen {
				return look(func(b *journeytest.Browser, f id.Flow) proving.Outcome {
					if err := h.Recovery.Ways(t.Context(), b.Visitor, f, to); err != nil {
						t.Error(err)
					}
					return ""
				})
			},
			"password": func(to string) seen {
				return look(func(b *journeytest.Browser, f id.Flow) proving.Outcome {
					return proving.Outcome(b.SignIn(f, to, "not the password at all").Outcome)
				})
			},
			"add": func(to string) (out seen) {
				out.Statements = h.Statements(func() {
					if _, err := h.Profile.AddAddress(t.Context(), asker.Visitor, to); err != nil {
						t.Error(err)
					}
				})
				return out
			},
		} {
			do("first-" + name + "@example.net") // what is read once and kept
			if kept, free := do(address), do("free-"+name+"@example.net"); kept != free {
				t.Errorf("%s: a kept address %+v, a free one %+v", name, kept, free)
			}
		}
	}, journeytest.WithoutRehearsal())
}

// Of the owner's undo and whoever wants the address at the same instant, one has it, and it
// is never the latter while the former is possible.
func TestNobodyGetsAKeptAddressBesideItsUndo(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, thief := takeOver(t, h)
		victim := thief.Who()
		link := token(letter(t, h, address, notice.KindAddressRemoved), "/address/")
		var wg sync.WaitGroup
		for range 8 {
			b := h.Browser()
			f := b.Direct()
			wg.Go(func() {
				_, err := h.Enroll.Address(t.Context(), b.Visitor, f, enrollment.AddressForm{Address: address, Locale: "en", Terms: true})
				if err != nil && fault.KindOf(err) == fault.Internal {
					t.Error(err)
				}
			})
		}
		v := h.Browser().Visitor
		wg.Go(func() {
			for {
				u, err := h.Profile.TakeBack(t.Context(), v, link)
				if fault.Is(err, fault.Unavailable) {
					continue
				}
				if err != nil || u.Status != profile.UndoOpen {
					t.Errorf("%+v, %v", u, err)
				}
				return
			}
		})
		wg.Wait()
		if got := holds(t, h, address).ID; got != victim {
			t.Errorf("%s has the address", got)
		}
	}, journeytest.WithoutRehearsal())
}
