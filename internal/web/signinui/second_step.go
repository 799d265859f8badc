package signinui

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/authenticator/totp"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// secondPage is the data of pages/second-step.html and pages/second-step-wait.html.
type secondPage struct {
	journey

	Look    stepup.View
	Line    methodLine
	Name    string // given by its owner
	Why     string // why it is asked
	Digits  int
	Texted  bool          // the code comes by text message
	Fee     bool          // a telephone company may charge for it
	Other   string        // the other methods that can be used, in words; "" for none
	Resent  bool          // a code was sent again just now
	Missing bool          // the help for a missing code stands open
	Address string        // who signs in
	Lasts   time.Duration // how long the code that was sent works
	Left    time.Duration // how long to wait
	Until   string        // until what time
}

// renderSecond shows the page second-step: why a proof is asked for, which one, and
// how to give it; while the method waits, what can be done instead.
func (u *UI) renderSecond(c *call, form *kit.Form, status int) error {
	look, err := u.Stepup.Look(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	if look.Method == "" { // none of the account's methods can be asked for
		return c.back(string(signin.StepOtherWay))
	}
	look.Target = unbroken(look.Target)
	data := secondPage{
		journey: c.journey, Look: look, Line: u.line(c.tr, u.Site.Times(c.r), look.Option), Name: u.ownName(c.tr, look.Option), Why: secondWhy(c, look),
		Digits: u.digits(look.Method), Texted: look.Method == policy.Text,
		Fee: look.Method == policy.Text || look.Method == policy.Voice, Other: others(c.tr, look.Others),
		Resent: form == nil && c.r.URL.Query().Has("sent"),
	}
	data.Missing = data.Resent || form.Get("again") != "" || form.Of("code") != nil && look.Sends()
	if c.view.Person != nil {
		data.Address = c.view.Person.Address
	}
	if look.Sent != nil {
		data.Lasts = look.Sent.Ends.Sub(look.Sent.At)
	}
	if look.Way == stepup.WayWait {
		return u.renderWait(c, status, data)
	}
	if look.Old != nil && look.Way == stepup.WaySend && c.view.Partner != "" {
		return u.renderCodeExpired(c, form, status, codeExpired{
			Lasts: look.Old.Ends.Sub(look.Old.At), Masked: look.Target,
			Send: "second-step/send", SendForm: "second-step", Again: "second-step/switch", AgainForm: "switch",
		})
	}
	state := string(look.Method)
	if look.Way == stepup.WaySend {
		state = "send"
		form.Unbind("code") // there is no field for it
	}
	return u.render(c, status, kit.View{Page: "second-step", Title: c.tr.T("second-step.title." + state), Form: form, Data: data})
}

// renderWait shows that a method takes no more codes for now, or at all, and the
// ways on. A program learns by Retry-After when to come back (RFC 9110, 10.2.3).
func (u *UI) renderWait(c *call, status int, data secondPage) error {
	state := "disabled"
	if until := data.Look.Standing.Until; !until.IsZero() {
		state, data.Left, data.Until = "waiting", until.Sub(u.Site.Now()), clock(u.Site.Times(c.r), until)
		c.w.Header().Set("Retry-After", strconv.Itoa(int((data.Left+time.Second-1)/time.Second)))
	}
	return u.render(c, status, kit.View{
		Page: "second-step", File: "second-step-wait", Title: c.tr.T("second-step.title." + state), Data: data,
	})
}

// others are the other methods that can be used, each kind once, in words.
func others(tr *i18n.Tr, options []stepup.Option) string {
	var names []string
	for _, o := range usable(options) {
		if name := methodName(tr, o.Method); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " · ")
}

// secondWhy says why a second step is asked for.
func secondWhy(c *call, look stepup.View) string {
	switch {
	case c.view.Status == account.Merged:
		return c.tr.T("second-step.why.merged")
	case c.view.Status == account.Closing:
		return c.tr.T("second-step.why.closing")
	case look.Guard && c.view.Partner != "":
		return c.tr.T("second-step.why.guard-partner")
	case look.Guard:
		return c.named("second-step.why.guard", "second-step.why.guard-direct")
	case look.Again:
		return c.named("second-step.why.again", "second-step.why.again-direct")
	case look.Always:
		return c.tr.T("second-step.why.direct")
	default:
		return c.named("second-step.why.service", "second-step.why.direct")
	}
}

// digits is how many digits the code of a method has; 0: it has letters, too.
func (u *UI) digits(m policy.Method) int {
	switch m {
	case policy.App:
		return totp.Digits
	case policy.Backup:
		return 0
	default:
		return u.Numbers.SentDigits
	}
}

// sendSecond sends the code of a second step, or sends it again.
func (u *UI) sendSecond(c *call, form *kit.Form) error {
	if err := u.Stepup.Send(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	if form.Has("again") {
		return c.back(string(signin.StepSecond) + "?sent=1")
	}
	return c.back(string(signin.StepSecond))
}

// prove takes the typed code of a second step.
func (u *UI) prove(c *call, form *kit.Form) error {
	typed := readProof(form)
	if !form.OK() {
		return nil
	}
	result, err := u.Stepup.Prove(c.r.Context(), c.visitor, c.view.Flow, typed, form.Has("remember"))
	if err != nil {
		return err
	}
	switch result.Outcome {
	case stepup.Done:
		return u.finish(c, result)
	case stepup.Used:
		return u.failUsed(c, form)
	case stepup.Waiting, stepup.Disabled:
		return u.refuse(c, result.Outcome)
	default:
		failTyped(form, result)
		return nil
	}
}

// refuse shows that a method takes no more codes: its own page says so, and where another
// method is asked for instead, that one's page says why.
func (u *UI) refuse(c *call, outcome stepup.Outcome) error {
	look, err := u.Stepup.Look(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	var form *kit.Form
	if look.Way != stepup.WayWait {
		form = &kit.Form{}
		form.Fail("", "second-step.error."+string(outcome))
	}
	return u.renderSecond(c, form, http.StatusTooManyRequests)
}

// failUsed says of a code that was used before which one to enter instead.
func (u *UI) failUsed(c *call, form *kit.Form) error {
	look, err := u.Stepup.Look(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	key := "second-step.error.used-app"
	if look.Method == policy.Backup {
		key = "second-step.error.used-backup"
	}
	form.Fail("code", key)
	return nil
}

// sendFirst sends the code of a second step that is due right after a password was
// typed, so that nobody has to ask for it. The sign-in counts whatever becomes of
// it: the page then offers to send the code.
func (u *UI) sendFirst(c *call, f id.Flow, cookies flow.Cookies) {
	ctx, visitor := c.r.Context(), c.visitor
	visitor.Session = cookies.Session
	view, err := u.Signin.Open(ctx, visitor, f)
	if err == nil && view.Step == signin.StepSecond {
		var look stepup.View
		look, err = u.Stepup.Look(ctx, visitor, f)
		if err == nil && look.Way == stepup.WaySend {
			err = u.Stepup.Send(ctx, visitor, f)
		}
	}
	if err != nil {
		u.Site.Log.InfoContext(ctx, "the first code of a second step was not sent", "flow_reference", c.view.Reference, "err", err)
	}
}
