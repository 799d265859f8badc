package protocol

import (
	"errors"
	"log/slog"
	"time"

	"parvis/internal/xmlsec"
)

// maxSessions is how many sessions one logout request may name.
const maxSessions = 32

// LogoutRequest tells the other party that a session ends (core 3.7.1; profiles 4.4).
type LogoutRequest struct {
	ID             string
	IssueInstant   time.Time
	Destination    string
	Issuer         string
	NotOnOrAfter   time.Time // until when it may be worked on; read: until when its ID is remembered
	NameID         NameID
	SessionIndexes []string // none: each session of the person
}

// LogValue shows nothing of the person.
func (r LogoutRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", r.ID), slog.String("issuer", r.Issuer))
}

// Redirect is the address to send the browser to.
func (r LogoutRequest) Redirect(relayState string, s *xmlsec.Signer) (string, error) {
	o, err := r.outgoing(s)
	if err != nil {
		return "", err
	}
	return o.redirect(relayState, s)
}

// Post is the form for the browser.
func (r LogoutRequest) Post(relayState string, s *xmlsec.Signer) (Form, error) {
	o, err := r.outgoing(s)
	if err != nil {
		return Form{}, err
	}
	return o.post(relayState, s)
}

// errUnsignedLogout: both messages must be signed (profiles 4.4.3.1 and 4.4.3.4).
var errUnsignedLogout = errors.New("saml: messages of logout must be signed")

func (r LogoutRequest) outgoing(s *xmlsec.Signer) (outgoing, error) {
	if s == nil {
		return outgoing{}, errUnsignedLogout
	}
	if r.NameID.Value == "" {
		return outgoing{}, errors.New("saml: a logout request must name somebody")
	}
	e, err := header("LogoutRequest", r.ID, r.Issuer, r.Destination, r.IssueInstant)
	if err != nil {
		return outgoing{}, err
	}
	if !r.NotOnOrAfter.IsZero() {
		e.Set("NotOnOrAfter", writeTime(r.NotOnOrAfter))
	}
	e.Add(r.NameID.element())
	for _, index := range r.SessionIndexes {
		e.Add(samlp("SessionIndex").Write(index))
	}
	return outgoing{destination: r.Destination, element: e}, nil
}

// LogoutResponse answers a LogoutRequest (core 3.7.2).
type LogoutResponse struct {
	ID           string
	IssueInstant time.Time
	Destination  string
	Issuer       string
	InResponseTo string
	Status       Status // StatusSuccess; with StatusPartialLogout not everywhere; else the fault of a Responder
}

// Redirect is the address to send the browser to.
func (r LogoutResponse) Redirect(relayState string, s *xmlsec.Signer) (string, error) {
	o, err := r.outgoing(s)
	if err != nil {
		return "", err
	}
	return o.redirect(relayState, s)
}

// Post is the form for the browser.
func (r LogoutResponse) Post(relayState string, s *xmlsec.Signer) (Form, error) {
	o, err := r.outgoing(s)
	if err != nil {
		return Form{}, err
	}
	return o.post(relayState, s)
}

func (r LogoutResponse) outgoing(s *xmlsec.Signer) (outgoing, error) {
	if s == nil {
		return outgoing{}, errUnsignedLogout
	}
	if !isNCName(r.InResponseTo) {
		return outgoing{}, errors.New("saml: a logout response must answer a request")
	}
	e, err := header("LogoutResponse", r.ID, r.Issuer, r.Destination, r.IssueInstant)
	if err != nil {
		return outgoing{}, err
	}
	e.Set("InResponseTo", r.InResponseTo)
	upper := StatusResponder
	switch r.Status {
	case StatusSuccess, StatusPartialLogout:
		upper = StatusSuccess
	case StatusRequester, StatusVersionMismatch:
		upper = r.Status
	default:
	}
	code := samlp("StatusCode").Set("Value", statusPrefix+string(upper))
	if r.Status != upper {
		code.Add(samlp("StatusCode").Set("Value", statusPrefix+string(r.Status)))
	}
	return outgoing{destination: r.Destination, answer: true, element: e.Add(samlp("Status").Add(code))}, nil
}

// ExpectLogout is what a message of logout must say.
type ExpectLogout struct {
	Issuer      string // the partner's entity identifier
	Audience    string // ours
	Destination string // our address at which it came
	RequestID   string // of an answer: the ID of our request
	Now         time.Time
	Skew        time.Duration // by how much clocks may differ, at most 5 minutes
}

func (x ExpectLogout) check() error {
	if x.Issuer == "" || x.Audience == "" || x.Destination == "" || x.Now.IsZero() || x.Skew < 0 || x.Skew > maxSkew {
		return errors.New("saml: a logout is read without issuer, audience, destination or time to expect")
	}
	return nil
}

