package protocol

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/xmlsec"
)

// theirs is the partner's logout request to us; ours would name partner and us the other way round.
func theirs() LogoutRequest {
	return LogoutRequest{
		ID: "_logout", IssueInstant: moment, Destination: slo, Issuer: partner, NotOnOrAfter: moment.Add(5 * time.Minute),
		NameID: NameID{Value: "person", Format: FormatPersistent, NameQualifier: partner, SPNameQualifier: us}, SessionIndexes: []string{"_one", "_two"},
	}
}

func expectLogout() ExpectLogout {
	return ExpectLogout{Issuer: partner, Audience: us, Destination: slo, RequestID: "_logout", Now: moment, Skew: 30 * time.Second}
}

// arrived delivers what one party sends to the other, by either binding.
func arrived(t *testing.T, binding Binding, location string, form Form) *Message {
	t.Helper()
	var m *Message
	var err error
	switch {
	case binding == RedirectBinding:
		m, err = DecodeRedirect(queryOf(t, location))
	case form.Field == "SAMLResponse":
		m, err = DecodePost("", form.Value, form.RelayState)
	default:
		m, err = DecodePost(form.Value, "", form.RelayState)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestALogoutRequestIsReadByBothBindings(t *testing.T) {
	for _, binding := range []Binding{RedirectBinding, PostBinding} {
		location, err := theirs().Redirect("state", signer(t, "p256"))
		if err != nil {
			t.Fatal(err)
		}
		form, err := theirs().Post("state", signer(t, "p256"))
		if err != nil {
			t.Fatal(err)
		}
		m := arrived(t, binding, location, form)
		if m.RelayState != "state" || m.Claims() != (Claims{Name: "LogoutRequest", Issuer: partner}) {
			t.Errorf("%s: %+v", binding, m.Claims())
		}
		got, err := ReadLogoutRequest(m, trust(t), expectLogout())
		if err != nil {
			t.Fatalf("%s: %v", binding, err)
		}
		want := theirs()
		want.NotOnOrAfter = want.NotOnOrAfter.Add(30 * time.Second)
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s:\n%s", binding, diff)
		}
		if _, err := ReadLogoutRequest(m, trustIn(t, "rsa"), expectLogout()); !isReason(err, BadSignature) {
			t.Errorf("%s: with a foreign key: %v", binding, err)
		}
		if _, err := ReadLogoutResponse(m, trust(t), expectLogout()); !isReason(err, Malformed) {
			t.Errorf("%s: a request was read as an answer: %v", binding, err)
		}
	}
}

// logoutText is a logout request as text, to be changed and signed.
const logoutText = `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_logout" Version="2.0" IssueInstant="2026-03-01T12:00:00Z" Destination="https://signin.example.ca/saml/slo" NotOnOrAfter="2026-03-01T12:05:00Z"><saml:Issuer>https://partner.example/idp</saml:Issuer><saml:NameID>person</saml:NameID><samlp:SessionIndex>_one</samlp:SessionIndex></samlp:LogoutRequest>`

// signedPost signs the text of a message and delivers it by form.
func signedPost(t testing.TB, text, by string, answers bool) (*Message, error) {
	t.Helper()
	root := parse(t, text)
	if by != "" {
		sign(t, root, by, 1)
	}
	value := base64.StdEncoding.EncodeToString([]byte(write(t, root)))
	if answers {
		return DecodePost("", value, "")
	}
	return DecodePost(value, "", "")
}

func TestEachRuleOfALogoutRequestIsKept(t *testing.T) {
	read := func(text, by string) (*LogoutRequest, error) {
		m, err := signedPost(t, text, by, false)
		if err != nil {
			return nil, err
		}
		return ReadLogoutRequest(m, trust(t), expectLogout())
	}
	if _, err := read(logoutText, "p256"); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	if _, err := read(logoutText, ""); !isReason(err, Unsigned) {
		t.Errorf("unsigned: %v", err)
	}
	if _, err := read(logoutText, "rsa"); !isReason(err, BadSignature) {
		t.Errorf("signed by another partner: %v", err)
	}
	for name, c := range map[string]struct {
		change []string
		want   Reason
	}{
		"version":            {[]string{`Version="2.0"`, `Version="1.1"`}, WrongVersion},
		"destination":        {[]string{`/saml/slo"`, `/saml/acs"`}, WrongDestination},
		"no destination":     {[]string{` Destination="https://signin.example.ca/saml/slo"`, ``}, WrongDestination},
		"issuer":             {[]string{`>https://partner.example/idp<`, `>https://evil.example/idp<`}, WrongIssuer},
		"no issuer":          {[]string{`<saml:Issuer>https://partner.example/idp</saml:Issuer>`, ``, `</samlp:LogoutRequest>`, `<samlp:SessionIndex>_x</samlp:SessionIndex></samlp:LogoutRequest>`}, Malformed},
		"expired":            {[]string{`NotOnOrAfter="2026-03-01T12:05:00Z"`, `NotOnOrAfter="2026-03-01T11:59:40Z"`}, Expired},
		"old":                {[]string{`IssueInstant="2026-03-01T12:00:00Z"`, `IssueInstant="2026-03-01T10:00:00Z"`}, Expired},
		"from the future":    {[]string{`IssueInstant="2026-03-01T12:00:00Z"`, `IssueInstant="2026-03-01T12:01:00Z"`}, NotYetValid},
		"no time":            {[]string{` IssueInstant="2026-03-01T12:00:00Z"`, ``}, Malformed},
		"nobody":             {[]string{`<saml:NameID>person</saml:NameID>`, ``}, Malformed},
		"two people":         {[]string{`</saml:NameID>`, `</saml:NameID><saml:NameID>other</saml:NameID>`}, Malformed},
		"base identifier":    {[]string{`<saml:NameID>person</saml:NameID>`, `<saml:BaseID/>`}, WrongSubject},
		"empty name":         {[]string{`>person<`, `><`}, WrongSubject},
		"of another issuer":  {[]string{`<saml:NameID>`, `<saml:NameID NameQualifier="https://evil.example">`}, WrongSubject},
		"empty session":      {[]string{`>_one<`, `><`}, Malformed},
		"many sessions":      {[]string{`</samlp:LogoutRequest>`, strings.Repeat(`<samlp:SessionIndex>x</samlp:SessionIndex>`, maxSessions) + `</samlp:LogoutRequest>`}, Malformed},
		"an assertion in it": {[]string{`<saml:NameID>`, `<samlp:Extensions>` + assertionText + `</samlp:Extensions><saml:NameID>`}, Malformed},
		"another message":    {[]string{`<samlp:LogoutRequest`, `<samlp:ManageNameIDRequest`, `</samlp:LogoutRequest>`, `</samlp:ManageNameIDRequest>`}, Malformed},
	} {
		if got, err := read(replaced(t, logoutText, c.change...), "p256"); !isReason(err, c.want) {
			t.Errorf("%s: want %s, got %v, %v", name, c.want, got, err)
		}
	}
	everywhere, err := read(replaced(t, logoutText, `<samlp:SessionIndex>_one</samlp:SessionIndex>`, ``, ` NotOnOrAfter="2026-03-01T12:05:00Z"`, ``), "p256")
	if err != nil || len(everywhere.SessionIndexes) != 0 || !everywhere.NotOnOrAfter.Equal(time.Date(2026, 3, 1, 13, 0, 30, 0, time.UTC)) {
		t.Errorf("of each session: %+v, %v", everywhere, err)
	}
}

func TestAnEncryptedNameIsRead(t *testing.T) {
	root := parse(t, logoutText)
	for i, n := range root.Children {
		if n.Element.Name.Local == "NameID" {
			root.Children[i].Element = encrypt(t, "EncryptedID", n.Element)
		}
	}
	m, err := signedPost(t, write(t, root), "p256", false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadLogoutRequest(m, trust(t), expectLogout())
	if err != nil || got.NameID.Value != "person" {
		t.Errorf("%+v, %v", got, err)
	}
	without := trust(t)
	without.Decryption = nil
	if _, err := ReadLogoutRequest(m, without, expectLogout()); !isReason(err, Undecryptable) {
		t.Errorf("without a key: %v", err)
	}
	a := parse(t, answer)
	a.Walk(func(e *xmlsec.Element) {
		for i, n := range e.Children {
			if n.Element != nil && n.Element.Is(assertionSpace, "NameID") {
				e.Children[i].Element = encrypt(t, "EncryptedID", n.Element)
			}
		}
	})
	if got, err := consume(protect(t, write(t, a), how{assertion: true}), trust(t), expect()); err != nil || got.NameID.Value != "person" {
		t.Errorf("in an assertion: %v, %v", got, err)
	}
}

func TestALogoutResponseIsReadByBothBindings(t *testing.T) {
	for _, binding := range []Binding{RedirectBinding, PostBinding} {
		for status, want := range map[Status]string{StatusSuccess: "done", StatusPartialLogout: "partial", StatusRequestDenied: "no", StatusRequester: "no", StatusResponder: "no"} {
			r := LogoutResponse{ID: "_answer", IssueInstant: moment, Destination: slo, Issuer: partner, InResponseTo: "_logout", Status: status}
			location, err := r.Redirect("", signer(t, "p256"))
			if err != nil {
				t.Fatal(err)
			}
			form, err := r.Post("", signer(t, "p256"))
			if err != nil {
				t.Fatal(err)
			}
			m := arrived(t, binding, location, form)
			partial, err := ReadLogoutResponse(m, trust(t), expectLogout())
			got := map[bool]string{true: "partial", false: "done"}[partial]
			if no, ok := errors.AsType[*StatusError](err); ok {
				got = "no"
				if no.Status != status {
					t.Errorf("%s: %s became %s", binding, status, no.Status)
				}
			} else if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s, %s: %s", binding, status, got)
			}
			other := expectLogout()
			other.RequestID = "_other"
			if _, err := ReadLogoutResponse(m, trust(t), other); !isReason(err, WrongRequest) {
				t.Errorf("%s: to another request: %v", binding, err)
			}
			if _, err := ReadLogoutResponse(m, trustIn(t, "p384"), expectLogout()); !isReason(err, BadSignature) {
				t.Errorf("%s: with a foreign key: %v", binding, err)
			}
		}
	}
}

func TestEachRuleOfALogoutResponseIsKept(t *testing.T) {
	const text = `<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_answer" Version="2.0" IssueInstant="2026-03-01T12:00:00Z" Destination="https://signin.example.ca/saml/slo" InResponseTo="_logout"><saml:Issuer>https://partner.example/idp</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status></samlp:LogoutResponse>`
	read := func(text, by string) error {
		m, err := signedPost(t, text, by, true)
		if err == nil {
			_, err = ReadLogoutResponse(m, trust(t), expectLogout())
		}
		return err
	}
	if err := read(text, "p256"); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	if err := read(text, ""); !isReason(err, Unsigned) {
		t.Errorf("unsigned: %v", err)
	}
	for name, c := range map[string]struct {
		from, to string
		want     Reason
	}{
		"no answer":   {` InResponseTo="_logout"`, ``, WrongRequest},
		"issuer":      {`>https://partner.example/idp<`, `>https://evil.example/idp<`, WrongIssuer},
		"destination": {`/saml/slo"`, `/saml/acs"`, WrongDestination},
		"old":         {`2026-03-01T12:00:00Z`, `2026-03-01T10:00:00Z`, Expired},
		"version":     {`"2.0"`, `"2.1"`, WrongVersion},
		"status":      {`Success`, `Fine`, Malformed},
	} {
		if err := read(replaced(t, text, c.from, c.to), "p256"); !isReason(err, c.want) {
			t.Errorf("%s: want %s, got %v", name, c.want, err)
		}
	}
}

func TestALogoutNeverLeavesOrIsReadUnsigned(t *testing.T) {
	if _, err := theirs().Redirect("", nil); err == nil {
		t.Error("an unsigned request left by redirect")
	}
	if _, err := theirs().Post("", nil); err == nil {
		t.Error("an unsigned request left by form")
	}
	r := LogoutResponse{ID: "_a", IssueInstant: moment, Destination: slo, Issuer: partner, InResponseTo: "_b", Status: StatusSuccess}
	if _, err := r.Redirect("", nil); err == nil {
		t.Error("an unsigned answer left by redirect")
	}
	if _, err := r.Post("", nil); err == nil {
		t.Error("an unsigned answer left by form")
	}
	r.InResponseTo = ""
	if _, err := r.Post("", signer(t, "p256")); err == nil {
		t.Error("an answer to nothing left")
	}
	nobody := theirs()
	nobody.NameID.Value = ""
	if _, err := nobody.Post("", signer(t, "p256")); err == nil {
		t.Error("a request that names nobody left")
	}
	query := "SAMLRequest=" + pack(t, []byte(logoutText))
	m, err := DecodeRedirect(strings.NewReplacer("+", "%2B", "/", "%2F").Replace(query))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLogoutRequest(m, trust(t), expectLogout()); !isReason(err, Unsigned) {
		t.Errorf("an unsigned redirect was read: %v", err)
	}
	// Signed in the message, delivered by redirect: bindings 3.4.4.1 wants such signatures removed.
	root := parse(t, logoutText)
	sign(t, root, "p256", 1)
	if m, err = newMessage([]byte(write(t, root)), RedirectBinding, false, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLogoutRequest(m, trust(t), expectLogout()); !isReason(err, Malformed) {
		t.Errorf("a redirect with a signature in the message was read: %v", err)
	}
	for name, change := range map[string]func(*ExpectLogout){
		"issuer": func(x *ExpectLogout) { x.Issuer = "" }, "audience": func(x *ExpectLogout) { x.Audience = "" },
		"destination": func(x *ExpectLogout) { x.Destination = "" }, "time": func(x *ExpectLogout) { x.Now = time.Time{} },
		"clocks": func(x *ExpectLogout) { x.Skew = time.Hour },
	} {
		x := expectLogout()
		change(&x)
		_, err := ReadLogoutRequest(m, trust(t), x)
		if e := (*Error)(nil); err == nil || errors.As(err, &e) {
			t.Errorf("%s: read without it: %v", name, err)
		}
	}
	x := expectLogout()
	x.RequestID = ""
	if _, err := ReadLogoutResponse(m, trust(t), x); err == nil {
		t.Error("an answer was read without a request")
	}
}

func FuzzReadLogout(f *testing.F) {
	root := parse(f, logoutText)
	sign(f, root, "p256", 1)
	f.Add([]byte(write(f, root)), false)
	f.Add([]byte(logoutText), true)
	tr, x := trust(f), expectLogout()
	f.Fuzz(func(t *testing.T, raw []byte, answers bool) {
		m, err := newMessage(raw, PostBinding, answers, "")
		if err != nil {
			return
		}
		if got, err := ReadLogoutRequest(m, tr, x); err == nil && (got.NameID.Value != "person" || got.ID != "_logout") {
			t.Fatalf("taken, but never signed: %+v", got)
		}
		if _, err := ReadLogoutResponse(m, tr, x); err == nil {
			t.Fatal("no answer was ever signed, and one was taken")
		}
	})
}

// Wrapping of signatures (McIntosh and Austel 2005; Somorovsky and others 2012) on the
// messages of logout: what a signature covers is what is read, or nothing is.
func TestNoSignatureIsWrappedAroundALogout(t *testing.T) {
	const signatureEnd = "</ds:Signature>"
	root := parse(t, logoutText)
	sign(t, root, "p256", 1)
	signed := write(t, root)
	signature := between(t, signed, "<ds:Signature", "<saml:NameID")
	bare := strings.Replace(signed, signature, "", 1)
	inside := func(content string) string { return strings.Replace(signature, signatureEnd, content+signatureEnd, 1) }
	for _, id := range []string{"_logout", "_evil"} {
		evil := strings.NewReplacer(">person<", ">admin<", `ID="_logout"`, `ID="`+id+`"`).Replace(bare)
		with := func(content string) string { return strings.Replace(evil, "<saml:NameID", content+"<saml:NameID", 1) }
		for name, text := range map[string]string{
			"the signed one in the signature of the forged one": with(inside(bare)),
			"in an object of it":                     with(inside("<ds:Object>" + bare + "</ds:Object>")),
			"before the detached signature":          with(bare + signature),
			"the whole signed one in the forged":     with(signed),
			"the whole signed one in extensions":     with("<samlp:Extensions>" + signed + "</samlp:Extensions>"),
			"signature, and the other in extensions": with(signature + "<samlp:Extensions>" + bare + "</samlp:Extensions>"),
			"the signed one at the end":              strings.Replace(with(signature), "</samlp:LogoutRequest>", bare+"</samlp:LogoutRequest>", 1),
			"the signature alone":                    with(signature),
			"a second name after the signed one":     strings.Replace(signed, "</saml:NameID>", "</saml:NameID><saml:NameID>admin</saml:NameID>", 1),
			"a session more":                         strings.Replace(signed, "</samlp:LogoutRequest>", "<samlp:SessionIndex>_other</samlp:SessionIndex></samlp:LogoutRequest>", 1),
			"a session less":                         strings.Replace(signed, "<samlp:SessionIndex>_one</samlp:SessionIndex>", "", 1),
			"beside the signed one":                  evil + signed,
			"in a wrapper":                           "<wrapper>" + signed + "</wrapper>",
		} {
			m, err := DecodePost(base64.StdEncoding.EncodeToString([]byte(text)), "", "")
			if err == nil {
				_, err = ReadLogoutRequest(m, trust(t), expectLogout())
			}
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Errorf("%s, ID %s: %v", name, id, err)
			}
			neverVerified(t, name, text)
		}
	}
}
