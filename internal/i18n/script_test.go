package i18n_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"parvis/internal/i18n"
)

func TestNamesThatLookAlikeHaveOneSkeleton(t *testing.T) {
	for name, others := range map[string][]string{
		"Northland Bank": {
			"northland bank", "NORTHLAND  BANK", "Northland-Bank", "Northland\u00a0Bank™", "Nоrthland Bank", // Cyrillic о
			"Νorthland Bank",       // Greek Ν
			"Northland Ваnk",       // Cyrillic Ва
			"Ｎｏｒｔｈｌａｎｄ Ｂａｎｋ",       // full width
			"𝐍𝐨𝐫𝐭𝐡𝐥𝐚𝐧𝐝 𝐁𝐚𝐧𝐤",       // mathematical
			"Nörthland Bank",       // accents do not tell two banks apart
			"Northland\u200bBank",  // zero width
			"N0rthland Bank",       // a zero
			"NorthIand Bank",       // a capital i
			"North1and Bank",       // a one
			"Northland\u00adBank®", // soft hyphen
			"N\u006f\u0301rthland Bank",
		},
		"Interac": {"lnterac", "1nterac", "|nterac", "Interac®", "ＩＮＴＥＲＡＣ", "Ιnterac", "Interас"},
		"Caisse":  {"Саisse", "CAISSE", "Caıssе"},
		"Modern":  {"Modem", "M0dern"},
		"Newwave": {"Newvvave"},
	} {
		for _, other := range others {
			if a, b := i18n.Skeleton(name), i18n.Skeleton(other); a != b || a == "" {
				t.Errorf("%q and %q look like %q and %q", name, other, a, b)
			}
		}
	}
	apart := []string{"Northland Bank", "Southland Bank", "Northland Credit Union", "Interac", "FranceConnect", "FranceConnect+ 2", "用户银行", "北方银行", "Ελληνική", "Caisse"}
	for i, a := range apart {
		for _, b := range apart[:i] {
			if i18n.Skeleton(a) == i18n.Skeleton(b) {
				t.Errorf("%q and %q have one skeleton", a, b)
			}
		}
	}
	if i18n.Skeleton(" – ®!") != "" {
		t.Error("signs alone make a name")
	}
}

func TestAWordOfSeveralScriptsIsSeen(t *testing.T) {
	for word, want := range map[string]bool{
		"Bank": false, "Bаnk": true, "Банк": false, "Ωmega": true, "東京Bank": false, "東京バンク": false, "東京банк": true, "42": false, "": false,
	} {
		if got := i18n.MixedScripts(word); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
}

func FuzzSkeleton(f *testing.F) {
	f.Add("Northland Bank®")
	f.Add("Ｎоrthland")
	f.Fuzz(func(t *testing.T, name string) {
		once := i18n.Skeleton(name)
		if !utf8.ValidString(once) || strings.ContainsAny(once, " 01i|") {
			t.Errorf("%q looks like %q", name, once)
		}
		i18n.MixedScripts(name)
	})
}
