package leaving_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/leaving"
	"parvis/internal/notify/notice"
	"parvis/internal/secret"
	"parvis/internal/signin"
)

const (
	own   = "sam@example.org"
	other = "sam.second@example.org"
)

func write(t testing.TB, h *journeytest.House, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := h.DB.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func find(t testing.TB, h *journeytest.House, address string) (a account.Account, found bool) {
	t.Helper()
	addr, err := account.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) (err error) {
		a, found, err = h.Accounts.ByAddress(tx, addr)
		return err
	})
	return a, found
}

// statusOf is how far the life of an account has come, by its identifier.
func statusOf(t testing.TB, h *journeytest.House, a id.Account) (out account.Status) {
	t.Helper()
	write(t, h, func(tx *db.Tx) error {
		found, _, err := h.Accounts.ByID(tx, a)
		out = found.Status
		return err
	})
	return out
}

// addAddress gives an account another proven address, as adding one does.
func addAddress(t testing.TB, h *journeytest.House, a id.Account, written string) {
	t.Helper()
	row := string(id.New[id.Address]())
	addr, err := account.ParseAddress(written)
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) error {
		return tx.ExecOne(`INSERT INTO email_address (id, account_id, address, address_index, main, added_at, proven_at)
			VALUES ($1, $2, $3, $4, 0, $5, $5)`,
			row, a, h.Keys.Seal("email_address", "address", row, []byte(written)), h.Keys.Index("address", addr.Key), db.Millis(tx.Now()))
	})
}

// proven is a browser whose owner has just proven who they are.
func proven(t testing.TB, h *journeytest.House, address string) *journeytest.Browser {
	t.Helper()
	b := h.Browser()
	f, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, Next: "/settings/delete"})
	if err != nil {
		t.Fatal(err)
	}
	b.SignIn(f, address, journeytest.Password)
	b.Enter(f, b.Ask(f, address))
	b.At(f, signin.StepFinish)
	return b
}

