package protocol

import (
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parvis/internal/xmlsec"
)

// maxAge is how old a message or assertion may be when it comes, whatever it says
// of its own end: a browser carries it here in seconds, and what was accepted must
// be remembered that long.
const maxAge = time.Hour

// maxSkew is how far the clocks of two parties may be said to differ.
const maxSkew = 5 * time.Minute

// Trust is what a partner's answers are verified and decrypted with.
type Trust struct {
	Keys       []crypto.PublicKey // of its metadata
	Decryption []crypto.Decrypter // ours, the newest first
	// CBC allows AES-CBC inside a response that is itself signed. For partners
	// that cannot do better.
	CBC bool
	// The demands below go beyond the standard's, which is that the response or
	// the assertion in it is signed.
	ResponseSigned, AssertionSigned, AssertionEncrypted bool
}

// Expect is what the answer to our request must say.
type Expect struct {
	Issuer           string // the partner's entity identifier
	Audience         string // ours
	Recipient        string // our address at which it came
	RequestID        string // of the request that this browser carries
	AllowUnsolicited bool   // take an answer that names no request; then RequestID is empty
	Now              time.Time
	Skew             time.Duration // by how much clocks may differ, at most 5 minutes
	MaxAuthAge       time.Duration // how long ago the person may have signed in there; 0: any time
	Formats          []string      // of the name identifier; none: each
	Contexts         []string      // authentication contexts that are taken; none: each
}

// check finds expectations that would let anything pass. They are faults of the caller.
func (x Expect) check() error {
	switch {
	case x.Issuer == "" || x.Audience == "" || x.Recipient == "" || x.Now.IsZero():
		return errors.New("saml: an answer is read without issuer, audience, recipient or time to expect")
	case (x.RequestID == "") != x.AllowUnsolicited:
		return errors.New("saml: an answer is read with a request and as unsolicited, or with neither")
	case x.Skew < 0 || x.Skew > maxSkew || x.MaxAuthAge < 0:
		return errors.New("saml: an answer is read with clocks that differ by more than 5 minutes")
	}
	return nil
}

// ReadResponse verifies the answer to an AuthnRequest and returns what it says of
// the person (core 3.3.3; profiles 4.1.4.2 and 4.1.4.3). It fails with an *Error,
// or with a *StatusError when the partner says no.
func ReadResponse(m *Message, trust Trust, expect Expect) (*Assertion, error) {
	if err := expect.check(); err != nil {
		return nil, err
	}
	if err := m.named("Response", true); err != nil {
		return nil, err
	}
	if m.binding != PostBinding { // profiles 4.1.2: never by redirect
		return nil, malformed("a response by redirect")
	}
	if err := onePlaceForEach(m.root); err != nil {
		return nil, err
	}
	root, signed, err := m.verified(trust.Keys)
	if err != nil {
		return nil, err
	}
	if trust.ResponseSigned && !signed {
		return nil, refuse(Unsigned, "the response is not signed")
	}
	r, err := readResponse(root, signed)
	if err != nil {
		return nil, err
	}
	if err := r.check(expect); err != nil {
		return nil, err
	}
	if r.status.Upper != StatusSuccess {
		return nil, r.status
	}
	claims, err := trust.assertion(m.root, r)
	if err != nil {
		return nil, err
	}
	return claims.check(expect)
}

// onePlaceForEach refuses documents in which an assertion or a signature lies
// anywhere else than where SAML has it: one assertion, in the response; a
// signature in the response, and one in the assertion (core 5.4; the attacks of
// Somorovsky et al., "On Breaking SAML", XSW1 to XSW8, move one of them).
func onePlaceForEach(root *xmlsec.Element) error {
	assertions, misplaced := 0, false
	root.Walk(func(e *xmlsec.Element) {
		switch {
		case e.Is(assertionSpace, "Assertion"), e.Is(assertionSpace, "EncryptedAssertion"):
			assertions++
			misplaced = misplaced || e.Parent() != root
		case e.Is(xmlsec.SignatureSpace, "Signature"):
			holder := e.Parent()
			proper := holder == root || holder != nil && holder.Parent() == root && holder.Is(assertionSpace, "Assertion")
			misplaced = misplaced || !proper
		case e.Is(protocolSpace, "Response"):
			misplaced = misplaced || e != root
		}
	})
	if misplaced || assertions > 1 {
		return malformed("an assertion or a signature in another place than its own, or two of them")
	}
	return nil
}

