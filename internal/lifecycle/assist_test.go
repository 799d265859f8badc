package lifecycle_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/journeytest"
	"parvis/internal/lifecycle"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
)

var bankName = i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}

// asked begins a request for an address and gives what it was stored with.
func asked(t *testing.T, h *journeytest.House, to string, kind assist.Kind) assist.Draft {
	t.Helper()
	addr, err := account.ParseAddress(to)
	if err != nil {
		t.Fatal(err)
	}
	d := assist.New(kind, "7K3Q-M92T")
	h.Clock.Advance(time.Minute)
	write(t, h, func(tx *db.Tx) error { return h.Lifecycle.AskAssistance(tx, h.Browser().Visitor, addr, d) })
	return d
}

// linked links a sign-in partner to an account.
func linked(t *testing.T, h *journeytest.House, to string, link upstream.LinkID) {
	t.Helper()
	a, _ := find(t, h, to)
	write(t, h, func(tx *db.Tx) error {
		return h.Links.Link(tx, link, a.ID, "https://bank.test", "customer "+string(link))
	})
}

func confirmed(t *testing.T, h *journeytest.House, to string, kind assist.Kind, link upstream.LinkID) assist.ID {
	t.Helper()
	d := asked(t, h, to, kind)
	if err := h.Lifecycle.ConfirmAssistance(t.Context(), h.Browser().Visitor, d.Token, link); err != nil {
		t.Fatal(err)
	}
	return d.ID
}

func step(t *testing.T, h *journeytest.House, do func(tx *db.Tx) error) error {
	t.Helper()
	return h.DB.Write(t.Context(), do)
}

func request(t *testing.T, h *journeytest.House, id assist.ID) (out lifecycle.Assistance, found bool) {
	t.Helper()
	write(t, h, func(tx *db.Tx) (err error) {
		out, found, err = h.Lifecycle.Assistance(tx, func(tx *db.Tx) (assist.Request, bool, error) { return h.Lifecycle.Requests.Get(tx, id) })
		return err
	})
	return out, found
}

func TestTwoPeopleOfTheStaffRemoveASignInPartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		linked(t, h, address, "L1")
		linked(t, h, address, "L2")
		d := asked(t, h, address, assist.Unlink)
		letter := h.Latest(address)
		if letter.Kind != notice.KindAssistConfirm || !strings.Contains(letter.Text, "/assist/"+d.Token) {
			t.Fatalf("%s", letter.Text)
		}
		if err := step(t, h, func(tx *db.Tx) error { return h.Lifecycle.ApproveAssistance(tx, d.ID, "ann") }); !fault.Is(err, fault.NotFound) {
			t.Errorf("approved before it was confirmed: %v", err)
		}
		v := h.Browser().Visitor
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, d.Token, "another's"); !fault.Is(err, fault.Invalid) {
			t.Errorf("of a link that the account does not have: %v", err)
		}
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, "nothing", "L1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("with a guessed token: %v", err)
		}
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, d.Token, "L1"); err != nil {
			t.Fatal(err)
		}
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, d.Token, "L2"); !fault.Is(err, fault.NotFound) {
			t.Errorf("confirmed twice: %v", err)
		}
		do := func(by string) error {
			return step(t, h, func(tx *db.Tx) error { return h.Lifecycle.DoAssistance(tx, d.ID, by, bankName) })
		}
		if err := do("bob"); !fault.Is(err, fault.NotFound) {
			t.Errorf("done before it was approved: %v", err)
		}
		if err := step(t, h, func(tx *db.Tx) error { return h.Lifecycle.ApproveAssistance(tx, d.ID, "ann") }); err != nil {
			t.Fatal(err)
		}
		if err := do("ann"); !fault.Is(err, fault.Denied) {
			t.Errorf("done by who approved it: %v", err)
		}
		if r, _ := request(t, h, d.ID); len(r.Links) != 2 {
			t.Error("something was removed")
		}
		thief := h.Browser()
		if r := thief.AtBank(thief.From(journeytest.Permits), "customer L1"); r.Cookies.Session == "" {
			t.Fatalf("%+v", r)
		}
		if err := do("bob"); err != nil {
			t.Fatal(err)
		}
		if p, err := h.Signin.Person(t.Context(), thief.Visitor); err != nil || p != nil {
			t.Errorf("who came in with the partner is still signed in: %v", err)
		}
		if r, _ := request(t, h, d.ID); len(r.Links) != 1 || r.Links[0].ID != "L2" || r.Status != assist.Done || r.ApprovedBy != "ann" || r.EndedBy != "bob" {
			t.Errorf("%+v", r)
		}
		if err := do("bob"); !fault.Is(err, fault.NotFound) {
			t.Errorf("twice: %v", err)
		}
		kinds := map[notice.Kind]bool{}
		for _, l := range h.Letters(address) {
			kinds[l.Kind] = true
		}
		for _, k := range []notice.Kind{notice.KindAssistConfirm, notice.KindAssistReceived, notice.KindAssistApproved, notice.KindAssistDone} {
			if !kinds[k] {
				t.Errorf("no mail %s", k)
			}
		}
		for _, name := range []audit.Name{audit.AssistAsked, audit.AssistConfirmed, audit.AssistApproved, audit.AssistDone, audit.UpstreamUnlinked} {
			if h.Events(name) != 1 {
				t.Errorf("%d events %s", h.Events(name), name)
			}
		}
	})
}

