package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/keyring"
)

// peppers puts pepper files into the configuration, newest first.
func (o office) peppers(t *testing.T, files ...string) {
	t.Helper()
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "pepper_files: [")
	_, after, _ = strings.Cut(after, "]")
	var list strings.Builder
	for i, file := range files {
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(`"` + filepath.Join(filepath.Dir(o.config), file) + `"`)
	}
	if err := os.WriteFile(o.config, []byte(before+"pepper_files: ["+list.String()+"]"+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (o office) listPeppers(t *testing.T) (out []pepperAnswer) {
	t.Helper()
	text, _ := o.run(t, 0, "key", "peppers", "--json")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// findings are what doctor says of a matter.
func (o office) findings(t *testing.T, check string) (out []string) {
	t.Helper()
	text, _ := o.run(t, 1, "doctor", "--json") // there is no mail server
	var answer struct {
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	for _, f := range answer.Findings {
		if f.Check == check {
			out = append(out, f.State+": "+f.Found)
		}
	}
	return out
}

func TestThePepperIsChangedByFilesAndDoctorSaysHowManyRemain(t *testing.T) {
	o := newOffice(t)
	o.open(t, func(h *app.House) {
		if err := h.Keyring.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	next := filepath.Join(filepath.Dir(o.config), "pepper-2.key")
	if out, _ := o.run(t, 0, "key", "make", next); !strings.Contains(out, "wrote "+next) {
		t.Error(out)
	}
	if info, err := os.Stat(next); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	o.run(t, 1, "key", "make", next) // nothing is overwritten
	if got := o.findings(t, "pepper"); len(got) != 1 || !strings.HasPrefix(got[0], "ok: 1 verifier(s) of passwords and 0 set(s) of backup codes have the newest pepper") {
		t.Errorf("before: %q", got)
	}
	o.peppers(t, "pepper-2.key", "pepper.key")
	list := o.listPeppers(t)
	if len(list) != 2 || !list[0].Newest || list[0].Passwords != 0 || list[0].File != next || list[1].Newest || list[1].Passwords != 1 {
		t.Errorf("%+v", list)
	}
	got := o.findings(t, "pepper")
	if len(got) != 2 || !strings.HasPrefix(got[0], "warning: 1 verifier(s) of passwords and 0 set(s) of backup codes remain on the older pepper "+list[1].ID) || !strings.HasPrefix(got[1], "ok: 0 verifier(s) of passwords") {
		t.Errorf("during: %q", got)
	}
	// Its file is not taken out while somebody needs it.
	o.open(t, func(h *app.House) {
		if err := h.Keyring.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	o.peppers(t, "pepper-2.key")
	if got := o.findings(t, "keys"); len(got) != 1 || !strings.HasPrefix(got[0], "problem: "+keyring.ErrWrongKeys.Error()) || !strings.Contains(got[0], list[1].ID) {
		t.Errorf("without the older one: %q", got)
	}
	if lost := o.listPeppers(t); len(lost) != 2 || lost[1].File != "" || lost[1].Passwords != 1 {
		t.Errorf("without the older one: %+v", lost)
	}
	if out, _ := o.run(t, 0, "key", "peppers"); !strings.Contains(out, "its file is missing in keys.pepper_files") {
		t.Error(out)
	}
	// Whoever did not come back chooses a new password.
	if _, problems := o.run(t, 1, "key", "drop-pepper", list[0].ID, "--apply"); !strings.Contains(problems, "the pepper of new passwords") {
		t.Error(problems)
	}
	if out, _ := o.run(t, 0, "key", "drop-pepper", list[1].ID); !strings.Contains(out, "1 password(s) and 0 set(s) of backup codes would be removed") || !strings.Contains(out, "Nothing was changed") {
		t.Error(out)
	}
	if out, _ := o.run(t, 0, "key", "drop-pepper", list[1].ID, "--apply", "--operator", "ann"); !strings.Contains(out, "1 password(s) and 0 set(s) of backup codes were removed") {
		t.Error(out)
	}
	if _, problems := o.run(t, 1, "key", "drop-pepper", list[1].ID); !strings.Contains(problems, "no password or backup code was made with") {
		t.Error(problems)
	}
	if got := o.findings(t, "keys"); len(got) != 1 || !strings.HasPrefix(got[0], "ok: ") {
		t.Errorf("afterwards: %q", got)
	}
	text, _ := o.run(t, 0, "account", "show", activeAddress, "--json")
	var shown accountAnswer
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		t.Fatal(err)
	}
	told := false
	for _, e := range shown.Events {
		told = told || e.Name == audit.MethodRemoved && e.Reason == "pepper"
	}
	if !told {
		t.Errorf("the removal stands not in the account's events: %+v", shown.Events)
	}
}
