package password_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/password/breached"
)

func policy(t testing.TB, preset string) password.Policy {
	t.Helper()
	list, err := password.NewBlocklist()
	if err != nil {
		t.Fatal(err)
	}
	return password.Policy{Settings: password.Preset(preset), Blocklist: list}
}

func rules(violations []password.Violation) []password.RuleName {
	var out []password.RuleName
	for _, v := range violations {
		out = append(out, v.Rule)
	}
	return out
}

func TestEveryPresetGivesEachReason(t *testing.T) {
	const (
		length, maximum, common, word = password.RuleLength, password.RuleMaximum, password.RuleCommon, password.RuleWord
		personal, repeated            = password.RulePersonal, password.RuleRepeated
	)
	tests := []struct {
		preset, typed string
		second        bool
		want          []password.RuleName
	}{
		{"parvis", "", false, []password.RuleName{length}},
		{"parvis", "kMx7vRq2pLw9zT", false, []password.RuleName{length}},
		{"parvis", "kMx7vRq2pLw9zTb", false, nil},
		{"parvis", "kMx7vRq2", true, nil},
		{"parvis", "kMx7vRq", true, []password.RuleName{length}},
		{"parvis", "correct horse battery staple", false, nil},
		{"parvis", "un cheval correct agrafe", false, nil},
		{"parvis", "пароль из слов и букв", false, nil},
		{"parvis", "🐎🔋📎🐎🔋📎🦊🦊🐢🐢🐢🌳🌳🌵🌵", false, nil},
		{"parvis", "aaaaaaaaaaaaaaaaaaaa", false, []password.RuleName{repeated}},
		{"parvis", "xyxyxyxyxyxyxyxyxy", false, []password.RuleName{repeated}},
		{"parvis", "abcdefghijklmnopqrst", false, []password.RuleName{repeated}},
		{"parvis", "zyxwvutsrqponmlkji", false, []password.RuleName{repeated}},
		{"parvis", "12345678901234567890", false, []password.RuleName{repeated}},
		{"parvis", "qwertyuiopasdfghjkl", false, []password.RuleName{repeated}},
		{"parvis", "passwordpassword", false, []password.RuleName{common}},
		{"parvis", "Password1234567", false, []password.RuleName{common}},
		{"parvis", "P@$$w0rd P@$$w0rd ", false, []password.RuleName{common}},
		{"parvis", "Iloveyou", true, []password.RuleName{common}},
		{"parvis", "ＰＡＳＳＷＯＲＤ", true, []password.RuleName{common}},
		{"parvis", "bibliothécaire", true, []password.RuleName{word}},
		{"parvis", "sam.smith@example.org", false, []password.RuleName{personal}},
		{"parvis", "smith-example-kMx7", false, nil},
		{"parvis", "ParvisParvisParvis", false, []password.RuleName{personal}},
		{"parvis", "Fishing licences!", false, []password.RuleName{personal}},
		{"parvis", strings.Repeat("kMx7vRq2", 32), false, nil},
		{"parvis", strings.Repeat("kMx7vRq2", 32) + "!", false, []password.RuleName{maximum}},
		{"parvis", strings.Repeat("x", 100_000), false, []password.RuleName{maximum}},
		{"parvis", "kMx7vRq2pLw9zTb\x00", false, []password.RuleName{password.RuleCharacter}},
		{"parvis", "kMx7vRq2pLw9zTb\xff", false, []password.RuleName{password.RuleCharacter}},
		{"ontario", "kMx7v!q2", false, nil},
		{"ontario", "kmx7v!q2", false, []password.RuleName{password.RuleUpper}},
		{"ontario", "KMX7V!Q2", false, []password.RuleName{password.RuleLower}},
		{"ontario", "kMxzv!qw", false, []password.RuleName{password.RuleDigit}},
		{"ontario", "kMx7vRq2", false, []password.RuleName{password.RuleSymbol}},
		{"ontario", "kM7!", false, []password.RuleName{length}},
		{"ontario", "Passw0rd!", false, []password.RuleName{common}},
		{"ontario", "Élodie2026!", false, []password.RuleName{word}},
		{"logingov", "kMx7vRq2pLw", false, []password.RuleName{length}},
		{"logingov", "kMx7vRq2pLw9", false, nil},
		{"logingov", strings.Repeat("kMx7vRq2", 16), false, nil},
		{"logingov", strings.Repeat("kMx7vRq2", 16) + "!", false, []password.RuleName{maximum}},
		{"logingov", "summer winter", false, []password.RuleName{password.RuleGuessable}},
	}
	context := []string{"sam.smith@example.org", "sam.smith", "example.org", "Parvis", "Fishing licences"}
	for _, tt := range tests {
		p := policy(t, tt.preset)
		p.SecondStep = tt.second
		got := rules(p.Check(tt.typed, password.Context{Words: context}))
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %.40q: %v, want %v", tt.preset, tt.typed, got, tt.want)
		}
	}
}

