package screening_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/challenge"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/screening"
)

const address = "sam@example.org"

// limits let everything through that is not suspect.
func limits() ratelimit.Settings {
	all := ratelimit.Preset("parvis")
	return ratelimit.Settings{
		SuspectSigninIP: ratelimit.Limit{Count: 4, Window: time.Hour}, SuspectSigninAddress: ratelimit.Limit{Count: 2, Window: time.Hour},
		SuspectEnrollmentIP: ratelimit.Limit{Count: 2, Window: time.Hour}, SuspectResetIP: ratelimit.Limit{Count: 2, Window: time.Hour},
		SuspectContactIP: ratelimit.Limit{Count: 2, Window: time.Hour}, ChallengeMailIP: ratelimit.Limit{Count: 3, Window: time.Hour},
		MailAddress: all.MailAddress, MailRecipient: all.MailRecipient,
	}
}

// each runs a test with a journey on every engine.
func each(t *testing.T, when challenge.When, test func(t *testing.T, h *journeytest.House, j *screening.Journey)) {
	t.Helper()
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		s := challenge.Preset("parvis")
		s.When, s.Cost, s.Tries = when, 1, 4
		test(t, h, &screening.Journey{
			DB: h.DB, Accounts: h.Accounts, Sessions: h.Sessions, Outbox: h.Signin.Outbox, Audit: h.Audit, Limiter: h.Signin.Limiter,
			Challenges: &challenge.Challenges{DB: h.DB, Keys: h.Keys, Settings: s, Now: h.Clock.Now},
		})
	}, journeytest.WithoutRehearsal(), journeytest.WithLimits(limits()))
}

// stranger is somebody at a browser and a network of their own.
func stranger(h *journeytest.House, ip string) flow.Visitor {
	v := h.Browser().Visitor
	v.IP = ip
	return v
}

func admit(t *testing.T, j *screening.Journey, v screening.Visit) (screening.Result, error) {
	t.Helper()
	return j.Admit(t.Context(), v)
}

func refusedWith(err error, key string) bool {
	return fault.Is(err, fault.Invalid) && strings.Contains(err.Error(), key)
}

