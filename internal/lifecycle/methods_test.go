package lifecycle_test

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/db/migrations"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/recovery"
	"parvis/internal/session"
)

// equip gives an account one method of each type, a code on its way, a used backup
// code and a remembered browser.
func equip(t *testing.T, h *journeytest.House, a id.Account) {
	t.Helper()
	app := totp.Prepare()
	number, err := h.Phones.Settings.Parse("416-555-0134", "")
	if err != nil {
		t.Fatal(err)
	}
	mobile := phone.Prepare(number, authenticator.ByText)
	codes, err := h.BackupCodes.Draft(t.Context(), h.BackupCodes.Make())
	if err != nil {
		t.Fatal(err)
	}
	write(t, h, func(tx *db.Tx) error {
		if err := h.Apps.Bind(tx, a, app, "App", 1); err != nil {
			return err
		}
		if err := h.Phones.Bind(tx, a, mobile, "Mobile"); err != nil {
			return err
		}
		return h.BackupCodes.Store(tx, a, codes)
	})
	email, code, device, browser := authenticator.NewID(), h.Codes.Draft(), session.NewDevice(), session.NewBrowser()
	write(t, h, func(tx *db.Tx) error {
		set, _, err := h.BackupCodes.Find(tx, a)
		if err != nil {
			return err
		}
		guess, err := h.BackupCodes.Guess(t.Context(), set, codes.Codes[0])
		if err != nil {
			return err
		}
		if _, err := h.BackupCodes.Redeem(tx, guess); err != nil {
			return err
		}
		if _, err := authenticator.Ensure(tx, a, authenticator.Email, email); err != nil {
			return err
		}
		b := otp.Binding{Account: a, Authenticator: mobile.ID, Purpose: otp.SignIn, Flow: "FLOW"}
		if _, _, err := h.Codes.Issue(tx, b, code, otp.Text); err != nil {
			return err
		}
		if _, _, err := h.Sessions.Remember(tx, session.Device{Fresh: device}, a); err != nil {
			return err
		}
		known, err := h.Sessions.Known(tx, device, a)
		if err != nil {
			return err
		}
		_, err = h.Sessions.RememberStep(tx, session.RememberedBrowser{ID: browser, Account: a}, known)
		return err
	})
}

func write(t *testing.T, h *journeytest.House, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := h.DB.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

var (
	table = regexp.MustCompile(`(?ms)^CREATE TABLE ([a-z_]+) \((.*?)^\)`)
	owner = regexp.MustCompile(`(?m)^\s+(account_id|account)\s`)
)

// ownerColumns are the tables that know whose a row is, and in which column.
func ownerColumns(t *testing.T) map[string]string {
	t.Helper()
	files, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		text, err := migrations.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range table.FindAllStringSubmatch(string(text), -1) {
			if column := owner.FindStringSubmatch(m[2]); column != nil {
				out[m[1]] = column[1]
			}
		}
	}
	return out
}

// left counts the rows of an account in each table.
func left(t *testing.T, h *journeytest.House, a id.Account) map[string]int {
	t.Helper()
	out := map[string]int{}
	write(t, h, func(tx *db.Tx) error {
		for table, column := range ownerColumns(t) {
			var n int
			if err := tx.QueryRow(`SELECT COUNT(*) FROM `+table+` WHERE `+column+` = $1`, a).Scan(&n); err != nil {
				return err
			}
			out[table] = n
		}
		return nil
	})
	return out
}

// secondSteps are the tables of this kind that equip fills.
var secondSteps = []string{"totp", "phone", "backup_code", "backup_code_use", "one_time_code", "remembered_browser"}

func TestNothingOfAnAccountOutlivesItButItsEventsAndItsNamesForServices(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		f := own.From(journeytest.Licences)
		if err := h.Signin.Decide(t.Context(), own.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		a, _ := find(t, h, address)
		equip(t, h, a.ID)
		before := left(t, h, a.ID)
		for _, table := range append(secondSteps, "authenticator", "password", "session", "device", "connection") {
			if before[table] == 0 {
				t.Errorf("the test leaves %s empty", table)
			}
		}
		if err := h.Lifecycle.Erase(t.Context(), a.ID, notice.RemovedByOperator); err != nil {
			t.Fatal(err)
		}
		stays := []string{"audit_event", "subject", "outbox"} // events without personal fields; names nobody gets again; the farewell
		for table, n := range left(t, h, a.ID) {
			if n > 0 && !slices.Contains(stays, table) {
				t.Errorf("%d rows of %s outlive their account", n, table)
			}
		}
	})
}

func TestAnAccountThatIsNotActivatedTakesItsSecondStepsAlong(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Pending(address)
		a, _ := find(t, h, address)
		equip(t, h, a.ID)
		h.Clock.Advance(25 * time.Hour)
		if err := h.Lifecycle.RemoveUnactivated(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := left(t, h, a.ID)
		for _, table := range append(secondSteps, "authenticator") {
			if after[table] != 0 {
				t.Errorf("%d rows of %s are left", after[table], table)
			}
		}
	})
}

func TestAResetRemovesEveryMethodButThePasswordAndTellsTheOwner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		h.Active("eve@example.org")
		a, _ := find(t, h, address)
		eve, _ := find(t, h, "eve@example.org")
		equip(t, h, a.ID)
		equip(t, h, eve.ID)
		before, mails := left(t, h, eve.ID), len(h.Letters(address))
		var n int
		write(t, h, func(tx *db.Tx) (err error) { n, err = h.Lifecycle.ResetMethods(tx, a.ID); return err })
		after := left(t, h, a.ID)
		for _, table := range secondSteps {
			if after[table] != 0 {
				t.Errorf("%d rows of %s are left", after[table], table)
			}
		}
		if n != 3 || after["authenticator"] != 1 || after["password"] != 1 {
			t.Errorf("%d removed, left: %v", n, after)
		}
		if own.View(own.Direct()).Person != nil {
			t.Error("a session outlives the reset")
		}
		if got := len(h.Letters(address)) - mails; got != 3 || h.Latest(address).Kind != notice.KindMethodRemoved {
			t.Errorf("%d mails", got)
		}
		if h.Events(audit.MethodRemoved) != 3 || h.Events(audit.BrowserForgotten) != 1 {
			t.Error("the events are missing")
		}
		for table, rows := range left(t, h, eve.ID) {
			if rows != before[table] && table != "audit_event" {
				t.Errorf("%s of another account: %d, before %d", table, rows, before[table])
			}
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Lifecycle.ResetMethods(tx, "nobody"); return err })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

func TestANewPasswordForgetsTheRememberedBrowsers(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		a, _ := find(t, h, address)
		equip(t, h, a.ID)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		b.Reset(b.Direct(), address)
		r := b.Recover(journeytest.Token(h.Latest(address)))
		out, err := h.Recovery.Password(t.Context(), b.Visitor, r.Flow, recovery.PasswordForm{Password: journeytest.Other})
		if err != nil {
			t.Fatal(out, err)
		}
		after := left(t, h, a.ID)
		if after["remembered_browser"] != 0 || after["totp"] != 1 || after["device"] == 0 {
			t.Errorf("%v", after)
		}
		if h.Events(audit.BrowserForgotten) != 1 {
			t.Error("the event is missing")
		}
	})
}
