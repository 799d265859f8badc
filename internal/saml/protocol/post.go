package protocol

import (
	"encoding/base64"
	"errors"

	"parvis/internal/xmlsec"
)

// maxPost is the longest message in a form, in bytes of base64: what the reader takes, and its line ends.
const maxPost = 384 << 10

// Form is a form that the browser posts to a partner (bindings 3.5.4).
type Form struct {
	Action     string // the address
	Field      string // SAMLRequest or SAMLResponse
	Value      string
	RelayState string // empty: no such field
}

// DecodePost reads a message from the fields of a form (bindings 3.5.4). Exactly
// one of request and response must be given; the caller refuses fields that come twice.
func DecodePost(request, response, relayState string) (*Message, error) {
	value, answer := request, false
	if response != "" {
		value, answer = response, true
	}
	switch {
	case request != "" && response != "":
		return nil, malformed("a request beside a response")
	case len(value) > maxPost:
		return nil, malformed("a message that is too long")
	case len(relayState) > MaxRelayState:
		return nil, malformed("a relay state of more than 80 bytes")
	}
	raw, err := xmlsec.DecodeBase64(value)
	if err != nil {
		return nil, ofXML("the message", err)
	}
	return newMessage(raw, PostBinding, answer, relayState)
}

// post is the form for the browser (bindings 3.5.4), signed in the message if there is a signer.
func (o outgoing) post(relayState string, s *xmlsec.Signer) (Form, error) {
	if len(relayState) > MaxRelayState {
		return Form{}, errors.New("saml: a relay state of more than 80 bytes")
	}
	if s != nil {
		// Behind Issuer, which is the first child of each message (core 3.2.1).
		if err := s.Sign(o.element, 1); err != nil {
			return Form{}, err
		}
	}
	raw, err := o.element.Canonical()
	if err != nil {
		return Form{}, err
	}
	return Form{Action: o.destination, Field: o.field(), Value: base64.StdEncoding.EncodeToString(raw), RelayState: relayState}, nil
}
