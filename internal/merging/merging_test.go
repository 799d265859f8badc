package merging_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/totp"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/merging"
	"parvis/internal/notify/notice"
	"parvis/internal/secret"
	"parvis/internal/signin"
)

const (
	stays  = "sam@example.org"
	second = "sam.old@example.org"
)

// two is a person with two accounts, both proven in one browser.
type two struct {
	*journeytest.Browser // signed in to the second account

	h      *journeytest.House
	held   string // the session of the account that stays, set aside
	first  id.Account
	second id.Account
}

func write(t *testing.T, h *journeytest.House, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := h.DB.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, h *journeytest.House, address string) (a account.Account) {
	t.Helper()
	addr, err := account.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) (err error) {
		a, _, err = h.Accounts.ByAddress(tx, addr)
		return err
	})
	return a
}

// proof signs a browser in by the best that an account with a password has.
func proof(t *testing.T, h *journeytest.House, b *journeytest.Browser, address string, seed *totp.Seed) id.Flow {
	t.Helper()
	f, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, Next: "/settings/merge/both"})
	if err != nil {
		t.Fatal(err)
	}
	b.SignIn(f, address, journeytest.Password)
	b.At(f, signin.StepSecond)
	if seed != nil {
		b.Enter(f, h.AppCode(*seed))
	} else {
		b.Enter(f, b.Ask(f, address))
	}
	return f
}

// accounts makes both accounts, each visited at services as the test wants.
func accounts(t *testing.T, h *journeytest.House) two {
	t.Helper()
	h.Active(stays)
	h.Active(second)
	h.Clock.Advance(time.Hour)
	return two{h: h, first: find(t, h, stays).ID, second: find(t, h, second).ID}
}

// prove proves both accounts in one browser.
func (w two) prove(t *testing.T) two {
	t.Helper()
	w.Browser = w.h.Browser()
	proof(t, w.h, w.Browser, stays, nil)
	if err := w.h.Merging.Begin(t.Context(), w.Visitor); err != nil {
		t.Fatal(err)
	}
	w.held, w.Session = w.Session, ""
	w.h.Clock.Advance(time.Minute)
	w.At(proof(t, w.h, w.Browser, second, nil), signin.StepFinish)
	return w
}

// visited is what a visit to a service leaves: consent, a subject, and a token.
func visited(t *testing.T, h *journeytest.House, a id.Account, rp id.RelyingParty) (subject, token string) {
	t.Helper()
	p, err := h.Registry.Find(t.Context(), rp)
	if err != nil {
		t.Fatal(err)
	}
	code, token := secret.NewToken(), secret.NewToken()
	gid, uri := id.New[id.Grant](), "https://"+string(rp)+".test/callback"
	write(t, h, func(tx *db.Tx) (err error) {
		if err := h.Lifecycle.Connections.Give(tx, connection.Asked{Account: a, RelyingParty: rp, Claims: []string{"email"}}); err != nil {
			return err
		}
		if subject, err = h.Lifecycle.Connections.Subject(tx, p.Sector, a); err != nil {
			return err
		}
		return h.Lifecycle.Grants.Issue(tx, grant.Grant{ID: gid, Account: a, RelyingParty: rp, Session: "S", Subject: subject, AuthTime: tx.Now()},
			grant.Code{Digest: secret.Digest(code), RedirectURI: uri})
	})
	write(t, h, func(tx *db.Tx) error {
		_, err := h.Lifecycle.Grants.Redeem(tx, grant.Redemption{Code: code, RelyingParty: rp, RedirectURI: uri, Token: secret.Digest(token), TokenLife: 20 * 24 * time.Hour})
		return err
	})
	return subject, token
}

func counts(t *testing.T, h *journeytest.House, token string) (ok bool) {
	t.Helper()
	write(t, h, func(tx *db.Tx) (err error) {
		_, ok, err = h.Lifecycle.Grants.FindToken(tx, token)
		return err
	})
	return ok
}

// subjects are by what sectors know an account.
func subjects(t *testing.T, h *journeytest.House, a id.Account) map[string]string {
	t.Helper()
	out := map[string]string{}
	write(t, h, func(tx *db.Tx) error {
		list, err := h.Lifecycle.Connections.Subjects(tx, a)
		for _, k := range list {
			out[k.Sector] = k.Subject
		}
		return err
	})
	return out
}

// services are what an account is connected to.
func services(t *testing.T, h *journeytest.House, a id.Account) (out []connection.Connection) {
	t.Helper()
	write(t, h, func(tx *db.Tx) (err error) {
		out, err = h.Lifecycle.Connections.List(tx, a)
		return err
	})
	return out
}

const (
	licences = "client:" + string(journeytest.Licences)
	permits  = "client:" + string(journeytest.Permits)
)

