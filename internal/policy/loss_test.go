package policy_test

import (
	"slices"
	"testing"
	"time"

	"parvis/internal/policy"
)

func TestAMethodThatCoolsOffProvesTwoStepsAtMostWhateverItIs(t *testing.T) {
	for _, preset := range []string{"parvis", "ontario", "logingov"} {
		table := policy.NewTable(policy.Preset(preset), policy.Seconds()...)
		for _, m := range policy.Seconds() {
			f := proven(0, here).WithProof(policy.Proof{Method: m, At: noon, Journey: here, Cooling: true})
			if got := table.Level(f); got > policy.TwoSteps {
				t.Errorf("%s: %s reaches %v", preset, m, got)
			}
			if slices.Contains(policy.AMR(f), "mfa") {
				t.Errorf("%s: %s claims mfa", preset, m)
			}
			for _, acr := range []string{policy.ACRAAL2, policy.ACRPhishingResistant, policy.ACRAAL3} {
				if got := table.ACR(policy.Demand{ACR: []string{acr}}, f); got == acr {
					t.Errorf("%s: %s is told as %s", preset, m, acr)
				}
			}
			// Proven again when the cooling-off is over, it counts as every other.
			if again := f.With(m, noon, here); table.Offers(m) && table.Level(again) != m.Worth() {
				t.Errorf("%s: %s again: %v", preset, m, table.Level(again))
			}
		}
	}
}

func TestWhileMethodsCoolOffNothingStrongIsAskedSetUpOrReached(t *testing.T) {
	table := everything("parvis")
	cooling := policy.Owned{Methods: []policy.Method{policy.App}, CountFrom: noon.Add(time.Hour)}
	for _, l := range policy.Levels() {
		d := policy.Demand{Level: l, Journey: here}
		f := proven(0, here)
		need := table.Next(d, f, noon)
		way := table.Way(need, d, f, cooling, noon)
		switch {
		case need.Step != policy.StepSecond:
		case l <= policy.TwoSteps && (way.Cooling || !slices.Contains(way.Ask, policy.App)):
			t.Errorf("%v: %+v", l, way)
		case l == policy.AAL2 && (!way.Cooling || way.Ask != nil || way.SetUp != nil || way.Guard != nil):
			t.Errorf("%v: %+v", l, way)
		}
		later := table.Way(need, d, f, cooling, noon.Add(time.Hour))
		if need.Step == policy.StepSecond && later.Cooling {
			t.Errorf("%v: still cooling: %+v", l, later)
		}
	}
	// Before anything stands in the place of what was lost, it can be set up.
	d, f := policy.Demand{Level: policy.AAL2, Journey: here}, proven(0, here, policy.Email)
	lost := policy.Owned{Aside: []policy.Method{policy.App}, CountFrom: noon.Add(time.Hour)}
	if way := table.Way(table.Next(d, f, noon), d, f, lost, noon); way.Cooling || !slices.Contains(way.SetUp, policy.App) || way.Guard != nil {
		t.Errorf("%+v", way)
	}
	// What changes the account waits all the same: it was guarded by what was lost.
	d = table.Sensitive(lost.All())
	if way := table.Way(table.Next(d, f, noon), d, f, lost, noon); !way.Cooling || d.Level != policy.AAL2 {
		t.Errorf("%+v of %+v", way, d)
	}
}

func TestTheMailboxAloneNeverRecoversAtOnce(t *testing.T) {
	for _, preset := range []string{"parvis", "ontario", "logingov"} {
		table := policy.NewTable(policy.Preset(preset))
		for _, l := range []policy.Loss{{}, {Objected: true}, {Independent: true, Objected: true}} {
			if got := table.RecoverAfter(l); got < 24*time.Hour {
				t.Errorf("%s: %+v waits %v", preset, l, got)
			}
		}
		if got := table.RecoverAfter(policy.Loss{Independent: true}); got != 0 {
			t.Errorf("%s: %v", preset, got)
		}
		if got := table.CoolingOff(); got < time.Hour {
			t.Errorf("%s: cools off for %v", preset, got)
		}
	}
}