// visited is what a visit to a service leaves: consent, a subject, an open code and a token.
func visited(t testing.TB, h *journeytest.House, a id.Account, rp id.RelyingParty) (subject, token, code string) {
	t.Helper()
	p, err := h.Registry.Find(t.Context(), rp)
	if err != nil {
		t.Fatal(err)
	}
	used, code, token := secret.NewToken(), secret.NewToken(), secret.NewToken()
	first, second, uri := id.New[id.Grant](), id.New[id.Grant](), "https://"+string(rp)+".test/callback"
	write(t, h, func(tx *db.Tx) (err error) {
		if err := h.Lifecycle.Connections.Give(tx, connection.Asked{Account: a, RelyingParty: rp, Claims: []string{"email"}}); err != nil {
			return err
		}
		if subject, err = h.Lifecycle.Connections.Subject(tx, p.Sector, a); err != nil {
			return err
		}
		for gid, c := range map[id.Grant]string{first: used, second: code} {
			err := h.Lifecycle.Grants.Issue(tx, grant.Grant{
				ID: gid, Account: a, RelyingParty: rp, Session: "S", Subject: subject, AuthTime: tx.Now(), Scopes: []string{"openid", "email"}, Resources: []string{"https://api.example/"}, Details: `[{"type":"fee"}]`, Values: `{"userinfo":{"email":["anna@example.org"]}}`, Verified: `{"userinfo":{"sets":[{"verification":{},"claims":{"name":{}}}]}}`,
				UserInfoClaims: []string{"email"}, IDTokenClaims: []string{"locale"}, ACR: "urn:parvis:acr:1", AMR: []string{"pwd"},
			},
				grant.Code{Digest: secret.Digest(c), RedirectURI: uri})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if !redeems(t, h, rp, used, token) {
		t.Fatal("the code is not good")
	}
	return subject, token, code
}

// redeems reports whether a code is good.
func redeems(t testing.TB, h *journeytest.House, rp id.RelyingParty, code, token string) (ok bool) {
	t.Helper()
	write(t, h, func(tx *db.Tx) error {
		r, err := h.Lifecycle.Grants.Redeem(tx, grant.Redemption{
			Code: code, RelyingParty: rp, RedirectURI: "https://" + string(rp) + ".test/callback", Token: secret.Digest(token), TokenLife: 24 * time.Hour,
		})
		ok = r.Outcome == grant.Redeemed
		return err
	})
	return ok
}

// counts reports whether a token is good.
func counts(t testing.TB, h *journeytest.House, token string) (ok bool) {
	t.Helper()
	write(t, h, func(tx *db.Tx) (err error) {
		_, ok, err = h.Lifecycle.Grants.FindToken(tx, token)
		return err
	})
	return ok
}

// ask asks to delete the account of a fresh browser; it gives the secret of the link.
func ask(t testing.TB, h *journeytest.House, b *journeytest.Browser) string {
	t.Helper()
	token, err := h.Leaving.Ask(t.Context(), b.Visitor)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func finish(t testing.TB, h *journeytest.House) {
	t.Helper()
	if err := h.Leaving.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAnAccountThatIsDeletedIsClosedAtOnceAndErasedLater(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		addAddress(t, h, a.ID, other)
		subject, token, code := visited(t, h, a.ID, journeytest.Permits)
		elsewhere, b := proven(t, h, own), proven(t, h, own)
		plan, err := h.Leaving.Plan(t.Context(), b.Visitor)
		if err != nil || !slices.Equal(plan.Addresses, []string{own, other}) || len(plan.Services) != 1 || plan.Wait != 7*24*time.Hour || plan.Merged != "" {
			t.Fatalf("%+v, %v", plan, err)
		}
		ask(t, h, b)
		for _, browser := range []*journeytest.Browser{b, elsewhere} {
			if p, err := h.Signin.Person(t.Context(), browser.Visitor); err != nil || p != nil {
				t.Errorf("a browser is still signed in: %v", err)
			}
		}
		if counts(t, h, token) || redeems(t, h, journeytest.Permits, code, secret.NewToken()) {
			t.Error("what a service was given still works")
		}
		for _, to := range []string{own, other} {
			if l := h.Latest(to); l.Kind != notice.KindAccountClosing || !strings.Contains(l.Text, "/closing/") {
				t.Errorf("%s was told %s", to, l.Kind)
			}
		}
		h.Clock.Advance(7*24*time.Hour - time.Second)
		finish(t, h)
		if s := statusOf(t, h, a.ID); s != account.Closing {
			t.Fatalf("before its time it is %s", s)
		}
		h.Clock.Advance(2 * time.Second)
		finish(t, h)
		finish(t, h)
		if _, found := find(t, h, own); found || statusOf(t, h, a.ID) != account.Closed {
			t.Error("it is not erased")
		}
		for _, to := range []string{own, other} {
			if l := h.Latest(to); l.Kind != notice.KindRemoved || !strings.Contains(l.Text, "You deleted your Parvis account") {
				t.Errorf("%s was told %s", to, l.Kind)
			}
		}
		for name, want := range map[audit.Name]int{audit.AccountClosing: 1, audit.AccountClosed: 1, audit.AccountKept: 0} {
			if n := h.Events(name); n != want {
				t.Errorf("%d events %s, want %d", n, name, want)
			}
		}
		// The address is free again, and services see somebody new.
		h.Active(own)
		again, _ := find(t, h, own)
		if next, _, _ := visited(t, h, again.ID, journeytest.Permits); next == subject || again.ID == a.ID {
			t.Error("the new account is known as the old one was")
		}
	})
}

func TestWhoSignsInMeanwhileIsOfferedToKeepTheAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		subject, _, _ := visited(t, h, a.ID, journeytest.Permits)
		ask(t, h, proven(t, h, own))
		h.Clock.Advance(24 * time.Hour)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.SignIn(f, own, journeytest.Password)
		b.At(f, signin.StepClosing)
		if p, err := h.Signin.Person(t.Context(), b.Visitor); err != nil || p != nil {
			t.Errorf("a closed account is signed in: %v", err)
		}
		if _, err := h.Leaving.Plan(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("its settings open: %v", err)
		}
		if _, err := h.Leaving.Ask(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("it is closed twice: %v", err)
		}
		if err := h.Merging.Begin(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("it is merged: %v", err)
		}
		if got, err := h.Leaving.Own(t.Context(), b.Visitor); err != nil || got.Status != leaving.Open || got.Address != own {
			t.Errorf("%+v, %v", got, err)
		}
		h.Clock.Advance(time.Minute)
		if err := h.Leaving.Keep(t.Context(), b.Visitor); err != nil {
			t.Fatal(err)
		}
		if got := b.View(f).Step; got != signin.StepFinish {
			t.Errorf("the journey goes on at %q", got)
		}
		if s := statusOf(t, h, a.ID); s != account.Active {
			t.Errorf("the account is %s", s)
		}
		if l := h.Latest(own); l.Kind != notice.KindAccountKept || !strings.Contains(l.Text, "signed in") {
			t.Errorf("the owner was told %s", l.Kind)
		}
		if next, _, _ := visited(t, h, a.ID, journeytest.Permits); next != subject {
			t.Error("the service knows the person by another identifier")
		}
		h.Clock.Advance(30 * 24 * time.Hour)
		finish(t, h)
		if s := statusOf(t, h, a.ID); s != account.Active {
			t.Errorf("a kept account becomes %s", s)
		}
	})
}

