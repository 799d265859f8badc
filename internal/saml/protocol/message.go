package protocol

import (
	"crypto"

	"parvis/internal/xmlsec"
)

// Message is a message as a binding delivered it. Nobody believes it yet.
type Message struct {
	RelayState string // as it came; bind it to the browser before it is used

	binding  Binding
	answer   bool // it came as SAMLResponse
	root     *xmlsec.Element
	detached *detached // of a redirect that was signed
}

// Claims is what an unverified message says of itself. It serves to find the
// partner, its keys and the request; to nothing else.
type Claims struct {
	Name         string // Response, LogoutRequest, LogoutResponse, AuthnRequest
	Issuer       string
	InResponseTo string
}

// Claims reads who the message claims to be from. What it does not say is empty.
func (m *Message) Claims() Claims {
	c := Claims{Name: m.root.Name.Local}
	c.InResponseTo, _ = m.root.Attr("InResponseTo")
	for _, child := range m.root.Elements() {
		if !child.Is(assertionSpace, "Issuer") {
			continue
		}
		if text, err := readURI(child); err == nil {
			c.Issuer = text
		}
		break
	}
	return c
}

// newMessage reads the XML that a binding delivered.
func newMessage(raw []byte, binding Binding, answer bool, relayState string) (*Message, error) {
	root, err := xmlsec.Read(raw, xmlsec.MessageLimits())
	if err != nil {
		return nil, ofXML("the message", err)
	}
	if root.Name.Space != protocolSpace {
		return nil, malformed("no message of SAML 2.0")
	}
	return &Message{RelayState: relayState, binding: binding, answer: answer, root: root}, nil
}

// named makes sure that a message is the one that is read, and came in the field that is for it.
func (m *Message) named(name string, answer bool) error {
	if !m.root.Is(protocolSpace, name) {
		return malformed("another message than " + name)
	}
	if m.answer != answer {
		return malformed("a request where answers belong, or the reverse")
	}
	return nil
}

// verified is the message as it was signed. By redirect the signature is over the
// address (bindings 3.4.4.1), in a form it is in the message (core 5.4). A message
// without any signature is returned as it came, with signed false.
func (m *Message) verified(keys []crypto.PublicKey) (root *xmlsec.Element, signed bool, err error) {
	inside, err := m.root.Signature()
	if err != nil {
		return nil, false, ofXML("the message", err)
	}
	switch {
	case m.binding == RedirectBinding && inside != nil:
		return nil, false, malformed("a signature in the message of a redirect")
	case m.detached != nil:
		if err := m.detached.verify(keys); err != nil {
			return nil, false, err
		}
		return m.root, true, nil
	case inside == nil:
		return m.root, false, nil
	}
	root, err = xmlsec.Verify(m.root, keys)
	if err != nil {
		return nil, false, ofXML("the message", err)
	}
	return root, true, nil
}
