package signin

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parvis/internal/flow"
	"parvis/internal/policy"
)

//go:generate go test -run TestTheDocumentedJourneyIsTheRealOne -update .

var update = flag.Bool("update", false, "write docs/flows.md")

func TestTheDocumentedJourneyIsTheRealOne(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "flows.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != document() {
		t.Error("docs/flows.md does not show the edges of internal/signin/edges.go; run make generate")
	}
}

var now = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

func signedIn(p Position) Position {
	p.Live = &Live{Session: "s1", Account: "a1", Facts: policy.Facts{Password: now.Add(-time.Minute), Journey: "other"}}
	return p
}

func TestTheRuleNamesOneStep(t *testing.T) {
	service := Position{Kind: flow.SignIn, RelyingParty: "licences", Finish: "/finish", Demand: policy.Demand{Journey: "f1"}, Agreed: true}
	service.Progress.Second.Owner = "a1"
	with := func(p Position, changes ...func(*Position)) Position {
		if p.Live != nil {
			p.Live = new(*p.Live)
		}
		for _, change := range changes {
			change(&p)
		}
		return p
	}
	aal2 := func(p *Position) { p.Demand.Level = policy.AAL2 }
	proven := func(m policy.Method) func(*Position) {
		return func(p *Position) { p.Live.Facts = p.Live.Facts.With(m, now, "f1") }
	}
	has := func(m ...policy.Method) func(*Position) { return func(p *Position) { p.Live.Has.Methods = m } }
	choose := func(m policy.Method) func(*Position) { return func(p *Position) { p.Progress.Second.SetUp = m } }
	comes := func(m policy.Method) func(*Position) { return func(p *Position) { p.SetUp = m } }
	bound := func(p *Position) { p.Progress.Second.Bound = policy.App }
	merged := func(p *Position) { p.Live.Merged = true }
	closes := func(p *Position) { p.Live.Closing = true }
	hour := time.Hour
	second := time.Second
	cases := []struct {
		name string
		p    Position
		want Step
	}{
		{"nobody is signed in", service, StepSignIn},
		{"somebody is signed in and agreed", signedIn(service), StepFinish},
		{"nothing was agreed to", signedIn(with(service, func(p *Position) { p.Agreed = false })), StepConsent},
		{"the service asks again", signedIn(with(service, func(p *Position) { p.ForceConsent = true })), StepConsent},
		{"it asked and was answered", signedIn(with(service, func(p *Position) { p.ForceConsent = true; p.Progress.Consented, p.Progress.Consenter = 1, "a1" })), StepFinish},
		{"it is for who is signed in", signedIn(with(service, func(p *Position) { p.Agreed, p.For = false, "a1" })), StepConsent},
		{"it is for somebody else", signedIn(with(service, func(p *Position) { p.Agreed, p.For = false, "a2" })), StepFinish},
		{"somebody else answered it", signedIn(with(service, func(p *Position) { p.ForceConsent = true; p.Progress.Consented, p.Progress.Consenter = 1, "a2" })), StepConsent},
		{"prompt=login", signedIn(with(service, func(p *Position) { p.Demand.ForceLogin = true })), StepSignIn},
		{"max_age not reached", signedIn(with(service, func(p *Position) { p.Demand.MaxAge = &hour })), StepFinish},
		{"max_age passed", signedIn(with(service, func(p *Position) { p.Demand.MaxAge = &second })), StepSignIn},
		{"select_account", signedIn(with(service, func(p *Position) { p.SelectAccount = true })), StepContinue},
		{"select_account, chosen", signedIn(with(service, func(p *Position) { p.SelectAccount = true; p.Progress.Confirmed = "s1" })), StepFinish},
		{"select_account, chosen with another session", signedIn(with(service, func(p *Position) { p.SelectAccount = true; p.Progress.Confirmed = "s0" })), StepContinue},
		{"an unknown essential class", signedIn(with(service, func(p *Position) { p.Demand.ACR = []string{"none"}; p.Demand.Essential = true })), StepFinish},
		{"more is demanded and nothing is bound: a code by e-mail guards the set-up", with(signedIn(service), aal2), StepSecond},
		{"it was given: choose what to set up", with(signedIn(service), aal2, proven(policy.Email)), StepSetUp},
		{"an app was chosen", with(signedIn(service), aal2, proven(policy.Email), choose(policy.App)), StepSetUpApp},
		{"a text was chosen", with(signedIn(service), aal2, proven(policy.Email), choose(policy.Text)), StepSetUpPhone},
		{"the number was given", with(signedIn(service), aal2, proven(policy.Email), choose(policy.Text), func(p *Position) { p.Progress.Second.Draft = "x" }), StepConfirmPhone},
		{"backup codes were chosen", with(signedIn(service), aal2, proven(policy.Email), choose(policy.Backup)), StepSetUpBackup},
		{"somebody else had chosen", with(signedIn(service), aal2, proven(policy.Email), choose(policy.App), func(p *Position) { p.Progress.Second.Owner = "a0" }), StepSetUp},
		{"what cannot be set up was chosen", with(signedIn(service), aal2, proven(policy.Email), choose(policy.Passkey)), StepSetUp},
		{"an app is bound", with(signedIn(service), aal2, has(policy.App)), StepSecond},
		{"an app was proven", with(signedIn(service), aal2, has(policy.App), proven(policy.App)), StepFinish},
		{"an app was set up: another is encouraged", with(signedIn(service), aal2, has(policy.App), proven(policy.App), bound), StepAnother},
		{"that was answered", with(signedIn(service), aal2, has(policy.App), proven(policy.App), bound, func(p *Position) { p.Progress.Second.Settled = true }), StepFinish},
		{"two are bound", with(signedIn(service), aal2, has(policy.App, policy.Backup), proven(policy.App), bound), StepFinish},
		{"another is wanted", with(signedIn(service), aal2, has(policy.App), proven(policy.App), bound, func(p *Position) { p.Progress.Second.Wants = true }), StepSetUp},
		{"came to set up an app", with(signedIn(service), comes(policy.App), proven(policy.Email)), StepSetUpApp},
		{"came to set up something, proves first what is bound", with(signedIn(service), comes(flow.AnyMethod), has(policy.App), proven(policy.Email)), StepSecond},
		{"came to set up something", with(signedIn(service), comes(flow.AnyMethod), proven(policy.Email)), StepSetUp},
		{"came to set up something and did", with(signedIn(service), comes(flow.AnyMethod), proven(policy.Email), bound), StepFinish},
		{"the account is to be deleted", with(signedIn(service), closes), StepClosing},
		{"the account is to be deleted, whatever else is due", with(signedIn(service), closes, aal2, comes(policy.App), func(p *Position) { p.SelectAccount, p.Agreed = true, false }), StepClosing},
		{"the account was merged", with(signedIn(service), merged), StepSecond},
		{"the account was merged, and has an app", with(signedIn(service), merged, has(policy.App), proven(policy.Email)), StepSecond},
		{"the account was merged and proven", with(signedIn(service), merged, has(policy.App), proven(policy.App)), StepMerged},
		{"the account was merged, whatever else is due", with(signedIn(service), merged, aal2, comes(policy.App), proven(policy.Email), func(p *Position) { p.SelectAccount, p.Agreed = true, false }), StepMerged},
		{"the account was merged, and proven long ago", with(signedIn(service), merged, func(p *Position) { p.Live.Facts.Password = now.Add(-25 * time.Hour) }), StepSignIn},
		{"direct", signedIn(Position{Kind: flow.SignIn}), StepServices},
		{"direct, to a page of ours", signedIn(Position{Kind: flow.SignIn, Finish: "/settings"}), StepFinish},
		{"detached", signedIn(with(service, func(p *Position) { p.Progress.Detached = true; p.Agreed = false })), StepReady},
		{"expired", with(service, func(p *Position) { p.Ended = true }), StepExpired},
		{"given up", signedIn(with(service, func(p *Position) { p.Progress.Cancelled = true })), StepCancelled},
		{"creating", with(service, func(p *Position) { p.Progress.Task = flow.TaskCreate }), StepCreate},
		{"creating, mail sent", with(service, func(p *Position) { p.Progress = flow.Progress{Task: flow.TaskCreate, Proof: "p"} }), StepConfirmEmail},
		{"creating, proven", with(service, func(p *Position) { p.Progress = flow.Progress{Task: flow.TaskCreate, Proof: "p", Proven: "a"} }), StepChoosePassword},
		{"creating, taken", with(service, func(p *Position) { p.Progress = flow.Progress{Task: flow.TaskCreate, Proven: "a", Taken: true} }), StepAlready},
		{"resetting", with(service, func(p *Position) { p.Progress.Task = flow.TaskReset }), StepForgot},
		{"resetting, mail sent", with(service, func(p *Position) { p.Progress = flow.Progress{Task: flow.TaskReset, Proof: "p"} }), StepCheckEmail},
		{"resetting, proven", with(service, func(p *Position) { p.Progress = flow.Progress{Task: flow.TaskReset, Proven: "a"} }), StepChoosePassword},
		{"unlocking", with(service, func(p *Position) { p.Progress.Task = flow.TaskUnlock }), StepUnlock},
		{"unlocking, mail sent", with(service, func(p *Position) { p.Progress = flow.Progress{Task: flow.TaskUnlock, Proof: "p"} }), StepCheckEmail},
		{"sign-out with a session", signedIn(Position{Kind: flow.SignOut, Finish: "/logout"}), StepSignOut},
		{"sign-out without one", Position{Kind: flow.SignOut, Finish: "/logout"}, StepFinish},
	}
	table := policy.NewTable(policy.Preset("parvis"), policy.Email, policy.Text, policy.Voice, policy.App, policy.Backup)
	for _, c := range cases {
		if got, _ := Next(table, c.p, now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestThePagesWhereABranchBeginsCloseWithTheSignIn(t *testing.T) {
	for _, due := range before() {
		for _, page := range []Step{StepSignIn, StepCreate, StepForgot, StepUnlock} {
			if !Allowed(due, page) {
				t.Errorf("at %s the page %s is closed", due, page)
			}
		}
		if due != StepChoosePassword && Allowed(due, StepChoosePassword) {
			t.Errorf("at %s a password can be chosen", due)
		}
		if Allowed(due, StepConsent) || Allowed(due, StepFinish) {
			t.Errorf("at %s the end is open", due)
		}
	}
	for _, due := range append(after(), StepContinue, StepCancelled, StepExpired, StepSignOut) {
		for _, page := range before() {
			if Allowed(due, page) {
				t.Errorf("at %s the page %s is open", due, page)
			}
		}
	}
}

// Going back clears the facts of later steps: whatever was proven, a new branch starts without it.
func TestBeginningABranchForgetsWhatWasProven(t *testing.T) {
	full := flow.Progress{
		Task: flow.TaskReset, Address: "a@b.ca", Proof: "p", SentAt: 1, Sends: 2, Proven: "a", ProvenAt: 3, Taken: true, Notice: "n",
		Account: "a", Session: "s", Confirmed: "s", Consented: 4, Consenter: "a", Detached: true, Cancelled: true,
	}
	want := flow.Progress{Task: flow.TaskCreate, Address: "c@d.ca", Detached: true}
	if got := full.Restart(flow.TaskCreate, "c@d.ca"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
