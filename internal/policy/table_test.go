package policy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/id"
	"parvis/internal/policy"
)

const (
	here  = id.Flow("HERE")
	other = id.Flow("OTHER")
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// everything is the table of a preset with the means for every method.
func everything(preset string) policy.Table {
	return policy.NewTable(policy.Preset(preset), policy.Seconds()...)
}

// proven are the facts of a password and of other methods, so long ago.
func proven(ago time.Duration, journey id.Flow, others ...policy.Method) policy.Facts {
	f := policy.Facts{}.With(policy.Password, noon.Add(-ago), journey)
	for _, m := range others {
		f = f.With(m, noon.Add(-ago), journey)
	}
	return f
}

// The columns of the table below: what a session holds.
func columns() []policy.Facts {
	remembered := proven(time.Hour, other)
	remembered.Remembered = noon.Add(-24 * time.Hour)
	return []policy.Facts{
		{},
		proven(time.Hour, other),
		remembered,
		proven(time.Hour, other, policy.Email),
		proven(time.Hour, other, policy.Text),
		proven(time.Hour, other, policy.App),
		proven(time.Hour, other, policy.Backup),
		proven(time.Hour, other, policy.Passkey),
		proven(time.Hour, other, policy.SecurityKey),
		policy.ByPartner(policy.Partner{At: noon.Add(-time.Hour), Worth: policy.OneStep}, other),
		policy.ByPartner(policy.Partner{At: noon.Add(-time.Hour), Worth: policy.AAL2}, other),
	}
}

// p: the password is asked for; s: a second step is; -: nothing; x: impossible.
func letter(n policy.Need) string {
	switch n.Step {
	case policy.StepNone:
		return "-"
	case policy.StepFirst:
		return "p"
	case policy.StepSecond:
		return "s"
	case policy.StepImpossible:
		return "x"
	}
	return "?"
}

func TestEveryDemandMeetsEveryFact(t *testing.T) {
	acr := func(values ...string) policy.Demand { return policy.Demand{ACR: values} }
	floor := func(values ...string) policy.Demand { return policy.Demand{Floor: values} }
	essential := func(values ...string) policy.Demand { return policy.Demand{ACR: values, Essential: true} }
	minute, day := time.Minute, 24*time.Hour
	const duo, aal2, ial1 = "urn:gov:gsa:ac:classes:sp:PasswordProtectedTransport:duo", "http://idmanagement.gov/ns/assurance/aal/2", "http://idmanagement.gov/ns/assurance/ial/1"
	tests := []struct {
		name   string
		preset string
		demand policy.Demand
		want   string // nothing, password, remembered, e-mail, text, app, backup, passkey, security key
	}{
		{"nothing demanded", "parvis", policy.Demand{}, "p--------"},
		{"one step", "parvis", acr(policy.ACROneStep), "p--------"},
		{"two steps", "parvis", acr(policy.ACRTwoSteps), "ps-------"},
		{"AAL2", "parvis", acr(policy.ACRAAL2), "psss-----"},
		{"phishing-resistant", "parvis", acr(policy.ACRPhishingResistant), "pssssss--"},
		{"AAL3", "parvis", acr(policy.ACRAAL3), "psssssss-"},
		{"the best that is there already", "parvis", acr(policy.ACRAAL2, policy.ACROneStep), "p--------"},
		{"a wish for an unknown class is no obstacle", "parvis", acr("urn:x:9"), "p--------"},
		{"an unknown essential class", "parvis", essential("urn:x:9"), "xxxxxxxxx"},
		{"one known essential class", "parvis", essential("urn:x:9", policy.ACRTwoSteps), "ps-------"},
		{"essential without classes", "parvis", essential(), "p--------"},
		{"registered AAL2", "parvis", floor(policy.ACRAAL2), "psss-----"},
		{"registered with an unknown class", "parvis", floor("urn:x:9"), "xxxxxxxxx"},
		{"registered AAL2, asked for less", "parvis", policy.Demand{Floor: []string{policy.ACRAAL2}, ACR: []string{policy.ACROneStep}}, "psss-----"},
		{"registered two steps, asked for more", "parvis", policy.Demand{Floor: []string{policy.ACRTwoSteps}, ACR: []string{policy.ACRAAL2}}, "psss-----"},
		{"our own pages", "parvis", policy.Demand{Level: policy.AAL2}, "psss-----"},
		{"sensitive", "parvis", policy.Demand{Level: policy.TwoSteps, Sensitive: true}, "pss------"},
		{"a new authentication", "parvis", policy.Demand{ForceLogin: true, Journey: here}, "ppppppppp"},
		{"met in the same journey, an hour ago: too long", "parvis", policy.Demand{ForceLogin: true, Journey: other}, "ppppppppp"},
		{"outside a journey it is never met", "parvis", policy.Demand{ForceLogin: true}, "ppppppppp"},
		{"too old", "parvis", policy.Demand{MaxAge: &minute}, "ppppppppp"},
		{"young enough", "parvis", policy.Demand{MaxAge: &day}, "p--------"},
		{"AAL2 and young enough", "parvis", policy.Demand{MaxAge: &day, ACR: []string{policy.ACRAAL2}}, "psss-----"},
		{"choices are not policy's", "parvis", policy.Demand{SelectAccount: true, ForceConsent: true}, "p--------"},
		{"an alias", "ontario", acr("urn:ontario:loa:2"), "ps-------"},
		{"a second step always, never by e-mail", "logingov", policy.Demand{}, "ps-s-----"},
		{"the strongest of several counts", "logingov", acr(ial1, aal2), "psss-----"},
		{"an identity alone", "logingov", acr(ial1), "ps-s-----"},
		{"duo", "logingov", acr(duo), "ps-s-----"},
		{"phishing-resistant by Login.gov's names", "logingov", acr(aal2 + "?phishing_resistant=true"), "pssssss--"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := everything(tt.preset)
			var got strings.Builder
			for _, f := range columns() {
				need := table.Next(tt.demand, f, noon)
				got.WriteString(letter(need))
				if (need.Step == policy.StepNone) != (need.Reason == policy.ReasonNone) {
					t.Errorf("%+v: step %q for the reason %q", f, need.Step, need.Reason)
				}
			}
			// A partner's sign-in is asked for what a password is, one worth AAL2 for what an app is.
			if want := tt.want + tt.want[1:2] + tt.want[5:6]; got.String() != want {
				t.Errorf("asks %s, want %s", got.String(), want)
			}
		})
	}
}

