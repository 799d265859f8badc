package xmlsec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// events is a document as another reader of ours, or encoding/xml, tells it:
// names with their namespaces, attributes, texts.
func events(e *Element, out []string) []string {
	var line strings.Builder
	line.WriteString("<" + e.Name.Space + " " + e.Name.Local)
	for _, a := range e.Attrs {
		line.WriteString("|" + a.Name.Space + " " + a.Name.Local + "=" + strings.Map(lineToSpace, a.Value))
	}
	out = append(out, line.String())
	for _, n := range e.Children {
		if n.Element != nil {
			out = events(n.Element, out)
		} else {
			out = append(out, n.Text)
		}
	}
	return append(out, ">")
}

// standardEvents is the same by the standard library's reader.
func standardEvents(raw []byte) ([]string, error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	var out []string
	var text strings.Builder
	depth := 0
	flush := func() {
		if text.Len() > 0 && depth > 0 {
			out = append(out, text.String())
		}
		text.Reset()
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			flush()
			depth++
			var line strings.Builder
			line.WriteString("<" + t.Name.Space + " " + t.Name.Local)
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				line.WriteString("|" + a.Name.Space + " " + a.Name.Local + "=" + strings.Map(lineToSpace, a.Value))
			}
			out = append(out, line.String())
		case xml.EndElement:
			flush()
			depth--
			out = append(out, ">")
		case xml.CharData:
			text.Write(t)
		}
	}
}

func read(t *testing.T, text string) *Element {
	t.Helper()
	e, err := Read([]byte(text), MessageLimits())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e
}

func TestWhatIsReadIsReadAlikeByTheStandardLibrary(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.xml")
	if err != nil || len(files) < 15 {
		t.Fatalf("only %d files: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Read(raw, MetadataLimits())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		want, err := standardEvents(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, events(e, nil)); diff != "" {
			t.Errorf("%s: the standard library reads something else:\n%s", file, diff)
		}
	}
}

