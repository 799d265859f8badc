package xmlsec

import (
	"fmt"
	"strings"
)

// Name is an expanded name (Namespaces in XML 1.0, 2.1). Space is empty for names in no namespace.
type Name struct {
	Space, Local string
}

// Attr is an attribute that is no namespace declaration.
type Attr struct {
	Prefix string
	Name   Name
	Value  string
}

// Namespace is a namespace declaration; Prefix is empty for the default namespace.
type Namespace struct {
	Prefix, URI string
}

// Node is a child of an element: an element, or text where Element is nil.
type Node struct {
	Element *Element
	Text    string
}

// Element is an element with what it holds. Elements that Read returned are not
// changed afterwards; those of New are built by Set, Add and Write.
type Element struct {
	Prefix   string
	Name     Name
	Attrs    []Attr
	Children []Node

	declared []Namespace // on this element
	parent   *Element
	doc      *document // nil for elements that we build
}

// document is what the elements of one reading share.
type document struct {
	limits Limits
	size   int // bytes that were read
}

// New makes an element to be built. Its namespaces are declared where they are
// first used when it is written.
func New(prefix, space, local string) *Element {
	return &Element{Prefix: prefix, Name: Name{Space: space, Local: local}}
}

// Set adds an attribute in no namespace, which must not be there yet, and returns the element.
func (e *Element) Set(local, value string) *Element {
	e.Attrs = append(e.Attrs, Attr{Name: Name{Local: local}, Value: value})
	return e
}

// Add appends children and returns the element.
func (e *Element) Add(children ...*Element) *Element {
	for _, child := range children {
		child.parent = e
		e.Children = append(e.Children, Node{Element: child})
	}
	return e
}

// Write appends text and returns the element.
func (e *Element) Write(text string) *Element {
	e.Children = append(e.Children, Node{Text: text})
	return e
}

// Is reports whether the element has this expanded name.
func (e *Element) Is(space, local string) bool {
	return e.Name.Space == space && e.Name.Local == local
}

// Attr is the value of an attribute in no namespace.
func (e *Element) Attr(local string) (string, bool) {
	for _, a := range e.Attrs {
		if a.Name == (Name{Local: local}) {
			return a.Value, true
		}
	}
	return "", false
}

// Elements are the child elements in their order.
func (e *Element) Elements() []*Element {
	var out []*Element
	for _, n := range e.Children {
		if n.Element != nil {
			out = append(out, n.Element)
		}
	}
	return out
}

// Text is the whole text of an element that holds no elements, without the white
// space around it. An element that holds elements has no text: to read only part
// of a value is how values are truncated.
func (e *Element) Text() (string, error) {
	var out strings.Builder
	for _, n := range e.Children {
		if n.Element != nil {
			return "", fmt.Errorf("%w: an element where text belongs", ErrMalformed)
		}
		out.WriteString(n.Text)
	}
	return trimSpace(out.String()), nil
}

// OnlyElements says whether an element holds nothing but elements and white space.
func (e *Element) OnlyElements() bool {
	for _, n := range e.Children {
		if n.Element == nil && trimSpace(n.Text) != "" {
			return false
		}
	}
	return true
}

// Walk calls f for the element and everything in it, parents first.
func (e *Element) Walk(f func(*Element)) {
	f(e)
	for _, n := range e.Children {
		if n.Element != nil {
			n.Element.Walk(f)
		}
	}
}

// Parent is the element that holds this one, nil for the root.
func (e *Element) Parent() *Element { return e.parent }

// lookup is the namespace of a prefix in scope at the element. Without a
// declaration the default namespace is none, and another prefix is unbound.
func (e *Element) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return xmlNamespace, true
	}
	for at := e; at != nil; at = at.parent {
		for _, ns := range at.declared {
			if ns.Prefix == prefix {
				return ns.URI, true
			}
		}
	}
	return "", prefix == ""
}

// isSpace knows white space (XML 1.0, production 3).
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// trimSpace cuts XML's white space, and no other, from both ends.
func trimSpace(s string) string { return strings.Trim(s, " \t\n\r") }
