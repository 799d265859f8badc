package session_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/secret"
	"parvis/internal/session"
)

func keysOf(t *testing.T) *secret.Keys {
	t.Helper()
	keys, err := secret.NewKeys(make([]byte, 32), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

type house struct {
	*testing.T
	db    *db.DB
	clock *dbtest.Clock
	session.Sessions
}

func each(t *testing.T, preset string, test func(h *house)) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&house{T: t, db: d, clock: clock, Sessions: session.Sessions{Keys: keysOf(t), Settings: session.Preset(preset)}})
	}, dbtest.WithClock(clock.Now))
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Write(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) start(account id.Account, older string) (s session.Session, token string) {
	h.Helper()
	n := session.Prepare(account, policy.Facts{Password: h.clock.Now(), Journey: "FLOW"})
	h.write(func(tx *db.Tx) (err error) { s, err = h.Reauthenticate(tx, older, n); return err })
	return s, n.Token
}

func (h *house) find(token string) (s session.Session) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { s, err = h.Find(tx, token); return err })
	return s
}

func (h *house) touch(s session.Session) (ok bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { ok, err = h.Touch(tx, s.ID); return err })
	return ok
}

func TestASessionIsFoundByItsTokenWithItsFacts(t *testing.T) {
	each(t, "parvis", func(h *house) {
		started, token := h.start("SAM", "")
		s := h.find(token)
		if !s.Live() || s.ID != started.ID || s.Account != "SAM" || !s.Facts.Password.Equal(h.clock.Now()) || s.Facts.Journey != "FLOW" {
			h.Errorf("%+v", s)
		}
		if s.IdleEndsAt.Sub(h.clock.Now()) != 30*time.Minute || s.EndsAt.Sub(h.clock.Now()) != 12*time.Hour || s.EndsAt != started.EndsAt {
			h.Errorf("ends %v, %v", s.IdleEndsAt, s.EndsAt)
		}
		for _, foreign := range []string{"", "x", token + "x", string(s.ID)} {
			if got := h.find(foreign); got.Live() || got.Standing != session.Unknown || got.Account != "" {
				h.Errorf("%q: %+v", foreign, got)
			}
		}
		h.write(func(tx *db.Tx) error {
			var stored []byte
			err := tx.QueryRow(`SELECT token_digest FROM session`).Scan(&stored)
			if bytes.Contains(stored, []byte(token)) || len(stored) != 32 {
				h.Error("the token stands in the database")
			}
			return err
		})
	})
}

func TestASessionEndsWhenNothingHappensAndAtTheLatestAfterItsTime(t *testing.T) {
	for preset, idle := range map[string]time.Duration{"parvis": 30 * time.Minute, "ontario": 30 * time.Minute, "logingov": 15 * time.Minute} {
		t.Run(preset, func(t *testing.T) {
			each(t, preset, func(h *house) {
				s, token := h.start("SAM", "")
				h.clock.Advance(idle - time.Millisecond)
				if !h.find(token).Live() {
					h.Fatal("ended too early")
				}
				h.clock.Advance(time.Millisecond)
				if got := h.find(token).Standing; got != session.Idle {
					h.Fatalf("standing %q", got)
				}
				if h.touch(s) {
					h.Error("an idle session is woken")
				}

				s, token = h.start("SAM", "")
				ends := h.clock.Now().Add(12 * time.Hour)
				for h.clock.Now().Add(10 * time.Minute).Before(ends) {
					h.clock.Advance(10 * time.Minute)
					if !h.touch(s) {
						h.Fatalf("not touched at %v", h.clock.Now())
					}
				}
				if got := h.find(token); !got.Live() || !got.IdleEndsAt.Equal(ends) {
					h.Errorf("just before the end: %+v", got)
				}
				h.clock.Set(ends)
				if got := h.find(token).Standing; got != session.Over {
					h.Errorf("standing %q", got)
				}
				if h.touch(s) {
					h.Error("touched after the end")
				}
			})
		})
	}
}

func TestEveryAuthenticationMakesANewTokenAndTheOldOneIsDead(t *testing.T) {
	each(t, "parvis", func(h *house) {
		first, old := h.start("SAM", "")
		h.clock.Advance(time.Minute)
		second, token := h.start("SAM", old)
		if token == old || first.ID == second.ID {
			h.Error("the session is the same")
		}
		if got := h.find(old); got.Standing != session.Ended || got.Reason != session.Replaced {
			h.Errorf("the old one: %+v", got)
		}
		if !h.find(token).Live() {
			h.Error("the new one is dead")
		}
	})
}

