package kit

import "html/template"

// Check is what a form shows of the check that it is not sent by a program. Nil shows
// nothing: {{check . .Data.Check}} before the button of a form, {{checkmail .Data.Check}}
// after it, so that the key Enter presses the form's own button.
type Check struct {
	Challenge string // JSON for the script; "" when a code was mailed instead
	Mailed    string // the code that was mailed, as the form carries it; "" for none
	Sent      string // what is said of that mail
	Digits    int    // of the code
	Codes     bool   // going on by e-mail brings a code to type; else the mail that the form brings anyway

	Error string // filled by the component
	Code  template.HTML
}

func (c *components) check(p *Page, k *Check) (template.HTML, error) {
	if k == nil {
		return "", nil
	}
	shown := *k
	if e := p.Form.Of("challenge"); e != nil {
		shown.Error = c.errorText(*e)
	}
	if k.Mailed != "" {
		var err error
		shown.Code, err = c.code(p, "challenge_code", "label", c.tr.T("challenge.code"), "hint", k.Sent, "digits", k.Digits)
		if err != nil {
			return "", err
		}
	}
	return c.render("check", shown)
}

func (c *components) checkMail(k *Check) (template.HTML, error) {
	if k == nil {
		return "", nil
	}
	return c.render("checkmail", k)
}
