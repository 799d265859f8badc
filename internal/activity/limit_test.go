package activity_test

import (
	"testing"
	"time"

	accounts "parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
)

func TestSecuringAndSigningOutAgainAndAgainIsToldOnceUntilThereIsNews(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		for range 6 { // nothing is open anywhere else
			if err := h.j.Secure(t.Context(), desk.Visitor); err != nil {
				t.Fatal(err)
			}
			if err := h.j.SignOutOthers(t.Context(), desk.Visitor); err != nil {
				t.Fatal(err)
			}
		}
		if n := h.Told(sam, notice.KindSignedOut); n != 1 {
			t.Errorf("the first is told and nothing else: %d mails", n)
		}
		if h.Events(audit.AccountSecuring) != 6 || h.Events(audit.SessionEnded) != 6 {
			t.Error("what was done is not recorded")
		}
		phone := h.elsewhere(sam, phoneAgent)
		if err := h.j.Secure(t.Context(), desk.Visitor); err != nil {
			t.Fatal(err)
		}
		if n := h.Told(sam, notice.KindSignedOut); n != 2 || h.signedIn(phone) {
			t.Errorf("a session that was ended is news: %d mails", n)
		}
		h.Clock.Advance(time.Hour)
		back := h.elsewhere(sam, phoneAgent)
		if err := h.j.SignOutEverywhere(t.Context(), back.Visitor); err != nil {
			t.Fatal(err)
		}
		if n := h.Told(sam, notice.KindSignedOut); n != 3 {
			t.Errorf("an hour later: %d mails", n)
		}
	}, journeytest.WithLimits(ratelimit.Preset("parvis")))
}

func TestNoMoreMailsOfOneKindThanTheLimitAreSentAndTheFirstOfAKindAlways(t *testing.T) {
	limits := ratelimit.Preset("parvis")
	limits.NoticeAccount = ratelimit.Limit{Count: 3, Window: time.Hour}
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		for range 5 {
			h.elsewhere(sam, phoneAgent)
			if err := h.j.SignOutOthers(t.Context(), desk.Visitor); err != nil {
				t.Fatalf("it protects, and is not refused: %v", err)
			}
		}
		if n := h.Told(sam, notice.KindSignedOut); n != 3 || h.Events(audit.SessionEnded) != 5 {
			t.Errorf("%d mails, %d events", n, h.Events(audit.SessionEnded))
		}
		tell := func(data notice.Data) {
			t.Helper()
			err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
				return h.j.Owners.Tell(tx, owner.Owner{ID: desk.Who(), Locale: "en"}, data)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		tell(notice.MethodRemoved{Method: notice.MethodTOTP})
		if n := h.Told(sam, notice.KindMethodRemoved); n != 1 {
			t.Errorf("the first of another kind: %d mails", n)
		}
		other := h.Active(kim)
		if err := h.j.SignOutOthers(t.Context(), other.Visitor); err != nil || h.Told(kim, notice.KindSignedOut) != 1 {
			t.Errorf("another account: %v", err)
		}
	}, journeytest.WithLimits(limits))
}

func TestAMailThatIsRolledBackUsesUpNoLimit(t *testing.T) {
	limits := ratelimit.Preset("parvis")
	limits.NoticeAccount = ratelimit.Limit{Count: 1, Window: time.Hour}
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		tell := func(then error) {
			err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
				if err := h.j.Owners.TellOnce(tx, owner.Owner{ID: desk.Who(), Locale: "en"}, notice.SignedOut{}); err != nil {
					return err
				}
				return then
			})
			if (err == nil) != (then == nil) {
				t.Fatal(err)
			}
		}
		for range 3 {
			tell(owner.Nobody())
		}
		tell(nil)
		if n := h.Told(sam, notice.KindSignedOut); n != 1 {
			t.Errorf("%d mails", n)
		}
	}, journeytest.WithLimits(limits))
}

// Whoever signs in with the password and the mailbox open may be no owner.
func TestWhoSignedInCannotDivertTheMessageAboutIt(t *testing.T) {
	const evil = "evil@example.org"
	for _, removed := range []bool{false, true} {
		t.Run(map[bool]string{false: "demoted", true: "removed"}[removed], func(t *testing.T) {
			each(t, func(t *testing.T, h house) {
				h.Active(sam)
				account := h.Active(kim).Live().Account
				stranger := h.elsewhere(kim, phoneAgent)
				h.Clock.Advance(time.Minute)
				row, change := id.New[id.Address](), accounts.NewChange()
				addr, err := accounts.ParseAddress(evil)
				if err != nil {
					t.Fatal(err)
				}
				who := owner.Owner{ID: account, Locale: "en", Session: stranger.Live()}
				err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
					main, _, err := h.Accounts.Main(tx, account)
					if err != nil {
						return err
					}
					if _, _, err := h.Accounts.Add(tx, account, row, addr); err != nil {
						return err
					}
					if _, err := h.Accounts.MakeMain(tx, account, row); err != nil {
						return err
					}
					if err := h.Audit.Record(tx, owner.Event(audit.AddressMain, stranger.Visitor, who)); err != nil {
						return err
					}
					if err := h.Accounts.Note(tx, change, accounts.Demoted, main); err != nil || !removed {
						return err
					}
					_, err = h.Accounts.TakeAway(tx, main)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				h.Clock.Advance(5 * time.Minute)
				if n := len(h.told(kim)); n != 1 {
					t.Errorf("removed %v: the address as of the sign-in is told %d times", removed, n)
				}
				if n := h.Told(evil, notice.KindNewSignIn); n != 1 {
					t.Errorf("removed %v: the main address is told %d times", removed, n)
				}
				if n := h.Told(sam, notice.KindNewSignIn); n != 0 {
					t.Errorf("somebody else is told %d times", n)
				}
			})
		})
	}
}

func TestAnAddressThatLeftIsListedForItsTime(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		a := h.Active(sam).Live().Account
		change := accounts.NewChange()
		left := func(since time.Time) (out []accounts.Addr) {
			t.Helper()
			err := h.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
				out, err = h.Accounts.Left(tx, a, since)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		at := h.Clock.Now()
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			main, _, err := h.Accounts.Main(tx, a)
			if err != nil {
				return err
			}
			return h.Accounts.Note(tx, change, accounts.Demoted, main)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := left(at); len(got) != 1 || got[0].Written != sam {
			t.Errorf("%v", got)
		}
		if got := left(at.Add(time.Second)); len(got) != 0 {
			t.Errorf("of before: %v", got)
		}
	})
}
