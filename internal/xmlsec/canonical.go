package xmlsec

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"
)

// errTooLong says that a canonical form is much longer than what was read.
var errTooLong = errors.New("xmlsec: the canonical form is too long")

// maxBuilt is the longest canonical form in bytes of an element that we built.
const maxBuilt = 16 << 20

// Canonical writes the element in Exclusive XML Canonicalization 1.0 without
// comments. It is also how elements are written that we build.
func (e *Element) Canonical() ([]byte, error) { return e.canonical(nil, nil) }

// canonical leaves out one element (the signature of an enveloped one), and
// treats some prefixes as Canonical XML does (Exclusive XML Canonicalization 1.0,
// InclusiveNamespaces PrefixList; "" is #default).
func (e *Element) canonical(without *Element, inclusive []string) ([]byte, error) {
	c := &canonicalizer{without: without, inclusive: inclusive, limit: maxBuilt}
	if e.doc != nil {
		c.limit = e.doc.canonicalSize()
	}
	c.element(e)
	if c.out.Len() > c.limit {
		return nil, errTooLong
	}
	return c.out.Bytes(), nil
}

// canonicalSize is how long a canonical form of a part of the document may be.
// It repeats declarations, so that it may be longer than the document; what is
// very much longer was made to be.
func (d *document) canonicalSize() int { return 4*d.size + 64<<10 }

type canonicalizer struct {
	out       bytes.Buffer
	without   *Element
	inclusive []string
	rendered  []Namespace // of the elements that are open, the innermost last
	limit     int
}

// element writes an element (Canonical XML 1.0, 2.3, "Element Nodes").
func (c *canonicalizer) element(e *Element) {
	if e == c.without || c.out.Len() > c.limit {
		return
	}
	outer := len(c.rendered)
	name := qualified(e.Prefix, e.Name.Local)
	c.out.WriteByte('<')
	c.out.WriteString(name)
	c.namespaces(e)
	c.attributes(e)
	c.out.WriteByte('>')
	for _, n := range e.Children {
		if n.Element != nil {
			c.element(n.Element)
		} else {
			escape(&c.out, n.Text, false)
		}
	}
	c.out.WriteString("</")
	c.out.WriteString(name)
	c.out.WriteByte('>')
	c.rendered = c.rendered[:outer]
}

// namespaces writes the declarations that the element visibly uses, and those of
// the inclusive prefixes, where the output does not have them yet (Exclusive XML
// Canonicalization 1.0, 3).
func (c *canonicalizer) namespaces(e *Element) {
	used := []Namespace{{Prefix: e.Prefix, URI: e.Name.Space}}
	for _, a := range e.Attrs {
		if a.Prefix != "" {
			used = append(used, Namespace{Prefix: a.Prefix, URI: a.Name.Space})
		}
	}
	for _, prefix := range c.inclusive {
		if uri, ok := e.lookup(prefix); ok {
			used = append(used, Namespace{Prefix: prefix, URI: uri})
		}
	}
	slices.SortFunc(used, func(a, b Namespace) int { return strings.Compare(a.Prefix, b.Prefix) })
	for _, ns := range slices.Compact(used) {
		if ns.Prefix == "xml" || c.current(ns.Prefix) == ns.URI {
			continue
		}
		c.rendered = append(c.rendered, ns)
		c.out.WriteByte(' ')
		if ns.Prefix == "" {
			c.out.WriteString("xmlns")
		} else {
			c.out.WriteString("xmlns:" + ns.Prefix)
		}
		c.value(ns.URI)
	}
}

// current is the namespace that the output has for a prefix; none is "".
func (c *canonicalizer) current(prefix string) string {
	for _, ns := range slices.Backward(c.rendered) {
		if ns.Prefix == prefix {
			return ns.URI
		}
	}
	return ""
}

// attributes writes the attributes in the order of namespace and local name.
func (c *canonicalizer) attributes(e *Element) {
	sorted := slices.Clone(e.Attrs)
	slices.SortFunc(sorted, func(a, b Attr) int {
		return cmp.Or(strings.Compare(a.Name.Space, b.Name.Space), strings.Compare(a.Name.Local, b.Name.Local))
	})
	for _, a := range sorted {
		c.out.WriteByte(' ')
		c.out.WriteString(qualified(a.Prefix, a.Name.Local))
		c.value(a.Value)
	}
}

func (c *canonicalizer) value(v string) {
	c.out.WriteString(`="`)
	escape(&c.out, v, true)
	c.out.WriteByte('"')
}

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

// escape writes text or an attribute's value with the references of canonical form.
func escape(out *bytes.Buffer, s string, attribute bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '&':
			out.WriteString("&amp;")
		case c == '<':
			out.WriteString("&lt;")
		case c == '\r':
			out.WriteString("&#xD;")
		case c == '>' && !attribute:
			out.WriteString("&gt;")
		case c == '"' && attribute:
			out.WriteString("&quot;")
		case c == '\t' && attribute:
			out.WriteString("&#x9;")
		case c == '\n' && attribute:
			out.WriteString("&#xA;")
		default:
			out.WriteByte(c)
		}
	}
}