func asks(t *testing.T, j *screening.Journey, v screening.Visit) bool {
	t.Helper()
	text, err := j.Asks(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return text != ""
}

func TestNobodyIsAskedUntilANetworkIsSuspect(t *testing.T) {
	each(t, challenge.Suspicion, func(t *testing.T, h *journeytest.House, j *screening.Journey) {
		for _, form := range []screening.Form{screening.Create, screening.Recover, screening.Contact} {
			for i := range 4 {
				v := screening.Visit{Visitor: stranger(h, "198.51.100.7"), Form: form, Address: address}
				if got := asks(t, j, v); got != (i >= 2) {
					t.Errorf("%s %d: asks %t", form, i+1, got)
				}
				r, err := admit(t, j, v)
				if r.Admitted != (i < 2) || !r.Admitted && !refusedWith(err, "challenge.error.asked") {
					t.Errorf("%s %d: %+v %v", form, i+1, r, err)
				}
			}
			if asks(t, j, screening.Visit{Visitor: stranger(h, "198.51.100.8"), Form: form}) {
				t.Errorf("%s: another network is asked", form)
			}
		}
		for i := range 5 {
			v := screening.Visit{Visitor: stranger(h, "203.0.113.5"), Form: screening.SignIn, Address: "a" + string(rune('a'+i)) + "@example.org"}
			if r, _ := admit(t, j, v); r.Admitted != (i < 4) {
				t.Errorf("wrong password %d: %+v", i+1, r)
			}
			if err := j.Failed(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		h.Clock.Advance(time.Hour)
		if asks(t, j, screening.Visit{Visitor: stranger(h, "203.0.113.5"), Form: screening.SignIn}) {
			t.Error("suspicion does not end")
		}
	})
}

func TestAnAttackedAddressAsksStrangersAndNotItsOwnersBrowser(t *testing.T) {
	each(t, challenge.Suspicion, func(t *testing.T, h *journeytest.House, j *screening.Journey) {
		own := h.Active(address)
		for _, to := range []string{address, "nobody@example.org"} {
			for i, spelled := range []string{to, strings.ToUpper(to[:1]) + to[1:], " " + to} {
				v := screening.Visit{Visitor: stranger(h, "203.0.113."+string(rune('1'+i))), Form: screening.SignIn, Address: spelled}
				if r, _ := admit(t, j, v); r.Admitted != (i < 2) {
					t.Errorf("%q, wrong password %d: %+v", spelled, i+1, r)
				}
				if err := j.Failed(t.Context(), v); err != nil {
					t.Fatal(err)
				}
			}
		}
		if asks(t, j, screening.Visit{Visitor: own.Visitor, Form: screening.SignIn, Address: address}) {
			t.Error("the owner is asked because of strangers")
		}
	})
}

func TestOnlyWhoHasAnAccountIsMailedACodeToSignInAndNothingTells(t *testing.T) {
	each(t, challenge.Always, func(t *testing.T, h *journeytest.House, j *screening.Journey) {
		h.Active(address)
		h.Letters("")
		h.Clock.Advance(time.Hour)
		cost := map[string]int64{}
		for _, to := range []string{address, "nobody@example.org"} {
			v := screening.Visit{Visitor: stranger(h, "198.51.100.1"), Form: screening.SignIn, Address: to, Answer: screening.Answer{ByMail: true}}
			var r screening.Result
			var err error
			cost[to] = h.Statements(func() { r, err = admit(t, j, v) })
			if err != nil || r.Admitted || r.Mailed == "" {
				t.Errorf("%s: %+v %v", to, r, err)
			}
			v.Answer = screening.Answer{Mailed: r.Mailed, Code: "1"}
			if r, err := admit(t, j, v); !refusedWith(err, "challenge.error.code") || r.Mailed == "" {
				t.Errorf("%s, a wrong code: %+v %v", to, r, err)
			}
			letters := h.Letters(to)
			if to != address {
				if len(letters) != 0 {
					t.Error("somebody without an account is mailed")
				}
				continue
			}
			if len(letters) == 0 || letters[0].Kind != notice.KindOneTimeCode {
				t.Fatalf("%d letters", len(letters))
			}
			v.Answer.Code = letters[0].Codes[0]
			for range 2 { // a mistyped password needs no second mail
				if r, err := admit(t, j, v); err != nil || !r.Admitted {
					t.Errorf("the right code: %+v %v", r, err)
				}
			}
			other := v
			other.Address = "eve@example.org"
			if r, err := admit(t, j, other); r.Admitted || !refusedWith(err, "challenge.error.code-ended") {
				t.Errorf("for another address: %+v %v", r, err)
			}
			other = v
			other.Visitor = stranger(h, "198.51.100.1")
			if r, _ := admit(t, j, other); r.Admitted {
				t.Error("in another browser")
			}
		}
		if cost[address] != cost["nobody@example.org"] {
			t.Errorf("statements: %v", cost)
		}
		if n := h.Events(audit.ChallengeMailed); n != 2 {
			t.Errorf("%d events", n)
		}
	})
}

func TestTheWayByMailIsTakenOnlySoOftenFromOneNetworkAndForOneMailbox(t *testing.T) {
	each(t, challenge.Always, func(t *testing.T, h *journeytest.House, j *screening.Journey) {
		for i := range 5 {
			form := []screening.Form{screening.Create, screening.Recover, screening.Contact}[i%3]
			v := screening.Visit{Visitor: stranger(h, "198.51.100.2"), Form: form, Address: "w@example.org", Answer: screening.Answer{ByMail: true}}
			r, err := admit(t, j, v)
			if throttled := fault.Is(err, fault.Throttled); throttled != (i >= 3) || !throttled && r.Admitted != (form != screening.Contact) {
				t.Errorf("%d: %+v %v", i+1, r, err)
			}
		}
		sent := 0
		for i := range 20 {
			v := screening.Visit{Visitor: stranger(h, "203.0.113."+string(rune('0'+i%10))), Form: screening.Contact, Answer: screening.Answer{ByMail: true}}
			v.Address = []string{"x@example.org", "X@example.org", "x+1@example.org", "x+2@example.org"}[i%4]
			if r, err := admit(t, j, v); err == nil && r.Mailed != "" {
				sent++
			} else if !fault.Is(err, fault.Throttled) {
				t.Fatal(err)
			}
		}
		if most := int(limits().MailAddress.Count); sent != most {
			t.Errorf("%d codes to one mailbox, want %d", sent, most)
		}
	})
}

func TestTheCheckCanBeTurnedOff(t *testing.T) {
	each(t, challenge.Off, func(t *testing.T, h *journeytest.House, j *screening.Journey) {
		for _, form := range []screening.Form{screening.SignIn, screening.Create, screening.Recover, screening.Contact} {
			for range 6 {
				v := screening.Visit{Visitor: stranger(h, "198.51.100.3"), Form: form, Address: address}
				if err := j.Failed(t.Context(), v); err != nil {
					t.Fatal(err)
				}
				if r, err := admit(t, j, v); err != nil || !r.Admitted || asks(t, j, v) {
					t.Errorf("%s: %+v %v", form, r, err)
				}
			}
		}
	})
}
