package totp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Apps are the authenticator apps in the database. All fields are needed.
type Apps struct {
	Keys     *secret.Keys
	Methods  authenticator.Authenticators
	Settings Settings
}

// App is one authenticator app that is bound to an account.
type App struct {
	ID      authenticator.ID
	Account id.Account

	seed     Seed
	lastStep int64
}

// Outcome is what came of a code.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted"
	Wrong    Outcome = "wrong" // no code of now
	Used     Outcome = "used"  // right, but accepted before, or older than one that was: wait for the next
)

// Confirm reports whether a parsed code is one that the app of a draft shows now,
// and the time step that it belongs to, for Bind.
func (a Apps) Confirm(d Draft, code string, now time.Time) (at int64, ok bool, err error) {
	skew := int64(a.Settings.Skew)
	found, err := d.Seed.matching(code, step(now)-skew, step(now)+skew)
	if err != nil || len(found) == 0 {
		return 0, false, err
	}
	return found[len(found)-1], true, nil
}

// drift is how far off a clock is still recognised by Drift.
const drift = 24 * time.Hour

// Drift tells, for an app that is being set up and whose code was not confirmed,
// whether the code is that of another time: then the clock of the telephone is off
// by about so much (positive: ahead). Never ask it at sign-in.
func (a Apps) Drift(d Draft, code string, now time.Time) (time.Duration, bool, error) {
	steps := int64(drift / Period)
	found, err := d.Seed.matching(code, step(now)-steps, step(now)+steps)
	if err != nil || len(found) == 0 {
		return 0, false, err
	}
	// Of 5,760 steps several can share a code: the nearest is the likeliest.
	nearest := slices.MinFunc(found, func(a, b int64) int { return cmp.Compare(abs(a-step(now)), abs(b-step(now))) })
	return time.Duration(nearest-step(now)) * Period, true, nil
}

func abs(n int64) int64 { return max(n, -n) }

// Bind makes a confirmed app one of the account's. The code that confirmed it
// (time step at) cannot be used again. Faults as of authenticator.Authenticators.Bind.
func (a Apps) Bind(tx *db.Tx, account id.Account, d Draft, name string, at int64) error {
	err := a.Methods.Bind(tx, authenticator.Authenticator{ID: d.ID, Account: account, Type: authenticator.TOTP, Name: name})
	if err != nil {
		return err
	}
	sealed := a.Keys.Seal("totp", "seed", string(d.ID), d.Seed.secret)
	err = tx.ExecOne(`INSERT INTO totp (authenticator_id, account_id, seed, last_step) VALUES ($1, $2, $3, $4)`,
		d.ID, account, sealed, at)
	if err != nil {
		return fmt.Errorf("totp: bind: %w", err)
	}
	return nil
}

func (a Apps) scan(r interface{ Scan(dest ...any) error }) (App, error) {
	var out App
	var sealed []byte
	if err := r.Scan(&out.ID, &out.Account, &sealed, &out.lastStep); err != nil {
		return App{}, err
	}
	plain, err := a.Keys.Open("totp", "seed", string(out.ID), sealed)
	if err != nil {
		return App{}, fmt.Errorf("totp: open seed: %w", err)
	}
	out.seed = Seed{plain}
	return out, nil
}

// Find reads one app of an account; false when it has no such one.
func (a Apps) Find(tx *db.Tx, account id.Account, app authenticator.ID) (App, bool, error) {
	out, err := a.scan(tx.QueryRow(`SELECT authenticator_id, account_id, seed, last_step FROM totp
		WHERE authenticator_id = $1 AND account_id = $2`, app, account))
	if errors.Is(err, db.ErrNoRows) {
		return App{}, false, nil
	}
	if err != nil {
		return App{}, false, fmt.Errorf("totp: find: %w", err)
	}
	return out, true, nil
}

// All reads the apps of an account.
func (a Apps) All(tx *db.Tx, account id.Account) ([]App, error) {
	rows, err := tx.Query(`SELECT authenticator_id, account_id, seed, last_step FROM totp
		WHERE account_id = $1 ORDER BY authenticator_id`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (App, error) { return a.scan(r) })
	if err != nil {
		return nil, fmt.Errorf("totp: list: %w", err)
	}
	return out, nil
}

// Accept takes a parsed code of an app that was found before, after the attempt
// was counted. Each time step is accepted once, and only later ones after it: of
// any number who present one code at once one succeeds. It is one conditional
// statement; it may run in DB.WriteStatement or with other work in DB.Write.
func (a Apps) Accept(tx *db.Tx, app App, code string) (Outcome, error) {
	now, skew := step(tx.Now()), int64(a.Settings.Skew)
	found, err := app.seed.matching(code, now-skew, now+skew)
	if err != nil {
		return "", err
	}
	for _, at := range found {
		n, err := tx.Exec(`UPDATE totp SET last_step = $1 WHERE authenticator_id = $2 AND account_id = $3 AND last_step < $1`,
			at, app.ID, app.Account)
		if err != nil {
			return "", fmt.Errorf("totp: accept: %w", err)
		}
		if n == 1 {
			return Accepted, nil
		}
	}
	if len(found) > 0 {
		return Used, nil
	}
	return Wrong, nil
}

// Remove deletes an app of an account; false when it has no such one.
func (a Apps) Remove(tx *db.Tx, account id.Account, app authenticator.ID) (bool, error) {
	n, err := tx.Exec(`DELETE FROM totp WHERE authenticator_id = $1 AND account_id = $2`, app, account)
	if err != nil {
		return false, fmt.Errorf("totp: remove: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return authenticator.Remove(tx, account, app)
}

// Erase deletes every app of an account; the lines of the list are erased with it.
func (a Apps) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM totp WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("totp: erase: %w", err)
	}
	return nil
}
