package xmlsec

import (
	"bytes"
	"crypto"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ErrUnsigned says that an element has no signature of its own.
var ErrUnsigned = errors.New("xmlsec: not signed")

// maxPrefixes is how many inclusive prefixes one signature may name.
const maxPrefixes = 16

// Signature is the signature element of e: a child of it, not one that lies
// deeper or elsewhere. Nil says that there is none.
func (e *Element) Signature() (*Element, error) {
	var found *Element
	for _, child := range e.Elements() {
		if !child.Is(SignatureSpace, "Signature") {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: two signatures", ErrSignature)
		}
		found = child
	}
	return found, nil
}

// Verify checks the one signature of e with any of the keys and returns what was
// signed: a new tree that is read from exactly the bytes whose digest was signed,
// without the signature. Nothing else of the document is in it (SAML core 5.4;
// XML Signature 1.1, 3.2). It fails with ErrUnsigned, ErrSignature or ErrMalformed.
func Verify(e *Element, keys []crypto.PublicKey) (*Element, error) {
	signature, err := e.Signature()
	if err != nil {
		return nil, err
	}
	if signature == nil {
		return nil, ErrUnsigned
	}
	signed, err := verifySignedInfo(signature, keys)
	if err != nil {
		return nil, err
	}
	if id, ok := e.Attr("ID"); !ok || signed.uri != "#"+id {
		return nil, fmt.Errorf("%w: it is over another element", ErrSignature)
	}
	content, err := e.canonical(signature, signed.prefixes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	if subtle.ConstantTimeCompare(sum(signed.digestHash(), content), signed.digest) != 1 {
		return nil, fmt.Errorf("%w: the content has changed", ErrSignature)
	}
	return reread(content, e.doc)
}

// reread reads canonical bytes and makes sure that they say what they said: that
// the new tree has the same canonical form.
func reread(canonical []byte, doc *document) (*Element, error) {
	limits := MessageLimits()
	if doc != nil {
		limits = doc.limits
		limits.Bytes = doc.canonicalSize()
	}
	e, err := Read(canonical, limits)
	if err != nil {
		return nil, err
	}
	again, err := e.canonical(nil, e.prefixes())
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	if !bytes.Equal(canonical, again) {
		return nil, fmt.Errorf("%w: it reads differently when it is written and read again", ErrMalformed)
	}
	return e, nil
}

// prefixes are all prefixes that are declared in the element, the default included.
func (e *Element) prefixes() []string {
	var out []string
	e.Walk(func(in *Element) {
		for _, ns := range in.declared {
			if !slices.Contains(out, ns.Prefix) {
				out = append(out, ns.Prefix)
			}
		}
	})
	return out
}

// signedInfo is what a SignedInfo says (XML Signature 1.1, 4.4).
type signedInfo struct {
	own          []string // inclusive prefixes of its own canonical form
	algorithm    Algorithm
	uri          string
	prefixes     []string // inclusive prefixes of the reference's canonical form
	digestMethod string
	digest       []byte
}

func (s signedInfo) digestHash() crypto.Hash { return digestHash(s.digestMethod) }

// verifySignedInfo checks the signature over SignedInfo, then reads what it says
// from the bytes that were verified.
func verifySignedInfo(signature *Element, keys []crypto.PublicKey) (signedInfo, error) {
	parts := signature.Elements()
	if !signature.OnlyElements() || len(parts) < 2 || len(parts) > 3 ||
		!parts[0].Is(SignatureSpace, "SignedInfo") || !parts[1].Is(SignatureSpace, "SignatureValue") ||
		len(parts) == 3 && !parts[2].Is(SignatureSpace, "KeyInfo") {
		return signedInfo{}, fmt.Errorf("%w: the signature has other parts than SignedInfo, SignatureValue and KeyInfo", ErrSignature)
	}
	claimed, err := readSignedInfo(parts[0])
	if err != nil {
		return signedInfo{}, err
	}
	text, err := parts[1].Text()
	if err != nil {
		return signedInfo{}, err
	}
	value, err := DecodeBase64(text)
	if err != nil {
		return signedInfo{}, err
	}
	octets, err := parts[0].canonical(nil, claimed.own)
	if err != nil {
		return signedInfo{}, fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	if err := VerifyOctets(octets, value, claimed.algorithm, keys); err != nil {
		return signedInfo{}, err
	}
	again, err := reread(octets, signature.doc)
	if err != nil {
		return signedInfo{}, err
	}
	verified, err := readSignedInfo(again)
	if err != nil {
		return signedInfo{}, err
	}
	if !reflect.DeepEqual(verified, claimed) {
		return signedInfo{}, fmt.Errorf("%w: SignedInfo says something else once it is verified", ErrSignature)
	}
	return verified, nil
}

// readSignedInfo takes the one shape that SAML allows: exclusive canonicalization,
// one reference to an ID, the enveloped transform and exclusive canonicalization
// (SAML core 5.4.2 to 5.4.4).
func readSignedInfo(e *Element) (signedInfo, error) {
	var s signedInfo
	refuse := func(what string) (signedInfo, error) {
		return signedInfo{}, fmt.Errorf("%w: %s", ErrSignature, what)
	}
	parts, err := shape(e, "CanonicalizationMethod", "SignatureMethod", "Reference")
	if err != nil {
		return refuse("SignedInfo has not exactly one reference")
	}
	if s.own, err = exclusive(parts[0]); err != nil {
		return refuse(err.Error())
	}
	method, _ := parts[1].Attr("Algorithm")
	if s.algorithm = Algorithm(method); s.algorithm.hash() == 0 || len(parts[1].Elements()) > 0 {
		return refuse("the algorithm is not allowed")
	}
	reference := parts[2]
	var ok bool
	if s.uri, ok = reference.Attr("URI"); !ok || len(s.uri) < 2 || s.uri[0] != '#' {
		return refuse("the reference names no ID")
	}
	if parts, err = shape(reference, "Transforms", "DigestMethod", "DigestValue"); err != nil {
		return refuse("the reference has other parts than it should")
	}
	if s.prefixes, err = transforms(parts[0]); err != nil {
		return refuse(err.Error())
	}
	s.digestMethod, _ = parts[1].Attr("Algorithm")
	if s.digestHash() == 0 || len(parts[1].Elements()) > 0 {
		return refuse("the digest is not allowed")
	}
	text, err := parts[2].Text()
	if err != nil {
		return signedInfo{}, err
	}
	if s.digest, err = DecodeBase64(text); err != nil {
		return signedInfo{}, err
	}
	return s, nil
}

// transforms takes the enveloped transform and then exclusive canonicalization,
// nothing else and in no other order (SAML core 5.4.4).
func transforms(e *Element) (prefixes []string, err error) {
	parts, err := shape(e, "Transform", "Transform")
	if err != nil {
		return nil, errors.New("other transforms than the two of SAML")
	}
	if method, _ := parts[0].Attr("Algorithm"); method != enveloped || len(parts[0].Elements()) > 0 {
		return nil, errors.New("the first transform is not enveloped-signature")
	}
	return exclusive(parts[1])
}

// exclusive reads a method that must be exclusive canonicalization without
// comments, and the inclusive prefixes that it may name.
func exclusive(e *Element) ([]string, error) {
	if method, _ := e.Attr("Algorithm"); method != excC14N {
		return nil, errors.New("a canonicalization that is not the exclusive one without comments")
	}
	parts := e.Elements()
	if len(parts) == 0 {
		return nil, nil
	}
	list, ok := parts[0].Attr("PrefixList")
	if len(parts) > 1 || !parts[0].Is(excC14N, "InclusiveNamespaces") || !ok || len(parts[0].Children) > 0 {
		return nil, errors.New("a canonicalization with other parameters than a prefix list")
	}
	prefixes := strings.Fields(list)
	if len(prefixes) > maxPrefixes {
		return nil, errors.New("too many inclusive prefixes")
	}
	for i, p := range prefixes {
		if p == "#default" {
			prefixes[i] = ""
		}
	}
	return prefixes, nil
}

// shape wants exactly these child elements of XML Signature in this order, and no text.
func shape(e *Element, names ...string) ([]*Element, error) {
	parts := e.Elements()
	if len(parts) != len(names) || !e.OnlyElements() {
		return nil, errors.New("other parts than it should")
	}
	for i, name := range names {
		if !parts[i].Is(SignatureSpace, name) {
			return nil, errors.New("other parts than it should")
		}
	}
	return parts, nil
}

// Sign signs the element that e is now, by its ID, and puts the signature in as
// its child number at. Whatever is changed afterwards breaks it.
func (s *Signer) Sign(e *Element, at int) error {
	id, ok := e.Attr("ID")
	if !ok {
		return errors.New("xmlsec: an element without ID cannot be signed")
	}
	content, err := e.Canonical()
	if err != nil {
		return err
	}
	digest := sum(s.algorithm.hash(), content)
	ds := func(local string) *Element { return New("ds", SignatureSpace, local) }
	info := ds("SignedInfo").Add(
		ds("CanonicalizationMethod").Set("Algorithm", excC14N),
		ds("SignatureMethod").Set("Algorithm", string(s.algorithm)),
		ds("Reference").Set("URI", "#"+id).Add(
			ds("Transforms").Add(
				ds("Transform").Set("Algorithm", enveloped),
				ds("Transform").Set("Algorithm", excC14N)),
			ds("DigestMethod").Set("Algorithm", s.algorithm.digestMethod()),
			ds("DigestValue").Write(base64.StdEncoding.EncodeToString(digest))))
	octets, err := info.Canonical()
	if err != nil {
		return err
	}
	value, err := s.SignOctets(octets)
	if err != nil {
		return err
	}
	signature := ds("Signature").Add(info,
		ds("SignatureValue").Write(base64.StdEncoding.EncodeToString(value)),
		ds("KeyInfo").Add(ds("X509Data").Add(
			ds("X509Certificate").Write(base64.StdEncoding.EncodeToString(s.certificate.Raw)))))
	signature.parent = e
	e.Children = slices.Insert(e.Children, at, Node{Element: signature})
	return nil
}