func TestReasonsAreTold(t *testing.T) {
	table := everything("parvis")
	minute := time.Minute
	young := proven(0, other, policy.App)
	aged := young
	aged.Others = []policy.Proof{{Method: policy.App, At: noon.Add(-time.Hour), Journey: other}}
	for _, tt := range []struct {
		demand policy.Demand
		facts  policy.Facts
		want   policy.Reason
	}{
		{policy.Demand{}, policy.Facts{}, policy.ReasonNotSignedIn},
		{policy.Demand{ForceLogin: true, Journey: here}, young, policy.ReasonForced},
		{policy.Demand{MaxAge: &minute}, proven(time.Hour, other), policy.ReasonTooOld},
		{policy.Demand{MaxAge: &minute, Level: policy.AAL2}, aged, policy.ReasonTooOld},
		{policy.Demand{Level: policy.AAL2}, proven(0, other), policy.ReasonTooWeak},
		{policy.Demand{Level: policy.AAL2}, young, policy.ReasonNone},
		{policy.Demand{ACR: []string{"urn:x"}, Essential: true}, young, policy.ReasonUnknownACR},
	} {
		if got := table.Next(tt.demand, tt.facts, noon).Reason; got != tt.want {
			t.Errorf("%+v with %+v: reason %q, want %q", tt.demand, tt.facts, got, tt.want)
		}
	}
}

func TestMaxAgeZeroAsksOnceMoreAndNotForEver(t *testing.T) {
	table := everything("parvis")
	d := policy.Demand{MaxAge: new(time.Duration(0)), Journey: here}
	if got := table.Next(d, proven(time.Second, other), noon); got.Step != policy.StepFirst {
		t.Errorf("asks %q", got.Step)
	}
	if got := table.Next(d, proven(time.Second, here), noon); got.Step != policy.StepNone {
		t.Errorf("asks %q again", got.Step)
	}
}

