package outbound

import (
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// names answers every question for addresses with what answer gives.
func names(t *testing.T, answer func(name string) []string) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serveNames(theirs, answer)
		return ours, nil
	}}
}

func serveNames(conn net.Conn, answer func(string) []string) {
	defer func() { _ = conn.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(question) != nil || len(m.Questions) != 1 {
			return
		}
		q := m.Questions[0]
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		for _, text := range answer(strings.TrimSuffix(q.Name.String(), ".")) {
			a := netip.MustParseAddr(text)
			head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			switch {
			case q.Type == dnsmessage.TypeA && a.Is4():
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
			case q.Type == dnsmessage.TypeAAAA && a.Is6():
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
			}
		}
		packed, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)); err != nil {
			return
		}
	}
}

// serve runs a server with TLS whose certificate the client trusts, and gives its port.
func serve(t *testing.T, handler http.HandlerFunc, change func(*Settings), resolver *net.Resolver) (*Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	s := Preset("parvis")
	s.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(s.CAFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&s)
	}
	c, err := New(s, resolver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, server
}

func listed(s *Settings) { s.Allow = []string{"127.0.0.0/8"} }

func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func TestACallToAListedNetworkIsMadeAndAnswered(t *testing.T) {
	c, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type")+" "+r.UserAgent()+" "+string(body)+" "+r.Proto)
	}, listed, nil)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	got, err := c.Do(t.Context(), Request{Method: "POST", URL: server.URL + "/a?b=c", Header: map[string]string{"Content-Type": "text/x"}, Body: []byte("body")})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != 429 || string(got.Body) != "POST /a?b=c text/x Parvis body HTTP/2.0" || got.Header("retry-after") != "7" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	if e, ok := errors.AsType[*Error](got.Err()); !ok || e.Kind != Status || e.Status != 429 || got.RetryAfter(time.Time{}) != 7*time.Second {
		t.Errorf("%v, %v", got.Err(), got.RetryAfter(time.Time{}))
	}
}

// What the operator listed for their own partners is not listed for addresses that strangers chose.
func TestAServiceThatRegisteredItselfReachesNoListedNetwork(t *testing.T) {
	answer := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	c, server := serve(t, answer, listed, nil)
	for _, address := range []string{server.URL, strings.Replace(server.URL, "https://", "http://", 1)} {
		if _, err := c.Registered().Do(t.Context(), Request{Method: "GET", URL: address}); kindOf(err) != Refused {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL}); err != nil {
		t.Errorf("the operator's own: %v", err)
	}
	c, server = serve(t, answer, func(s *Settings) { s.AllowRegistered = []string{"127.0.0.0/8"} }, nil)
	if _, err := c.Registered().Do(t.Context(), Request{Method: "GET", URL: server.URL}); err != nil {
		t.Errorf("listed for them: %v", err)
	}
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL}); kindOf(err) != Refused {
		t.Errorf("listed for them only: %v", err)
	}
}

func TestAnAddressInsideIsRefusedHoweverItIsWritten(t *testing.T) {
	var calls atomic.Int64
	c, server := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) }, nil, nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "https://"))
	for _, host := range []string{
		"127.0.0.1", "localhost", "127.1", "127.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "0", "0.0.0.0", "127.127.127.127",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fe80::1%25lo]", "[::127.0.0.1]",
		"169.254.169.254", "[fd00:ec2::254]", "168.63.129.16", "100.100.100.200", "192.0.0.192", "10.0.0.1", "172.31.255.255", "192.168.1.1",
		"[ff02::1]", "224.0.0.1", "255.255.255.255", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "metadata.google.internal", "localhost.",
	} {
		_, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://" + host + ":" + port + "/"})
		if k := kindOf(err); k != Refused && k != Unreachable { // Unreachable: a name that nobody has
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "0.0.0.0", "[fe80::1%25lo]"} {
		if _, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://" + host + "/"}); kindOf(err) != Refused {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestWhatIsPublicIsKnownByItsAddress(t *testing.T) {
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "99.255.255.255", "100.128.0.0", "172.32.0.1", "192.0.3.1", "198.20.0.1", "223.255.255.255", "2600::1", "2a00:1450::1", "64:ff9b::808:808", "2001:4860:4860::8888", "::ffff:8.8.8.8"} {
		if !isPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	for _, text := range []string{"64:ff9b::a00:1", "64:ff9b:1::808:808", "::ffff:10.0.0.1", "2002:a00:1::1", "2001:db8::1", "fc00::1", "fec0::1", "ff0e::1", "4000::1", "100::1", "::", "198.18.0.1", "192.88.99.1", "203.0.113.9", "240.0.0.1", "100.64.0.1"} {
		if isPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestANameThatChangesItsAddressBetweenCheckAndConnectionGainsNothing(t *testing.T) {
	var asked, calls atomic.Int64
	// 203.0.113.7 stands for a public address; it is listed, since nothing public can be called here
	resolver := names(t, func(string) []string {
		if asked.Add(1) <= 2 { // A and AAAA of the check
			return []string{"203.0.113.7"}
		}
		return []string{"127.0.0.1"}
	})
	c, server := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) }, func(s *Settings) {
		s.Allow, s.Timeout = []string{"203.0.113.7"}, time.Second
	}, resolver)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "https://"))
	_, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://rebinding.test:" + port + "/"})
	if k := kindOf(err); k != Timeout && k != Unreachable {
		t.Errorf("the first call: %v", err)
	}
	if n := asked.Load(); n > 2 {
		t.Errorf("the name server was asked %d times for one call", n)
	}
	_, err = c.Do(t.Context(), Request{Method: "GET", URL: "https://rebinding.test:" + port + "/"})
	if kindOf(err) != Refused {
		t.Errorf("the second call: %v", err)
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls arrived inside", n)
	}
}

