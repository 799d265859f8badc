package notice

import "time"

// The messages about an account that nobody uses.
const (
	KindUnusedFirst  Kind = "unused-first"
	KindUnusedSecond Kind = "unused-second"
	KindUnusedKept   Kind = "unused-kept"
)

// UnusedWarning tells every address of an account that nobody uses when it will be removed.
type UnusedWarning struct {
	Second bool          // the last one before the removal
	Token  string        // secret of the link that keeps the account; goes to <base URL>/keep/<token>
	After  time.Duration // how long an account may be unused
	At     time.Time     // now
	Until  time.Time     // when the account is removed
}

// Kind is KindUnusedFirst or KindUnusedSecond.
func (d UnusedWarning) Kind() Kind {
	if d.Second {
		return KindUnusedSecond
	}
	return KindUnusedFirst
}

// UnusedKept tells every address of an account that it is not removed, because somebody
// used the link of a warning.
type UnusedKept struct {
	After time.Duration // how long it may be unused from now on
	Asked Asked
}

// Kind is KindUnusedKept.
func (UnusedKept) Kind() Kind { return KindUnusedKept }

// pathKeep begins the address of a link that keeps an account.
const pathKeep = "/keep/"

func (d UnusedWarning) compose(w *writer) {
	args := []any{"until", w.tr.DateTime(d.Until, w.m.Zone), "zone", w.tr.Zone(d.Until, w.m.Zone), "date", w.tr.Date(d.Until, w.m.Zone), "duration", w.tr.Duration(d.After)}
	w.open(string(d.Kind()), args...)
	w.say("unused.what", args...)
	w.say("unused.until", args...)
	w.say("unused.sign-in")
	w.button("unused.button", pathSignIn)
	w.say("unused.cannot")
	w.out.Body = append(w.out.Body, block{Door: w.link("unused.keep", pathKeep+d.Token)})
	w.say(string(d.Kind()) + ".leave")
	w.aside("unused.services-title", "unused.services")
}

func (d UnusedKept) compose(w *writer) {
	w.open("unused-kept")
	w.say("unused-kept.what")
	w.say("unused-kept.next", "duration", w.tr.Duration(d.After))
	w.button("button.signin", pathSignIn)
	w.steps("notyou.mailbox", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}
