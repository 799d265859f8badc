package activity

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// pageSize is how many events one page shows.
const pageSize = 25

// Entry is one event as the owner of the account may see it.
type Entry struct {
	ID      id.Event
	At      time.Time
	Name    audit.Name
	Sort    Sort
	Outcome string
	Reason  string // a word of the audit trail, never shown as it stands
	Service id.RelyingParty
	Device  notice.Device     // zero when it is not known, or not kept any more
	Place   string            // near which it was, in the language of the visitor; "" when it is not known, or not kept any more
	Data    map[string]string // further facts, none of them personal or secret
	Here    bool              // it happened in the session that asks
	New     bool              // a sign-in with a browser that the account had not been seen in
}

// Events are some events of an account, newest first.
type Events struct {
	Entries []Entry
	Older   id.Event // where the next page begins; "" when there is none
}

// Events reads what happened to the account of who is signed in, before one of its
// events ("" for the newest ones). An identifier that is not one of the account's shows
// nothing. Fault Denied when nobody is signed in.
func (j *Journey) Events(ctx context.Context, v flow.Visitor, before id.Event) (Events, error) {
	var out Events
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Events{}
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		list, err := j.Owners.Audit.Before(tx, own.ID, Shown(), before, pageSize+1)
		if err != nil {
			return err
		}
		if len(list) > pageSize {
			list = list[:pageSize]
			out.Older = list[pageSize-1].ID
		}
		out.Entries, err = j.entries(tx, own.ID, own.Session.ID, i18n.Lang(v.Locale), list)
		return err
	})
	if err != nil {
		return Events{}, fmt.Errorf("activity: events: %w", err)
	}
	return out, nil
}

// entries makes of events what their owner may see.
func (j *Journey) entries(tx *db.Tx, account id.Account, here id.Session, lang i18n.Lang, list []audit.Event) ([]Entry, error) {
	var signed []id.Session
	var begun time.Time // when the account was made: its first browser is no news
	for _, e := range list {
		switch e.Name {
		case audit.SigninSucceeded:
			signed = append(signed, e.Session)
		case audit.AccountActivated:
			begun = e.At
		default:
		}
	}
	fresh, err := j.Owners.Audit.InSessions(tx, account, audit.DeviceRemembered, signed)
	if err != nil {
		return nil, err
	}
	sorts := Sorts()
	out := make([]Entry, len(list))
	for i, e := range list {
		out[i] = Entry{
			ID: e.ID, At: e.At, Name: e.Name, Sort: sorts[e.Name], Outcome: e.Outcome, Reason: e.Reason, Service: e.RelyingParty,
			Device: notice.DeviceOf(e.Personal.UserAgent), Place: j.Places.Of(e.Personal.IP, lang), Data: e.Data,
			Here: e.Session != "" && e.Session == here, New: e.Name == audit.SigninSucceeded && fresh[e.Session] && !e.At.Equal(begun),
		}
	}
	return out, nil
}
