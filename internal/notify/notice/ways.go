package notice

import "parvis/internal/i18n"

// The messages that answer how somebody can sign in.
const (
	KindWaysIn        Kind = "ways-in"
	KindWaysNoAccount Kind = "ways-no-account"
)

// WaysIn tells the owner of an address by which doors their account opens.
type WaysIn struct {
	Service  Service // that waits; zero for none
	Password bool
	Partners []i18n.Text // sign-in partners, the first linked first
	Asked    Asked
}

// Kind is KindWaysIn.
func (WaysIn) Kind() Kind { return KindWaysIn }

// WaysNoAccount tells who reads the mail of an address that there is no account with it,
// or none that was activated.
type WaysNoAccount struct {
	Service Service
	Pending bool // one was begun and not activated yet
	Asked   Asked
}

// Kind is KindWaysNoAccount.
func (WaysNoAccount) Kind() Kind { return KindWaysNoAccount }

func (d WaysIn) compose(w *writer) {
	w.open("ways")
	w.named("ways.why", d.Service)
	var ways []string
	if d.Password {
		ways = append(ways, w.t("ways.password"))
	}
	for _, p := range d.Partners {
		ways = append(ways, w.t("ways.partner", "partner", w.name(p)))
	}
	if len(ways) == 0 {
		ways = append(ways, w.t("ways.none"))
	}
	list(w, "ways.list", ways, func(way string) string { return way })
	if d.Password {
		w.say("ways.lost")
	} else {
		w.say("ways.lost-first")
	}
	w.signIn(d.Service)
	w.aside("notasked.title", "ways.ignore")
	w.asked("asked", d.Asked)
}

func (d WaysNoAccount) compose(w *writer) {
	w.open("ways-none")
	w.named("ways-none.why", d.Service)
	if d.Pending {
		w.say("ways-none.pending")
	}
	w.none(d.Service, d.Asked)
}
