package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"parvis/internal/id"
	"parvis/internal/policy"
)

var (
	noon    = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	minute  = new(time.Minute)
	nothing = policy.Facts{}
)

func facts(ago time.Duration, journey id.Flow) policy.Facts {
	return policy.Facts{Password: noon.Add(-ago), Journey: journey}
}

func TestNextNamesTheStepForEveryDemandAndFact(t *testing.T) {
	const here, other = id.Flow("HERE"), id.Flow("OTHER")
	tests := []struct {
		name   string
		demand policy.Demand
		facts  policy.Facts
		step   policy.Step
		reason policy.Reason
	}{
		{"nobody is signed in", policy.Demand{}, nothing, policy.StepPassword, policy.ReasonNotSignedIn},
		{"any sign-in is enough", policy.Demand{}, facts(11*time.Hour, other), policy.StepNone, policy.ReasonNone},
		{"the known class is met", policy.Demand{ACR: []string{policy.ACRPassword}}, facts(0, other), policy.StepNone, policy.ReasonNone},
		{"a wish for an unknown class is no obstacle", policy.Demand{ACR: []string{"urn:x:9"}}, facts(0, other), policy.StepNone, policy.ReasonNone},
		{"an unknown essential class is impossible", policy.Demand{ACR: []string{"urn:x:9"}, Essential: true}, facts(0, other), policy.StepImpossible, policy.ReasonUnknownACR},
		{"impossible comes before asking", policy.Demand{ACR: []string{"urn:x:9"}, Essential: true}, nothing, policy.StepImpossible, policy.ReasonUnknownACR},
		{"one known essential class is enough", policy.Demand{ACR: []string{"urn:x:9", policy.ACRPassword}, Essential: true}, nothing, policy.StepPassword, policy.ReasonNotSignedIn},
		{"essential without classes asks for nothing", policy.Demand{Essential: true}, facts(0, other), policy.StepNone, policy.ReasonNone},
		{"young enough", policy.Demand{MaxAge: minute}, facts(time.Minute, other), policy.StepNone, policy.ReasonNone},
		{"too old", policy.Demand{MaxAge: minute}, facts(time.Minute+time.Millisecond, other), policy.StepPassword, policy.ReasonTooOld},
		{"max_age=0 asks once more", policy.Demand{MaxAge: new(time.Duration(0)), Journey: here}, facts(time.Second, other), policy.StepPassword, policy.ReasonTooOld},
		{"max_age=0 does not ask for ever", policy.Demand{MaxAge: new(time.Duration(0)), Journey: here}, facts(time.Second, here), policy.StepNone, policy.ReasonNone},
		{"prompt=login asks whoever is signed in", policy.Demand{ForceLogin: true, Journey: here}, facts(0, other), policy.StepPassword, policy.ReasonForced},
		{"prompt=login is met in the same journey", policy.Demand{ForceLogin: true, Journey: here}, facts(0, here), policy.StepNone, policy.ReasonNone},
		{"prompt=login outside a journey is never met", policy.Demand{ForceLogin: true}, facts(0, ""), policy.StepPassword, policy.ReasonForced},
		{"choices are not policy's", policy.Demand{SelectAccount: true, ForceConsent: true}, facts(0, ""), policy.StepNone, policy.ReasonNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step, reason := policy.Next(tt.demand, tt.facts, noon)
			if step != tt.step || reason != tt.reason {
				t.Errorf("Next = %q, %q; want %q, %q", step, reason, tt.step, tt.reason)
			}
		})
	}
}

func TestNothingIsClaimedAboveTheFacts(t *testing.T) {
	if got := policy.ACR(policy.Demand{ACR: []string{policy.ACRPassword}}, nothing); got != "" {
		t.Errorf("ACR of nothing = %q, want none", got)
	}
	if got := policy.AMR(nothing); got != nil {
		t.Errorf("AMR of nothing = %v, want none", got)
	}
	proven := facts(0, "")
	if got := policy.ACR(policy.Demand{ACR: []string{"urn:x:9"}}, proven); got != policy.ACRPassword {
		t.Errorf("ACR = %q, want the class that was reached", got)
	}
	if got := policy.AMR(proven); !slices.Equal(got, []string{"pwd"}) {
		t.Errorf("AMR = %v", got)
	}
	if !proven.AuthenticatedAt().Equal(noon) || !nothing.AuthenticatedAt().IsZero() {
		t.Error("auth_time is not that of the password")
	}
}

func TestAStrongerTableAsksForWhatIsMissing(t *testing.T) {
	table := policy.Table{{ACR: "one", Needs: []policy.Method{policy.Password}}, {ACR: "two", Needs: []policy.Method{policy.Password, "passkey"}}}
	step, reason := table.Next(policy.Demand{ACR: []string{"two"}}, facts(0, ""), noon)
	if step != "passkey" || reason != policy.ReasonTooWeak {
		t.Errorf("Next = %q, %q; want the missing method", step, reason)
	}
	if got := table.ACR(policy.Demand{ACR: []string{"two", "one"}}, facts(0, "")); got != "one" {
		t.Errorf("ACR = %q, want the class that the facts satisfy", got)
	}
	if step, _ := table.Next(policy.Demand{ACR: []string{"two", "one"}}, facts(0, ""), noon); step != policy.StepNone {
		t.Errorf("Next = %q: the service accepts the weaker class too", step)
	}
}

// Whatever is demanded: doing what Next says, in the journey of the demand,
// leads to StepNone within one step, or was impossible from the start; and
// nothing is ever demanded of facts that were proven in the same journey.
func TestDoingWhatNextSaysEndsTheJourney(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		d := policy.Demand{Journey: "HERE", ForceLogin: random.IntN(2) == 0, Essential: random.IntN(2) == 0}
		for range random.IntN(3) {
			d.ACR = append(d.ACR, []string{policy.ACRPassword, "urn:x:9", ""}[random.IntN(3)])
		}
		if random.IntN(2) == 0 {
			d.MaxAge = new(time.Duration(random.IntN(3600)) * time.Second)
		}
		f := nothing
		if random.IntN(2) == 0 {
			f = facts(time.Duration(random.IntN(7200))*time.Second, []id.Flow{"", "HERE", "OTHER"}[random.IntN(3)])
		}
		step, _ := policy.Next(d, f, noon)
		switch step {
		case policy.StepImpossible:
			if !d.Essential || slices.Contains(d.ACR, policy.ACRPassword) {
				t.Fatalf("%+v is possible", d)
			}
			continue
		case policy.StepNone:
			if f.Password.IsZero() || policy.ACR(d, f) == "" {
				t.Fatalf("%+v lets nobody through", d)
			}
			continue
		case policy.StepPassword:
		}
		f = policy.Facts{Password: noon, Journey: "HERE"}
		if step, reason := policy.Next(d, f, noon.Add(time.Hour)); step != policy.StepNone {
			t.Fatalf("%+v asks again: %q, %q", d, step, reason)
		}
	}
}
