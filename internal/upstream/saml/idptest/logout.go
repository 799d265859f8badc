package idptest

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/saml/protocol"
	"parvis/internal/xmlsec"
)

// Leaving is what a stranger reads in our request to sign somebody out there, or in our
// answer to its own.
type Leaving struct {
	Name, ID, Issuer, Destination, InResponseTo, RelayState string
	NotOnOrAfter                                            string
	Subject, Format, NameQualifier, SPNameQualifier         string
	Sessions                                                []string
	Statuses                                                []string // from the upper level down
	XML                                                     string
}

// Leaves reads a message of logout of ours that came by redirect, or with the fields of a
// form, and verifies it with our keys.
func (p *Provider) Leaves(address string, fields url.Values) Leaving {
	p.TB.Helper()
	var r Request
	switch {
	case fields == nil && strings.Contains(address, "SAMLResponse="):
		r = p.redirected(address, "SAMLResponse")
	case fields == nil:
		r = p.Redirected(address)
	case fields.Has("SAMLResponse"):
		r = p.Posted(url.Values{"SAMLRequest": fields["SAMLResponse"], "RelayState": fields["RelayState"]})
	default:
		r = p.Posted(fields)
	}
	root, err := xmlsec.Read([]byte(r.XML), xmlsec.MessageLimits())
	must(p.TB, err)
	l := Leaving{Name: root.Name.Local, ID: r.ID, Issuer: r.Issuer, Destination: r.Destination, RelayState: r.RelayState, XML: r.XML}
	l.InResponseTo, _ = root.Attr("InResponseTo")
	l.NotOnOrAfter, _ = root.Attr("NotOnOrAfter")
	root.Walk(func(e *xmlsec.Element) {
		text, _ := e.Text()
		switch {
		case e.Is(samlSpace, "NameID"):
			l.Subject = text
			l.Format, _ = e.Attr("Format")
			l.NameQualifier, _ = e.Attr("NameQualifier")
			l.SPNameQualifier, _ = e.Attr("SPNameQualifier")
		case e.Is(samlpSpace, "SessionIndex"):
			l.Sessions = append(l.Sessions, text)
		case e.Is(samlpSpace, "StatusCode"):
			value, _ := e.Attr("Value")
			l.Statuses = append(l.Statuses, strings.TrimPrefix(value, statuses))
		}
	})
	return l
}

// Goodbye is a message of logout of the partner. Of a Provider's own making it is good.
type Goodbye struct {
	Answer                                bool
	ID, Issuer, Destination, InResponseTo string
	Subject, Format, SPNameQualifier      string
	Sessions                              []string
	Issued, Ends                          time.Time
	Status, Second                        string
	Signer                                *xmlsec.Signer // nil: not signed
	RelayState                            string
}

// EndsFor is its request to end the sessions of somebody here.
func (p *Provider) EndsFor(subject string, sessions ...string) Goodbye {
	now := p.Now()
	return Goodbye{
		ID: protocol.NewID(), Issuer: p.EntityID, Destination: p.Partner.SLO, Subject: subject, Format: protocol.FormatPersistent, Sessions: sessions,
		Issued: now, Ends: now.Add(5 * time.Minute), Signer: p.Signer, RelayState: "theirs",
	}
}

// Ended is its answer to a request of ours.
func (p *Provider) Ended(l Leaving) Goodbye {
	return Goodbye{
		Answer: true, ID: protocol.NewID(), Issuer: p.EntityID, Destination: p.Partner.SLO, InResponseTo: l.ID, Issued: p.Now(),
		Status: "Success", Signer: p.Signer, RelayState: l.RelayState,
	}
}

func (g Goodbye) element() *xmlsec.Element {
	name := "LogoutRequest"
	if g.Answer {
		name = "LogoutResponse"
	}
	samlp := func(local string) *xmlsec.Element { return element("samlp", samlpSpace, local) }
	root := samlp(name).Set("ID", g.ID).Set("Version", "2.0").Set("IssueInstant", stamp(g.Issued))
	for attribute, value := range map[string]string{"Destination": g.Destination, "InResponseTo": g.InResponseTo} {
		if value != "" {
			root.Set(attribute, value)
		}
	}
	if !g.Ends.IsZero() {
		root.Set("NotOnOrAfter", stamp(g.Ends))
	}
	root.Add(element("saml", samlSpace, "Issuer").Write(g.Issuer))
	if g.Answer {
		code := samlp("StatusCode").Set("Value", statuses+g.Status)
		if g.Second != "" {
			code.Add(samlp("StatusCode").Set("Value", statuses+g.Second))
		}
		return root.Add(samlp("Status").Add(code))
	}
	id := element("saml", samlSpace, "NameID").Set("Format", g.Format)
	if g.SPNameQualifier != "" {
		id.Set("SPNameQualifier", g.SPNameQualifier)
	}
	root.Add(id.Write(g.Subject))
	for _, session := range g.Sessions {
		root.Add(samlp("SessionIndex").Write(session))
	}
	return root
}

func (g Goodbye) field() string {
	if g.Answer {
		return "SAMLResponse"
	}
	return "SAMLRequest"
}

// XML is the message as a form carries it, signed in itself.
func (g Goodbye) XML(tb testing.TB) string {
	tb.Helper()
	root := g.element()
	if g.Signer != nil {
		must(tb, g.Signer.Sign(root, 1))
	}
	raw, err := root.Canonical()
	must(tb, err)
	return string(raw)
}

// Form is the message as the browser posts it.
func (g Goodbye) Form(tb testing.TB) url.Values {
	tb.Helper()
	out := url.Values{g.field(): {base64.StdEncoding.EncodeToString([]byte(g.XML(tb)))}}
	if g.RelayState != "" {
		out.Set("RelayState", g.RelayState)
	}
	return out
}

// Query is the message as a redirect carries it, signed over the query.
func (g Goodbye) Query(tb testing.TB) string {
	tb.Helper()
	raw, err := g.element().Canonical()
	must(tb, err)
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.DefaultCompression)
	must(tb, err)
	_, err = w.Write(raw)
	must(tb, err)
	must(tb, w.Close())
	query := g.field() + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if g.RelayState != "" {
		query += "&RelayState=" + url.QueryEscape(g.RelayState)
	}
	if g.Signer == nil {
		return query
	}
	query += "&SigAlg=" + url.QueryEscape(string(g.Signer.Algorithm()))
	signature, err := g.Signer.SignOctets([]byte(query))
	must(tb, err)
	return query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
}
