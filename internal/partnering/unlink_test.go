package partnering_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/recovery"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// linkedOwner is the owner of an account with a password, who has linked the bank.
func linkedOwner(h *journeytest.House) (*journeytest.Browser, upstream.LinkID) {
	h.T.Helper()
	h.Active(address)
	h.Clock.Advance(time.Minute)
	b := h.Browser()
	f := b.From(journeytest.Permits)
	b.AtBank(f, customer)
	b.SignIn(f, address, journeytest.Password)
	b.Enter(f, b.Ask(f, address))
	b.LinkBank(f, customer)
	list, err := h.Partnering.Linked(h.T.Context(), b.Visitor)
	if err != nil || len(list) != 1 {
		h.T.Fatalf("%+v, %v", list, err)
	}
	return b, list[0].ID
}

// A partner is removed when it is in other hands: whoever came in with it goes with it.
func TestRemovingAPartnerEndsTheOtherSessionsThatAPartnerOpened(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, link := linkedOwner(h)
		thief := h.Browser()
		thief.AtBank(thief.From(journeytest.Permits), customer)
		other := h.Browser()
		other.SignIn(other.From(journeytest.Permits), address, journeytest.Password)
		if thief.Who() != owner.Who() {
			t.Fatal("the bank does not open the account")
		}
		ended := h.Events(audit.SessionEnded)
		if err := h.Partnering.Unlink(t.Context(), owner.Visitor, link); err != nil {
			t.Fatal(err)
		}
		if thief.Who() != "" {
			t.Error("who came in with the partner is still signed in")
		}
		if owner.Who() == "" || other.Who() == "" {
			t.Error("a session of the password is ended, too")
		}
		if got := h.Events(audit.SessionEnded) - ended; got != 1 {
			t.Errorf("%d ends of sessions are noted", got)
		}
		if list, err := h.Stepup.Overview(t.Context(), owner.Visitor); err != nil || len(list.Browsers) != 0 {
			t.Errorf("remembered browsers: %+v, %v", list.Browsers, err)
		}
		for _, e := range h.Recent() {
			if e.Name == audit.UpstreamUnlinked && (e.Session == "" || e.Personal.IP == "") || e.Name == audit.UpstreamLinked && (e.Session == "" || e.Flow == "") {
				t.Errorf("%s says not where: %+v", e.Name, e)
			}
		}
	})
}

// A session ends by itself before what lets a service go on does: who came in with the
// partner may hold that still.
func TestRemovingAPartnerEndsWhatWasGivenByItInSessionsThatEnded(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, link := linkedOwner(h)
		given := func(code string, session id.Session, amr ...string) {
			t.Helper()
			if err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
				return h.Owners.Grants.Issue(tx, grant.Grant{
					ID: id.New[id.Grant](), Account: owner.Who(), RelyingParty: journeytest.Permits, Session: session, Scopes: []string{"openid"}, AMR: amr, AuthTime: tx.Now(),
				}, grant.Code{Digest: secret.Digest(code), RedirectURI: "https://permits.test/"})
			}); err != nil {
				t.Fatal(err)
			}
		}
		given("by the partner", "ended", "partner")
		given("by the partner and more", "ended", "partner", "otp", "mfa")
		given("by the password", "ended", "pwd")
		given("here", owner.Live().ID, "partner", "pwd")
		if err := h.Partnering.Unlink(t.Context(), owner.Visitor, link); err != nil {
			t.Fatal(err)
		}
		for code, want := range map[string]grant.Outcome{
			"by the partner": grant.Unknown, "by the partner and more": grant.Unknown, "by the password": grant.Redeemed, "here": grant.Redeemed,
		} {
			token := secret.Digest(secret.NewToken())
			var got grant.Result
			if err := h.DB.WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
				got, err = h.Owners.Grants.Redeem(tx, grant.Redemption{Code: code, RelyingParty: journeytest.Permits, RedirectURI: "https://permits.test/", Token: token})
				return err
			}); err != nil || got.Outcome != want {
				t.Errorf("%s: %q (%s), %v", code, got.Outcome, got.Cause, err)
			}
		}
	})
}

