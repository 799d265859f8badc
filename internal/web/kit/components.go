package kit

import (
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"time"

	"parvis/internal/i18n"
)

// components makes the components' HTML for one language.
type components struct {
	tr     *i18n.Tr
	render func(name string, data any) (template.HTML, error)
}

// Field is an input with its label, hint and error.
type Field struct {
	Name         string
	Value        string
	Error        string
	Label        any // text or HTML
	Hint         any
	Type         string // "text" unless given
	Autocomplete string
	Inputmode    string
	Maxlength    int
	Rows         int
	Digits       int  // of a one-time code
	Letters      bool // a one-time code that may hold letters, such as a backup code
	Texted       bool // a one-time code that a text message brings: browsers may read it from there
	Optional     bool // no required attribute
	Short        bool // as wide as a short value
	Autofocus    bool
	Checked      bool
	Rules        *Rules
	Choices      []Choice
}

// Described is the ids that describe the field, for aria-describedby.
func (f Field) Described() string {
	var ids []string
	if f.Hint != nil && f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	if f.Error != "" {
		ids = append(ids, f.Name+"-error")
	}
	if f.Rules != nil {
		ids = append(ids, f.Name+"-rules")
	}
	return strings.Join(ids, " ")
}

// Choice is one of several radio buttons.
type Choice struct {
	Value string
	Text  string
	Hint  string
}

// Rules are what a password must have, shown before typing and checked while typing.
type Rules struct {
	Field string // name of the password field they are about
	Items []Rule
}

// Rule is one thing that a password must have.
type Rule struct {
	// Kind is what the script can check: "min", "max" (code points), "upper",
	// "lower", "digit", "symbol", "not" (contains none of Values), or "server",
	// which only the server knows.
	Kind   string
	Value  int      // of "min" and "max"
	Values []string // of "not"
	Text   string
}

// Words are the values of "not" as the script reads them.
func (r Rule) Words() string { return strings.Join(r.Values, "\n") }

// Button is a button, or a link that looks like one.
type Button struct {
	Text   any
	URL    string
	ID     string
	Name   string
	Value  string
	Action string // address that this button sends its form to, in place of the form's own
	Form   string
	Kind   string // "", "second", "danger", "link", "small" (a second one, 44 px)
}

// Notice is a sentence that must be seen.
type Notice struct {
	Kind  string // "info", "done", "warning", "error"
	Icon  string
	Title any
	Text  any
	URL   string
	Link  string
}

// Door is another way in or on.
type Door struct {
	Title string
	URL   string
	Icon  string
	Hint  string
	Tag   string
	ID    string
}

// stair is a step caption or a strength: bars, lit up to now, and words.
type stair struct {
	Bars []bool
	Text string
}

// fill sets the fields of a component from pairs of option and value.
func fill(target any, pairs []any) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("kit: %T: an option has no value", target)
	}
	v := reflect.ValueOf(target).Elem()
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		field := v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		if name == "" || !field.IsValid() {
			return fmt.Errorf("kit: %T has no option %q", target, pairs[i])
		}
		if pairs[i+1] == nil {
			continue
		}
		value := reflect.ValueOf(pairs[i+1])
		switch {
		case value.Type().AssignableTo(field.Type()):
			field.Set(value)
		case field.Kind() == reflect.String && value.Kind() == reflect.String:
			field.SetString(value.String())
		default:
			return fmt.Errorf("kit: %T: option %q is a %s, want %s", target, name, value.Type(), field.Type())
		}
	}
	return nil
}

func (c *components) token(p *Page, form string) template.HTML { return hidden(p.token(form)) }

func (c *components) own(p *Page, form string) template.HTML { return hidden(p.own(form)) }

func hidden(token string) template.HTML {
	return template.HTML(`<input type="hidden" name="` + tokenField + `" value="` + token + `">`) //nolint:gosec // base64url
}

// bound makes a field with what was typed and what is wrong.
func (c *components) bound(p *Page, name string, pairs []any) (Field, error) {
	f := Field{Name: name, Value: p.Form.Get(name), Checked: p.Form.Has(name), Type: "text"}
	if e := p.Form.Of(name); e != nil {
		f.Error = c.errorText(*e)
	}
	err := fill(&f, pairs)
	return f, err
}

func (c *components) input(partial string, p *Page, name string, pairs []any, adjust func(*Field)) (template.HTML, error) {
	f, err := c.bound(p, name, pairs)
	if err != nil {
		return "", err
	}
	if adjust != nil {
		adjust(&f)
	}
	return c.render(partial, f)
}

func (c *components) field(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("field", p, name, pairs, func(f *Field) {
		if f.Type == "email" && f.Autocomplete == "" {
			f.Autocomplete = "email"
		}
	})
}

func (c *components) area(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("area", p, name, pairs, func(f *Field) {
		if f.Rows == 0 {
			f.Rows = 6
		}
	})
}

