package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Owned are the second steps of an account.
type Owned struct {
	Methods []Method // that can be proven; one that waits or is disabled counts
	Aside   []Method // that were set aside because their owner lost them, and may still come back
	// CountFrom is when what was bound in place of the lost methods counts in full, and
	// these can no longer come back; zero: nothing was lost.
	CountFrom time.Time
}

// Cools reports whether what was bound in place of lost methods does not count in full
// yet. Until then no proof of it is worth more than TwoSteps (Proof.Cooling), and nothing
// of the account is changed that its best proof guards.
func (o Owned) Cools(now time.Time) bool { return o.CountFrom.After(now) }

// All are the methods that the account has, those that were set aside, too: losing them
// must not open the way to a weaker proof for what changes the account.
func (o Owned) All() []Method { return slices.Concat(o.Methods, o.Aside) }

// Strong reports whether an account has a method that recovery is about: one of AAL2 or more.
func (o Owned) Strong() bool {
	return slices.ContainsFunc(o.Methods, func(m Method) bool { return m.Worth() >= AAL2 })
}

// Loss is what is known of somebody who proved the first step and a code by e-mail, and
// has lost every method that counts for more.
type Loss struct {
	// Independent says that the first step proves something else than the mailbox: a
	// sign-in partner that was not linked, or a password that was not chosen, by somebody
	// who had proven nothing but the mailbox, or that was proven together with a method of
	// AAL2 or more since.
	Independent bool
	// Objected says that the owner stopped or undid such a recovery lately.
	Objected bool
}

// RecoverAfter is how long somebody waits, while the owner is told everywhere, before
// lost methods are set aside.
//
// SP 800-63B-4, 4.2.2.2: recovery at AAL2 takes a recovery code and an authenticator that
// is bound, such as the password. The mailbox alone is never enough: whoever chose the
// password with it has proven one thing twice, and waits.
func (t Table) RecoverAfter(l Loss) time.Duration {
	if l.Independent && !l.Objected {
		return 0
	}
	return t.settings.RecoveryWait
}

// CoolingOff is how long what is bound in place of lost methods does not count in full.
func (t Table) CoolingOff() time.Duration { return t.settings.CoolingOff }

// RecoveryOpen is how long the link that ends a recovery works when the waiting is over.
func (t Table) RecoveryOpen() time.Duration { return t.settings.RecoveryOpen }

const aboutLoss = `
## When every method is lost
Somebody who proves the first step within the window, and a code by e-mail, can have the
methods of AAL2 and above removed that they lost (SP 800-63B-4, 4.2.2.2). The account stays, and
every service goes on knowing it. The owner is told at every confirmed address and number, and
can stop it, or bring the methods back, with the link in each message.

| the first step | the owner stopped or undid a recovery lately | the methods are removed, in ` + "`parvis` | in `ontario` | in `logingov`" + ` |
|---|---|---|---|---|
`

const aboutCooling = `
What is set up in place of the lost methods cools off: until ` + "`policy.cooling_off`" + ` is over it proves
two steps at most, ` + "`mfa`" + ` is not in ` + "`amr`" + `, and nothing of the account is changed that its best
proof guards. Whoever proved it before proves it again afterwards. Until then the owner can
bring the lost methods back; then they are erased. Meanwhile:

| demanded | asked of somebody with the password | with the new method proven |
|---|---|---|
`

// lossTable is what becomes of somebody who lost every method.
func lossTable() string {
	var b strings.Builder
	b.WriteString(aboutLoss)
	for _, row := range []struct {
		first, objected string
		loss            Loss
	}{
		{"a password, or a sign-in partner", "no", Loss{Independent: true}},
		{"a password, or a sign-in partner", "yes", Loss{Independent: true, Objected: true}},
		{"a password that was chosen with a mailed link, or a sign-in partner that was linked by somebody who had proven nothing but the mailbox, and not used with such a method since", "", Loss{}},
	} {
		fmt.Fprintf(&b, "| %s | %s |", row.first, row.objected)
		for _, name := range presets() {
			when := "at once"
			if wait := NewTable(Preset(name)).RecoverAfter(row.loss); wait > 0 {
				when = "after " + hours(wait)
			}
			fmt.Fprintf(&b, " %s |", when)
		}
		b.WriteString("\n")
	}
	b.WriteString(aboutCooling)
	now := time.Unix(1_000_000, 0)
	table := NewTable(Preset("parvis"), Seconds()...)
	own := Owned{Methods: []Method{App}, CountFrom: now.Add(time.Hour)}
	password := Facts{}.With(Password, now, "HERE")
	proven := password.WithProof(Proof{Method: App, At: now, Journey: "HERE", Cooling: true})
	for _, l := range []Level{OneStep, TwoSteps, AAL2, AAL3} {
		fmt.Fprintf(&b, "| `%s` |", l)
		for _, f := range []Facts{password, proven} {
			d := Demand{Level: l, Journey: "HERE"}
			need := table.Next(d, f, now)
			b.WriteString(" " + table.Way(need, d, f, own, now).about(need) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// about is a way, in the words of this page.
func (w Way) about(n Need) string {
	switch {
	case w.Cooling:
		return "to wait"
	case len(w.Ask) > 0:
		return methodNames(w.Ask)
	default:
		return n.Step.about()
	}
}