func TestTheLinkKeepsTheAccountOnceWithoutASignIn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		token := ask(t, h, proven(t, h, own))
		stranger := h.Browser().Visitor
		for range 3 { // programs that look at links open them
			if c, err := h.Leaving.Link(t.Context(), stranger, token); err != nil || c.Status != leaving.Open {
				t.Fatalf("%+v, %v", c, err)
			}
		}
		if c, err := h.Leaving.Link(t.Context(), stranger, secret.NewToken()); err != nil || c.Status != leaving.None {
			t.Errorf("a guessed link: %+v, %v", c, err)
		}
		if ok, err := h.Leaving.KeepByLink(t.Context(), stranger, secret.NewToken()); err != nil || ok {
			t.Errorf("a guessed link keeps: %v", err)
		}
		if s := statusOf(t, h, a.ID); s != account.Closing {
			t.Fatalf("looking at the link made it %s", s)
		}
		h.Clock.Advance(time.Minute)
		if ok, err := h.Leaving.KeepByLink(t.Context(), stranger, token); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if ok, err := h.Leaving.KeepByLink(t.Context(), stranger, token); err != nil || ok {
			t.Errorf("twice: %v, %v", ok, err)
		}
		if c, err := h.Leaving.Link(t.Context(), stranger, token); err != nil || c.Status != leaving.Kept {
			t.Errorf("%+v, %v", c, err)
		}
		if p, err := h.Signin.Person(t.Context(), stranger); err != nil || p != nil {
			t.Errorf("the link signs somebody in: %v", err)
		}
		if l := h.Latest(own); l.Kind != notice.KindAccountKept || !strings.Contains(l.Text, "the link in our message") {
			t.Errorf("the owner was told %s", l.Kind)
		}
		// It can be asked for again; the older link is of no use then.
		h.Clock.Advance(time.Hour)
		next := ask(t, h, proven(t, h, own))
		if ok, err := h.Leaving.KeepByLink(t.Context(), stranger, token); err != nil || ok {
			t.Errorf("an older link keeps: %v", err)
		}
		h.Clock.Advance(7*24*time.Hour + time.Second)
		if ok, err := h.Leaving.KeepByLink(t.Context(), stranger, next); err != nil || ok {
			t.Errorf("after its time: %v, %v", ok, err)
		}
		finish(t, h)
		if c, err := h.Leaving.Link(t.Context(), stranger, next); err != nil || c.Status != leaving.Finished {
			t.Errorf("%+v, %v", c, err)
		}
		h.Clock.Advance(31 * 24 * time.Hour)
		finish(t, h)
		if c, err := h.Leaving.Link(t.Context(), stranger, next); err != nil || c.Status != leaving.None {
			t.Errorf("long afterwards: %+v, %v", c, err)
		}
	})
}

