package notice

import (
	"net/url"
	"strings"

	"parvis/internal/i18n"
)

// Paths of our own site that mails lead to, beside /link/<token>.
const (
	pathSignIn   = "/signin"
	pathCreate   = "/signin?start=create-account"
	pathReset    = "/signin?start=forgot-password"
	pathUnlock   = "/signin?start=unlock"
	pathBack     = "/signin?start=service&service=" // and the service's identifier: it asks anew for what it needs
	pathServices = "/services"
	pathMethods  = "/settings/methods"
	pathSettings = "/settings"
	pathSessions = "/settings/sessions"
	pathEmails   = "/settings/emails"
	pathHelp     = "/help"
	pathContact  = "/contact"
)

func (d Activate) compose(w *writer) {
	w.open("activate", "duration", w.tr.Duration(d.Proof.Valid))
	if d.Partner {
		w.named("activate.partner", d.Service)
	} else {
		w.named("activate.why", d.Service)
	}
	w.proof("activate.button", d.Proof, d.Asked)
	w.aside("notasked.title", "activate.ignore")
	w.asked("asked", d.Asked)
}

func (d ActivateAgain) compose(w *writer) {
	why := d.Why
	if why == "" {
		why = WhyResend
	}
	w.open("again", "duration", w.tr.Duration(d.Proof.Valid))
	w.say("again." + string(why))
	if label := w.service(d.Service); label != "" {
		w.say("again.service", "service", label)
	}
	w.proof("activate.button", d.Proof, d.Asked)
	w.whisper("again.earlier")
	if d.Removal > 0 {
		w.whisper("again.removal", "duration", w.tr.Duration(d.Removal))
	}
	w.aside("notasked.title", "activate.ignore")
	w.asked("asked", d.Asked)
}

func (d AlreadyRegistered) compose(w *writer) {
	w.open("already")
	w.named("already.why", d.Service)
	if d.Proof.Token != "" {
		w.say("already.choose")
		w.proof("already.continue", d.Proof, d.Asked)
	} else {
		w.say("already.signin")
		w.signIn(d.Service)
	}
	w.aside("notasked.title", "already.ignore")
	w.asked("asked", d.Asked)
}

func (d Activated) compose(w *writer) {
	w.open("activated")
	if d.Partner {
		w.say("activated.partner")
	} else {
		w.say("activated.one")
	}
	if label := w.service(d.Service); label != "" {
		w.say("activated.service", "service", label)
	}
	w.button("button.services", pathServices)
	w.aside("notyou.title", "activated.notyou")
	w.asked("done", d.Asked)
}

func (d Removed) compose(w *writer) {
	if d.By == RemovedByRequest {
		w.open("closed") // as they asked for it
	} else {
		w.open("removed")
	}
	switch d.By {
	case RemovedByOperator:
		w.say("removed.operator")
	case RemovedByOwner:
		w.say("removed.owner")
	case RemovedByRequest:
		w.say("removed.request")
	case RemovedByMerge:
		w.say("removed.merge")
	case RemovedUnused:
		w.say("removed.unused")
	default:
		w.say("removed.not-activated", "duration", w.tr.Duration(d.Removal))
	}
	w.say("removed.gone")
	if d.By == RemovedByOperator || d.By == RemovedByRequest {
		w.aside("unexpected.title", "unexpected.contact")
	} else {
		w.say("removed.new")
		w.button("button.create", pathCreate)
	}
	w.asked("done", Asked{At: d.At})
}

func (d ResetPassword) compose(w *writer) {
	what := "reset"
	if d.First {
		what = "reset-first"
	}
	w.open(what, "duration", w.tr.Duration(d.Proof.Valid))
	w.named(what+".why", d.Service)
	w.proof(what+".button", d.Proof, d.Asked)
	w.aside("notasked.title", what+".ignore")
	w.asked("asked", d.Asked)
}

func (d ResetNoAccount) compose(w *writer) {
	w.open("reset-none")
	w.named("reset-none.why", d.Service)
	w.none(d.Service, d.Asked)
}

func (d UnlockNoAccount) compose(w *writer) {
	w.open("unlock-none")
	w.named("unlock-none.why", d.Service)
	w.none(d.Service, d.Asked)
}

// none is what somebody can do whose address has no account.
func (w *writer) none(s Service, asked Asked) {
	w.out.Body = append(w.out.Body, block{Items: [][]span{spans(w.t("none.other")), spans(w.t("none.create"))}})
	create := pathCreate
	if s.Party != "" {
		create += "&service=" + url.QueryEscape(string(s.Party))
	}
	w.button("button.create", create)
	w.aside("notasked.title", "none.ignore")
	w.asked("asked", asked)
}

// signIn leads to where one signs in: back to the service that waits, which then asks for
// what it needs, or to the sign-in page.
func (w *writer) signIn(s Service) {
	if s.Party == "" {
		w.button("button.signin", pathSignIn)
		return
	}
	w.button("button.service", pathBack+url.QueryEscape(string(s.Party)))
}

