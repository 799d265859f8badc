package policy_test

import (
	"testing"
	"time"

	"parvis/internal/id"
	"parvis/internal/policy"
)

func TestADoorIsOpenAsTheServiceSays(t *testing.T) {
	only, but := policy.Doors{Allow: []string{"password", "bank"}}, policy.Doors{Forbid: []string{"bank"}}
	both := policy.Doors{Allow: []string{"bank"}, Forbid: []string{"bank"}}
	for _, c := range []struct {
		doors policy.Doors
		door  string
		want  bool
	}{
		{policy.Doors{}, "password", true},
		{policy.Doors{}, "bank", true},
		{policy.Doors{}, "", true},
		{only, "password", true},
		{only, "bank", true},
		{only, "post", false},
		{only, "", false},
		{but, "password", true},
		{but, "post", true},
		{but, "bank", false},
		{but, "", false},
		{both, "bank", false},
	} {
		if got := c.doors.Opens(c.door); got != c.want {
			t.Errorf("%+v opens %q: %v", c.doors, c.door, got)
		}
	}
}

// Whatever else a session has proven: what came through a closed door does not count.
func TestWhatCameThroughAClosedDoorDoesNotCount(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	table := policy.NewTable(policy.Preset("parvis"), policy.Email, policy.App)
	const here id.Flow = "HERE"
	bank := policy.ByPartner(policy.Partner{At: now, Worth: policy.AAL2, Door: "bank"}, here)
	older := policy.ByPartner(policy.Partner{At: now, Worth: policy.AAL2}, here)
	password := policy.Facts{}.With(policy.Password, now, here)
	remembered := password
	remembered.Remembered = now
	both := bank
	both.Password = now
	byPassword, byBank := policy.Doors{Allow: []string{"password"}}, policy.Doors{Forbid: []string{"password"}}
	for name, c := range map[string]struct {
		doors policy.Doors
		facts policy.Facts
		want  policy.Reason
	}{
		"bank where the password is wanted":         {byPassword, bank, policy.ReasonDoor},
		"bank and an app":                           {byPassword, bank.With(policy.App, now, here), policy.ReasonDoor},
		"a session of before doors were told apart": {byPassword, older, policy.ReasonDoor},
		"password where it is forbidden":            {byBank, password, policy.ReasonDoor},
		"password and an app":                       {byBank, password.With(policy.App, now, here), policy.ReasonDoor},
		"password in a remembered browser":          {byBank, remembered, policy.ReasonDoor},
		"password where it is wanted":               {byPassword, password, policy.ReasonNone},
		"bank where it is wanted":                   {byBank, bank, policy.ReasonNone},
		"both where the password is forbidden":      {byBank, both, policy.ReasonNone},
		"both where the bank is forbidden":          {byPassword, both, policy.ReasonNone},
		"nobody":                                    {byBank, policy.Facts{}, policy.ReasonNotSignedIn},
		"an older session where every door is open": {policy.Doors{}, older, policy.ReasonNone},
	} {
		need := table.Next(policy.Demand{Doors: c.doors}, c.facts, now)
		if need.Reason != c.want || (need.Step == policy.StepNone) != (c.want == policy.ReasonNone) {
			t.Errorf("%s: %+v, want %q", name, need, c.want)
		}
	}
	// What is too old is too old, through whatever door it came.
	age := time.Minute
	late := table.Next(policy.Demand{Doors: byBank, MaxAge: &age}, bank, now.Add(time.Hour))
	if late.Step != policy.StepFirst || late.Reason != policy.ReasonTooOld {
		t.Errorf("%+v", late)
	}
}
