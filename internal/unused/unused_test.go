package unused_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator/lost"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/recovery"
	"parvis/internal/unused"
)

const (
	own   = "sam@example.org"
	other = "sam.second@example.org"
	day   = 24 * time.Hour
)

// course is a house in which accounts are left alone.
type course struct {
	*testing.T
	*journeytest.House
}

func each(t *testing.T, test func(c course), options ...journeytest.Option) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) { test(course{t, h}) }, options...)
}

func (c course) write(fn func(tx *db.Tx) error) {
	c.Helper()
	if err := c.DB.Write(c.Context(), fn); err != nil {
		c.Fatal(err)
	}
}

// advance moves the clock, does what is due, and lets mails go out, without noting it.
func (c course) advance(by time.Duration) {
	c.Helper()
	c.Clock.Advance(by)
	c.run(c.Unused)
	c.deliver()
}

func (c course) run(j *unused.Journey) {
	c.Helper()
	if err := j.Advance(c.Context()); err != nil {
		c.Fatal(err)
	}
}

func (c course) deliver() {
	c.Helper()
	if err := c.Worker.RunDue(c.Context()); err != nil {
		c.Fatal(err)
	}
}

// idle lets a time pass as it does in service: the job looks every day.
func (c course) idle(days int) {
	c.Helper()
	for range days {
		c.advance(day)
	}
}

func (c course) account(address string) account.Account {
	c.Helper()
	addr, err := account.ParseAddress(address)
	if err != nil {
		c.Fatal(err)
	}
	var a account.Account
	c.write(func(tx *db.Tx) (err error) {
		a, _, err = c.Accounts.ByAddress(tx, addr)
		return err
	})
	return a
}

func (c course) status(of id.Account) (s account.Status) {
	c.Helper()
	c.write(func(tx *db.Tx) error {
		a, _, err := c.Accounts.ByID(tx, of)
		s = a.Status
		return err
	})
	return s
}

// add gives an account another proven address, as adding one does.
func (c course) add(a id.Account, written string, proven bool) {
	c.Helper()
	row := string(id.New[id.Address]())
	addr, err := account.ParseAddress(written)
	if err != nil {
		c.Fatal(err)
	}
	c.write(func(tx *db.Tx) error {
		at := any(db.Millis(tx.Now()))
		if !proven {
			at = nil
		}
		return tx.ExecOne(`INSERT INTO email_address (id, account_id, address, address_index, main, added_at, proven_at)
			VALUES ($1, $2, $3, $4, 0, $5, $6)`,
			row, a, c.Keys.Seal("email_address", "address", row, []byte(written)), c.Keys.Index("address", addr.Key), db.Millis(tx.Now()), at)
	})
}

// subject is by what a service knows an account.
func (c course) subject(of id.Account) (subject string) {
	c.Helper()
	p, err := c.Registry.Find(c.Context(), journeytest.Permits)
	if err != nil {
		c.Fatal(err)
	}
	c.write(func(tx *db.Tx) (err error) {
		subject, err = c.Lifecycle.Connections.Subject(tx, p.Sector, of)
		return err
	})
	return subject
}

// kinds are the letters about unused accounts that went to an address, the oldest first.
func (c course) kinds(address string) []notice.Kind {
	c.Helper()
	var out []notice.Kind
	for _, l := range slices.Backward(c.Letters(address)) {
		if slices.Contains([]notice.Kind{first, second, kept, removed}, l.Kind) {
			out = append(out, l.Kind)
		}
	}
	return out
}

func (c course) must(address string, want ...notice.Kind) {
	c.Helper()
	if got := c.kinds(address); !slices.Equal(got, want) {
		c.Fatalf("%s was told %v, want %v", address, got, want)
	}
}

// token is the secret of the link in the newest letter to an address.
func (c course) token(address string) string {
	c.Helper()
	for _, link := range c.Latest(address).Links {
		if _, rest, found := strings.Cut(link, "/keep/"); found {
			token, _, _ := strings.Cut(rest, "?")
			return token
		}
	}
	c.Fatalf("no link to keep the account in %s", c.Latest(address).Text)
	return ""
}

