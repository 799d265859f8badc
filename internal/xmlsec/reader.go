package xmlsec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrMalformed says that bytes are not XML, or not of the part of XML that is read here.
var ErrMalformed = errors.New("xmlsec: malformed")

// The namespaces that XML itself owns (Namespaces in XML 1.0, 3).
const (
	xmlNamespace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNamespace = "http://www.w3.org/2000/xmlns/"
)

// maxNamespace is the longest namespace name in bytes. Canonical form repeats it
// wherever it is used anew, so that a long one would make a short document long.
const maxNamespace = 256

// Limits cap what is read of one document.
type Limits struct {
	Bytes      int // of the whole document
	Depth      int // of elements in elements
	Elements   int // in the whole document
	Attributes int // of one element, declarations included
	Text       int // bytes of one text or attribute value
	// Authored is set for files that people write by hand: comments between
	// elements and CDATA sections are read. In messages both are refused.
	Authored bool
}

// MessageLimits are for protocol messages: 256 kB, 32 deep, 4,096 elements.
func MessageLimits() Limits {
	return Limits{Bytes: 256 << 10, Depth: 32, Elements: 4096, Attributes: 32, Text: 192 << 10}
}

// MetadataLimits are for metadata: 4 MB, 32 deep, 100,000 elements, written by people.
func MetadataLimits() Limits {
	return Limits{Bytes: 4 << 20, Depth: 32, Elements: 100_000, Attributes: 64, Text: 64 << 10, Authored: true}
}

// Read reads a whole document and returns its root.
func Read(raw []byte, limits Limits) (*Element, error) {
	if len(raw) > limits.Bytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, limits.Bytes)
	}
	text, err := decode(raw)
	if err != nil {
		return nil, err
	}
	r := &reader{in: text, limits: limits, ids: map[string]bool{}, doc: &document{limits: limits, size: len(raw)}}
	if err := r.document(); err != nil {
		return nil, fmt.Errorf("%w: byte %d: %s", ErrMalformed, r.pos, err.Error())
	}
	return r.root, nil
}

