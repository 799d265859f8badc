package leaving_test

import (
	"errors"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/session"
)

// Words that stand nowhere but in what the person of full gave.
const (
	fullMain   = "canary.first@lighthouse.example"
	fullSecond = "canary.second@lighthouse.example"
	fullFormer = "canary.former@lighthouse.example"
	fullOther  = "canary.merged@lighthouse.example"
	fullApp    = "Canaryapp"
	fullPhone  = "Canaryphone"
	fullNumber = "+14165550142"
	fullAgent  = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Canaryagent/7"
	fullIP     = "203.0.113.77"
	fullAtBank = "canary-customer-at-the-bank"
)

// canaries are what must be nowhere once the account is erased.
func canaries() []string {
	return []string{
		fullMain, fullSecond, fullFormer, fullOther, "canary.first", "lighthouse", fullApp, fullPhone, fullNumber, "4165550142",
		"Canaryagent", fullIP, fullAtBank,
	}
}

// somebody is the person of full.
type somebody struct {
	*journeytest.Browser // in which they have just proven who they are

	account id.Account
	secrets []string // of their methods
}

// full is a person with something in every field that a person can have.
func full(t testing.TB, h *journeytest.House) somebody {
	t.Helper()
	h.Active(fullMain)
	h.Active(fullOther)
	a, _ := find(t, h, fullMain)
	other, _ := find(t, h, fullOther)
	h.Clock.Advance(time.Hour)

	fullAddresses(t, h, a.ID)
	secrets := fullMethods(t, h, a.ID)
	fullSessions(t, h, a.ID)

	subject, _, _ := visited(t, h, a.ID, journeytest.Licences)
	_, token, _ := visited(t, h, a.ID, journeytest.Permits)
	licences, err := h.Registry.Find(t.Context(), journeytest.Licences)
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) error {
		if _, err := h.Lifecycle.Connections.Retire(tx, licences.Sector, a.ID, subject, "reset"); err != nil {
			return err
		}
		if err := h.Lifecycle.Connections.Used(tx, a.ID, journeytest.Permits); err != nil {
			return err
		}
		all, err := h.Accounts.Addresses(tx, a.ID)
		if err != nil {
			return err
		}
		if _, err := h.Lifecycle.Connections.Share(tx, a.ID, journeytest.Licences, all[0].ID); err != nil {
			return err
		}
		return h.Lifecycle.Grants.EndConnection(tx, a.ID, journeytest.Licences)
	})
	if !counts(t, h, token) {
		t.Fatal("the token is not good")
	}
	visited(t, h, a.ID, journeytest.Licences)

	link := account.NewMerge()
	write(t, h, func(tx *db.Tx) error {
		if err := h.Links.Link(tx, "FULL", a.ID, "https://bank.test", fullAtBank); err != nil {
			return err
		}
		if err := h.Links.Used(tx, "FULL"); err != nil {
			return err
		}
		if err := h.Links.Block(tx, a.ID, "https://union.test"); err != nil {
			return err
		}
		m, err := h.Merging.Merges.Begin(tx, link, a.ID, other.ID)
		if err != nil {
			return err
		}
		_, err = h.Merging.Merges.Undo(tx, m)
		return err
	})
	fullWishes(t, h, a.ID)
	return somebody{fullSignIn(t, h), a.ID, secrets}
}

// fullSignIn signs in with the canaries of the browser, by mail.
func fullSignIn(t testing.TB, h *journeytest.House) *journeytest.Browser {
	t.Helper()
	b := h.Browser()
	b.UserAgent, b.IP = fullAgent, fullIP
	wrong := b.Direct()
	b.SignIn(wrong, fullMain, "not my password at all")
	h.Clock.Advance(time.Minute)
	b.SignIn(wrong, fullMain, journeytest.Password)
	// The methods of the fixture have no codes: the proofs of the session are set.
	now, older := h.Clock.Now(), b.Session
	n := session.Prepare(b.Live().Account, policy.Facts{}.With(policy.Password, now, "F").With(policy.App, now, "F").With(policy.Text, now, "F"))
	write(t, h, func(tx *db.Tx) error {
		_, err := h.Sessions.Reauthenticate(tx, older, n)
		return err
	})
	b.Session = n.Token
	h.Letters(fullMain)
	return b
}

func fullAddresses(t testing.TB, h *journeytest.House, a id.Account) {
	t.Helper()
	for _, written := range []string{fullSecond, fullFormer} {
		addr, err := account.ParseAddress(written)
		if err != nil {
			t.Fatal(err)
		}
		row := id.New[id.Address]()
		write(t, h, func(tx *db.Tx) error {
			_, _, err := h.Accounts.Add(tx, a, row, addr)
			return err
		})
	}
	d := account.NewChange()
	write(t, h, func(tx *db.Tx) error {
		all, err := h.Accounts.Addresses(tx, a)
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.Address.Written != fullFormer {
				continue
			}
			if err := h.Accounts.Note(tx, d, account.Removed, e); err != nil {
				return err
			}
			_, err := h.Accounts.TakeAway(tx, e)
			return err
		}
		return nil
	})
}

