package phone_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

type house struct {
	*testing.T
	db *db.DB
	phone.Phones
}

func keys(t testing.TB, roots ...byte) *secret.Keys {
	t.Helper()
	var all [][]byte
	for _, b := range roots {
		all = append(all, bytes.Repeat([]byte{b}, secret.RootBytes))
	}
	k, err := secret.NewKeys(all[0], all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&house{T: t, db: d, Phones: phone.Phones{
			Keys: keys(t, 1), Settings: phone.Preset("parvis"),
			Methods: authenticator.Authenticators{Settings: authenticator.Preset("parvis")},
		}})
	}, options...)
}

func (h *house) try(fn func(tx *db.Tx) error) error { return h.db.Write(context.Background(), fn) }

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.try(fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) number(typed string) phone.Number {
	h.Helper()
	n, err := phone.Settings{Region: "CA", VoIP: true, Landlines: true}.Parse(typed, "")
	if err != nil {
		h.Fatalf("%s: %v", typed, err)
	}
	return n
}

func (h *house) bind(account id.Account, typed, name string) authenticator.ID {
	h.Helper()
	d := phone.Prepare(h.number(typed), authenticator.ByText)
	h.write(func(tx *db.Tx) error { return h.Bind(tx, account, d, name) })
	return d.ID
}

func (h *house) find(account id.Account, a authenticator.ID) (out phone.Phone, found bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, found, err = h.Find(tx, account, a); return err })
	return out, found
}

func TestANumberIsReadAsPeopleTypeIt(t *testing.T) {
	s := phone.Preset("parvis")
	for _, typed := range []string{
		"4165550134", "416-555-0134", "(416) 555-0134", "416.555.0134", "1 416 555 0134", "+14165550134", "+1 (416) 555-0134",
		"011 1 416 555 0134", "４１６５５５０１３４", " 416\u00a0555\u20110134 ", "416/555-0134",
	} {
		n, err := s.Parse(typed, "")
		if err != nil || n.E164() != "+14165550134" || n.Country() != "CA" || n.Kind() != phone.Either || !n.CanText() {
			t.Errorf("%q: %v, %v", typed, n, err)
		}
	}
	n, err := s.Parse("202 456 1111", "US")
	if err != nil || n.Country() != "US" || n.E164() != "+12024561111" || n.Show() != "+1 202-456-1111" {
		t.Errorf("%v %v", n, err)
	}
}

func TestAStoredNumberIsShownInGroups(t *testing.T) {
	for e164, want := range map[string]string{"+14165550134": "+1 416-555-0134", "+33612345678": "+33 6 12 34 56 78", "nonsense": "nonsense"} {
		if got := phone.Shown(e164); got != want {
			t.Errorf("%s is shown as %q, want %q", e164, got, want)
		}
	}
}

func TestWhatCannotBeCalledOrCostsMoreIsRefused(t *testing.T) {
	open := phone.Settings{Region: "CA", VoIP: true, Landlines: true}
	closed := phone.Settings{Region: "CA", Countries: []string{"CA", "FR"}}
	for _, c := range []struct {
		s          phone.Settings
		typed, key string
	}{
		{open, "", "empty"},
		{open, "  -  ", "empty"},
		{open, "555-0134", "format"},         // no area code
		{open, "123-456-7890", "format"},     // no area code begins with 1
		{open, "416 CALL NOW", "format"},     // letters
		{open, "416-555-0134 x12", "format"}, // an extension
		{open, "416-555-0134;ext=12", "format"},
		{open, "416-555-0134,,12", "format"},
		{open, "++14165550134", "format"},
		{open, "sam@example.org", "format"},
		{open, strings.Repeat("4", 200), "format"},
		{open, "911", "format"},
		{open, "1-900-555-1234", "kind"},    // premium rate
		{open, "+33 8 99 70 12 34", "kind"}, // premium rate
		{open, "+44 843 123 4567", "kind"},  // shared cost
		{open, "1-800-622-6232", "kind"},    // toll free
		{open, "500-555-1234", "kind"},      // personal
		{open, "+800 1234 5678", "kind"},    // of no country
		{closed, "+44 7911 123456", "country"},
		{closed, "+1 876 555 1234", "country"}, // same country code, another country
		{closed, "+33 9 70 12 34 56", "voip"},
		{closed, "+33 1 42 68 53 00", "landline"},
	} {
		n, err := c.s.Parse(c.typed, "")
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "error.phone."+c.key+" ") {
			t.Errorf("%q: %v, %v, want %s", c.typed, n, err, c.key)
		}
	}
	if n, err := closed.Parse("+33 6 12 34 56 78", ""); err != nil || n.Kind() != phone.Mobile {
		t.Errorf("%v %v", n, err)
	}
	if n, err := open.Parse("+33 1 42 68 53 00", ""); err != nil || n.CanText() || n.Can(authenticator.ByText) || !n.Can(authenticator.ByVoice) {
		t.Errorf("a landline: %v %v", n, err)
	}
}

