package policy

import (
	"fmt"
	"strings"
	"time"

	"parvis/internal/id"
)

// presets are the deployments that Document sets side by side.
func presets() []string { return []string{"parvis", "ontario", "logingov"} }

// Document is docs/policy.md: what proofs are worth and how demands combine. Its
// tables are asked of the policy itself.
func Document() string {
	var b strings.Builder
	b.WriteString(aboutPolicy)
	b.WriteString(methodTable())
	b.WriteString(aboutLevels)
	b.WriteString(levelTable())
	b.WriteString(aboutClasses)
	b.WriteString(classTable())
	b.WriteString(aboutPresets)
	b.WriteString(presetTable())
	b.WriteString(aboutDemands)
	b.WriteString(demandTable())
	b.WriteString(aboutAnswer)
	b.WriteString(answerTable())
	b.WriteString(aboutGuards)
	b.WriteString(lossTable())
	return b.String()
}

const aboutPolicy = `# What a sign-in is worth, and how more is asked for

Generated from ` + "`internal/policy`" + ` by ` + "`make generate`" + `; do not edit.

A session keeps *facts*: which methods were proven, when, and in which journey. A service,
its registration and the deployment make a *demand*. The policy compares the two and names
the one step that is asked for next. Levels, ` + "`acr`" + ` and ` + "`amr`" + ` are computed from the facts at
each answer and never stored, so nothing can be claimed that was not proven.

## What each method proves
The methods of ` + "`policy.methods`" + ` are offered, in that order, as far as the deployment has the
means for them: somebody who sends texts and calls. Passkeys and security keys have their
place in the policy, and cannot be set up yet.

`

// about is what a method is, in the words of this page.
func (m Method) about() string {
	switch m {
	case Password:
		return "known to its owner only"
	case Email:
		return "code sent to the account's confirmed address; never AAL2 (SP 800-63B-4, 3.1.3.1)"
	case Text:
		return "code sent to a telephone by text message (3.1.3)"
	case Voice:
		return "code spoken in a telephone call (3.1.3)"
	case App:
		return "code of an authenticator app, RFC 6238 (3.1.4)"
	case Backup:
		return "one of a set of codes that were printed or noted down (3.1.2)"
	case Passkey:
		return "key on a device or synced between devices, unlocked by its owner (3.1.7, appendix B)"
	case SecurityKey:
		return "passkey that cannot leave its device (2.3)"
	default:
		return ""
	}
}

