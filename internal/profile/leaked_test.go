package profile_test

import (
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/profile"
	"parvis/internal/signin"
)

func TestAPasswordFromALeakIsToldOnceAndUntilThereIsAnother(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		leaked := func() bool {
			view, err := h.Profile.PasswordPage(t.Context(), b.Visitor)
			if err != nil {
				t.Fatal(err)
			}
			return view.Leaked
		}
		h.LeakedPassword = journeytest.Password
		stranger := h.Browser()
		stranger.SignIn(stranger.Direct(), address, "not the password at all")
		if leaked() || h.Events(audit.PasswordLeaked) != 0 {
			t.Error("a wrong password is told of")
		}
		for range 2 {
			c := h.Browser()
			if r := c.SignIn(c.Direct(), address, journeytest.Password); r.Outcome != signin.SignedIn {
				t.Fatalf("the sign-in: %s", r.Outcome)
			}
			h.Clock.Advance(time.Second)
		}
		if !leaked() || h.Told(address, notice.KindPasswordLeaked) != 1 || h.Events(audit.PasswordLeaked) != 1 {
			t.Errorf("known %v, told %d times, noted %d times", leaked(), h.Told(address, notice.KindPasswordLeaked), h.Events(audit.PasswordLeaked))
		}
		if err := h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: journeytest.Other}); err != nil {
			t.Fatal(err)
		}
		if leaked() {
			t.Error("the new password is said to be from the leak")
		}
	})
}
