package notice

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// The alphabet of texts: a character of basic counts once, one of extended twice, and with any
// other the whole text is sent as UCS-2 (3GPP TS 23.038, 6.2.1).
const (
	basic    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extended = "^{}\\[~]|€\f"
)

// gsm7 counts a text in the units of GSM-7; false when it holds a character that is not of that
// alphabet.
func gsm7(text string) (units int, ok bool) {
	for _, r := range text {
		switch {
		case strings.ContainsRune(basic, r):
			units++
		case strings.ContainsRune(extended, r):
			units += 2
		default:
			return 0, false
		}
	}
	return units, true
}

// parts is of how many messages a text is made, each of which is charged for: one of 160 units or
// more of 153, of 70 and 67 outside GSM-7 (3GPP TS 23.040, 9.2.3.24.1).
func parts(text string) int {
	units, ok := gsm7(text)
	one, more := 160, 153
	if !ok {
		units, one, more = len(utf16.Encode([]rune(text))), 70, 67
	}
	if units <= one {
		return 1
	}
	return (units + more - 1) / more
}

// mostParts is of how many parts a text is that names a service.
const mostParts = 2

// brief is what say makes of a foreign name, in mostParts: as it is written, else with letters
// that a text counts once, else with the beginning of the name only.
func brief(name string, say func(name string) string) string {
	fits := func(text string) bool { return parts(text) <= mostParts }
	if text := narrow(say(name)); fits(text) {
		return text
	}
	if text := unmarked(say(name)); fits(text) {
		return text
	}
	letters := []rune(name)
	cut := func(n int) string {
		return unmarked(say(strings.TrimRightFunc(string(letters[:n]), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) + "..."))
	}
	return cut(max(0, sort.Search(len(letters), func(n int) bool { return !fits(cut(n)) })-1))
}

// unmarked is narrow, and writes each letter that is not of GSM-7 without its marks, where it
// is of GSM-7 then: "ê" is "e" and "ç" is "c"; "é", "è", "à" and "ù" stay. It is for texts that
// would cost twice as much otherwise.
func unmarked(text string) string {
	var out strings.Builder
	for _, r := range norm.NFC.String(narrow(text)) {
		letter := string(r)
		if _, ok := gsm7(letter); !ok {
			plain := strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Mn, r) {
					return -1
				}
				return r
			}, norm.NFD.String(strings.NewReplacer("œ", "oe", "Œ", "OE").Replace(letter)))
			if _, ok := gsm7(plain); ok {
				letter = plain
			}
		}
		out.WriteString(letter)
	}
	return out.String()
}