// decode takes UTF-8 of allowed characters (XML 1.0, 2.2) and makes line ends one (2.11).
func decode(raw []byte) (string, error) {
	text := strings.TrimPrefix(string(raw), "\ufeff")
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	for _, c := range text {
		if !isChar(c) {
			return "", fmt.Errorf("%w: the character U+%04X", ErrMalformed, c)
		}
	}
	if strings.Contains(text, "\r") {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	return text, nil
}

// isChar knows the characters of XML 1.0, production 2.
func isChar(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000 && c <= 0x10ffff
}

// reader reads one document from its first byte to its last, never back.
type reader struct {
	in     string
	pos    int
	limits Limits
	doc    *document

	root     *Element
	top      *Element        // the element that is open
	pending  strings.Builder // its text since the last tag
	depth    int
	elements int
	noted    map[*Element]bool // elements in which a comment was read
	ids      map[string]bool
}

// document reads production 1: declaration, space, one element, space.
func (r *reader) document() error {
	if err := r.declaration(); err != nil {
		return err
	}
	for r.pos < len(r.in) {
		if r.top == nil && isSpace(r.in[r.pos]) {
			r.pos++
			continue
		}
		if err := r.next(); err != nil {
			return err
		}
	}
	switch {
	case r.top != nil:
		return errors.New("an element is not closed")
	case r.root == nil:
		return errors.New("no element")
	}
	return nil
}

// declaration reads the XML declaration (production 23), which may only say what is the case: version 1.0, UTF-8.
func (r *reader) declaration() error {
	if !strings.HasPrefix(r.in, "<?xml") || len(r.in) < 6 || !isSpace(r.in[5]) {
		return nil
	}
	end := strings.Index(r.in, "?>")
	if end < 0 {
		return errors.New("the XML declaration does not end")
	}
	rest := r.in[5:end]
	for i, name := range []string{"version", "encoding", "standalone"} {
		value, after, ok := declared(rest, name)
		switch {
		case !ok && i == 0:
			return errors.New("the XML declaration names no version")
		case !ok:
			continue
		case i == 0 && value != "1.0", i == 1 && !strings.EqualFold(value, "UTF-8"), i == 2 && value != "yes" && value != "no":
			return errors.New("the XML declaration names another version or encoding")
		}
		rest = after
	}
	if trimSpace(rest) != "" {
		return errors.New("the XML declaration holds something else")
	}
	r.pos = end + 2
	return nil
}

// declared reads one pseudo attribute of the XML declaration from the front.
func declared(s, name string) (value, rest string, ok bool) {
	inner := strings.TrimLeft(s, " \t\n")
	after, found := strings.CutPrefix(inner, name)
	if !found || inner == s {
		return "", s, false
	}
	after, found = strings.CutPrefix(strings.TrimLeft(after, " \t\n"), "=")
	after = strings.TrimLeft(after, " \t\n")
	if !found || after == "" || after[0] != '"' && after[0] != '\'' {
		return "", s, false
	}
	value, rest, ok = strings.Cut(after[1:], after[:1])
	return value, rest, ok
}

// next reads one piece: text, a tag, a comment or a CDATA section.
func (r *reader) next() error {
	rest := r.in[r.pos:]
	switch {
	case rest[0] != '<':
		return r.text(rest)
	case strings.HasPrefix(rest, "</"):
		return r.endTag()
	case strings.HasPrefix(rest, "<!--"):
		return r.comment(rest)
	case strings.HasPrefix(rest, "<![CDATA["):
		return r.cdata(rest)
	case strings.HasPrefix(rest, "<!"):
		return errors.New("a document type or other declaration")
	case strings.HasPrefix(rest, "<?"):
		return errors.New("a processing instruction")
	}
	return r.startTag()
}

// text reads character data (production 14) up to the next tag.
func (r *reader) text(rest string) error {
	if r.top == nil {
		return errors.New("text outside of the root element")
	}
	if end := strings.IndexByte(rest, '<'); end >= 0 {
		rest = rest[:end]
	}
	if strings.Contains(rest, "]]>") {
		return errors.New("]]> in text")
	}
	value, err := unescape(rest)
	if err != nil {
		return err
	}
	r.pos += len(rest)
	return r.append(value)
}

// append gathers the pieces of a text.
func (r *reader) append(value string) error {
	if r.pending.Len()+len(value) > r.limits.Text {
		return errors.New("a text is too long")
	}
	r.pending.WriteString(value)
	return nil
}

// flush gives the gathered text to the open element: one node, however many pieces it came in.
func (r *reader) flush() {
	if r.pending.Len() > 0 {
		r.top.Children = append(r.top.Children, Node{Text: r.pending.String()})
		r.pending.Reset()
	}
}

// comment reads over a comment (production 15). It must stand between elements:
// what follows a comment inside a value is lost on readers that take the first
// piece of text only (CVE-2017-11427 and others).
func (r *reader) comment(rest string) error {
	if !r.limits.Authored {
		return errors.New("a comment")
	}
	end := strings.Index(rest[4:], "--")
	if end < 0 || !strings.HasPrefix(rest[4+end:], "-->") {
		return errors.New("a comment does not end, or holds --")
	}
	if r.top != nil {
		if r.noted == nil {
			r.noted = map[*Element]bool{}
		}
		r.noted[r.top] = true
	}
	r.pos += 4 + end + 3
	return nil
}

// cdata reads a CDATA section (production 18) as the text it is.
func (r *reader) cdata(rest string) error {
	if !r.limits.Authored || r.top == nil {
		return errors.New("a CDATA section")
	}
	value, _, ok := strings.Cut(rest[9:], "]]>")
	if !ok {
		return errors.New("a CDATA section does not end")
	}
	r.pos += 9 + len(value) + 3
	return r.append(value)
}

// endTag reads the end of the open element (production 42).
func (r *reader) endTag() error {
	r.pos += 2
	prefix, local, err := r.name()
	if err != nil {
		return err
	}
	r.space()
	if r.top == nil || prefix != r.top.Prefix || local != r.top.Name.Local || !r.take('>') {
		return errors.New("an end tag that closes nothing")
	}
	return r.close()
}

// close ends the open element.
func (r *reader) close() error {
	r.flush()
	e := r.top
	if r.noted[e] && (!e.OnlyElements() || len(e.Elements()) == 0) {
		return errors.New("a comment inside a value")
	}
	r.top = e.parent
	r.depth--
	return nil
}

// startTag reads a start tag or an empty element (productions 40 and 44).
func (r *reader) startTag() error {
	if r.top == nil && r.root != nil {
		return errors.New("a second root element")
	}
	r.pos++
	prefix, local, err := r.name()
	if err != nil {
		return err
	}
	e := &Element{Prefix: prefix, Name: Name{Local: local}, parent: r.top, doc: r.doc}
	r.elements++
	r.depth++
	if r.elements > r.limits.Elements || r.depth > r.limits.Depth {
		return errors.New("too many elements, or too deep")
	}
	for {
		spaced := r.space()
		switch {
		case r.take('>'):
			return r.open(e, false)
		case r.take('/'):
			if !r.take('>') {
				return errors.New("a tag does not end")
			}
			return r.open(e, true)
		case !spaced:
			return errors.New("no space before an attribute")
		}
		if err := r.attribute(e); err != nil {
			return err
		}
	}
}

// open puts an element whose tag was read into the tree.
func (r *reader) open(e *Element, empty bool) error {
	if err := r.resolve(e); err != nil {
		return err
	}
	if r.top == nil {
		r.root = e
	} else {
		r.flush()
		r.top.Children = append(r.top.Children, Node{Element: e})
	}
	r.top = e
	if empty {
		return r.close()
	}
	return nil
}

// attribute reads one attribute or declaration (production 41).
func (r *reader) attribute(e *Element) error {
	if len(e.Attrs)+len(e.declared) >= r.limits.Attributes {
		return errors.New("too many attributes")
	}
	prefix, local, err := r.name()
	if err != nil {
		return err
	}
	r.space()
	if !r.take('=') {
		return errors.New("an attribute without value")
	}
	r.space()
	value, err := r.quoted()
	if err != nil {
		return err
	}
	switch {
	case prefix == "" && local == "xmlns":
		return declare(e, Namespace{URI: value})
	case prefix == "xmlns":
		return declare(e, Namespace{Prefix: local, URI: value})
	}
	e.Attrs = append(e.Attrs, Attr{Prefix: prefix, Name: Name{Local: local}, Value: value})
	return nil
}

// quoted reads an attribute's value (production 10) and normalizes it (3.3.3).
func (r *reader) quoted() (string, error) {
	if r.pos >= len(r.in) || r.in[r.pos] != '"' && r.in[r.pos] != '\'' {
		return "", errors.New("an attribute's value without quotes")
	}
	raw, _, ok := strings.Cut(r.in[r.pos+1:], r.in[r.pos:r.pos+1])
	if !ok || strings.IndexByte(raw, '<') >= 0 {
		return "", errors.New("an attribute's value does not end, or holds <")
	}
	value, err := unescape(strings.Map(lineToSpace, raw))
	if err != nil {
		return "", err
	}
	r.pos += len(raw) + 2
	if len(value) > r.limits.Text {
		return "", errors.New("an attribute is too long")
	}
	return value, nil
}

// lineToSpace makes spaces of the white space that stands literally in an attribute.
func lineToSpace(c rune) rune {
	if c == '\t' || c == '\n' {
		return ' '
	}
	return c
}

// declare adds a namespace declaration. Prefixes and namespaces of XML itself under
// another name, undeclared prefixes and relative names are refused (Namespaces in XML 1.0, 3
// and 5; Canonical XML 1.0, 1.3).
func declare(e *Element, ns Namespace) error {
	for _, other := range e.declared {
		if other.Prefix == ns.Prefix {
			return errors.New("a namespace prefix is declared twice")
		}
	}
	switch {
	case ns == Namespace{Prefix: "xml", URI: xmlNamespace}: // says what is so anyway; never written again
	case ns.Prefix == "xml" || ns.Prefix == "xmlns" || ns.URI == xmlNamespace || ns.URI == xmlnsNamespace:
		return errors.New("a namespace that belongs to XML is declared")
	case ns.URI == "" && ns.Prefix != "":
		return errors.New("a prefix is undeclared")
	case ns.URI != "" && !absolute(ns.URI):
		return errors.New("a namespace that is no absolute URI of at most 256 characters")
	}
	e.declared = append(e.declared, ns)
	return nil
}

// absolute reports whether a namespace name is an absolute URI of printing ASCII.
func absolute(uri string) bool {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || rest == "" || len(uri) > maxNamespace || scheme == "" || !isLetter(scheme[0]) {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	for i := range len(rest) {
		if rest[i] <= ' ' || rest[i] > '~' {
			return false
		}
	}
	return true
}

// resolve gives names their namespaces, and finds what is repeated: attributes
// (Namespaces in XML 1.0, 6.3) and IDs in the whole document (XML 1.0, 3.3.1).
func (r *reader) resolve(e *Element) error {
	uri, ok := e.lookup(e.Prefix)
	if !ok || e.Prefix == "xml" {
		return errors.New("an unbound prefix")
	}
	e.Name.Space = uri
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if a.Prefix != "" {
			if a.Name.Space, ok = e.lookup(a.Prefix); !ok {
				return errors.New("an unbound prefix")
			}
		}
		for _, other := range e.Attrs[:i] {
			if other.Name == a.Name {
				return errors.New("an attribute comes twice")
			}
		}
		if isID(a.Name) {
			if a.Value == "" || r.ids[a.Value] {
				return errors.New("an ID is empty or comes twice")
			}
			r.ids[a.Value] = true
		}
	}
	return nil
}

// isID knows the attributes that are IDs for one or other reader: of SAML, of XML
// Signature and XML Encryption, of XML itself.
func isID(n Name) bool {
	return n.Space == "" && strings.EqualFold(n.Local, "id") || n == Name{Space: xmlNamespace, Local: "id"}
}

// name reads a qualified name (Namespaces in XML 1.0, production 7) of ASCII characters.
func (r *reader) name() (prefix, local string, err error) {
	local = r.ncName()
	if r.pos < len(r.in) && r.in[r.pos] == ':' {
		r.pos++
		prefix, local = local, r.ncName()
		if prefix == "" {
			return "", "", errors.New("no name where one belongs")
		}
	}
	if local == "" {
		return "", "", errors.New("no name where one belongs")
	}
	return prefix, local, nil
}

func (r *reader) ncName() string {
	start := r.pos
	for r.pos < len(r.in) {
		c := r.in[r.pos]
		if !isLetter(c) && c != '_' && (r.pos == start || !isDigit(c) && c != '-' && c != '.') {
			break
		}
		r.pos++
	}
	return r.in[start:r.pos]
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// space reads over white space and reports whether there was any.
func (r *reader) space() bool {
	start := r.pos
	for r.pos < len(r.in) && isSpace(r.in[r.pos]) {
		r.pos++
	}
	return r.pos > start
}

// take reads one byte if it is the next one.
func (r *reader) take(c byte) bool {
	if r.pos < len(r.in) && r.in[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

// unescape replaces character references and the five predefined entities (XML 1.0, 4.1 and 4.6).
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '&') < 0 {
		return s, nil
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, "&")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		reference, rest, ok := strings.Cut(after, ";")
		if !ok {
			return "", errors.New("& begins no reference")
		}
		value, ok := character(reference)
		if !ok {
			return "", errors.New("a reference to an entity, or to no character")
		}
		out.WriteRune(value)
		s = rest
	}
}

// character is the one character that a reference stands for.
func character(reference string) (rune, bool) {
	switch reference {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, ok := strings.CutPrefix(reference, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	if !ok || len(digits) > 8 || strings.ContainsAny(digits, "+-_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > 0x10ffff || !isChar(rune(n)) {
		return 0, false
	}
	return rune(n), true
}
