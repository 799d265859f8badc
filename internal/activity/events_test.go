package activity_test

import (
	"fmt"
	"testing"
	"time"

	"parvis/internal/activity"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
)

func (h house) events(b *journeytest.Browser, before id.Event) activity.Events {
	h.T.Helper()
	out, err := h.j.Events(h.T.Context(), b.Visitor, before)
	if err != nil {
		h.T.Fatal(err)
	}
	return out
}

func (h house) record(list ...audit.Event) {
	h.T.Helper()
	err := h.DB.Write(h.T.Context(), func(tx *db.Tx) error {
		for _, e := range list {
			if err := h.Audit.Record(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.T.Fatal(err)
	}
}

func TestEveryEventOfAnAccountIsReadOnceAndNoOtherWhateverIsAddedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		b, other := h.Active(sam), h.Active(kim)
		mine := b.Live().Account
		var all []audit.Event
		for i := range 200 {
			// Five of one instant each: the identifiers decide between them.
			all = append(all, audit.Event{Name: audit.PasswordFailed, Account: mine, Outcome: audit.Refused, Data: map[string]string{"n": fmt.Sprint(i)}})
			all = append(all, audit.Event{Name: audit.SessionStarted, Account: mine, Outcome: audit.Success}) // hidden
			all = append(all, audit.Event{Name: audit.PasswordFailed, Account: other.Live().Account, Outcome: audit.Refused})
			if i%5 == 4 {
				h.Clock.Advance(time.Second)
				h.record(all...)
				all = nil
			}
		}
		seen := map[string]int{}
		last, pages := h.Clock.Now(), 0
		for before := id.Event(""); ; pages++ {
			page := h.events(b, before)
			for _, e := range page.Entries {
				if e.At.After(last) || e.Sort == activity.Hidden {
					t.Fatalf("%+v after %v", e, last)
				}
				last = e.At
				if n := e.Data["n"]; n != "" {
					seen[n]++
				}
			}
			h.record(audit.Event{Name: audit.PasswordFailed, Account: mine, Outcome: audit.Refused})
			if before = page.Older; before == "" {
				break
			}
		}
		if len(seen) != 200 || pages < 200/25 {
			t.Errorf("%d events on %d pages", len(seen), pages)
		}
		for n, times := range seen {
			if times != 1 {
				t.Errorf("event %s stands there %d times", n, times)
			}
		}
		foreign := h.events(other, "").Entries[0].ID
		for _, odd := range []id.Event{foreign, "nothing"} {
			if page := h.events(b, odd); len(page.Entries) != 0 || page.Older != "" {
				t.Errorf("before %q: %d events", odd, len(page.Entries))
			}
		}
		if _, err := h.j.Events(t.Context(), flow.Visitor{}, ""); !fault.Is(err, fault.Denied) {
			t.Errorf("to nobody: %v", err)
		}
	})
}

func TestASignInWithANewDeviceIsMarkedAndTheFirstOneIsNot(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		phone := h.elsewhere(sam, phoneAgent)
		h.Clock.Advance(time.Minute)
		phone.SignIn(phone.From(journeytest.Permits, journeytest.ForceLogin), sam, journeytest.Password)
		var signed []activity.Entry
		for _, e := range h.events(desk, "").Entries {
			if e.Name == audit.SigninSucceeded {
				signed = append(signed, e)
			}
		}
		if len(signed) != 3 {
			t.Fatalf("%d sign-ins", len(signed))
		}
		again, strange, first := signed[0], signed[1], signed[2]
		if again.New || !strange.New || first.New {
			t.Errorf("new: again %v, a phone %v, the first %v", again.New, strange.New, first.New)
		}
		if strange.Device != (notice.Device{Browser: "Safari", System: "iPhone"}) || strange.Here || !first.Here || again.Service != journeytest.Permits {
			t.Errorf("%+v, %+v, %+v", again, strange, first)
		}
	})
}

func TestWhatWasErasedOfAnEventIsNotShownAndTheTrailStaysWhole(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		b := h.Active(sam)
		if e := h.events(b, "").Entries[0]; e.Device == (notice.Device{}) {
			t.Fatalf("%+v", e)
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Audit.EraseAccount(tx, b.Live().Account) })
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.events(b, "").Entries {
			if e.Device != (notice.Device{}) {
				t.Errorf("%+v", e)
			}
		}
		if err := h.Audit.Chain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r, err := h.Audit.Verify(t.Context()); err != nil || len(r.Problems) > 0 || r.Erased == 0 {
			t.Errorf("%v %+v", err, r)
		}
	})
}
