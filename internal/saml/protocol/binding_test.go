package protocol

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/xmlsec"
)

func request() AuthnRequest {
	return AuthnRequest{ID: "_request", IssueInstant: moment, Destination: "https://partner.example/sso", Issuer: us, ACS: acs}
}

// queryOf is the query of an address of ours.
func queryOf(t testing.TB, location string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.RawQuery
}

func TestOurRequestSaysWhatItMustAndNothingElse(t *testing.T) {
	r := request()
	r.ForceAuthn, r.IsPassive, r.AllowCreate = true, true, true
	r.NameIDFormat = FormatPersistent
	r.Contexts = []string{"urn:a", "urn:b"}
	r.Comparison = Minimum
	form, err := r.Post("state", nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(form.Value)
	if err != nil {
		t.Fatal(err)
	}
	want := `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" AssertionConsumerServiceURL="https://signin.example.ca/saml/acs" Destination="https://partner.example/sso" ForceAuthn="true" ID="_request" IsPassive="true" IssueInstant="2026-03-01T12:00:10Z" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Version="2.0">` +
		`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://signin.example.ca/saml</saml:Issuer>` +
		`<samlp:NameIDPolicy AllowCreate="true" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"></samlp:NameIDPolicy>` +
		`<samlp:RequestedAuthnContext Comparison="minimum"><saml:AuthnContextClassRef xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">urn:a</saml:AuthnContextClassRef><saml:AuthnContextClassRef xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">urn:b</saml:AuthnContextClassRef></samlp:RequestedAuthnContext></samlp:AuthnRequest>`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Form{Action: r.Destination, Field: "SAMLRequest", Value: form.Value, RelayState: "state"}, form); diff != "" {
		t.Error(diff)
	}
	if form, err = request().Post("", nil); err != nil {
		t.Fatal(err)
	}
	if raw, err = base64.StdEncoding.DecodeString(form.Value); err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"ForceAuthn", "IsPassive", "NameIDPolicy", "RequestedAuthnContext", "Scoping", "RequesterID", "ProviderName", "Extensions", "Subject", "Conditions", "Consent"} {
		if strings.Contains(string(raw), absent) {
			t.Errorf("%s leaves without being asked for", absent)
		}
	}
}

func TestAnIDIsLongAndNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if seen[id] || !isNCName(id) || len(id) < 27 {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}

