package merging_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/merging"
	"parvis/internal/notify/notice"
	"parvis/internal/signin"
)

// refused is a try to merge that must come to nothing.
func refused(t *testing.T, h *journeytest.House, what, held string, b *journeytest.Browser, kind fault.Kind) {
	t.Helper()
	if _, err := h.Merging.Plan(t.Context(), held, b.Visitor); !fault.Is(err, kind) {
		t.Errorf("%s: the plan: %v", what, err)
	}
	c, err := h.Merging.Confirm(t.Context(), held, b.Visitor, nil)
	if !fault.Is(err, kind) || c.Session != "" {
		t.Errorf("%s: %v", what, err)
	}
	for _, address := range []string{stays, second} {
		if s := find(t, h, address).Status; s != account.Active {
			t.Errorf("%s: %s is %s", what, address, s)
		}
	}
	if h.Events(audit.AccountMerged) != 0 {
		t.Errorf("%s: merged", what)
	}
}

func TestOneProofAloneMergesNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h).prove(t)
		refused(t, h, "without the held session", "", w.Browser, fault.Denied)
		refused(t, h, "with another token in its place", w.Session+"A", w.Browser, fault.Denied)
		lonely := *w.Browser
		lonely.Session = ""
		refused(t, h, "without the second session", w.held, &lonely, fault.Denied)
		lonely.Session = w.held
		refused(t, h, "with one account twice", w.held, &lonely, fault.Conflict)
		// The second account's password alone, where its owner could give more.
		half := h.Browser()
		half.SignIn(half.Direct(), second, journeytest.Password)
		refused(t, h, "with less than the second account can give", w.held, half, fault.Denied)
		half = h.Browser()
		half.SignIn(half.Direct(), stays, journeytest.Password)
		refused(t, h, "with less than the first account can give", half.Session, w.Browser, fault.Denied)
	})
}

// Whoever changed an address may be somebody whom the owner can still stop.
func TestAnAccountWhoseAddressWasChangedLatelyIsNotMerged(t *testing.T) {
	for name, whose := range map[string]string{"first": stays, "second": second} {
		t.Run(name, func(t *testing.T) {
			journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
				w := accounts(t, h).prove(t)
				d := account.NewChange()
				write(t, h, func(tx *db.Tx) error {
					addr, err := account.ParseAddress(whose)
					if err != nil {
						return err
					}
					a, _, err := h.Accounts.ByAddress(tx, addr)
					if err != nil {
						return err
					}
					main, _, err := h.Accounts.Main(tx, a.ID)
					if err != nil {
						return err
					}
					return h.Accounts.Note(tx, d, account.Demoted, main)
				})
				refused(t, h, "after a change of "+whose, w.held, w.Browser, fault.Conflict)
			})
		})
	}
}

func TestAnAccountWithAnAppIsNotProvenByACodeByEmail(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(stays)
		_, seed := h.WithApp(second)
		h.Clock.Advance(time.Hour)
		b := h.Browser()
		proof(t, h, b, stays, nil)
		held := b.Session
		b.Session = ""
		f, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, Next: "/settings/merge/both"})
		if err != nil {
			t.Fatal(err)
		}
		b.SignIn(f, second, journeytest.Password)
		refused(t, h, "with the password alone", held, b, fault.Denied)
		b.Enter(f, h.AppCode(seed))
		if _, err := h.Merging.Plan(t.Context(), held, b.Visitor); err != nil {
			t.Error(err)
		}
	})
}

func TestAnAccountWithoutAPasswordIsProvenAtItsPartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h)
		write(t, h, func(tx *db.Tx) error {
			if _, err := h.Signin.Passwords.Remove(tx, w.second); err != nil {
				return err
			}
			return h.Links.Link(tx, "L", w.second, "https://bank.test", "customer")
		})
		b := h.Browser()
		proof(t, h, b, stays, nil)
		held := b.Session
		b.Session = ""
		f, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, Next: "/settings/merge/both"})
		if err != nil {
			t.Fatal(err)
		}
		b.AtBank(f, "customer")
		b.At(f, signin.StepSecond)
		b.Enter(f, b.Ask(f, second))
		if _, err := h.Merging.Confirm(t.Context(), held, b.Visitor, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestProofsThatAreOldOrEndedMergeNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h).prove(t)
		h.Clock.Advance(25 * time.Minute)
		refused(t, h, "long after", w.held, w.Browser, fault.Denied)
		w = w.prove(t)
		write(t, h, func(tx *db.Tx) error {
			_, err := h.Sessions.EndAll(tx, w.first, "", "revoked")
			return err
		})
		refused(t, h, "after the first account signed out elsewhere", w.held, w.Browser, fault.Denied)
	})
}

func TestAMailedLinkMergesAndUndoesNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h).prove(t)
		if n := len(h.Letters(second)); n > 0 {
			for _, l := range h.Letters(second) {
				if l.Kind == notice.KindAccountsMerged {
					t.Error("a mail went out before anybody confirmed")
				}
			}
		}
		if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{stays, second} {
			token := linkOf(t, h.Latest(to))
			stranger := h.Browser()
			m, err := h.Merging.Link(t.Context(), stranger.Visitor, token)
			if err != nil || m.Status != merging.Open || m.Other != "" {
				t.Errorf("%+v %v", m, err)
			}
			if err := h.Merging.Undo(t.Context(), stranger.Visitor); !fault.Is(err, fault.Denied) {
				t.Errorf("by nobody: %v", err)
			}
		}
		if m, err := h.Merging.Link(t.Context(), h.Browser().Visitor, "nothing"); err != nil || m.Status != merging.None {
			t.Errorf("%+v %v", m, err)
		}
		third := h.Active("third@example.org")
		if err := h.Merging.Undo(t.Context(), third.Visitor); !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Conflict) {
			t.Errorf("by somebody else: %v", err)
		}
		if find(t, h, second).Status != account.Merged {
			t.Error("undone")
		}
	})
}

// linkOf is the secret of the link in a mail about a merging.
func linkOf(t *testing.T, l notice.Letter) string {
	t.Helper()
	for _, link := range l.Links {
		if _, rest, ok := strings.Cut(link, "/merged/"); ok {
			token, _, _ := strings.Cut(rest, "?")
			return token
		}
	}
	t.Fatalf("no link in %s", l.Kind)
	return ""
}

func TestASecondMergingWaitsForTheFirst(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h).prove(t)
		if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil); err != nil {
			t.Fatal(err)
		}
		h.Active("third@example.org")
		h.Clock.Advance(time.Hour)
		b := h.Browser()
		proof(t, h, b, stays, nil)
		if err := h.Merging.Begin(t.Context(), b.Visitor); !fault.Is(err, fault.Conflict) {
			t.Errorf("begun again: %v", err)
		}
		held := b.Session
		b.Session = ""
		proof(t, h, b, "third@example.org", nil)
		if _, err := h.Merging.Confirm(t.Context(), held, b.Visitor, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("a third account: %v", err)
		}
		// Nor does the account that stays vanish into a third one.
		if _, err := h.Merging.Confirm(t.Context(), b.Session, with(b, held).Visitor, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("into a third account: %v", err)
		}
	})
}

// with is a browser with another session.
func with(b *journeytest.Browser, session string) *journeytest.Browser {
	out := *b
	out.Session = session
	return &out
}

func TestGivingUpReturnsTheBrowserToTheFirstAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h).prove(t)
		old := w.Session
		c, err := h.Merging.Abandon(t.Context(), w.held, w.Visitor)
		if err != nil {
			t.Fatal(err)
		}
		w.Keep(c)
		if p := w.View(w.Direct()).Person; p == nil || p.Address != stays {
			t.Errorf("%+v", p)
		}
		for _, token := range []string{old, w.held} {
			if with(w.Browser, token).View(w.Direct()).Person != nil {
				t.Error("a token of before counts")
			}
		}
		w = w.prove(t)
		if err := h.Merging.Drop(t.Context(), w.held, w.Visitor); err != nil {
			t.Fatal(err)
		}
		if c, err := h.Merging.Abandon(t.Context(), w.held, w.Visitor); err != nil || c.Session != "" {
			t.Errorf("a session that was signed out comes back: %v", err)
		}
	})
}

