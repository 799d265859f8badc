// Package id holds the opaque identifiers of the domain's things.
//
// An identifier says nothing about what it names, is never reused and never
// grants anything by being known. It is 26 characters of base32 from
// crypto/rand (130 bits), except for a RelyingParty, whose identifier is the
// client_id or entityID that the service's team uses.
package id

import "crypto/rand"

// Account names one person's account.
type Account string

// Address names one e-mail address of an account.
type Address string

// AddressChange names one change to the e-mail addresses of an account that can be taken back.
type AddressChange string

// Session names one browser session.
type Session string

// Browser names one browser in which an account's second step is not asked for a while.
type Browser string

// Flow names one browser journey; it stands in the journey's URLs.
type Flow string

// Merge names one merging of two accounts of one person.
type Merge string

// Closure identifies the wish of an owner to delete their account.
type Closure string

// Warning names one course of warnings about an account that nobody uses.
type Warning string

// Proof names one message that asks for proof of an e-mail address.
type Proof string

// RelyingParty is the identifier of a partner service: an OIDC client_id or a SAML entityID.
type RelyingParty string

// Grant names what one authorization gave to a service: its code and the tokens that came of it.
type Grant string

// Event names one audit event.
type Event string

// Message names one outgoing e-mail or text message.
type Message string

// New makes an identifier of any kind, e.g. id.New[id.Account]().
func New[T ~string]() T { return T(rand.Text()) }