func TestCharactersAreCountedAfterNormalization(t *testing.T) {
	p := policy(t, "parvis")
	decomposed := strings.Repeat("e\u0301", 7) + "kMx7vR!" // 14 characters in NFC, 21 as typed
	if got := rules(p.Check(decomposed, password.Context{})); !slices.Equal(got, []password.RuleName{password.RuleLength}) {
		t.Errorf("%v", got)
	}
	if got := p.Check(decomposed+"z", password.Context{}); got != nil {
		t.Errorf("%v", got)
	}
}

func TestTheRulesToldAreThoseThatAreChecked(t *testing.T) {
	for preset, want := range map[string][]password.RuleName{
		"parvis":   {password.RuleLength, password.RuleCommon},
		"ontario":  {password.RuleLength, password.RuleUpper, password.RuleLower, password.RuleDigit, password.RuleSymbol, password.RuleCommon},
		"logingov": {password.RuleLength, password.RuleCommon, password.RuleGuessable},
	} {
		var got []password.RuleName
		for _, r := range policy(t, preset).Rules() {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", preset, got, want)
		}
	}
	short := policy(t, "parvis")
	short.SecondStep = true
	rule := short.Rules()[0]
	if rule.Key != "password.rule.length" || rule.Args[0] != "count" || rule.Args[1] != 8 {
		t.Errorf("%+v", rule)
	}
}

func TestTheBlocklistHoldsWhatItPromises(t *testing.T) {
	list, err := password.NewBlocklist()
	if err != nil {
		t.Fatal(err)
	}
	if passwords, words := list.Size(); passwords < 49_000 || words < 49_000 {
		t.Errorf("%d passwords, %d words", passwords, words)
	}
	for _, common := range []string{"password", "123456", "motdepasse", "azerty", "iloveyou"} {
		if !list.Password(common) && !list.Word(common) {
			t.Errorf("%q is not on the list", common)
		}
	}
	for _, word := range []string{"bibliothèque", "library", "elizabeth", "tremblay"} {
		if !list.Word(word) {
			t.Errorf("%q is not a word", word)
		}
	}
	for _, unknown := range []string{"", "kmx7vrq2plw9ztb", "correct horse battery staple"} {
		if list.Password(unknown) || list.Word(unknown) {
			t.Errorf("%q is on the list", unknown)
		}
	}
}

func TestPresetsAreAcceptedAndEmptySettingsAreNot(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := password.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := (password.Settings{}).Problems(); len(got) < 7 {
		t.Errorf("empty settings: %v", got)
	}
	if password.Cheap(password.Preset("parvis")).Problems() == nil {
		t.Error("the settings of tests could be used in service")
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"passwordpassword", "Élodie2026!", "\u0130\u0131\ufb01\u1e9e", "a\u0300\u0301\u0302", "P@$$w0rd"} {
		f.Add(s)
	}
	presets := []password.Policy{policy(f, "parvis"), policy(f, "ontario"), policy(f, "logingov")}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, p := range presets {
			violations := p.Check(typed, password.Context{Words: []string{"sam@example.org", typed}})
			n := utf8.RuneCountInString(password.Normalize(typed))
			if violations == nil && (n < p.Settings.Minimum || n > p.Settings.Maximum || !utf8.ValidString(typed)) {
				t.Fatalf("%q was accepted", typed)
			}
		}
	})
}

func TestAPasswordThatIsKnownFromALeakIsRefusedWithItsReason(t *testing.T) {
	path := filepath.Join(t.TempDir(), "breached.bin")
	list := "a password of another site\ncaf\u00e9 noir et tartine au miel\n"
	if _, err := breached.Build(path, strings.NewReader(list), breached.Source{Plain: true}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	file, err := breached.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	p := policy(t, "parvis")
	p.Breached = file
	for typed, refused := range map[string]bool{
		"a password of another site":             true,
		"caf\u00e9 noir et tartine au miel":      true,
		"cafe\u0301 noir et tartine au miel":     true, // as another keyboard types it
		"a password of this site that is unused": false,
	} {
		got := p.Check(typed, password.Context{})
		if (len(got) == 1 && got[0].Rule == password.RuleBreached) != refused || !refused && len(got) > 0 {
			t.Errorf("%q: %+v", typed, got)
		}
	}
	var unread error
	p.Unread = func(err error) { unread = err }
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.Check("a password of another site", password.Context{}); len(got) > 0 || unread == nil {
		t.Errorf("a file that cannot be read keeps people from choosing a password, or is not told: %+v %v", got, unread)
	}
}
