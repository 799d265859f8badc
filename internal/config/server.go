package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Server is how the service is reached.
type Server struct {
	// PublicURL is the address people and services use, for example https://sign-in.example.org, without a path. It is the issuer of every token: services store it, so choose it once.
	PublicURL string `yaml:"public_url"`
	// Listen is the address and port of the public listener, for example ":443", or "127.0.0.1:8080" behind a proxy on the same machine.
	Listen string `yaml:"listen"`
	// OperationsListen is the address and port of the second listener with /healthz, /readyz and /metrics. Keep it off the Internet. Empty switches it off.
	OperationsListen string `yaml:"operations_listen"`
	// TLS are the certificate files of the public listener.
	TLS TLS `yaml:"tls"`
	// Proxy names the reverse proxy in front of the service, if there is one.
	Proxy Proxy `yaml:"proxy"`
	// ReadHeaderTimeout is how long a client may take to send the head of a request.
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`
	// ReadTimeout is how long a client may take to send a whole request.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// WriteTimeout is how long one answer may take, from the end of the request's head.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// IdleTimeout is how long an unused connection is kept.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// MaxHeaderBytes is the largest head of a request in bytes.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// StopTimeout is how long requests in progress may take to end when the service is stopped.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// LogLevel is how much the log tells: debug, info, warn or error.
	LogLevel string `yaml:"log_level"`
}

// TLS is a certificate and its key, in PEM files that are read again when they change or on SIGHUP.
type TLS struct {
	// CertificateFile is a PEM file with the certificate and those of its issuers.
	CertificateFile string `yaml:"certificate_file"`
	// KeyFile is the PEM file of the certificate's private key; nobody but its owner and group may read it.
	KeyFile string `yaml:"key_file"`
}

// Proxy is a reverse proxy that ends TLS.
type Proxy struct {
	// Trusted are the networks of the proxies, for example [10.0.3.0/24]. Only what comes from there is believed about the client's address (X-Forwarded-For). A public listener without TLS files needs it.
	Trusted []string `yaml:"trusted"`
}

// Networks are the trusted networks, parsed; wrong ones are left out (Problems names them).
func (p Proxy) Networks() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range p.Trusted {
		network, err := parseNetwork(text)
		if err == nil {
			out = append(out, network)
		}
	}
	return out
}

func parseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return network.Masked(), nil
}

// serverPreset are the numbers of the server; all presets share them.
func serverPreset() Server {
	return Server{
		Listen: ":443", OperationsListen: "127.0.0.1:9464",
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, StopTimeout: 10 * time.Second, LogLevel: "info",
	}
}

// Problems lists what must be changed before the server may start.
func (s Server) Problems() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if problem := publicURLProblem(s.PublicURL); problem != "" {
		say("public_url: %s", problem)
	}
	listen(say, "listen", s.Listen, true)
	listen(say, "operations_listen", s.OperationsListen, false)
	if s.Listen != "" && s.Listen == s.OperationsListen {
		say("operations_listen: %s is the public listener's, too; give the operators their own port", s.Listen)
	}
	s.transport(say)
	for _, text := range s.Proxy.Trusted {
		network, err := parseNetwork(text)
		switch {
		case err != nil:
			say("proxy.trusted: %q is neither an address nor a network such as 10.0.3.0/24", text)
		case network.Bits() == 0:
			say("proxy.trusted: %s trusts the whole world; name the networks of your proxies only", text)
		}
	}
	for _, limit := range []struct {
		key           string
		value         time.Duration
		least, mostly time.Duration
	}{
		{"read_header_timeout", s.ReadHeaderTimeout, time.Second, 30 * time.Second},
		{"read_timeout", s.ReadTimeout, time.Second, 2 * time.Minute},
		{"write_timeout", s.WriteTimeout, 5 * time.Second, 5 * time.Minute},
		{"idle_timeout", s.IdleTimeout, time.Second, 10 * time.Minute},
		{"stop_timeout", s.StopTimeout, time.Second, 10 * time.Second},
	} {
		if limit.value < limit.least || limit.value > limit.mostly {
			say("%s: %s; choose between %s and %s", limit.key, duration(limit.value), duration(limit.least), duration(limit.mostly))
		}
	}
	if s.MaxHeaderBytes < 8<<10 || s.MaxHeaderBytes > 1<<20 {
		say("max_header_bytes: %d; choose between 8192 and 1048576", s.MaxHeaderBytes)
	}
	switch s.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		say("log_level: %q; choose debug, info, warn or error", s.LogLevel)
	}
	return out
}

// transport checks that nobody can listen in on the public listener.
func (s Server) transport(say func(string, ...any)) {
	certificate, key := s.TLS.CertificateFile != "", s.TLS.KeyFile != ""
	switch {
	case certificate != key:
		say("tls.certificate_file, tls.key_file: give both or neither")
	case certificate && strings.HasPrefix(s.PublicURL, "http://"):
		say("public_url: begins with http:// although tls.certificate_file is set; write https://")
	case !certificate && len(s.Proxy.Trusted) == 0 && strings.HasPrefix(s.PublicURL, "https://"):
		say("tls.certificate_file: give the certificate and server.tls.key_file, or name the proxy that ends TLS in server.proxy.trusted")
	case !certificate && len(s.Proxy.Trusted) == 0 && !loopbackHost(hostOf(s.Listen)):
		say("listen: %s without TLS can be read on the way; set server.tls.certificate_file and server.tls.key_file, name the proxy in front in server.proxy.trusted, or listen on 127.0.0.1", s.Listen)
	}
}

// Loopback reports whether the public address is on this machine only.
func (s Server) Loopback() bool {
	u, err := url.Parse(s.PublicURL)
	return err == nil && loopbackHost(u.Hostname())
}

// publicURLProblem says what is wrong with an issuer's address, or nothing.
func publicURLProblem(text string) string {
	if text == "" {
		return "give the address people use, for example https://sign-in.example.org"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return fmt.Sprintf("%q is not an address; write it as https://sign-in.example.org", text)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Sprintf("%q must begin with https://", text)
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return fmt.Sprintf("%s would send passwords in clear; write https:// (http:// is for localhost only)", text)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(text, "/") || strings.ContainsAny(text, "?#"):
		return fmt.Sprintf("%q must be scheme and host only, without a path or a slash at the end", text)
	case u.Host != strings.ToLower(u.Host):
		return fmt.Sprintf("%q: write the host in small letters", text)
	}
	return ""
}

// listen checks an address such as ":443" or "127.0.0.1:8080".
func listen(say func(string, ...any), key, value string, needed bool) {
	if value == "" {
		if needed {
			say("%s: give an address and port, for example :443", key)
		}
		return
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil || port == "" {
		say("%s: %q is not an address and port; write it as :443 or 127.0.0.1:8080", key, value)
	}
}

func hostOf(listen string) string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	return host
}

// loopbackHost reports whether a host is this machine.
func loopbackHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
