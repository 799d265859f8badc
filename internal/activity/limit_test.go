package activity_test

import (
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
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
