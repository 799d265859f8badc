package xmlsec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pemFile is the one block of a PEM file of testdata.
func pemFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		t.Fatalf("%s holds no PEM", name)
	}
	return block.Bytes
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(pemFile(t, name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func privateKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(pemFile(t, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

func signer(t testing.TB, name string) *Signer {
	t.Helper()
	s, err := NewSigner(privateKey(t, name), certificate(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keysOf(t testing.TB, names ...string) []crypto.PublicKey {
	t.Helper()
	var out []crypto.PublicKey
	for _, name := range names {
		out = append(out, certificate(t, name).PublicKey)
	}
	return out
}

var keyNames = []string{"rsa", "p256", "p384", "p521"}

// thing finds the element that the files of xmlsec1 are signed over.
func thing(t testing.TB, raw []byte) *Element {
	t.Helper()
	root, err := Read(raw, MessageLimits())
	if err != nil {
		t.Fatal(err)
	}
	return root.Elements()[0]
}

func TestSignaturesOfXmlsec1AreVerified(t *testing.T) {
	files, err := filepath.Glob("testdata/signed/*.xml")
	if err != nil || len(files) < 10 {
		t.Fatalf("only %d files: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		key, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(file), "ecdsa-"), "-")
		refused := key == "refused"
		if refused {
			key = "rsa"
		}
		got, err := Verify(thing(t, raw), keysOf(t, key))
		switch {
		case refused && !errors.Is(err, ErrSignature):
			t.Errorf("%s: %v", file, err)
		case !refused && err != nil:
			t.Errorf("%s: %v", file, err)
		case !refused:
			if s, _ := got.Signature(); s != nil || !got.Is("urn:test:a", "Thing") || got.Parent() != nil {
				t.Errorf("%s: what was verified is not the element without its signature", file)
			}
		}
		others := slices.DeleteFunc(slices.Clone(keyNames), func(n string) bool { return n == key })
		if _, err := Verify(thing(t, raw), keysOf(t, others...)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s is verified with foreign keys: %v", file, err)
		}
		if !refused {
			if _, err := Verify(thing(t, raw), keysOf(t, keyNames...)); err != nil {
				t.Errorf("%s: not with one of several keys: %v", file, err)
			}
		}
	}
}

// message is a small element to be signed.
func message() *Element {
	return New("p", "urn:p", "Message").Set("ID", "_m").Add(
		New("p", "urn:p", "Issuer").Write("https://issuer.example"),
		New("p", "urn:p", "Value").Set("a", "\t\n<\"&").Write(" é <&>\r\n"))
}

// signedMessage is message signed, as bytes.
func signedMessage(t testing.TB, key string) string {
	t.Helper()
	m := message()
	if err := signer(t, key).Sign(m, 1); err != nil {
		t.Fatal(err)
	}
	raw, err := m.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestWhatIsSignedIsVerifiedAndReadFromTheSignedBytes(t *testing.T) {
	want, err := message().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keyNames {
		got, err := Verify(read(t, signedMessage(t, key)), keysOf(t, key))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if raw, err := got.Canonical(); err != nil || string(raw) != string(want) {
			t.Errorf("%s: %s, %v", key, raw, err)
		}
	}
}

func TestXmlsec1VerifiesWhatWeSign(t *testing.T) {
	tool, err := exec.LookPath("xmlsec1")
	if err != nil {
		t.Skip("xmlsec1 is not installed")
	}
	for _, key := range keyNames {
		file := filepath.Join(t.TempDir(), "signed.xml")
		if err := os.WriteFile(file, []byte(signedMessage(t, key)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, "--verify", "--pubkey-cert-pem", "testdata/"+key+".crt", "--id-attr:ID", "urn:p:Message", file).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", key, err, out)
		}
	}
}

func TestEveryChangeOfASignedElementIsRefused(t *testing.T) {
	good := signedMessage(t, "rsa")
	want, err := message().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(good) {
		for _, c := range []byte{good[i] ^ 1, ' ', '<', '"'} {
			changed := good[:i] + string(c) + good[i+1:]
			e, err := Read([]byte(changed), MessageLimits())
			if err != nil {
				continue
			}
			got, err := Verify(e, keysOf(t, "rsa"))
			if err != nil {
				continue
			}
			if raw, err := got.Canonical(); err != nil || string(raw) != string(want) {
				t.Fatalf("byte %d as %q: accepted as %s", i, c, raw)
			}
		}
	}
}

func TestOnlyTheShapeOfSAMLsSignaturesIsVerified(t *testing.T) {
	good := signedMessage(t, "rsa")
	reference := good[strings.Index(good, "<ds:Reference"):strings.Index(good, "</ds:SignedInfo>")]
	signature := good[strings.Index(good, "<ds:Signature "):strings.Index(good, "<p:Value")]
	for name, change := range map[string][2]string{
		"no signature":                      {signature, ""},
		"two signatures":                    {signature, signature + signature},
		"signature one level deeper":        {signature, "<p:Extensions>" + signature + "</p:Extensions>"},
		"empty reference":                   {`URI="#_m"`, `URI=""`},
		"no reference URI":                  {` URI="#_m"`, ``},
		"reference elsewhere":               {`URI="#_m"`, `URI="#_other"`},
		"reference by XPointer":             {`URI="#_m"`, `URI="#xpointer(/)"`},
		"reference outside":                 {`URI="#_m"`, `URI="https://evil.example/"`},
		"two references":                    {reference, reference + reference},
		"reference to another one first":    {reference, strings.Replace(reference, "#_m", "#_o", 1) + reference},
		"no reference":                      {reference, ""},
		"manifest":                          {"</ds:Signature>", "<ds:Object><ds:Manifest/></ds:Object></ds:Signature>"},
		"object instead of KeyInfo":         {good[strings.Index(good, "<ds:KeyInfo>"):strings.Index(good, "</ds:Signature>")], "<ds:Object/>"},
		"parameters of enveloped":           {`<ds:Transform Algorithm="` + enveloped + `">`, `<ds:Transform Algorithm="` + enveloped + `"><ds:XPath>1</ds:XPath>`},
		"object":                            {"</ds:Signature>", "<ds:Object/></ds:Signature>"},
		"two signed infos":                  {"<ds:SignatureValue>", "<ds:SignedInfo/><ds:SignatureValue>"},
		"text in the signature":             {"<ds:SignatureValue>", "x<ds:SignatureValue>"},
		"no enveloped transform":            {`<ds:Transform Algorithm="` + enveloped + `"></ds:Transform>`, ""},
		"no canonicalization":               {`<ds:Transform Algorithm="` + excC14N + `"></ds:Transform>`, ""},
		"XSLT":                              {`<ds:Transforms>`, `<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`},
		"XPath":                             {`<ds:Transform Algorithm="` + enveloped + `">`, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>1</ds:XPath>`},
		"inclusive canonicalization":        {`<ds:Transform Algorithm="` + excC14N, `<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315`},
		"canonicalization with comments":    {`<ds:Transform Algorithm="` + excC14N, `<ds:Transform Algorithm="` + excC14N + `WithComments`},
		"SignedInfo with comments":          {`<ds:CanonicalizationMethod Algorithm="` + excC14N, `<ds:CanonicalizationMethod Algorithm="` + excC14N + `WithComments`},
		"HMAC":                              {string(RSASHA256), "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"},
		"truncated HMAC":                    {`<ds:SignatureMethod Algorithm="` + string(RSASHA256) + `">`, `<ds:SignatureMethod Algorithm="` + string(RSASHA256) + `"><ds:HMACOutputLength>1</ds:HMACOutputLength>`},
		"RSA-SHA1":                          {string(RSASHA256), "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
		"RSA-MD5":                           {string(RSASHA256), "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"},
		"DSA":                               {string(RSASHA256), "http://www.w3.org/2000/09/xmldsig#dsa-sha1"},
		"ECDSA with an RSA key":             {string(RSASHA256), string(ECDSASHA256)},
		"digest SHA-1":                      {digestSHA256, "http://www.w3.org/2000/09/xmldsig#sha1"},
		"digest in another place":           {"<ds:DigestValue>", "<ds:DigestValue><ds:x/>"},
		"empty digest":                      {good[strings.Index(good, "<ds:DigestValue>"):strings.Index(good, "</ds:Reference>")], "<ds:DigestValue></ds:DigestValue>"},
		"no ID":                             {` ID="_m"`, ``},
		"another ID":                        {` ID="_m"`, ` ID="_n"`},
		"ID in another case":                {` ID="_m"`, ` Id="_m"`},
		"ID in a namespace":                 {` ID="_m"`, ` p:ID="_m"`},
		"another namespace of ds":           {`xmlns:ds="` + SignatureSpace + `"`, `xmlns:ds="` + SignatureSpace + `x"`},
		"prefix list that is none":          {`<ds:Transform Algorithm="` + excC14N + `">`, `<ds:Transform Algorithm="` + excC14N + `"><ds:InclusiveNamespaces PrefixList="p"/>`},
		"element in the signature's value":  {"<ds:SignatureValue>", "<ds:SignatureValue><ds:x/>"},
		"signature of no bytes":             {good[strings.Index(good, "<ds:SignatureValue>"):strings.Index(good, "<ds:KeyInfo>")], "<ds:SignatureValue></ds:SignatureValue>"},
		"KeyInfo before the value":          {"<ds:SignatureValue>", "<ds:KeyInfo/><ds:SignatureValue>"},
		"too many inclusive prefixes":       {`<ds:CanonicalizationMethod Algorithm="` + excC14N + `">`, `<ds:CanonicalizationMethod Algorithm="` + excC14N + `"><InclusiveNamespaces xmlns="` + excC14N + `" PrefixList="` + strings.Repeat("a ", 17) + `"/>`},
		"canonicalization with a parameter": {`<ds:CanonicalizationMethod Algorithm="` + excC14N + `">`, `<ds:CanonicalizationMethod Algorithm="` + excC14N + `"><ds:XPath/>`},
	} {
		changed := strings.Replace(good, change[0], change[1], 1)
		if changed == good {
			t.Errorf("%s: nothing was changed", name)
			continue
		}
		for _, text := range []string{changed, resigned(t, changed)} {
			e, err := Read([]byte(text), MessageLimits())
			if err == nil {
				_, err = Verify(e, keysOf(t, "rsa"))
			}
			if !errors.Is(err, ErrSignature) && !errors.Is(err, ErrUnsigned) && !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// resigned signs a changed SignedInfo again with the right key, and with the digest
// that the element now has: what is refused then is refused for its shape.
func resigned(t *testing.T, text string) string {
	t.Helper()
	e, err := Read([]byte(text), MessageLimits())
	if err != nil {
		return text
	}
	signature, err := e.Signature()
	if err != nil || signature == nil {
		return text
	}
	content, err := e.canonical(signature, nil)
	if err != nil {
		t.Fatal(err)
	}
	var info, value *Element
	e.Walk(func(in *Element) {
		switch {
		case in.Is(SignatureSpace, "SignedInfo") && info == nil:
			info = in
		case in.Is(SignatureSpace, "SignatureValue"):
			value = in
		case in.Is(SignatureSpace, "DigestValue") && len(in.Elements()) == 0 && len(in.Children) > 0:
			h := crypto.SHA256
			if strings.Contains(text, digestSHA512) {
				h = crypto.SHA512
			}
			in.Children = []Node{{Text: base64.StdEncoding.EncodeToString(sum(h, content))}}
		}
	})
	if info == nil || value == nil || len(value.Elements()) > 0 || len(value.Children) == 0 {
		return text
	}
	octets, err := info.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signer(t, "rsa").SignOctets(octets)
	if err != nil {
		t.Fatal(err)
	}
	value.Children = []Node{{Text: base64.StdEncoding.EncodeToString(raw)}}
	out, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestResignedMessagesAreGoodUnlessTheirShapeIsNot(t *testing.T) {
	good := signedMessage(t, "rsa")
	for _, text := range []string{good, strings.Replace(good, "https://issuer.example", "https://other.example", 1), strings.ReplaceAll(good, digestSHA256, digestSHA512)} {
		if _, err := Verify(read(t, resigned(t, text)), keysOf(t, "rsa")); err != nil {
			t.Errorf("the test's own signature is not good: %v", err)
		}
	}
}

func TestAnElementWithTwoSignaturesIsRefusedThoughBothAreGood(t *testing.T) {
	m := message()
	for i, key := range []string{"rsa", "p256"} {
		if err := signer(t, key).Sign(m, 1+i); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := m.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"rsa", "p256"} {
		if _, err := Verify(read(t, string(raw)), keysOf(t, key)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestTheKeyInTheMessageIsNotLookedAt(t *testing.T) {
	good := signedMessage(t, "rsa")
	foreign := base64.StdEncoding.EncodeToString(certificate(t, "p256").Raw)
	before, _, _ := strings.Cut(good, "<ds:KeyInfo>")
	end := strings.Index(good, "</ds:Signature>")
	for _, info := range []string{"", "<ds:KeyInfo/>", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo>", "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>" + foreign + "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"} {
		if _, err := Verify(read(t, before+info+good[end:]), keysOf(t, "rsa")); err != nil {
			t.Errorf("with %.60q: %v", info, err)
		}
	}
	// Signed with a key that the message brings along, and that is nobody's.
	if _, err := Verify(read(t, signedMessage(t, "p256")), keysOf(t, "rsa")); !errors.Is(err, ErrSignature) {
		t.Errorf("the message's own key was used: %v", err)
	}
	if _, err := Verify(read(t, good), nil); !errors.Is(err, ErrSignature) {
		t.Errorf("without keys: %v", err)
	}
}

func TestChangedContentIsRefused(t *testing.T) {
	good := signedMessage(t, "rsa")
	for name, change := range map[string][2]string{
		"another hash":                     {digestSHA256, digestSHA512},
		"another namespace of the content": {`xmlns:p="urn:p"`, `xmlns:p="urn:q"`},
		"something after the signature":    {"</p:Message>", "<p:Admin/></p:Message>"},
		"something in front of it":         {"<p:Issuer>", "<p:Admin/><p:Issuer>"},
		"text changed":                     {"https://issuer.example", "https://issuer.examplf"},
		"white space in a value":           {"https://issuer.example<", "https://issuer.example <"},
		"another ID":                       {` ID="_m"`, ` ID="_n"`},
	} {
		changed := strings.Replace(good, change[0], change[1], 1)
		if changed == good {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := Verify(read(t, changed), keysOf(t, "rsa")); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeakAndForeignKeysAreNotUsed(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.PublicKey{weak.Public(), short.Public(), nil, "key", &rsa.PublicKey{N: privateKey(t, "rsa").Public().(*rsa.PublicKey).N, E: 1}} {
		if CheckKey(key) == nil {
			t.Errorf("a key of type %T is used", key)
		}
	}
	digest := sum(crypto.SHA256, []byte("x"))
	signature, err := weak.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyOctets([]byte("x"), signature, RSASHA256, []crypto.PublicKey{weak.Public()}); !errors.Is(err, ErrSignature) {
		t.Errorf("a signature of a weak key is good: %v", err)
	}
	if _, err := NewSigner(weak, certificate(t, "rsa")); err == nil {
		t.Error("a weak key signs")
	}
	if _, err := NewSigner(privateKey(t, "p256"), certificate(t, "rsa")); err == nil {
		t.Error("a key signs with the certificate of another")
	}
	many := slices.Repeat(keysOf(t, "rsa"), MaxKeys+1)
	if err := VerifyOctets([]byte("x"), signature, RSASHA256, many); !errors.Is(err, ErrSignature) {
		t.Errorf("%d keys were tried: %v", len(many), err)
	}
}

func TestSignaturesOverOctetsAreOfTheFixedLength(t *testing.T) {
	for _, key := range keyNames {
		s := signer(t, key)
		signature, err := s.SignOctets([]byte("octets"))
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyOctets([]byte("octets"), signature, s.Algorithm(), keysOf(t, key)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		zero := make([]byte, len(signature)) // r = s = 0, the psychic signature
		for _, bad := range [][]byte{nil, zero, signature[1:], append([]byte{0}, signature...), append(slices.Clone(signature), 0)} {
			if err := VerifyOctets([]byte("octets"), bad, s.Algorithm(), keysOf(t, key)); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: a signature of %d bytes is good: %v", key, len(bad), err)
			}
		}
		if err := VerifyOctets([]byte("octetz"), signature, s.Algorithm(), keysOf(t, key)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: over other octets: %v", key, err)
		}
	}
}

// FuzzVerify holds that whatever is verified is, byte by byte, what was signed.
func FuzzVerify(f *testing.F) {
	good := signedMessage(f, "p256")
	want, err := message().Canonical()
	if err != nil {
		f.Fatal(err)
	}
	keys := keysOf(f, "p256")
	f.Add([]byte(good))
	f.Add([]byte("<wrap>" + good + "</wrap>"))
	f.Add([]byte(strings.Replace(good, `URI="#_m"`, `URI=""`, 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		root, err := Read(raw, MessageLimits())
		if err != nil {
			return
		}
		root.Walk(func(e *Element) {
			got, err := Verify(e, keys)
			if err != nil {
				return
			}
			if content, err := got.Canonical(); err != nil || string(content) != string(want) {
				t.Fatalf("verified but never signed: %s, %v", content, err)
			}
		})
	})
}
