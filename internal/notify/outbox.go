package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/secret"
)

// Bell wakes the lanes of this node's worker. Share one between Outbox and Worker.
type Bell map[notice.Channel]chan struct{}

// NewBell makes a bell.
func NewBell() Bell {
	b := Bell{}
	for _, c := range notice.Channels() {
		b[c] = make(chan struct{}, 1)
	}
	return b
}

// Ring wakes a lane, or does nothing when it is awake already. A nil bell is silent.
func (b Bell) Ring(c notice.Channel) {
	select {
	case b[c] <- struct{}{}:
	default:
	}
}

// Outbox takes mails in the transaction of what they tell about.
type Outbox struct {
	Keys     *secret.Keys
	Mails    *notice.Mails
	Settings Settings
	Bell     Bell
	Channels []notice.Channel // the ways out that this deployment has besides e-mail: Text, Voice
}

// Can reports whether messages can be sent on a channel: whether a way out is configured.
// E-mail always is.
func (o *Outbox) Can(c notice.Channel) bool {
	return c == notice.Email || slices.Contains(o.Channels, c)
}

// Queue renders a mail, seals it and puts it in the outbox; it goes out when tx has
// committed, and never when it rolls back. notice.ErrAddress when it cannot be addressed,
// notice.ErrChannel when it cannot be sent on its channel.
func (o *Outbox) Queue(tx *db.Tx, m Message) error {
	if m.Channel == "" {
		m.Channel = notice.Email
	}
	letter, err := o.render(m)
	if err != nil {
		return err
	}
	body, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	var once string
	if m.Once != "" {
		once = o.Keys.Index(oncePurpose, onceValue(letter.Kind, m.Once))
	}
	status := "waiting"
	if m.Channel != notice.Email {
		status = "ready" // nodes of the version before, which know only mails, leave it alone
	}
	row := id.New[id.Message]()
	now := db.Millis(tx.Now())
	_, err = tx.Exec(`INSERT INTO outbox
		(id, channel, kind, account, priority, once, recipient, letter, status, attempts, due_at, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12) ON CONFLICT DO NOTHING`,
		row, m.Channel, letter.Kind, db.NullText(m.Account), notice.Priority(letter.Kind), db.NullText(once),
		o.Keys.Seal("outbox", "recipient", string(row), []byte(letter.To)),
		o.Keys.Seal("outbox", "letter", string(row), body),
		status, now, now, db.Millis(o.expiry(m, tx.Now())))
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	tx.AfterCommit(func() { o.Bell.Ring(m.Channel) })
	return nil
}

// render makes the letter of a message.
func (o *Outbox) render(m Message) (notice.Letter, error) {
	if m.Channel == notice.Email {
		return o.Mails.Render(m.To, m.Locale, m.Data)
	}
	if !o.Can(m.Channel) {
		return notice.Letter{}, fmt.Errorf("%w: no provider for %q", notice.ErrChannel, m.Channel)
	}
	return o.Mails.Speak(m.Channel, m.To, m.Locale, m.Data)
}

// Cancel wipes the messages of an account that were not taken for delivery yet, for
// example before the mail that says the account is gone. It reports how many.
func (o *Outbox) Cancel(tx *db.Tx, account id.Account) (int64, error) {
	n, err := tx.Exec(`UPDATE outbox SET status = 'cancelled', recipient = NULL, letter = NULL, done_at = $1
		WHERE account = $2 AND status IN ('waiting', 'ready')`, db.Millis(tx.Now()), account)
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
	if p, ok := m.Data.(interface{ Ends() time.Time }); ok {
		if at := p.Ends(); !at.IsZero() && at.Before(end) {
			end = at
		}
	}
	return end
}