func methodTable() string {
	var b strings.Builder
	b.WriteString("| method | what it is | reaches, with a password | `amr` | restricted |\n|---|---|---|---|---|\n")
	for _, m := range Methods() {
		restricted := ""
		if m.Restricted() {
			restricted = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s |\n", m, m.about(), m.Worth(), m.AMR(), restricted)
	}
	return b.String()
}

const aboutLevels = `
*Restricted* (3.1.3.3): the public telephone network can be listened to, and numbers can be
taken over. People are told so where they set the method up, and a deployment that offers it
must offer another method of AAL2 beside it. ` + "`mfa`" + ` stands in ` + "`amr`" + ` beside the others when a
password and a method of AAL2 or more were proven; a code by e-mail is no second factor.

## Levels
Each level includes those before it.

`

// about is what a level asks for, in the words of this page.
func (l Level) about() string {
	switch l {
	case OneStep:
		return "one proof: the password"
	case TwoSteps:
		return "a second step of any kind"
	case AAL2:
		return "two different factors (SP 800-63B-4, 2.2)"
	case AAL2PhishingResistant:
		return "the same, with a method that cannot be used at a false site (3.2.5)"
	case AAL3:
		return "the same, with a key that cannot be copied (2.3)"
	default:
		return ""
	}
}

func levelTable() string {
	var b strings.Builder
	b.WriteString("| level | asks for | completed, beside the password, by | a remembered browser is enough |\n|---|---|---|---|\n")
	for _, l := range Levels() {
		completed, remembered := "nothing else is needed", "not needed"
		if l > OneStep {
			completed, remembered = methodNames(l.accepts(Seconds())), "no"
		}
		if l.Remembers() {
			remembered = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", l, l.about(), completed, remembered)
	}
	return b.String()
}

func methodNames(all []Method) string {
	out := make([]string, len(all))
	for i, m := range all {
		out[i] = "`" + string(m) + "`"
	}
	return strings.Join(out, ", ")
}

const aboutClasses = `
## Classes: the values of ` + "`acr`" + `
A class gives a level a name that services ask for and are told. A deployment can change the
table (` + "`policy.classes`" + `). A class that nobody can reach with the methods of the deployment is
not offered: it is missing from ` + "`acr_values_supported`" + ` in discovery and counts as unknown.
A service that asks by another name of a class is told that name.

`

func classTable() string {
	var b strings.Builder
	b.WriteString("| `acr` | level | also named, in `ontario` | also named, in `logingov` |\n|---|---|---|---|\n")
	ontario, logingov := Preset("ontario"), Preset("logingov")
	for i, c := range Preset("parvis").Classes {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", c.ACR, c.Level, quoted(ontario.Classes[i].Aliases), quoted(logingov.Classes[i].Aliases))
	}
	return b.String()
}

func quoted(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return "`" + strings.Join(all, "`<br>`") + "`"
}

const aboutPresets = `
## The presets side by side

`

func presetTable() string {
	rows := []struct {
		key, about string
		value      func(Settings) string
	}{
		{"always", "what every sign-in reaches", func(s Settings) string { return "`" + s.Always.String() + "`" }},
		{"methods", "second steps, as they are recommended", func(s Settings) string { return methodNames(s.Methods) }},
		{"combine", "several `acr` values in one request", func(s Settings) string { return "`" + string(s.Combine) + "`: " + s.Combine.about() }},
		{"reauthenticate", "how old a proof may be when the account is changed", func(s Settings) string { return minutes(s.Reauthenticate) }},
		{"cooling_off", "how long a method in place of lost ones does not count in full", func(s Settings) string { return hours(s.CoolingOff) }},
		{"recovery_wait", "how long somebody waits who proves nothing but the mailbox", func(s Settings) string { return hours(s.RecoveryWait) }},
		{"recovery_open", "how long the link then works that ends the recovery", func(s Settings) string { return hours(s.RecoveryOpen) }},
	}
	var b strings.Builder
	b.WriteString("| `policy.` | | `" + strings.Join(presets(), "` | `") + "` |\n|---|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| `%s` | %s |", row.key, row.about)
		for _, name := range presets() {
			b.WriteString(" " + row.value(Preset(name)) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (c Combine) about() string {
	if c == All {
		return "the strongest counts"
	}
	return "one of them is enough"
}

func hours(d time.Duration) string { return fmt.Sprintf("%d hours", int(d.Hours())) }

func minutes(d time.Duration) string { return fmt.Sprintf("%d minutes", int(d.Minutes())) }

const aboutDemands = `
## What a demand is made of

| from | | |
|---|---|---|
| the deployment | ` + "`policy.always`" + ` | the level below which no sign-in goes |
| the registration of the service | ` + "`acr`" + ` | one of these classes is reached, whatever a request asks for: a request passes through the hands of whoever can change an address. If none of them can be reached here, the configuration is refused |
| | ` + "`max_age`" + ` | the age of proofs, if the request names none |
| the request | ` + "`acr_values`" + `, or ` + "`acr`" + ` in ` + "`claims`" + ` without ` + "`essential`" + ` | a wish, best first. With ` + "`combine: any`" + ` the first class that the session satisfies already is taken, else the first that is known; with ` + "`all`" + ` the strongest that is known. Unknown classes are passed over |
| | ` + "`acr`" + ` in ` + "`claims`" + ` with ` + "`essential: true`" + ` | a condition: if none of the classes can be reached here, the answer is ` + "`unmet_authentication_requirements`" + ` |
| | ` + "`max_age`" + ` | each proof that is to count is at most so old. ` + "`0`" + ` asks for everything anew; what was proven in this very journey counts for ` + "`policy.reauthenticate`" + ` |
| | ` + "`prompt=login`" + ` | only proofs of this very journey count, for ` + "`policy.reauthenticate`" + ` |
| | ` + "`prompt=none`" + ` | the same rules, and no page: if a step would be asked for, the answer is ` + "`login_required`" + ` |

The level that is worked towards is the highest of what the deployment, the registration and
the request ask for. Steps are named in a fixed order: what can never be reached, what was
never proven, what has to be proven anew, what is too old, what is too weak. A password that
is proven again starts new facts: second steps from before it no longer count.

What is then asked for, in the preset ` + "`parvis`" + ` with the means for every method, of somebody
whose proofs are an hour old. ` + "`–`" + `: nothing.

`

// documentFacts are the columns of the table of demands.
func documentFacts(at time.Time) (names []string, facts []Facts) {
	password := Facts{}.With(Password, at, "EARLIER")
	remembered := password
	remembered.Remembered = at.Add(-24 * time.Hour)
	names, facts = []string{"nobody", "password", "password in a remembered browser"}, []Facts{{}, password, remembered}
	for _, m := range Seconds() {
		names, facts = append(names, "+ `"+string(m)+"`"), append(facts, password.With(m, at, "EARLIER"))
	}
	return names, facts
}

func demandTable() string {
	const here id.Flow = "HERE"
	tenMinutes := 10 * time.Minute
	now := time.Unix(1_000_000, 0)
	table := NewTable(Preset("parvis"), Seconds()...)
	rows := []struct {
		about  string
		demand Demand
	}{
		{"nothing", Demand{}},
		{"`" + ACRTwoSteps + "`", Demand{ACR: []string{ACRTwoSteps}}},
		{"`" + ACRAAL2 + "`", Demand{ACR: []string{ACRAAL2}}},
		{"`" + ACRPhishingResistant + "`", Demand{ACR: []string{ACRPhishingResistant}}},
		{"`" + ACRAAL3 + "`", Demand{ACR: []string{ACRAAL3}}},
		{"an unknown class, as a wish", Demand{ACR: []string{"urn:example:9"}}},
		{"an unknown class, essential", Demand{ACR: []string{"urn:example:9"}, Essential: true}},
		{"registered `" + ACRAAL2 + "`, the request asks for `" + ACROneStep + "`", Demand{Floor: []string{ACRAAL2}, ACR: []string{ACROneStep}}},
		{"`max_age=600`", Demand{MaxAge: &tenMinutes, Journey: here}},
		{"`prompt=login`", Demand{ForceLogin: true, Journey: here}},
		{"a change to the account, by an owner without methods", table.Sensitive(nil)},
	}
	names, facts := documentFacts(now.Add(-time.Hour))
	var b strings.Builder
	b.WriteString("| demanded | " + strings.Join(names, " | ") + " |\n|---" + strings.Repeat("|---", len(names)) + "|\n")
	for _, row := range rows {
		b.WriteString("| " + row.about + " |")
		for _, f := range facts {
			b.WriteString(" " + table.Next(row.demand, f, now).Step.about() + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// about is a step, in the words of this page.
func (s Step) about() string {
	switch s {
	case StepFirst:
		return "password"
	case StepSecond:
		return "second step"
	case StepImpossible:
		return "error"
	default:
		return "–"
	}
}

const aboutAnswer = `
## What a service is told
` + "`acr`" + ` is the first demanded class that the facts satisfy, by the name it was demanded by; if
none is satisfied, or none was demanded, the strongest class that the facts satisfy, never
one below the registration. So a wish that was not met shows in ` + "`acr`" + `: **check it**. A second
step that was not asked for counts, too: it was proven. For a request without ` + "`acr_values`" + `:

`

func answerTable() string {
	now := time.Unix(1_000_000, 0)
	names, facts := documentFacts(now)
	var b strings.Builder
	b.WriteString("| proven |")
	for _, name := range presets() {
		b.WriteString(" `acr` in `" + name + "` |")
	}
	b.WriteString(" `amr` |\n|---|---|---|---|---|\n")
	for i, f := range facts[1:] {
		b.WriteString("| " + names[i+1] + " |")
		for _, name := range presets() {
			b.WriteString(" " + quoted(nonEmpty(NewTable(Preset(name), Preset(name).Methods...).ACR(Demand{}, f))) + " |")
		}
		b.WriteString(" `" + strings.Join(AMR(f), " ") + "` |\n")
	}
	return b.String()
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

const aboutGuards = `
## Remembered browsers
After a second step a person may let the browser be remembered. There, for as long as
` + "`session.remember`" + ` says, a password is then enough where ` + "`two-steps`" + ` is demanded. It is never enough
for AAL2 and above, nor for a change to the account, and it adds nothing to ` + "`amr`" + `: the
remembered proof was of another session. A person sees remembered browsers in the settings
of the account and can have one or all of them forgotten. A new password, and the removal
of a method, forget them all.

## The guard: what is asked before a method is set up
Whoever sets a method up owns the account from then on. So a new method is bound only after a
proof that is as good as the account can give, and not older than ` + "`policy.reauthenticate`" + ` or the
` + "`max_age`" + ` of the demand (SP 800-63B-4, 4.1.2.1); a journey that was left open does not keep its
proofs fresh:

1. one of the account's own methods of AAL2 or more, if it has any;
2. else a code by e-mail to the account's confirmed address.

A method that waits or is disabled after too many wrong codes still counts as one that the
account has: losing it on purpose must not open the way to the weaker proof. So somebody who
can open only the mailbox of an account that has such a method cannot add another.

## Changes to the account
To add or remove a method, or to make new backup codes, proofs must not be older than
` + "`policy.reauthenticate`" + `: the password, and the best second step that the account has, at
least a code by e-mail. A remembered browser does not count. What is too old is asked for
again, and the person comes back to the page where they were. With a removed method end the
other sessions in which it was proven.
`