// Facts name the door: another partner's sessions are none of its business. Of a session
// that does not say, nobody knows.
func TestRemovingAPartnerLeavesTheSessionsOfAnother(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, link := linkedOwner(h)
		who := owner.Live().Account
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			return h.Links.Link(tx, "UNION", who, journeytest.UnionIssuer, customer)
		}); err != nil {
			t.Fatal(err)
		}
		sessions := map[string]session.New{
			"the bank":         session.Prepare(who, policy.ByPartner(policy.Partner{At: h.Clock.Now(), Door: "bank"}, "")),
			"nobody knows":     session.Prepare(who, policy.ByPartner(policy.Partner{At: h.Clock.Now()}, "")),
			"one that is gone": session.Prepare(who, policy.ByPartner(policy.Partner{At: h.Clock.Now(), Door: "gone"}, "")),
			"the union":        session.Prepare(who, policy.ByPartner(policy.Partner{At: h.Clock.Now(), Door: "union"}, "")),
			"a password":       session.Prepare(who, policy.Facts{Password: h.Clock.Now()}),
		}
		for _, n := range sessions {
			if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Sessions.Start(tx, n); return err }); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Partnering.Unlink(t.Context(), owner.Visitor, link); err != nil {
			t.Fatal(err)
		}
		for name, n := range sessions {
			var live bool
			if err := h.DB.Read(t.Context(), func(tx *db.Tx) error {
				s, err := h.Sessions.ByID(tx, n.ID)
				live = s.Live()
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if want := name == "the union" || name == "a password"; live != want {
				t.Errorf("opened by %s: goes on %v, want %v", name, live, want)
			}
		}
	}, journeytest.WithUnion())
}

// Whatever the order of a removal and of answers that come back: nobody is left inside.
func TestAPartnerThatIsRemovedWhileAnswersComeBackOpensNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, link := linkedOwner(h)
		h.Bank.Comes(customer)
		thieves := make([]*journeytest.Browser, 12)
		answers := make([]upstream.Answer, len(thieves))
		for i := range thieves {
			thieves[i] = h.Browser()
			answers[i] = thieves[i].ToBank(thieves[i].From(journeytest.Permits))
		}
		var all sync.WaitGroup
		for i, b := range thieves {
			all.Go(func() {
				_, r, err := h.Signin.PartnerReturn(t.Context(), b.Visitor, journeytest.BankID, answers[i])
				if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable) {
					t.Errorf("thief %d: %v", i, err)
				}
				b.Keep(r.Cookies)
			})
		}
		all.Go(func() {
			var err error
			for range 20 {
				if err = h.Partnering.Unlink(t.Context(), owner.Visitor, link); !fault.Is(err, fault.Unavailable) {
					break
				}
			}
			if err != nil {
				t.Errorf("unlink: %v", err)
			}
		})
		all.Wait()
		for i, b := range thieves {
			if b.Who() != "" {
				t.Errorf("thief %d is inside", i)
			}
		}
	}, journeytest.WithoutRehearsal())
}

// Whoever does what the mails say has closed the way in that is not theirs.
func TestTheMailsAboutAPartnerLeadToItsRemoval(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, link := linkedOwner(h)
		h.Clock.Advance(time.Hour)
		b := h.Browser()
		f := b.Direct()
		b.Reset(f, address)
		b.Recover(journeytest.Token(h.Latest(address)))
		if _, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: journeytest.Other, EndSessions: true}); err != nil {
			t.Fatal(err)
		}
		if owner.Who() != "" {
			t.Fatal("the reset has not ended the other session")
		}
		said := map[notice.Kind]string{notice.KindPartnerLinked: "remove the sign-in partner that is not yours", notice.KindPasswordChanged: "sign-in partner still opens your account"}
		for _, l := range h.Letters(address) {
			if words, about := said[l.Kind]; about {
				if text := strings.Join(strings.Fields(l.Text), " "); !strings.Contains(text, words) || !strings.Contains(text, "/settings?lang=en") {
					t.Errorf("%s does not say how to remove a partner:\n%s", l.Kind, l.Text)
				}
				delete(said, l.Kind)
			}
		}
		if len(said) > 0 {
			t.Errorf("not mailed: %v", said)
		}
		c := h.Browser()
		g := c.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
		c.SignIn(g, address, journeytest.Other)
		c.Enter(g, c.Ask(g, address))
		if err := h.Partnering.Unlink(t.Context(), c.Visitor, link); err != nil {
			t.Fatal(err)
		}
		i := h.Browser()
		if r := i.AtBank(i.From(journeytest.Permits), customer); r.Outcome == signin.SignedIn {
			t.Error("the partner still opens the account")
		}
	})
}

// A link to a partner that is gone, or out of use, opens nothing: it is no second way in.
func TestALinkToAPartnerThatIsGoneIsNoWayIn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			return h.Links.Link(tx, "dead-link", owner, "https://gone.test", "somebody")
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := h.Partnering.Linked(t.Context(), b.Visitor)
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, l := range list {
			if dead := l.ID == "dead-link"; l.Only == dead {
				t.Errorf("%s: only %v", l.Issuer, l.Only)
			} else if !dead {
				if err := h.Partnering.Unlink(t.Context(), b.Visitor, l.ID); !fault.Is(err, fault.Conflict) {
					t.Errorf("the last way in is removed: %v", err)
				}
			}
		}
		if err := h.Partnering.Unlink(t.Context(), b.Visitor, "dead-link"); err != nil {
			t.Errorf("a dead link stays: %v", err)
		}
		if err := h.Partnering.Unlink(t.Context(), b.Visitor, "no link at all"); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
			t.Errorf("a link that is none: %v", err)
		}
	})
}
