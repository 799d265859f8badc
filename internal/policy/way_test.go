package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/policy"
)

// A stolen password must not be enough to bind a method of the thief's own.
func TestNothingIsSetUpOnAWeakerProofThanTheAccountCanGive(t *testing.T) {
	table := everything("parvis")
	aal2 := policy.Demand{Level: policy.AAL2, Journey: here}
	resistant := policy.Demand{Level: policy.AAL2PhishingResistant, Journey: here}
	for _, tt := range []struct {
		name   string
		demand policy.Demand
		facts  policy.Facts
		has    []policy.Method
		guard  []policy.Method
		ask    []policy.Method
	}{
		{"nothing is bound: a code by e-mail first", aal2, proven(0, here), nil, []policy.Method{policy.Email}, nil},
		{"the code by e-mail was given here", aal2, proven(0, here, policy.Email), nil, nil, nil},
		{"the code by e-mail is of this morning", aal2, proven(4*time.Hour, other, policy.Email), nil, []policy.Method{policy.Email}, nil},
		{"an app is bound", aal2, proven(0, here), []policy.Method{policy.App}, nil, []policy.Method{policy.App}},
		{"more is wanted than the app", resistant, proven(0, here), []policy.Method{policy.App}, []policy.Method{policy.App}, nil},
		{"an e-mail code does not stand for the app", resistant, proven(0, here, policy.Email), []policy.Method{policy.App}, []policy.Method{policy.App}, nil},
		{"the app was proven", resistant, proven(0, here, policy.App), []policy.Method{policy.App}, nil, nil},
		{"several are bound: the recommended first", aal2, proven(0, here), []policy.Method{policy.Backup, policy.Text, policy.App}, nil, []policy.Method{policy.App, policy.Text, policy.Backup}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			need := table.Next(tt.demand, tt.facts, noon)
			way := table.Way(need, tt.demand, tt.facts, policy.Owned{Methods: tt.has}, noon)
			if !slices.Equal(way.Guard, tt.guard) || !slices.Equal(way.Ask, tt.ask) {
				t.Errorf("guard %v, ask %v; want %v, %v", way.Guard, way.Ask, tt.guard, tt.ask)
			}
			if len(way.Ask) == 0 && len(way.SetUp) == 0 {
				t.Error("a dead end")
			}
		})
	}
}

func TestWhatDoesNotFitIsNamed(t *testing.T) {
	table := everything("parvis")
	d := policy.Demand{Level: policy.AAL2, Journey: here}
	f := proven(0, here)
	way := table.Way(table.Next(d, f, noon), d, f, policy.Owned{Methods: []policy.Method{policy.App}}, noon)
	if !slices.Equal(way.Unfit, []policy.Method{policy.Email}) {
		t.Errorf("unfit: %v", way.Unfit)
	}
	if got := table.Way(policy.Need{}, d, f, policy.Owned{}, noon); got.Ask != nil || got.SetUp != nil {
		t.Errorf("a way without a need: %+v", got)
	}
}

func TestChangesAskForTheBestThatTheAccountHas(t *testing.T) {
	table := everything("parvis")
	for want, has := range map[policy.Level][]policy.Method{
		policy.TwoSteps: {policy.Email},
		policy.AAL2:     {policy.Backup},
	} {
		d := table.Sensitive(has)
		if d.Level != want || *d.MaxAge != 20*time.Minute || !d.Sensitive {
			t.Errorf("%v: %+v", has, d)
		}
	}
	old := proven(21*time.Minute, other, policy.App)
	if need := table.Next(table.Sensitive([]policy.Method{policy.App}), old, noon); need.Step != policy.StepFirst || need.Reason != policy.ReasonTooOld {
		t.Errorf("old proofs change the account: %+v", need)
	}
	remembered := proven(0, other)
	remembered.Remembered = noon
	if need := table.Next(table.Sensitive(nil), remembered, noon); need.Step != policy.StepSecond {
		t.Errorf("a remembered browser changes the account: %+v", need)
	}
}