func TestANumberIsMaskedWhereverItIsPrinted(t *testing.T) {
	s := phone.Settings{Region: "CA", Landlines: true, VoIP: true}
	for typed, want := range map[string]string{
		"416-555-0134": "+1 •••-•••-0134", "+33 6 12 34 56 78": "+33 • •• •• 56 78", "+290 51234": "+290 •••34",
	} {
		n, err := s.Parse(typed, "")
		if err != nil || n.Masked() != want {
			t.Errorf("%s: %s %v", typed, n.Masked(), err)
		}
		var out bytes.Buffer
		d := phone.Prepare(n, authenticator.ByText)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "n", n, "draft", d, "phone", phone.Phone{Number: n})
		all := fmt.Sprintf("%v %+v %#v %s %v", n, n, n, n, d) + out.String()
		if strings.Contains(all, n.E164()[2:]) || !strings.HasSuffix(n.Masked(), n.Ending()[len(n.Ending())-2:]) {
			t.Errorf("printed: %s", all)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"416-555-0134", "+33612345678", "0", "+", "011", "+1", "(((", "\xff", "+80012345678", "１", "0000000000000000000"} {
		f.Add(s, "CA")
	}
	f.Add("06 12 34 56 78", "FR")
	f.Add("1", "ZZ")
	s := phone.Settings{Region: "CA", VoIP: true, Landlines: true}
	shape := regexp.MustCompile(`^\+[1-9][0-9]{5,16}$`)
	f.Fuzz(func(t *testing.T, typed, region string) {
		n, err := s.Parse(typed, region)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", typed, err)
			}
			return
		}
		if !shape.MatchString(n.E164()) || n.Show() == "" || strings.Contains(n.Masked(), n.E164()[2:]) {
			t.Errorf("%q became %s, %s, %s", typed, n.E164(), n.Show(), n.Masked())
		}
		again, err := s.Parse(n.E164(), "")
		if err != nil || again != n {
			t.Errorf("%q became %s, and that %s: %v", typed, n.E164(), again.E164(), err)
		}
	})
}

func TestANumberIsBoundFoundPreferredAndRemoved(t *testing.T) {
	each(t, func(h *house) {
		a := h.bind("SAM", "416-555-0134", "Mobile")
		p, found := h.find("SAM", a)
		if !found || p.Number != h.number("416-555-0134") || p.Prefers != authenticator.ByText || p.Stopped || p.Sends() != authenticator.ByText {
			h.Fatalf("%+v", p)
		}
		var list []authenticator.Authenticator
		var accounts []id.Account
		h.write(func(tx *db.Tx) (err error) {
			if accounts, err = h.Accounts(tx, h.number("+14165550134")); err != nil {
				return err
			}
			list, err = authenticator.List(tx, "SAM")
			return err
		})
		if len(list) != 1 || list[0].Name != "Mobile" || list[0].Type != authenticator.Phone || len(accounts) != 1 || accounts[0] != "SAM" {
			h.Errorf("%+v %v", list, accounts)
		}
		h.write(func(tx *db.Tx) error { return h.Prefer(tx, "SAM", a, authenticator.ByVoice) })
		if p, _ := h.find("SAM", a); p.Sends() != authenticator.ByVoice {
			h.Errorf("%+v", p)
		}
		if err := h.try(func(tx *db.Tx) error { return h.Prefer(tx, "EVE", a, authenticator.ByText) }); !fault.Is(err, fault.NotFound) {
			h.Errorf("by another: %v", err)
		}
		if err := h.try(func(tx *db.Tx) error { return h.Prefer(tx, "SAM", a, authenticator.ByEmail) }); !fault.Is(err, fault.Invalid) {
			h.Errorf("by e-mail: %v", err)
		}
		remove := func(account id.Account) (ok bool) {
			h.write(func(tx *db.Tx) (err error) { ok, err = h.Remove(tx, account, a); return err })
			return ok
		}
		if remove("EVE") || !remove("SAM") || remove("SAM") {
			h.Error("removed by another, not at all, or twice")
		}
		if _, found := h.find("SAM", a); found {
			h.Error("still there")
		}
		h.write(func(tx *db.Tx) (err error) { list, err = authenticator.List(tx, "SAM"); return err })
		if len(list) != 0 {
			h.Errorf("%+v", list)
		}
	})
}