func TestTwoAccountsOfOnePersonBecomeOne(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h)
		old, oldToken := visited(t, h, w.first, journeytest.Licences)
		chosen, chosenToken := visited(t, h, w.second, journeytest.Licences)
		carried, _ := visited(t, h, w.second, journeytest.Permits)
		elsewhere := h.Browser()
		elsewhere.SignIn(elsewhere.Direct(), second, journeytest.Password)
		w = w.prove(t)
		plan, err := h.Merging.Plan(t.Context(), w.held, w.Visitor)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Choose) != 1 || plan.Choose[0].Sector != licences || len(plan.Choose[0].Services) != 1 ||
			len(plan.Carried) != 1 || plan.Carried[0].Sector != permits {
			t.Errorf("%+v", plan)
		}
		if plan.First.Addresses[0] != stays || plan.Second.Addresses[0] != second || len(plan.First.Services) != 1 || len(plan.Second.Services) != 2 || plan.First.Gone+plan.Second.Gone != 0 {
			t.Errorf("%+v %+v", plan.First, plan.Second)
		}
		if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("without a choice: %v", err)
		}
		c, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, map[string]merging.Keep{licences: merging.KeepSecond})
		if err != nil {
			t.Fatal(err)
		}
		if find(t, h, second).Status != account.Merged || find(t, h, stays).Status != account.Active {
			t.Error("the statuses are wrong")
		}
		if got := subjects(t, h, w.first); got[licences] != chosen || got[permits] != carried || len(subjects(t, h, w.second)) != 0 {
			t.Errorf("the account that stays is known by %v", got)
		}
		if counts(t, h, oldToken) || counts(t, h, chosenToken) {
			t.Error("a token outlives the merging")
		}
		list := services(t, h, w.first)
		if len(list) != 2 || len(list[slices.IndexFunc(list, func(c connection.Connection) bool { return c.RelyingParty == journeytest.Permits })].Claims) != 0 {
			t.Errorf("%+v", list)
		}
		if len(services(t, h, w.second)) != 2 {
			t.Error("something of the second account was deleted")
		}
		// The browser goes on as the account that stays; every other session of both roles is dead.
		if w.View(w.Direct()).Person != nil || elsewhere.View(elsewhere.Direct()).Person != nil {
			t.Error("a session of the second account is left")
		}
		w.Session = w.held
		if w.View(w.Direct()).Person != nil {
			t.Error("the old token of the held session still counts")
		}
		w.Keep(c)
		if p := w.View(w.Direct()).Person; p == nil || p.Address != stays {
			t.Errorf("%+v", p)
		}
		for _, to := range []string{stays, second} {
			if l := h.Latest(to); l.Kind != notice.KindAccountsMerged {
				t.Errorf("%s is told by %s", to, l.Kind)
			}
		}
		if h.Events(audit.AccountMerged) != 2 {
			t.Error("the events are missing")
		}
		write(t, h, func(tx *db.Tx) error {
			_, known, err := h.Lifecycle.Connections.BySubject(tx, licences, old)
			if known {
				t.Error("the retired subject leads to somebody")
			}
			return err
		})
	})
}

