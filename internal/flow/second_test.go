package flow_test

import (
	"slices"
	"testing"
	"time"

	"parvis/internal/flow"
	"parvis/internal/policy"
)

func TestTheSecondStepIsNamedFromFacts(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	table := policy.NewTable(policy.Preset("parvis"), policy.Email, policy.App, policy.Backup)
	password := policy.Facts{}.With(policy.Password, noon, "F")
	email, app := password.With(policy.Email, noon, "F"), password.With(policy.App, noon, "F")
	aal2 := policy.Demand{Level: policy.AAL2, Journey: "F"}
	for _, tt := range []struct {
		name  string
		state flow.State
		facts policy.Facts
		has   []policy.Method
		kind  flow.TurnKind
		ask   []policy.Method
		guard bool
		must  bool
	}{
		{"nothing is demanded", flow.State{}, password, nil, "", nil, false, false},
		{"nobody has signed in", flow.State{Demand: aal2}, policy.Facts{}, nil, "", nil, false, false},
		{"a second step that is bound", flow.State{Demand: aal2}, password, []policy.Method{policy.Backup, policy.App}, flow.TurnProve, []policy.Method{policy.App, policy.Backup}, false, false},
		{"nothing fits: guard first", flow.State{Demand: aal2}, password, nil, flow.TurnProve, []policy.Method{policy.Email}, true, true},
		{"nothing fits: then choose", flow.State{Demand: aal2}, email, nil, flow.TurnChoose, nil, false, true},
		{"a method that is not offered is not set up", flow.State{Demand: aal2, Progress: flow.Progress{Second: flow.Second{SetUp: policy.Text}}}, email, nil, flow.TurnChoose, nil, false, true},
		{"a chosen one is", flow.State{Demand: aal2, Progress: flow.Progress{Second: flow.Second{SetUp: policy.App}}}, email, nil, flow.TurnSetUp, nil, false, true},
		{"a change asks for the best that the account has", flow.State{Demand: table.Sensitive(nil)}, email, []policy.Method{policy.App}, flow.TurnProve, []policy.Method{policy.App}, false, false},
		{"a change of an account without methods", flow.State{Demand: table.Sensitive(nil)}, email, nil, "", nil, false, false},
		{"freely: the account's own method guards", flow.State{SetUp: policy.Backup}, email, []policy.Method{policy.App}, flow.TurnProve, []policy.Method{policy.App}, true, false},
		{"freely: an older proof does not", flow.State{SetUp: policy.Backup}, password.With(policy.App, noon.Add(-time.Hour), "G"), []policy.Method{policy.App}, flow.TurnProve, []policy.Method{policy.App}, true, false},
		{"freely", flow.State{SetUp: policy.Backup}, app, []policy.Method{policy.App}, flow.TurnSetUp, nil, false, false},
		{"freely, done", flow.State{SetUp: policy.Backup, Progress: flow.Progress{Second: flow.Second{Bound: policy.Backup}}}, app, []policy.Method{policy.App}, "", nil, false, false},
	} {
		got := tt.state.Turn(table, tt.facts, policy.Owned{Methods: tt.has}, noon)
		if got.Kind != tt.kind || !slices.Equal(got.Ask, tt.ask) || got.Guard != tt.guard || got.Required != tt.must {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if slices.Contains(got.Offer, policy.Email) {
			t.Errorf("%s: e-mail can be set up: it is there already", tt.name)
		}
	}
}
