package profile_test

import (
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/profile"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
	"parvis/internal/signin"
)

const address = "sam@example.org"

// signIn signs in with a password and a code by mail, as a change of the account asks for.
func signIn(h *journeytest.House, word string) *journeytest.Browser {
	b := h.Browser()
	f := b.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
	b.SignIn(f, address, word)
	b.Enter(f, b.Ask(f, address))
	return b
}

func TestANewPasswordEndsTheOlderOneAndWhatItOpened(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		other := signIn(h, journeytest.Password)
		if err := h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: journeytest.Other, EndOthers: true}); err != nil {
			t.Fatal(err)
		}
		if p, err := h.Signin.Person(t.Context(), other.Visitor); err != nil || p != nil {
			t.Errorf("another browser is signed in still: %+v, %v", p, err)
		}
		if p, err := h.Signin.Person(t.Context(), b.Visitor); err != nil || p == nil {
			t.Errorf("the browser of the change is signed out: %v", err)
		}
		c := h.Browser()
		if r := c.SignIn(c.Direct(), address, journeytest.Password); r.Outcome != signin.Wrong {
			t.Errorf("the older password: %s", r.Outcome)
		}
		if r := c.SignIn(c.Direct(), address, journeytest.Other); r.Outcome != signin.SignedIn {
			t.Errorf("the new password: %s", r.Outcome)
		}
		if h.Told(address, notice.KindPasswordChanged) != 1 || h.Events(audit.PasswordChanged) != 1 {
			t.Errorf("told %d times, noted %d times", h.Told(address, notice.KindPasswordChanged), h.Events(audit.PasswordChanged))
		}
	})
}

func TestANewPasswordEndsWhatWasGivenBeforeAnotherBrowserSignedInAnew(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		other := signIn(h, journeytest.Password)
		before, code := other.Live(), secret.NewToken()
		other.SignIn(other.From(journeytest.Permits, journeytest.ForceLogin), address, journeytest.Password)
		if after := other.Live(); after.ID == before.ID || after.Lineage != before.Lineage {
			t.Fatalf("%s follows %s", after.ID, before.ID)
		}
		gid := id.New[id.Grant]()
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			return h.Profile.Grants.Issue(tx, grant.Grant{
				ID: gid, Account: before.Account, RelyingParty: journeytest.Permits, Session: before.ID, Lineage: before.Lineage, Subject: "subject", AuthTime: tx.Now(),
			}, grant.Code{Digest: secret.Digest(code), RedirectURI: "https://permits.test/"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: journeytest.Other, EndOthers: true}); err != nil {
			t.Fatal(err)
		}
		token := secret.Digest(secret.NewToken())
		var got grant.Result
		err = h.DB.WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
			got, err = h.Profile.Grants.Redeem(tx, grant.Redemption{Code: code, RelyingParty: journeytest.Permits, RedirectURI: "https://permits.test/", Token: token})
			return err
		})
		if err != nil || got.Outcome != grant.Unknown || got.Cause != grant.CodeRevoked {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAPasswordIsChangedByItsOwnerWithFreshProofsOnly(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		form := profile.PasswordForm{Password: journeytest.Other}
		if err := h.Profile.Password(t.Context(), h.Browser().Visitor, form); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody: %v", err)
		}
		thin := h.Browser()
		thin.SignIn(thin.Direct(), address, journeytest.Password)
		if err := h.Profile.Password(t.Context(), thin.Visitor, form); !fault.Is(err, fault.Denied) {
			t.Errorf("a password alone: %v", err)
		}
		h.Clock.Advance(h.Table.Window() + time.Minute)
		if err := h.Profile.Password(t.Context(), b.Visitor, form); !fault.Is(err, fault.Denied) {
			t.Errorf("old proofs: %v", err)
		}
		if h.Events(audit.PasswordChanged) != 0 {
			t.Error("the password was changed")
		}
	})
}

func TestAPasswordThatIsInUseOrBreaksARuleIsRefused(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		for _, word := range []string{journeytest.Password, "short", "password password", "sam@example.org", "Parvis Parvis"} {
			if err := h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: word}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", word, err)
			}
		}
	})
}

func TestThePageOfANewPasswordGuessesNoOlderOne(t *testing.T) {
	limits := ratelimit.Settings{PasswordAccount: ratelimit.Limit{Count: 3, Window: time.Hour}}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		var err error
		for range 4 {
			err = h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: journeytest.Password})
		}
		if !fault.Is(err, fault.Throttled) {
			t.Errorf("the fourth guess: %v", err)
		}
	}, journeytest.WithLimits(limits), journeytest.WithPassword(password.Cheap(password.Preset("parvis"))))
}

func TestWhoCameByAPartnerSetsAFirstPassword(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank("customer-1", address)
		view, err := h.Profile.PasswordPage(t.Context(), b.Visitor)
		if err != nil || !view.First || !view.Fresh {
			t.Fatalf("%+v, %v", view, err)
		}
		if err := h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: journeytest.Other}); err != nil {
			t.Fatal(err)
		}
		if view, _ = h.Profile.PasswordPage(t.Context(), b.Visitor); view.First {
			t.Error("the account has no password")
		}
		c := h.Browser()
		if r := c.SignIn(c.Direct(), address, journeytest.Other); r.Outcome != signin.SignedIn {
			t.Errorf("the first password: %s", r.Outcome)
		}
		if h.Events(audit.PasswordChanged) != 0 || h.Events(audit.PasswordSet) != 1 {
			t.Error("a first password is noted as a change")
		}
	})
}

func TestTheLanguageOfAnAccountIsOneThatTheDeploymentSpeaks(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		if err := h.Profile.Language(t.Context(), b.Visitor, "xx"); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown language: %v", err)
		}
		if err := h.Profile.Language(t.Context(), h.Browser().Visitor, "fr"); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody: %v", err)
		}
		for range 2 {
			if err := h.Profile.Language(t.Context(), b.Visitor, "fr"); err != nil {
				t.Fatal(err)
			}
		}
		if n := h.Events(audit.AccountLocaleChanged); n != 1 {
			t.Errorf("noted %d times", n)
		}
	})
}