func TestWhatADeploymentCannotDoIsNotDemanded(t *testing.T) {
	table := policy.NewTable(policy.Preset("parvis"), policy.App, policy.Email, policy.Backup)
	if table.Known(policy.ACRPhishingResistant) || slices.Contains(table.Values(), policy.ACRAAL3) {
		t.Error("offers a class that nobody can reach")
	}
	if got := table.Next(policy.Demand{Floor: []string{policy.ACRAAL3}}, policy.Facts{}, noon); got.Step != policy.StepImpossible {
		t.Errorf("works towards it: %+v", got)
	}
	if got := table.Next(policy.Demand{ACR: []string{policy.ACRAAL3, policy.ACRAAL2}}, proven(0, other), noon); got.Level != policy.AAL2 {
		t.Errorf("works towards %v, want what can be reached", got.Level)
	}
	withoutEmail := policy.NewTable(policy.Preset("logingov"), policy.Email)
	if problems := withoutEmail.Problems(); len(problems) != 1 {
		t.Errorf("a second step always, and none there is: %v", problems)
	}
	if problems := everything("logingov").Problems(); len(problems) != 0 {
		t.Errorf("problems: %v", problems)
	}
}

func TestAShorterPasswordNeedsTwoFactorsAlways(t *testing.T) {
	for preset, want := range map[string]bool{"parvis": false, "ontario": false, "logingov": true} {
		if got := everything(preset).TwoFactors(); got != want {
			t.Errorf("%s: TwoFactors = %v", preset, got)
		}
	}
	s := policy.Preset("parvis")
	s.Always = policy.TwoSteps
	if policy.NewTable(s, policy.Email, policy.App).TwoFactors() {
		t.Error("an e-mail code is no second factor")
	}
	s.Always = policy.AAL2
	if !policy.NewTable(s, policy.Email, policy.App).TwoFactors() {
		t.Error("AAL2 is two factors")
	}
}

func TestNothingIsClaimedAboveTheFacts(t *testing.T) {
	table := everything("parvis")
	for _, tt := range []struct {
		demand policy.Demand
		facts  policy.Facts
		acr    string
		amr    string
	}{
		{policy.Demand{ACR: []string{policy.ACROneStep}}, policy.Facts{}, "", ""},
		{policy.Demand{}, proven(0, here), policy.ACROneStep, "pwd"},
		{policy.Demand{ACR: []string{"urn:x:9"}}, proven(0, here), policy.ACROneStep, "pwd"},
		{policy.Demand{ACR: []string{policy.ACRAAL2}}, proven(0, here, policy.Email), policy.ACRTwoSteps, "pwd email"},
		{policy.Demand{ACR: []string{policy.ACROneStep}}, proven(0, here, policy.App), policy.ACROneStep, "pwd otp mfa"},
		{policy.Demand{}, proven(0, here, policy.App, policy.Backup), policy.ACRAAL2, "pwd otp mfa"},
		{policy.Demand{Floor: []string{policy.ACRTwoSteps}}, proven(0, here, policy.Text), policy.ACRTwoSteps, "pwd sms mfa"},
		{policy.Demand{Floor: []string{policy.ACRAAL2}, ACR: []string{policy.ACROneStep}}, proven(0, here, policy.Voice), policy.ACRAAL2, "pwd tel mfa"},
		{policy.Demand{}, proven(0, here, policy.Passkey), policy.ACRPhishingResistant, "pwd swk mfa"},
		{policy.Demand{}, proven(0, here, policy.SecurityKey), policy.ACRAAL3, "pwd hwk mfa"},
		{policy.Demand{}, policy.ByPartner(policy.Partner{At: noon, Worth: policy.OneStep}, here), policy.ACROneStep, "partner"},
		{policy.Demand{ACR: []string{policy.ACRAAL3}}, policy.ByPartner(policy.Partner{At: noon, Worth: policy.AAL2}, here), policy.ACRAAL2, "partner"},
		{policy.Demand{}, policy.ByPartner(policy.Partner{At: noon, Worth: policy.OneStep}, here).With(policy.App, noon, here), policy.ACRAAL2, "partner otp mfa"},
		{policy.Demand{}, policy.Facts{Others: []policy.Proof{{Method: policy.App, At: noon}}}, "", "otp"},
	} {
		if got := table.ACR(tt.demand, tt.facts); got != tt.acr {
			t.Errorf("ACR of %+v = %q, want %q", tt.facts, got, tt.acr)
		}
		if got := strings.Join(policy.AMR(tt.facts), " "); got != tt.amr {
			t.Errorf("AMR of %+v = %q, want %q", tt.facts, got, tt.amr)
		}
	}
	remembered := proven(0, here)
	remembered.Remembered = noon
	if got := table.ACR(policy.Demand{}, remembered); got != policy.ACRTwoSteps {
		t.Errorf("a remembered browser is claimed as %q", got)
	}
	if got := everything("ontario").ACR(policy.Demand{ACR: []string{"urn:ontario:loa:2"}}, proven(0, here, policy.Email)); got != "urn:ontario:loa:2" {
		t.Errorf("a service that asks for an alias is told %q", got)
	}
	later := proven(0, here).With(policy.App, noon.Add(time.Minute), here)
	if !later.AuthenticatedAt().Equal(noon.Add(time.Minute)) || !(policy.Facts{}).AuthenticatedAt().IsZero() {
		t.Error("auth_time is not that of the last proof")
	}
	if got := later.With(policy.Password, noon, other); len(got.Others) != 0 || got.Journey != other {
		t.Errorf("a new password keeps older steps: %+v", got)
	}
}

