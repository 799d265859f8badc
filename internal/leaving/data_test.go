package leaving_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/leaving"
	"parvis/internal/notify/notice"
)

func readSet(t testing.TB, h *journeytest.House, a id.Account) (set backupcode.Set, found bool, err error) {
	t.Helper()
	err = h.DB.Read(t.Context(), func(tx *db.Tx) error {
		set, found, err = h.BackupCodes.Find(tx, a)
		return err
	})
	return set, found, err
}

// file downloads what is held about a person.
func file(t testing.TB, h *journeytest.House, b *journeytest.Browser) []byte {
	t.Helper()
	c, err := h.Leaving.Data(t.Context(), b.Visitor, leaving.File)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTheFileHoldsEveryFieldOfWhatIsHeld(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		text := file(t, h, full(t, h).Browser)
		_, found := document(t, text)
		fields, _ := paper(t)
		for _, path := range slices.Sorted(maps.Keys(fields)) {
			if !found[path] {
				t.Errorf("%s is in no field of the file", path)
			}
		}
		for path := range found {
			if fields[path] == nil {
				t.Errorf("%s is in the file and not in docs/account-data.md", path)
			}
		}
		// The merged account is another one, until it is that of the same person.
		for _, word := range canaries() {
			if word != fullOther && !bytes.Contains(text, []byte(word)) {
				t.Errorf("%q is not in the file", word)
			}
		}
		if l := h.Latest(fullMain); l.Kind != notice.KindDataGiven || !strings.Contains(l.Text, "downloaded") {
			t.Errorf("the owner was told %s", l.Kind)
		}
		if h.Events(audit.AccountDataGiven) != 1 {
			t.Errorf("%d events", h.Events(audit.AccountDataGiven))
		}
	}, journeytest.WithUnion())
}

// Nobody signs in with what is in the file: of every secret of the account the test knows
// the bytes, or how it begins.
func TestNoSecretIsInTheFile(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		p := full(t, h)
		text := string(file(t, h, p.Browser))
		secrets := append(p.secrets, p.Session, p.Device, "$argon2id$", "otpauth", "verifier", "digest", `"operator"`, `"ann"`)
		write(t, h, func(tx *db.Tx) error {
			kept, _, err := h.Signin.Passwords.Get(tx, p.account)
			secrets = append(secrets, kept.Verifier)
			return err
		})
		for _, one := range secrets {
			if one != "" && strings.Contains(text, one) {
				t.Errorf("%.6s… is in the file", one)
			}
		}
	})
}

func TestOnlyItsOwnerWithFreshProofsGetsTheData(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		h.Active(other)
		b := proven(t, h, own)
		if _, err := h.Leaving.Data(t.Context(), h.Browser().Visitor, leaving.File); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody: %v", err)
		}
		if text := file(t, h, b); bytes.Contains(text, []byte(other)) || !bytes.Contains(text, []byte(own)) {
			t.Error("the file is not that of its owner")
		}
		h.Clock.Advance(29 * time.Minute)
		for _, form := range []leaving.Form{leaving.Page, leaving.File} {
			if _, err := h.Leaving.Data(t.Context(), b.Visitor, form); !fault.Is(err, fault.Denied) {
				t.Errorf("%s with proofs of half an hour ago: %v", form, err)
			}
		}
		if h.Events(audit.AccountDataGiven) != 1 {
			t.Errorf("%d events", h.Events(audit.AccountDataGiven))
		}
	})
}

// measured counts what is written and how much memory is in use meanwhile.
type measured struct {
	size   int
	writes int
	most   int // bytes of one write
}

func (m *measured) Write(p []byte) (int, error) {
	m.size, m.writes, m.most = m.size+len(p), m.writes+1, max(m.most, len(p))
	return len(p), nil
}

func TestAnAccountWithManyEventsAndAddressesIsReadInPortions(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(own)
		a, _ := find(t, h, own)
		for i := range 11 {
			addr, err := account.ParseAddress(fmt.Sprintf("sam.number.%d@example.org", i))
			if err != nil {
				t.Fatal(err)
			}
			row := id.New[id.Address]()
			write(t, h, func(tx *db.Tx) error { _, _, err := h.Accounts.Add(tx, a.ID, row, addr); return err })
		}
		for range 30 {
			h.Clock.Advance(time.Minute)
			write(t, h, func(tx *db.Tx) error {
				for k := range 12 { // several of one instant
					err := h.Audit.Record(tx, audit.Event{Name: audit.PasswordFailed, Account: a.ID, Outcome: audit.Refused, Data: map[string]string{"n": fmt.Sprint(k)}})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		b := proven(t, h, own)
		c, err := h.Leaving.Data(t.Context(), b.Visitor, leaving.File)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		m := &measured{}
		if err := c.Write(t.Context(), io.MultiWriter(&out, m)); err != nil {
			t.Fatal(err)
		}
		doc, _ := document(t, out.Bytes())
		events, addresses := doc["activity"].([]any), doc["addresses"].([]any)
		want := 0
		for _, e := range h.Recent() {
			if e.Account == a.ID {
				want++
			}
		}
		if len(addresses) != 12 || len(events) != want || want < 360 {
			t.Errorf("%d addresses and %d of %d events", len(addresses), len(events), want)
		}
		last := "9"
		for _, e := range events {
			at := e.(map[string]any)["at"].(string)
			if at > last {
				t.Fatalf("%s comes after %s", at, last)
			}
			last = at
		}
		if m.writes < want || m.most*4 > m.size {
			t.Errorf("%d writes, the largest of %d of %d bytes: it is not written as it is read", m.writes, m.most, m.size)
		}
	}, journeytest.WithoutRehearsal())
}
