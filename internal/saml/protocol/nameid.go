package protocol

import (
	"log/slog"
	"slices"

	"parvis/internal/xmlsec"
)

// NameID is how a partner names the person (core 2.2.3).
type NameID struct {
	Value           string
	Format          string // one of the formats, FormatUnspecified if it says none
	NameQualifier   string // the partner, where it says so
	SPNameQualifier string // us, where it says so
}

// LogValue shows nothing of the person.
func (n NameID) LogValue() slog.Value { return slog.StringValue("(name identifier)") }

// String shows nothing of the person.
func (n NameID) String() string { return "(name identifier)" }

// readNameID reads a name identifier of an issuer for an audience (core 2.2.3 and
// 8.3). Its qualifiers, if it has any, must be just these two: two people may have
// one value under two qualifiers, and we tell people apart by issuer and value.
func readNameID(e *xmlsec.Element, issuer, audience string) (NameID, error) {
	value, err := e.Text()
	if err != nil {
		return NameID{}, ofXML("a name identifier", err)
	}
	n := NameID{Value: value, Format: FormatUnspecified}
	if format, ok := e.Attr("Format"); ok && format != "" {
		n.Format = format
	}
	n.NameQualifier, _ = e.Attr("NameQualifier")
	n.SPNameQualifier, _ = e.Attr("SPNameQualifier")
	longest := maxNameID
	if n.Format == FormatPersistent || n.Format == FormatTransient {
		longest = maxPersistent
	}
	switch {
	case value == "" || len(value) > longest || !printing(value):
		return NameID{}, refuse(WrongSubject, "a name identifier that is empty, too long or not printing")
	case len(n.Format) > maxEntityID || !printing(n.Format):
		return NameID{}, refuse(WrongSubject, "a format that is no URI")
	case n.NameQualifier != "" && n.NameQualifier != issuer:
		return NameID{}, refuse(WrongSubject, "a name identifier in the name of another issuer")
	case n.SPNameQualifier != "" && n.SPNameQualifier != audience:
		return NameID{}, refuse(WrongSubject, "a name identifier for another service")
	}
	return n, nil
}

// element is the name identifier as we send it back.
func (n NameID) element() *xmlsec.Element {
	e := saml("NameID")
	if n.Format != "" {
		e.Set("Format", n.Format)
	}
	if n.NameQualifier != "" {
		e.Set("NameQualifier", n.NameQualifier)
	}
	if n.SPNameQualifier != "" {
		e.Set("SPNameQualifier", n.SPNameQualifier)
	}
	return e.Write(n.Value)
}

// accepted reports whether the format is one of those that were asked for; none asked for takes each.
func (n NameID) accepted(formats []string) bool {
	return len(formats) == 0 || slices.Contains(formats, n.Format)
}