func TestNothingIsReadThatTwoParsersMightReadDifferently(t *testing.T) {
	for name, text := range map[string]string{
		"document type":                      `<!DOCTYPE r><r/>`,
		"entity":                             `<!DOCTYPE r [<!ENTITY e "x">]><r>&e;</r>`,
		"external entity":                    `<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>`,
		"billion laughs":                     `<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><r>&b;</r>`,
		"unknown entity":                     `<r>&nbsp;</r>`,
		"bare ampersand":                     `<r>a & b</r>`,
		"processing instruction":             `<r><?php x?></r>`,
		"stylesheet":                         `<?xml-stylesheet href="x"?><r/>`,
		"declaration later":                  ` <?xml version="1.0"?><r/>`,
		"two declarations":                   `<?xml version="1.0"?><?xml version="1.0"?><r/>`,
		"version 1.1":                        `<?xml version="1.1"?><r/>`,
		"no version":                         `<?xml encoding="UTF-8"?><r/>`,
		"Latin 1":                            `<?xml version="1.0" encoding="ISO-8859-1"?><r/>`,
		"UTF-7":                              `<?xml version="1.0" encoding="UTF-7"?><r/>`,
		"declaration with more":              `<?xml version="1.0" x="y"?><r/>`,
		"UTF-16":                             "\xff\xfe<\x00r\x00/\x00>\x00",
		"not UTF-8":                          "<r>\xc0\x80</r>",
		"surrogate":                          "<r>\xed\xa0\x80</r>",
		"reference to a surrogate":           `<r>&#xD800;</r>`,
		"reference to nothing":               `<r>&#0;</r>`,
		"reference beyond":                   `<r>&#x110000;</r>`,
		"reference with a sign":              `<r>&#+65;</r>`,
		"reference with underscores":         `<r>&#x4_1;</r>`,
		"reference in capitals":              `<r>&#X41;</r>`,
		"control character":                  "<r>\x01</r>",
		"noncharacter":                       "<r>\uffff</r>",
		"comment":                            `<r>a<!-- -->b</r>`,
		"comment between":                    `<r><a/><!-- --><b/></r>`,
		"comment before":                     `<!-- --><r/>`,
		"CDATA":                              `<r><![CDATA[a]]></r>`,
		"end of CDATA":                       `<r>a]]>b</r>`,
		"two roots":                          `<r/><r/>`,
		"text before":                        `x<r/>`,
		"text after":                         `<r/>x`,
		"NUL after":                          "<r/>\x00",
		"not closed":                         `<r><a></r>`,
		"closed twice":                       `<r></r></r>`,
		"closed otherwise":                   `<a:r xmlns:a="urn:a" xmlns:b="urn:a"></b:r>`,
		"attributes in the end tag":          `<r></r a="b">`,
		"nothing":                            ``,
		"space only":                         ` `,
		"attribute twice":                    `<r a="1" a="2"/>`,
		"attribute twice by namespace":       `<r xmlns:a="urn:x" xmlns:b="urn:x" a:k="1" b:k="2"/>`,
		"attribute without space":            `<r a="1"b="2"/>`,
		"attribute without quotes":           `<r a=1/>`,
		"attribute without value":            `<r a/>`,
		"< in an attribute":                  `<r a="<"/>`,
		"space before the name":              `< r/>`,
		"unbound prefix":                     `<a:r/>`,
		"unbound prefix of an attribute":     `<r a:b="c"/>`,
		"prefix undeclared":                  `<r xmlns:a="urn:a"><a:b xmlns:a=""/></r>`,
		"prefix twice":                       `<r xmlns:a="urn:a" xmlns:a="urn:b"/>`,
		"default twice":                      `<r xmlns="urn:a" xmlns="urn:b"/>`,
		"xml declared":                       `<r xmlns:xml="urn:a"/>`,
		"xml declared twice":                 `<r xmlns:xml="http://www.w3.org/XML/1998/namespace" xmlns:xml="http://www.w3.org/XML/1998/namespace"/>`,
		"xmlns declared":                     `<r xmlns:xmlns="urn:a"/>`,
		"XML's namespace under another name": `<r xmlns:x="http://www.w3.org/XML/1998/namespace"/>`,
		"xmlns's namespace as default":       `<r xmlns="http://www.w3.org/2000/xmlns/"/>`,
		"relative namespace":                 `<r xmlns="a"/>`,
		"namespace with a space":             `<r xmlns="urn:a b"/>`,
		"long namespace":                     `<r xmlns="urn:` + strings.Repeat("a", 253) + `"/>`,
		"xml as an element's prefix":         `<xml:r/>`,
		"xmlns as an element's prefix":       `<xmlns:r/>`,
		"two colons":                         `<a:b:c xmlns:a="urn:a"/>`,
		"colon first":                        `<:a/>`,
		"colons only":                        `<::a/>`,
		"colon last":                         `<a: xmlns:a="urn:a"/>`,
		"colon last in a declaration":        `<a xmlns:="urn:a"/>`,
		"digit first":                        `<1a/>`,
		"name outside of ASCII":              `<é/>`,
		"ID twice":                           `<r ID="a"><x ID="a"/></r>`,
		"ID twice under two names":           `<r ID="a"><x Id="a"/></r>`,
		"ID twice as xml:id":                 `<r ID="a"><x xml:id="a"/></r>`,
		"ID twice in two cases":              `<r iD="a"><x id="a"/></r>`,
		"empty ID":                           `<r ID=""/>`,
	} {
		if e, err := Read([]byte(text), MessageLimits()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: was read: %v, %v", name, e, err)
		}
	}
}

func TestACommentNeverStandsInsideAValue(t *testing.T) {
	for _, text := range []string{
		`<NameID>admin<!-- -->@evil.example</NameID>`,
		`<NameID>admin@good.example<!---->.evil.example</NameID>`,
		`<NameID><!-- -->admin</NameID>`,
		`<NameID>admin<!-- --></NameID>`,
		`<NameID> <!-- --> </NameID>`,
		`<r><a/>text<!-- --></r>`,
		`<r><!-- a -- b --><a/></r>`,
		`<r><!-- --`,
	} {
		for _, limits := range []Limits{MessageLimits(), MetadataLimits()} {
			if _, err := Read([]byte(text), limits); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s was read: %v", text, err)
			}
		}
	}
	e, err := Read([]byte("<!-- (c) --><r>\n<!-- one --><a>x<![CDATA[<]]>y</a><!-- two --></r><!-- end -->"), MetadataLimits())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := e.Elements()[0].Text(); err != nil || text != "x<y" {
		t.Errorf("the text is %q, %v", text, err)
	}
}

