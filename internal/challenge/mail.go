package challenge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/secret"
)

// Code is a code that is mailed in place of a challenge. Make it before the transaction.
type Code struct {
	ID    string // what the form carries
	Code  string // what the mail says
	Lasts time.Duration
}

// NewCode makes one.
func (c *Challenges) NewCode() Code {
	return Code{ID: rand.Text(), Code: secret.NewCode(c.Settings.CodeDigits), Lasts: c.Settings.CodeLifetime}
}

// Mail stores a code for one browser and one address, by what its ways of writing have
// in common. Queue its message in the same transaction.
func (c *Challenges) Mail(tx *db.Tx, code Code, browser []byte, address string) error {
	_, err := tx.Exec(`INSERT INTO challenge_mail (id, browser, address, code, uses, ends_at) VALUES ($1, $2, $3, $4, 0, $5)`,
		code.ID, browser, c.Keys.Index("challenge-mail", address), c.Keys.CodeMAC(code.ID, code.Code), db.Millis(tx.Now().Add(code.Lasts)))
	if err != nil {
		return fmt.Errorf("challenge: mail: %w", err)
	}
	return nil
}

// Given is what became of a typed code.
type Given string

// What becomes of a typed code.
const (
	Right Given = "right"
	Wrong Given = "wrong"
	Ended Given = "ended" // too old, used too often, or for another browser or address
)

// Give takes a code that was mailed. Each use is counted before the comparison. Who typed
// it once need not type it again while it lasts: a mistyped password is no new mail.
func (c *Challenges) Give(ctx context.Context, code string, browser []byte, address, typed string) (Given, error) {
	if len(code) > 64 || len(typed) > 64 {
		return Ended, nil
	}
	out := Ended
	err := c.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		out = Ended
		for _, index := range c.Keys.Indexes("challenge-mail", address) {
			var stored []byte
			var passed time.Time
			err := tx.QueryRow(`UPDATE challenge_mail SET uses = uses + 1
				WHERE id = $1 AND browser = $2 AND address = $3 AND ends_at > $4 AND uses < $5 RETURNING code, passed_at`,
				code, browser, index, db.Millis(tx.Now()), c.Settings.CodeUses).Scan(&stored, db.NullTime(&passed))
			if errors.Is(err, db.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if !passed.IsZero() {
				out = Right
				return nil
			}
			if !c.Keys.CodeMatches(code, secret.CleanCode(typed), stored) {
				out = Wrong
				return nil
			}
			out = Right
			_, err = tx.Exec(`UPDATE challenge_mail SET passed_at = $1 WHERE id = $2`, db.Millis(tx.Now()), code)
			return err
		}
		return nil
	})
	if err != nil {
		return Ended, fmt.Errorf("challenge: give: %w", err)
	}
	return out, nil
}
