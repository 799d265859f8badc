package signin

import (
	"fmt"
	"slices"
	"strings"
)

// Edge is one drawn way through the journey: what a request may do at a step.
// A request that has no edge from a step changes nothing and goes to the dispatcher.
type Edge struct {
	From    []Step
	Request string // name of the request, as in the pages' form ids
	Outcome string // how it ended
	To      []Step // what the dispatcher may name afterwards
}

// after are the steps that can follow once somebody has signed in.
func after() []Step { return []Step{StepConsent, StepFinish, StepServices, StepReady} }

// before are the steps that come before anybody has signed in.
func before() []Step {
	return []Step{
		StepSignIn, StepCreate, StepForgot, StepUnlock,
		StepConfirmEmail, StepAlready, StepChoosePassword, StepCheckEmail,
	}
}

// Edges is the whole machine. docs/flows.md is drawn from it, and the tests of
// this package try every request at every step and find no other way.
func Edges() []Edge {
	signedIn := after()
	return []Edge{
		{before(), "sign-in", "signed in", signedIn},
		{before(), "sign-in", "wrong", []Step{StepSignIn}},
		{before(), "sign-in", "locked", []Step{StepUnlock}},

		{before(), "create-account", "sent", []Step{StepConfirmEmail}},
		{[]Step{StepConfirmEmail}, "resend", "sent", []Step{StepConfirmEmail}},
		{[]Step{StepConfirmEmail}, "confirm-email", "wrong code", []Step{StepConfirmEmail}},
		{[]Step{StepConfirmEmail}, "confirm-email", "proven", []Step{StepChoosePassword, StepAlready}},
		{[]Step{StepChoosePassword}, "choose-password", "activated", signedIn},
		{[]Step{StepChoosePassword}, "choose-password", "taken or gone", []Step{StepAlready, StepCreate}},

		{before(), "reset-password", "sent", []Step{StepCheckEmail}},
		{before(), "reset-password", "locked", []Step{StepUnlock}},
		{before(), "unlock", "sent", []Step{StepCheckEmail}},
		{[]Step{StepCheckEmail}, "resend", "sent", []Step{StepCheckEmail}},
		{[]Step{StepCheckEmail}, "check-email", "wrong code", []Step{StepCheckEmail}},
		{[]Step{StepCheckEmail}, "check-email", "proven", []Step{StepChoosePassword, StepSignIn}},
		{[]Step{StepChoosePassword}, "choose-password", "changed", []Step{StepSignIn}},
		{[]Step{StepChoosePassword}, "choose-password", "proof ended", []Step{StepForgot}},

		{before(), "link", "proven", []Step{StepChoosePassword, StepAlready, StepSignIn}},

		{[]Step{StepContinue}, "continue", "continued", []Step{StepSignIn, StepConsent, StepFinish, StepServices, StepReady}},
		{[]Step{StepContinue, StepSignIn}, "switch", "signed out", []Step{StepSignIn}},
		{[]Step{StepConsent}, "consent", "allowed", []Step{StepFinish}},
		{[]Step{StepConsent}, "consent", "denied", []Step{StepCancelled}},
		{slices.Concat(before(), []Step{StepContinue, StepConsent}), "cancel", "given up", []Step{StepCancelled}},
		{[]Step{StepCancelled}, "resume", "went back", slices.Concat(before(), []Step{StepContinue, StepConsent, StepFinish})},
		{[]Step{StepSignOut}, "sign-out", "signed out", []Step{StepFinish}},
	}
}

// Drawn reports whether a request may lead from one step to another.
func Drawn(from Step, request string, to Step) bool {
	for _, e := range Edges() {
		if e.Request == request && slices.Contains(e.From, from) && slices.Contains(e.To, to) {
			return true
		}
	}
	return false
}

// Document is docs/flows.md: the machine as a table and as a diagram.
func Document() string {
	var b strings.Builder
	b.WriteString("# The journey of signing in\n\n")
	b.WriteString("Generated from `internal/signin/edges.go` by `make generate`; do not edit.\n\n")
	b.WriteString("Each box is a page, `/signin/{flow}/<name>`. A request ends at the dispatcher,\n" +
		"`/signin/{flow}`, which names the page that is due from what has been proven. A page or a\n" +
		"request out of turn changes nothing and goes to the dispatcher. The pages where a branch\n" +
		"begins (`sign-in`, `create-account`, `forgot-password`, `unlock`) stay open until somebody\n" +
		"has signed in; beginning a branch clears the facts of the steps that follow it.\n" +
		"`finish` returns to the service and `services` is My connected services.\n\n")
	b.WriteString("```mermaid\nflowchart TD\n")
	b.WriteString("  start([request of a service, or /signin]) --> sign-in\n")
	b.WriteString("  open{{any page before sign-in}}\n")
	for _, e := range Edges() {
		for _, from := range drawnFrom(e.From) {
			for _, to := range e.To {
				fmt.Fprintf(&b, "  %s -- %s: %s --> %s\n", from, e.Request, e.Outcome, to)
			}
		}
	}
	b.WriteString("```\n\n| at | request | ends | then |\n|---|---|---|---|\n")
	for _, e := range Edges() {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", list(e.From), e.Request, e.Outcome, list(e.To))
	}
	return b.String()
}

// drawnFrom draws "any page before sign-in" as one box instead of eight.
func drawnFrom(from []Step) []string {
	var out []string
	if len(from) >= len(before()) {
		out = append(out, "open")
		from = from[len(before()):]
	}
	for _, s := range from {
		out = append(out, string(s))
	}
	return out
}

func list(steps []Step) string {
	var out []string
	if len(steps) >= len(before()) && slices.Equal(steps[:len(before())], before()) {
		out = append(out, "any page before sign-in")
		steps = steps[len(before()):]
	}
	for _, s := range steps {
		out = append(out, "`"+string(s)+"`")
	}
	return strings.Join(out, ", ")
}
