package notice

import "time"

// The messages about an account that ends, and about what is held of its owner.
const (
	KindAccountClosing Kind = "account-closing"
	KindAccountKept    Kind = "account-kept"
	KindDataGiven      Kind = "data-given"
)

// AccountClosing tells every address of an account that its owner asked to delete it. Its
// link keeps the account, without signing in.
type AccountClosing struct {
	Token string        // secret of the link; goes to <base URL>/closing/<token>
	Valid time.Duration // for how long the account can be kept, counted from Asked.At
	Asked Asked
}

// Kind is KindAccountClosing.
func (AccountClosing) Kind() Kind { return KindAccountClosing }

// Ends is when its link keeps nothing any more.
func (d AccountClosing) Ends() time.Time { return d.Asked.At.Add(d.Valid) }

// AccountKept tells every address of an account that it is not deleted after all.
type AccountKept struct {
	ByLink bool // by the link of a mail; else by who signed in
	Asked  Asked
}

// Kind is KindAccountKept.
func (AccountKept) Kind() Kind { return KindAccountKept }

// DataGiven tells the owner that what is held about them was shown or downloaded.
type DataGiven struct {
	Page  bool // read on a page; else downloaded
	Asked Asked
}

// Kind is KindDataGiven.
func (DataGiven) Kind() Kind { return KindDataGiven }

func (d AccountClosing) compose(w *writer) {
	w.open("closing")
	w.say("closing.what")
	w.say("closing.now")
	key, args := w.until("closing.until", d.Asked.At, d.Valid)
	w.say(key, args...)
	w.button("closing.button", "/closing/"+d.Token)
	w.say("closing.sign-in")
	w.steps("closing.notyou-keep", "notyou.password", "notyou.contact")
	w.asked("asked", d.Asked)
}

func (d AccountKept) compose(w *writer) {
	w.open("kept")
	if d.ByLink {
		w.say("kept.link")
	} else {
		w.say("kept.signed-in")
	}
	w.say("kept.now")
	w.button("button.signin", pathSignIn)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d DataGiven) compose(w *writer) {
	w.open("data-given")
	if d.Page {
		w.say("data-given.page")
	} else {
		w.say("data-given.file")
	}
	w.say("data-given.keep")
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}