func TestTheLastWayInIsRemovedWithTheWayByMailTold(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		linked(t, h, address, "L1")
		a, _ := find(t, h, address)
		write(t, h, func(tx *db.Tx) error { _, err := h.Signin.Passwords.Remove(tx, a.ID); return err })
		id := confirmed(t, h, address, assist.Unlink, "L1")
		if r, _ := request(t, h, id); !r.NoPassword {
			t.Error("the staff is not told that there is no password")
		}
		h.Clock.Advance(time.Minute)
		write(t, h, func(tx *db.Tx) error { return h.Lifecycle.ApproveAssistance(tx, id, "ann") })
		h.Clock.Advance(time.Minute)
		write(t, h, func(tx *db.Tx) error { return h.Lifecycle.DoAssistance(tx, id, "bob", bankName) })
		l := h.Latest(address)
		if l.Kind != notice.KindAssistDone || !strings.Contains(l.Text, "has no password") || !strings.Contains(l.Text, "start=forgot-password") {
			t.Errorf("the owner is not told how to get in:\n%s", l.Text)
		}
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		b.Reset(b.Direct(), address)
		if k := h.Latest(address).Kind; k != notice.KindResetPassword {
			t.Errorf("the way by mail gives %s", k)
		}
	})
}

func TestTwoPeopleOfTheStaffCloseAnAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		id := confirmed(t, h, address, assist.Close, "")
		write(t, h, func(tx *db.Tx) error { return h.Lifecycle.ApproveAssistance(tx, id, "ann") })
		h.Clock.Advance(time.Minute)
		write(t, h, func(tx *db.Tx) error { return h.Lifecycle.DoAssistance(tx, id, "bob", nil) })
		if a, found := find(t, h, address); found {
			t.Errorf("the account is %s", a.Status)
		}
		if _, found := request(t, h, id); found {
			t.Error("the request outlives the account")
		}
		if l := h.Latest(address); l.Kind != notice.KindRemoved || !strings.Contains(l.Text, "as you asked and confirmed") {
			t.Errorf("%s", l.Text)
		}
	})
}

func TestARequestTellsNobodyWhoHasAnAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Pending("pending@example.org")
		mails := len(h.Letters("pending@example.org"))
		known := h.Statements(func() { asked(t, h, address, assist.Close) })
		unknown := h.Statements(func() { asked(t, h, "nobody@example.org", assist.Close) })
		if known != unknown {
			t.Errorf("%d statements for an account, %d for none", known, unknown)
		}
		d := asked(t, h, "pending@example.org", assist.Close)
		if len(h.Letters("nobody@example.org")) != 0 || len(h.Letters("pending@example.org")) != mails {
			t.Error("a mail went to an address without an account")
		}
		if _, found := request(t, h, d.ID); found {
			t.Error("a request was stored for no account")
		}
	}, journeytest.WithoutRehearsal())
}

