package protocol

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// good is what the answer of these tests says.
func good() *Assertion {
	return &Assertion{
		ID: "_assertion", Issuer: partner, NameID: NameID{Value: "person", Format: FormatPersistent},
		ACR: "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken", AuthTime: time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC),
		NotOnOrAfter: time.Date(2026, 3, 1, 12, 5, 30, 0, time.UTC), SessionIndex: "_session",
		SessionNotOnOrAfter: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC),
	}
}

func TestAnAssertionIsReadWhereverSAMLAllowsTheSignature(t *testing.T) {
	for _, response := range []bool{false, true} {
		for _, assertion := range []bool{false, true} {
			for _, encrypted := range []bool{false, true} {
				h := how{response: response, assertion: assertion, encrypted: encrypted}
				text := protect(t, answer, h)
				for demand := range 8 {
					tr := trust(t)
					tr.ResponseSigned, tr.AssertionSigned, tr.AssertionEncrypted = demand&1 > 0, demand&2 > 0, demand&4 > 0
					got, err := consume(text, tr, expect())
					switch {
					case !response && !assertion, tr.ResponseSigned && !response, tr.AssertionSigned && !assertion, tr.AssertionEncrypted && !encrypted:
						if !isReason(err, Unsigned) && !isReason(err, Undecryptable) {
							t.Errorf("%+v, demand %d: %v, %v", h, demand, got, err)
						}
					default:
						if err != nil {
							t.Errorf("%+v, demand %d: %v", h, demand, err)
						} else if diff := cmp.Diff(good(), got); diff != "" {
							t.Errorf("%+v:\n%s", h, diff)
						}
					}
				}
			}
		}
	}
}

func TestAnswersOfProductsAreRead(t *testing.T) {
	files, err := filepath.Glob("testdata/products/*.xml")
	if err != nil || len(files) < 5 {
		t.Fatalf("only %d files: %v", len(files), err)
	}
	subjects := map[string]string{
		"simplesamlphp": "_ce3d2948b4cf20146dee0a0b3dd6f69b6cf86f62d7", "shibboleth": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
		"shibboleth-cbc": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "keycloak": "G-2a5b2c8e-7f45-4c07-95f3-1c7a4c9e0f1d",
		"opensaml": "c2f1b9d04e7a4f7c", "entra": "4bOq5DpXK1kXvhYlHkKkJ3yPq7Q8rTn0wV2zA6sE1cU",
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tr := trust(t)
		tr.Keys = []crypto.PublicKey{certificate(t, "p384").PublicKey, certificate(t, "rsa").PublicKey}
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		if name == "shibboleth-cbc" {
			if _, err := consume(string(raw), tr, expect()); !isReason(err, Undecryptable) {
				t.Errorf("AES-CBC was read without being allowed: %v", err)
			}
			tr.CBC = true
		}
		x := expect()
		x.Formats = []string{FormatPersistent}
		got, err := consume(string(raw), tr, x)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got.NameID.Value != subjects[name] || got.Issuer != partner || got.ACR == "" || got.AuthTime.IsZero() {
			t.Errorf("%s: %+v", file, got)
		}
		tr.Keys = tr.Keys[:1]
		if _, err := consume(string(raw), tr, x); !isReason(err, BadSignature) {
			t.Errorf("%s: with a foreign key: %v", file, err)
		}
	}
}

func TestCBCIsReadOnlyUnderASignatureThatIsGood(t *testing.T) {
	raw, err := os.ReadFile("testdata/products/shibboleth-cbc.xml")
	if err != nil {
		t.Fatal(err)
	}
	tr := trust(t)
	tr.Keys, tr.CBC = []crypto.PublicKey{certificate(t, "rsa").PublicKey}, true
	text := string(raw)
	if _, err := consume(strings.Replace(text, between(t, text, "<ds:Signature ", "<saml2p:Status>"), "", 1), tr, expect()); !isReason(err, Undecryptable) {
		t.Errorf("an unsigned ciphertext was worked on: %v", err)
	}
	last := strings.LastIndex(text, "</xenc:CipherValue>")
	if _, err := consume(text[:last-4]+"AAAA"+text[last:], tr, expect()); !isReason(err, BadSignature) {
		t.Errorf("a changed ciphertext was worked on: %v", err)
	}
}

