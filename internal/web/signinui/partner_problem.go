package signinui

import (
	"parvis/internal/signin"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// problemPage is the data of pages/partner-problem.html.
type problemPage struct {
	partnerPage

	Failure upstream.Failure
	Lead    string
	Steps   []string // what helps, in the order in which it should be tried (R55)
	Help    string   // what the partner itself helps with (R48)
	HelpURL string
	Again   bool // trying again may help: the main button
	Retry   bool // it can be tried again
	Look    bool // it cannot be reached now: the page can be looked at again
}

// problems are the words of each failure: how many ordered steps its help has, and
// whether trying again is the first of the ways on.
func problems(f upstream.Failure) (steps int, again bool) {
	switch f {
	case upstream.Cancelled:
		return 2, true
	case upstream.Refused:
		return 3, false
	case signin.OtherAccount:
		return 3, true
	case upstream.Outage:
		return 2, false
	case upstream.Slow, upstream.Replay, upstream.Stale, signin.OtherThere:
		return 2, true
	case upstream.Invalid:
		return 2, true
	case upstream.Weaker:
		return 2, false
	default:
		return 0, false
	}
}

// stepsToLink are the steps for who is signed in already, and only links the partner:
// none of them is another way to sign in.
func stepsToLink(f upstream.Failure, steps []string) []string {
	const later = "partner-problem.link-later"
	switch f {
	case upstream.Cancelled, upstream.Slow:
		return []string{steps[0], later}
	case upstream.Outage, upstream.Weaker:
		return []string{later}
	case upstream.Invalid:
		return []string{steps[0], later}
	default:
		return append(steps, later)
	}
}

// renderPartnerProblem shows the page partner-problem: what became of a sign-in at a
// partner, and what can be done, in order.
func (u *UI) renderPartnerProblem(c *call, form *kit.Form, status int) error {
	about, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	data := problemPage{partnerPage: about, Failure: c.view.PartnerFailure}
	count, again := problems(data.Failure)
	if count == 0 { // a failure of a newer version, during an update
		data.Failure = upstream.Invalid
		count, again = problems(data.Failure)
	}
	p, err := u.partnerNamed(c.r.Context(), c.view.Partner)
	if err != nil {
		return err
	}
	stem := "partner-problem." + string(data.Failure)
	data.Lead = c.tr.T(stem+".lead", "partner", data.Name, "address", data.Address)
	steps := []string{stem + ".do-1", stem + ".do-2", stem + ".do-3"}[:count]
	if data.Linking {
		steps = stepsToLink(data.Failure, steps)
	}
	for _, key := range steps {
		data.Steps = append(data.Steps, c.tr.T(key, "partner", data.Name))
	}
	if p != nil {
		data.Help, data.HelpURL = p.Help.In(c.tr.Lang()), p.HelpURL.In(c.tr.Lang())
		data.Retry, data.Look = !p.Disabled && !data.Down, !p.Disabled && data.Down
	}
	data.Again = again && data.Retry
	return u.render(c, status, kit.View{
		Page: string(signin.StepPartnerFailed), Title: c.tr.T(stem+".title", "partner", data.Name), Form: form, Data: data,
	})
}
