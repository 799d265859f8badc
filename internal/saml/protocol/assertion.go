package protocol

import (
	"log/slog"
	"slices"
	"time"

	"parvis/internal/xmlsec"
)

// Assertion is what a verified assertion says of the person.
type Assertion struct {
	ID     string // taken once: remember it until NotOnOrAfter
	Issuer string // the partner
	NameID NameID
	// ACR is the authentication context class, empty if the partner names none.
	ACR      string
	AuthTime time.Time // when the person signed in there
	// NotOnOrAfter is when the assertion is refused as too old, clocks considered.
	NotOnOrAfter        time.Time
	SessionIndex        string    // the partner's session, for its LogoutRequest; may be empty
	SessionNotOnOrAfter time.Time // when that session ends; zero if it does not say
	OneTimeUse          bool      // nothing of it may be kept for another use
}

// LogValue shows which assertion it is and nothing of the person.
func (a Assertion) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", a.ID), slog.String("issuer", a.Issuer), slog.String("acr", a.ACR))
}

// assertion is what the element says, before it is held to anything.
type assertion struct {
	id         string
	issued     time.Time
	issuer     string
	subject    subject
	conditions conditions
	statements []statement
}

// subject is the Subject (core 2.4.1), with its name identifier decrypted.
type subject struct {
	nameID        *xmlsec.Element
	confirmations []confirmation
}

// confirmation is a SubjectConfirmation (core 2.4.1.1).
type confirmation struct {
	method       string
	recipient    string
	inResponseTo string
	answers      bool
	notBefore    time.Time
	notOnOrAfter time.Time
}

// conditions are the Conditions (core 2.5.1).
type conditions struct {
	notBefore, notOnOrAfter time.Time
	audiences               [][]string // each restriction holds by itself
	oneTimeUse              bool
	proxyRestriction        bool
	unknown                 bool
}

// statement is an AuthnStatement (core 2.7.2).
type statement struct {
	instant      time.Time
	sessionIndex string
	sessionEnd   time.Time
	context      string
}

// readAssertion reads a verified Assertion (core 2.3.3).
func readAssertion(e *xmlsec.Element, t Trust) (*assertion, error) {
	a := &assertion{}
	var err error
	if a.id, err = readID(e); err != nil {
		return nil, err
	}
	if err := checkVersion(e); err != nil {
		return nil, err
	}
	if a.issued, err = needTime(e, "IssueInstant"); err != nil {
		return nil, err
	}
	err = sequence(e,
		part{space: assertionSpace, names: []string{"Issuer"}, min: 1, max: 1, read: readIssuer(&a.issuer)},
		part{space: assertionSpace, names: []string{"Subject"}, min: 1, max: 1, read: func(e *xmlsec.Element) (err error) {
			a.subject, err = readSubject(e, t)
			return err
		}},
		part{space: assertionSpace, names: []string{"Conditions"}, max: 1, read: func(e *xmlsec.Element) (err error) {
			a.conditions, err = readConditions(e)
			return err
		}},
		part{space: assertionSpace, names: []string{"Advice"}, max: 1},
		part{space: assertionSpace, names: []string{"AuthnStatement", "AttributeStatement", "AuthzDecisionStatement", "Statement"}, read: func(e *xmlsec.Element) error {
			if e.Name.Local != "AuthnStatement" {
				return nil
			}
			s, err := readStatement(e)
			a.statements = append(a.statements, s)
			return err
		}})
	return a, err
}

// readSubject reads a Subject.
func readSubject(e *xmlsec.Element, t Trust) (subject, error) {
	var s subject
	err := sequence(e,
		part{space: assertionSpace, names: []string{"NameID", "EncryptedID", "BaseID"}, max: 1, read: readIdentifier(&s, t)},
		part{space: assertionSpace, names: []string{"SubjectConfirmation"}, read: func(e *xmlsec.Element) error {
			c, err := readConfirmation(e)
			s.confirmations = append(s.confirmations, c)
			return err
		}})
	return s, err
}

// readIdentifier reads the identifier of a subject, whose element is under a
// signature that was verified, so that AES-CBC may be read where it is allowed.
func readIdentifier(s *subject, t Trust) func(*xmlsec.Element) error {
	return func(e *xmlsec.Element) error {
		switch e.Name.Local {
		case "NameID":
			s.nameID = e
		case "EncryptedID":
			opened, err := xmlsec.Decrypt(e, xmlsec.Decryption{Keys: t.Decryption, CBC: t.CBC})
			if err != nil {
				return &Error{Reason: Undecryptable, Detail: "the name identifier", Err: err}
			}
			if !opened.Is(assertionSpace, "NameID") {
				return refuse(WrongSubject, "something else than a name identifier was encrypted")
			}
			s.nameID = opened
		default:
			return refuse(WrongSubject, "an identifier that is no NameID")
		}
		return nil
	}
}

