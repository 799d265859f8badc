package activity_test

import (
	"testing"
	"time"

	"parvis/internal/activity"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/secret"
	"parvis/internal/session"
)

// anew signs somebody in again in the browser where they are signed in, as a service may
// demand it (prompt=login).
func (h house) anew(b *journeytest.Browser, address string) {
	h.T.Helper()
	h.Clock.Advance(5 * time.Second) // a code lives longer
	before := b.Live().ID
	b.SignIn(b.From(journeytest.Permits, journeytest.ForceLogin), address, journeytest.Password)
	if after := b.Live().ID; after == "" || after == before {
		h.T.Fatalf("signing in anew keeps the session %q", before)
	}
}

func TestEndingASessionEndsWhatWasGivenInThoseThatItReplaced(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		phone, tablet := h.elsewhere(sam, phoneAgent), h.elsewhere(sam, phoneAgent)
		first, spared := h.give(phone), h.give(tablet)
		h.anew(phone, sam)
		second := h.give(phone)
		h.anew(phone, sam)
		if token, _ := h.counts(first); !token {
			t.Fatal("signing in anew ends what was given before")
		}
		last, mine := phone.Live(), h.give(desk)
		handle := dbtest.Second(t, h.DB, dbtest.WithClock(h.Clock.Now)) // another node
		node := &activity.Journey{DB: handle, Grants: h.j.Grants, Registry: h.Registry, Limiter: h.j.Limiter, Owners: h.j.Owners}
		if err := node.SignOut(t.Context(), desk.Visitor, last.ID); err != nil {
			t.Fatal(err)
		}
		for name, g := range map[string]given{"first": first, "second": second} {
			if token, code := h.counts(g); token || code {
				t.Errorf("what was given in the %s session: token %v, code %v", name, token, code)
			}
		}
		for name, g := range map[string]given{"here": mine, "on the tablet": spared} {
			if token, code := h.counts(g); !token || !code {
				t.Errorf("what was given %s: token %v, code %v", name, token, code)
			}
		}
	})
}

func TestASessionContinuesOnlyOneOfItsOwnAccountThatWasReplaced(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		h.Active(kim)
		start := func(older, address string) (session.New, session.Session) {
			t.Helper()
			h.Clock.Advance(time.Minute)
			b := h.Browser()
			b.SignIn(b.Direct(), address, journeytest.Password)
			n := session.Prepare(b.Live().Account, b.Live().Facts)
			var out session.Session
			err := h.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
				if _, err = h.Sessions.Reauthenticate(tx, older, n); err != nil {
					return err
				}
				out, err = h.Sessions.Find(tx, n.Token)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n, out
		}
		root := desk.Live()
		one, s1 := start(desk.Session, sam)
		two, s2 := start(one.Token, sam)
		_, s3 := start(one.Token, sam) // at the same time as the second
		if root.Lineage != root.ID || s1.Lineage != root.ID || s2.Lineage != root.ID || s3.Lineage != root.ID {
			t.Errorf("of %s: %s, %s, %s", root.ID, s1.Lineage, s2.Lineage, s3.Lineage)
		}
		if _, other := start(two.Token, kim); other.Lineage != other.ID {
			t.Error("another account continues the session of the one before")
		}
		_, back := start(two.Token, sam)
		if back.Lineage != root.ID {
			t.Error("who comes back after another one does not continue")
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.Sessions.EndAll(tx, root.Account, "", session.Revoked)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := start("", sam)
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.Sessions.End(tx, out.ID, session.SignedOut)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, after := start(out.Token, sam); after.Lineage != after.ID {
			t.Error("a session that was signed out is continued")
		}
	})
}

// What a node of the version before gave names its session and no lineage.
func TestWhatWasGivenWithoutALineageEndsWithItsSession(t *testing.T) {
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		phone := h.elsewhere(sam, phoneAgent)
		h.anew(phone, sam)
		live, code, gid := phone.Live(), secret.NewToken(), id.New[id.Grant]()
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			return h.j.Grants.Issue(tx, grant.Grant{
				ID: gid, Account: live.Account, RelyingParty: journeytest.Permits, Session: live.ID, Subject: "subject", AuthTime: tx.Now(),
			}, grant.Code{Digest: secret.Digest(code), RedirectURI: "https://permits.test/"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.j.SignOut(t.Context(), desk.Visitor, live.ID); err != nil {
			t.Fatal(err)
		}
		if got := h.redeem(code, secret.NewToken()); got != grant.Unknown {
			t.Errorf("the code gives %q", got)
		}
	})
}
