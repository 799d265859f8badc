package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Bell wakes the worker of this node. Share one between Outbox and Worker.
type Bell chan struct{}

// NewBell makes a bell.
func NewBell() Bell { return make(Bell, 1) }

// Ring wakes the worker, or does nothing when it is awake already. A nil bell is silent.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Outbox takes mails in the transaction of what they tell about.
type Outbox struct {
	Keys     *secret.Keys
	Mails    *Mails
	Settings Settings
	Bell     Bell
}

// Queue renders a mail, seals it and puts it in the outbox; it goes out when tx has
// committed, and never when it rolls back. ErrAddress when it cannot be addressed.
func (o *Outbox) Queue(tx *db.Tx, m Message) error {
	letter, err := o.Mails.Render(m.To, m.Locale, m.Data)
	if err != nil {
		return err
	}
	body, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	var once string
	if m.Once != "" {
		once = o.Keys.Index("outbox.once", string(letter.Kind)+"|"+m.Once)
	}
	row := id.New[id.Message]()
	now := db.Millis(tx.Now())
	_, err = tx.Exec(`INSERT INTO outbox
		(id, kind, account, priority, once, recipient, letter, status, attempts, due_at, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', 0, $8, $9, $10) ON CONFLICT DO NOTHING`,
		row, letter.Kind, db.NullText(m.Account), priority(letter.Kind), db.NullText(once),
		o.Keys.Seal("outbox", "recipient", string(row), []byte(letter.To)),
		o.Keys.Seal("outbox", "letter", string(row), body),
		now, now, db.Millis(o.expiry(m, tx.Now())))
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	tx.AfterCommit(o.Bell.Ring)
	return nil
}

// Cancel wipes the mails of an account that were not taken for delivery yet, for
// example before the mail that says the account is gone. It reports how many.
func (o *Outbox) Cancel(tx *db.Tx, account id.Account) (int64, error) {
	n, err := tx.Exec(`UPDATE outbox SET status = 'cancelled', recipient = NULL, letter = NULL, done_at = $1
		WHERE account = $2 AND status = 'waiting'`, db.Millis(tx.Now()), account)
	if err != nil {
		return 0, fmt.Errorf("notify: %w", err)
	}
	return n, nil
}

// expiry is when a mail stops being worth sending: its own limit, the end of the
// proof it carries, or the deployment's limit, whichever comes first.
func (o *Outbox) expiry(m Message, now time.Time) time.Time {
	end := now.Add(o.Settings.Expire)
	if !m.Expires.IsZero() && m.Expires.Before(end) {
		end = m.Expires
	}
	if p, ok := m.Data.(interface{ proofEnd() time.Time }); ok {
		if at := p.proofEnd(); !at.IsZero() && at.Before(end) {
			end = at
		}
	}
	return end
}

// end is when a proof stops working; zero when there is none.
func (p Proof) end(asked Asked) time.Time {
	if p.Token == "" {
		return time.Time{}
	}
	return asked.At.Add(p.Valid)
}

func (d Activate) proofEnd() time.Time          { return d.Proof.end(d.Asked) }
func (d ActivateAgain) proofEnd() time.Time     { return d.Proof.end(d.Asked) }
func (d AlreadyRegistered) proofEnd() time.Time { return d.Proof.end(d.Asked) }
func (d ResetPassword) proofEnd() time.Time     { return d.Proof.end(d.Asked) }
func (d ResetLocked) proofEnd() time.Time       { return d.Proof.end(d.Asked) }
func (d Unlock) proofEnd() time.Time            { return d.Proof.end(d.Asked) }

// priority puts mails that somebody waits for before those that only inform; 0 goes first.
func priority(k Kind) int {
	switch k {
	case KindActivate, KindActivateAgain, KindAlreadyRegistered, KindResetPassword, KindResetNoAccount,
		KindResetLocked, KindUnlock, KindUnlockNoAccount, KindUnlockNotLocked:
		return 0
	case KindPasswordChanged, KindLocked, KindUnlocked, KindNewSignIn, KindRemoved:
		return 1
	case KindActivated, KindServiceConnected, KindServiceDisconnected, KindContactReceived, KindContactDesk:
		return 2
	}
	return 2
}