func (c course) open(token string) unused.Link {
	c.Helper()
	l, err := c.Unused.Open(c.Context(), c.Browser().Visitor, token)
	if err != nil {
		c.Fatal(err)
	}
	return l
}

func (c course) keep(token string) bool {
	c.Helper()
	ok, err := c.Unused.Keep(c.Context(), c.Browser().Visitor, token)
	if err != nil {
		c.Fatal(err)
	}
	return ok
}

// toFirst lets the time pass until the first warning is out, toSecond until the second one.
func (c course) toFirst() {
	c.Helper()
	c.advance(671 * day)
	c.advance(time.Hour)
}

func (c course) toSecond() {
	c.Helper()
	c.toFirst()
	c.advance(46 * day)
	c.advance(time.Hour)
}

const (
	first   = notice.KindUnusedFirst
	second  = notice.KindUnusedSecond
	kept    = notice.KindUnusedKept
	removed = notice.KindRemoved
)

func TestAnUnusedAccountIsRemovedAfterTwoWarnings(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.add(a.ID, other, true)
		c.add(a.ID, "not.mine@example.org", false)
		subject := c.subject(a.ID)
		c.advance(669 * day)
		c.must(own)
		c.idle(3)
		for _, to := range []string{own, other} {
			c.must(to, first)
			if l := c.Latest(to); !strings.Contains(l.Text, "2\u00a0years") || !strings.Contains(l.Text, "/signin?") || !strings.Contains(l.Text, "(UTC)") {
				c.Errorf("the first warning says: %s", l.Text)
			}
		}
		told := c.open(c.token(own))
		if told.Status != unused.Open || told.Until.Sub(c.Clock.Now()) < 58*day || told.Until.Sub(c.Clock.Now()) > 60*day {
			c.Errorf("the link says %+v at %v", told, c.Clock.Now())
		}
		c.idle(43)
		c.must(own, first)
		c.idle(6)
		c.must(own, first, second)
		c.must(other, first, second)
		links := []string{c.token(own), c.token(other)}
		if links[0] != links[1] {
			c.Error("the link of one warning is not one")
		}
		c.idle(8)
		if s := c.status(a.ID); s != account.Active {
			c.Fatalf("before its time it is %s", s)
		}
		if until := c.open(links[0]).Until; c.Clock.Now().After(until) {
			c.Errorf("now is %v, and it was told that it is removed on %v", c.Clock.Now(), until)
		}
		c.idle(4)
		if s := c.status(a.ID); s != account.Closed {
			c.Fatalf("after its time it is %s", s)
		}
		for _, to := range []string{own, other} {
			c.must(to, first, second, removed)
			if l := c.Latest(to); !strings.Contains(l.Text, "for a long time") {
				c.Errorf("the last mail says: %s", l.Text)
			}
		}
		c.must("not.mine@example.org")
		if l := c.open(links[0]); l.Status != unused.Removed || c.keep(links[0]) {
			c.Errorf("the link still keeps it: %+v", l)
		}
		for name, want := range map[audit.Name]int{audit.AccountUnusedWarned: 2, audit.AccountClosed: 1, audit.AccountUnusedKept: 0} {
			if n := c.Events(name); n != want {
				c.Errorf("%d events %s, want %d", n, name, want)
			}
		}
		for _, e := range c.Recent() {
			if e.Name == audit.AccountClosed && e.Reason != string(notice.RemovedUnused) {
				c.Errorf("the audit trail says that it was closed for %q", e.Reason)
			}
		}
		c.Active(own) // the address is free again
		if next := c.account(own); next.ID == a.ID || c.subject(next.ID) == subject {
			c.Error("who has the address now is known as the one before")
		}
		c.idle(40)
		if l := c.open(links[0]); l.Status != unused.None {
			c.Errorf("long afterwards the link says %+v", l)
		}
	})
}