func TestRevocationWorksAtOnceAndSparesOne(t *testing.T) {
	each(t, "parvis", func(h *house) {
		keep, kept := h.start("SAM", "")
		_, one := h.start("SAM", "")
		_, two := h.start("SAM", "")
		_, other := h.start("KIM", "")
		var n int64
		var ended, again bool
		h.write(func(tx *db.Tx) (err error) { n, err = h.EndAll(tx, "SAM", keep.ID, session.Revoked); return err })
		if n != 2 || h.find(one).Live() || h.find(two).Live() || !h.find(kept).Live() || !h.find(other).Live() {
			h.Errorf("ended %d", n)
		}
		h.write(func(tx *db.Tx) error {
			list, err := h.List(tx, "SAM")
			if err == nil && (len(list) != 1 || list[0].ID != keep.ID) {
				h.Errorf("%+v", list)
			}
			return err
		})
		h.write(func(tx *db.Tx) (err error) {
			if ended, err = h.End(tx, keep.ID, session.SignedOut); err != nil {
				return err
			}
			again, err = h.End(tx, keep.ID, session.Revoked)
			return err
		})
		if got := h.find(kept); !ended || again || got.Standing != session.Ended || got.Reason != session.SignedOut {
			h.Errorf("%v %v %+v", ended, again, got)
		}
		if h.touch(keep) {
			h.Error("a session that was ended is touched")
		}
	})
}

func TestASessionIsTouchedSeldom(t *testing.T) {
	each(t, "logingov", func(h *house) {
		_, token := h.start("SAM", "")
		h.clock.Advance(time.Minute - time.Millisecond)
		if h.Due(h.find(token), h.clock.Now()) {
			h.Error("due before a minute")
		}
		h.clock.Advance(time.Millisecond)
		if s := h.find(token); !h.Due(s, h.clock.Now()) || !h.touch(s) {
			h.Error("not due after a minute")
		}
		if s := h.find(token); h.Due(s, h.clock.Now()) || !s.TouchedAt.Equal(h.clock.Now()) {
			h.Errorf("%+v", s)
		}
	})
}

func (h *house) known(token string, account id.Account) (device []byte) {
	h.write(func(tx *db.Tx) (err error) { device, err = h.Known(tx, token, account); return err })
	return device
}

// signs is a sign-in with a browser; fresh is the token it has afterwards.
func (h *house) signs(token string, account id.Account, before []byte) (now string, known bool) {
	d := session.Device{Token: token, Fresh: session.NewDevice(), Known: before}
	var given bool
	h.write(func(tx *db.Tx) (err error) { given, known, err = h.Remember(tx, d, account); return err })
	if given {
		return d.Fresh, known
	}
	return token, known
}

func TestABrowserIsKnownToTheAccountsThatSignedInThere(t *testing.T) {
	each(t, "parvis", func(h *house) {
		token := session.NewDevice()
		if h.known(token, "SAM") != nil {
			h.Error("known before")
		}
		for range 2 {
			token, _ = h.signs(token, "SAM", h.known(token, "SAM"))
			token, _ = h.signs(token, "KIM", h.known(token, "KIM"))
		}
		if h.known(token, "SAM") == nil || h.known(token, "KIM") == nil || h.known(token, "EVE") != nil || h.known("", "SAM") != nil || h.known(token, "") != nil {
			h.Error("the wrong accounts know it")
		}
		h.write(func(tx *db.Tx) error { return h.ForgetDevices(tx, "KIM") })
		if h.known(token, "KIM") != nil {
			h.Error("not forgotten")
		}
		h.clock.Advance(h.Settings.DeviceLifetime)
		if h.known(token, "SAM") != nil {
			h.Error("known for ever")
		}
	})
}

func TestACopyOfAKnownBrowserEndsWithTheNextSignInThere(t *testing.T) {
	each(t, "parvis", func(h *house) {
		copied, known := h.signs("", "SAM", nil)
		if known {
			h.Error("a new browser counts as known")
		}
		copied, _ = h.signs(copied, "KIM", nil)
		sam, kim := h.known(copied, "SAM"), h.known(copied, "KIM")
		own := copied
		for range 3 {
			if own, known = h.signs(own, "SAM", h.known(own, "SAM")); !known {
				h.Error("the own browser is new")
			}
			if h.known(copied, "SAM") != nil || h.known(copied, "KIM") != nil {
				h.Error("the copy is still good")
			}
			if !bytes.Equal(h.known(own, "SAM"), sam) || !bytes.Equal(h.known(own, "KIM"), kim) {
				h.Error("the counters of the browser began anew")
			}
		}
		if _, known = h.signs(copied, "SAM", h.known(copied, "SAM")); known {
			h.Error("a sign-in with the copy would not be told")
		}
		if h.known(own, "SAM") == nil {
			h.Error("a copy ends the own browser")
		}
	})
}

