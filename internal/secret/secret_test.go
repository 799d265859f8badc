package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, RootBytes) }

func keys(t *testing.T, roots ...[]byte) *Keys {
	t.Helper()
	k, err := NewKeys(key(9), roots...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestASealedValueOpensOnlyInItsOwnPlace(t *testing.T) {
	k := keys(t, key(1))
	sealed := k.Seal("account", "address", "row1", []byte("ana@example.org"))
	if bytes.Contains(sealed, []byte("ana@example")) {
		t.Error("the sealed value can be read")
	}
	if plain, err := k.Open("account", "address", "row1", sealed); err != nil || string(plain) != "ana@example.org" {
		t.Errorf("%q %v", plain, err)
	}
	for _, place := range [][3]string{{"session", "address", "row1"}, {"account", "locale", "row1"}, {"account", "address", "row2"}} {
		if _, err := k.Open(place[0], place[1], place[2], sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("opened in %v: %v", place, err)
		}
	}
	if _, err := keys(t, key(2)).Open("account", "address", "row1", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("opened with a foreign key: %v", err)
	}
}

func TestEveryChangedByteOfASealedValueIsRefused(t *testing.T) {
	k := keys(t, key(1))
	sealed := k.Seal("t", "c", "r", []byte("value"))
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Open("t", "c", "r", changed); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d may be changed: %v", i, err)
		}
		if _, err := k.Open("t", "c", "r", sealed[:i]); !errors.Is(err, ErrSealed) {
			t.Errorf("cut at %d and still opened: %v", i, err)
		}
	}
}

func TestOlderRootKeysStillOpenFindAndCompare(t *testing.T) {
	old := keys(t, key(1))
	sealed, mac := old.Seal("t", "c", "r", []byte("value")), old.CodeMAC("row", "123456")
	both := keys(t, key(2), key(1))
	if plain, err := both.Open("t", "c", "r", sealed); err != nil || string(plain) != "value" {
		t.Errorf("%q %v", plain, err)
	}
	if !both.CodeMatches("row", "123456", mac) {
		t.Error("a code stored under the older key is refused")
	}
	indexes := both.Indexes("address", "ana")
	if len(indexes) != 2 || indexes[1] != old.Index("address", "ana") || indexes[0] != both.Index("address", "ana") || indexes[0] == indexes[1] {
		t.Errorf("%v", indexes)
	}
}

func TestACodeMatchesOnlyItsRowAndItself(t *testing.T) {
	k := keys(t, key(1))
	mac := k.CodeMAC("row1", "012345")
	if !k.CodeMatches("row1", "012345", mac) {
		t.Error("the right code is refused")
	}
	for _, wrong := range [][2]string{{"row2", "012345"}, {"row1", "012346"}, {"row1", ""}, {"row1", "12345"}, {"row10", "12345"}} {
		if k.CodeMatches(wrong[0], wrong[1], mac) {
			t.Errorf("%v matches", wrong)
		}
	}
	if k.CodeMatches("row1", "012345", nil) || keys(t, key(2)).CodeMatches("row1", "012345", mac) {
		t.Error("matches nothing, or under a foreign key")
	}
}

func TestPurposesFormsAndBrowsersAreKeptApart(t *testing.T) {
	k := keys(t, key(1))
	if k.Index("a", "bc") == k.Index("ab", "c") {
		t.Error("purpose and value run into each other")
	}
	if Equal(k.FormToken("browser1", "form"), k.FormToken("browser2", "form")) || Equal(k.FormToken("b", "form1"), k.FormToken("b", "form2")) {
		t.Error("one form token for two forms or browsers")
	}
	peppered, _ := k.Pepper("", "password")
	if Equal(peppered, keys(t, key(2)).FormToken("password", "")) {
		t.Error("pepper and form token are one")
	}
}

func TestEachPepperIsFoundByItsIdAndTheNewestIsFirst(t *testing.T) {
	old := keys(t, key(1))
	newer, err := NewKeys(key(7), key(1))
	if err != nil {
		t.Fatal(err)
	}
	both, err := newer.WithOlderPeppers(key(9))
	if err != nil {
		t.Fatal(err)
	}
	ids := both.PepperIDs()
	if len(ids) != 2 || ids[0] != newer.PepperIDs()[0] || ids[1] != old.PepperIDs()[0] || ids[0] == ids[1] || len(ids[0]) != 8 {
		t.Fatalf("ids %q", ids)
	}
	made, _ := old.Pepper(ids[1], "password")
	for id, want := range map[string]bool{ids[0]: false, ids[1]: true, "": true, "AAAAAAAA": false} {
		got, found := both.Pepper(id, "password")
		if Equal(got, made) != want || found != (id != "AAAAAAAA") {
			t.Errorf("pepper %q: found %v", id, found)
		}
	}
	if _, found := newer.Pepper(ids[1], "password"); found || len(newer.PepperIDs()) != 1 {
		t.Error("the keys without the older pepper were changed")
	}
}

func TestKeysOfTheWrongSizeAreRefused(t *testing.T) {
	for name, make := range map[string]func() (*Keys, error){
		"no root":      func() (*Keys, error) { return NewKeys(key(1)) },
		"short root":   func() (*Keys, error) { return NewKeys(key(1), key(1)[:31]) },
		"short pepper": func() (*Keys, error) { return NewKeys(nil, key(1)) },
		"same twice":   func() (*Keys, error) { return NewKeys(key(9), key(1), key(1)) },
		"short older":  func() (*Keys, error) { return keys(t, key(1)).WithOlderPeppers(key(8)[:31]) },
		"pepper twice": func() (*Keys, error) { return keys(t, key(1)).WithOlderPeppers(key(8), key(9)) },
	} {
		if _, err := make(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTokensAndCodesAreRandomAndOfTheirSize(t *testing.T) {
	seen := map[string]bool{}
	digits := [10]int{}
	for range 1000 {
		token, code := NewToken(), NewCode(6)
		if len(token) != 43 || seen[token] || len(code) != 6 || strings.Trim(code, "0123456789") != "" {
			t.Fatalf("token %q, code %q", token, code)
		}
		seen[token] = true
		for _, c := range code {
			digits[c-'0']++
		}
	}
	for d, n := range digits {
		if n < 400 || n > 800 { // 6000 digits, 600 of each expected: more than eight standard deviations
			t.Errorf("digit %d came %d times in 6000", d, n)
		}
	}
}

func TestWhatPeopleAddToACodeIsRemoved(t *testing.T) {
	for typed, want := range map[string]string{"123 456": "123456", " 12-34\u201356\u00a0": "123456", "12\u202f34": "1234", "abc": "abc", "": ""} {
		if got := CleanCode(typed); got != want {
			t.Errorf("%q became %q, want %q", typed, got, want)
		}
	}
}
