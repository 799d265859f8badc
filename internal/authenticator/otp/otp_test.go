package otp_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/otp"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/secret"
)

type house struct {
	*testing.T
	db    *db.DB
	clock *dbtest.Clock
	otp.Codes
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	clock := dbtest.NewClock()
	root := bytes.Repeat([]byte{1}, secret.RootBytes)
	keys, err := secret.NewKeys(root, root)
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&house{T: t, db: d, clock: clock, Codes: otp.Codes{Keys: keys, Settings: otp.Preset("parvis")}})
	}, append(options, dbtest.WithClock(clock.Now))...)
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Write(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) issue(b otp.Binding, by otp.Channel) (d otp.Draft, p otp.Pending, sent bool) {
	h.Helper()
	d = h.Draft()
	h.write(func(tx *db.Tx) (err error) { p, sent, err = h.Issue(tx, b, d, by); return err })
	return d, p, sent
}

func (h *house) sent(b otp.Binding) otp.Draft {
	h.Helper()
	d, p, sent := h.issue(b, otp.Text)
	if !sent {
		h.Fatalf("not sent: %+v", p)
	}
	return d
}

func (h *house) pending(b otp.Binding) (p otp.Pending, found bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { p, found, err = h.Pending(tx, b); return err })
	return p, found
}

func (h *house) try(b otp.Binding, code string) (out otp.Trial) {
	h.Helper()
	err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) { out, err = h.Try(tx, b, code); return err })
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func (h *house) redeem(t otp.Trial) (won bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { won, err = h.Redeem(tx, t); return err })
	return won
}

// sam is a binding of a sign-in.
func sam() otp.Binding {
	return otp.Binding{Account: "SAM", Authenticator: "PHONE", Purpose: otp.SignIn, Flow: "FLOW"}
}

// wrong is a code that differs from another.
func wrong(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}

func TestACodeIsUsedOnceWithinTenMinutes(t *testing.T) {
	each(t, func(h *house) {
		d := h.sent(sam())
		if len(d.Code) != 6 || strings.Trim(d.Code, "0123456789") != "" {
			h.Fatalf("code %q", d.Code)
		}
		p, found := h.pending(sam())
		if !found || !p.Live || p.Channel != otp.Text || p.TriesLeft != 5 || p.SendsLeft != 4 ||
			!p.ExpiresAt.Equal(h.clock.Now().Add(10*time.Minute)) || !p.ResendAt.Equal(h.clock.Now().Add(20*time.Second)) {
			h.Errorf("%+v", p)
		}
		h.clock.Advance(10*time.Minute - time.Millisecond)
		first, second := h.try(sam(), d.Code), h.try(sam(), d.Code)
		if first.Outcome != otp.Matched || second.Outcome != otp.Matched {
			h.Fatalf("%+v %+v", first, second)
		}
		if !h.redeem(first) || h.redeem(second) || h.redeem(first) {
			h.Error("not redeemed once")
		}
		if got := h.try(sam(), d.Code); got.Outcome != otp.None {
			h.Errorf("a used code: %+v", got)
		}
		if p, _ := h.pending(sam()); p.Live {
			h.Errorf("a used code waits: %+v", p)
		}
	})
}

func TestACodeExpires(t *testing.T) {
	each(t, func(h *house) {
		d := h.sent(sam())
		matched := h.try(sam(), d.Code)
		h.clock.Advance(10 * time.Minute)
		if got := h.try(sam(), d.Code); got.Outcome != otp.Expired {
			h.Errorf("%+v", got)
		}
		if h.redeem(matched) {
			h.Error("redeemed after its end")
		}
		h.Settings.EmailLifetime = 30 * time.Minute
		_, p, _ := h.issue(sam(), otp.Email)
		if !p.ExpiresAt.Equal(h.clock.Now().Add(30 * time.Minute)) {
			h.Errorf("by e-mail: %+v", p)
		}
	})
}

