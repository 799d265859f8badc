package signin

import (
	"fmt"
	"slices"
	"strings"
)

// group is a set of steps that the document draws as one box.
type group struct {
	box   string
	words string
	steps []Step
}

func groups() []group {
	return []group{
		{"open", "any page before sign-in", before()},
		{"second", "any page of the second step", second()},
		{"proven", "what follows a full proof", after()},
	}
}

// document is docs/flows.md: the machine as a table and as a diagram.
func document() string {
	var b strings.Builder
	b.WriteString("# The journey of signing in\n\n")
	b.WriteString("Generated from `internal/signin/edges.go` by `make generate`; do not edit.\n\n")
	b.WriteString("Each box is a page, `/signin/{flow}/<name>`. A request ends at the dispatcher,\n" +
		"`/signin/{flow}`, which names the page that is due from what has been proven. A page or a\n" +
		"request out of turn changes nothing and goes to the dispatcher. The pages where a branch\n" +
		"begins (`sign-in`, `create-account`, `forgot-password`, `unlock`, `ways-in`) stay open until somebody\n" +
		"has signed in; beginning a branch clears the facts of the steps that follow it. The journey\n" +
		"that adds a sign-in partner begins in the settings, at `adding-partner`. The pages\n" +
		"`another-way` and `help-me-choose` only help to choose: they are open while a second step,\n" +
		"or a set-up, is due. `finish` returns to the service and `services` is My connected services.\n\n")
	for _, g := range groups() {
		fmt.Fprintf(&b, "- *%s*: %s\n", g.words, list(g.steps, nil))
	}
	b.WriteString("\n```mermaid\nflowchart TD\n")
	b.WriteString("  start([request of a service, or /signin]) --> sign-in\n")
	for _, g := range groups() {
		fmt.Fprintf(&b, "  %s{{%s}}\n", g.box, g.words)
	}
	for _, e := range Edges() {
		for _, from := range boxes(e.From) {
			for _, to := range boxes(e.To) {
				fmt.Fprintf(&b, "  %s -- %s: %s --> %s\n", from, e.Request, e.Outcome, to)
			}
		}
	}
	b.WriteString("```\n\n| at | request | ends | then |\n|---|---|---|---|\n")
	for _, e := range Edges() {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", list(e.From, groups()), e.Request, e.Outcome, list(e.To, groups()))
	}
	return b.String()
}

// gather finds the groups that lie whole in some steps, and the steps beside them.
func gather(steps []Step, all []group) (whole []group, rest []Step) {
	rest = slices.Clone(steps)
	for _, g := range all {
		in := func(s Step) bool { return slices.Contains(g.steps, s) }
		if !slices.ContainsFunc(g.steps, func(s Step) bool { return !slices.Contains(rest, s) }) {
			whole, rest = append(whole, g), slices.DeleteFunc(rest, in)
		}
	}
	return whole, rest
}

func boxes(steps []Step) []string {
	whole, rest := gather(steps, groups())
	var out []string
	for _, g := range whole {
		out = append(out, g.box)
	}
	for _, s := range rest {
		out = append(out, string(s))
	}
	return out
}

func list(steps []Step, all []group) string {
	whole, rest := gather(steps, all)
	var out []string
	for _, g := range whole {
		out = append(out, "*"+g.words+"*")
	}
	for _, s := range rest {
		out = append(out, "`"+string(s)+"`")
	}
	return strings.Join(out, ", ")
}
