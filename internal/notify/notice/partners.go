package notice

import "parvis/internal/i18n"

// The messages about sign-in partners, and about beginning anew at a service.
const (
	KindPartnerLinked   Kind = "partner-linked"
	KindPartnerUnlinked Kind = "partner-unlinked"
	KindEnrolmentReset  Kind = "enrolment-reset"
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
type PartnerUnlinked PartnerLinked

// Kind is KindPartnerUnlinked.
func (PartnerUnlinked) Kind() Kind { return KindPartnerUnlinked }

// EnrolmentReset tells the owner that a service begins anew with them (R52).
type EnrolmentReset struct {
	Service Service   // that asked for it
	Sharing []Service // connected services that know the person by the same identifier, and begin anew, too
	Asked   Asked
}

// Kind is KindEnrolmentReset.
func (EnrolmentReset) Kind() Kind { return KindEnrolmentReset }

func (d PartnerLinked) compose(w *writer) {
	partner := clean(w.in(d.Partner))
	w.open("linked", "partner", partner)
	w.say("linked.what", "partner", partner)
	w.say("linked.never", "partner", partner)
	w.button("button.partners", pathSettings)
	w.steps("notyou.remove-partner", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d PartnerUnlinked) compose(w *writer) {
	partner := clean(w.in(d.Partner))
	w.open("unlinked", "partner", partner)
	w.say("unlinked.what", "partner", partner)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d EnrolmentReset) compose(w *writer) {
	w.open("enrolment-reset", "service", clean(w.in(d.Service.Name)))
	w.say("enrolment-reset.what", "service", w.service(d.Service))
	list(w, "enrolment-reset.sharing", d.Sharing, w.service)
	w.say("enrolment-reset.next")
	w.say("enrolment-reset.account")
	w.button("button.services", pathServices)
	w.aside("enrolment-reset.why-title", "enrolment-reset.why")
	w.asked("done", d.Asked)
}