func TestWhoSignsInKeepsTheAccount(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.toSecond()
		token := c.token(own)
		c.must(own, first, second)
		b := c.Browser()
		b.SignIn(b.Direct(), own, journeytest.Password)
		if l := c.open(token); l.Status != unused.Kept || c.keep(token) {
			c.Errorf("after a sign-in the link says %+v", l)
		}
		c.idle(60)
		if s := c.status(a.ID); s != account.Active {
			c.Fatalf("it is %s", s)
		}
		c.must(own, first, second)
		c.advance(612 * day) // and in two years all begins again
		c.must(own, first, second, first)
	})
}

func TestANewPasswordKeepsTheAccount(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		c.toSecond()
		b := c.Browser()
		f := b.Direct()
		b.Reset(f, own)
		r := b.Recover(journeytest.Token(c.Latest(own)))
		if _, err := c.Recovery.Password(c.Context(), b.Visitor, r.Flow, passwordForm()); err != nil {
			c.Fatal(err)
		}
		if l := c.account(own); !l.UsedAt.Equal(c.Clock.Now().UTC().Truncate(day)) {
			c.Errorf("it was used at %v", l.UsedAt)
		}
		c.idle(40)
		c.must(own, first, second)
	})
}

func TestTheLinkOfEitherWarningKeepsTheAccountOnce(t *testing.T) {
	for name, both := range map[string]bool{"one": false, "both": true} {
		t.Run(name, func(t *testing.T) {
			each(t, func(c course) {
				c.Active(own)
				a := c.account(own)
				c.add(a.ID, other, true)
				c.toFirst()
				tokens := []string{c.token(own)}
				if both {
					c.advance(46 * day)
					c.advance(time.Hour)
					tokens = append(tokens, c.token(own))
				}
				for range 3 { // programs that look at the links of mails
					for _, token := range tokens {
						if l := c.open(token); l.Status != unused.Open {
							c.Fatalf("the link says %+v", l)
						}
					}
				}
				token := tokens[0] // the older link works as the newer one
				if !c.keep(token) || c.keep(token) {
					c.Fatal("the link does not keep the account, or twice")
				}
				for _, token := range tokens {
					if l := c.open(token); l.Status != unused.Kept {
						c.Errorf("the link says %+v", l)
					}
				}
				for _, to := range []string{own, other} {
					if got := c.kinds(to); got[len(got)-1] != kept {
						c.Errorf("%s was told %v", to, got)
					}
				}
				c.idle(80)
				if s := c.status(a.ID); s != account.Active {
					c.Fatalf("it is %s", s)
				}
				if n := c.Events(audit.AccountUnusedKept); n != 1 {
					c.Errorf("%d events", n)
				}
				if l := c.open("nothing"); l.Status != unused.None || c.keep("nothing") {
					c.Errorf("a link of nobody says %+v", l)
				}
			})
		})
	}
}

func TestAnUpgradeRemovesNobodyBeforeTwoWarningsAndTheirWaits(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.write(func(tx *db.Tx) error { // as the version before left it
			_, err := tx.Exec(`UPDATE account SET used_at = NULL WHERE id = $1`, a.ID)
			return err
		})
		c.Clock.Advance(3000 * day)
		began := c.Clock.Now()
		c.idle(1)
		c.must(own)
		for c.status(a.ID) == account.Active && c.Clock.Now().Sub(began) < 1000*day {
			c.idle(5)
		}
		if took := c.Clock.Now().Sub(began); took < 730*day || took > 745*day {
			c.Errorf("it was removed after %v", took)
		}
		c.must(own, first, second, removed)
	})
}

func TestADowntimeOrALowerSettingLeavesTheWaitsAsTheyAre(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.advance(5000 * day) // the job was down
		c.must(own, first)
		c.advance(5000 * day) // and again: the record of the mail is still there
		c.advance(time.Minute)
		c.advance(time.Hour)
		c.must(own, first, second)
		c.Unused.Settings = unused.Settings{After: 180 * day, FirstWarning: 14 * day, SecondWarning: 7 * day}
		c.advance(time.Hour) // notes that the second one is out
		promised := c.open(c.token(own)).Until
		c.idle(12)
		if s := c.status(a.ID); s != account.Active {
			c.Fatalf("it is %s on %v; %v was told", s, c.Clock.Now(), promised)
		}
		c.idle(4)
		if s := c.status(a.ID); s != account.Closed || c.Clock.Now().Before(promised) {
			c.Fatalf("it is %s on %v; %v was told", s, c.Clock.Now(), promised)
		}
	})
}