func TestANameWithOneAddressInsideIsRefusedWhole(t *testing.T) {
	resolver := names(t, func(string) []string { return []string{"203.0.113.7", "10.0.0.1", "2600::1"} })
	c, _ := serve(t, nil, func(s *Settings) { s.Allow = []string{"203.0.113.0/24"} }, resolver)
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://both.test/"}); kindOf(err) != Refused {
		t.Error(err)
	}
}

func TestARedirectIsAnAnswerAndIsNotFollowed(t *testing.T) {
	var calls atomic.Int64
	c, server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Location", "https://127.0.0.1:1/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}, listed, nil)
	got, err := c.Do(t.Context(), Request{Method: "POST", URL: server.URL})
	if err != nil || got.Status != 307 || kindOf(got.Err()) != Status || calls.Load() != 1 {
		t.Errorf("%v %v, %d calls", got, err, calls.Load())
	}
}

func TestAnAnswerThatIsTooLongOrTooLateEndsTheCall(t *testing.T) {
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		want   Kind
	}{
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
					return
				}
			}
		}, TooLarge},
		"endless head": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set("X-"+strings.Repeat("y", i+1), strings.Repeat("x", 4096))
			}
		}, Unreachable},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Timeout},
		"dripping": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, "x"); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, Timeout},
		"gone": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 400 * time.Millisecond
			if test.want != Timeout { // its own end is to come first, however busy the machine is
				timeout = 30 * time.Second
			}
			c, server := serve(t, test.handle, func(s *Settings) { listed(s); s.Timeout = timeout }, nil)
			_, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL + "/?secret=1234567"})
			if kindOf(err) != test.want {
				t.Errorf("%v", err)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "1234567") {
				t.Errorf("the error tells the address: %v", err)
			}
		})
	}
	c, server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 64<<10)) }, listed, nil)
	if got, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL}); err != nil || len(got.Body) != 64<<10 {
		t.Errorf("an answer of exactly the limit: %v", err)
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: dead.URL}); kindOf(err) != Unreachable {
		t.Error(err)
	}
}

func TestPlainHTTPGoesToListedNetworksOnly(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(plain.Close)
	c, _ := serve(t, nil, listed, nil)
	if got, err := c.Do(t.Context(), Request{Method: "GET", URL: plain.URL}); err != nil || string(got.Body) != "ok" {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: "http://8.8.8.8/"}); kindOf(err) != Refused {
		t.Errorf("a public address without TLS: %v", err)
	}
	for _, bad := range []string{"", "example.org", "ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1/", "https://user:word@example.org/", "https://", "https://example.org/#x", "https:example.org", "https://exa mple.org/", "https://:443/", "https://example.org/\x00"} {
		if _, err := c.Do(t.Context(), Request{Method: "GET", URL: bad}); kindOf(err) != Refused {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestACertificateOfNobodyKnownIsRefused(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	s := Preset("parvis")
	listed(&s)
	c, err := New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL}); kindOf(err) != Unreachable {
		t.Error(err)
	}
}

func TestHowLongToWaitIsReadAsSecondsOrAsATime(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Wed, 04 Mar 2026 05:07:07 GMT": time.Minute, "Wed, 04 Mar 2026 05:00:00 GMT": 0,
	} {
		r := &Response{header: http.Header{"Retry-After": {text}}}
		if got := r.RetryAfter(now); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	if p := Preset("parvis").Problems(); len(p) != 0 {
		t.Fatal(p)
	}
	bad := Settings{Allow: []string{"10.0.0.0/8", "10.0.0.1", "10.0.0.1/8", "here"}, AllowRegistered: []string{"there"}, Timeout: time.Hour, MaxBytes: 1}
	p := bad.Problems()
	if len(p) != 5 || !slices.IsSortedFunc(p[:2], strings.Compare) || !strings.Contains(p[0], "10.0.0.0/8") {
		t.Errorf("%q", p)
	}
	if _, err := New(bad, nil); err == nil {
		t.Error("made of settings that cannot work")
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "none.pem"), "outbound_test.go"} {
		if _, err := New(Settings{CAFile: file}, nil); err == nil {
			t.Errorf("made with %s", file)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"https://127.0.0.1/", "https://[::1]/", "http://0x7f.1/", "https://a@b/", "https://%31%32%37.0.0.1/", "https://localhost\t/"} {
		f.Add(s)
	}
	c, err := New(Preset("parvis"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, address string) {
		client, err := c.which(address)
		if err != nil {
			if kindOf(err) != Refused {
				t.Fatal(err)
			}
			return
		}
		if client != c.secure && client != c.plain {
			t.Fatal("no client")
		}
	})
}

func FuzzIsPublic(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add(netip.MustParseAddr("64:ff9b::a00:1").AsSlice())
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		u := a.Unmap()
		if isPublic(a) && (u.IsLoopback() || u.IsPrivate() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.IsUnspecified() || u.IsInterfaceLocalMulticast()) {
			t.Errorf("%v was taken for public", a)
		}
	})
}