func TestUndoingRestoresBothExactlyAndRevokesWhatWasGivenMeanwhile(t *testing.T) {
	for _, side := range []string{stays, second} {
		journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
			w := accounts(t, h)
			visited(t, h, w.first, journeytest.Licences)
			visited(t, h, w.second, journeytest.Licences)
			visited(t, h, w.second, journeytest.Permits)
			before := [2]map[string]string{subjects(t, h, w.first), subjects(t, h, w.second)}
			had := [2][]connection.Connection{services(t, h, w.first), services(t, h, w.second)}
			w = w.prove(t)
			if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, map[string]merging.Keep{licences: merging.KeepSecond}); err != nil {
				t.Fatal(err)
			}
			_, since := visited(t, h, w.first, journeytest.Licences)
			_, carried := visited(t, h, w.first, journeytest.Permits)
			h.Clock.Advance(6 * 24 * time.Hour)
			b := h.Browser()
			f := proof(t, h, b, side, nil)
			if side == second {
				b.At(f, signin.StepMerged)
			}
			if m, err := h.Merging.Own(t.Context(), b.Visitor); err != nil || m.Status != merging.Open || m.Second != (side == second) {
				t.Errorf("%+v %v", m, err)
			}
			if err := h.Merging.Undo(t.Context(), b.Visitor); err != nil {
				t.Fatal(err)
			}
			b.At(f, signin.StepFinish)
			for i, a := range []id.Account{w.first, w.second} {
				for sector, subject := range before[i] {
					if got := subjects(t, h, a); got[sector] != subject || len(got) != len(before[i]) {
						t.Errorf("account %d is known by %v, before by %v", i, got, before[i])
					}
				}
				if got := services(t, h, a); len(got) != len(had[i]) {
					t.Errorf("account %d is connected to %v, before to %v", i, got, had[i])
				}
			}
			if counts(t, h, since) || counts(t, h, carried) {
				t.Error("what was given under the other account's identifier still counts")
			}
			if find(t, h, second).Status != account.Active {
				t.Error("the second account is not active")
			}
			if err := h.Merging.Undo(t.Context(), b.Visitor); !fault.Is(err, fault.Conflict) {
				t.Errorf("twice: %v", err)
			}
			if h.Latest(stays).Kind != notice.KindMergeUndone || h.Latest(second).Kind != notice.KindMergeUndone || h.Events(audit.AccountMergeUndone) != 2 {
				t.Error("somebody is not told")
			}
			// Both can be merged again.
			h.Clock.Advance(time.Hour)
			w = w.prove(t)
			if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, map[string]merging.Keep{licences: merging.KeepFirst}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAfterItsTimeTheSecondAccountIsErased(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h)
		subject, _ := visited(t, h, w.second, journeytest.Permits)
		write(t, h, func(tx *db.Tx) error { return h.Links.Link(tx, "L", w.second, "https://bank.test", "customer") })
		w = w.prove(t)
		named := func(where string, got []merging.Partner) {
			t.Helper()
			if len(got) != 1 || got[0].Name["en"] != "Northland Bank" || got[0].Since.IsZero() {
				t.Errorf("%s names the partners %+v", where, got)
			}
		}
		plan, err := h.Merging.Plan(t.Context(), w.held, w.Visitor)
		if err != nil || len(plan.First.Partners) > 0 {
			t.Fatalf("%+v %v", plan.First, err)
		}
		named("the page", plan.Second.Partners)
		named("the page, of those that move,", plan.Moving)
		c, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{stays, second} {
			if l := h.Latest(to); l.Kind != notice.KindAccountsMerged || !strings.Contains(l.Text, "Northland Bank (linked") {
				t.Errorf("%s is told:\n%s", to, l.Text)
			}
		}
		w.Keep(c)
		own, err := h.Merging.Own(t.Context(), w.Visitor)
		if err != nil {
			t.Fatal(err)
		}
		named("the settings", own.Partners)
		write(t, h, func(tx *db.Tx) error { return h.Links.Block(tx, w.first, "https://bank.test") })
		if own, err = h.Merging.Own(t.Context(), w.Visitor); err != nil || len(own.Partners) > 0 {
			t.Errorf("a partner that is blocked is named among those that move: %+v %v", own, err)
		}
		write(t, h, func(tx *db.Tx) error { _, err := h.Links.Unblock(tx, w.first, "https://bank.test"); return err })
		h.Clock.Advance(7*24*time.Hour - 2*time.Minute)
		if err := h.Merging.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if find(t, h, second).Status != account.Merged {
			t.Fatal("it was erased before its time")
		}
		h.Clock.Advance(2 * time.Minute)
		for range 2 { // again changes nothing
			if err := h.Merging.Finish(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if find(t, h, second).ID != "" || h.Events(audit.AccountMergeFinished) != 2 || h.Events(audit.AccountClosed) != 1 {
			t.Error("the second account is there, or was erased twice")
		}
		if got := subjects(t, h, w.first); got[permits] != subject {
			t.Errorf("the carried identifier went: %v", got)
		}
		if h.Latest(second).Kind != notice.KindRemoved || h.Latest(stays).Kind != notice.KindMergeFinished || !strings.Contains(h.Latest(stays).Text, "Northland Bank (linked") {
			t.Error("somebody is not told")
		}
		b := h.Browser()
		b.AtBank(b.Direct(), "customer")
		if p := b.View(b.Direct()).Person; p == nil || p.Address != stays {
			t.Errorf("the sign-in partner leads to %+v", p)
		}
		h.Active(second) // its address is free
	})
}

func TestAnAccountWhoseSurvivorIsClosedComesBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h)
		subject, _ := visited(t, h, w.second, journeytest.Permits)
		w = w.prove(t)
		if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil); err != nil {
			t.Fatal(err)
		}
		if err := h.Lifecycle.Erase(t.Context(), w.first, notice.RemovedByOperator); err != nil {
			t.Fatal(err)
		}
		if err := h.Merging.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if find(t, h, second).Status != account.Active || subjects(t, h, w.second)[permits] != subject {
			t.Error("the second account is not as it was")
		}
	})
}

func TestAMergedAccountOpensNothingButTheWayBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		w := accounts(t, h).prove(t)
		if _, err := h.Merging.Confirm(t.Context(), w.held, w.Visitor, nil); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Hour)
		b := h.Browser()
		f := b.From(journeytest.Licences)
		if r := b.SignIn(f, second, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Fatalf("%+v", r)
		}
		b.At(f, signin.StepSecond) // the best proof of the account, although the service wants less
		if err := h.Merging.Undo(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("with the password alone: %v", err)
		}
		b.Enter(f, b.Ask(f, second))
		b.At(f, signin.StepMerged)
		if p, err := h.Signin.Person(t.Context(), b.Visitor); p != nil || err != nil {
			t.Errorf("a merged account is signed in: %v %v", p, err)
		}
		if _, err := h.Signin.Services(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("its services are shown: %v", err)
		}
		if _, err := h.Stepup.Overview(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("its methods are shown: %v", err)
		}
		if err := h.Signin.Decide(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("it agrees: %v", err)
		}
		h.Clock.Advance(time.Hour)
		if err := h.Signin.Switch(t.Context(), b.Visitor, f); err == nil {
			b.At(f, signin.StepSignIn)
		}
		b.SignIn(f, stays, journeytest.Password)
		b.At(f, signin.StepConsent)
	})
}
