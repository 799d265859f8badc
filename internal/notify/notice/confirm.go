package notice

import "time"

// KindConfirmation is the mail that a service asks its reader to confirm something.
const KindConfirmation Kind = "confirmation"

// Confirmation tells the owner of an account that a service asks them to confirm something
// that they began elsewhere (OpenID Connect CIBA Core 1.0). Its link shows the question to
// who signs in with the account, and answers nothing by itself.
type Confirmation struct {
	Service Service
	Name    string        // of the request; goes to <base URL>/confirmations/<name>
	Message string        // of the service, which the person sees there, too; "" for none
	Valid   time.Duration // how long it waits, counted from At
	At      time.Time
}

// Kind is KindConfirmation.
func (Confirmation) Kind() Kind { return KindConfirmation }

// Ends is when the request is over.
func (d Confirmation) Ends() time.Time { return d.At.Add(d.Valid) }

func (d Confirmation) compose(w *writer) {
	name := w.name(d.Service.Name)
	w.open("confirmation", "service", name)
	w.say("confirmation.what", "service", w.service(d.Service))
	if message := clean(d.Message); message != "" {
		w.say("confirmation.message", "message", strong(message))
	}
	w.say("confirmation.only")
	w.button("confirmation.button", "/confirmations/"+d.Name)
	key, args := w.until("confirmation.until", d.At, d.Valid)
	w.whisper(key, args...)
	w.say("confirmation.not-you")
	w.asked("asked", Asked{At: d.At})
}