func TestALowerSettingWarnsBeforeItRemoves(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.advance(400 * day)
		c.must(own)
		c.Unused.Settings = unused.Settings{After: 180 * day, FirstWarning: 30 * day, SecondWarning: 10 * day}
		began := c.Clock.Now()
		for c.status(a.ID) == account.Active && c.Clock.Now().Sub(began) < 100*day {
			c.idle(1)
		}
		if took := c.Clock.Now().Sub(began); took < 30*day || took > 36*day {
			c.Errorf("it was removed after %v", took)
		}
		c.must(own, first, second, removed)
	})
}

func TestAHigherSettingOrNoneEndsTheWarnings(t *testing.T) {
	for name, s := range map[string]unused.Settings{"none": {}, "higher": {After: 1500 * day, FirstWarning: 60 * day, SecondWarning: 14 * day}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(c course) {
				c.Active(own)
				a := c.account(own)
				c.toSecond()
				token := c.token(own)
				c.Unused.Settings = s
				c.idle(30)
				if l := c.open(token); l.Status != unused.Kept || c.status(a.ID) != account.Active {
					c.Errorf("the link says %+v, the account is %s", l, c.status(a.ID))
				}
				c.must(own, first, second)
			})
		})
	}
}

func TestAWarningThatNoServerTookOverRemovesNobody(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.Clock.Advance(671 * day)
		silent := &notify.Worker{
			DB: c.DB, Keys: c.Keys, Settings: c.Worker.Settings, Audit: c.Audit, Log: c.Worker.Log,
			Transports: map[notice.Channel]notify.Transport{notice.Email: refusing{}},
		}
		for range 100 {
			c.Clock.Advance(day)
			c.run(c.Unused)
			if err := silent.RunDue(c.Context()); err != nil {
				c.Fatal(err)
			}
		}
		c.must(own)
		if s := c.status(a.ID); s != account.Active {
			c.Fatalf("it is %s", s)
		}
		if n := c.Events(audit.AccountUnusedUntold); n < 3 || n > 5 {
			c.Errorf("%d times in a hundred days it was noted that nobody was told", n)
		}
		// The mail server works again: all begins with the first warning.
		c.idle(35)
		c.must(own, first)
		c.idle(62)
		c.must(own, first, second, removed)
	})
}

// refusing is a mail server that knows nobody.
type refusing struct{}

func (refusing) Deliver(_ context.Context, _ notice.Letter) error {
	return notify.Refused("550 5.1.1", errors.New("no such mailbox"))
}

func TestAVerifiedIdentityIsNeverRemoved(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		c.Active(other)
		safe, late := c.account(own).ID, c.account(other).ID
		c.Verified = map[id.Account]bool{safe: true}
		c.toSecond()
		c.must(own)
		c.must(other, first, second)
		c.Verified[late] = true // verified without a sign-in: at a counter
		c.idle(60)
		if c.status(safe) != account.Active || c.status(late) != account.Active {
			c.Fatalf("they are %s and %s", c.status(safe), c.status(late))
		}
		c.must(own)
		delete(c.Verified, safe)
		c.idle(40)
		c.must(own, first)
	})
}

