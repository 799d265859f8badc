package notice

import "parvis/internal/i18n"

// The messages about sign-in partners that are never to be used.
const (
	KindPartnerBlocked   Kind = "partner-blocked"
	KindPartnerUnblocked Kind = "partner-unblocked"
)

// PartnerBlocked tells the owner that nobody can add a sign-in partner to the account.
type PartnerBlocked struct {
	Partner i18n.Text // what people call it
	Asked   Asked
}

// Kind is KindPartnerBlocked.
func (PartnerBlocked) Kind() Kind { return KindPartnerBlocked }

// PartnerUnblocked tells the owner that a sign-in partner can be added again.
type PartnerUnblocked PartnerBlocked

// Kind is KindPartnerUnblocked.
func (PartnerUnblocked) Kind() Kind { return KindPartnerUnblocked }

func (d PartnerBlocked) compose(w *writer) {
	partner := clean(w.in(d.Partner))
	w.open("blocked", "partner", partner)
	w.say("blocked.what", "partner", partner)
	w.say("blocked.back")
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d PartnerUnblocked) compose(w *writer) {
	partner := clean(w.in(d.Partner))
	w.open("unblocked", "partner", partner)
	w.say("unblocked.what", "partner", partner)
	w.say("unblocked.still", "partner", partner)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}
