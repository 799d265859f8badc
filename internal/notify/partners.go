package notify

import "parvis/internal/i18n"

// The messages about sign-in partners.
const (
	KindPartnerLinked   Kind = "partner-linked"
	KindPartnerUnlinked Kind = "partner-unlinked"
)

// PartnerLinked tells the owner that a sign-in partner lets somebody into the account
// from now on.
type PartnerLinked struct {
	Partner i18n.Text // what people call it
	Asked   Asked
}

// Kind is KindPartnerLinked.
func (PartnerLinked) Kind() Kind { return KindPartnerLinked }

// PartnerUnlinked tells the owner that a sign-in partner no longer does.
type PartnerUnlinked struct {
	Partner i18n.Text // what people call it
	Asked   Asked
}

// Kind is KindPartnerUnlinked.
func (PartnerUnlinked) Kind() Kind { return KindPartnerUnlinked }

func (d PartnerLinked) compose(w *writer) {
	partner := clean(w.in(d.Partner))
	w.open("linked", "partner", partner)
	w.say("linked.what", "partner", partner)
	w.say("linked.never", "partner", partner)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d PartnerUnlinked) compose(w *writer) {
	partner := clean(w.in(d.Partner))
	w.open("unlinked", "partner", partner)
	w.say("unlinked.what", "partner", partner)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}
