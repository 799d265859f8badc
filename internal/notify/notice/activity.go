package notice

// The messages about the devices and sessions of an account.
const (
	KindSignedOut Kind = "signed-out"
)

// SignedOut tells the owner that sessions of the account were ended from its own pages.
type SignedOut struct {
	Everywhere bool // every session; else every other than the one from which it was done
	Asked      Asked
}

// Kind is KindSignedOut.
func (SignedOut) Kind() Kind { return KindSignedOut }

func (d SignedOut) compose(w *writer) {
	w.open("signed-out")
	if d.Everywhere {
		w.say("signed-out.everywhere")
	} else {
		w.say("signed-out.others")
	}
	w.say("signed-out.services")
	w.button("signed-out.button", pathSessions)
	w.steps("notyou.password", "notyou.mailbox", "notyou.contact")
	w.asked("done", d.Asked)
}