// response is what the outer message says.
type response struct {
	signed       bool
	destination  string
	inResponseTo string
	answers      bool // it has an InResponseTo
	issued       time.Time
	issuer       string
	status       *StatusError
	plain        *xmlsec.Element // Assertion
	encrypted    *xmlsec.Element // EncryptedAssertion
}

// readResponse reads the outer message (core 3.2.2 and 3.3.3).
func readResponse(e *xmlsec.Element, signed bool) (*response, error) {
	r := &response{signed: signed}
	if _, err := readID(e); err != nil {
		return nil, err
	}
	if err := checkVersion(e); err != nil {
		return nil, err
	}
	r.destination, _ = e.Attr("Destination")
	r.inResponseTo, r.answers = e.Attr("InResponseTo")
	var err error
	if r.issued, err = needTime(e, "IssueInstant"); err != nil {
		return nil, err
	}
	err = sequence(e,
		part{space: assertionSpace, names: []string{"Issuer"}, max: 1, read: readIssuer(&r.issuer)},
		part{space: xmlsec.SignatureSpace, names: []string{"Signature"}, max: 1},
		part{space: protocolSpace, names: []string{"Extensions"}, max: 1},
		part{space: protocolSpace, names: []string{"Status"}, min: 1, max: 1, read: func(e *xmlsec.Element) (err error) {
			r.status, err = readStatus(e, signed)
			return err
		}},
		part{space: assertionSpace, names: []string{"Assertion", "EncryptedAssertion"}, max: 1, read: func(e *xmlsec.Element) error {
			if e.Name.Local == "Assertion" {
				r.plain = e
			} else {
				r.encrypted = e
			}
			return nil
		}})
	return r, err
}

// readIssuer reads an Issuer, which must name an entity (core 2.2.5; profiles 4.1.4.2).
func readIssuer(into *string) func(*xmlsec.Element) error {
	return func(e *xmlsec.Element) (err error) {
		if format, ok := e.Attr("Format"); ok && format != FormatEntity {
			return refuse(WrongIssuer, "an issuer that is named in another format than entity")
		}
		*into, err = readURI(e)
		return err
	}
}

// checkVersion takes SAML 2.0 only (core 4.1.3.2).
func checkVersion(e *xmlsec.Element) error {
	if v, _ := e.Attr("Version"); v != version {
		return refuse(WrongVersion, "not SAML 2.0")
	}
	return nil
}

// check holds the outer message to what was expected.
func (r *response) check(x Expect) error {
	if err := r.checkIssuer(x); err != nil {
		return err
	}
	if err := checkDestination(r.destination, x.Recipient, r.signed); err != nil {
		return err
	}
	if err := checkAnswer(r.inResponseTo, r.answers, x); err != nil {
		return err
	}
	return checkIssued(r.issued, x.Now, x.Skew)
}

// checkIssuer: the issuer must be named where the response is signed or holds
// something encrypted, and must then be the partner (profiles 4.1.4.2).
func (r *response) checkIssuer(x Expect) error {
	if r.issuer == "" && !r.signed && r.encrypted == nil {
		return nil
	}
	if r.issuer != x.Issuer {
		return refuse(WrongIssuer, "the response is from somebody else")
	}
	return nil
}

// checkDestination: a signed message must name the address at which it came, and
// no message may name another one (core 3.2.1; bindings 3.4.5.2 and 3.5.5.2).
func checkDestination(destination, here string, signed bool) error {
	if destination == "" && !signed {
		return nil
	}
	if destination != here {
		return refuse(WrongDestination, "it was sent to another address")
	}
	return nil
}