// Whatever is demanded of whatever account: doing what Next and Way say leads to
// the goal within a few steps or was impossible from the start, and no walk ends
// without the facts that its demand and the claimed class need.
func TestNoWalkEndsWithoutItsFacts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tables := []policy.Table{
		everything("parvis"), everything("ontario"), everything("logingov"),
		policy.NewTable(policy.Preset("parvis"), policy.Email, policy.App, policy.Backup), policy.NewTable(policy.Preset("ontario"), policy.Email),
	}
	for range 20_000 {
		table := tables[random.IntN(len(tables))]
		d := randomDemand(random)
		has := randomMethods(random)
		f := policy.Facts{}
		if random.IntN(2) == 0 {
			f = proven(time.Duration(random.IntN(7200))*time.Second, []id.Flow{"", here, other}[random.IntN(3)], randomMethods(random)...)
		}
		walk(t, table, d, f, has)
	}
}

func walk(t *testing.T, table policy.Table, d policy.Demand, f policy.Facts, has []policy.Method) {
	t.Helper()
	for step := range 6 {
		need := table.Next(d, f, noon)
		switch need.Step {
		case policy.StepImpossible:
			if step > 0 {
				t.Fatalf("%+v turned impossible on the way", d)
			}
			return
		case policy.StepNone:
			checkEnd(t, table, d, f)
			return
		case policy.StepFirst:
			f = f.With(policy.Password, noon, here)
			if d.Essential {
				f = policy.ByPartner(policy.Partner{At: noon, Worth: policy.OneStep}, here)
			}
			d.Journey = here
		case policy.StepSecond:
			way := table.Way(need, d, f, policy.Owned{Methods: has}, noon)
			switch {
			case len(way.Guard) > 0:
				f = f.With(way.Guard[0], noon, here)
			case len(way.Ask) > 0:
				f = f.With(way.Ask[0], noon, here)
			case len(way.SetUp) > 0:
				has = append(has, way.SetUp[0])
			default:
				t.Fatalf("%+v with %v: a dead end", d, has)
			}
		}
	}
	t.Fatalf("%+v with %v: never ends", d, has)
}