func TestARedirectCarriesMessageStateAndSignature(t *testing.T) {
	for _, key := range []string{"rsa", "p256", "p384", "p521"} {
		for _, state := range []string{"", "flow 1+/=&?é"} {
			for _, destination := range []string{"https://partner.example/sso", "https://partner.example/sso?tenant=1"} {
				r := request()
				r.Destination = destination
				location, err := r.Redirect(state, signer(t, key))
				if err != nil {
					t.Fatal(err)
				}
				query, ok := strings.CutPrefix(location, destination)
				if !ok || query[0] != '?' && query[0] != '&' || strings.Count(location, "?") != 1 {
					t.Fatalf("%s", location)
				}
				m, err := DecodeRedirect(query[1:])
				if err != nil {
					t.Fatal(err)
				}
				if m.RelayState != state {
					t.Errorf("the state came as %q", m.RelayState)
				}
				if got := m.Claims(); got != (Claims{Name: "AuthnRequest", Issuer: us}) {
					t.Errorf("it claims %+v", got)
				}
				if _, signed, err := m.verified(trustIn(t, key).Keys); err != nil || !signed {
					t.Errorf("%s: %v, %v", key, signed, err)
				}
				if _, _, err := m.verified(trust(t).Keys); key != "p256" && !isReason(err, BadSignature) {
					t.Errorf("%s: with a foreign key: %v", key, err)
				}
			}
		}
	}
	unsigned, err := request().Redirect("", nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := DecodeRedirect(queryOf(t, unsigned))
	if err != nil {
		t.Fatal(err)
	}
	if _, signed, err := m.verified(trust(t).Keys); err != nil || signed {
		t.Errorf("unsigned: %v, %v", signed, err)
	}
}

// trustIn is trust in another party's key.
func trustIn(t testing.TB, name string) Trust {
	t.Helper()
	tr := trust(t)
	tr.Keys = tr.Keys[:0]
	tr.Keys = append(tr.Keys, certificate(t, name).PublicKey)
	return tr
}

// The octets that are signed are those of the address, however its writer escaped
// them: some write small letters, some escape what need not be.
func TestASignatureIsOverTheAddressAsItCame(t *testing.T) {
	location, err := request().Redirect("a b", nil)
	if err != nil {
		t.Fatal(err)
	}
	message := strings.TrimPrefix(strings.Split(queryOf(t, location), "&")[0], "SAMLRequest=")
	value, err := url.QueryUnescape(message)
	if err != nil {
		t.Fatal(err)
	}
	var everything strings.Builder
	for i := range len(value) {
		everything.WriteString("%" + strings.ToLower(string("0123456789ABCDEF"[value[i]>>4])) + strings.ToLower(string("0123456789ABCDEF"[value[i]&15])))
	}
	s := signer(t, "p256")
	for name, octets := range map[string]string{
		"as url.QueryEscape":   "SAMLRequest=" + message + "&RelayState=a+b&SigAlg=" + url.QueryEscape(string(s.Algorithm())),
		"small letters":        "SAMLRequest=" + strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%3D", "%3d").Replace(message) + "&RelayState=a%20b&SigAlg=" + strings.ToLower(url.QueryEscape(string(s.Algorithm()))),
		"everything escaped":   "SAMLRequest=" + everything.String() + "&RelayState=%61%20b&SigAlg=" + string(s.Algorithm()),
		"an empty relay state": "SAMLRequest=" + message + "&RelayState=&SigAlg=" + string(s.Algorithm()),
	} {
		signature, err := s.SignOctets([]byte(octets))
		if err != nil {
			t.Fatal(err)
		}
		query := octets + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
		// The order of the address is the sender's; that of the octets is the standard's.
		parts := strings.Split(query, "&")
		reversed := strings.Join([]string{parts[3], parts[2], parts[1], parts[0]}, "&")
		for _, q := range []string{query, reversed} {
			m, err := DecodeRedirect(q)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, signed, err := m.verified(trust(t).Keys); err != nil || !signed {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, other := range []string{strings.Replace(query, "RelayState=", "RelayState=x", 1), strings.Replace(query, "&RelayState=", "&RelayState=&x=", 1), strings.Replace(query, "SAMLRequest=", "SAMLResponse=", 1)} {
			m, err := DecodeRedirect(other)
			if err != nil {
				continue
			}
			if _, _, err := m.verified(trust(t).Keys); !isReason(err, BadSignature) {
				t.Errorf("%s: changed, and verified: %v", name, err)
			}
		}
	}
}

func TestAnAddressThatTwoReadersMightReadDifferentlyIsRefused(t *testing.T) {
	location, err := request().Redirect("state", signer(t, "p256"))
	if err != nil {
		t.Fatal(err)
	}
	query := queryOf(t, location)
	message := strings.TrimPrefix(strings.Split(query, "&")[0], "SAMLRequest=")
	for name, q := range map[string]string{
		"nothing":                  "",
		"no message":               "RelayState=x",
		"message twice":            query + "&SAMLRequest=" + message,
		"message first":            "SAMLRequest=" + message + "&" + query,
		"request and response":     query + "&SAMLResponse=" + message,
		"response before":          "SAMLResponse=" + message + "&" + query,
		"state twice":              query + "&RelayState=other",
		"signature twice":          query + "&Signature=AAAA",
		"algorithm twice":          query + "&SigAlg=x",
		"name escaped":             query + "&%53AMLRequest=" + message,
		"name in small letters":    query + "&samlrequest=" + message,
		"name with a space":        query + "&+SAMLRequest=" + message,
		"another parameter":        query + "&prompt=create",
		"empty pair":               query + "&",
		"no value":                 query + "&RelayState2",
		"semicolon":                query + ";SAMLRequest=" + message,
		"bad escape":               strings.Replace(query, "RelayState=state", "RelayState=%zz", 1),
		"signature without method": strings.Replace(query, "SigAlg=", "SAMLEncoding=", 1),
		"method without signature": query[:strings.Index(query, "&Signature=")],
		"signature of no base64":   query[:strings.Index(query, "&Signature=")] + "&Signature=%21",
		"another encoding":         query + "&SAMLEncoding=urn:x",
		"long relay state":         strings.Replace(query, "RelayState=state", "RelayState="+strings.Repeat("x", 81), 1),
		"too long":                 query + "&SAMLEncoding=" + strings.Repeat("x", maxQuery),
		"not packed":               "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("<samlp:AuthnRequest/>"))),
		"no base64":                "SAMLRequest=%21",
	} {
		if _, err := DecodeRedirect(q); !isReason(err, Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, q := range []string{query + "&SAMLEncoding=" + deflate, "prompt=create&" + query, query + "&prompt=a&prompt=b"} {
		if _, err := DecodeRedirect(q, "prompt"); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// pack packs bytes as a redirect has them.
func pack(t testing.TB, raw []byte) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func TestASmallMessageIsNotInflatedToALargeOne(t *testing.T) {
	bomb := "SAMLRequest=" + url.QueryEscape(pack(t, bytes.Repeat([]byte(" "), 20<<20)))
	if len(bomb) > maxQuery {
		t.Fatalf("the bomb has %d bytes and is refused for that", len(bomb))
	}
	allocated := uint64(1 << 62)
	for range 5 { // the best of some: other tests use the machine, too
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := DecodeRedirect(bomb)
		runtime.ReadMemStats(&after)
		allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
		if !isReason(err, Malformed) {
			t.Fatalf("inflated: %v", err)
		}
	}
	if allocated > 10<<20 {
		t.Errorf("%d bytes", allocated)
	}
	packed, err := base64.StdEncoding.DecodeString(pack(t, []byte(`<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`)))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"", "\x00"} {
		query := "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(append(packed, more...)))
		if _, err := DecodeRedirect(query); (err == nil) != (more == "") {
			t.Errorf("with %q behind the packed message: %v", more, err)
		}
	}
}

func TestAFormCarriesOneMessage(t *testing.T) {
	value := base64.StdEncoding.EncodeToString([]byte(answer))
	lines := strings.Join([]string{value[:76], value[76:]}, "\r\n")
	for _, v := range []string{value, lines} {
		m, err := DecodePost("", v, "state")
		if err != nil || m.RelayState != "state" || m.Claims().Name != "Response" {
			t.Errorf("%v", err)
		}
	}
	for name, fields := range map[string][3]string{
		"nothing":      {},
		"both":         {value, value, ""},
		"no base64":    {"", "!", ""},
		"no XML":       {"", base64.StdEncoding.EncodeToString([]byte("hello")), ""},
		"unpadded":     {"", strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("<a>1</a>")), "="), ""},
		"state":        {"", value, strings.Repeat("x", 81)},
		"too long":     {"", strings.Repeat("A", maxPost+4), ""},
		"no message":   {"", base64.StdEncoding.EncodeToString([]byte("<Response/>")), ""},
		"an assertion": {"", base64.StdEncoding.EncodeToString([]byte(assertionText)), ""},
	} {
		if _, err := DecodePost(fields[0], fields[1], fields[2]); !isReason(err, Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatWeSendIsCheckedToo(t *testing.T) {
	for name, change := range map[string]func(*AuthnRequest){
		"script as destination":  func(r *AuthnRequest) { r.Destination = "javascript:alert(1)" },
		"plain destination":      func(r *AuthnRequest) { r.Destination = "http://partner.example/sso" },
		"destination with user":  func(r *AuthnRequest) { r.Destination = "https://a@partner.example/sso" },
		"destination, fragment":  func(r *AuthnRequest) { r.Destination = "https://partner.example/sso#x" },
		"destination, line":      func(r *AuthnRequest) { r.Destination = "https://partner.example/\r\nX: y" },
		"destination, no host":   func(r *AuthnRequest) { r.Destination = "https:///sso" },
		"destination, backslash": func(r *AuthnRequest) { r.Destination = `https://partner.example\@evil.example/` },
		"no destination":         func(r *AuthnRequest) { r.Destination = "" },
		"plain address":          func(r *AuthnRequest) { r.ACS = "http://signin.example.ca/" },
		"no issuer":              func(r *AuthnRequest) { r.Issuer = "" },
		"issuer that is no URI":  func(r *AuthnRequest) { r.Issuer = "us" },
		"no ID":                  func(r *AuthnRequest) { r.ID = "" },
		"ID that begins with 1":  func(r *AuthnRequest) { r.ID = "1" },
		"no time":                func(r *AuthnRequest) { r.IssueInstant = time.Time{} },
	} {
		r := request()
		change(&r)
		if _, err := r.Redirect("", nil); err == nil {
			t.Errorf("%s: redirected", name)
		}
		if _, err := r.Post("", nil); err == nil {
			t.Errorf("%s: posted", name)
		}
	}
	if _, err := request().Redirect(strings.Repeat("x", 81), nil); err == nil {
		t.Error("a relay state of 81 bytes left by redirect")
	}
	if _, err := request().Post(strings.Repeat("x", 81), nil); err == nil {
		t.Error("a relay state of 81 bytes left by form")
	}
	r := request()
	r.Contexts = []string{`"><x y="&`}
	form, err := r.Post("", signer(t, "p256"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(form.Value)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := xmlsec.Verify(parse(t, string(raw)), trust(t).Keys); err != nil || len(e.Elements()) != 2 {
		t.Errorf("a value broke the message: %v", err)
	}
}

func FuzzDecodeRedirect(f *testing.F) {
	location, err := request().Redirect("state", signer(f, "p256"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(queryOf(f, location))
	f.Add("SAMLResponse=" + url.QueryEscape(pack(f, []byte(answer))) + "&RelayState=")
	keys := trust(f).Keys
	f.Fuzz(func(t *testing.T, query string) {
		m, err := DecodeRedirect(query, "prompt")
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		_ = m.Claims()
		// The only query that was signed: its message and state are what they were.
		if _, signed, err := m.verified(keys); err == nil && signed && (m.RelayState != "state" || m.Claims().Issuer != us) {
			t.Fatalf("verified but never signed: %s", query)
		}
	})
}

func FuzzDecodePost(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString([]byte(answer)), "state")
	f.Fuzz(func(t *testing.T, value, state string) {
		m, err := DecodePost("", value, state)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if _, err := DecodePost(value, "", state); err != nil {
			t.Fatalf("as a request it is refused: %v", err)
		}
		_ = m.Claims()
	})
}