// ReadLogoutRequest verifies a partner's request to end a session. One that is not
// signed is refused, whatever it asks (profiles 4.4.3.1, 4.4.4.1).
func ReadLogoutRequest(m *Message, trust Trust, expect ExpectLogout) (*LogoutRequest, error) {
	e, err := readLogout(m, "LogoutRequest", false, trust, expect)
	if err != nil {
		return nil, err
	}
	r := &LogoutRequest{Issuer: expect.Issuer, Destination: expect.Destination}
	if r.ID, err = readID(e); err != nil {
		return nil, err
	}
	if r.IssueInstant, err = needTime(e, "IssueInstant"); err != nil {
		return nil, err
	}
	if r.NotOnOrAfter, err = readTime(e, "NotOnOrAfter"); err != nil {
		return nil, err
	}
	var issuer string
	var subject subject
	err = sequence(e,
		part{space: assertionSpace, names: []string{"Issuer"}, min: 1, max: 1, read: readIssuer(&issuer)},
		part{space: protocolSpace, names: []string{"Extensions"}, max: 1},
		part{space: assertionSpace, names: []string{"NameID", "EncryptedID", "BaseID"}, min: 1, max: 1, read: readIdentifier(&subject, trust)},
		part{space: protocolSpace, names: []string{"SessionIndex"}, max: maxSessions, read: func(e *xmlsec.Element) error {
			text, err := e.Text()
			if err != nil || text == "" || len(text) > maxNameID || !printing(text) {
				return malformed("a session index that is empty, too long or not printing")
			}
			r.SessionIndexes = append(r.SessionIndexes, text)
			return nil
		}})
	if err != nil {
		return nil, err
	}
	if err := expect.checkHeader(issuer, r.IssueInstant); err != nil {
		return nil, err
	}
	if !r.NotOnOrAfter.IsZero() && !expect.Now.Add(-expect.Skew).Before(r.NotOnOrAfter) { // core 3.7.1
		return nil, refuse(Expired, "the logout request has expired")
	}
	if r.NameID, err = readNameID(subject.nameID, expect.Issuer, expect.Audience); err != nil {
		return nil, err
	}
	end := r.IssueInstant.Add(maxAge)
	if !r.NotOnOrAfter.IsZero() && r.NotOnOrAfter.Before(end) {
		end = r.NotOnOrAfter
	}
	r.NotOnOrAfter = end.Add(expect.Skew)
	return r, nil
}

// ReadLogoutResponse verifies a partner's answer to our request. partial says that
// the person is not signed out everywhere there. It fails with a *StatusError when
// the partner says no.
func ReadLogoutResponse(m *Message, trust Trust, expect ExpectLogout) (partial bool, err error) {
	if expect.RequestID == "" {
		return false, errors.New("saml: a logout response is read without a request to expect")
	}
	e, err := readLogout(m, "LogoutResponse", true, trust, expect)
	if err != nil {
		return false, err
	}
	if _, err := readID(e); err != nil {
		return false, err
	}
	issued, err := needTime(e, "IssueInstant")
	if err != nil {
		return false, err
	}
	var issuer string
	var status *StatusError
	err = sequence(e,
		part{space: assertionSpace, names: []string{"Issuer"}, min: 1, max: 1, read: readIssuer(&issuer)},
		part{space: protocolSpace, names: []string{"Extensions"}, max: 1},
		part{space: protocolSpace, names: []string{"Status"}, min: 1, max: 1, read: func(e *xmlsec.Element) (err error) {
			status, err = readStatus(e, true)
			return err
		}})
	if err != nil {
		return false, err
	}
	if err := expect.checkHeader(issuer, issued); err != nil {
		return false, err
	}
	if id, _ := e.Attr("InResponseTo"); id != expect.RequestID { // core 3.2.2
		return false, refuse(WrongRequest, "it answers another request, or none")
	}
	if status.Upper != StatusSuccess && status.Status != StatusPartialLogout {
		return false, status
	}
	return status.Status == StatusPartialLogout, nil
}

// readLogout is what both messages have in common: signed, of SAML 2.0, sent here.
func readLogout(m *Message, name string, answer bool, trust Trust, expect ExpectLogout) (*xmlsec.Element, error) {
	if err := expect.check(); err != nil {
		return nil, err
	}
	if err := m.named(name, answer); err != nil {
		return nil, err
	}
	if err := onePlaceForEach(m.root); err != nil {
		return nil, err
	}
	e, signed, err := m.verified(trust.Keys)
	if err != nil {
		return nil, err
	}
	if !signed {
		return nil, refuse(Unsigned, "a message of logout is not signed")
	}
	if err := checkVersion(e); err != nil {
		return nil, err
	}
	destination, _ := e.Attr("Destination")
	return e, checkDestination(destination, expect.Destination, true)
}

// checkHeader: it is from the partner (core 3.2.1) and neither old nor from the future.
func (x ExpectLogout) checkHeader(issuer string, issued time.Time) error {
	if issuer != x.Issuer {
		return refuse(WrongIssuer, "it is from somebody else")
	}
	return checkIssued(issued, x.Now, x.Skew)
}