func TestACodeIsWorthNothingUnderAnotherBinding(t *testing.T) {
	each(t, func(h *house) {
		d := h.sent(sam())
		for name, change := range map[string]func(b *otp.Binding){
			"account":       func(b *otp.Binding) { b.Account = "EVE" },
			"authenticator": func(b *otp.Binding) { b.Authenticator = "OTHER" },
			"purpose":       func(b *otp.Binding) { b.Purpose = otp.SetUp },
			"journey":       func(b *otp.Binding) { b.Flow = "OTHER" },
			"session":       func(b *otp.Binding) { b.Session = "SESSION" },
			"no journey":    func(b *otp.Binding) { b.Flow, b.Session = "", "FLOW" },
		} {
			other := sam()
			change(&other)
			if got := h.try(other, d.Code); got.Outcome != otp.None {
				h.Errorf("another %s: %+v", name, got)
			}
			mine := h.sent(other) // with a code of its own
			if mine.Code != d.Code {
				if got := h.try(other, d.Code); got.Outcome != otp.Wrong {
					h.Errorf("another %s that has a code: %+v", name, got)
				}
			}
		}
		// Whoever can write to the database copies the row of their own code over another's.
		eve := sam()
		eve.Account = "MALLORY"
		own := h.sent(eve)
		h.write(func(tx *db.Tx) error {
			var row string
			var mac []byte
			err := tx.QueryRow(`SELECT id, mac FROM one_time_code WHERE account_id = $1`, eve.Account).Scan(&row, &mac)
			if err != nil {
				return err
			}
			if bytes.Contains(mac, []byte(own.Code)) {
				h.Error("the code stands in clear")
			}
			_, err = tx.Exec(`UPDATE one_time_code SET id = $1, mac = $2 WHERE account_id = $3`, row, mac, sam().Account)
			return err
		})
		if got := h.try(sam(), own.Code); got.Outcome != otp.Wrong {
			h.Errorf("a copied row: %+v", got)
		}
		for _, b := range []otp.Binding{
			{},
			{Account: "SAM", Authenticator: "PHONE", Purpose: otp.SignIn},
			{Authenticator: "PHONE", Purpose: otp.SignIn, Flow: "FLOW"},
			{Account: "SAM", Purpose: otp.SignIn, Flow: "FLOW"},
			{Account: "SAM", Authenticator: "PHONE", Flow: "FLOW"},
		} {
			err := h.db.Write(context.Background(), func(tx *db.Tx) error { _, _, err := h.Issue(tx, b, h.Draft(), otp.Text); return err })
			if err == nil {
				h.Errorf("a code for %+v", b)
			}
		}
	})
}

func TestANewCodeEndsTheEarlierOne(t *testing.T) {
	each(t, func(h *house) {
		first := h.sent(sam())
		matched := h.try(sam(), first.Code)
		h.clock.Advance(20 * time.Second)
		second := h.sent(sam())
		if h.redeem(matched) {
			h.Error("the earlier one was redeemed")
		}
		if first.Code != second.Code {
			if got := h.try(sam(), first.Code); got.Outcome != otp.Wrong {
				h.Errorf("the earlier one: %+v", got)
			}
		}
		if got := h.try(sam(), second.Code); got.Outcome != otp.Matched || !h.redeem(got) {
			h.Errorf("%+v", got)
		}
	})
}

func TestCodesAreNotSentTooOften(t *testing.T) {
	each(t, func(h *house) {
		start := h.clock.Now()
		h.sent(sam())
		h.clock.Advance(20*time.Second - time.Millisecond)
		if d, p, sent := h.issue(sam(), otp.Text); sent || !p.ResendAt.Equal(start.Add(20*time.Second)) || p.SendsLeft != 4 {
			h.Errorf("too soon: %v %+v", sent, p)
		} else if got := h.try(sam(), d.Code); got.Outcome == otp.Matched {
			h.Error("a code that was not issued") // one in a million
		}
		if _, p, sent := h.issue(sam(), otp.Voice); !sent || p.SendsLeft != 3 {
			h.Errorf("a call in place of a text that does not come: %v %+v", sent, p)
		}
		h.clock.Advance(time.Minute)
		for left := 2; left >= 0; left-- {
			_, p, sent := h.issue(sam(), otp.Voice)
			if !sent || p.SendsLeft != left || p.Channel != otp.Voice {
				h.Fatalf("%v %+v", sent, p)
			}
			h.clock.Advance(time.Minute)
		}
		_, p, sent := h.issue(sam(), otp.Text)
		if sent || !p.ResendAt.Equal(start.Add(15*time.Minute)) || p.SendsLeft != 0 || p.Channel != otp.Voice {
			h.Errorf("a sixth: %v %+v", sent, p)
		}
		h.clock.Set(p.ResendAt)
		if _, p, sent := h.issue(sam(), otp.Text); !sent || p.SendsLeft != 4 {
			h.Errorf("after the window: %v %+v", sent, p)
		}
	})
}

func TestOfTwentyWhoAskAtOnceOneIsSent(t *testing.T) {
	each(t, func(h *house) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		issued := 0
		for range 20 {
			d := h.Draft()
			wg.Go(func() {
				var sent bool
				err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
					_, sent, err = h.Issue(tx, sam(), d, otp.Text)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					h.Errorf("issue: %v", err)
				}
				if sent {
					issued++
				}
			})
		}
		wg.Wait()
		if issued != 1 {
			h.Errorf("%d were sent", issued)
		}
	}, dbtest.WithoutRehearsal())
}

