package lifecycle_test

import (
	"slices"
	"sync"
	"testing"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/lifecycle"
	"parvis/internal/notify/notice"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// party reads a service of the house.
func party(t *testing.T, h *journeytest.House, rp id.RelyingParty) *relyingparty.RelyingParty {
	t.Helper()
	p, err := h.Registry.Find(t.Context(), rp)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	return p
}

// visited is what a visit to a service leaves: consent, a subject, and a grant whose
// code was redeemed for a token.
func visited(t *testing.T, h *journeytest.House, a id.Account, rp id.RelyingParty) (subject, token string) {
	t.Helper()
	sector := party(t, h, rp).Sector
	code, token := secret.NewToken(), secret.NewToken()
	gid := id.New[id.Grant]()
	write(t, h, func(tx *db.Tx) (err error) {
		if err := h.Lifecycle.Connections.Give(tx, connection.Asked{Account: a, RelyingParty: rp, Claims: []string{"email"}}); err != nil {
			return err
		}
		if subject, err = h.Lifecycle.Connections.Subject(tx, sector, a); err != nil {
			return err
		}
		return h.Lifecycle.Grants.Issue(tx, grant.Grant{ID: gid, Account: a, RelyingParty: rp, Session: "S", Subject: subject, AuthTime: tx.Now()},
			grant.Code{Digest: secret.Digest(code), RedirectURI: "https://" + string(rp) + ".test/callback"})
	})
	write(t, h, func(tx *db.Tx) error {
		r, err := h.Lifecycle.Grants.Redeem(tx, grant.Redemption{
			Code: code, RelyingParty: rp, RedirectURI: "https://" + string(rp) + ".test/callback", Token: secret.Digest(token),
		})
		if err == nil && r.Outcome != grant.Redeemed {
			t.Errorf("the code was not redeemed: %+v", r)
		}
		return err
	})
	return subject, token
}

// counts reports whether a token is good.
func counts(t *testing.T, h *journeytest.House, token string) (ok bool) {
	t.Helper()
	write(t, h, func(tx *db.Tx) (err error) {
		_, ok, err = h.Lifecycle.Grants.FindToken(tx, token)
		return err
	})
	return ok
}

func TestAServiceBeginsAnewWithOnePerson(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Active("eve@example.org")
		a, _ := find(t, h, address)
		eve, _ := find(t, h, "eve@example.org")
		subject, token := visited(t, h, a.ID, journeytest.Licences)
		other, kept := visited(t, h, a.ID, journeytest.Permits)
		eves, evesToken := visited(t, h, eve.ID, journeytest.Licences)
		reset := lifecycle.Reset{Service: party(t, h, journeytest.Licences), Subject: subject}
		var did lifecycle.Enrolment
		write(t, h, func(tx *db.Tx) (err error) {
			did, err = h.Lifecycle.ResetEnrolment(tx, reset)
			return err
		})
		if did.Account != a.ID || !slices.Equal(did.Ended, []id.RelyingParty{journeytest.Licences}) {
			t.Errorf("%+v", did)
		}
		if counts(t, h, token) || !counts(t, h, kept) || !counts(t, h, evesToken) {
			t.Error("another token was revoked than that of the person at the service")
		}
		write(t, h, func(tx *db.Tx) error {
			c := h.Lifecycle.Connections
			why, err := c.Needed(tx, connection.Asked{Account: a.ID, RelyingParty: journeytest.Licences})
			if err != nil || why != connection.First {
				t.Errorf("consent is not asked anew: %q %v", why, err)
			}
			fresh, err := c.Subject(tx, reset.Service.Sector, a.ID)
			if err != nil || fresh == subject {
				t.Errorf("the next visit is known by the old subject: %v", err)
			}
			if still, err := c.Subject(tx, party(t, h, journeytest.Permits).Sector, a.ID); err != nil || still != other {
				t.Errorf("the subject of another service changed: %v", err)
			}
			_, known, err := c.BySubject(tx, reset.Service.Sector, subject)
			if known {
				t.Error("the old subject leads to somebody")
			}
			return err
		})
		if k := h.Latest(address).Kind; k != notice.KindEnrolmentReset {
			t.Errorf("the person is told by %s", k)
		}
		if h.Events(audit.EnrolmentReset) != 1 || h.Events(audit.SubjectRetired) != 1 {
			t.Error("the events are missing")
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Lifecycle.ResetEnrolment(tx, reset); return err })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("a second time: %v", err)
		}
		reset.Service, reset.Subject = party(t, h, journeytest.Permits), eves
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Lifecycle.ResetEnrolment(tx, reset); return err })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("with the subject of another service: %v", err)
		}
	})
}

func TestServicesOfOneSectorBeginAnewTogether(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		a, _ := find(t, h, address)
		subject, token := visited(t, h, a.ID, journeytest.Licences)
		_, sharing := visited(t, h, a.ID, journeytest.Permits)
		var did lifecycle.Enrolment
		write(t, h, func(tx *db.Tx) (err error) {
			did, err = h.Lifecycle.ResetEnrolment(tx, lifecycle.Reset{
				Service: party(t, h, journeytest.Licences), Sharing: []*relyingparty.RelyingParty{party(t, h, journeytest.Permits)}, Subject: subject,
			})
			return err
		})
		if len(did.Ended) != 2 || counts(t, h, token) || counts(t, h, sharing) {
			t.Errorf("%+v", did)
		}
	})
}

func TestOfRacersOneResetsAnEnrolment(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		a, _ := find(t, h, address)
		subject, _ := visited(t, h, a.ID, journeytest.Licences)
		reset := lifecycle.Reset{Service: party(t, h, journeytest.Licences), Subject: subject}
		var wait sync.WaitGroup
		won := make(chan string, 60)
		made := make(chan string, 60)
		for i := range cap(won) {
			wait.Go(func() {
				if i%3 == 0 { // visits of the person in between
					var s string
					err := h.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
						s, err = h.Lifecycle.Connections.Subject(tx, reset.Service.Sector, a.ID)
						return err
					})
					if err == nil {
						made <- s
					}
					return
				}
				err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Lifecycle.ResetEnrolment(tx, reset); return err })
				switch {
				case err == nil:
					won <- subject
				case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unavailable):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		close(made)
		if len(won) != 1 || h.Events(audit.EnrolmentReset) != 1 {
			t.Errorf("%d resets, %d events", len(won), h.Events(audit.EnrolmentReset))
		}
		seen := map[string]bool{}
		for s := range made {
			seen[s] = true
		}
		delete(seen, subject)
		if len(seen) > 1 {
			t.Errorf("%d new subjects", len(seen))
		}
	}, journeytest.WithoutRehearsal())
}
