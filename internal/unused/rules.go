package unused

import (
	"time"

	"parvis/internal/account"
	"parvis/internal/notify"
)

// action is what is to be done with a warning.
type action string

// The actions.
const (
	actWait        action = "wait"        // until an instant
	actVoid        action = "void"        // the account does not count as unused (any more)
	actHanded      action = "handed"      // the mail server took the newest warning over, at an instant
	actUndelivered action = "undelivered" // it never did, and never will
	actSecond      action = "second"      // warn a second time
	actRemove      action = "remove"
)

const (
	// every is how often the job looks, and how long it waits for a mail to go out.
	every = 10 * time.Minute
	// glance is how long a warning is left alone at most: the settings may change.
	glance = day
	// postponed is how long a removal is put off while something of the owner is open.
	postponed = day
	// again is how long an account is left alone whose owner no mail could reach, or that is
	// kept whether it is used or not.
	again = 30 * day
)

// next is what is to be done with a warning now, and the instant that belongs to it. It is
// pure: all rules of time stand here.
func (s Settings) next(w account.Warning, sent delivery, now time.Time) (action, time.Time) {
	if w.Status != account.Active {
		return actWait, now.Add(glance) // it is closed or merged, and can come back
	}
	if w.UsedAt.After(now.Add(s.FirstWarning - s.After)) {
		return actVoid, time.Time{}
	}
	handed := w.FirstHanded
	if !w.SecondAt.IsZero() {
		handed = w.SecondHanded
	}
	switch {
	case handed.IsZero() && sent.waiting:
		return actWait, now.Add(every)
	case handed.IsZero() && sent.at.IsZero():
		return actUndelivered, time.Time{}
	case handed.IsZero():
		return actHanded, sent.at
	case w.SecondAt.IsZero():
		return due(actSecond, now, handed.Add(s.FirstWarning-s.SecondWarning), w.UsedAt.Add(s.After-s.SecondWarning))
	}
	return due(actRemove, now, handed.Add(s.SecondWarning), w.UsedAt.Add(s.After), w.RemovesAt)
}

// due is an action when all instants have come; else it waits for the last of them.
func due(what action, now time.Time, all ...time.Time) (action, time.Time) {
	last := latest(all...)
	if now.Before(last) {
		return actWait, earliest(last, now.Add(glance))
	}
	return what, last
}

func latest(all ...time.Time) (out time.Time) {
	for _, at := range all {
		if at.After(out) {
			out = at
		}
	}
	return out
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// delivery is what became of the mails of one warning.
type delivery struct {
	waiting bool      // one of them can still go out
	at      time.Time // when the mail server took the last one over; zero: none
}

// deliveryOf sums up the mails of a warning. A mail that is on record no longer was sent by
// nobody's account.
func deliveryOf(fates map[string]notify.Fate, names []string) (d delivery) {
	for _, name := range names {
		f := fates[name]
		d.waiting = d.waiting || f.Waiting
		if f.Sent {
			d.at = latest(d.at, f.At)
		}
	}
	return d
}
