package kit

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
	"text/template/parse"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/web/theme"
)

// funcs are the functions of page files. Those that make a component take pairs
// of option and value after their fixed parameters; an unknown option is an error.
//
//	t "key" "name" value …            text of the catalogue
//	tb "key" "name" value …           the same, each value in <strong>
//	th "key" "url" value …            the same, when the message holds a link
//	duration d                        "10 minutes"
//	$.Date at, $.DateTime at …        times in the zone of the browser: Times
//	token . "form-id"                 hidden field; in every form that posts
//	owntoken . "form-id"              the same, for who is signed in only: Site.OwnForm
//	field . "email" "label" … "hint" … "type" … "autocomplete" … "inputmode" … "value" … "maxlength" … "optional" true
//	area . "message" "label" … "hint" … "rows" 6
//	password . "password" "label" … "autocomplete" "current-password" "hint" … "rules" .Data.Rules
//	code . "code" "label" … "hint" … "digits" 6 | "letters" true … "texted" true
//	checkbox . "terms" "label" (th …) "hint" …
//	radios . "name" "label" … "choices" .Data.Choices
//	choose . "name" "label" … "hint" … "choices" .Data.Choices      a list to choose one of many from
//	button "Continue" "kind" "second|danger|link|small" "id" … "name" … "value" … "form" … "action" …
//	action "Open" "/path" "kind" …    a link that looks like a button
//	notice "info|done|warning|error" "text" "title" … "url" … "link" … "icon" …
//	caption 2 3                       "Step 2 of 3" with its stair
//	strength 1 "Basic"                three bars and a word
//	door "title" "/path" "icon" … "hint" … "tag" … "id" …
//	tile "icon"                       icon on its wash
//	tag "text" "kind" "ok|warn"
//	foot "icon" "text"                the safety sentence of a foot
//	rules .Data.Rules                 what a password must have
//	icon "lock"
//	breakable "sam@example.org"       a text that holds an e-mail address: where it may break
//	glue "555 0100"                   spaces made unbreakable; dial "555 0100" for href="tel:…"
//	logo lintel, rowlogo lintel       the tile with logo or initial, in the lintel and in rows
//	copy "text to copy"               a copy button, with JavaScript
//	printing                          a print button, with JavaScript
//	countdown left "14:32"            "You can try again in 5 minutes, at 14:32"
func (s *Site) funcs(lang i18n.Lang, t *template.Template) template.FuncMap {
	tr := s.Texts.Tr(lang)
	c := &components{tr: tr, render: func(name string, data any) (template.HTML, error) {
		var out bytes.Buffer
		if err := t.ExecuteTemplate(&out, name, data); err != nil {
			return "", err
		}
		return template.HTML(strings.TrimSpace(out.String())), nil //nolint:gosec // made by html/template
	}}
	return template.FuncMap{
		"part":      c.render,
		"logo":      func(l *Lintel) (template.HTML, error) { return c.render("logo", l) },
		"rowlogo":   func(l *Lintel) (template.HTML, error) { return c.render("rowlogo", l) },
		"t":         tr.T,
		"tb":        func(key string, args ...any) template.HTML { return template.HTML(tr.TB(key, args...)) }, //nolint:gosec // TB escapes
		"th":        func(key string, args ...any) template.HTML { return template.HTML(tr.TH(key, args...)) }, //nolint:gosec // message from the catalogue, values escaped
		"duration":  tr.Duration,
		"iso":       func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"list":      tr.List,
		"in":        func(text i18n.Text) string { return text.In(lang) },
		"lang":      func() string { return string(lang) },
		"asset":     s.assets.URL,
		"breakable": func(text string) template.HTML { return template.HTML(i18n.Breakable(text)) }, //nolint:gosec // Breakable escapes
		"glue":      glue,
		"dial":      dial,
		"icon":      icon,
		"token":     c.token,
		"owntoken":  c.own,
		"field":     c.field,
		"area":      c.area,
		"password":  c.password,
		"code":      c.code,
		"check":     c.check,
		"checkmail": c.checkMail,
		"checkbox":  c.checkbox,
		"radios":    c.radios,
		"choose":    c.choose,
		"button":    c.button,
		"action":    c.action,
		"notice":    c.notice,
		"caption":   c.caption,
		"strength":  c.strength,
		"door":      c.door,
		"tile":      c.tile,
		"tag":       c.tag,
		"foot":      c.foot,
		"rules":     c.rules,
		"copy":      c.copyButton,
		"printing":  c.printing,
		"countdown": c.countdown,
		"errors":    c.errorSummary,
		"words":     c.errorText,
		"timeleft":  c.timeLeft,
		"seconds":   func(d time.Duration) int { return int(d / time.Second) },
		"markup":    s.mark,
		"themeedge": theme.Ground,
	}
}

// glue makes the spaces of a short text unbreakable.
func glue(text string) string { return strings.ReplaceAll(text, " ", "\u00a0") }

// dial is a telephone number as a tel: address takes it (RFC 3966): digits and a leading plus.
func dial(number string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, number)
}

// checkWords refuses templates that name words the catalogue does not have.
func (s *Site) checkWords(t *template.Template, lang i18n.Lang) error {
	tr := s.Texts.Tr(lang)
	for _, one := range t.Templates() {
		if one.Tree == nil || one.Tree.Root == nil {
			continue
		}
		for _, key := range wordsOf(one.Tree.Root) {
			if !tr.Has(key) {
				return fmt.Errorf("template %q: the %s catalogue has no %q", one.Name(), lang, key)
			}
		}
	}
	return nil
}

// wordsOf finds the keys that a template names literally: t "key", tb "key", th "key".
func wordsOf(node parse.Node) []string {
	var out []string
	walk(node, func(c *parse.CommandNode) {
		if len(c.Args) < 2 {
			return
		}
		name, ok := c.Args[0].(*parse.IdentifierNode)
		if !ok || (name.Ident != "t" && name.Ident != "tb" && name.Ident != "th") {
			return
		}
		if key, ok := c.Args[1].(*parse.StringNode); ok {
			out = append(out, key.Text)
		}
	})
	return out
}

func walk(node parse.Node, found func(*parse.CommandNode)) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			walk(child, found)
		}
	case *parse.ActionNode:
		walk(n.Pipe, found)
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, c := range n.Cmds {
			walk(c, found)
		}
	case *parse.CommandNode:
		found(n)
		for _, a := range n.Args {
			walk(a, found)
		}
	case *parse.IfNode:
		walkBranch(&n.BranchNode, found)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, found)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, found)
	case *parse.TemplateNode:
		walk(n.Pipe, found)
	}
}

func walkBranch(n *parse.BranchNode, found func(*parse.CommandNode)) {
	walk(n.Pipe, found)
	walk(n.List, found)
	walk(n.ElseList, found)
}
