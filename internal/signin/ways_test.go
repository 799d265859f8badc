package signin_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/signin"
)

// newest is the newest letter to an address, which must be of a kind.
func newest(t *testing.T, h *journeytest.House, to string, kind notice.Kind) notice.Letter {
	t.Helper()
	l := h.Latest(to)
	if l.Kind != kind {
		t.Fatalf("%s was told %q, want %q", to, l.Kind, kind)
	}
	return l
}

func TestTheWaysIntoAnAccountAreMailedToItsAddressOnly(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, "rose@example.org")
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		if err := h.Recovery.Ways(t.Context(), b.Visitor, f, address); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepSignIn)
		if l := newest(t, h, address, notice.KindWaysIn); !strings.Contains(l.Text, "your password") || strings.Contains(l.Text, "sign-in partner") {
			t.Errorf("the ways of an account with a password:\n%s", l.Text)
		}
		h.Clock.Advance(time.Minute)
		if err := h.Recovery.Ways(t.Context(), b.Visitor, f, "rose@example.org"); err != nil {
			t.Fatal(err)
		}
		if l := newest(t, h, "rose@example.org", notice.KindWaysIn); !strings.Contains(l.Text, "with the sign-in partner") || strings.Contains(l.Text, "address and your password") {
			t.Errorf("the ways of an account with a partner:\n%s", l.Text)
		}
		if got := h.Events(audit.SigninWaysRequested); got != 2 {
			t.Errorf("%d questions were noted", got)
		}
	})
}

// Whoever asks sees the same and causes the same work, whatever the address is.
func TestAskingForTheWaysTellsNothingOfAnAddress(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Browser().WithBank(customer, "rose@example.org")
		begun := h.Browser()
		begun.Create(begun.From(journeytest.Permits), "pending@example.org")
		h.Clock.Advance(time.Minute)
		for to, kind := range map[string]notice.Kind{
			address: notice.KindWaysIn, "rose@example.org": notice.KindWaysIn,
			"pending@example.org": notice.KindWaysNoAccount, "nobody@example.org": notice.KindWaysNoAccount,
		} {
			b := h.Browser()
			f := b.From(journeytest.Permits)
			letters, events := len(h.Letters(to)), h.Events(audit.SigninWaysRequested)
			if err := h.Recovery.Ways(t.Context(), b.Visitor, f, to); err != nil {
				t.Fatalf("%s: %v", to, err)
			}
			v := b.View(f)
			if v.Step != signin.StepSignIn || v.Address != to || v.Notice != "" || v.Person != nil {
				t.Errorf("%s: %+v", to, v)
			}
			if n := len(h.Letters(to)) - letters; n != 1 || h.Events(audit.SigninWaysRequested) != events+1 {
				t.Errorf("%s: %d letters, %d events", to, n, h.Events(audit.SigninWaysRequested)-events)
			}
			newest(t, h, to, kind)
		}
	})
}

func TestAskingForTheWaysIsLimitedForAnAddressWithAndWithoutAnAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		var ends []int
		for _, to := range []string{address, "nobody@example.org"} {
			for i := 1; ; i++ {
				b := h.Browser()
				err := h.Recovery.Ways(t.Context(), b.Visitor, b.From(journeytest.Permits), to)
				if fault.Is(err, fault.Throttled) {
					ends = append(ends, i)
					break
				}
				if err != nil || i > 20 {
					t.Fatalf("%s: question %d: %v", to, i, err)
				}
			}
		}
		if ends[0] != 6 || ends[1] != 6 {
			t.Errorf("the limit acts at question %v", ends)
		}
	}, journeytest.WithoutRehearsal(), journeytest.WithLimits(ratelimit.Preset("parvis")))
}

func TestAskingForTheWaysWantsAnAddressAndAnOpenJourney(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f := b.From(journeytest.Permits) // signed in: nothing is asked any more
		if err := h.Recovery.Ways(t.Context(), b.Visitor, f, address); !fault.Is(err, fault.Conflict) {
			t.Errorf("out of turn: %v", err)
		}
		c := h.Browser()
		g := c.From(journeytest.Permits)
		if err := h.Recovery.Ways(t.Context(), c.Visitor, g, "no address"); !fault.Is(err, fault.Invalid) {
			t.Errorf("no address: %v", err)
		}
		if err := h.Recovery.Ways(t.Context(), h.Browser().Visitor, g, address); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody else's journey: %v", err)
		}
	})
}