// readConfirmation reads a SubjectConfirmation and its data.
func readConfirmation(e *xmlsec.Element) (confirmation, error) {
	var c confirmation
	c.method, _ = e.Attr("Method")
	err := sequence(e,
		part{space: assertionSpace, names: []string{"NameID", "EncryptedID", "BaseID"}, max: 1},
		part{space: assertionSpace, names: []string{"SubjectConfirmationData"}, max: 1, read: func(e *xmlsec.Element) (err error) {
			c.recipient, _ = e.Attr("Recipient")
			c.inResponseTo, c.answers = e.Attr("InResponseTo")
			if c.notBefore, err = readTime(e, "NotBefore"); err != nil {
				return err
			}
			c.notOnOrAfter, err = readTime(e, "NotOnOrAfter")
			return err
		}})
	return c, err
}

// readConditions reads Conditions. A condition that is not one of the standard's own is noted as unknown.
func readConditions(e *xmlsec.Element) (conditions, error) {
	var c conditions
	var err error
	if c.notBefore, err = readTime(e, "NotBefore"); err != nil {
		return c, err
	}
	if c.notOnOrAfter, err = readTime(e, "NotOnOrAfter"); err != nil {
		return c, err
	}
	if !e.OnlyElements() {
		return c, malformed("text between conditions")
	}
	for _, child := range e.Elements() {
		switch {
		case child.Is(assertionSpace, "AudienceRestriction"):
			var audiences []string
			err := sequence(child, part{space: assertionSpace, names: []string{"Audience"}, min: 1, read: func(e *xmlsec.Element) error {
				uri, err := readURI(e)
				audiences = append(audiences, uri)
				return err
			}})
			if err != nil {
				return c, err
			}
			c.audiences = append(c.audiences, audiences)
		case child.Is(assertionSpace, "OneTimeUse"):
			c.oneTimeUse = true
		case child.Is(assertionSpace, "ProxyRestriction"):
			c.proxyRestriction = true
		default:
			c.unknown = true
		}
	}
	return c, nil
}

// readStatement reads an AuthnStatement.
func readStatement(e *xmlsec.Element) (statement, error) {
	var s statement
	var err error
	if s.instant, err = needTime(e, "AuthnInstant"); err != nil {
		return s, err
	}
	if s.sessionEnd, err = readTime(e, "SessionNotOnOrAfter"); err != nil {
		return s, err
	}
	s.sessionIndex, _ = e.Attr("SessionIndex")
	if len(s.sessionIndex) > maxNameID || !printing(s.sessionIndex) {
		return s, malformed("a session index that is too long or not printing")
	}
	err = sequence(e,
		part{space: assertionSpace, names: []string{"SubjectLocality"}, max: 1},
		part{space: assertionSpace, names: []string{"AuthnContext"}, min: 1, max: 1, read: func(e *xmlsec.Element) error {
			return sequence(e,
				part{space: assertionSpace, names: []string{"AuthnContextClassRef"}, max: 1, read: func(e *xmlsec.Element) (err error) {
					s.context, err = readURI(e)
					return err
				}},
				part{space: assertionSpace, names: []string{"AuthnContextDecl", "AuthnContextDeclRef"}, max: 1},
				part{space: assertionSpace, names: []string{"AuthenticatingAuthority"}})
		}})
	return s, err
}

// check holds the assertion to what was expected; each rule is a function below.
func (a *assertion) check(x Expect) (*Assertion, error) {
	if a.issuer != x.Issuer { // core 2.3.3; profiles 4.1.4.2
		return nil, refuse(WrongIssuer, "the assertion is from somebody else")
	}
	if err := checkIssued(a.issued, x.Now, x.Skew); err != nil {
		return nil, err
	}
	end, err := a.checkBearer(x)
	if err != nil {
		return nil, err
	}
	if err := a.checkConditions(x); err != nil {
		return nil, err
	}
	if err := a.checkAudience(x); err != nil {
		return nil, err
	}
	if len(a.statements) != 1 { // profiles 4.1.4.2; two would say two things
		return nil, malformed("not exactly one statement of authentication")
	}
	s := a.statements[0]
	if err := s.check(x); err != nil {
		return nil, err
	}
	if a.subject.nameID == nil {
		return nil, refuse(WrongSubject, "the assertion names nobody")
	}
	name, err := readNameID(a.subject.nameID, x.Issuer, x.Audience)
	if err != nil {
		return nil, err
	}
	if !name.accepted(x.Formats) {
		return nil, refuse(WrongSubject, "a name identifier of a format that was not asked for")
	}
	return &Assertion{
		ID: a.id, Issuer: a.issuer, NameID: name, ACR: s.context, AuthTime: s.instant,
		NotOnOrAfter: a.end(end, x.Skew), SessionIndex: s.sessionIndex, SessionNotOnOrAfter: s.sessionEnd,
		OneTimeUse: a.conditions.oneTimeUse,
	}, nil
}

