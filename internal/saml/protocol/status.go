package protocol

import (
	"slices"
	"strings"

	"parvis/internal/xmlsec"
)

// Status is what a partner answered instead of an assertion, in the standard's words (core 3.2.2.2).
type Status string

// The statuses: the first three are all that the upper level says, the others are of the lower level.
const (
	StatusRequester        Status = "Requester"              // our request was at fault
	StatusResponder        Status = "Responder"              // the partner could not
	StatusVersionMismatch  Status = "VersionMismatch"        // another version of SAML
	StatusAuthnFailed      Status = "AuthnFailed"            // the person could not, or gave up
	StatusNoPassive        Status = "NoPassive"              // the person would have to be asked
	StatusRequestDenied    Status = "RequestDenied"          // refused, or the person said no
	StatusNoAuthnContext   Status = "NoAuthnContext"         // not as strong as was asked for
	StatusUnknownPrincipal Status = "UnknownPrincipal"       // the person is not known there
	StatusInvalidNameID    Status = "InvalidNameIDPolicy"    // no identifier of the format
	StatusPartialLogout    Status = "PartialLogout"          // not everywhere signed out
	StatusUnsupported      Status = "RequestUnsupported"     // such requests are not taken
	StatusNoIDP            Status = "NoAvailableIDP"         // nobody behind it can answer
	StatusProxyCount       Status = "ProxyCountExceeded"     // it would have to ask somebody else
	StatusNoSupportedIDP   Status = "NoSupportedIDP"         // none of those who were named
	StatusUnknownAttribute Status = "InvalidAttrNameOrValue" // of attributes
	StatusOther            Status = "other"                  // a lower level that is not in the standard

	StatusSuccess Status = "Success"

	statusPrefix = "urn:oasis:names:tc:SAML:2.0:status:"
)

// StatusError is a partner's well-formed no.
type StatusError struct {
	Upper  Status // who was at fault: Requester, Responder or VersionMismatch; Success is returned as no error
	Status Status // the lower level if there is one, else the upper
	Signed bool   // unsigned answers of this kind are believed: they give nothing
}

// Error is the text for the log.
func (e *StatusError) Error() string {
	return "saml: the partner answers " + string(e.Upper) + ", " + string(e.Status)
}

// readStatus reads a Status, Success included (core 3.2.2). The message and the
// detail are for people there, not shown here.
func readStatus(e *xmlsec.Element, signed bool) (*StatusError, error) {
	var upper, lower string
	err := sequence(e,
		part{space: protocolSpace, names: []string{"StatusCode"}, min: 1, max: 1, read: func(code *xmlsec.Element) error {
			upper, _ = code.Attr("Value")
			return sequence(code, part{space: protocolSpace, names: []string{"StatusCode"}, max: 1, read: func(code *xmlsec.Element) error {
				lower, _ = code.Attr("Value")
				return nil
			}})
		}},
		part{space: protocolSpace, names: []string{"StatusMessage"}, max: 1},
		part{space: protocolSpace, names: []string{"StatusDetail"}, max: 1})
	if err != nil {
		return nil, err
	}
	out := &StatusError{Signed: signed}
	name, ok := strings.CutPrefix(upper, statusPrefix)
	out.Upper, out.Status = Status(name), Status(name)
	if !ok || !slices.Contains([]Status{StatusSuccess, StatusRequester, StatusResponder, StatusVersionMismatch}, out.Upper) {
		return nil, malformed("a status that the standard does not have")
	}
	if lower != "" {
		out.Status = lowerStatus(lower)
	}
	return out, nil
}

// lowerStatus is a status of the lower level; partners may have their own.
func lowerStatus(value string) Status {
	name, ok := strings.CutPrefix(value, statusPrefix)
	switch s := Status(name); s {
	case StatusAuthnFailed, StatusNoPassive, StatusRequestDenied, StatusNoAuthnContext, StatusUnknownPrincipal,
		StatusInvalidNameID, StatusPartialLogout, StatusUnsupported, StatusNoIDP, StatusProxyCount, StatusNoSupportedIDP,
		StatusUnknownAttribute:
		if ok {
			return s
		}
	default:
	}
	return StatusOther
}
