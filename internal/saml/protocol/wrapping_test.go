package protocol

import (
	"crypto"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"parvis/internal/xmlsec"
)

// between is the text from one mark to before another.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	start := strings.Index(text, from)
	end := strings.Index(text[start:], to)
	if start < 0 || end < 0 {
		t.Fatalf("no %q to %q", from, to)
	}
	return text[start : start+end]
}

// The eight ways of signature wrapping, after Somorovsky et al. ("On Breaking
// SAML: Be Whoever You Want to Be", 2012) and the names of SAML Raider: what was
// signed stays somewhere in the document, and a forged one stands where a
// careless reader looks.
func TestNoSignatureIsWrapped(t *testing.T) {
	const signatureEnd = "</ds:Signature>"
	response := protect(t, answer, how{response: true})
	assertion := protect(t, answer, how{assertion: true})
	responseSignature := between(t, response, "<ds:Signature ", "<samlp:Status>")
	signedAssertion := between(t, assertion, "<saml:Assertion ", "</samlp:Response>")
	assertionSignature := between(t, signedAssertion, "<ds:Signature ", "<saml:Subject>")
	bareAssertion := strings.Replace(signedAssertion, assertionSignature, "", 1)

	for _, sameID := range []bool{false, true} {
		evil := func(text string) string {
			text = strings.ReplaceAll(text, ">person<", ">admin<")
			if !sameID {
				text = strings.NewReplacer(`ID="_assertion"`, `ID="_evil"`, `ID="_response"`, `ID="_evilresponse"`).Replace(text)
			}
			return text
		}
		evilAssertion := evil(bareAssertion)
		bareResponse := strings.Replace(response, responseSignature, "", 1)
		evilResponse := evil(bareResponse)
		signedEvil := evil(strings.Replace(signedAssertion, assertionSignature, "SIGNATURE", 1)) // with a place for the signature
		object := func(content string) string {
			return strings.Replace(assertionSignature, signatureEnd, "<ds:Object>"+content+"</ds:Object>"+signatureEnd, 1)
		}
		with := func(content string) string { return strings.Replace(assertion, signedAssertion, content, 1) }
		for name, text := range map[string]string{
			"XSW1, the signed response in the signature of the forged one": strings.Replace(evilResponse, "<samlp:Status>", strings.Replace(responseSignature, signatureEnd, bareResponse+signatureEnd, 1)+"<samlp:Status>", 1),
			"XSW1, in an object": strings.Replace(evilResponse, "<samlp:Status>", strings.Replace(responseSignature, signatureEnd, "<ds:Object>"+bareResponse+"</ds:Object>"+signatureEnd, 1)+"<samlp:Status>", 1),
			"XSW2, the signed response before the detached signature": strings.Replace(evilResponse, "<samlp:Status>", bareResponse+responseSignature+"<samlp:Status>", 1),
			"XSW2, the whole signed response in the forged one":       strings.Replace(evilResponse, "<samlp:Status>", response+"<samlp:Status>", 1),
			"XSW3, the forged assertion before the signed one":        with(evilAssertion + signedAssertion),
			"XSW3, after it": with(signedAssertion + evilAssertion),
			"XSW4, the signed assertion in the forged one":                        with(strings.Replace(evilAssertion, "</saml:Assertion>", signedAssertion+"</saml:Assertion>", 1)),
			"XSW5, the forged one keeps the signature, the signed one at the end": with(strings.Replace(signedEvil, "SIGNATURE", assertionSignature, 1) + bareAssertion),
			"XSW6, the signed one in the signature of the forged one":             with(strings.Replace(signedEvil, "SIGNATURE", strings.Replace(assertionSignature, signatureEnd, bareAssertion+signatureEnd, 1), 1)),
			"XSW7, the forged one in extensions":                                  with("<samlp:Extensions>" + evilAssertion + "</samlp:Extensions>" + signedAssertion),
			"XSW7, extensions in their place":                                     strings.Replace(assertion, "<samlp:Status>", "<samlp:Extensions>"+evilAssertion+"</samlp:Extensions><samlp:Status>", 1),
			"XSW7, the signed one in extensions":                                  strings.Replace(with(evilAssertion), "<samlp:Status>", "<samlp:Extensions>"+signedAssertion+"</samlp:Extensions><samlp:Status>", 1),
			"XSW8, the signed one in an object of the forged one's signature":     with(strings.Replace(signedEvil, "SIGNATURE", object(bareAssertion), 1)),
			"the signed one in the advice of the forged one":                      with(strings.Replace(evilAssertion, "<saml:AuthnStatement", "<saml:Advice>"+signedAssertion+"</saml:Advice><saml:AuthnStatement", 1)),
			"the signed one in an attribute of the forged one":                    with(strings.Replace(evilAssertion, "</saml:Assertion>", "<saml:AttributeStatement><saml:Attribute Name=\"x\"><saml:AttributeValue>"+signedAssertion+"</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>", 1)),
			"the forged one beside a signed response's":                           strings.Replace(response, "</samlp:Response>", evilAssertion+"</samlp:Response>", 1),
			"a signature for nothing":                                             with(strings.Replace(signedEvil, "SIGNATURE", assertionSignature, 1)),
			"the signature one level up":                                          strings.Replace(with(evilAssertion), "<samlp:Status>", assertionSignature+"<samlp:Status>", 1),
			"the signature in the status":                                         strings.Replace(with(evilAssertion), "</samlp:Status>", "<samlp:StatusDetail>"+assertionSignature+"</samlp:StatusDetail></samlp:Status>", 1),
			"the signed one as the root's sibling":                                with(evilAssertion) + signedAssertion,
			"the signed one as the root":                                          signedAssertion,
			"a wrapper as the root":                                               "<wrapper>" + assertion + "</wrapper>",
			"unsigned beside an empty signature":                                  with(strings.Replace(signedEvil, "SIGNATURE", `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>`, 1)),
		} {
			got, err := consume(text, trust(t), expect())
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Errorf("%s, same ID %v: %v, %v", name, sameID, got, err)
			}
			neverVerified(t, name, text)
		}
	}
}

