package saml

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parvis/internal/saml/protocol"
	"parvis/internal/upstream"
)

// soon is how long before the end of something an operator is told of it.
const soon = 30 * 24 * time.Hour

// examination collects findings.
type examination struct {
	p   *upstream.Provider
	idp *protocol.IdentityProvider
	now time.Time
	out []upstream.Finding
}

func (e *examination) wrong(format string, args ...any) {
	e.out = append(e.out, upstream.Finding{Wrong: true, Text: fmt.Sprintf(format, args...)})
}

func (e *examination) note(format string, args ...any) {
	e.out = append(e.out, upstream.Finding{Text: fmt.Sprintf(format, args...)})
}

// Examine fetches metadata and compares it with the settings.
func (c *Consumer) Examine(ctx context.Context, p *upstream.Provider) []upstream.Finding {
	e := &examination{p: p, now: c.Now()}
	if signing, err := c.signing(p); err != nil {
		e.wrong("our signing key: %v", err)
	} else {
		e.ours(signing)
		if _, err := c.Metadata(p); err != nil { // an address of ours that no partner would take
			e.wrong("our metadata: %v", err)
		}
	}
	idp, err := c.partner(ctx, p)
	if p.SAML.Known == nil {
		idp, err = c.fetch(ctx, p)
	}
	if err != nil {
		e.wrong("%s", reason(err))
		return e.out
	}
	e.idp = idp
	if err := c.Probe(ctx, p, true); err != nil {
		e.wrong("%s", reason(err))
	}
	e.validity()
	e.keys()
	e.addresses()
	e.names()
	return e.out
}

// reason is the text of an error for the operator.
func reason(err error) string {
	if e, ok := errors.AsType[*upstream.Error](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// ours are the keys that the partner must know of us.
func (e *examination) ours(signing []*x509.Certificate) {
	if e.p.SAML.Signing == nil {
		e.note("our requests are signed with the deployment's key, which changes by itself (keyring.rotate_every): the partner must read our metadata again by itself; else give saml.private_key_file")
		return
	}
	e.dates("our certificate", signing)
}

// dates tells of certificates that have ended or end soon. What partners make of that differs.
func (e *examination) dates(what string, certificates []*x509.Certificate) {
	for _, one := range certificates {
		end := one.NotAfter.UTC().Format(time.DateOnly)
		switch {
		case e.now.After(one.NotAfter):
			e.note("%s %s: its date ended on %s; the key in it counts, and is still used", what, number(one), end)
		case e.now.Add(soon).After(one.NotAfter):
			e.note("%s %s: its date ends on %s", what, number(one), end)
		}
	}
}

// number is how a certificate is told from others.
func number(one *x509.Certificate) string { return fmt.Sprintf("%.40X", one.SerialNumber) }

func (e *examination) validity() {
	switch {
	case e.idp.ValidUntil.IsZero():
	case e.idp.ValidUntil.Sub(e.now) < soon:
		e.note("metadata: valid until %s only", e.idp.ValidUntil.UTC().Format(time.RFC3339))
	}
	switch {
	case e.p.SAML.MetadataURL != "" && len(e.p.SAML.MetadataKeys) == 0:
		e.note("metadata: believed because of its address; saml.metadata_certificate_file pins who must have signed it")
	case e.p.SAML.MetadataURL == "":
		e.note("metadata: stands in the settings; a change of the partner's keys has to be brought here by hand")
	}
}

func (e *examination) keys() {
	e.note("keys: %d usable for signatures", len(e.idp.Signing))
	e.dates("certificate", e.idp.Signing)
}

func (e *examination) addresses() {
	to, ok := signOn(e.p, e.idp)
	if !ok {
		e.wrong("saml.binding: the partner offers no sign-in by %s: %s", short(e.p.SAML.Binding), bindings(e.idp.SignOn))
		return
	}
	e.note("requests go by %s to %.200s", short(to.Binding), to.Location)
	if to.Binding == protocol.PostBinding {
		e.note("a form is posted: browsers stop it if the partner answers it with a redirect to another of its hosts; saml.binding: redirect avoids that where it is offered")
	}
	switch to, ok := logoutOf(e.p, e.idp, e.p.SAML.Binding); {
	case ok:
		e.note("signing out there, too, is offered, and the partner can sign people out here: messages go by %s to %.200s", short(to.Binding), to.Location)
	case e.p.SAML.Logout != upstream.Off:
		e.note("the partner has no address for logout by redirect or form: signing out there, too, is not offered")
	}
}

func (e *examination) names() {
	formats := e.idp.NameIDFormats
	if len(formats) > 0 && !slices.Contains(formats, e.p.SAML.NameID) {
		e.wrong("saml.name_id: %s is not among the formats of the partner: %.300s", e.p.SAML.NameID, strings.Join(formats, ", "))
	}
	if e.p.SAML.NameID != protocol.FormatPersistent {
		e.note("saml.name_id: make sure that the partner never gives one name to two people, and never another one to the same")
	}
	switch e.p.SAML.Encryption {
	case upstream.Off:
		e.note("saml.encryption is off: the person's browser carries the assertion in clear")
	case upstream.Offered:
		e.note("saml.encryption: offered also takes assertions in clear; on demands that they are encrypted")
	case upstream.On:
	}
	if e.p.SAML.CBC {
		e.note("saml.cbc: AES-CBC is taken inside signed responses; remove it once the partner encrypts with AES-GCM")
	}
	for value := range e.p.Worth.ACR {
		if len(e.p.SAML.Contexts) > 0 && e.p.Worth.ACR[value] > e.p.Worth.Cap {
			e.note("worth.acr: %q is worth no more than worth.cap (%v) says", value, e.p.Worth.Cap)
		}
	}
}

// short is a binding in the words of the settings.
func short(b protocol.Binding) string {
	switch b {
	case protocol.RedirectBinding:
		return "redirect"
	case protocol.PostBinding:
		return "post"
	}
	return "redirect or post"
}

func bindings(of []protocol.Endpoint) string {
	var out []string
	for _, e := range of {
		out = append(out, short(e.Binding))
	}
	return strings.Join(out, ", ")
}
