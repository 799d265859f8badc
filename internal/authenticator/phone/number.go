// Package phone is the telephone that one-time codes are sent to by text or said
// to in a call: a restricted method by SP 800-63B-4, 3.1.3.3, which is why an
// account is always offered another one beside it.
//
// Settings.Parse reads a number and says which ones are accepted: of which
// countries, and never one that costs the caller more than a call. Phones keeps
// numbers sealed, finds them by a blind index, and remembers whose owner wants no
// more texts. The number is proven by a code (package otp) before Phones.Bind.
package phone

import (
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"parvis/internal/authenticator"
	"parvis/internal/fault"
)

// Kind is the kind of a number, as its country's plan tells it.
type Kind string

// The kinds that can be accepted.
const (
	Mobile   Kind = "mobile"
	Landline Kind = "landline"
	Either   Kind = "either" // the plan does not tell, as in North America
	VoIP     Kind = "voip"   // a number of the Internet, where the plan tells
)

// Number is a telephone number that was accepted.
type Number struct {
	e164    string
	country string
	kind    Kind
}

// E164 is the number in the form of ITU-T E.164, "+14165550134": for the one who
// calls or sends.
func (n Number) E164() string { return n.e164 }

// Country is the ISO 3166 code of the number's country, "CA".
func (n Number) Country() string { return n.country }

// Kind is the kind of the number.
func (n Number) Kind() Kind { return n.kind }

// CanText reports whether a text may reach the number: not a landline.
func (n Number) CanText() bool { return n.e164 != "" && n.kind != Landline }

// Can reports whether codes can be sent to the number in a way.
func (n Number) Can(by authenticator.Channel) bool {
	return by == authenticator.ByVoice && n.e164 != "" || by == authenticator.ByText && n.CanText()
}

// Show is the number as its owner may read it, "+1 416-555-0134".
func (n Number) Show() string {
	p, err := phonenumbers.Parse(n.e164, "ZZ")
	if err != nil {
		return n.e164
	}
	return phonenumbers.Format(p, phonenumbers.INTERNATIONAL)
}

// Shown is a number in E.164 as its owner may read it, whatever is accepted today; the text
// itself when it is no number.
func Shown(e164 string) string { return kept(e164).Show() }

// Ending are the last four digits, which a page may say aloud; two of a short number.
func (n Number) Ending() string {
	shown := 4
	if len(n.e164) < 10 {
		shown = 2
	}
	return n.e164[max(0, len(n.e164)-shown):]
}

// Masked is the number for somebody who may not be its owner: "+1 •••-•••-0134".
func (n Number) Masked() string {
	country, rest, _ := strings.Cut(n.Show(), " ")
	hide := -len(n.Ending())
	for _, r := range rest {
		if unicode.IsDigit(r) {
			hide++
		}
	}
	return country + " " + strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return r
		}
		hide--
		if hide >= 0 {
			return '•'
		}
		return r
	}, rest)
}

// String is Masked, so that no formatted text tells the number.
func (n Number) String() string { return n.Masked() }

// GoString is Masked, so that no formatted text tells the number.
func (n Number) GoString() string { return n.Masked() }

// LogValue keeps the number out of the log.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Masked()) }

// mostBytes is the longest text that is looked at.
const mostBytes = 128

func refuse(key string) error {
	return fault.On("number", fault.Invalid, "error.phone."+key)
}

// Parse reads a number as it was typed, in the plan of a region (ISO 3166; "" for
// Settings.Region) unless it begins with + or the region's prefix for calls abroad.
// A fault on the field "number" when it is no number, or not one that is accepted:
// of another country, with an extension, or of a kind that costs more or reaches
// nobody in particular.
func (s Settings) Parse(typed, region string) (Number, error) {
	if region == "" {
		region = s.Region
	}
	text, err := dialled(typed)
	if err != nil {
		return Number{}, err
	}
	p, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsValidNumber(p) {
		return Number{}, refuse("format")
	}
	n := Number{e164: phonenumbers.Format(p, phonenumbers.E164), country: phonenumbers.GetRegionCodeForNumber(p)}
	if len(s.Countries) > 0 && !slices.Contains(s.Countries, n.country) {
		return Number{}, refuse("country")
	}
	switch phonenumbers.GetNumberType(p) {
	case phonenumbers.MOBILE:
		n.kind = Mobile
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		n.kind = Either
	case phonenumbers.FIXED_LINE:
		n.kind = Landline
	case phonenumbers.VOIP:
		n.kind = VoIP
	default: // premium rate, shared cost, toll free, pager, personal, company-wide, voice mail
		return Number{}, refuse("kind")
	}
	if n.kind == VoIP && !s.VoIP {
		return Number{}, refuse("voip")
	}
	if n.kind == Landline && !s.Landlines {
		return Number{}, refuse("landline")
	}
	return n, nil
}

// dialled takes out what people put between the digits, and refuses what cannot be
// dialled: letters and extensions.
func dialled(typed string) (string, error) {
	if len(typed) > mostBytes {
		return "", refuse("format")
	}
	var out strings.Builder
	for _, r := range strings.TrimSpace(typed) {
		switch {
		case r >= '0' && r <= '9':
			out.WriteRune(r)
		case r >= '\uff10' && r <= '\uff19': // full-width
			out.WriteRune(r - '\uff10' + '0')
		case (r == '+' || r == '\uff0b') && out.Len() == 0:
			out.WriteByte('+')
		case authenticator.Separates(r) || strings.ContainsRune("()[]/（）", r):
		default:
			return "", refuse("format")
		}
	}
	if out.Len() == 0 {
		return "", refuse("empty")
	}
	return out.String(), nil
}
