// Package outbound is the one HTTP client for everything that the service calls:
// providers of text messages, partners, vendors, webhooks.
//
// An address that somebody else chose may lead inside (CWE-918, server-side request
// forgery). So a name is resolved here, every address it has is checked, and the
// connection goes to the address that was checked: a name server that answers
// differently the second time (DNS rebinding) is asked once only. Refused are all
// addresses that are not of the public internet, unless the operator lists their
// network; redirects; plain HTTP, unless to a listed network; answers that are too
// long or too late. Proxies named by the environment are not used.
//
// Request and Response are plain values, so that callers need no net/http.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Client calls others. Make it with New; safe for concurrent use.
type Client struct {
	settings Settings
	secure   *http.Client // https
	plain    *http.Client // http, to listed networks only
	others   *Client      // for addresses that strangers registered
}

// New makes a client. Names are resolved by the system, or by resolver when it is given.
func New(s Settings, resolver *net.Resolver) (*Client, error) {
	c, err := limited(s, s.Allow, resolver)
	if err != nil {
		return nil, err
	}
	c.others, err = limited(s, s.AllowRegistered, resolver)
	return c, err
}

// Registered is the client for addresses that nobody of the operator's chose: those of
// services that registered themselves. What is listed for the operator's own partners is
// not listed for them, or they could make us call inner networks.
func (c *Client) Registered() *Client { return c.others }

func limited(s Settings, allow []string, resolver *net.Resolver) (*Client, error) {
	listed, err := networks(allow)
	if err != nil {
		return nil, err
	}
	if resolver == nil {
		resolver = &net.Resolver{}
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("outbound: ca_file: %w", err)
		}
		secure.RootCAs, err = x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("outbound: ca_file: the authorities of the system: %w", err)
		}
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("outbound: ca_file: %s holds no PEM certificate", s.CAFile)
		}
	}
	guard := &guard{resolver: resolver, listed: listed, timeout: s.Timeout}
	c := &Client{settings: s}
	c.secure = c.client(guard.dial, secure)
	c.plain = c.client(guard.dialListed, nil)
	return c, nil
}

// client makes the client of one scheme.
func (c *Client) client(dial func(context.Context, string, string) (net.Conn, error), secure *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // not what the environment says
			DialContext:            dial,
			TLSClientConfig:        secure,
			TLSHandshakeTimeout:    c.settings.Timeout,
			ForceAttemptHTTP2:      secure != nil,
			DisableCompression:     true, // the cap counts what is on the wire
			MaxResponseHeaderBytes: int64(c.settings.MaxBytes),
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Request is one call.
type Request struct {
	Method string            // GET, POST …
	URL    string            // https, or http to a listed network
	Header map[string]string // Content-Type, Authorization …
	Body   []byte
}

// Response is the answer to a call that was answered, whatever its status.
type Response struct {
	Status int
	Body   []byte // whole; at most Settings.MaxBytes

	header http.Header
}

// Header is the first value of a header of the answer.
func (r *Response) Header(name string) string { return r.header.Get(name) }

// Err is nil for a status of 2xx, else an *Error of kind Status.
func (r *Response) Err() error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	return &Error{Kind: Status, Status: r.Status}
}

// Passes reports whether a status that is no success can be another one a little later (RFC
// 9110, 15.5.9 and 15.6; RFC 8470, 5.2; RFC 6585, 4).
func (r *Response) Passes() bool {
	return r.Status >= 500 || r.Status == http.StatusRequestTimeout || r.Status == http.StatusTooEarly || r.Status == http.StatusTooManyRequests
}

// RetryAfter is how long the other side asks us to wait (RFC 9110, 10.2.3), in
// seconds or until an instant; 0 when it does not say.
func (r *Response) RetryAfter(now time.Time) time.Duration {
	value := r.header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// Do makes one call, without a second try, within Settings.Timeout. The error is an *Error.
func (c *Client) Do(ctx context.Context, in Request) (*Response, error) {
	out, err := c.do(ctx, in)
	if err == nil {
		return out, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, e
	}
	var late interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		return nil, &Error{Kind: Timeout, Err: bare(err)}
	}
	return nil, &Error{Kind: Unreachable, Err: bare(err)}
}

func (c *Client) do(ctx context.Context, in Request) (*Response, error) {
	client, err := c.which(in.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, in.Method, in.URL, bytes.NewReader(in.Body))
	if err != nil {
		return nil, &Error{Kind: Refused, Err: errors.New("not a request that can be made")}
	}
	request.Header.Set("User-Agent", "Parvis")
	for name, value := range in.Header {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // read already, or given up
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(c.settings.MaxBytes)+1))
	if err != nil {
		return nil, err
	}
	if len(body) > c.settings.MaxBytes {
		return nil, &Error{Kind: TooLarge, Status: answer.StatusCode}
	}
	return &Response{Status: answer.StatusCode, Body: body, header: answer.Header}, nil
}

// which is the client for an address; it refuses addresses that are not plain ones of the web.
func (c *Client) which(address string) (*http.Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, &Error{Kind: Refused, Err: errors.New("not an address")}
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		return nil, &Error{Kind: Refused, Err: errors.New("not a plain address of a host")}
	case u.Scheme == "https":
		return c.secure, nil
	case u.Scheme == "http":
		return c.plain, nil
	}
	return nil, &Error{Kind: Refused, Err: errors.New("neither https nor http")}
}

// Close ends the connections that are kept.
func (c *Client) Close() {
	c.secure.CloseIdleConnections()
	c.plain.CloseIdleConnections()
	if c.others != nil {
		c.others.Close()
	}
}

// bare is an error without the address that net/http puts before it: it may hold a secret.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Kind says why a call failed.
type Kind string

// The kinds of failures.
const (
	Refused     Kind = "refused"     // we may not call that address
	TooLarge    Kind = "too large"   // the answer is longer than Settings.MaxBytes
	Timeout     Kind = "timeout"     // no whole answer within Settings.Timeout
	Unreachable Kind = "unreachable" // no connection, no TLS, or it broke
	Status      Kind = "status"      // answered, but not with 2xx
)

// Error says why a call failed. Its text holds no path, query or header.
type Error struct {
	Kind   Kind
	Status int // of the answer, when there was one
	Err    error
}

// Error is the text for the log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("outbound: " + string(e.Kind))
	if e.Status != 0 {
		b.WriteString(" " + strconv.Itoa(e.Status))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
