package authenticator

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"parvis/internal/fault"
)

// The size of a name.
const (
	mostRunes = 80
	mostBytes = 1024 // of what was typed
)

// Name is the name that a person gives an authenticator: NFC, without space at
// its ends, 1 to 80 code points, none of which changes how its neighbours are shown.
type Name struct {
	Text string
	key  string // by which names are compared: NFKC, case folded
}

// ParseName reads a name that was typed. A fault on the field "name" when it is
// empty, too long, or has characters that cannot be shown in a line.
func ParseName(typed string) (Name, error) {
	if len(typed) > mostBytes {
		return Name{}, fault.On("name", fault.Invalid, "error.method.name-long", "count", mostRunes)
	}
	text := norm.NFC.String(strings.TrimSpace(typed))
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return Name{}, fault.On("name", fault.Invalid, "error.method.name-characters")
	}
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return Name{}, fault.On("name", fault.Invalid, "error.method.name-empty")
	case n > mostRunes:
		return Name{}, fault.On("name", fault.Invalid, "error.method.name-long", "count", mostRunes)
	}
	key := cases.Fold().String(norm.NFKC.String(text))
	return Name{Text: text, key: strings.Join(strings.Fields(key), " ")}, nil
}

// unprintable reports control characters, line ends, and the marks that turn the
// direction of text (a name could then look like another).
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r)
}

// nameFor parses a name for an authenticator and refuses one that another of the
// list has. The empty name is that of an authenticator without one.
func nameFor(list []Authenticator, own ID, typed string) (Name, error) {
	if typed == "" {
		return Name{}, nil
	}
	name, err := ParseName(typed)
	if err != nil {
		return Name{}, err
	}
	if slices.ContainsFunc(list, func(a Authenticator) bool { return a.ID != own && a.has(name) }) {
		return Name{}, fault.On("name", fault.Invalid, "error.method.name-taken")
	}
	return name, nil
}

// has reports whether an authenticator bears a name.
func (a Authenticator) has(n Name) bool {
	if a.Name == "" {
		return false
	}
	own, err := ParseName(a.Name)
	return err == nil && own.key == n.key
}

// FreeName is a name to propose: the wanted one, or with the first number behind
// it that makes it a name that nothing on the list has.
func FreeName(list []Authenticator, wanted string) string {
	free := wanted
	for n := 2; ; n++ {
		name, err := ParseName(free)
		if err != nil || !slices.ContainsFunc(list, func(a Authenticator) bool { return a.has(name) }) {
			return free
		}
		free = wanted + " " + strconv.Itoa(n)
	}
}

// Proposed reports whether a name is the wanted one or a form of it that FreeName
// made, and gives what stands behind it: "" or a space and the number.
func Proposed(name, wanted string) (behind string, ok bool) {
	rest, ok := strings.CutPrefix(name, wanted)
	if !ok || rest == "" {
		return "", ok
	}
	digits, ok := strings.CutPrefix(rest, " ")
	if n, err := strconv.Atoi(digits); !ok || err != nil || n < 2 || strconv.Itoa(n) != digits {
		return "", false
	}
	return rest, true
}
