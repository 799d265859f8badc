package protocol

import (
	"net/url"
	"strings"
	"testing"
)

// hostile are addresses that different parsers read differently, or that other
// servers have let through (security corpus 16 to 19).
var hostile = []string{
	"https://good.example@evil.example/cb", "https://good.example:443@evil.example/cb", "https://a@b@good.example/cb",
	"https://evil.example\\@good.example/cb", "https://good.example\\.evil.example/cb", "https:\\\\good.example/cb",
	"//evil.example/cb", "///evil.example", "/cb", "cb", "https:evil.example/cb", "https:/good.example/cb", "https:///good.example/cb",
	"https://good.example%5c@evil.example/", "https://good.example%2f@evil.example/", "https://good%2eexample/cb",
	"https://good.example\t/cb", "https://good.example/cb\r\nSet-Cookie: a=b", "https://good.example/c b", " https://good.example/cb", "https://good.example/cb ",
	"https://good.example./cb", "https://good.example:/cb", "https://GOOD.example/cb", "HTTPS://good.example/cb", "hTTps://good.example/cb",
	"https://good.example/cb#fragment", "https://good.example/cb#", "https://*.example/cb", "https://good.example/*",
	"https://[fe80::1%25eth0]/cb", "https://[fe80::1%eth0]/cb", "https://[::1/cb", "https://good.example]/cb",
	"https://goo\u0434.example/cb", "https://good.example/\u202e", "https://good.example/\x00", "https://good.example/\x7f",
	"https://good.example/../evil", "https://good.example/a/%2e%2e/b", "https://good.example/a/.%2E/b", "https://good.example/./cb", "https://good..example/cb",
	"http://good.example/cb", "http://127.0.0.1.evil.example/cb", "http://127.1/cb", "http://0x7f000001/cb", "http://2130706433/cb", "http://[::ffff:127.0.0.1]/cb", "http://localhost.evil.example/cb",
	"http://0.0.0.0/cb", "javascript:alert(1)", "JavaScript:alert(1)", "javascript://good.example/%0aalert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://good.example/x", "about:blank",
	"ftp://good.example/cb", "ws://good.example/cb", "intent://x#Intent;end", "myapp:/cb", "https://", "https:", "https://?x", "https:///", "", ":", "://",
	"https://good.example/<script>", "https://good.example/\"onload=", "https://user:pw@good.example/cb", "https://@good.example/cb", "https://:@good.example/cb",
	"https://good.example;evil.example/cb", "https://good.example,evil.example/cb", "https://good_example&x/cb", "https://good.example|evil/cb", "https://good.example{}/", "https://" + strings.Repeat("a", 2100) + ".example/",
}

func TestNoHostileAddressCanBeRegisteredOrUsed(t *testing.T) {
	for _, uri := range hostile {
		if err := CheckRedirectURI(uri, false); err == nil {
			t.Errorf("%q may be registered", uri)
		}
		for _, native := range []bool{false, true} {
			if MatchRedirect([]string{"https://good.example/cb", "http://127.0.0.1/cb"}, native, uri) {
				t.Errorf("%q matches a registered address (native %v)", uri, native)
			}
		}
		if MatchRedirect([]string{uri}, false, uri) {
			t.Errorf("%q is used although it should never have been registered", uri)
		}
	}
}

func TestAddressesThatMayBeRegistered(t *testing.T) {
	cases := []struct {
		uri         string
		web, native bool
	}{
		{"https://service.example/cb", true, true},
		{"https://service.example:8443/a/b?x=1&y=2", true, true},
		{"https://xn--caf-dma.example/cb", true, true},
		{"https://[2001:db8::1]:8443/cb", true, true},
		{"https://service.example", true, true},
		{"http://127.0.0.1:8081/cb", true, true},
		{"http://localhost:3000/cb", true, true},
		{"http://[::1]/cb", true, true},
		{"ca.example.app:/cb", false, true},
		{"ca.example.app://cb", false, true},
	}
	for _, c := range cases {
		if got := CheckRedirectURI(c.uri, false) == nil; got != c.web {
			t.Errorf("%q for the web: %v, want %v (%v)", c.uri, got, c.web, CheckRedirectURI(c.uri, false))
		}
		if got := CheckRedirectURI(c.uri, true) == nil; got != c.native {
			t.Errorf("%q for a native application: %v, want %v", c.uri, got, c.native)
		}
	}
}