func TestReadingIsCapped(t *testing.T) {
	small := Limits{Bytes: 1000, Depth: 3, Elements: 5, Attributes: 3, Text: 10}
	for name, text := range map[string]string{
		"bytes":        `<r a="` + strings.Repeat(" ", 1000) + `"/>`,
		"depth":        `<a><a><a><a/></a></a></a>`,
		"elements":     `<a><b/><b/><b/><b/><b/></a>`,
		"attributes":   `<a b="" c="" d="" e=""/>`,
		"declarations": `<a xmlns:b="urn:b" xmlns:c="urn:c" xmlns:d="urn:d" xmlns:e="urn:e"/>`,
		"text":         `<a>12345678901</a>`,
		"attribute":    `<a b="12345678901"/>`,
	} {
		if _, err := Read([]byte(text), small); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: was read: %v", name, err)
		}
	}
	if _, err := Read([]byte(`<a b="1234567890"><a><a/></a></a>`), small); err != nil {
		t.Errorf("what keeps the limits was refused: %v", err)
	}
}

func TestLongInputsTakeNoLongTime(t *testing.T) {
	for name, text := range map[string]string{
		"deep":        strings.Repeat("<a>", 100_000),
		"ampersands":  "<a>" + strings.Repeat("&amp;", 30_000) + "</a>",
		"sections":    "<a>" + strings.Repeat("<![CDATA[x]]>", 60_000) + "</a>",
		"comments":    "<a>" + strings.Repeat("<!---->", 300_000) + "<b/></a>",
		"quotes":      "<a " + strings.Repeat(`b="`, 100_000),
		"open":        strings.Repeat("<", 250_000),
		"declaration": "<?xml " + strings.Repeat("version=", 100_000),
	} {
		start := time.Now()
		_, _ = Read([]byte(text), MetadataLimits())
		if took := time.Since(start); took > time.Minute { // what is quadratic takes minutes
			t.Errorf("%s: %v", name, took)
		}
	}
}

func TestTextOfAnElementIsWholeOrNothing(t *testing.T) {
	e := read(t, "<r> \n a&amp;b\t</r>")
	if text, err := e.Text(); err != nil || text != "a&b" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := read(t, "<r>admin<x/>@evil</r>").Text(); !errors.Is(err, ErrMalformed) {
		t.Errorf("part of a value was read: %v", err)
	}
	if text, err := read(t, "<r>\u00a0a\u00a0</r>").Text(); err != nil || text != "\u00a0a\u00a0" {
		t.Errorf("a space that is none of XML's was cut: %q, %v", text, err)
	}
}

// FuzzRead holds that whatever is read is read alike by the standard library, and
// says the same when it is written and read again.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.xml")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`<?xml version='1.0' encoding="utf-8" standalone='no' ?><a:r xmlns:a="urn:a" a:b="&#10;"><c xmlns="">&lt;</c></a:r>`))
	f.Add([]byte(`<x:y:z xmlns:x="urn:a"/>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := Read(raw, MetadataLimits())
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		want, err := standardEvents(raw)
		if err != nil {
			t.Fatalf("the standard library refuses it: %v", err)
		}
		if diff := cmp.Diff(want, events(e, nil)); diff != "" {
			t.Fatalf("the standard library reads something else:\n%s", diff)
		}
		canonical, err := e.Canonical()
		if err != nil {
			return
		}
		again, err := reread(canonical, e.doc)
		if err != nil {
			t.Fatalf("its canonical form is not read: %v\n%s", err, canonical)
		}
		if diff := cmp.Diff(sortedEvents(e), sortedEvents(again)); diff != "" {
			t.Fatalf("it changes when it is written and read again:\n%s", diff)
		}
	})
}

// sortedEvents are the events of the canonical form, where attributes have their order.
func sortedEvents(e *Element) []string {
	canonical, err := e.Canonical()
	if err != nil {
		return nil
	}
	out, err := standardEvents(canonical)
	if err != nil {
		return []string{err.Error()}
	}
	return out
}