func TestANumberIsOnAnAccountOnceAndOnSeveralAccounts(t *testing.T) {
	each(t, func(h *house) {
		h.bind("SAM", "416-555-0134", "")
		h.bind("EVE", "416-555-0134", "")
		again := phone.Prepare(h.number("+1 (416) 555 0134"), authenticator.ByVoice)
		err := h.try(func(tx *db.Tx) error { return h.Bind(tx, "SAM", again, "Again") })
		if !fault.Is(err, fault.Invalid) {
			h.Errorf("twice: %v", err)
		}
		h.Methods.Settings.Phones = 2
		h.bind("SAM", "416-555-0135", "")
		third := phone.Prepare(h.number("416-555-0136"), authenticator.ByText)
		if err := h.try(func(tx *db.Tx) error { return h.Bind(tx, "SAM", third, "") }); !fault.Is(err, fault.Conflict) {
			h.Errorf("a third: %v", err)
		}
		landline := phone.Prepare(h.number("+33 1 42 68 53 00"), authenticator.ByText)
		if err := h.try(func(tx *db.Tx) error { return h.Bind(tx, "ANA", landline, "") }); !fault.Is(err, fault.Invalid) {
			h.Errorf("texts to a landline: %v", err)
		}
		h.write(func(tx *db.Tx) error { return h.Erase(tx, "SAM") })
		var sam, eve []phone.Phone
		h.write(func(tx *db.Tx) (err error) {
			if sam, err = h.All(tx, "SAM"); err != nil {
				return err
			}
			eve, err = h.All(tx, "EVE")
			return err
		})
		if len(sam) != 0 || len(eve) != 1 {
			h.Errorf("erased: %v %v", sam, eve)
		}
	})
}