// RFC 9700, 4.1.3: redirect addresses are compared as they are written.
func TestARedirectAddressMatchesByteByByte(t *testing.T) {
	registered := []string{"https://service.example/cb", "https://service.example/cb?x=1"}
	for _, given := range []string{
		"https://service.example/cb/", "https://service.example/CB", "https://service.example:443/cb", "https://service.example/cb?",
		"https://service.example/cb?x=1&y=2", "https://service.example/cb?x=2", "https://service.example/c%62", "https://service-example/cb",
		"https://serviceXexample/cb", "https://evil.service.example/cb", "https://service.example.evil/cb", "https://service.example/cb%00", "https://service.example/cb%0d",
	} {
		if MatchRedirect(registered, false, given) {
			t.Errorf("%q matches", given)
		}
	}
	for _, given := range registered {
		if !MatchRedirect(registered, false, given) {
			t.Errorf("%q does not match itself", given)
		}
	}
}

// RFC 8252, 7.3: only a loopback address of a native application has a free port.
func TestOnlyANativeLoopbackAddressHasAFreePort(t *testing.T) {
	registered := []string{"http://127.0.0.1/cb", "http://[::1]:7000/cb", "http://localhost:7000/cb", "https://127.0.0.1/cb"}
	cases := map[string]bool{
		"http://127.0.0.1:51004/cb": true, "http://127.0.0.1/cb": true, "http://[::1]:1/cb": true,
		"http://localhost:7001/cb": false, "http://127.0.0.1:51004/other": false, "http://127.0.0.1:51004/cb?x": false,
		"https://127.0.0.1:51004/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:123456/cb": false,
		"http://127.0.0.1:80:80/cb": false, "http://127.0.0.1:80@evil.example/cb": false, "http://127.0.0.1.evil.example/cb": false, "http://127.0.0.1evil/cb": false,
	}
	for given, want := range cases {
		if got := MatchRedirect(registered, true, given); got != want {
			t.Errorf("native %q: %v, want %v", given, got, want)
		}
	}
	if MatchRedirect(registered, false, "http://127.0.0.1:51004/cb") {
		t.Error("a web client got a free port")
	}
}

func FuzzARedirectAddressNeverLeavesItsHost(f *testing.F) {
	for _, uri := range hostile {
		f.Add(uri)
	}
	f.Add("https://good.example/cb")
	f.Add("ca.example.app:/cb")
	f.Fuzz(func(t *testing.T, uri string) {
		for _, native := range []bool{false, true} {
			if CheckRedirectURI(uri, native) != nil {
				continue
			}
			u, err := url.Parse(uri)
			if err != nil {
				t.Fatalf("%q was accepted and cannot be parsed", uri)
			}
			if u.User != nil || u.Fragment != "" || strings.ContainsAny(uri, "\\ \t\r\n#*") {
				t.Fatalf("%q was accepted", uri)
			}
			if u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" && u.Hostname() != "localhost" {
				t.Fatalf("%q was accepted without TLS", uri)
			}
			if !native && u.Scheme != "http" && u.Scheme != "https" {
				t.Fatalf("%q was accepted for the web", uri)
			}
			location := AppendQuery(uri, []Param{{"code", "x&y=z#"}})
			back, err := url.Parse(location)
			if err != nil || back.Host != u.Host || back.Fragment != "" {
				t.Fatalf("%q leads to %q", uri, location)
			}
		}
	})
}
