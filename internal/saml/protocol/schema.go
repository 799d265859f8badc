package protocol

import (
	"crypto/rand"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"parvis/internal/xmlsec"
)

// part is a place in a schema's sequence of elements.
type part struct {
	space    string
	names    []string // one, or those of a choice
	min, max int      // how often; max 0 is without limit
	read     func(*xmlsec.Element) error
}

// sequence reads the children of an element in the order of its schema. What the
// schema does not have there is refused, text included: a reader that looks for
// what it knows overlooks what was put beside it.
func sequence(e *xmlsec.Element, parts ...part) error {
	if !e.OnlyElements() {
		return malformed("text between elements")
	}
	at, count := 0, 0
	for _, child := range e.Elements() {
		for at < len(parts) && !parts[at].has(child) {
			if count < parts[at].min {
				return malformed("an element is missing: " + parts[at].names[0])
			}
			at, count = at+1, 0
		}
		if at == len(parts) {
			return malformed("an element that does not belong in " + known(e))
		}
		count++
		if parts[at].max > 0 && count > parts[at].max {
			return malformed("an element comes too often: " + parts[at].names[0])
		}
		if parts[at].read == nil {
			continue
		}
		if err := parts[at].read(child); err != nil {
			return err
		}
	}
	for ; at < len(parts); at, count = at+1, 0 {
		if count < parts[at].min {
			return malformed("an element is missing: " + parts[at].names[0])
		}
	}
	return nil
}

func (p part) has(e *xmlsec.Element) bool {
	return e.Name.Space == p.space && slices.Contains(p.names, e.Name.Local)
}

// known is the name of an element of SAML; other names come from outside and are not repeated.
func known(e *xmlsec.Element) string {
	switch e.Name.Space {
	case assertionSpace, protocolSpace, metadataSpace:
		return "an element of SAML"
	}
	return "a foreign element"
}

// timePattern is xs:dateTime in UTC, which is how SAML writes all times (core 1.3.3).
var timePattern = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$`)

// readTime reads a time attribute. One that is not there is the zero time.
func readTime(e *xmlsec.Element, name string) (time.Time, error) {
	value, ok := e.Attr(name)
	if !ok {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil || !timePattern.MatchString(value) || t.Year() < 2000 {
		return time.Time{}, malformed("a time that is none in UTC: " + name)
	}
	return t.UTC(), nil
}

// needTime reads a time attribute that must be there.
func needTime(e *xmlsec.Element, name string) (time.Time, error) {
	t, err := readTime(e, name)
	if err == nil && t.IsZero() {
		return t, malformed("a time is missing: " + name)
	}
	return t, err
}

func writeTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// durationPattern is xs:duration without a sign.
var durationPattern = regexp.MustCompile(`^P(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})(?:\.[0-9]{1,9})?S)?)?$`)

// readDuration reads xs:duration; a year counts 365 days and a month 30.
func readDuration(text string) (time.Duration, error) {
	m := durationPattern.FindStringSubmatch(text)
	if m == nil || text == "P" || strings.HasSuffix(text, "T") {
		return 0, malformed("a duration that is none")
	}
	const day = 24 * time.Hour
	var out time.Duration
	for i, unit := range []time.Duration{365 * day, 30 * day, day, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.Atoi(m[i+1])
		if err != nil {
			return 0, malformed("a duration that is none")
		}
		if limit := 10 * 365 * day / unit; time.Duration(n) > limit {
			return 0, malformed("a duration of more than ten years")
		}
		out += time.Duration(n) * unit
	}
	return out, nil
}

// readBool reads xs:boolean; without the attribute it is false.
func readBool(e *xmlsec.Element, name string) (bool, error) {
	switch value, _ := e.Attr(name); strings.Trim(value, " ") {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, malformed("a boolean that is none: " + name)
}

// readID reads the ID of a message or assertion (core 1.3.4).
func readID(e *xmlsec.Element) (string, error) {
	id, _ := e.Attr("ID")
	if !isNCName(id) {
		return "", malformed("no ID")
	}
	return id, nil
}

// isNCName reports whether a text is of the form of an xs:ID, of at most maxID bytes.
func isNCName(id string) bool {
	if id == "" || len(id) > maxID || strings.IndexByte("-.0123456789", id[0]) >= 0 {
		return false
	}
	for _, c := range id {
		if c <= ' ' || c == ':' || c > '~' || strings.ContainsRune(`"&<>'/\`, c) {
			return false
		}
	}
	return true
}

// NewID makes the ID of a message: 130 random bits (core 1.3.4 asks for 128).
func NewID() string { return "_" + rand.Text() }

// readURI reads text that is an identifier: of an entity, an audience, a context.
func readURI(e *xmlsec.Element) (string, error) {
	text, err := e.Text()
	if err != nil {
		return "", ofXML("an identifier", err)
	}
	if text == "" || len(text) > maxEntityID || !printing(text) || strings.Contains(text, " ") {
		return "", malformed("an identifier that is empty, too long or no URI")
	}
	return text, nil
}

// printing reports whether a text has no control characters.
func printing(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f && c <= 0x9f }) < 0
}

// elements of the three namespaces, to be built.
func samlp(local string) *xmlsec.Element { return xmlsec.New("samlp", protocolSpace, local) }
func saml(local string) *xmlsec.Element  { return xmlsec.New("saml", assertionSpace, local) }
func md(local string) *xmlsec.Element    { return xmlsec.New("md", metadataSpace, local) }