func TestOnlyItsOwnerWithFreshProofsDeletesAnAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		b := proven(t, h, own)
		if _, err := h.Leaving.Ask(t.Context(), h.Browser().Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody: %v", err)
		}
		password := h.Browser()
		password.SignIn(password.Direct(), own, journeytest.Password)
		if _, err := h.Leaving.Ask(t.Context(), password.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("the password alone: %v", err)
		}
		h.Clock.Advance(29 * time.Minute)
		if _, err := h.Leaving.Ask(t.Context(), b.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("proofs of half an hour ago: %v", err)
		}
		if s := statusOf(t, h, a.ID); s != account.Active || h.Events(audit.AccountClosing) != 0 {
			t.Errorf("the account is %s", s)
		}
	})
}

func TestANewPasswordOpensNoClosedAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		ask(t, h, proven(t, h, own))
		h.Clock.Advance(time.Hour)
		b := h.Browser()
		f := b.Direct()
		b.Reset(f, own)
		if k := h.Latest(own).Kind; k != notice.KindResetPassword {
			t.Fatalf("forgetting the password is a dead end: %s", k)
		}
		if s := statusOf(t, h, a.ID); s != account.Closing {
			t.Errorf("the account is %s", s)
		}
		// Who types the address as a new one is told in the mail that it is taken.
		c := h.Browser()
		c.Create(c.From(journeytest.Licences), own)
		if k := h.Latest(own).Kind; k != notice.KindAlreadyRegistered {
			t.Errorf("the address is told to be free: %s", k)
		}
	})
}

func TestOfRacingOwnersOneAsksAndOneKeeps(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		b := proven(t, h, own)
		race := func(n int, do func() (bool, error)) int {
			var wait sync.WaitGroup
			won := make(chan bool, n)
			for range n {
				wait.Go(func() {
					switch ok, err := do(); {
					case err != nil && fault.KindOf(err) == fault.Internal:
						t.Error(err)
					case err == nil && ok:
						won <- true
					}
				})
			}
			wait.Wait()
			return len(won)
		}
		var token string
		var mu sync.Mutex
		asked := race(40, func() (bool, error) {
			got, err := h.Leaving.Ask(t.Context(), b.Visitor)
			if err == nil {
				mu.Lock()
				token = got
				mu.Unlock()
			}
			return err == nil, err
		})
		if asked != 1 || h.Events(audit.AccountClosing) != 1 {
			t.Fatalf("%d asked, %d events", asked, h.Events(audit.AccountClosing))
		}
		stranger := h.Browser().Visitor
		kept := race(40, func() (bool, error) { return h.Leaving.KeepByLink(t.Context(), stranger, token) })
		if kept != 1 || h.Events(audit.AccountKept) != 1 {
			t.Errorf("%d kept it, %d events", kept, h.Events(audit.AccountKept))
		}
	}, journeytest.WithoutRehearsal())
}

func TestOfKeepingAndErasingOneWins(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		token := ask(t, h, proven(t, h, own))
		h.Clock.Advance(7*24*time.Hour - 10*time.Millisecond)
		stranger := h.Browser().Visitor
		var wait sync.WaitGroup
		kept := make(chan bool, 60)
		for i := range 60 {
			wait.Go(func() {
				if i == 30 {
					h.Clock.Advance(10 * time.Millisecond)
				}
				if i%2 == 0 {
					if err := h.Leaving.Finish(t.Context()); err != nil && fault.KindOf(err) == fault.Internal {
						t.Error(err)
					}
					return
				}
				switch ok, err := h.Leaving.KeepByLink(t.Context(), stranger, token); {
				case err != nil && fault.KindOf(err) == fault.Internal:
					t.Error(err)
				case ok:
					kept <- true
				}
			})
		}
		wait.Wait()
		finish(t, h)
		erased := h.Events(audit.AccountClosed)
		want := account.Active
		if erased == 1 {
			want = account.Closed
		}
		if len(kept)+erased != 1 || statusOf(t, h, a.ID) != want {
			t.Errorf("%d kept it, %d erased it, the account is %s", len(kept), erased, statusOf(t, h, a.ID))
		}
	}, journeytest.WithoutRehearsal())
}