// broken are answers that break one rule, with the rule's reason.
var broken = []struct {
	name   string
	change []string
	want   Reason
}{
	{"version of the response", []string{`Version="2.0"`, `Version="1.1"`}, WrongVersion},
	{"version of the assertion", []string{`ID="_assertion" Version="2.0"`, `ID="_assertion" Version="2.1"`}, WrongVersion},
	{"no version", []string{` Version="2.0"`, ``}, WrongVersion},
	{"destination", []string{`Destination="https://signin.example.ca/saml/acs"`, `Destination="https://signin.example.ca/saml/acs2"`}, WrongDestination},
	{"destination in capitals", []string{`Destination="https://signin.example.ca/saml/acs"`, `Destination="https://SIGNIN.example.ca/saml/acs"`}, WrongDestination},
	{"no destination", []string{` Destination="https://signin.example.ca/saml/acs"`, ``}, WrongDestination},
	{"issuer of the response", []string{`>https://partner.example/idp<`, `>https://evil.example/idp<`}, WrongIssuer},
	{"no issuer of the response", []string{`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://partner.example/idp</saml:Issuer>`, ``}, WrongIssuer},
	{"issuer of the assertion", []string{`<saml:Issuer>https://partner.example/idp<`, `<saml:Issuer>https://evil.example/idp<`}, WrongIssuer},
	{"issuer with a slash more", []string{`<saml:Issuer>https://partner.example/idp<`, `<saml:Issuer>https://partner.example/idp/<`}, WrongIssuer},
	{"issuer of another format", []string{`<saml:Issuer>`, `<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">`}, WrongIssuer},
	{"no issuer of the assertion", []string{`<saml:Issuer>https://partner.example/idp</saml:Issuer>`, ``}, Malformed},
	{"answers another request", []string{`InResponseTo="_request"`, `InResponseTo="_other"`}, WrongRequest},
	{"answers none", []string{` InResponseTo="_request"`, ``}, WrongRequest},
	{"answers an empty one", []string{`InResponseTo="_request"`, `InResponseTo=""`}, WrongRequest},
	{"confirmation answers another request", []string{`acs" InResponseTo="_request"/>`, `acs" InResponseTo="_other"/>`}, WrongRequest},
	{"confirmation answers none", []string{`acs" InResponseTo="_request"/>`, `acs"/>`}, WrongRequest},
	{"recipient", []string{`Recipient="https://signin.example.ca/saml/acs"`, `Recipient="https://other.example.ca/saml/acs"`}, WrongRecipient},
	{"no recipient", []string{` Recipient="https://signin.example.ca/saml/acs"`, ``}, WrongRecipient},
	{"no confirmation data", []string{`<saml:SubjectConfirmationData NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="https://signin.example.ca/saml/acs" InResponseTo="_request"/>`, ``}, WrongRecipient},
	{"holder of key", []string{`cm:bearer`, `cm:holder-of-key`}, WrongRecipient},
	{"confirmation ended", []string{`NotOnOrAfter="2026-03-01T12:05:00Z"`, `NotOnOrAfter="2026-03-01T11:59:40Z"`}, Expired},
	{"confirmation without an end", []string{` NotOnOrAfter="2026-03-01T12:05:00Z"`, ``}, Malformed},
	{"confirmation with NotBefore", []string{`NotOnOrAfter="2026-03-01T12:05:00Z"`, `NotBefore="2026-03-01T12:00:00Z" NotOnOrAfter="2026-03-01T12:05:00Z"`}, Malformed},
	{"audience", []string{`<saml:Audience>https://signin.example.ca/saml<`, `<saml:Audience>https://other.example.ca/saml<`}, WrongAudience},
	{"audience as a prefix", []string{`<saml:Audience>https://signin.example.ca/saml<`, `<saml:Audience>https://signin.example.ca/saml.evil.example<`}, WrongAudience},
	{"no audience", []string{`<saml:AudienceRestriction><saml:Audience>https://signin.example.ca/saml</saml:Audience></saml:AudienceRestriction>`, ``}, WrongAudience},
	{"a second restriction without us", []string{`</saml:AudienceRestriction>`, `</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://other.example.ca</saml:Audience></saml:AudienceRestriction>`}, WrongAudience},
	{"empty restriction", []string{`<saml:Audience>https://signin.example.ca/saml</saml:Audience>`, ``}, Malformed},
	{"conditions begin later", []string{`NotBefore="2026-03-01T12:00:00Z" NotOnOrAfter="2026-03-01T12:10:00Z"`, `NotBefore="2026-03-01T12:00:41Z" NotOnOrAfter="2026-03-01T12:10:00Z"`}, NotYetValid},
	{"conditions ended", []string{`NotBefore="2026-03-01T12:00:00Z" NotOnOrAfter="2026-03-01T12:10:00Z"`, `NotOnOrAfter="2026-03-01T11:59:40Z"`}, Expired},
	{"conditions end before they begin", []string{`NotOnOrAfter="2026-03-01T12:10:00Z"`, `NotOnOrAfter="2026-03-01T12:00:00Z"`}, Malformed},
	{"unknown condition", []string{`<saml:AudienceRestriction>`, `<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="saml:Other"/><saml:AudienceRestriction>`}, UnknownCondition},
	{"foreign condition", []string{`<saml:AudienceRestriction>`, `<x:Delegates xmlns:x="urn:x"/><saml:AudienceRestriction>`}, UnknownCondition},
	{"may not be passed on", []string{`<saml:AudienceRestriction>`, `<saml:ProxyRestriction Count="0"/><saml:AudienceRestriction>`}, NotPassedOn},
	{"no conditions", []string{`<saml:Conditions NotBefore="2026-03-01T12:00:00Z" NotOnOrAfter="2026-03-01T12:10:00Z"><saml:AudienceRestriction><saml:Audience>https://signin.example.ca/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions>`, ``}, WrongAudience},
	{"response from the future", []string{`IssueInstant="2026-03-01T12:00:00Z"`, `IssueInstant="2026-03-01T12:00:41Z"`}, NotYetValid},
	{"response too old", []string{`IssueInstant="2026-03-01T12:00:00Z"`, `IssueInstant="2026-03-01T10:59:40Z"`}, Expired},
	{"assertion from the future", []string{`IssueInstant="2026-03-01T12:00:01Z"`, `IssueInstant="2026-03-01T12:00:41Z"`}, NotYetValid},
	{"assertion too old", []string{`IssueInstant="2026-03-01T12:00:01Z"`, `IssueInstant="2026-03-01T10:59:40Z"`}, Expired},
	{"no time of issue", []string{` IssueInstant="2026-03-01T12:00:01Z"`, ``}, Malformed},
	{"time with a zone", []string{`IssueInstant="2026-03-01T12:00:01Z"`, `IssueInstant="2026-03-01T12:00:01+00:00"`}, Malformed},
	{"time without a zone", []string{`NotOnOrAfter="2026-03-01T12:05:00Z"`, `NotOnOrAfter="2026-03-01T12:05:00"`}, Malformed},
	{"time that is none", []string{`NotOnOrAfter="2026-03-01T12:10:00Z"`, `NotOnOrAfter="never"`}, Malformed},
	{"empty time", []string{`NotOnOrAfter="2026-03-01T12:10:00Z"`, `NotOnOrAfter=""`}, Malformed},
	{"no ID", []string{` ID="_assertion"`, ``}, Malformed},
	{"no subject", []string{`<saml:Subject>`, `<saml:Advice><saml:Subject>`, `</saml:Subject>`, `</saml:Subject></saml:Advice>`}, Malformed},
	{"nobody", []string{`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">person</saml:NameID>`, ``}, WrongSubject},
	{"empty name", []string{`>person<`, `> <`}, WrongSubject},
	{"name with a line end", []string{`>person<`, ">per\nson<"}, WrongSubject},
	{"name with an element", []string{`>person<`, `>per<saml:x/>son<`}, Malformed},
	{"name that is too long", []string{`>person<`, `>` + strings.Repeat("p", 257) + `<`}, WrongSubject},
	{"name of another issuer", []string{`persistent">`, `persistent" NameQualifier="https://evil.example">`}, WrongSubject},
	{"name for another service", []string{`persistent">`, `persistent" SPNameQualifier="https://other.example.ca">`}, WrongSubject},
	{"two names", []string{`</saml:NameID>`, `</saml:NameID><saml:NameID>other</saml:NameID>`}, Malformed},
	{"base identifier", []string{`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">person</saml:NameID>`, `<saml:BaseID/>`}, WrongSubject},
	{"no statement", []string{`<saml:AuthnStatement AuthnInstant="2026-03-01T11:59:00Z" SessionIndex="_session" SessionNotOnOrAfter="2026-03-01T20:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`, ``}, Malformed},
	{"two statements", []string{`</saml:AuthnStatement>`, `</saml:AuthnStatement><saml:AuthnStatement AuthnInstant="2026-03-01T11:59:00Z"><saml:AuthnContext/></saml:AuthnStatement>`}, Malformed},
	{"statement without context", []string{`<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken</saml:AuthnContextClassRef></saml:AuthnContext>`, ``}, Malformed},
	{"statement without time", []string{` AuthnInstant="2026-03-01T11:59:00Z"`, ``}, Malformed},
	{"signed in in the future", []string{`AuthnInstant="2026-03-01T11:59:00Z"`, `AuthnInstant="2026-03-01T12:00:41Z"`}, NotYetValid},
	{"their session ended", []string{`SessionNotOnOrAfter="2026-03-01T20:00:00Z"`, `SessionNotOnOrAfter="2026-03-01T11:59:40Z"`}, Expired},
	{"session index with a line end", []string{`SessionIndex="_session"`, `SessionIndex="_ses&#10;sion"`}, Malformed},
	{"two assertions", []string{`</samlp:Response>`, replacedConst(assertionText, `_assertion`, `_second`) + `</samlp:Response>`}, Malformed},
	{"no assertion", []string{assertionText, ``}, Malformed},
	{"no status", []string{`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`, ``}, Malformed},
	{"unknown status", []string{`status:Success`, `status:Fine`}, Malformed},
	{"status of another name", []string{`urn:oasis:names:tc:SAML:2.0:status:Success`, `Success`}, Malformed},
	{"assertion before status", []string{`<samlp:Status>`, assertionText + `<samlp:Status>`, assertionText + `</samlp:Response>`, `</samlp:Response>`}, Malformed},
	{"text in between", []string{`<samlp:Status>`, `x<samlp:Status>`}, Malformed},
	{"unknown element in the response", []string{`<samlp:Status>`, `<samlp:Other/><samlp:Status>`}, Malformed},
	{"unknown element in the assertion", []string{`<saml:Conditions`, `<saml:Other/><saml:Conditions`}, Malformed},
	{"two statuses", []string{`<samlp:Status>`, `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/></samlp:Status><samlp:Status>`}, Malformed},
	{"response in another namespace", []string{`xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"`, `xmlns:samlp="urn:oasis:names:tc:SAML:1.0:protocol"`}, Malformed},
	{"artifact response", []string{`<samlp:Response `, `<samlp:ArtifactResponse `, `</samlp:Response>`, `</samlp:ArtifactResponse>`}, Malformed},
}

