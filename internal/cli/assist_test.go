package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"parvis/internal/account"
	"parvis/internal/app"
	"parvis/internal/assist"
	"parvis/internal/db"
	"parvis/internal/flow"
)

func TestTwoPeopleDoWhatWasAskedFor(t *testing.T) {
	o := newOffice(t)
	d := assist.New(assist.Unlink, "7K3Q-M92T")
	o.open(t, func(h *app.House) {
		addr, err := account.ParseAddress(activeAddress)
		if err != nil {
			t.Fatal(err)
		}
		v := flow.Visitor{Locale: "en"}
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			if err := h.Links.Link(tx, "L1", o.active.ID, "https://bank.example.org", "customer"); err != nil {
				return err
			}
			return h.Lifecycle.AskAssistance(tx, v, addr, d)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, d.Token, "L1"); err != nil {
			t.Fatal(err)
		}
	})
	mails := o.waiting(t)
	out, _ := o.run(t, 0, "assist", "list", "--json")
	var lines []assistLine
	if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) != 1 || lines[0].Reference != "7K3Q-M92T" {
		t.Fatalf("%s %v", out, err)
	}
	id := string(lines[0].ID)
	out, _ = o.run(t, 0, "assist", "show", id, "--operator", "ann")
	if strings.Contains(out, activeAddress) || !strings.Contains(out, "https://bank.example.org") || strings.Contains(out, "customer") {
		t.Error("the address or the subject is shown, or the partner is not:\n" + out)
	}
	if _, problems := o.run(t, 1, "assist", "do", id, "--by", "Bob Stone", "--apply"); !strings.Contains(problems, "nobody has approved") || !strings.Contains(problems, "assist approve "+id) {
		t.Error(problems)
	}
	out, _ = o.run(t, 0, "assist", "approve", id, "--by", "Ann Lake")
	if !strings.Contains(out, "Nothing was changed") || o.waiting(t) != mails {
		t.Error("the rehearsal changed something: " + out)
	}
	if out, _ = o.run(t, 0, "assist", "approve", id, "--by", "Ann Lake", "--apply"); !strings.Contains(out, "approved by") || !strings.Contains(out, "done") {
		t.Error("it is not told that it was done: " + out)
	}
	if out, _ = o.run(t, 0, "assist", "list"); !strings.Contains(out, "Ann Lake") {
		t.Error("the name is not as it was given: " + out)
	}
	if _, problems := o.run(t, 1, "assist", "do", id, "--by", " ann  LAKE", "--apply"); !strings.Contains(problems, "somebody else has to do it") {
		t.Error(problems)
	}
	out, _ = o.run(t, 0, "assist", "do", id, "--by", "Bob Stone")
	if !strings.Contains(out, "Nothing was changed") {
		t.Error("the rehearsal changed something: " + out)
	}
	o.run(t, 0, "assist", "do", id, "--by", "Bob Stone", "--apply")
	if o.waiting(t) != mails+2 {
		t.Errorf("%d mails went out, want 2", o.waiting(t)-mails)
	}
	if _, problems := o.run(t, 1, "assist", "do", id, "--by", "Cleo", "--apply"); !strings.Contains(problems, "the request is done") {
		t.Error(problems)
	}
	if _, problems := o.run(t, 1, "assist", "refuse", "nothing", "--by", "Cleo"); !strings.Contains(problems, "there is no request") {
		t.Error(problems)
	}
	if out, _ := o.run(t, 0, "account", "show", activeAddress, "--json"); !strings.Contains(out, "assist.done") || !strings.Contains(out, "upstream.unlinked") {
		t.Error("the audit does not tell:\n" + out)
	}
}