func TestWhatWasMergedIntoAnAccountIsErasedWithIt(t *testing.T) {
	for name, wait := range map[string]time.Duration{"with the merging": time.Hour, "after that": 10 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
				h.Leaving.Settings.Wait = wait
				h.Active(own)
				h.Active(other)
				a, _ := find(t, h, own)
				second, _ := find(t, h, other)
				_, token, _ := visited(t, h, second.ID, journeytest.Permits)
				write(t, h, func(tx *db.Tx) error {
					return h.Links.Link(tx, "L1", second.ID, "https://bank.test", "customer 7")
				})
				draft := account.NewMerge()
				write(t, h, func(tx *db.Tx) error {
					_, err := h.Merging.Merges.Begin(tx, draft, a.ID, second.ID)
					return err
				})
				b := proven(t, h, own)
				if plan, err := h.Leaving.Plan(t.Context(), b.Visitor); err != nil || !strings.Contains(plan.Merged, "•") {
					t.Errorf("the owner is not told of the merged account: %+v, %v", plan, err)
				}
				ask(t, h, b)
				for range 2 {
					h.Clock.Advance(max(wait, h.Accounts.Settings.MergeUndo)/2 + time.Minute)
					if err := h.Merging.Finish(t.Context()); err != nil {
						t.Fatal(err)
					}
					finish(t, h)
				}
				if err := h.Merging.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
				if x, y := statusOf(t, h, a.ID), statusOf(t, h, second.ID); x != account.Closed || y != account.Closed {
					t.Errorf("they are %s and %s", x, y)
				}
				if counts(t, h, token) || h.Events(audit.AccountMergeUndone) != 0 {
					t.Error("the second account was opened again")
				}
				links := 0
				write(t, h, func(tx *db.Tx) error {
					for _, one := range []id.Account{a.ID, second.ID} {
						l, err := h.Links.List(tx, one)
						if err != nil {
							return err
						}
						links += len(l)
					}
					return nil
				})
				if links != 0 {
					t.Error("a sign-in partner still leads to it")
				}
			})
		})
	}
}

// Whoever got into the account that stays must not erase the other one before its owner's
// time to undo the merging is over, and not without a word to them.
func TestDeletingTheSurvivorOfAMergingShortensNoTimeToUndoIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Leaving.Settings.Wait = time.Hour
		h.Active(own)
		h.Active(other)
		a, _ := find(t, h, own)
		second, _ := find(t, h, other)
		addAddress(t, h, second.ID, "sam.third@example.org")
		write(t, h, func(tx *db.Tx) error {
			_, err := h.Merging.Merges.Begin(tx, account.NewMerge(), a.ID, second.ID)
			return err
		})
		b := proven(t, h, own)
		plan, err := h.Leaving.Plan(t.Context(), b.Visitor)
		if err != nil || plan.Wait != h.Accounts.Settings.MergeUndo {
			t.Errorf("the plan says %v, %v", plan.Wait, err)
		}
		token := ask(t, h, b)
		for _, to := range []string{other, "sam.third@example.org"} {
			if l := h.Latest(to); l.Kind != notice.KindSurvivorClosing || strings.Contains(l.Text, "/closing/") || strings.Contains(l.Text, own) {
				t.Errorf("%s is told %s:\n%s", to, l.Kind, l.Text)
			}
		}
		h.Clock.Advance(h.Accounts.Settings.MergeUndo - time.Minute)
		finish(t, h)
		if x, y := statusOf(t, h, a.ID), statusOf(t, h, second.ID); x != account.Closing || y != account.Merged {
			t.Fatalf("they are %s and %s", x, y)
		}
		// The owner of the second one undoes it; the other one goes alone.
		u := h.Browser()
		f, err := h.Signin.Start(t.Context(), u.Visitor, signin.Starts{Sensitive: true, Next: "/settings"})
		if err != nil {
			t.Fatal(err)
		}
		u.SignIn(f, other, journeytest.Password)
		u.Enter(f, u.Ask(f, other))
		if err := h.Merging.Undo(t.Context(), u.Visitor); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(2 * time.Minute)
		finish(t, h)
		if x, y := statusOf(t, h, a.ID), statusOf(t, h, second.ID); x != account.Closed || y != account.Active {
			t.Errorf("they are %s and %s", x, y)
		}
		if l, err := h.Leaving.Link(t.Context(), u.Visitor, token); err != nil || l.Status != leaving.Finished {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// A closure that began on a node which did not know of that waits for the merging, too.
func TestAShorterClosureOfASurvivorWaitsForTheMerging(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		h.Active(other)
		a, _ := find(t, h, own)
		second, _ := find(t, h, other)
		write(t, h, func(tx *db.Tx) error {
			if _, err := h.Merging.Merges.Begin(tx, account.NewMerge(), a.ID, second.ID); err != nil {
				return err
			}
			_, err := h.Leaving.Closures.Begin(tx, account.NewClosure(), a.ID, time.Hour)
			return err
		})
		h.Clock.Advance(2 * time.Hour)
		finish(t, h)
		if x, y := statusOf(t, h, a.ID), statusOf(t, h, second.ID); x != account.Closing || y != account.Merged {
			t.Errorf("they are %s and %s", x, y)
		}
		h.Clock.Advance(h.Accounts.Settings.MergeUndo)
		if err := h.Merging.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		finish(t, h)
		if x, y := statusOf(t, h, a.ID), statusOf(t, h, second.ID); x != account.Closed || y != account.Closed {
			t.Errorf("they are %s and %s", x, y)
		}
	})
}