// checkAnswer: the message answers our request; an unsolicited one names none
// (core 3.2.2; profiles 4.1.4.2 and 4.1.5).
func checkAnswer(inResponseTo string, answers bool, x Expect) error {
	if answers != !x.AllowUnsolicited || inResponseTo != x.RequestID {
		return refuse(WrongRequest, "it answers another request, or none")
	}
	return nil
}

// checkIssued: a message is neither from the future nor old (core 3.2.1; profiles 4.1.4.5 against replay).
func checkIssued(at, now time.Time, skew time.Duration) error {
	switch {
	case at.After(now.Add(skew)):
		return refuse(NotYetValid, "it was issued in the future")
	case !at.After(now.Add(-maxAge - skew)):
		return refuse(Expired, "it was issued too long ago")
	}
	return nil
}

// assertion finds the one assertion, decrypts it if it is encrypted, and verifies
// it: by its own signature if it has one, else by the response's. The result is
// read from verified bytes (core 5.4.1; profiles 4.1.4.5).
func (t Trust) assertion(original *xmlsec.Element, r *response) (*assertion, error) {
	e := r.plain
	switch {
	case e != nil && t.AssertionEncrypted:
		return nil, refuse(Undecryptable, "the assertion is not encrypted")
	case e == nil && r.encrypted == nil:
		return nil, malformed("success without an assertion")
	case e == nil:
		// A ciphertext under a verified signature is the partner's own; others may
		// be questions to an oracle, which only AES-GCM does not answer.
		opened, err := xmlsec.Decrypt(r.encrypted, xmlsec.Decryption{Keys: t.Decryption, CBC: t.CBC && r.signed})
		if err != nil {
			return nil, &Error{Reason: Undecryptable, Detail: "the assertion", Err: err}
		}
		if err := onlyAssertion(opened, original); err != nil {
			return nil, err
		}
		e = opened
	case r.signed:
		// Its own signature was made where it stands in the original; the tree that
		// the response's signature gave has the same bytes with fewer declarations.
		e = assertionOf(original)
	}
	signature, err := e.Signature()
	if err != nil {
		return nil, ofXML("the assertion", err)
	}
	if signature != nil {
		verified, err := xmlsec.Verify(e, t.Keys)
		if err != nil {
			return nil, ofXML("the assertion", err)
		}
		return readAssertion(verified, t)
	}
	if t.AssertionSigned || !r.signed {
		return nil, refuse(Unsigned, "the assertion is not signed")
	}
	if r.plain != nil {
		e = r.plain
	}
	return readAssertion(e, t)
}

// assertionOf is the assertion of a response in which onePlaceForEach found one.
func assertionOf(root *xmlsec.Element) *xmlsec.Element {
	for _, child := range root.Elements() {
		if child.Is(assertionSpace, "Assertion") {
			return child
		}
	}
	return nil
}

// onlyAssertion makes sure that what was encrypted is one assertion, with no
// other and no foreign signature in it, and that no ID of it stands outside, too.
func onlyAssertion(e, outside *xmlsec.Element) error {
	if !e.Is(assertionSpace, "Assertion") {
		return malformed("something else than an assertion was encrypted")
	}
	ids := map[string]bool{}
	outside.Walk(func(in *xmlsec.Element) {
		if id, ok := in.Attr("ID"); ok {
			ids[id] = true
		}
	})
	bad := false
	e.Walk(func(in *xmlsec.Element) {
		id, _ := in.Attr("ID")
		bad = bad || ids[id] ||
			in != e && (in.Is(assertionSpace, "Assertion") || in.Is(assertionSpace, "EncryptedAssertion")) ||
			in.Is(xmlsec.SignatureSpace, "Signature") && in.Parent() != e
	})
	if bad {
		return malformed("an assertion or a signature in another place than its own, or two of them")
	}
	return nil
}

// LogValue shows how many keys there are and none of them.
func (t Trust) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("keys", len(t.Keys)), slog.Int("decryption", len(t.Decryption)))
}

// String shows how many keys there are and none of them.
func (t Trust) String() string { return fmt.Sprintf("trust in %d keys", len(t.Keys)) }
