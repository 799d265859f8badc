package notice

import "time"

// The messages about the recovery of an account whose owner lost every method of the
// second step. They go to every confirmed address, and by text to every number.
const (
	KindLostWaits   Kind = "lost-waits"
	KindLostSoon    Kind = "lost-soon"
	KindLostOpen    Kind = "lost-open"
	KindLostDone    Kind = "lost-done"
	KindLostStopped Kind = "lost-stopped"
	KindLostUndone  Kind = "lost-undone"
	KindLostFound   Kind = "lost-found"
)

// LostStage is how far such a recovery is.
type LostStage string

// The stages.
const (
	LostWaits   LostStage = "waits"   // it was asked for; it goes on at Lost.Until
	LostSoon    LostStage = "soon"    // it goes on soon, at Lost.Until
	LostOpen    LostStage = "open"    // it can be ended now, with the link Lost.Finish, until Lost.Until
	LostDone    LostStage = "done"    // the methods were removed; it can be undone until Lost.Until
	LostStopped LostStage = "stopped" // it was stopped: nothing was removed
	LostUndone  LostStage = "undone"  // it was undone: the methods are back
	LostFound   LostStage = "found"   // it ended because a method was used
)

// Lost tells the owner of an account how far such a recovery is. Its stop link works
// signed out and undoes what was done, too.
type Lost struct {
	Stage  LostStage
	Token  string    // of the stop link; goes to <base URL>/recovery/<token>; "" for the last three stages
	Finish string    // of the link that ends the recovery, for LostOpen
	Until  time.Time // see the stages
	Asked  Asked     // when, and with what, the stage was reached
}

// Kind is the message of the stage.
func (d Lost) Kind() Kind { return "lost-" + Kind(d.Stage) }

// pathLost begins the address of a link of a recovery.
const pathLost = "/recovery/"

func (d Lost) compose(w *writer) {
	name := "lost-" + string(d.Stage)
	w.open(name)
	key, args := w.until(name+".what", d.Asked.At, d.Until.Sub(d.Asked.At))
	if d.Until.IsZero() {
		key, args = name+".what", nil
	}
	w.say(key, args...)
	switch d.Stage {
	case LostOpen:
		w.button("lost.finish", pathLost+d.Finish)
		w.say("lost-open.then")
	case LostWaits, LostSoon, LostDone:
		w.say(name + ".you")
	case LostStopped, LostUndone, LostFound:
	}
	if d.Token != "" {
		w.out.Aside = append(w.out.Aside, block{Head: w.t("notyou.title")}, block{Para: spans(w.t(name + ".stop"))},
			block{Door: w.link("lost.stop-"+lostLink(d.Stage), pathLost+d.Token)})
	} else {
		w.steps("notyou.mailbox", "notyou.password", "notyou.contact")
	}
	w.asked("done", d.Asked)
}

// lostLink is what the stop link of a stage does.
func lostLink(s LostStage) string {
	if s == LostDone {
		return "undo"
	}
	return "stop"
}

func (d Lost) text(w *writer) (words, code string) {
	args := []any{"product", w.product(), "url", w.m.BaseURL + pathLost + d.Token}
	key, more := w.until("text.lost-"+string(d.Stage), d.Asked.At, d.Until.Sub(d.Asked.At))
	if d.Until.IsZero() {
		key, more = "text.lost-"+string(d.Stage), nil
	}
	return w.tr.T(key, append(args, more...)...), ""
}
