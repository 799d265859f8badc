package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// guard connects to addresses that may be called.
type guard struct {
	resolver *net.Resolver
	listed   []netip.Prefix
	timeout  time.Duration // of a whole call
}

// mostAddresses is how many addresses of a name are tried; each has its share of the time.
const mostAddresses = 4

// dial connects to a public or listed address; for https.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return g.connect(ctx, network, address, func(a netip.Addr) bool { return g.isListed(a) || isPublic(a) })
}

// dialListed connects to a listed address only; for http.
func (g *guard) dialListed(ctx context.Context, network, address string) (net.Conn, error) {
	return g.connect(ctx, network, address, g.isListed)
}

// connect resolves a host once, refuses it when one of its addresses may not be called,
// and connects to the addresses that were checked, one after the other.
func (g *guard) connect(ctx context.Context, network, address string, may func(netip.Addr) bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	list, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("the name has no address")
	}
	for i, a := range list {
		list[i] = a.Unmap()
		if a.Zone() != "" || !may(list[i]) {
			return nil, &Error{Kind: Refused, Err: fmt.Errorf("%s is not an address that may be called; outbound.allow can list its network", list[i])}
		}
	}
	list = list[:min(len(list), mostAddresses)]
	dialer := &net.Dialer{Timeout: g.timeout / time.Duration(len(list))}
	var failures []error
	for _, a := range list {
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func (g *guard) isListed(a netip.Addr) bool {
	return slices.ContainsFunc(g.listed, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Networks that are not of the public internet, or that only look so: the IANA
// registries of special-purpose addresses (RFC 6890) as far as they are not globally
// reachable, and the addresses at which clouds answer their own machines.
//
//nolint:gochecknoglobals // a constant
var inner = prefixes(
	"0.0.0.0/8",        // this network; many systems take it for loopback
	"10.0.0.0/8",       // private (RFC 1918)
	"100.64.0.0/10",    // shared, behind carriers' NAT (RFC 6598); a cloud's metadata too
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // a cloud's own service for its machines, on a public address
	"169.254.0.0/16",   // link-local (RFC 3927); most clouds' metadata
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // IETF protocol assignments; a cloud's metadata too
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarking
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, and broadcast
	"2001::/23",        // IETF protocol assignments, Teredo among them
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4: an IPv4 address inside
	"3fff::/20",        // documentation (RFC 9637)
)

//nolint:gochecknoglobals // constants
var (
	global = netip.MustParsePrefix("2000::/3")     // all of IPv6 that is given out; the rest is refused
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // an IPv4 address in its last 32 bits (RFC 6052)
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// isPublic reports whether an address is one of the public internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if nat64.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(inner, func(p netip.Prefix) bool { return p.Contains(a) })
}

// networks reads the operator's list.
func networks(list []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		p, err := network(text)
		if err != nil {
			return nil, fmt.Errorf("outbound: allow: %w", err)
		}
		out[i] = p
	}
	return out, nil
}

// network reads "10.1.2.0/24" or a single address.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither a network nor an address; write it as 10.1.2.0/24", text)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q is not the beginning of a network; did you mean %s?", text, p.Masked())
	}
	return p, nil
}