// A partner that does not say when somebody signed in there may have let in who was
// there a year ago: that is enough for what asks for no age, and for nothing else.
func TestASignInAtAnUnknownTimeIsNeverYoung(t *testing.T) {
	table := policy.NewTable(policy.Preset("parvis"), policy.Seconds()...)
	facts := func(untimed bool, more ...policy.Method) policy.Facts {
		f := policy.ByPartner(policy.Partner{At: noon, Worth: policy.AAL2, Untimed: untimed}, here)
		for _, m := range more {
			f = f.With(m, noon, here)
		}
		return f
	}
	age := func(d time.Duration) *time.Duration { return &d }
	sensitive := table.Sensitive(nil)
	sensitive.Journey = here
	for _, row := range []struct {
		name           string
		demand         policy.Demand
		timed, untimed policy.Step
	}{
		{"anything", policy.Demand{Journey: here}, policy.StepNone, policy.StepNone},
		{"a level", policy.Demand{Level: policy.AAL2, Journey: here}, policy.StepNone, policy.StepNone},
		{"an age, in its own journey", policy.Demand{MaxAge: age(time.Hour), Journey: here}, policy.StepNone, policy.StepFirst},
		{"an age, in another journey", policy.Demand{MaxAge: age(24 * time.Hour), Journey: other}, policy.StepNone, policy.StepFirst},
		{"a new sign-in", policy.Demand{ForceLogin: true, Journey: here}, policy.StepNone, policy.StepFirst},
		{"a change to the account", sensitive, policy.StepNone, policy.StepFirst},
	} {
		for _, more := range [][]policy.Method{nil, {policy.App}} {
			if got := table.Next(row.demand, facts(false, more...), noon).Step; got != row.timed {
				t.Errorf("%s, at a known time, with %v: %q", row.name, more, got)
			}
			if got := table.Next(row.demand, facts(true, more...), noon).Step; got != row.untimed {
				t.Errorf("%s, at an unknown time, with %v: %q", row.name, more, got)
			}
		}
	}
	if at := facts(true).AuthenticatedAt(); !at.IsZero() {
		t.Errorf("services are told %v, which nobody knows", at)
	}
	if at := facts(true, policy.App).AuthenticatedAt(); !at.Equal(noon) {
		t.Errorf("the second step was at %v", at)
	}
}

func checkEnd(t *testing.T, table policy.Table, d policy.Demand, f policy.Facts) {
	t.Helper()
	level := table.Level(f)
	acr := table.ACR(d, f)
	if f.First().IsZero() || level < d.Level || acr == "" {
		t.Fatalf("%+v lets %+v through with %v (%q)", d, f, level, acr)
	}
	if d.ForceLogin && f.Journey != d.Journey {
		t.Fatalf("%+v lets an older sign-in through: %+v", d, f)
	}
	if d.MaxAge != nil && f.Journey != d.Journey && noon.Sub(f.First()) > *d.MaxAge {
		t.Fatalf("%+v lets an older password through: %+v", d, f)
	}
	if len(d.Floor) > 0 && slices.Contains(d.Floor, policy.ACRAAL2) && len(d.Floor) == 1 && level < policy.AAL2 {
		t.Fatalf("%+v goes below its floor: %+v", d, f)
	}
}

func randomDemand(random *rand.Rand) policy.Demand {
	values := []string{policy.ACROneStep, policy.ACRTwoSteps, policy.ACRAAL2, policy.ACRPhishingResistant, policy.ACRAAL3, "urn:x:9", "urn:ontario:loa:2"}
	d := policy.Demand{Journey: here, ForceLogin: random.IntN(4) == 0, Essential: random.IntN(2) == 0, Sensitive: random.IntN(4) == 0}
	for range random.IntN(3) {
		d.ACR = append(d.ACR, values[random.IntN(len(values))])
	}
	for range random.IntN(2) {
		d.Floor = append(d.Floor, values[random.IntN(len(values))])
	}
	if random.IntN(4) == 0 {
		d.Level = policy.Levels()[random.IntN(3)]
	}
	if random.IntN(2) == 0 {
		d.MaxAge = new(time.Duration(random.IntN(3600)) * time.Second)
	}
	return d
}

func randomMethods(random *rand.Rand) []policy.Method {
	var out []policy.Method
	for _, m := range policy.Seconds() {
		if random.IntN(5) == 0 {
			out = append(out, m)
		}
	}
	return out
}