// Nor is an account erased while an address that was removed from it can take that back.
func TestAnAccountIsNotErasedWhileAChangeOfItsAddressesCanBeTakenBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Leaving.Settings.Wait = time.Hour
		h.Active(own)
		a, _ := find(t, h, own)
		draft := account.NewChange()
		removed, err := account.ParseAddress("sam.work@example.org")
		if err != nil {
			t.Fatal(err)
		}
		write(t, h, func(tx *db.Tx) error {
			return h.Accounts.Note(tx, draft, account.Removed, account.Email{Account: a.ID, Address: removed, AddedAt: tx.Now()})
		})
		ask(t, h, proven(t, h, own))
		if l := h.Latest("sam.work@example.org"); l.Kind != notice.KindAccountClosing {
			t.Errorf("the removed address is told %s", l.Kind)
		}
		h.Clock.Advance(h.Accounts.Settings.AddressUndo - time.Minute)
		finish(t, h)
		if x := statusOf(t, h, a.ID); x != account.Closing {
			t.Errorf("it is %s", x)
		}
		h.Clock.Advance(2 * time.Minute)
		finish(t, h)
		if x := statusOf(t, h, a.ID); x != account.Closed {
			t.Errorf("it is %s", x)
		}
	})
}

func TestAnOperatorsDeletionEndsTheWaiting(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		token := ask(t, h, proven(t, h, own))
		if err := h.Lifecycle.Erase(t.Context(), a.ID, notice.RemovedByOperator); err != nil {
			t.Fatal(err)
		}
		if ok, err := h.Leaving.KeepByLink(t.Context(), h.Browser().Visitor, token); err != nil || ok {
			t.Errorf("an erased account is kept: %v, %v", ok, err)
		}
		h.Clock.Advance(8 * 24 * time.Hour)
		finish(t, h)
		if n := h.Events(audit.AccountClosed); n != 1 || statusOf(t, h, a.ID) != account.Closed {
			t.Errorf("closed %d times", n)
		}
	})
}

func TestTheSettingsRefuseNumbersThatHarm(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := leaving.Preset(name).Problems(); len(p) != 0 {
			t.Errorf("%s: %v", name, p)
		}
	}
	for _, wait := range []time.Duration{0, 59 * time.Minute, 31 * 24 * time.Hour} {
		s := leaving.Preset("parvis")
		if s.Wait = wait; len(s.Problems()) != 1 {
			t.Errorf("a wait of %v is accepted", wait)
		}
	}
}