// neverVerified holds the signatures alone, without the rules of SAML around them,
// to giving nothing that was forged.
func neverVerified(t *testing.T, name, text string) {
	t.Helper()
	root, err := xmlsec.Read([]byte(text), xmlsec.MessageLimits())
	if err != nil {
		return
	}
	root.Walk(func(e *xmlsec.Element) {
		if got, err := xmlsec.Verify(e, trust(t).Keys); err == nil && strings.Contains(write(t, got), "admin") {
			t.Errorf("%s: something forged was verified", name)
		}
	})
}

// The encrypted assertion is unwrapped before its signature is looked at: nothing
// can be wrapped around or in it either.
func TestNoSignatureIsWrappedInsideOfACiphertext(t *testing.T) {
	signed := parse(t, between(t, protect(t, answer, how{assertion: true}), "<saml:Assertion ", "</samlp:Response>"))
	evil := parse(t, strings.NewReplacer(">person<", ">admin<", `ID="_assertion"`, `ID="_evil"`).Replace(assertionText))
	in := func(name string, e *xmlsec.Element) *xmlsec.Element { return saml(name).Add(e) }
	advice := parse(t, write(t, evil))
	advice.Add(in("Advice", signed))
	twice := parse(t, strings.Replace(write(t, evil), "_evil", "_response", 1))
	for name, e := range map[string]*xmlsec.Element{
		"forged and unsigned":          evil,
		"the signed one in it":         advice,
		"a wrapper of an assertion":    in("Wrapper", signed),
		"a response":                   parse(t, answer),
		"an ID of the response again":  twice,
		"an encrypted assertion in it": in("EncryptedAssertion", signed),
	} {
		text := strings.Replace(answer, assertionText, write(t, encrypt(t, "EncryptedAssertion", e)), 1)
		got, err := consume(text, trust(t), expect())
		if e := (*Error)(nil); !errors.As(err, &e) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// The partner signed it, and it is still not one assertion in its place.
	signedAs := func(text string) *xmlsec.Element {
		e := parse(t, text)
		sign(t, e, "p256", 1)
		return e
	}
	other := strings.ReplaceAll(assertionText, "saml:Assertion", "saml:Other")
	nested := strings.Replace(assertionText, "<saml:AuthnStatement", "<saml:Advice>"+write(t, evil)+"</saml:Advice><saml:AuthnStatement", 1)
	object := strings.Replace(assertionText, "<saml:AuthnStatement", `<saml:Advice><ds:Signature xmlns:ds="`+xmlsec.SignatureSpace+`"/></saml:Advice><saml:AuthnStatement`, 1)
	for name, e := range map[string]*xmlsec.Element{
		"another element":    signedAs(other),
		"two assertions":     signedAs(nested),
		"another signature":  signedAs(object),
		"the response's ID":  signedAs(strings.Replace(assertionText, "_assertion", "_response", 1)),
		"an encrypted child": signedAs(strings.Replace(nested, write(t, evil), "<saml:EncryptedAssertion/>", 1)),
	} {
		text := strings.Replace(answer, assertionText, write(t, encrypt(t, "EncryptedAssertion", e)), 1)
		if got, err := consume(text, trust(t), expect()); !isReason(err, Malformed) {
			t.Errorf("signed, %s: %v, %v", name, got, err)
		}
	}
	// Encrypted and unsigned, in an unsigned response (CVE-2024-4985, CVE-2024-9487).
	if _, err := consume(protect(t, answer, how{encrypted: true}), trust(t), expect()); !isReason(err, Unsigned) {
		t.Errorf("encrypted and unsigned: %v", err)
	}
}

func TestAnotherPartnersKeyIsNotTrusted(t *testing.T) {
	for _, h := range []how{{response: true, by: "rsa"}, {assertion: true, by: "rsa"}, {response: true, assertion: true, by: "rsa"}, {assertion: true, encrypted: true, by: "rsa"}} {
		if _, err := consume(protect(t, answer, h), trust(t), expect()); !isReason(err, BadSignature) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	tr := trust(t)
	tr.Keys = nil
	if _, err := consume(protect(t, answer, how{response: true}), tr, expect()); !isReason(err, BadSignature) {
		t.Errorf("without keys: %v", err)
	}
	// A good response around an assertion that somebody else signed: both must be good.
	root := parse(t, protect(t, answer, how{assertion: true, by: "rsa"}))
	sign(t, root, "p256", 1)
	if _, err := consume(write(t, root), trust(t), expect()); !isReason(err, BadSignature) {
		t.Errorf("a foreign signature inside: %v", err)
	}
	tr.Keys = []crypto.PublicKey{certificate(t, "p384").PublicKey, certificate(t, "p256").PublicKey}
	if _, err := consume(protect(t, answer, how{response: true, assertion: true}), tr, expect()); err != nil {
		t.Errorf("with an older and a newer key: %v", err)
	}
}

func TestCommentsInstructionsAndSectionsInValuesAreRefused(t *testing.T) {
	text := protect(t, answer, how{response: true, assertion: true})
	for _, value := range []string{"per<!-- -->son", "person<!---->", "<!-- -->person", "per<?x?>son", "<![CDATA[person]]>", "per<![CDATA[]]>son", "&e;"} {
		if _, err := consume(strings.Replace(text, ">person<", ">"+value+"<", 1), trust(t), expect()); !isReason(err, Malformed) {
			t.Errorf("%s: %v", value, err)
		}
	}
	for _, place := range []string{"<samlp:Status>", "<saml:Subject>", "<ds:SignedInfo>", "</samlp:Response>"} {
		if _, err := consume(strings.Replace(text, place, "<!-- -->"+place, 1), trust(t), expect()); !isReason(err, Malformed) {
			t.Errorf("a comment before %s: %v", place, err)
		}
	}
	if _, err := consume(`<!DOCTYPE Response [<!ENTITY e SYSTEM "file:///etc/passwd">]>`+text, trust(t), expect()); !isReason(err, Malformed) {
		t.Errorf("a document type: %v", err)
	}
}

func TestEveryChangedByteOfAnAnswerIsHarmless(t *testing.T) {
	text := protect(t, answer, how{response: true, assertion: true})
	tr, x, want := trust(t), expect(), *good()
	for i := range len(text) {
		changed := []byte(text)
		changed[i] ^= 1
		got, err := consume(string(changed), tr, x)
		if err == nil && *got != want {
			t.Fatalf("byte %d: %+v", i, got)
		}
	}
}

// Wrapping has more ways than have names: elements of good answers are copied,
// moved, taken out, renamed and wrapped at random.
func TestNoRearrangementOfSignedAnswersSaysAnythingElse(t *testing.T) {
	tr, x, want := trust(t), expect(), *good()
	var sources []string
	for _, h := range []how{{response: true}, {assertion: true}, {response: true, assertion: true}, {assertion: true, encrypted: true}} {
		sources = append(sources, protect(t, answer, h))
	}
	random := rand.New(rand.NewPCG(1, 2))
	taken, refused := 0, 0
	for range 3000 {
		root := parse(t, sources[random.IntN(len(sources))])
		for range 1 + random.IntN(3) {
			rearrange(t, random, root, sources)
		}
		got, err := consume(write(t, root), tr, x)
		if err != nil {
			refused++
			continue
		}
		taken++
		if *got != want {
			t.Fatalf("taken as %+v:\n%s", got, write(t, root))
		}
	}
	if taken == 0 || refused < 1000 {
		t.Errorf("%d were taken and %d refused: the test shows nothing", taken, refused)
	}
}

// rearrange does one random thing to a document.
func rearrange(t *testing.T, random *rand.Rand, root *xmlsec.Element, sources []string) {
	t.Helper()
	pick := func(in *xmlsec.Element) *xmlsec.Element {
		var all []*xmlsec.Element
		in.Walk(func(e *xmlsec.Element) { all = append(all, e) })
		return all[random.IntN(len(all))]
	}
	insert := func(into, e *xmlsec.Element) {
		into.Children = slices.Insert(into.Children, random.IntN(len(into.Children)+1), xmlsec.Node{Element: e})
	}
	switch into := pick(root); random.IntN(6) {
	case 0: // a copy of any part of any good answer, forged or not
		part := write(t, pick(parse(t, sources[random.IntN(len(sources))])))
		if random.IntN(2) == 0 {
			part = strings.NewReplacer(">person<", ">admin<", `ID="_`, `ID="_x`).Replace(part)
		}
		insert(into, parse(t, part))
	case 1: // taken out
		if len(into.Children) > 0 {
			at := random.IntN(len(into.Children))
			into.Children = slices.Delete(into.Children, at, at+1)
		}
	case 2: // moved into a new element
		for i, n := range into.Children {
			if n.Element != nil {
				into.Children[i].Element = samlp("Extensions").Add(n.Element)
				break
			}
		}
	case 3: // another order
		random.Shuffle(len(into.Children), func(i, j int) {
			into.Children[i], into.Children[j] = into.Children[j], into.Children[i]
		})
	case 4: // another attribute
		if len(into.Attrs) > 0 {
			into.Attrs[random.IntN(len(into.Attrs))].Value = []string{"_response", "_assertion", "#_response", "#_assertion", "", us}[random.IntN(6)]
		}
	default: // another text
		if len(into.Children) > 0 && into.Children[0].Element == nil {
			into.Children[0].Text = "admin"
		}
	}
}
