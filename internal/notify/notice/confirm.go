package notice

import (
	"regexp"
	"time"
)

// KindConfirmation is the message that a service asks its reader to confirm something.
const KindConfirmation Kind = "confirmation"

// Confirmation tells the owner of an account that a service asks them to confirm something
// that they began elsewhere (OpenID Connect CIBA Core 1.0). Its link shows the question to
// who signs in with the account, and answers nothing by itself.
type Confirmation struct {
	Service Service
	Name    string        // of the request; goes to <base URL>/confirmations/<name>
	Message string        // of the service, which the person sees there, too; "" for none. One that reads as an address stands there only
	Valid   time.Duration // how long it waits, counted from At
	At      time.Time
}

// Kind is KindConfirmation.
func (Confirmation) Kind() Kind { return KindConfirmation }

// Ends is when the request is over.
func (d Confirmation) Ends() time.Time { return d.At.Add(d.Valid) }

// pathConfirmations begins the address of a request.
const pathConfirmations = "/confirmations/"

// likeAddress finds what programs that show mails make a link of by themselves: in a mail of
// ours it would lead wherever the service wants.
var likeAddress = regexp.MustCompile(`(?i)www\.|[\pL\pN]@[\pL\pN]|[\pL\pN]\.\pL{2,}`)

func (d Confirmation) compose(w *writer) {
	name := w.name(d.Service.Name)
	w.open("confirmation", "service", name)
	w.say("confirmation.what", "service", w.service(d.Service))
	if message := clean(d.Message); message != "" && !likeAddress.MatchString(message) {
		w.say("confirmation.message", "message", strong(message))
	}
	w.say("confirmation.only")
	w.button("confirmation.button", pathConfirmations+d.Name)
	key, args := w.until("confirmation.until", d.At, d.Valid)
	w.whisper(key, args...)
	w.say("confirmation.not-you")
	w.asked("asked", Asked{At: d.At})
}

// text names the service and the address, and nothing of what is asked: a text is shown on
// locked screens and passes through more hands than a mail.
func (d Confirmation) text(w *writer) (words, code string) {
	product, url := cleanTo(w.in(w.m.Product), maxProduct), w.link("confirmation.button", pathConfirmations+d.Name).URL
	return brief(w.name(d.Service.Name), func(service string) string {
		return w.tr.T("text.confirmation", "product", product, "service", service, "url", url)
	}), ""
}

// maxProduct bounds the name of the deployment in a text that names a service, too, in characters.
const maxProduct = 40
