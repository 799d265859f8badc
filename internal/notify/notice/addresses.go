package notice

import "time"

// The messages about the e-mail addresses of an account. What is said to whoever holds one
// of them holds the other ones masked: they need not be the same person's.
const (
	KindConfirmAddress    Kind = "confirm-address"
	KindAddressInUse      Kind = "address-in-use"
	KindAddressAdded      Kind = "address-added"
	KindAddressRemoved    Kind = "address-removed"
	KindAddressKept       Kind = "address-kept"
	KindMainAddress       Kind = "main-address"
	KindAddressesRestored Kind = "addresses-restored"
)

// ConfirmAddress asks an address whether it belongs to who wants to add it to an account.
// Its link opens the page of who is signed in to that account, and of nobody else.
type ConfirmAddress struct {
	Owner string // main address of the account, masked
	Proof Proof
	Asked Asked
}

// Kind is KindConfirmAddress.
func (ConfirmAddress) Kind() Kind { return KindConfirmAddress }

// Ends is when its proof stops working.
func (d ConfirmAddress) Ends() time.Time { return d.Proof.end(d.Asked) }

// AddressInUse tells the owner of an account that somebody wanted to add an address of it
// to another account. Nothing has changed.
type AddressInUse struct{ Asked Asked }

// Kind is KindAddressInUse.
func (AddressInUse) Kind() Kind { return KindAddressInUse }

// AddressAdded tells the other addresses of an account about a new one.
type AddressAdded struct {
	Address string // the new one, masked
	Asked   Asked
}

// Kind is KindAddressAdded.
func (AddressAdded) Kind() Kind { return KindAddressAdded }

// Undo is the link with which an address takes back what was done to it.
type Undo struct {
	Token string        // goes to <base URL>/address/<token>; "" for no such link
	Valid time.Duration // how long it works, counted from Asked.At
}

// AddressRemoved tells an address that it belongs to an account no longer, or the others
// that one of them does not.
type AddressRemoved struct {
	Address string // the removed one, masked; "" when this mail goes to it
	Undo    Undo   // only to the removed one
	Asked   Asked
}

// Kind is KindAddressRemoved.
func (AddressRemoved) Kind() Kind { return KindAddressRemoved }

// AddressKept answers what was asked for an address that was removed from an account and can
// still take that back: a new password, an account, or that another account gets it. Nobody
// gets it until Undo ends.
type AddressKept struct {
	Undo  Undo // a fresh link
	Asked Asked
}

// Kind is KindAddressKept.
func (AddressKept) Kind() Kind { return KindAddressKept }

// Ends is when its link stops working.
func (d AddressKept) Ends() time.Time { return d.Asked.At.Add(d.Undo.Valid) }

// MainAddress tells the addresses of an account which one is the main address now.
type MainAddress struct {
	Main  string // the new one, masked; "" when this mail goes to it
	Undo  Undo   // only to the one that was the main address before
	Asked Asked
}

// Kind is KindMainAddress.
func (MainAddress) Kind() Kind { return KindMainAddress }

// AddressesRestored tells the addresses of an account that one of them took back what was
// done to it, and that a new password is needed.
type AddressesRestored struct {
	Removed bool          // this mail goes to an address that was removed by that
	Told    time.Duration // for how long that one is told of recoveries of the account
	Main    string        // the main address now, masked; "" when this mail goes to it
	Asked   Asked
}

// Kind is KindAddressesRestored.
func (AddressesRestored) Kind() Kind { return KindAddressesRestored }

func (d ConfirmAddress) compose(w *writer) {
	w.open("confirm-address")
	w.say("confirm-address.why", "owner", strong(d.Owner))
	w.code("confirm-address.code", d.Proof.Code)
	w.button("confirm-address.button", "/settings/email/"+d.Proof.Token)
	w.valid("proof.valid", d.Asked.At, d.Proof.Valid)
	w.whisper("confirm-address.signed-in")
	w.aside("notasked.title", "confirm-address.ignore")
	w.asked("asked", d.Asked)
}

func (d AddressInUse) compose(w *writer) {
	w.open("address-in-use")
	w.say("address-in-use.what")
	w.say("address-in-use.you")
	w.button("button.signin", pathSignIn)
	w.aside("notasked.title", "address-in-use.ignore")
	w.asked("asked", d.Asked)
}

func (d AddressAdded) compose(w *writer) {
	w.open("address-added")
	w.say("address-added.what", "address", strong(d.Address))
	w.say("address-added.means")
	w.button("button.emails", pathEmails)
	w.steps("notyou.remove-address", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d AddressRemoved) compose(w *writer) {
	if d.Address != "" {
		w.open("address-gone")
		w.say("address-gone.what", "address", strong(d.Address))
		w.steps("notyou.password", "notyou.contact")
		w.asked("done", d.Asked)
		return
	}
	w.open("address-removed")
	w.say("address-removed.what")
	w.say("address-removed.free")
	w.undo(d.Undo, d.Asked)
	w.asked("done", d.Asked)
}

func (d AddressKept) compose(w *writer) {
	w.open("address-kept")
	key, args := w.until("address-kept.what", d.Asked.At, d.Undo.Valid)
	w.say(key, args...)
	w.say("address-kept.notyou")
	w.button("address-undo.button", "/address/"+d.Undo.Token)
	w.whisper("address-undo.what")
	w.say("address-kept.own")
	w.aside("notasked.title", "address-kept.ignore")
	w.asked("asked", d.Asked)
}

func (d MainAddress) compose(w *writer) {
	w.open("main-address")
	if d.Main == "" {
		w.say("main-address.this")
	} else {
		w.say("main-address.what", "address", strong(d.Main))
	}
	w.say("main-address.apps")
	if d.Undo.Token != "" {
		w.undo(d.Undo, d.Asked)
	} else {
		w.button("button.emails", pathEmails)
		w.steps("notyou.password", "notyou.contact")
	}
	w.asked("done", d.Asked)
}

func (d AddressesRestored) compose(w *writer) {
	w.open("addresses-restored")
	switch {
	case d.Removed:
		w.say("addresses-restored.removed")
		w.say("addresses-restored.told", "duration", w.tr.Duration(d.Told))
	case d.Main == "":
		w.say("addresses-restored.this")
		w.say("addresses-restored.next")
		w.button("button.reset", pathReset)
	default:
		w.say("addresses-restored.what", "address", strong(d.Main))
		w.say("addresses-restored.next")
	}
	w.aside("unexpected.title", "unexpected.contact")
	w.asked("done", d.Asked)
}

// undo adds what somebody does who did not change the address: the link that takes it back,
// or without one the desk that helps.
func (w *writer) undo(u Undo, a Asked) {
	if u.Token == "" {
		w.aside("unexpected.title", "unexpected.contact")
		return
	}
	w.say("address-undo.notyou")
	w.button("address-undo.button", "/address/"+u.Token)
	w.valid("address-undo.valid", a.At, u.Valid)
	w.whisper("address-undo.what")
}
