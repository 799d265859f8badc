package activity_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/activity"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/secret"
	"parvis/internal/session"
)

const (
	phoneAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	sam        = "sam@example.org"
	kim        = "kim@example.org"
)

// house is the journeys of a test with this one.
type house struct {
	*journeytest.House

	j *activity.Journey
}

func each(t *testing.T, test func(t *testing.T, h house), options ...journeytest.Option) {
	t.Helper()
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		test(t, house{House: h, j: &activity.Journey{
			DB: h.DB, Grants: h.Signin.Grants, Registry: h.Registry, Limiter: h.Signin.Limiter,
			Owners: h.Signin.Owners,
		}})
	}, options...)
}

// elsewhere signs the owner of an address in with another browser.
func (h house) elsewhere(address, agent string) *journeytest.Browser {
	h.T.Helper()
	h.Clock.Advance(time.Minute)
	b := h.Browser()
	b.UserAgent = agent
	b.SignIn(b.Direct(), address, journeytest.Password)
	return b
}

func (h house) open(b *journeytest.Browser) activity.Sessions {
	h.T.Helper()
	all, err := h.j.Sessions(h.T.Context(), b.Visitor)
	if err != nil {
		h.T.Fatal(err)
	}
	return all
}

// given is what a service was given in a session: an access token, and a code that was
// not redeemed yet.
type given struct{ token, code string }

