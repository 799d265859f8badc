package ciba

import (
	"context"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
)

// texts reports whether a text may be sent for one more request of a service. It is counted
// whether the person has a telephone or not: who that is, is not known yet.
func (e *Endpoint) texts(ctx context.Context, party *relyingparty.RelyingParty) (bool, error) {
	if !e.Asked.Settings.Texts || !e.Outbox.Can(notice.Text) {
		return false, nil
	}
	one, err := e.Limiter.Take(ctx, ratelimit.CIBATextClient, string(party.ID))
	if err != nil {
		return false, fmt.Errorf("ciba: %w", err)
	}
	return one.Allowed, nil
}

// text tells by text, too, what a mail tells, when its person has a telephone to which codes go
// by text and was not sent too many of them. The service is answered alike: it learns neither
// that there is a number nor that a limit was reached. The limits are not those of one-time
// codes, so that no service can use these up.
func (e *Endpoint) text(tx *db.Tx, party *relyingparty.RelyingParty, mail notify.Message) error {
	to, found, err := e.Phones.ForTexts(tx, mail.Account)
	if err != nil || !found {
		return err
	}
	number := to.Number.E164()
	own, err := e.Limiter.TakeIn(tx, ratelimit.CIBAText, string(mail.Account))
	if err != nil || !own.Allowed {
		return err
	}
	all, err := e.Limiter.TakeIn(tx, ratelimit.CIBATextNumber, number)
	if err != nil || !all.Allowed {
		return err
	}
	mail.Channel, mail.To = notice.Text, number
	if err := e.Outbox.Queue(tx, mail); err != nil {
		return err
	}
	return e.Audit.Record(tx, audit.Event{
		Name: audit.CIBATexted, Account: mail.Account, RelyingParty: party.ID, Outcome: audit.Success, Data: map[string]string{"channel": string(notice.Text)},
	})
}