func TestOfFortyGuessesAtOnceExactlyFiveAreComparedAndOneRedeems(t *testing.T) {
	each(t, func(h *house) {
		other := dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now), dbtest.WithoutRehearsal())
		race := func(b otp.Binding, code string) (outcomes map[otp.Outcome]int, redeemed int) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			outcomes = map[otp.Outcome]int{}
			for i := range 40 {
				node := []*db.DB{h.db, other}[i%2]
				wg.Go(func() {
					var got otp.Trial
					var won bool
					err := node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
						got, err = h.Try(tx, b, code)
						return err
					})
					if err == nil && got.Outcome == otp.Matched {
						err = node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
							won, err = h.Redeem(tx, got)
							return err
						})
					}
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						h.Errorf("try: %v", err)
					}
					outcomes[got.Outcome]++
					if won {
						redeemed++
					}
				})
			}
			wg.Wait()
			return outcomes, redeemed
		}
		d := h.sent(sam())
		if got, _ := race(sam(), wrong(d.Code)); got[otp.Wrong] != 5 || got[otp.Exhausted] != 35 {
			h.Errorf("wrong codes: %v", got)
		}
		if got := h.try(sam(), d.Code); got.Outcome != otp.Exhausted {
			h.Errorf("the right one afterwards: %+v", got)
		}
		b := sam()
		b.Flow = "ANOTHER"
		d = h.sent(b)
		if got, redeemed := race(b, d.Code); redeemed != 1 || got[otp.Matched] < 1 || got[otp.Matched] > 5 {
			h.Errorf("the right code: %v, redeemed %d times", got, redeemed)
		}
	}, dbtest.WithoutRehearsal())
}

func TestANewCodeDoesNotResetTheCounterOfItsMethod(t *testing.T) {
	each(t, func(h *house) {
		methods := authenticator.Authenticators{Settings: authenticator.Preset("parvis")}
		phone := authenticator.NewID()
		h.write(func(tx *db.Tx) error {
			return methods.Bind(tx, authenticator.Authenticator{ID: phone, Account: "SAM", Type: authenticator.Phone})
		})
		compared := 0
		for range 4 {
			b := sam()
			b.Authenticator = phone
			d := h.sent(b)
			for range 3 {
				var got otp.Trial
				err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) error {
					a, err := methods.Attempt(tx, "SAM", phone)
					if err != nil || !a.Allowed {
						return err
					}
					got, err = h.Try(tx, b, wrong(d.Code))
					return err
				})
				if err != nil {
					h.Fatal(err)
				}
				if got.Outcome == otp.Wrong {
					compared++
				}
			}
			h.clock.Advance(time.Minute)
		}
		if compared != 5 {
			h.Errorf("%d codes were compared over four messages", compared)
		}
	})
}

func TestACodeEndsWithItsMethodAndItsAccount(t *testing.T) {
	each(t, func(h *house) {
		ends := map[string]func(tx *db.Tx) error{
			"method":  func(tx *db.Tx) error { return h.EndMethod(tx, "SAM", "PHONE") },
			"account": func(tx *db.Tx) error { return h.Erase(tx, "SAM") },
		}
		other := otp.Binding{Account: "EVE", Authenticator: "OTHER", Purpose: otp.SetUp, Session: "SESSION"}
		kept := h.sent(other)
		for name, end := range ends {
			h.clock.Advance(20 * time.Second)
			d := h.sent(sam())
			matched := h.try(sam(), d.Code)
			h.write(end)
			if got := h.try(sam(), d.Code); got.Outcome != otp.None {
				h.Errorf("the %s ended: %+v", name, got)
			}
			if h.redeem(matched) {
				h.Errorf("the %s ended and its code is redeemed", name)
			}
		}
		if got := h.try(other, kept.Code); got.Outcome != otp.Matched {
			h.Errorf("a code of somebody else: %+v", got)
		}
	})
}

func TestWhatIsOverIsPurgedAndTheSendingIsCountedUntilThen(t *testing.T) {
	each(t, func(h *house) {
		h.sent(sam())
		purge := func() (n int64) {
			h.write(func(tx *db.Tx) (err error) { n, err = h.Purge(tx, 10); return err })
			return n
		}
		h.clock.Advance(15*time.Minute - time.Millisecond)
		if n := purge(); n != 0 {
			h.Errorf("%d purged too early", n)
		}
		h.clock.Advance(time.Millisecond)
		if n := purge(); n != 1 {
			h.Errorf("%d purged", n)
		}
		if _, found := h.pending(sam()); found {
			h.Error("still there")
		}
		if got := h.try(sam(), "000000"); got.Outcome != otp.None {
			h.Errorf("%+v", got)
		}
	})
}

func TestACodeIsNeverPrinted(t *testing.T) {
	root := bytes.Repeat([]byte{1}, secret.RootBytes)
	keys, err := secret.NewKeys(root, root)
	if err != nil {
		t.Fatal(err)
	}
	d := otp.Codes{Keys: keys, Settings: otp.Preset("parvis")}.Draft()
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "draft", d)
	if all := fmt.Sprintf("%v %+v %#v %s", d, d, d, d) + out.String(); strings.Contains(all, d.Code) {
		t.Error(all)
	}
}

func FuzzTypedCode(f *testing.F) {
	for _, s := range []string{"012 345", "０１２-３４５", "12345", "\xff"} {
		f.Add(s)
	}
	codes := otp.Codes{Settings: otp.Preset("parvis")}
	f.Fuzz(func(t *testing.T, typed string) {
		if got, err := codes.Parse(typed); err == nil && (len(got) != 6 || strings.Trim(got, "0123456789") != "") {
			t.Errorf("%q became %q", typed, got)
		}
	})
}

func TestSettingsOfEveryPresetAreAccepted(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := otp.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := len(otp.Settings{}.Problems()); got != 7 {
		t.Errorf("%d problems of empty settings", got)
	}
}