func TestNothingIsRemovedWhileSomethingOfItsOwnerIsOpen(t *testing.T) {
	each(t, func(c course) {
		loss, asked, wish := lost.New(), assist.New(assist.Close, "7K3Q-M92T"), account.NewClosure()
		moved := account.NewChange()
		visitor := flow.Visitor{Locale: "en"}
		addresses := []string{"a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org", "f@example.org", "g@example.org"}
		for _, address := range append(addresses, "z@example.org") {
			c.Active(address)
		}
		accounts := map[string]id.Account{}
		for _, address := range addresses {
			accounts[address] = c.account(address).ID
		}
		c.toSecond()
		c.advance(13 * day)
		c.write(func(tx *db.Tx) error {
			if _, _, err := (lost.Requests{}).Begin(tx, loss, accounts["a@example.org"], 40*day, 40*day); err != nil {
				return err
			}
			if _, err := c.Merging.Merges.Begin(tx, account.NewMerge(), accounts["b@example.org"], c.account0(tx, "z@example.org")); err != nil {
				return err
			}
			if _, err := c.Leaving.Closures.Begin(tx, wish, accounts["e@example.org"], 40*day); err != nil {
				return err
			}
			all, err := c.Accounts.Addresses(tx, accounts["g@example.org"])
			if err != nil {
				return err
			}
			if err := c.Accounts.Note(tx, moved, account.Demoted, all[0]); err != nil {
				return err
			}
			addr, err := account.ParseAddress("d@example.org")
			if err != nil {
				return err
			}
			return c.Lifecycle.AskAssistance(tx, visitor, addr, asked)
		})
		if err := c.Lifecycle.ConfirmAssistance(c.Context(), visitor, asked.Token, ""); err != nil {
			c.Fatal(err)
		}
		c.Lock("f@example.org")
		c.advance(time.Hour)
		c.advance(23 * time.Hour)
		c.advance(5 * time.Hour)
		for address, a := range accounts {
			want := account.Active
			switch address {
			case "c@example.org": // of which nothing is open
				want = account.Closed
			case "e@example.org":
				want = account.Closing
			}
			if s := c.status(a); s != want {
				c.Errorf("%s is %s, want %s", address, s, want)
			}
		}
		c.idle(10)
		if err := c.Merging.Finish(c.Context()); err != nil {
			c.Fatal(err)
		}
		c.idle(50) // once nothing is open any more, they go
		for address, a := range accounts {
			if s := c.status(a); address != "a@example.org" && address != "e@example.org" && s != account.Closed {
				c.Errorf("%s is %s in the end", address, s)
			}
		}
	})
}

func (c course) account0(tx *db.Tx, address string) id.Account {
	addr, err := account.ParseAddress(address)
	if err != nil {
		c.Error(err)
	}
	a, _, err := c.Accounts.ByAddress(tx, addr)
	if err != nil {
		c.Error(err)
	}
	return a.ID
}

func TestAClockThatGoesAstrayRemovesNobody(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.advance(3000 * day)
		c.must(own, first)
		c.Clock.Advance(-3000 * day)
		b := c.Browser()
		b.SignIn(b.Direct(), own, journeytest.Password)
		c.idle(90)
		if s := c.status(a.ID); s != account.Active {
			c.Fatalf("it is %s", s)
		}
		c.must(own, first)
		if at := c.account(own).UsedAt; at.After(c.Clock.Now()) {
			c.Errorf("it was used at %v", at)
		}
	})
}

func TestTwoNodesSendEachWarningOnceAndRemoveOnce(t *testing.T) {
	each(t, func(c course) {
		var addresses []string
		for i := range 12 {
			addresses = append(addresses, fmt.Sprintf("person%d@example.org", i))
			c.Active(addresses[i])
		}
		elsewhere := *c.Unused
		elsewhere.DB = dbtest.Second(c.T, c.DB, dbtest.WithClock(c.Clock.Now), dbtest.WithoutRehearsal())
		both := func(by time.Duration) {
			c.Clock.Advance(by)
			var wait sync.WaitGroup
			for _, j := range []*unused.Journey{c.Unused, &elsewhere, c.Unused, &elsewhere} {
				wait.Go(func() {
					if err := j.Advance(c.Context()); err != nil && fault.KindOf(err) != fault.Unavailable {
						c.Error(err)
					}
				})
			}
			wait.Wait()
			c.deliver()
		}
		for _, by := range []time.Duration{671 * day, time.Hour, time.Hour, 47 * day, time.Hour, time.Hour, 15 * day, 2 * day} {
			both(by)
		}
		for _, to := range addresses {
			c.must(to, first, second, removed)
		}
		if n := c.Events(audit.AccountClosed); n != len(addresses) {
			c.Errorf("%d were removed", n)
		}
	}, journeytest.WithoutRehearsal())
}

