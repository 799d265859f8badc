package i18n

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MixedScripts reports whether the letters of a word come from scripts that no one
// language writes together, as a Cyrillic а among Latin letters. Han goes with the
// Japanese and Korean scripts and with Bopomofo, and Latin with each of these (UTS 39,
// "highly restrictive").
func MixedScripts(word string) bool {
	var latin, east bool
	other := ""
	for _, r := range word {
		switch script := scriptOf(r); script {
		case "", "Common", "Inherited":
		case "Latin":
			latin = true
		case "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo":
			east = true
		default:
			if other != "" && other != script {
				return true
			}
			other = script
		}
	}
	return other != "" && (latin || east)
}

// scriptOf names the script of a letter; "" for ASCII that is no letter.
func scriptOf(r rune) string {
	if r < utf8.RuneSelf {
		if unicode.IsLetter(r) {
			return "Latin"
		}
		return ""
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// Skeleton is what a name looks like at a glance: two names with one skeleton are
// taken for each other (UTS 39, 4, with the confusable letters of the scripts that
// look like Latin). Compatibility forms, case, accents, spaces, punctuation and signs
// do not count; i, l, 1 and | are one, o and 0, rn and m, vv and w. "" for a name
// without letters and digits.
func Skeleton(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(signs.Replace(name)) {
		switch like, known := lookLike(r); {
		case known:
			b.WriteString(like)
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return shapes.Replace(cases.Fold().String(b.String()))
}

//nolint:gochecknoglobals // constant, and safe for use at once
var (
	// signs of ownership, whose compatibility forms are letters.
	signs = strings.NewReplacer("™", "", "℠", "", "®", "", "©", "")
	// shapes that lower-case Latin letters and digits share.
	shapes = strings.NewReplacer("rn", "m", "vv", "w", "i", "l", "1", "l", "|", "l", "0", "o")
)

// lookLike is the Latin letter that a letter or sign looks like, by its own shape: a
// Greek capital Nu is an N, the small one a v.
func lookLike(r rune) (string, bool) {
	const (
		from = "АВЕЅІЈКМНОРСТУХҮԌԚԜӀаеѕіјкмнорстухүԁԛԝһӏгпьвғ" + // Cyrillic
			"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹαβγεηικνορστυχωϲ" + // Greek
			"ՍՕոսօհցզ" + // Armenian
			"ıłøđɑɡɩʟŁØĐƒƖ|" // Latin, and a sign
		to = "ABESIJKMHOPCTYXYGQWlaesijkmhopctyxydqwhlrnbbf" +
			"ABEZHIKMNOPTYXCabyenikvopotuxwc" +
			"UOnuohgq" +
			"ilodagilLODfl|"
	)
	at := 0
	for _, one := range from {
		if one == r {
			return to[at : at+1], true
		}
		at++
	}
	return "", false
}
