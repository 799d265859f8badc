package clientcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// made is a certificate that signed itself.
func made(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		Subject: pkix.Name{CommonName: "client, one", Organization: []string{"Example+Co"}, Country: []string{"CA"}},
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sequence(c *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
}

func escapedOf(all ...*x509.Certificate) string {
	var out strings.Builder
	for _, c := range all {
		out.WriteString(url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))))
	}
	return strings.ReplaceAll(out.String(), "+", "%2B")
}

func TestEachFormOfAHeaderIsRead(t *testing.T) {
	a, b := made(t, nil), made(t, nil)
	for name, c := range map[string]struct {
		form         Form
		value, chain string
		behind       int
	}{
		"RFC 9440, 2.2":               {ByteSequence, sequence(a), "", 0},
		"RFC 9440, 2.3":               {ByteSequence, " " + sequence(a) + " ", sequence(b) + ", " + sequence(b), 2},
		"Envoy":                       {Envoy, `By=spiffe://x/y;Hash=00;Cert="` + escapedOf(a) + `";Subject="CN=a,O=\2C"`, "", -1},
		"Envoy with commas in quotes": {Envoy, `Hash=00;Subject="CN=a,O=b";URI=x;Cert="` + escapedOf(a) + `"`, "", 0},
		"Envoy with a chain":          {Envoy, `Cert="` + escapedOf(a) + `";Chain="` + escapedOf(a, b) + `"`, "", 2},
		"nginx":                       {PEM, escapedOf(a), "", 0},
		"PEM with a chain":            {PEM, escapedOf(a, b), "", 1},
	} {
		got, err := c.form.Parse(c.value, c.chain)
		if c.behind < 0 {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !got.Leaf.Equal(a) || len(got.Chain) != c.behind {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}

func TestWhatIsNotInTheFormIsRefused(t *testing.T) {
	a := made(t, nil)
	key := strings.ReplaceAll(escapedOf(a), "CERTIFICATE", "PRIVATE%20KEY")
	for name, c := range map[string]struct {
		form         Form
		value, chain string
	}{
		"empty":            {ByteSequence, "", ""},
		"without colons":   {ByteSequence, strings.Trim(sequence(a), ":"), ""},
		"two":              {ByteSequence, sequence(a) + "," + sequence(a), ""},
		"no DER":           {ByteSequence, ":AAAA:", ""},
		"more than DER":    {ByteSequence, ":" + base64.StdEncoding.EncodeToString(append(append([]byte{}, a.Raw...), 0)) + ":", ""},
		"a long chain":     {ByteSequence, sequence(a), strings.TrimSuffix(strings.Repeat(sequence(a)+",", 6), ",")},
		"huge":             {ByteSequence, ":" + strings.Repeat("A", MaxHeader) + ":", ""},
		"a chain of words": {ByteSequence, sequence(a), "word"},
		"two elements":     {Envoy, `Cert="` + escapedOf(a) + `",Cert="` + escapedOf(a) + `"`, ""},
		"two Certs":        {Envoy, `Cert="` + escapedOf(a) + `";Cert="` + escapedOf(a) + `"`, ""},
		"no Cert":          {Envoy, "Hash=00", ""},
		"an open quote":    {Envoy, `Cert="` + escapedOf(a), ""},
		"another PEM":      {PEM, key, ""},
		"text before":      {PEM, "x" + escapedOf(a), ""},
		"text behind":      {PEM, escapedOf(a) + "x", ""},
		"a wrong percent":  {PEM, "%zz" + escapedOf(a), ""},
	} {
		if got, err := c.form.Parse(c.value, c.chain); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// RFC 8705, 2.1.2: the one subject value that is registered is compared.
func TestASubjectIsComparedAsItIsRegistered(t *testing.T) {
	uri, err := url.Parse("spiffe://example.org/tax")
	if err != nil {
		t.Fatal(err)
	}
	c := made(t, func(c *x509.Certificate) {
		c.DNSNames, c.URIs, c.EmailAddresses = []string{"tax.example.org"}, []*url.URL{uri}, []string{"tax@example.org"}
		c.IPAddresses = []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::1")}
	})
	for name, want := range map[string]struct {
		subject Subject
		matches bool
	}{
		"DN":                     {Subject{DN: `CN=client\, one,O=Example\+Co,C=CA`}, true},
		"DN with spaces":         {Subject{DN: `cn = client\2C one , O=Example\2bCo, C=CA`}, true},
		"DN by OID":              {Subject{DN: `2.5.4.3=client\, one,OID.2.5.4.10=Example\+Co,C=CA`}, true},
		"DN in the other order":  {Subject{DN: `C=CA,O=Example\+Co,CN=client\, one`}, false},
		"DN cut":                 {Subject{DN: `O=Example\+Co,C=CA`}, false},
		"DN in another case":     {Subject{DN: `CN=CLIENT\, ONE,O=Example\+Co,C=CA`}, false},
		"DN with more":           {Subject{DN: `CN=client\, one,O=Example\+Co,C=CA,L=Ottawa`}, false},
		"DNS":                    {Subject{DNS: "TAX.example.org"}, true},
		"DNS of another":         {Subject{DNS: "example.org"}, false},
		"URI":                    {Subject{URI: "spiffe://example.org/tax"}, true},
		"URI in another case":    {Subject{URI: "spiffe://example.org/Tax"}, false},
		"IPv4":                   {Subject{IP: "192.0.2.7"}, true},
		"IPv4 in IPv6":           {Subject{IP: "::ffff:192.0.2.7"}, true},
		"IPv6":                   {Subject{IP: "2001:0db8:0::1"}, true},
		"another IP":             {Subject{IP: "192.0.2.8"}, false},
		"e-mail":                 {Subject{Email: "tax@example.org"}, true},
		"e-mail in another case": {Subject{Email: "TAX@example.org"}, false},
		"nothing":                {Subject{}, false},
	} {
		if err := want.subject.Problem(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := want.subject.Matches(c); got != want.matches {
			t.Errorf("%s: %t", name, got)
		}
	}
	for _, bad := range []Subject{
		{DN: "client"},
		{DN: "CN="},
		{DN: "CN=a,"},
		{DN: "XX=a"},
		{DN: "CN=#0403"},
		{DN: `CN=a\`},
		{DN: `CN="a"`},
		{DN: "CN=a;O=b"},
		{DN: "CN=" + strings.Repeat("a", 2000)},
		{DNS: "*.example.org"},
		{URI: "no scheme"},
		{IP: "300.1.1.1"},
		{Email: "tax"},
	} {
		if bad.Problem() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if (Subject{DN: "CN=x"}).Matches(made(t, func(c *x509.Certificate) { c.Subject = pkix.Name{} })) {
		t.Error("a certificate without a subject matches")
	}
}

func TestACertificateIsInForceBetweenItsTimesAndItsKeyIsStrong(t *testing.T) {
	p := &Presented{Leaf: made(t, nil)}
	for at, want := range map[time.Duration]bool{-2 * time.Hour: false, -time.Hour: true, 0: true, time.Hour: true, 2 * time.Hour: false} {
		if p.InForce(now.Add(at)) != want {
			t.Errorf("%s: %t", at, !want)
		}
	}
	if !p.Strong() || len(p.Thumbprint()) != 43 {
		t.Error("P-256 is too weak, or the thumbprint is none")
	}
	if p.Verify(x509.NewCertPool(), now) == nil {
		t.Error("nobody's certificate is trusted")
	}
}

func FuzzHeader(f *testing.F) {
	a := made(f, nil)
	f.Add(sequence(a), sequence(a))
	f.Add(`Cert="`+escapedOf(a)+`";Chain="`+escapedOf(a)+`"`, "")
	f.Add(escapedOf(a, a), "")
	f.Fuzz(func(t *testing.T, value, chain string) {
		for _, form := range Forms() {
			if got, err := form.Parse(value, chain); err == nil && (got.Leaf == nil || len(got.Chain) > maxChain+1) {
				t.Fatal(form)
			}
		}
	})
}

func FuzzDN(f *testing.F) {
	f.Add(`CN=client\, one+UID=7,O=Example\2BCo , C=CA`)
	f.Fuzz(func(t *testing.T, text string) {
		dn, err := ParseDN(text)
		if err == nil && len(dn) == 0 {
			t.Fatal("an empty name")
		}
		_ = Subject{DN: text}.Matches(&x509.Certificate{RawSubject: []byte(text)})
	})
}
