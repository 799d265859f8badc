package signinui

import (
	"net/http"
	"slices"

	"parvis/internal/policy"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// helpPage is the data of pages/help-me-choose.html.
type helpPage struct {
	journey

	Questions []helpQuestion

	Method   policy.Method // what is suggested; "" while the questions are open
	Title    string
	Icon     string
	LessSafe bool // the suggested method is restricted, and an app is safer
	Advice   bool // the device is shared
}

// helpQuestion is a question as the page shows it.
type helpQuestion struct {
	Name    string
	Text    string
	Choices []kit.Choice
}

// answers are those to the three questions.
type answers struct {
	Mobile, Landline bool // a telephone is at hand
	App              bool // an app can be installed on a device of one's own
	Shared           bool // other people use this device
}

// renderHelp shows the page help-me-choose. The answers stand in its address, for
// they tell nothing of the person, and nothing is stored.
func (u *UI) renderHelp(c *call, _ *kit.Form, status int) error {
	choices, err := u.Stepup.Choices(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := helpPage{journey: c.journey}
	for _, q := range questions() {
		stem := "help-me-choose." + q.name
		shown := helpQuestion{Name: q.name, Text: c.tr.T(stem)}
		for _, a := range q.answers {
			shown.Choices = append(shown.Choices, kit.Choice{Value: a, Text: c.tr.T(stem + "." + a)})
		}
		data.Questions = append(data.Questions, shown)
	}
	form, err := kit.ParseForm(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	title := c.tr.T("help-me-choose.title")
	if form.Has("asked") {
		in := readAnswers(form)
		if !form.OK() {
			status = http.StatusUnprocessableEntity
		} else if m := suggest(in, choices.Offer); m != "" {
			data.Method, data.Title, data.Icon = m, methodName(c.tr, m), methodIcon(m)
			title = c.tr.T("help-me-choose.result", "method", data.Title)
			data.LessSafe, data.Advice = m.Restricted(), in.Shared
		}
	}
	return u.render(c, status, kit.View{Page: "help-me-choose", Title: title, Form: form, Data: data})
}

// question is one question with its answers.
type question struct {
	name    string
	answers []string
}

// questions are what a person is asked, in order.
func questions() []question {
	return []question{{"phone", []string{"mobile", "landline", "none"}}, {"app", []string{"yes", "no"}}, {"shared", []string{"yes", "no"}}}
}

// readAnswers reads the form help-me-choose.
func readAnswers(f *kit.Form) answers {
	for _, q := range questions() {
		if !slices.Contains(q.answers, f.Get(q.name)) {
			f.Set(q.name, "")
			f.Fail(q.name, "help-me-choose.error."+q.name)
		}
	}
	return answers{
		Mobile: f.Get("phone") == "mobile", Landline: f.Get("phone") == "landline",
		App: f.Get("app") == "yes", Shared: f.Get("shared") == "yes",
	}
}

// suggest is the one method for somebody, among those that can be set up: the
// safest first that the person has the means for. "" when there is none.
func suggest(a answers, offer []stepup.Choice) policy.Method {
	fits := map[policy.Method]bool{
		policy.Passkey: !a.Shared || a.Mobile, policy.App: a.App, policy.Text: a.Mobile,
		policy.Voice: a.Mobile || a.Landline, policy.Backup: true,
	}
	for _, m := range []policy.Method{policy.Passkey, policy.App, policy.Text, policy.Voice, policy.Backup, policy.SecurityKey} {
		room := slices.ContainsFunc(offer, func(o stepup.Choice) bool { return o.Method == m && !o.Full })
		if room && (fits[m] || m == policy.SecurityKey) {
			return m
		}
	}
	return ""
}
