package session_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/session"
)

// remember has a browser remembered and says whether it was.
func (h *house) remember(account id.Account, known []byte) (b session.RememberedBrowser, ok bool) {
	h.Helper()
	b = session.RememberedBrowser{ID: session.NewBrowser(), Account: account, Browser: "Firefox", System: "Android"}
	h.write(func(tx *db.Tx) (err error) { ok, err = h.RememberStep(tx, b, known); return err })
	return b, ok
}

func (h *house) remembered(account id.Account, known []byte) (b session.RememberedBrowser, ok bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { b, ok, err = h.Remembered(tx, known, account); return err })
	return b, ok
}

func (h *house) all(account id.Account) (out []session.RememberedBrowser) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, err = h.ListRemembered(tx, account); return err })
	return out
}

func TestABrowserIsRememberedForItsTimeAndForItsAccount(t *testing.T) {
	each(t, "parvis", func(h *house) {
		token, _ := h.signs("", "SAM", nil)
		known := h.known(token, "SAM")
		if _, ok := h.remembered("SAM", known); ok {
			h.Error("remembered before")
		}
		fresh, ok := h.remember("SAM", known)
		b, found := h.remembered("SAM", known)
		if !ok || !found || b.ID != fresh.ID || b.Account != "SAM" || b.Browser != "Firefox" || b.System != "Android" ||
			!b.ProvenAt.Equal(h.clock.Now()) || !b.EndsAt.Equal(h.clock.Now().Add(30*24*time.Hour)) || !b.Is(known) || b.Is(nil) {
			h.Errorf("%v %v %+v", ok, found, b)
		}
		// Sign-ins change the token of the browser and not what is remembered.
		copied := token
		for range 3 {
			h.clock.Advance(24 * time.Hour)
			token, _ = h.signs(token, "SAM", h.known(token, "SAM"))
		}
		if _, found := h.remembered("SAM", h.known(token, "SAM")); !found {
			h.Error("a sign-in forgets it")
		}
		if _, found := h.remembered("SAM", h.known(copied, "SAM")); found {
			h.Error("a copy of an older cookie is remembered")
		}
		token, _ = h.signs(token, "EVE", nil)
		if _, found := h.remembered("EVE", h.known(token, "EVE")); found {
			h.Error("remembered for another account in the same browser")
		}
		for name, foreign := range map[string][]byte{"none": nil, "empty": {}, "another": []byte("another browser")} {
			if _, found := h.remembered("SAM", foreign); found {
				h.Errorf("%s is remembered", name)
			}
		}
		if _, ok := h.remember("SAM", nil); ok {
			h.Error("a browser that is not known is remembered")
		}
		h.clock.Set(b.EndsAt.Add(-time.Millisecond))
		if _, found := h.remembered("SAM", known); !found || len(h.all("SAM")) != 1 {
			h.Error("forgotten too early")
		}
		h.clock.Advance(time.Millisecond)
		if _, found := h.remembered("SAM", known); found || len(h.all("SAM")) != 0 {
			h.Error("remembered for ever")
		}
	})
}

func TestRememberedBrowsersAreForgottenOneByOneAndAll(t *testing.T) {
	each(t, "parvis", func(h *house) {
		var known [][]byte
		var last session.RememberedBrowser
		for range 3 {
			h.clock.Advance(time.Minute)
			token, _ := h.signs("", "SAM", nil)
			known = append(known, h.known(token, "SAM"))
			last, _ = h.remember("SAM", known[len(known)-1])
		}
		token, _ := h.signs("", "EVE", nil)
		eve := h.known(token, "EVE")
		h.remember("EVE", eve)
		again, _ := h.remember("SAM", known[2]) // proven anew
		list := h.all("SAM")
		if len(list) != 3 || list[0].ID != again.ID || again.ID == last.ID || !list[2].Is(known[0]) || list[2].Is(known[1]) {
			h.Fatalf("%+v", list)
		}
		forget := func(account id.Account, b id.Browser) (ok bool) {
			h.write(func(tx *db.Tx) (err error) { ok, err = h.ForgetOne(tx, account, b); return err })
			return ok
		}
		if forget("EVE", list[2].ID) || !forget("SAM", list[2].ID) || forget("SAM", list[2].ID) {
			h.Error("forgotten by another, not at all, or twice")
		}
		if _, found := h.remembered("SAM", known[0]); found {
			h.Error("still remembered")
		}
		var n int64
		h.write(func(tx *db.Tx) (err error) { n, err = h.ForgetAll(tx, "SAM"); return err })
		if _, found := h.remembered("SAM", known[2]); n != 2 || found || len(h.all("SAM")) != 0 {
			h.Errorf("%d forgotten", n)
		}
		if _, found := h.remembered("EVE", eve); !found {
			h.Error("those of another account were forgotten")
		}
	})
}

func TestForgettingKnownBrowsersAndErasingForgetsWhatIsRemembered(t *testing.T) {
	each(t, "parvis", func(h *house) {
		for name, forget := range map[string]func(tx *db.Tx) error{
			"devices": func(tx *db.Tx) error { return h.ForgetDevices(tx, "SAM") },
			"account": func(tx *db.Tx) error { return h.Erase(tx, "SAM") },
		} {
			token, _ := h.signs("", "SAM", nil)
			known := h.known(token, "SAM")
			h.remember("SAM", known)
			h.write(forget)
			if _, found := h.remembered("SAM", known); found {
				h.Errorf("%s: still remembered", name)
			}
		}
	})
}

func TestADeploymentThatRemembersNothingForgetsWhatWasRemembered(t *testing.T) {
	each(t, "parvis", func(h *house) {
		token, _ := h.signs("", "SAM", nil)
		known := h.known(token, "SAM")
		h.remember("SAM", known)
		h.Settings.Remember = 0
		if _, ok := h.remember("SAM", known); ok || h.Remembers() {
			h.Error("remembered")
		}
		if _, found := h.remembered("SAM", known); found || len(h.all("SAM")) != 0 {
			h.Error("what was remembered before counts")
		}
		var n int64
		h.write(func(tx *db.Tx) (err error) { n, err = h.Purge(tx, 10); return err })
		if n != 1 {
			h.Errorf("%d purged", n)
		}
	})
}

func TestOfManyRequestsToRememberOneBrowserOneRowIsLeft(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := &house{T: t, db: d, clock: clock, Sessions: session.Sessions{Keys: keysOf(t), Settings: session.Preset("parvis")}}
		token, _ := h.signs("", "SAM", nil)
		known := h.known(token, "SAM")
		var wg sync.WaitGroup
		for range 20 {
			b := session.RememberedBrowser{ID: session.NewBrowser(), Account: "SAM"}
			wg.Go(func() {
				err := d.WriteStatement(t.Context(), func(tx *db.Tx) error { _, err := h.RememberStep(tx, b, known); return err })
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := h.all("SAM"); len(got) != 1 {
			t.Errorf("%d rows", len(got))
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal())
}