func TestOfManySignInsOfOneBrowserAtOnceOneGivesTheToken(t *testing.T) {
	each(t, "parvis", func(h *house) {
		token, _ := h.signs("", "SAM", nil)
		before := h.known(token, "SAM")
		var mu sync.Mutex
		var given []string
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				now, known := h.signs(token, "SAM", before)
				mu.Lock()
				defer mu.Unlock()
				if !known {
					h.Error("one of them was told as a new browser")
				}
				if now != token {
					given = append(given, now)
				}
			})
		}
		wait.Wait()
		if len(given) != 1 || !bytes.Equal(h.known(given[0], "SAM"), before) || h.known(token, "SAM") != nil {
			h.Errorf("%d tokens were given", len(given))
		}
	})
}

func TestWhatHasEndedIsPurgedAndWhatLivesStays(t *testing.T) {
	each(t, "parvis", func(h *house) {
		ended, old := h.start("SAM", "")
		h.write(func(tx *db.Tx) error {
			if _, _, err := h.Remember(tx, session.Device{Fresh: "device"}, "SAM"); err != nil {
				return err
			}
			_, err := h.End(tx, ended.ID, session.SignedOut)
			return err
		})
		purge := func() (n int64) {
			h.write(func(tx *db.Tx) (err error) { n, err = h.Purge(tx, 100); return err })
			return n
		}
		h.clock.Advance(23 * time.Hour)
		if n := purge(); n != 0 || h.find(old).Standing != session.Ended {
			h.Errorf("purged %d early", n)
		}
		_, live := h.start("SAM", "")
		h.clock.Advance(time.Hour)
		if n := purge(); n != 1 || h.find(old).Standing != session.Unknown || h.find(live).Standing != session.Idle {
			h.Errorf("purged %d", n)
		}
		h.clock.Advance(h.Settings.DeviceLifetime)
		if n := purge(); n != 2 { // the idle session and the device
			h.Errorf("purged %d", n)
		}
		_, last := h.start("SAM", "")
		h.write(func(tx *db.Tx) error { return h.Erase(tx, "SAM") })
		if h.find(last).Standing != session.Unknown {
			h.Error("not erased")
		}
	})
}

func TestPresetsAreAcceptedAndEmptySettingsAreNot(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := session.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := (session.Settings{}).Problems(); len(got) < 3 {
		t.Errorf("%v", got)
	}
}

// A second step must neither leave the older token alive nor buy time (SP 800-63B-4, 5.1).
func TestASecondStepGivesANewTokenAndNoTime(t *testing.T) {
	each(t, "parvis", func(h *house) {
		started, token := h.start("SAM", "")
		h.clock.Advance(10 * time.Minute)
		facts := started.Facts.With(policy.App, h.clock.Now(), "FLOW")
		elevate := func(older, fresh string) (ok bool) {
			h.write(func(tx *db.Tx) (err error) { ok, err = h.Elevate(tx, started.ID, older, fresh, facts); return err })
			return ok
		}
		if !elevate(token, "fresh") {
			h.Fatal("a live session was not elevated")
		}
		if got := h.find(token); got.Standing != session.Unknown {
			h.Errorf("the older token is %s", got.Standing)
		}
		got := h.find("fresh")
		if !got.Live() || got.ID != started.ID || !got.EndsAt.Equal(started.EndsAt) || got.Facts.Proven(policy.App).IsZero() {
			h.Errorf("%+v", got)
		}
		if elevate(token, "again") || elevate("", "again") {
			h.Error("a token that is dead elevates the session")
		}
		h.write(func(tx *db.Tx) error { _, err := h.End(tx, started.ID, session.SignedOut); return err })
		if elevate("fresh", "again") {
			h.Error("a session that has ended is elevated")
		}
	})
}

// However many sessions somebody has opened, they end: who is told of them names no more in
// one statement than every database takes.
func TestWhoOpensVeryManySessionsCannotKeepThemFromEnding(t *testing.T) {
	each(t, "parvis", func(h *house) {
		const many = 1100
		h.write(func(tx *db.Tx) error {
			for range many {
				if _, err := h.Start(tx, session.Prepare("SAM", policy.Facts{Password: h.clock.Now()})); err != nil {
					return err
				}
			}
			return nil
		})
		told, most := map[id.Session]bool{}, 0
		h.OnEnd = func(_ *db.Tx, ended []id.Session, _ id.Session) error {
			most = max(most, len(ended))
			for _, s := range ended {
				told[s] = true
			}
			return nil
		}
		var n int64
		h.write(func(tx *db.Tx) (err error) {
			clear(told)
			n, err = h.EndAll(tx, "SAM", "", session.Revoked)
			return err
		})
		if n != many || len(told) != many || most > 500 {
			h.Errorf("%d ended, %d told, %d at once", n, len(told), most)
		}
	})
}
