package protocol

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/xmlsec"
)

// Comparison says how an authentication context must compare to the requested ones (core 3.3.2.2.1).
type Comparison string

// The comparisons that we ask for.
const (
	Exact   Comparison = "exact"   // one of them
	Minimum Comparison = "minimum" // at least as strong as one of them
)

// AuthnRequest asks a partner to authenticate the person (core 3.4.1; profiles
// 4.1.4.1). It says nothing of the service that the person came from: there is no
// field for that, no scoping, no requester, no name and no extension.
type AuthnRequest struct {
	ID           string // of NewID; the answer names it
	IssueInstant time.Time
	Destination  string // the partner's address
	Issuer       string // our entity identifier
	ACS          string // our one address for answers, which come by form
	ForceAuthn   bool   // authenticate anew, whatever session there is
	IsPassive    bool   // ask the person nothing
	NameIDFormat string // empty: as the partner likes
	AllowCreate  bool   // a new identifier may be made for us
	Contexts     []string
	Comparison   Comparison // empty: Exact
}

// Redirect is the address to send the browser to, signed if there is a signer.
func (r AuthnRequest) Redirect(relayState string, s *xmlsec.Signer) (string, error) {
	o, err := r.outgoing()
	if err != nil {
		return "", err
	}
	return o.redirect(relayState, s)
}

// Post is the form for the browser, signed if there is a signer.
func (r AuthnRequest) Post(relayState string, s *xmlsec.Signer) (Form, error) {
	o, err := r.outgoing()
	if err != nil {
		return Form{}, err
	}
	return o.post(relayState, s)
}

func (r AuthnRequest) outgoing() (outgoing, error) {
	if err := CheckLocation(r.ACS); err != nil {
		return outgoing{}, fmt.Errorf("saml: the address for answers: %w", err)
	}
	e, err := header("AuthnRequest", r.ID, r.Issuer, r.Destination, r.IssueInstant)
	if err != nil {
		return outgoing{}, err
	}
	e.Set("AssertionConsumerServiceURL", r.ACS).Set("ProtocolBinding", string(PostBinding))
	if r.ForceAuthn {
		e.Set("ForceAuthn", "true")
	}
	if r.IsPassive {
		e.Set("IsPassive", "true")
	}
	if r.NameIDFormat != "" || r.AllowCreate {
		policy := samlp("NameIDPolicy")
		if r.NameIDFormat != "" {
			policy.Set("Format", r.NameIDFormat)
		}
		if r.AllowCreate {
			policy.Set("AllowCreate", "true")
		}
		e.Add(policy)
	}
	if len(r.Contexts) > 0 {
		comparison := r.Comparison
		if comparison == "" {
			comparison = Exact
		}
		context := samlp("RequestedAuthnContext").Set("Comparison", string(comparison))
		for _, class := range r.Contexts {
			context.Add(saml("AuthnContextClassRef").Write(class))
		}
		e.Add(context)
	}
	return outgoing{destination: r.Destination, element: e}, nil
}

// header begins a message of ours (core 3.2.1 and 3.2.2).
func header(name, id, issuer, destination string, at time.Time) (*xmlsec.Element, error) {
	if !isNCName(id) || at.IsZero() {
		return nil, errors.New("saml: a message needs an ID and its time")
	}
	if err := CheckEntityID(issuer); err != nil {
		return nil, fmt.Errorf("saml: the issuer: %w", err)
	}
	if err := CheckLocation(destination); err != nil {
		return nil, fmt.Errorf("saml: the destination: %w", err)
	}
	return samlp(name).Set("ID", id).Set("Version", version).Set("IssueInstant", writeTime(at)).Set("Destination", destination).
		Add(saml("Issuer").Write(issuer)), nil
}
