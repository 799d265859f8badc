package password

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold is how the blocklist writes a password: compatibility forms resolved, lower case.
func Fold(word string) string { return strings.ToLower(norm.NFKC.String(word)) }

// variants are the ways in which a password is looked up: as it is, with digits
// and symbols that stand for letters turned back, without digits and symbols
// before and after it, and its repeated piece once. No variant is a part of the
// password's letters: "correct horse dragon" is not refused for its dragon.
func variants(word string) []string {
	folded := Fold(word)
	out := []string{folded}
	// A variant without its digits and symbols counts only if it is at least half
	// of the password: "abc" with twelve random digits is no dressed-up "abc".
	add := func(v string) {
		if 2*len(v) >= len(folded) && utf8.RuneCountInString(v) >= 3 && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, whole := range []string{folded, strings.TrimFunc(folded, notLetter), strings.TrimRightFunc(folded, notLetter)} {
		add(whole)
		for _, one := range []string{"l", "i"} {
			add(unleet(whole, one))
		}
	}
	for _, whole := range slices.Clone(out) {
		// "pass word" twice is the same word twice, whatever stands between.
		p := piece(whole)
		if squeezed := strings.Map(lettersOnly, whole); p == whole && piece(squeezed) != squeezed {
			p = piece(squeezed)
		}
		if !slices.Contains(out, p) && utf8.RuneCountInString(p) >= 3 {
			out = append(out, p)
		}
	}
	return out
}

// lettersOnly drops what is no letter.
func lettersOnly(r rune) rune {
	if unicode.IsLetter(r) {
		return r
	}
	return -1
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// unleet turns back the digits and symbols that people write for letters; a "1"
// and a "!" stand for l or i.
func unleet(word, one string) string {
	return strings.NewReplacer("@", "a", "4", "a", "3", "e", "0", "o", "$", "s", "5", "s", "7", "t", "1", one, "!", one, "|", one).Replace(word)
}

// piece is what a text repeats ("passpass" repeats "pass"); the text itself when
// it repeats nothing.
func piece(word string) string {
	if len(word) < 2 {
		return word
	}
	// A text is a repetition of its prefix of length n exactly when it occurs in
	// its own double at n.
	if n := strings.Index((word + word)[1:], word) + 1; n < len(word) && utf8.ValidString(word[:n]) {
		return word[:n]
	}
	return word
}

// repeated reports one to three characters written again and again, or
// characters that follow each other in the alphabet, the digits or on the keyboard.
func repeated(word string) bool {
	folded := Fold(word)
	if utf8.RuneCountInString(piece(folded)) <= 3 && utf8.RuneCountInString(folded) > 3 {
		return true
	}
	for _, row := range []string{"abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiopasdfghjklzxcvbnm", "azertyuiopqsdfghjklmwxcvbn"} {
		long := row + row + row
		if len(folded) >= 4 && len(folded) <= len(long) && (strings.Contains(long, folded) || strings.Contains(reverse(long), folded)) {
			return true
		}
	}
	return false
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// contextWords are the words of a context as variants are written, and their
// parts, longest first; what is shorter than three characters says nothing.
func contextWords(words []string) []string {
	var out []string
	for _, w := range words {
		folded := Fold(strings.TrimSpace(w))
		all := append(strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), folded)
		for _, part := range all {
			if utf8.RuneCountInString(part) >= 3 && !slices.Contains(out, part) {
				out = append(out, part)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

// composed reports whether a password is nothing but words of its context, one
// or several, with what is neither letter nor digit between them.
func composed(word string, context []string) bool {
	rest := word
	for _, w := range context {
		rest = strings.ReplaceAll(rest, w, " ")
	}
	return rest != word && strings.TrimFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) == ""
}