func (h house) give(b *journeytest.Browser) given {
	h.T.Helper()
	live := b.Live()
	out := given{token: secret.NewToken(), code: secret.NewToken()}
	redeemed := secret.NewToken()
	first, second := id.New[id.Grant](), id.New[id.Grant]()
	err := h.DB.Write(h.T.Context(), func(tx *db.Tx) error {
		for gid, code := range map[id.Grant]string{first: redeemed, second: out.code} {
			g := grant.Grant{ID: gid, Account: live.Account, RelyingParty: journeytest.Permits, Session: live.ID, Lineage: live.Lineage, Subject: "subject", AuthTime: tx.Now()}
			if err := h.j.Grants.Issue(tx, g, grant.Code{Digest: secret.Digest(code), RedirectURI: "https://permits.test/"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.T.Fatal(err)
	}
	if got := h.redeem(redeemed, out.token); got != grant.Redeemed {
		h.T.Fatalf("the code gives %q", got)
	}
	return out
}

func (h house) redeem(code, token string) (out grant.Outcome) {
	h.T.Helper()
	err := h.DB.WriteStatement(h.T.Context(), func(tx *db.Tx) error {
		r, err := h.j.Grants.Redeem(tx, grant.Redemption{Code: code, RelyingParty: journeytest.Permits, RedirectURI: "https://permits.test/", Token: secret.Digest(token)})
		out = r.Outcome
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return out
}

// counts reports whether what was given in a session is still worth something.
func (h house) counts(g given) (token, code bool) {
	h.T.Helper()
	err := h.DB.Read(h.T.Context(), func(tx *db.Tx) (err error) {
		_, token, err = h.j.Grants.FindToken(tx, g.token)
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return token, h.redeem(g.code, secret.NewToken()) == grant.Redeemed
}

func (h house) signedIn(b *journeytest.Browser) bool {
	_, err := h.j.Sessions(h.T.Context(), b.Visitor)
	if err != nil && !fault.Is(err, fault.Denied) {
		h.T.Fatal(err)
	}
	return err == nil
}

func TestTheOwnerSeesEachSessionWithItsDeviceAndWhatWasProven(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		h.Active(kim)
		since := h.Clock.Now()
		phone := h.elsewhere(sam, phoneAgent)
		all := h.open(phone).Open
		if len(all) != 2 || !all[0].Here || all[1].Here {
			t.Fatalf("%+v", all)
		}
		if all[0].Device != (notice.Device{Browser: "Safari", System: "iPhone"}) || all[1].Device.Browser != "Firefox" {
			t.Errorf("devices %+v, %+v", all[0].Device, all[1].Device)
		}
		if !all[0].Since.After(since) || all[0].Facts.Password.IsZero() || !all[1].Since.Equal(since) {
			t.Errorf("%+v", all)
		}
		if mine := h.open(desk).Open; !mine[0].Here || mine[0].ID != all[1].ID {
			t.Errorf("from the desk: %+v", mine)
		}
		if _, err := h.j.Sessions(t.Context(), h.Browser().Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("to nobody: %v", err)
		}
	})
}

func TestOneSessionEndsWithWhatWasGivenInItAndNoOther(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		phone := h.elsewhere(sam, phoneAgent)
		stranger := h.Active(kim)
		mine, there := h.give(desk), h.give(phone)
		which := phone.Live().ID
		if err := h.j.SignOut(t.Context(), stranger.Visitor, which); !fault.Is(err, fault.NotFound) {
			t.Errorf("by somebody else: %v", err)
		}
		if err := h.j.SignOut(t.Context(), desk.Visitor, which); err != nil {
			t.Fatal(err)
		}
		if h.signedIn(phone) || !h.signedIn(desk) || !h.signedIn(stranger) {
			t.Error("the wrong sessions ended")
		}
		if token, code := h.counts(there); token || code {
			t.Errorf("what was given there: token %v, code %v", token, code)
		}
		if token, code := h.counts(mine); !token || !code {
			t.Errorf("what was given here: token %v, code %v", token, code)
		}
		if err := h.j.SignOut(t.Context(), desk.Visitor, which); !fault.Is(err, fault.NotFound) {
			t.Errorf("again: %v", err)
		}
		if err := h.j.SignOut(t.Context(), phone.Visitor, desk.Live().ID); !fault.Is(err, fault.Denied) {
			t.Errorf("by who was signed out: %v", err)
		}
		if n := h.Events(audit.SessionEnded); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

func TestSigningOutOfTheOthersSparesThisOneAndEverywhereSparesNone(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		before := h.elsewhere(sam, phoneAgent)
		old := h.give(before)
		if err := h.Signin.SignOut(t.Context(), before.Visitor); err != nil {
			t.Fatal(err)
		}
		phone, stranger := h.elsewhere(sam, phoneAgent), h.Active(kim)
		mine, there, foreign := h.give(desk), h.give(phone), h.give(stranger)
		if err := h.j.SignOutOthers(t.Context(), desk.Visitor); err != nil {
			t.Fatal(err)
		}
		if h.signedIn(phone) || !h.signedIn(desk) || !h.signedIn(stranger) {
			t.Error("the wrong sessions ended")
		}
		for name, g := range map[string]given{"there": there, "in a session that had ended": old} {
			if token, code := h.counts(g); token || code {
				t.Errorf("what was given %s: token %v, code %v", name, token, code)
			}
		}
		if token, _ := h.counts(mine); !token {
			t.Error("what was given here ended")
		}
		if l := h.Latest(sam); l.Kind != notice.KindSignedOut {
			t.Errorf("the owner is told %q", l.Kind)
		}

		more := h.give(desk)
		if err := h.j.SignOutEverywhere(t.Context(), desk.Visitor); err != nil {
			t.Fatal(err)
		}
		if h.signedIn(desk) || !h.signedIn(stranger) {
			t.Error("the wrong sessions ended")
		}
		for _, g := range []given{mine, more} {
			if token, code := h.counts(g); token || code {
				t.Errorf("what was given here: token %v, code %v", token, code)
			}
		}
		if token, code := h.counts(foreign); !token || !code {
			t.Error("what somebody else had given ended")
		}
		if n := len(h.Letters(sam)); n == 0 || h.Events(audit.SessionEnded) != 2 {
			t.Errorf("%d letters, %d events", n, h.Events(audit.SessionEnded))
		}
		if err := h.j.SignOutEverywhere(t.Context(), desk.Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("again: %v", err)
		}
	})
}

// Of codes that are given while the owner signs out everywhere, none is worth anything
// afterwards: either it was given before and ends, or its session is gone.
func TestNothingGivenWhileSigningOutEverywhereOutlivesIt(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		phone := h.elsewhere(sam, phoneAgent)
		live := phone.Live()
		var wait sync.WaitGroup
		codes := make([]string, 20)
		for i := range codes {
			code, gid := secret.NewToken(), id.New[id.Grant]()
			wait.Go(func() {
				err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
					s, err := h.Sessions.FindLive(tx, phone.Session)
					if err != nil || s.ID == "" {
						return err
					}
					g := grant.Grant{ID: gid, Account: live.Account, RelyingParty: journeytest.Permits, Session: s.ID, Subject: "subject", AuthTime: tx.Now()}
					return h.j.Grants.Issue(tx, g, grant.Code{Digest: secret.Digest(code), RedirectURI: "https://permits.test/"})
				})
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
				codes[i] = code
			})
		}
		wait.Go(func() {
			err := h.j.SignOutEverywhere(t.Context(), desk.Visitor)
			for fault.Is(err, fault.Unavailable) { // as whoever was told to come back does
				err = h.j.SignOutEverywhere(t.Context(), desk.Visitor)
			}
			if err != nil {
				t.Error(err)
			}
		})
		wait.Wait()
		for _, code := range codes {
			if h.redeem(code, secret.NewToken()) == grant.Redeemed {
				t.Error("a code outlives signing out everywhere")
			}
		}
	}, journeytest.WithoutRehearsal())
}

// What services were given elsewhere is theirs until it runs out or is revoked, whatever
// became of the session; what they were given here is no part of that.
func TestTheOwnerSeesWhichServicesCanGoOnFromOtherSessions(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		h.give(desk)
		if got := h.open(desk).Services; len(got) != 0 {
			t.Errorf("given here, and said to be given elsewhere: %v", got)
		}
		phone := h.elsewhere(sam, phoneAgent)
		h.give(phone)
		stranger := h.Active(kim)
		if got := h.open(stranger).Services; len(got) != 0 {
			t.Errorf("those of another account: %v", got)
		}
		live := phone.Live()
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.j.Owners.Sessions.EndOne(tx, live.Account, live.ID, session.SignedOut)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		all := h.open(desk)
		if len(all.Open) != 1 || len(all.Services) != 1 || all.Services[0] != journeytest.Permits {
			t.Errorf("%d open, services %v", len(all.Open), all.Services)
		}
		if err := h.j.SignOutOthers(t.Context(), desk.Visitor); err != nil {
			t.Fatal(err)
		}
		if got := h.open(desk).Services; len(got) != 0 {
			t.Errorf("revoked, and said to go on: %v", got)
		}
		h.give(h.elsewhere(sam, phoneAgent))
		h.Clock.Advance(48 * time.Hour)
		back := h.Browser()
		back.SignIn(back.Direct(), sam, journeytest.Password)
		if got := h.open(back).Services; len(got) != 0 {
			t.Errorf("run out, and said to go on: %v", got)
		}
	})
}