// password never shows what was typed again.
func (c *components) password(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("password", p, name, pairs, func(f *Field) {
		f.Value = ""
		if f.Autocomplete == "" {
			f.Autocomplete = "current-password"
		}
		if f.Rules != nil {
			f.Rules = &Rules{Field: name, Items: f.Rules.Items}
		}
	})
}

func (c *components) code(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("code", p, name, pairs, func(f *Field) {
		if f.Digits == 0 {
			f.Digits = 6
		}
	})
}

func (c *components) checkbox(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("checkbox", p, name, pairs, func(f *Field) {
		if f.Value == "" {
			f.Value = "yes"
		}
	})
}

func (c *components) radios(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("radios", p, name, pairs, nil)
}

func (c *components) choose(p *Page, name string, pairs ...any) (template.HTML, error) {
	return c.input("choose", p, name, pairs, nil)
}

func (c *components) button(text any, pairs ...any) (template.HTML, error) {
	b := Button{Text: text}
	if err := fill(&b, pairs); err != nil {
		return "", err
	}
	if b.ID == "" && b.Kind == "" {
		b.ID = "submit"
	}
	return c.render("button", b)
}

func (c *components) action(text any, url string, pairs ...any) (template.HTML, error) {
	b := Button{Text: text, URL: url}
	if err := fill(&b, pairs); err != nil {
		return "", err
	}
	return c.render("action", b)
}

func (c *components) notice(kind string, text any, pairs ...any) (template.HTML, error) {
	n := Notice{Kind: kind, Text: text}
	if err := fill(&n, pairs); err != nil {
		return "", err
	}
	if n.Icon == "" {
		n.Icon = map[string]string{"done": "tick", "warning": "triangle", "error": "octagon"}[kind]
	}
	if n.Icon == "" {
		n.Icon = "i"
	}
	return c.render("notice", n)
}

func bars(lit, of int) []bool {
	out := make([]bool, of)
	for i := range out {
		out[i] = i < lit
	}
	return out
}

func (c *components) caption(step, of int) (template.HTML, error) {
	return c.render("caption", stair{Bars: bars(step, of), Text: c.tr.T("kit.step", "step", step, "of", of)})
}

func (c *components) strength(level int, word string) (template.HTML, error) {
	return c.render("strength", stair{Bars: bars(level, 3), Text: word})
}

func (c *components) door(title, url string, pairs ...any) (template.HTML, error) {
	d := Door{Title: title, URL: url, Icon: "key"}
	if err := fill(&d, pairs); err != nil {
		return "", err
	}
	return c.render("door", d)
}

func (c *components) tile(name string) (template.HTML, error) { return c.render("tile", name) }

func (c *components) tag(text string, pairs ...any) (template.HTML, error) {
	b := Button{Text: text}
	if err := fill(&b, pairs); err != nil {
		return "", err
	}
	return c.render("tag", b)
}

func (c *components) foot(name string, text any) (template.HTML, error) {
	return c.render("footline", Notice{Icon: name, Text: text})
}

func (c *components) rules(r *Rules) (template.HTML, error) { return c.render("rules", r) }

func (c *components) copyButton(text string) (template.HTML, error) { return c.render("copy", text) }

// wait is how long something has to be waited for, in words.
type wait struct {
	Left  time.Duration
	Said  time.Duration // in whole minutes, never less than it is
	Until string        // until what time
	Words string        // what the script says instead, minute by minute; "" for waits that nobody sits out
}

// countdown says for how long to wait, and with JavaScript when it is over.
func (c *components) countdown(left time.Duration, until string) (template.HTML, error) {
	w := wait{Left: left, Until: until, Said: max(time.Minute, (left + time.Minute - 1).Truncate(time.Minute))}
	if left <= time.Hour {
		w.Words = c.timeLeft(w.Said)
	}
	return c.render("countdown", w)
}

// printing is a button that prints the page.
func (c *components) printing() (template.HTML, error) { return c.render("printing", nil) }

func (c *components) errorText(e FormError) string {
	args := e.Args
	if e.After > 0 {
		args = append([]any{"wait", c.tr.Duration(e.After)}, args...)
	}
	return c.tr.T(e.Key, args...)
}

func (c *components) errorSummary(p *Page) (template.HTML, error) {
	if p.Form.OK() {
		return "", nil
	}
	return c.render("errors", p.Form.Errors)
}

// timeLeft are the texts of the last minutes of a session, the shortest first,
// as the script shows them.
func (c *components) timeLeft(warn time.Duration) string {
	out := []string{c.tr.T("kit.less-than-a-minute")}
	for m := 1; m <= int(warn/time.Minute)+1; m++ {
		out = append(out, c.tr.Duration(time.Duration(m)*time.Minute))
	}
	return strings.Join(out, "|")
}
