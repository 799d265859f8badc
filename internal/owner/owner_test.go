package owner_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/session"
)

const address = "sam@example.org"

// inside runs f in a transaction.
func inside(t *testing.T, h *journeytest.House, f func(tx *db.Tx) error) error {
	t.Helper()
	return h.DB.Write(t.Context(), f)
}

// another signs in with the password in another browser.
func another(h *journeytest.House) *journeytest.Browser {
	b := h.Browser()
	b.SignIn(b.Direct(), address, journeytest.Password)
	return b
}

func TestOnlyALiveSessionOfAnActiveAccountIsAnOwner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		ask := func(b *journeytest.Browser) (who owner.Owner, err error) {
			err = inside(t, h, func(tx *db.Tx) (err error) {
				who, err = h.Owners.SignedIn(tx, b.Visitor)
				return err
			})
			return who, err
		}
		who, err := ask(b)
		if err != nil || who.ID == "" || who.Session.Account != who.ID || who.Locale != "en" {
			t.Fatalf("%+v, %v", who, err)
		}
		if _, err := ask(h.Browser()); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody's browser: %v", err)
		}
		forged := h.Browser()
		forged.Session = b.Session + "A"
		if _, err := ask(forged); !fault.Is(err, fault.Denied) {
			t.Errorf("a forged session: %v", err)
		}
		err = inside(t, h, func(tx *db.Tx) error { return h.Lifecycle.Close(tx, who.ID, notice.RemovedByOperator) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask(b); !fault.Is(err, fault.Denied) {
			t.Errorf("a closed account: %v", err)
		}
	})
}

func TestAChangeWantsProofsWithinTheWindow(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		plain := another(h)
		ask := func(b *journeytest.Browser) error {
			return inside(t, h, func(tx *db.Tx) error {
				_, err := h.Owners.Fresh(tx, b.Visitor)
				return err
			})
		}
		if err := ask(b); err != nil {
			t.Errorf("both proofs are new: %v", err)
		}
		if err := ask(plain); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "error.reauthenticate") {
			t.Errorf("a password alone, of an account that can prove its mailbox, too: %v", err)
		}
		h.Clock.Advance(h.Table.Window() + time.Minute)
		if err := ask(b); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "error.reauthenticate") {
			t.Errorf("after the window: %v", err)
		}
		app, _ := h.WithApp("ada@example.org")
		if err := ask(app); !fault.Is(err, fault.Denied) {
			t.Errorf("an account with an app that this session has not proven: %v", err)
		}
	})
}

func TestTheOtherSessionsEndAndTheOwnStays(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		one, two := another(h), another(h)
		spared := two.Who()
		var n int
		err := inside(t, h, func(tx *db.Tx) error {
			who, err := h.Owners.SignedIn(tx, b.Visitor)
			if err != nil {
				return err
			}
			keep, err := h.Sessions.FindLive(tx, two.Session)
			if err != nil {
				return err
			}
			n, err = h.Owners.EndOthers(tx, b.Visitor, who, "by owner", func(s session.Session) bool { return s.ID != keep.ID })
			return err
		})
		if err != nil || n != 1 || h.Events(audit.SessionEnded) != 1 {
			t.Fatalf("%d ended, %d recorded, %v", n, h.Events(audit.SessionEnded), err)
		}
		if b.Who() == "" || one.Who() != "" || two.Who() != spared {
			t.Error("the wrong session ended")
		}
		err = inside(t, h, func(tx *db.Tx) error {
			who, err := h.Owners.SignedIn(tx, b.Visitor)
			if err != nil {
				return err
			}
			return h.Owners.ForgetBrowsers(tx, b.Visitor, who, "by owner")
		})
		if err != nil || h.Events(audit.BrowserForgotten) != 0 {
			t.Errorf("none was remembered: %v, %d recorded", err, h.Events(audit.BrowserForgotten))
		}
	})
}
