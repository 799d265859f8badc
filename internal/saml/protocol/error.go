package protocol

import (
	"errors"
	"fmt"

	"parvis/internal/xmlsec"
)

// Reason says which kind of rule a message broke.
type Reason string

// The reasons.
const (
	Malformed         Reason = "malformed"          // no XML that is read here, or not of the shape that SAML has
	Unsigned          Reason = "unsigned"           // it must be signed and is not
	BadSignature      Reason = "bad_signature"      // its signature is not good
	Undecryptable     Reason = "undecryptable"      // it cannot be decrypted, or may not be
	WrongVersion      Reason = "wrong_version"      // not SAML 2.0
	WrongIssuer       Reason = "wrong_issuer"       // from somebody else
	WrongDestination  Reason = "wrong_destination"  // sent to another address
	WrongRequest      Reason = "wrong_request"      // answers another request, or none
	WrongRecipient    Reason = "wrong_recipient"    // no bearer may present it at this address
	WrongAudience     Reason = "wrong_audience"     // meant for another service
	Expired           Reason = "expired"            // too old
	NotYetValid       Reason = "not_yet_valid"      // from the future
	UnknownCondition  Reason = "unknown_condition"  // valid only under a condition that is not understood
	NotPassedOn       Reason = "not_passed_on"      // it may not be the ground of another assertion
	StaleSignIn       Reason = "stale_sign_in"      // the person signed in too long ago
	WrongContext      Reason = "wrong_context"      // authenticated in another way than was asked for
	WrongSubject      Reason = "wrong_subject"      // no name identifier, or of a format that was not asked for
	UnknownPartner    Reason = "unknown_partner"    // metadata of somebody else, or without this role
	UnusableAddresses Reason = "unusable_addresses" // metadata without an address that can be used
	UnusableKeys      Reason = "unusable_keys"      // metadata without a key that can be used
)

// Error is a rule that a message or metadata broke.
type Error struct {
	Reason Reason
	Detail string // fixed English text for the log; repeats nothing of what was sent
	Err    error  // of the XML reader, if it was one
}

// Error is the text for the log.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("saml: %s: %s: %s", e.Reason, e.Detail, e.Err.Error())
	}
	return "saml: " + string(e.Reason) + ": " + e.Detail
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is compare the reason, so that callers write errors.Is(err, &Error{Reason: Expired}).
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Reason == e.Reason && other.Detail == "" && other.Err == nil
}

func refuse(reason Reason, detail string) error { return &Error{Reason: reason, Detail: detail} }

func malformed(detail string) error { return refuse(Malformed, detail) }

// ofXML gives an error of xmlsec its reason.
func ofXML(what string, err error) error {
	reason := Malformed
	switch {
	case errors.Is(err, xmlsec.ErrUnsigned):
		reason = Unsigned
	case errors.Is(err, xmlsec.ErrSignature):
		reason = BadSignature
	case errors.Is(err, xmlsec.ErrDecrypt):
		reason = Undecryptable
	}
	return &Error{Reason: reason, Detail: what, Err: err}
}