func (d PasswordChanged) compose(w *writer) {
	if d.First {
		w.open("password-set")
	} else {
		w.open("changed")
	}
	switch {
	case d.Reset && d.First:
		w.say("password-set.reset")
	case d.Reset:
		w.say("changed.reset")
	case d.First:
		w.say("password-set.what")
	default:
		w.say("changed.signed-in")
	}
	if d.SessionsEnded {
		w.say("changed.sessions")
	}
	if d.Partners > 0 {
		w.say("changed.partners", "count", d.Partners)
		w.button("button.partners", pathSettings)
	}
	w.steps("notyou.mailbox", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d PasswordLeaked) compose(w *writer) {
	w.open("leaked")
	w.say("leaked.what")
	w.say("leaked.how")
	w.button("leaked.button", "/settings/password")
	w.steps("notyou.password-now", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d Locked) compose(w *writer) {
	w.open("locked", "count", d.Failures)
	w.say("locked.why", "count", d.Failures)
	w.say("locked.how")
	w.button("unlock.button", pathUnlock)
	w.aside("notyou.title", "locked.notyou")
	w.asked("done", d.Asked)
}

func (d Unlock) compose(w *writer) {
	w.open("unlock", "duration", w.tr.Duration(d.Proof.Valid))
	if d.Reset {
		w.named("unlock.reset", d.Service)
	} else {
		w.named("unlock.why", d.Service)
	}
	w.proof("unlock.button", d.Proof, d.Asked)
	w.aside("notasked.title", "unlock.ignore")
	w.asked("asked", d.Asked)
}

func (d UnlockNotLocked) compose(w *writer) {
	w.open("unlock-open")
	w.named("unlock-open.why", d.Service)
	w.say("unlock-open.how")
	w.signIn(d.Service)
	w.aside("notasked.title", "unlock-open.ignore")
	w.asked("asked", d.Asked)
}

func (d Unlocked) compose(w *writer) {
	w.open("unlocked")
	if d.ByOperator {
		w.say("unlocked.operator")
	} else {
		w.say("unlocked.mail")
	}
	w.say("unlocked.how")
	w.button("button.signin", pathSignIn)
	w.steps("notyou.mailbox", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

// toldSignIns is how many sign-ins one mail lists; it counts the others.
const toldSignIns = 10

func (d NewSignIn) compose(w *writer) {
	w.open("new-sign-in")
	if len(d.Others) == 0 {
		w.named("new-sign-in.what", d.Service)
		w.facts(d.Asked)
	} else {
		w.say("new-sign-in.several", "count", len(d.Others)+1)
		all := append([]SignIn{{Service: d.Service, Asked: d.Asked}}, d.Others...)
		for _, one := range all[:min(len(all), toldSignIns)] {
			w.facts(one.Asked)
			if label := w.service(one.Service); label != "" {
				last := &w.out.Body[len(w.out.Body)-1]
				last.Facts = append(last.Facts, fact{Name: w.t("fact.service"), Value: plain(label)})
			}
		}
	}
	w.say("new-sign-in.you")
	w.say("new-sign-in.not-you")
	w.button("new-sign-in.button", "/wasnt-me/"+d.Token)
	w.valid("proof.valid", d.Sent, d.Valid)
	w.steps("notyou.password", "notyou.mailbox", "notyou.contact")
}

// facts adds when, with what and near where as labelled lines.
func (w *writer) facts(a Asked) {
	list := []fact{{Name: w.t("fact.when"), Value: w.when(a.At)}}
	if device := a.Device.In(w.tr); device != "" {
		list = append(list, fact{Name: w.t("fact.device"), Value: device})
	}
	if place := clean(a.Place); place != "" {
		list = append(list, fact{Name: w.t("fact.place"), Value: place})
	}
	w.out.Body = append(w.out.Body, block{Facts: list})
}

func (d ServiceConnected) compose(w *writer) {
	w.open("connected", "service", clean(w.in(d.Service.Name)))
	w.say("connected.what", "service", w.service(d.Service))
	list(w, "connected.shared", d.Shared, w.name)
	w.say("connected.never")
	w.button("button.services", pathServices)
	w.steps("notyou.disconnect", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d ServiceDisconnected) compose(w *writer) {
	w.open("disconnected", "service", clean(w.in(d.Service.Name)))
	w.say("disconnected.what", "service", w.service(d.Service))
	w.say("disconnected.kept")
	w.say("disconnected.again")
	w.button("button.services", pathServices)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d ContactReceived) compose(w *writer) {
	w.open("received")
	w.named("received.thanks", d.Service)
	w.say("received.reference", "reference", strong(d.Reference))
	w.say("received.never")
	w.aside("notwritten.title", "received.ignore")
	w.asked("sent", Asked{At: d.At})
}

func (d ContactDesk) compose(w *writer) {
	w.open("desk", "reference", clean(d.Reference))
	w.out.ReplyTo = d.From
	list := []fact{
		{Name: w.t("desk.reference"), Value: clean(d.Reference)},
		{Name: w.t("desk.from"), Value: clean(d.From)},
	}
	more := []fact{
		{Name: w.t("desk.language"), Value: language(d.FromLocale)},
		{Name: w.t("desk.service"), Value: plain(w.service(d.Service))},
		{Name: w.t("desk.topic"), Value: clean(d.Topic)},
		{Name: w.t("desk.page"), Value: clean(d.PageReference)},
		{Name: w.t("fact.device"), Value: d.Asked.Device.In(w.tr)},
	}
	for _, f := range more {
		if f.Value != "" {
			list = append(list, f)
		}
	}
	w.out.Body = append(w.out.Body, block{Facts: list}, block{Head: w.t("desk.message")})
	var quote []string
	for line := range strings.SplitSeq(strings.ReplaceAll(d.Body, "\r\n", "\n"), "\n") {
		quote = append(quote, cleanTo(line, 4000))
	}
	w.out.Body = append(w.out.Body, block{Quote: quote})
	w.say("desk.answer")
	w.asked("sent", Asked{At: d.Asked.At})
}

// language is a language's own name, or nothing when it is not one of ours.
func language(locale string) string {
	if l, ok := i18n.Parse(locale); ok {
		return l.Name()
	}
	return ""
}