func TestTheNumberForTextsIsTheOldestOfWhomItsOwnerWantsThem(t *testing.T) {
	clock := dbtest.NewClock()
	each(t, func(h *house) {
		forTexts := func() string {
			var p phone.Phone
			var found bool
			h.write(func(tx *db.Tx) (err error) { p, found, err = h.ForTexts(tx, "SAM"); return err })
			if !found {
				return ""
			}
			return p.Number.E164()
		}
		if got := forTexts(); got != "" {
			h.Errorf("without a number: %s", got)
		}
		h.bind("EVE", "416-555-0139", "")
		first := h.bind("SAM", "416-555-0134", "First")
		clock.Advance(time.Second)
		h.bind("SAM", "202 456 1111", "Second")
		if got := forTexts(); got != "+14165550134" {
			h.Errorf("of two: %s", got)
		}
		h.Settings.Countries = []string{"US"}
		if got := forTexts(); got != "+12024561111" {
			h.Errorf("when one country is accepted: %s", got)
		}
		h.Settings.Countries = []string{"CA", "US"}
		h.write(func(tx *db.Tx) error { return h.Prefer(tx, "SAM", first, authenticator.ByVoice) })
		if got := forTexts(); got != "+12024561111" {
			h.Errorf("when the first one is called: %s", got)
		}
		h.write(func(tx *db.Tx) error { _, err := h.Stop(tx, h.number("+12024561111")); return err })
		if got := forTexts(); got != "" {
			h.Errorf("when the second one wants none: %s", got)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestANumberThatWantsNoTextsGetsNoneOnAnyAccountUntilItWantsThemAgain(t *testing.T) {
	each(t, func(h *house) {
		n := h.number("416-555-0134")
		a := h.bind("SAM", "416-555-0134", "")
		stop := func() (changed bool) {
			h.write(func(tx *db.Tx) (err error) { changed, err = h.Stop(tx, n); return err })
			return changed
		}
		if !stop() || stop() {
			h.Error("not stopped, or stopped twice")
		}
		p, _ := h.find("SAM", a)
		if !p.Stopped || p.Can(authenticator.ByText) || !p.Can(authenticator.ByVoice) || p.Sends() != authenticator.ByVoice {
			h.Errorf("%+v", p)
		}
		b := h.bind("EVE", "416-555-0134", "")
		if p, _ := h.find("EVE", b); !p.Stopped {
			h.Error("another account texts it")
		}
		h.write(func(tx *db.Tx) error {
			if err := h.Erase(tx, "SAM"); err != nil {
				return err
			}
			stopped, err := h.Stopped(tx, n)
			if !stopped {
				h.Error("the wish ended with the account")
			}
			return err
		})
		resume := func() (changed bool) {
			h.write(func(tx *db.Tx) (err error) { changed, err = h.Resume(tx, n); return err })
			return changed
		}
		if !resume() || resume() {
			h.Error("not resumed, or twice")
		}
		if p, _ := h.find("EVE", b); p.Stopped || p.Sends() != authenticator.ByText {
			h.Errorf("%+v", p)
		}
	})
}

func TestTheWishForNoTextsHoldsWhileRootKeysChange(t *testing.T) {
	each(t, func(h *house) {
		n := h.number("416-555-0134")
		old := h.bind("SAM", "416-555-0134", "")
		h.write(func(tx *db.Tx) error { _, err := h.Stop(tx, n); return err })
		h.Keys = keys(t, 2, 1)
		fresh := h.bind("EVE", "416-555-0134", "")
		for account, a := range map[id.Account]authenticator.ID{"SAM": old, "EVE": fresh} {
			if p, found := h.find(account, a); !found || !p.Stopped {
				h.Errorf("%s: %+v", account, p)
			}
		}
		var accounts []id.Account
		h.write(func(tx *db.Tx) (err error) { accounts, err = h.Accounts(tx, n); return err })
		if len(accounts) != 2 {
			h.Errorf("%v", accounts)
		}
		h.write(func(tx *db.Tx) error { _, err := h.Resume(tx, n); return err })
		if p, _ := h.find("SAM", old); p.Stopped {
			h.Error("not resumed under the older key")
		}
	})
}

func TestANumberIsSealedToItsRow(t *testing.T) {
	each(t, func(h *house) {
		a, b := h.bind("SAM", "416-555-0134", ""), h.bind("EVE", "416-555-0199", "")
		h.write(func(tx *db.Tx) error {
			var stored []byte
			var index string
			if err := tx.QueryRow(`SELECT number, number_index FROM phone WHERE authenticator_id = $1`, b).Scan(&stored, &index); err != nil {
				return err
			}
			if bytes.Contains(stored, []byte("5550199")) || strings.Contains(index, "5550199") {
				t.Error("the number stands in clear")
			}
			return tx.ExecOne(`UPDATE phone SET number = $1 WHERE authenticator_id = $2`, stored, a)
		})
		if err := h.try(func(tx *db.Tx) error { _, _, err := h.Find(tx, "SAM", a); return err }); err == nil {
			t.Error("codes for SAM go to EVE's number")
		}
	})
}

func TestSettingsOfEveryPresetAreAccepted(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := phone.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	for _, s := range []phone.Settings{{}, {Region: "ca"}, {Region: "CA", Countries: []string{"US"}}, {Region: "CA", Countries: []string{"CA", "Canada"}}} {
		if s.Problems() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}