func fullMethods(t testing.TB, h *journeytest.House, a id.Account) []string {
	t.Helper()
	app := totp.Prepare()
	number, err := h.Phones.Settings.Parse(fullNumber, "CA")
	if err != nil {
		t.Fatal(err)
	}
	tel := phone.Prepare(number, authenticator.ByVoice)
	codes, err := h.BackupCodes.Draft(t.Context(), h.BackupCodes.Make())
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) error {
		if err := h.Apps.Bind(tx, a, app, fullApp, 7); err != nil {
			return err
		}
		if err := authenticator.Used(tx, app.ID); err != nil {
			return err
		}
		if err := h.Phones.Bind(tx, a, tel, fullPhone); err != nil {
			return err
		}
		if _, err := h.Phones.Stop(tx, number); err != nil {
			return err
		}
		if err := h.BackupCodes.Store(tx, a, codes); err != nil {
			return err
		}
		kept, _, err := h.Signin.Passwords.Get(tx, a)
		if err != nil {
			return err
		}
		if _, err := h.Signin.Passwords.Leaked(tx, a, kept); err != nil {
			return err
		}
		return h.BackupCodes.Reminded(tx, a)
	})
	if err := h.DB.WriteStatement(t.Context(), func(tx *db.Tx) error { _, err := h.Methods.Attempt(tx, a, app.ID); return err }); err != nil {
		t.Fatal(err)
	}
	set, _, err := readSet(t, h, a)
	if err != nil {
		t.Fatal(err)
	}
	guess, err := h.BackupCodes.Guess(t.Context(), set, codes.Codes[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) error { _, err := h.BackupCodes.Redeem(tx, guess); return err })
	return append(codes.Codes, app.Seed.Secret())
}

func fullSessions(t testing.TB, h *journeytest.House, a id.Account) {
	t.Helper()
	fresh, browser := session.NewDevice(), session.NewBrowser()
	now := h.Clock.Now()
	ended := session.Prepare(a, policy.Facts{
		Partner: policy.Partner{At: now, Door: string(journeytest.BankID)}, Remembered: now.Add(-time.Hour),
	}.With(policy.Email, now, "F"))
	ended.Browser, ended.System = "Firefox", "Linux"
	write(t, h, func(tx *db.Tx) error {
		if _, _, err := h.Sessions.Remember(tx, session.Device{Fresh: fresh}, a); err != nil {
			return err
		}
		known, err := h.Sessions.Known(tx, fresh, a)
		if err != nil {
			return err
		}
		if _, err := h.Sessions.RememberStep(tx, session.RememberedBrowser{ID: browser, Account: a, Browser: "Firefox", System: "Linux"}, known); err != nil {
			return err
		}
		s, err := h.Sessions.Start(tx, ended)
		if err != nil {
			return err
		}
		_, err = h.Sessions.End(tx, s.ID, session.Revoked)
		return err
	})
}

// fullWishes is what the account was asked to be, and what the staff was asked for.
func fullWishes(t testing.TB, h *journeytest.House, a id.Account) {
	t.Helper()
	addr, err := account.ParseAddress(fullMain)
	if err != nil {
		t.Fatal(err)
	}
	d, asked, loss := account.NewClosure(), assist.New(assist.Close, "7K3Q-M92T"), lost.New()
	write(t, h, func(tx *db.Tx) error {
		_, _, err := lost.Requests{}.Begin(tx, loss, a, time.Second, time.Hour)
		return err
	})
	h.Clock.Advance(time.Minute)
	write(t, h, func(tx *db.Tx) error {
		if _, err := (lost.Requests{}).Finish(tx, loss.ID, tx.Now().Add(time.Hour)); err != nil {
			return err
		}
		_, err := lost.Requests{}.Undo(tx, loss.ID)
		return err
	})
	write(t, h, func(tx *db.Tx) error {
		c, err := h.Leaving.Closures.Begin(tx, d, a, time.Hour)
		if err != nil {
			return err
		}
		if _, err := h.Leaving.Closures.Keep(tx, c); err != nil {
			return err
		}
		return h.Lifecycle.AskAssistance(tx, flow.Visitor{Locale: "en", UserAgent: fullAgent, IP: fullIP}, addr, asked)
	})
	if err := h.Lifecycle.ConfirmAssistance(t.Context(), flow.Visitor{Locale: "en", UserAgent: fullAgent, IP: fullIP}, asked.Token, ""); err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) error { return h.Lifecycle.RefuseAssistance(tx, asked.ID, "ann") })
	warned := account.NewWarning()
	write(t, h, func(tx *db.Tx) error {
		now, w := tx.Now(), account.Warnings{}
		m := account.Mailing{Token: warned.Token, Mails: 1, RemovesAt: now, NextAt: now, Until: now}
		if ok, err := w.First(tx, warned.ID, a, m); err != nil || !ok {
			return errors.Join(errors.New("no warning"), err)
		}
		if _, err := w.Handed(tx, account.Warning{ID: warned.ID}, now, now); err != nil {
			return err
		}
		m.Token += "2"
		if ok, err := w.Second(tx, warned.ID, m); err != nil || !ok {
			return errors.Join(errors.New("no second warning"), err)
		}
		_, err := w.End(tx, warned.ID, account.WarningKept, time.Time{})
		return err
	})
}