func replacedConst(text, from, to string) string { return strings.ReplaceAll(text, from, to) }

func TestEachRuleOfAnAnswerIsKept(t *testing.T) {
	for _, b := range broken {
		for _, h := range []how{{response: true}, {response: true, assertion: true}} {
			text := replaced(t, answer, b.change...)
			if h.assertion && b.name == "no ID" { // cannot be signed
				continue
			}
			got, err := consume(protect(t, text, h), trust(t), expect())
			if !isReason(err, b.want) {
				t.Errorf("%s, %+v: want %s, got %v, %v", b.name, h, b.want, got, err)
			}
		}
	}
}

func TestWhatSAMLAllowsIsRead(t *testing.T) {
	for name, change := range map[string][]string{
		"several audiences":        {`<saml:Audience>`, `<saml:Audience>https://other.example.ca</saml:Audience><saml:Audience>`},
		"two restrictions with us": {`</saml:AudienceRestriction>`, `</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://signin.example.ca/saml</saml:Audience></saml:AudienceRestriction>`},
		"another confirmation":     {`<saml:SubjectConfirmation `, `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"/><saml:SubjectConfirmation `},
		"an ended one beside":      {`<saml:SubjectConfirmation `, `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-03-01T11:05:00Z" Recipient="https://signin.example.ca/saml/acs" InResponseTo="_request"/></saml:SubjectConfirmation><saml:SubjectConfirmation `},
		"qualifiers that are ours": {`persistent">`, `persistent" NameQualifier="https://partner.example/idp" SPNameQualifier="https://signin.example.ca/saml">`},
		"white space":              {`<samlp:Status>`, "\r\n\t <samlp:Status>\n"},
		"fractions":                {`2026-03-01T12:05:00Z`, `2026-03-01T12:05:00.0000001Z`},
		"attributes":               {`<saml:AuthnStatement`, `<saml:AttributeStatement><saml:Attribute Name="x"><saml:AttributeValue>y</saml:AttributeValue></saml:Attribute></saml:AttributeStatement><saml:AuthnStatement`},
		"consent and extensions":   {` InResponseTo="_request">`, ` InResponseTo="_request" Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained">`, `<samlp:Status>`, `<samlp:Extensions><x xmlns="urn:x"/></samlp:Extensions><samlp:Status>`},
		"an authority behind":      {`</saml:AuthnContextClassRef>`, `</saml:AuthnContextClassRef><saml:AuthenticatingAuthority>https://bank.example</saml:AuthenticatingAuthority>`},
		"clocks that differ":       {`NotBefore="2026-03-01T12:00:00Z"`, `NotBefore="2026-03-01T12:00:40Z"`},
		"a status message":         {`</samlp:Status>`, `<samlp:StatusMessage>fine</samlp:StatusMessage></samlp:Status>`},
	} {
		if _, err := consume(protect(t, replaced(t, answer, change...), how{response: true, assertion: true}), trust(t), expect()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := consume(protect(t, replaced(t, answer, `<saml:AudienceRestriction>`, `<saml:OneTimeUse/><saml:AudienceRestriction>`), how{assertion: true}), trust(t), expect())
	if err != nil || !got.OneTimeUse {
		t.Errorf("one-time use was not noted: %v", err)
	}
	unsigned := replaced(t, answer, ` Destination="https://signin.example.ca/saml/acs"`, ``, `<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://partner.example/idp</saml:Issuer>`, ``)
	if _, err := consume(protectAssertion(t, unsigned), trust(t), expect()); err != nil {
		t.Errorf("an unsigned response without issuer and destination: %v", err)
	}
}

// protectAssertion signs the assertion of a response that has no issuer.
func protectAssertion(t *testing.T, text string) string {
	t.Helper()
	return protect(t, text, how{assertion: true})
}

func TestWhatWasAskedForIsWhatIsTaken(t *testing.T) {
	text := protect(t, answer, how{assertion: true})
	for name, c := range map[string]struct {
		change func(*Expect)
		want   Reason
	}{
		"signed in too long ago":      {func(x *Expect) { x.MaxAuthAge = 30 * time.Second }, StaleSignIn},
		"another context":             {func(x *Expect) { x.Contexts = []string{"urn:oasis:names:tc:SAML:2.0:ac:classes:Password"} }, WrongContext},
		"another format":              {func(x *Expect) { x.Formats = []string{FormatTransient, FormatEmail} }, WrongSubject},
		"unsolicited and it answers":  {func(x *Expect) { x.RequestID, x.AllowUnsolicited = "", true }, WrongRequest},
		"another time, before":        {func(x *Expect) { x.Now = moment.Add(-time.Hour) }, NotYetValid},
		"another time, after":         {func(x *Expect) { x.Now = moment.Add(6 * time.Minute) }, Expired},
		"another audience":            {func(x *Expect) { x.Audience = "https://signin.example.ca" }, WrongAudience},
		"another issuer":              {func(x *Expect) { x.Issuer = "https://partner.example" }, WrongIssuer},
		"another address":             {func(x *Expect) { x.Recipient = acs + "/" }, WrongDestination},
		"another request":             {func(x *Expect) { x.RequestID = "_request2" }, WrongRequest},
		"the request in another case": {func(x *Expect) { x.RequestID = "_REQUEST" }, WrongRequest},
	} {
		x := expect()
		c.change(&x)
		if got, err := consume(text, trust(t), x); !isReason(err, c.want) {
			t.Errorf("%s: want %s, got %v, %v", name, c.want, got, err)
		}
	}
	x := expect()
	x.MaxAuthAge, x.Contexts, x.Formats = 2*time.Minute, []string{"x", "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken"}, []string{FormatPersistent}
	if _, err := consume(text, trust(t), x); err != nil {
		t.Errorf("what was asked for: %v", err)
	}
	unsolicited := replaced(t, answer, ` InResponseTo="_request">`, `>`, ` InResponseTo="_request"/>`, `/>`)
	x = expect()
	x.RequestID, x.AllowUnsolicited = "", true
	if _, err := consume(protect(t, unsolicited, how{assertion: true}), trust(t), x); err != nil {
		t.Errorf("unsolicited: %v", err)
	}
	if _, err := consume(protect(t, unsolicited, how{assertion: true}), trust(t), expect()); !isReason(err, WrongRequest) {
		t.Errorf("unsolicited in the place of an answer: %v", err)
	}
}

func TestTheEndOfAnAssertionIsTheMomentFromWhichItIsRefused(t *testing.T) {
	for _, change := range [][]string{
		{`2026-03-01T12:05:00Z`, `2026-03-01T12:03:00Z`},
		{`2026-03-01T12:10:00Z`, `2026-03-01T12:02:00Z`},
		{`2026-03-01T12:05:00Z`, `2030-03-01T12:05:00Z`, `2026-03-01T12:10:00Z`, `2030-03-01T12:10:00Z`, `SessionNotOnOrAfter="2026-03-01T20:00:00Z"`, `SessionNotOnOrAfter="2031-03-01T20:00:00Z"`},
	} {
		// Only the assertion's own rules: the response's time goes along.
		text := replaced(t, answer, change...)
		x := expect()
		got, err := consume(protect(t, text, how{assertion: true}), trust(t), x)
		if err != nil {
			t.Fatal(err)
		}
		at := func(now time.Time) error {
			x.Now = now
			_, err := consume(protect(t, replaced(t, text, `IssueInstant="2026-03-01T12:00:00Z"`, `IssueInstant="`+now.Truncate(time.Second).Format("2006-01-02T15:04:05Z")+`"`), how{assertion: true}), trust(t), x)
			return err
		}
		if err := at(got.NotOnOrAfter); !isReason(err, Expired) {
			t.Errorf("%v: still taken at its end: %v", change, err)
		}
		if err := at(got.NotOnOrAfter.Add(-time.Millisecond)); err != nil {
			t.Errorf("%v: refused before its end: %v", change, err)
		}
	}
}

func TestAResponseIsNotReadWithoutExpectations(t *testing.T) {
	text := protect(t, answer, how{response: true})
	for name, change := range map[string]func(*Expect){
		"issuer":            func(x *Expect) { x.Issuer = "" },
		"audience":          func(x *Expect) { x.Audience = "" },
		"recipient":         func(x *Expect) { x.Recipient = "" },
		"time":              func(x *Expect) { x.Now = time.Time{} },
		"request":           func(x *Expect) { x.RequestID = "" },
		"both":              func(x *Expect) { x.AllowUnsolicited = true },
		"clocks":            func(x *Expect) { x.Skew = time.Hour },
		"clocks, reversed":  func(x *Expect) { x.Skew = -time.Second },
		"age of the future": func(x *Expect) { x.MaxAuthAge = -1 },
	} {
		x := expect()
		change(&x)
		_, err := consume(text, trust(t), x)
		if e := (*Error)(nil); err == nil || errors.As(err, &e) {
			t.Errorf("%s: read, or taken for a fault of the partner: %v", name, err)
		}
	}
}

func TestAPartnersNoIsTold(t *testing.T) {
	status := func(upper, lower string) string {
		inner := `<samlp:StatusCode Value="` + upper + `"/>`
		if lower != "" {
			inner = `<samlp:StatusCode Value="` + upper + `"><samlp:StatusCode Value="` + lower + `"/></samlp:StatusCode>`
		}
		return replaced(t, answer, `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>`, inner+`<samlp:StatusMessage>secret words</samlp:StatusMessage>`, assertionText, ``)
	}
	for _, c := range []struct{ upper, lower, wantUpper, want string }{
		{"Responder", "AuthnFailed", "Responder", "AuthnFailed"},
		{"Responder", "NoPassive", "Responder", "NoPassive"},
		{"Responder", "RequestDenied", "Responder", "RequestDenied"},
		{"Requester", "NoAuthnContext", "Requester", "NoAuthnContext"},
		{"Responder", "UnknownPrincipal", "Responder", "UnknownPrincipal"},
		{"Requester", "InvalidNameIDPolicy", "Requester", "InvalidNameIDPolicy"},
		{"VersionMismatch", "", "VersionMismatch", "VersionMismatch"},
		{"Responder", "", "Responder", "Responder"},
		{"Responder", "Surprise", "Responder", "other"},
	} {
		lower := ""
		if c.lower != "" {
			lower = statusPrefix + c.lower
		}
		for _, signed := range []bool{false, true} {
			_, err := consume(protect(t, status(statusPrefix+c.upper, lower), how{response: signed}), trust(t), expect())
			var no *StatusError
			if !errors.As(err, &no) || string(no.Upper) != c.wantUpper || string(no.Status) != c.want || no.Signed != signed {
				t.Errorf("%+v, signed %v: %v", c, signed, err)
			} else if strings.Contains(err.Error(), "secret") {
				t.Errorf("the partner's words are repeated: %v", err)
			}
		}
	}
	no := status(statusPrefix+"Responder", "urn:example:own")
	var told *StatusError
	if _, err := consume(no, trust(t), expect()); !errors.As(err, &told) || told.Status != StatusOther {
		t.Errorf("a status of their own: %v", err)
	}
	// A no is held to the rules of every answer.
	if _, err := consume(replaced(t, no, `InResponseTo="_request"`, `InResponseTo="_other"`), trust(t), expect()); !isReason(err, WrongRequest) {
		t.Errorf("a no to another request: %v", err)
	}
	if _, err := consume(protect(t, no, how{response: true, by: "p384"}), trust(t), expect()); !isReason(err, BadSignature) {
		t.Errorf("a no with a foreign signature: %v", err)
	}
	demanding := trust(t)
	demanding.ResponseSigned = true
	if _, err := consume(no, demanding, expect()); !isReason(err, Unsigned) {
		t.Errorf("an unsigned no where signatures are demanded: %v", err)
	}
}

func TestAResponseComesByFormAndInItsField(t *testing.T) {
	text := protect(t, answer, how{response: true})
	m, err := newMessage([]byte(text), RedirectBinding, true, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadResponse(m, trust(t), expect()); !isReason(err, Malformed) {
		t.Errorf("by redirect: %v", err)
	}
	if m, err = newMessage([]byte(text), PostBinding, false, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadResponse(m, trust(t), expect()); !isReason(err, Malformed) {
		t.Errorf("as a request: %v", err)
	}
	if got := m.Claims(); got != (Claims{Name: "Response", Issuer: partner, InResponseTo: "_request"}) {
		t.Errorf("it claims %+v", got)
	}
}

func TestALogShowsNothingOfThePerson(t *testing.T) {
	got, err := consume(protect(t, answer, how{assertion: true}), trust(t), expect())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("read", "trust", trust(t), "assertion", got, "name", got.NameID, "request", LogoutRequest{NameID: got.NameID, SessionIndexes: []string{"_session"}})
	text := out.String() + fmt.Sprint(got.NameID) + fmt.Sprintf("%v", *got)
	if strings.Contains(text, "person") {
		t.Errorf("the person is in the log: %s", text)
	}
	if private := key(t, "rsa").(*rsa.PrivateKey).D.String(); strings.Contains(text+fmt.Sprintf("%v", trust(t)), private[:20]) {
		t.Error("a private key is in the log")
	}
	if !strings.Contains(text, "_assertion") {
		t.Errorf("the assertion is not in the log: %s", text)
	}
}

// FuzzReadResponse holds that no bytes are taken for an answer but those that say what was signed.
func FuzzReadResponse(f *testing.F) {
	tr, x := trust(f), expect()
	for _, h := range []how{{response: true}, {assertion: true}, {response: true, assertion: true}, {response: true, encrypted: true}, {assertion: true, encrypted: true}} {
		f.Add([]byte(protect(f, answer, h)))
	}
	f.Add([]byte(answer))
	want := good()
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := consume(string(raw), tr, x)
		if err != nil {
			var no *StatusError
			if e := (*Error)(nil); !errors.As(err, &e) && !errors.As(err, &no) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("taken, but never signed:\n%s", diff)
		}
	})
}