func TestARequestEndsWhenItIsReplacedRefusedOrTooOld(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		linked(t, h, address, "L1")
		first := asked(t, h, address, assist.Unlink)
		second := asked(t, h, address, assist.Unlink)
		v := h.Browser().Visitor
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, first.Token, "L1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an older one: %v", err)
		}
		h.Clock.Advance(25 * time.Hour)
		if err := h.Lifecycle.ConfirmAssistance(t.Context(), v, second.Token, "L1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("too late: %v", err)
		}
		id := confirmed(t, h, address, assist.Unlink, "L1")
		h.Clock.Advance(time.Minute)
		write(t, h, func(tx *db.Tx) error { return h.Lifecycle.RefuseAssistance(tx, id, "ann") })
		if err := step(t, h, func(tx *db.Tx) error { return h.Lifecycle.ApproveAssistance(tx, id, "bob") }); !fault.Is(err, fault.NotFound) {
			t.Errorf("a refused one: %v", err)
		}
		if h.Latest(address).Kind != notice.KindAssistRefused {
			t.Error("the owner is not told that it was refused")
		}
		id = confirmed(t, h, address, assist.Unlink, "L1")
		write(t, h, func(tx *db.Tx) error { return h.Lifecycle.ApproveAssistance(tx, id, "ann") })
		h.Clock.Advance(14*24*time.Hour + time.Minute)
		if err := step(t, h, func(tx *db.Tx) error { return h.Lifecycle.DoAssistance(tx, id, "bob", bankName) }); !fault.Is(err, fault.NotFound) {
			t.Errorf("after its time: %v", err)
		}
		for _, job := range h.Lifecycle.Jobs() {
			if job.Name == "lifecycle.assistance" {
				if err := job.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if h.Latest(address).Kind != notice.KindAssistExpired || h.Events(audit.AssistExpired) != 1 {
			t.Error("the owner is not told that it ran out")
		}
		if r, _ := request(t, h, id); len(r.Links) != 1 {
			t.Error("it was done")
		}
	})
}

func TestOfRacingStaffOneApprovesAndOneDoes(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		linked(t, h, address, "L1")
		id := confirmed(t, h, address, assist.Unlink, "L1")
		race := func(do func(tx *db.Tx, by string) error) int {
			var wait sync.WaitGroup
			won := make(chan string, 60)
			for i := range cap(won) {
				wait.Go(func() {
					by := []string{"ann", "bob", "cleo"}[i%3]
					switch err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return do(tx, by) }); {
					case err == nil:
						won <- by
					case fault.KindOf(err) == fault.Internal:
						t.Error(err)
					}
				})
			}
			wait.Wait()
			return len(won)
		}
		if n := race(func(tx *db.Tx, by string) error { return h.Lifecycle.ApproveAssistance(tx, id, by) }); n != 1 {
			t.Errorf("%d approved", n)
		}
		if n := race(func(tx *db.Tx, by string) error { return h.Lifecycle.DoAssistance(tx, id, by, bankName) }); n != 1 {
			t.Errorf("%d did it", n)
		}
		if r, _ := request(t, h, id); assist.Same(r.ApprovedBy, r.EndedBy) {
			t.Errorf("%s did what %s approved", r.EndedBy, r.ApprovedBy)
		}
	}, journeytest.WithoutRehearsal())
}

func TestCaseAndSpacesMakeNobodyAnotherPerson(t *testing.T) {
	for _, name := range []string{"Ann Lake", " ann  lake ", "ANN\tLAKE"} {
		if got, err := assist.Name(name); err != nil || !assist.Same(got, "Ann Lake") {
			t.Errorf("%q is %q, %v", name, got, err)
		}
	}
	if got, err := assist.Name("  Ann  McLake "); err != nil || got != "Ann McLake" {
		t.Errorf("the name is kept as %q, %v", got, err)
	}
	for _, name := range []string{"", "   ", strings.Repeat("a", 101)} {
		if _, err := assist.Name(name); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
}
