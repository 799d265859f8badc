package visit

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"parvis/internal/id"
	"parvis/internal/secret"
)

func doors(t testing.TB, now *time.Time) Doors {
	t.Helper()
	keys, err := secret.NewKeys([]byte(strings.Repeat("p", secret.RootBytes)), []byte(strings.Repeat("r", secret.RootBytes)))
	if err != nil {
		t.Fatal(err)
	}
	return Doors{Keys: keys, Lasts: 90 * 24 * time.Hour, Now: func() time.Time { return *now }}
}

func TestTheLastDoorIsRememberedForEachService(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	d := doors(t, &now)
	all := []string{"password", "bank"}
	value := d.with(d.with("", "aid", "password"), "fishing", "bank")
	for service, want := range map[id.RelyingParty]string{"aid": "password", "fishing": "bank", "": "", "other": ""} {
		if got := d.last(value, service, all); got != want {
			t.Errorf("%q: %q, want %q", service, got, want)
		}
	}
	if got := d.last(d.with(value, "aid", "bank"), "aid", all); got != "bank" {
		t.Errorf("the later one: %q", got)
	}
	if got := d.last(value, "fishing", []string{"password"}); got != "" {
		t.Errorf("a door that is not there any more: %q", got)
	}
	now = now.Add(91 * 24 * time.Hour)
	if got := d.last(value, "aid", all); got != "" {
		t.Errorf("after its time: %q", got)
	}
	d.Lasts = 0
	if got := d.last(d.with("", "aid", "password"), "aid", all); got != "" {
		t.Errorf("nothing is to be remembered: %q", got)
	}
}

// Whoever sees the cookie learns nothing: not what is in it, not how much, not whether
// two of them say the same; and what is not ours counts as nothing.
func TestTheCookieOfDoorsIsSealedAndOfOneLength(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	d := doors(t, &now)
	value, seen := "", map[string]bool{}
	for i := range 3 * doorsKept {
		service := id.RelyingParty(fmt.Sprintf("service-%d", i))
		value = d.with(value, service, "northland-bank")
		if len(value) != sealedDoors || len(value) > 200 {
			t.Fatalf("%d bytes after %d services", len(value), i+1)
		}
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil || strings.Contains(string(raw), "northland") || strings.Contains(string(raw), "service") || seen[value] {
			t.Fatalf("%q, %v", raw, err)
		}
		seen[value] = true
	}
	if n := len(d.read(value)); n != doorsKept {
		t.Errorf("%d services are kept", n)
	}
	if again := d.with(value, "service-23", "northland-bank"); again == value {
		t.Error("two cookies that say the same are the same")
	}
	changed := []byte(value)
	changed[40] ^= 1
	for _, bad := range []string{"", "x", value + "A", value[1:], string(changed), strings.Repeat("A", sealedDoors), strings.Repeat("*", sealedDoors)} {
		if got := d.read(bad); got != nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func FuzzReadDoors(f *testing.F) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	d := doors(f, &now)
	f.Add(d.with("", "aid", "password"))
	f.Add(strings.Repeat("A", sealedDoors))
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		if got := d.read(value); len(got) > doorsKept {
			t.Errorf("%d records", len(got))
		}
		if got := d.last(d.with(value, "aid", "bank"), "aid", []string{"bank"}); got != "bank" {
			t.Errorf("%q is lost after %q", "bank", value)
		}
	})
}