func TestOfManyRacersOneKeepsTheAccount(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		a := c.account(own)
		c.toSecond()
		token := c.token(own)
		c.Clock.Advance(15 * day) // the job would remove it now
		won := make(chan bool, 100)
		var wait sync.WaitGroup
		for i := range 100 {
			wait.Go(func() {
				if i%10 == 9 {
					if err := c.Unused.Advance(c.Context()); err != nil && fault.KindOf(err) == fault.Internal {
						c.Error(err)
					}
					return
				}
				switch ok, err := c.Unused.Keep(c.Context(), flow.Visitor{Locale: "en"}, token); {
				case err != nil && fault.KindOf(err) == fault.Internal:
					c.Error(err)
				case ok:
					won <- true
				}
			})
		}
		wait.Wait()
		switch s := c.status(a.ID); {
		case s == account.Active && len(won) == 1:
			c.must(own, first, second, kept)
		case s == account.Closed && len(won) == 0:
			c.must(own, first, second, removed)
		default:
			c.Errorf("%d kept it, and it is %s", len(won), s)
		}
	}, journeytest.WithoutRehearsal())
}

func TestManyAccountsAreWarnedInBatchesWithFewStatements(t *testing.T) {
	const n = 230 // more than two batches
	each(t, func(c course) {
		c.Active(own)
		template := c.account(own)
		c.write(func(tx *db.Tx) error {
			for i := range n - 1 {
				a := string(id.New[id.Account]())
				_, err := tx.Exec(`INSERT INTO account (id, status, locale, created_at, activated_at, used_at) VALUES ($1, 'active', 'fr', $2, $2, $3)`,
					a, db.Millis(tx.Now()), db.Millis(template.UsedAt))
				if err != nil {
					return err
				}
				row, written := string(id.New[id.Address]()), fmt.Sprintf("many%d@example.org", i)
				_, err = tx.Exec(`INSERT INTO email_address (id, account_id, address, address_index, main, added_at, proven_at) VALUES ($1, $2, $3, $4, 1, $5, $5)`,
					row, a, c.Keys.Seal("email_address", "address", row, []byte(written)), c.Keys.Index("address", written), db.Millis(tx.Now()))
				if err != nil {
					return err
				}
			}
			return nil
		})
		each := func(what string, by time.Duration, most int64) {
			c.Helper()
			c.Clock.Advance(by)
			if got := c.Statements(func() { c.run(c.Unused) }); got > most {
				c.Errorf("%s: %d statements for %d accounts, at most %d", what, got, n, most)
			}
			c.deliver()
		}
		// Of each account three writes: the warning, its mail, its event. The rest is for batches.
		each("first warnings", 671*day, 3*n+20)
		each("the mails are out", time.Hour, n+30)
		each("second warnings", 47*day, 3*n+30)
		each("nothing is due", time.Minute, 12)
		if told := c.Told("many228@example.org", second); told != 1 {
			c.Errorf("the last of them was told %d times", told)
		}
		if l := c.Latest("many5@example.org"); l.Lang != "fr" {
			c.Errorf("a person who reads French got %s", l.Lang)
		}
	}, journeytest.WithoutRehearsal())
}

func TestAnOperatorSeesWhatWillHappen(t *testing.T) {
	each(t, func(c course) {
		c.Active(own)
		c.Active(other)
		look := func() unused.Outlook {
			o, err := c.Unused.Look(c.Context())
			if err != nil {
				c.Fatal(err)
			}
			return o
		}
		c.Clock.Advance(671 * day)
		if o := look(); o.Unwarned != 2 || o.First+o.Second != 0 {
			c.Errorf("%+v", o)
		}
		c.advance(0)
		if o := look(); o.Unwarned != 0 || o.First != 2 {
			c.Errorf("%+v", o)
		}
		c.advance(time.Hour)
		c.keep(c.token(own))
		c.advance(47 * day)
		if o := look(); o.First != 0 || o.Second != 1 {
			c.Errorf("%+v", o)
		}
		c.Unused.Settings.After = 0
		if o := look(); !o.Off {
			c.Errorf("%+v", o)
		}
	})
}

func passwordForm() recovery.PasswordForm {
	return recovery.PasswordForm{Password: journeytest.Other}
}