// Whoever finds a journey open, after its owner proved everything and went away, must
// not be able to finish it as if that had been now.
func TestProofsAgeWithinTheirOwnJourney(t *testing.T) {
	table := everything("parvis")
	window, minute, hour := table.Window(), time.Minute, time.Hour
	for name, d := range map[string]policy.Demand{
		"prompt=login":                {ForceLogin: true, Journey: here},
		"max_age=60":                  {MaxAge: &minute, Journey: here},
		"max_age=0":                   {MaxAge: new(time.Duration), Journey: here},
		"a change to the account":     {Level: policy.TwoSteps, MaxAge: &window, Sensitive: true, Journey: here},
		"prompt=login, and max_age":   {ForceLogin: true, MaxAge: &hour, Journey: here},
		"prompt=login, for two steps": {ForceLogin: true, Level: policy.TwoSteps, Journey: here},
	} {
		if need := table.Next(d, proven(window, here, policy.App), noon); need.Step != policy.StepNone {
			t.Errorf("%s: within the window: %+v", name, need)
		}
		if need := table.Next(d, proven(window+time.Second, here, policy.App), noon); need.Step != policy.StepFirst {
			t.Errorf("%s: later: %+v", name, need)
		}
	}
	for _, d := range []policy.Demand{{Journey: here}, {MaxAge: &hour, Journey: here}} {
		if need := table.Next(d, proven(window+time.Second, here), noon); need.Step != policy.StepNone {
			t.Errorf("%+v: asked again: %+v", d, need)
		}
	}
}

func TestFactsOfAnOlderProgramAreRead(t *testing.T) {
	var f policy.Facts
	if err := json.Unmarshal([]byte(`{"password":"2026-03-02T12:00:00Z","journey":"OTHER"}`), &f); err != nil {
		t.Fatal(err)
	}
	if !f.Password.Equal(noon) || f.Journey != other || f.Others != nil {
		t.Errorf("read %+v", f)
	}
	text, err := json.Marshal(proven(0, other))
	if err != nil || strings.Contains(string(text), "others") || strings.Contains(string(text), "remembered") {
		t.Errorf("an older program could not read %s (%v)", text, err)
	}
}

func TestPresetsKeepTheirOwnRules(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if problems := policy.Preset(name).Problems(); len(problems) != 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for want, change := range map[string]func(*policy.Settings){
		"classes: there is none":                func(s *policy.Settings) { s.Classes = nil },
		"has no level":                          func(s *policy.Settings) { s.Classes[0].Level = 0 },
		"the weakest first":                     func(s *policy.Settings) { slices.Reverse(s.Classes) },
		"stands there twice":                    func(s *policy.Settings) { s.Classes[1].Aliases = []string{policy.ACROneStep} },
		"is no acr value":                       func(s *policy.Settings) { s.Classes[0].ACR = "a b" },
		"always:":                               func(s *policy.Settings) { s.Always = 0 },
		"is no second step":                     func(s *policy.Settings) { s.Methods = append(s.Methods, policy.Password) },
		"\"app\" stands there twice":            func(s *policy.Settings) { s.Methods = append(s.Methods, policy.App) },
		"need another method beside them":       func(s *policy.Settings) { s.Methods = []policy.Method{policy.Text, policy.Email, policy.Backup} },
		"combine:":                              func(s *policy.Settings) { s.Combine = "" },
		"reauthenticate: 25h0m0s; choose 1m to": func(s *policy.Settings) { s.Reauthenticate = 25 * time.Hour },
	} {
		s := policy.Preset("parvis")
		change(&s)
		if got := strings.Join(s.Problems(), "\n"); !strings.Contains(got, want) {
			t.Errorf("problems %q, want %q", got, want)
		}
	}
	var l policy.Level
	if err := l.UnmarshalText([]byte("aal4")); err == nil {
		t.Error("aal4 is no level")
	}
	for _, known := range policy.Levels() {
		text, _ := known.MarshalText()
		if err := l.UnmarshalText(text); err != nil || l != known {
			t.Errorf("%s is read as %v (%v)", text, l, err)
		}
	}
}
