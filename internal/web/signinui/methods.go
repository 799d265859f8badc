package signinui

import (
	"strings"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/i18n"
	"parvis/internal/policy"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// methodLine is one method of an account as the pages show it.
type methodLine struct {
	ID    string // for stepup.Choose
	Icon  string
	Title string // what it is
	Facts string // which one it is, and when it was used
	Why   string // why it cannot be used now; "" when it can
}

// methodName is what a method is called on pages.
func methodName(tr *i18n.Tr, m policy.Method) string { return tr.T("method." + string(m) + ".name") }

// methodIcon is the drawing beside a method.
func methodIcon(m policy.Method) string {
	switch m {
	case policy.Email:
		return "mail"
	case policy.Text:
		return "bubble"
	case policy.Voice:
		return "phone"
	case policy.App:
		return "app"
	case policy.Backup:
		return "list"
	case policy.Passkey:
		return "passkey"
	case policy.SecurityKey:
		return "usb"
	default:
		return "key"
	}
}

// line is an option as the pages show it.
func (u *UI) line(tr *i18n.Tr, times kit.Times, o stepup.Option) methodLine {
	var facts []string
	for _, fact := range []string{unbroken(o.Target), u.ownName(tr, o)} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	if o.Method == policy.Backup {
		facts = append(facts, tr.T("method.codes-left", "count", o.Left))
	}
	if !o.UsedAt.IsZero() {
		facts = append(facts, tr.T("method.last-used", "moment", times.Moment(o.UsedAt)))
	}
	return methodLine{
		ID: o.ID, Icon: methodIcon(o.Method), Title: methodName(tr, o.Method), Facts: strings.Join(facts, " · "),
		Why: standing(tr, times, o.Standing),
	}
}

// unbroken keeps a telephone number in one line; an address may break.
func unbroken(target string) string {
	if strings.Contains(target, "@") {
		return target
	}
	return strings.NewReplacer(" ", "\u00a0", "-", "\u2011").Replace(target)
}

// ownName is the name that somebody gave a method; "" when it is the one that is
// proposed, in any language, for it tells nothing. With a number behind it, it tells
// one from another, and is said in the language of the page.
func (u *UI) ownName(tr *i18n.Tr, o stepup.Option) string {
	own, proposal := o.Name, proposalFor(o.Method)
	for _, lang := range i18n.Langs() {
		behind, ok := authenticator.Proposed(own, u.Site.Texts.Tr(lang).T(proposal))
		switch {
		case ok && behind == "":
			return ""
		case ok:
			return tr.T(proposal) + behind
		}
	}
	return own
}

// proposalFor is the key of the name that a method gets when its owner gives none.
func proposalFor(m policy.Method) string {
	if m == policy.Text || m == policy.Voice {
		return "set-up-phone.suggested"
	}
	return "method." + string(m) + ".name"
}

// standing says why a method cannot be used now; "" when it can.
func standing(tr *i18n.Tr, times kit.Times, s authenticator.State) string {
	switch s.Standing {
	case authenticator.Waiting:
		return tr.T("another-way.waiting", "time", clock(times, s.Until))
	case authenticator.Disabled:
		return tr.T("another-way.disabled")
	default:
		return ""
	}
}

// clock is a time of day that a person waits for: never earlier than it is.
func clock(times kit.Times, at time.Time) string {
	return times.Clock(at.Add(time.Minute - time.Nanosecond).Truncate(time.Minute))
}

// usable are the options that can be used now.
func usable(options []stepup.Option) []stepup.Option {
	var out []stepup.Option
	for _, o := range options {
		if o.Standing.Standing != authenticator.Waiting && o.Standing.Standing != authenticator.Disabled {
			out = append(out, o)
		}
	}
	return out
}

// named is the text of a key with ".service" when a service waits, or of the
// other one for a direct sign-in.
func (c *call) named(withService, direct string) string {
	if c.journey.Service == "" {
		return c.tr.T(direct)
	}
	return c.tr.T(withService, "service", c.journey.Service)
}

// failTyped notes how an attempt with a typed code ended that was not the right one.
func failTyped(form *kit.Form, r stepup.Result) {
	if r.Outcome == stepup.Wrong {
		form.Fail("code", "second-step.error.wrong", "count", r.Left)
		return
	}
	form.Fail("code", "second-step.error.ended")
}

// finish ends a step that is done: the session got a new token with the proof.
func (u *UI) finish(c *call, r stepup.Result) error {
	u.Visitor.Set(c.w, c.r, r.Cookies)
	return c.dispatch()
}