func TestASessionSetAsideIsNotGivenBackLater(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		accounts(t, h)
		b := h.Browser()
		proof(t, h, b, stays, nil)
		h.Clock.Advance(3 * time.Minute) // what counts is when it was set aside
		if err := h.Merging.Begin(t.Context(), b.Visitor); err != nil {
			t.Fatal(err)
		}
		held := b.Session
		b.Session = ""
		h.Clock.Advance(merging.AsideFor)
		if masked, err := h.Merging.Aside(t.Context(), held); err != nil || masked == "" || strings.Contains(masked, stays) {
			t.Errorf("in time: %q %v", masked, err)
		}
		proof(t, h, b, second, nil)
		if _, err := h.Merging.Plan(t.Context(), held, b.Visitor); err != nil {
			t.Errorf("in time: %v", err)
		}
		h.Clock.Advance(time.Millisecond)
		if masked, err := h.Merging.Aside(t.Context(), held); err != nil || masked != "" {
			t.Errorf("too late: %q %v", masked, err)
		}
		refused(t, h, "too late", held, b, fault.Denied)
		b.Session = "" // nobody is signed in: the pages say so
		if c, err := h.Merging.Abandon(t.Context(), held, b.Visitor); err != nil || c.Session != "" {
			t.Errorf("given back without a proof: %v", err)
		}
		if with(b, held).View(b.Direct()).Person != nil {
			t.Error("the session did not end")
		}
	})
}

func TestOfRacingMergingsOneMerges(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		accounts(t, h)
		h.Active("third@example.org")
		h.Clock.Advance(time.Hour)
		// Pairs of the three accounts in every direction, each proven in a browser of its own.
		type pair struct{ held, own string }
		var pairs []pair
		addresses := []string{stays, second, "third@example.org"}
		for _, a := range addresses {
			for _, b := range addresses {
				if a == b {
					continue
				}
				browser := h.Browser()
				h.Clock.Advance(time.Second)
				proof(t, h, browser, a, nil)
				held := browser.Session
				browser.Session = ""
				h.Clock.Advance(time.Second)
				proof(t, h, browser, b, nil)
				pairs = append(pairs, pair{held, browser.Session})
			}
		}
		var wait sync.WaitGroup
		won := make(chan string, 100)
		for i := range 60 {
			wait.Go(func() {
				p := pairs[i%len(pairs)]
				b := h.Browser()
				b.Session = p.own
				_, err := h.Merging.Confirm(t.Context(), p.held, b.Visitor, nil)
				switch {
				case err == nil:
					won <- fmt.Sprint(i % len(pairs))
				case fault.KindOf(err) == fault.Internal:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if len(won) != 1 || h.Events(audit.AccountMerged) != 2 {
			t.Errorf("%d merged, %d events", len(won), h.Events(audit.AccountMerged))
		}
		merged := 0
		for _, a := range addresses {
			if find(t, h, a).Status == account.Merged {
				merged++
			}
		}
		if merged != 1 {
			t.Errorf("%d accounts are suspended", merged)
		}
	}, journeytest.WithoutRehearsal())
}

func TestOfUndoingAndFinishingOneWins(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h)
		visited(t, h, w.second, journeytest.Permits)
		w = w.prove(t)
		c, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.Keep(c)
		h.Clock.Advance(7*24*time.Hour - 10*time.Millisecond)
		b := h.Browser()
		proof(t, h, b, stays, nil)
		var wait sync.WaitGroup
		undone := make(chan bool, 100)
		for i := range 60 {
			wait.Go(func() {
				if i == 30 {
					h.Clock.Advance(10 * time.Millisecond)
				}
				if i%2 == 0 {
					if err := h.Merging.Finish(t.Context()); err != nil && fault.KindOf(err) == fault.Internal {
						t.Error(err)
					}
					return
				}
				switch err := h.Merging.Undo(t.Context(), b.Visitor); {
				case err == nil:
					undone <- true
				case fault.KindOf(err) == fault.Internal:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if err := h.Merging.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		there := find(t, h, second)
		finished := h.Events(audit.AccountMergeFinished) / 2
		if len(undone)+finished != 1 || (len(undone) == 1) != (there.Status == account.Active) || h.Events(audit.AccountClosed) != finished {
			t.Errorf("%d undone, %d finished, the account is %q", len(undone), finished, there.Status)
		}
	}, journeytest.WithoutRehearsal())
}