// checkBearer: at least one bearer confirmation holds here and now: for this
// address, this request and this time, and without NotBefore (profiles 4.1.4.2).
// It returns the last of their ends.
func (a *assertion) checkBearer(x Expect) (end time.Time, err error) {
	err = refuse(WrongRecipient, "no bearer confirmation")
	for _, c := range a.subject.confirmations {
		if c.method != bearer {
			continue
		}
		broken := c.check(x)
		switch {
		case broken == nil && c.notOnOrAfter.After(end):
			end = c.notOnOrAfter
		case broken != nil && end.IsZero():
			err = broken
		}
	}
	if end.IsZero() {
		return end, err
	}
	return end, nil
}

func (c confirmation) check(x Expect) error {
	switch {
	case c.recipient != x.Recipient:
		return refuse(WrongRecipient, "a bearer may present it at another address")
	case c.answers != !x.AllowUnsolicited || c.inResponseTo != x.RequestID:
		return refuse(WrongRequest, "the assertion answers another request, or none")
	case !c.notBefore.IsZero():
		return malformed("a bearer confirmation with NotBefore")
	case c.notOnOrAfter.IsZero():
		return malformed("a bearer confirmation without an end")
	case !x.Now.Add(-x.Skew).Before(c.notOnOrAfter):
		return refuse(Expired, "the bearer confirmation has ended")
	}
	return nil
}

// checkConditions: it is valid now, under conditions that are all understood
// (core 2.5.1.1 and 2.5.1.2). We make assertions of our own on the ground of this
// one, so that one with a ProxyRestriction cannot be used (core 2.5.1.6).
func (a *assertion) checkConditions(x Expect) error {
	c := a.conditions
	switch {
	case c.unknown:
		return refuse(UnknownCondition, "a condition that is not understood")
	case c.proxyRestriction:
		return refuse(NotPassedOn, "the partner restricts assertions on the ground of this one")
	case !c.notBefore.IsZero() && !c.notOnOrAfter.IsZero() && !c.notBefore.Before(c.notOnOrAfter):
		return malformed("conditions that end before they begin")
	case c.notBefore.After(x.Now.Add(x.Skew)):
		return refuse(NotYetValid, "the assertion is not valid yet")
	case !c.notOnOrAfter.IsZero() && !x.Now.Add(-x.Skew).Before(c.notOnOrAfter):
		return refuse(Expired, "the assertion has expired")
	}
	return nil
}

// checkAudience: there is an audience restriction, and we are named by each
// (core 2.5.1.4; profiles 4.1.4.2).
func (a *assertion) checkAudience(x Expect) error {
	if len(a.conditions.audiences) == 0 {
		return refuse(WrongAudience, "the assertion is not restricted to an audience")
	}
	for _, one := range a.conditions.audiences {
		if !slices.Contains(one, x.Audience) {
			return refuse(WrongAudience, "the assertion is for another service")
		}
	}
	return nil
}

// check: the person signed in before now, not too long ago, in a way that was
// asked for, and that session has not ended (core 2.7.2 and 3.3.2.2.1).
func (s statement) check(x Expect) error {
	switch {
	case s.instant.After(x.Now.Add(x.Skew)):
		return refuse(NotYetValid, "the person signed in in the future")
	case x.MaxAuthAge > 0 && s.instant.Before(x.Now.Add(-x.MaxAuthAge-x.Skew)):
		return refuse(StaleSignIn, "the person signed in too long ago")
	case !s.sessionEnd.IsZero() && !x.Now.Add(-x.Skew).Before(s.sessionEnd):
		return refuse(Expired, "the partner's session has ended")
	case len(x.Contexts) > 0 && !slices.Contains(x.Contexts, s.context):
		return refuse(WrongContext, "authenticated in another way than was asked for")
	}
	return nil
}

// end is when the assertion is refused whatever happens: the first of the ends of
// its confirmation, its conditions and its age, with the clocks' difference.
func (a *assertion) end(confirmation time.Time, skew time.Duration) time.Time {
	end := a.issued.Add(maxAge)
	for _, other := range []time.Time{confirmation, a.conditions.notOnOrAfter} {
		if !other.IsZero() && other.Before(end) {
			end = other
		}
	}
	return end.Add(skew)
}
