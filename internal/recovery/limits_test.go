package recovery_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/enrollment"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/ratelimit"
)

// aliases are ways of writing one mailbox.
func aliases() []string {
	return []string{"sam@example.org", "SAM@example.org", " sam@EXAMPLE.org ", "sam+a@example.org", "Sam+b.c@example.org", "sam+sam@EXAMPLE。org"}
}

// everyMail asks once for each kind of mail that somebody not signed in can ask for.
func everyMail(t *testing.T, h *journeytest.House, b *journeytest.Browser, to string) []error {
	t.Helper()
	ctx := t.Context()
	ask := []func() error{
		func() error { _, err := h.Recovery.Reset(ctx, b.Visitor, b.From(journeytest.Licences), to); return err },
		func() error {
			_, err := h.Recovery.Unlock(ctx, b.Visitor, b.From(journeytest.Licences), to)
			return err
		},
		func() error { return h.Recovery.Ways(ctx, b.Visitor, b.From(journeytest.Licences), to) },
		func() error {
			form := enrollment.AddressForm{Address: to, Locale: "en", Terms: true}
			_, err := h.Enroll.Address(ctx, b.Visitor, b.From(journeytest.Licences), form)
			return err
		},
	}
	var out []error
	for _, one := range ask {
		out = append(out, one())
	}
	return out
}

// sent counts the letters that went to one mailbox, by whatever of its addresses.
func sent(h *journeytest.House) int {
	h.Letters("")
	return len(h.Box.Letters())
}

func TestAMailboxIsNotBombedByKindsOfMailOrByAliases(t *testing.T) {
	limits := ratelimit.Settings{MailAddress: ratelimit.Preset("parvis").MailAddress}
	most := int(limits.MailAddress.Count)
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(aliases()[0])
		h.Clock.Advance(2 * time.Hour)
		before := sent(h)
		var all sync.WaitGroup
		for _, to := range aliases() {
			b := h.Browser()
			all.Go(func() {
				for _, err := range everyMail(t, h, b, to) {
					if err != nil && !fault.Is(err, fault.Throttled) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := sent(h) - before; n != most {
			t.Errorf("%d mails to one mailbox in an hour, want %d", n, most)
		}
		h.Clock.Advance(time.Hour)
		if errs := everyMail(t, h, h.Browser(), aliases()[0]); errs[0] != nil {
			t.Errorf("after an hour: %v", errs[0])
		}
	}, journeytest.WithoutRehearsal(), journeytest.WithLimits(limits))
}

func TestMailsThatStrangersAskForDoNotKeepTheOwnerFromAReset(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		own.Session = ""
		h.Clock.Advance(2 * time.Hour)
		for range 30 {
			stranger := h.Browser()
			stranger.IP = "198.51.100.9"
			_, err := h.Recovery.Reset(t.Context(), stranger.Visitor, stranger.Direct(), address)
			if err != nil && !fault.Is(err, fault.Throttled) {
				t.Fatal(err)
			}
		}
		other := h.Browser()
		if _, err := h.Recovery.Reset(t.Context(), other.Visitor, other.Direct(), address); !fault.Is(err, fault.Throttled) {
			t.Error("strangers are not limited")
		}
		before := sent(h)
		own.Reset(own.Direct(), address)
		if n := sent(h) - before; n != 1 {
			t.Errorf("%d mails for the owner's browser, want 1", n)
		}
	}, journeytest.WithoutRehearsal(), journeytest.WithLimits(ratelimit.Preset("parvis")))
}

func TestAMailboxThatHadEnoughIsSentNoMoreAndNoPageTells(t *testing.T) {
	limits := ratelimit.Settings{MailRecipient: ratelimit.Limit{Count: 3, Window: time.Hour}}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Clock.Advance(2 * time.Hour)
		before := sent(h)
		for range 3 {
			for _, err := range everyMail(t, h, h.Browser(), address) {
				if err != nil {
					t.Errorf("the answer tells: %v", err)
				}
			}
		}
		if n := sent(h) - before; n != 3 {
			t.Errorf("%d mails, want 3", n)
		}
	}, journeytest.WithoutRehearsal(), journeytest.WithLimits(limits))
}
