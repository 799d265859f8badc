package protocol

import (
	"errors"
	"net/url"
	"strings"
)

// CheckLocation says whether browsers may be sent to an address and messages
// written for it: https, or http on the loopback for trials; plain ASCII, no user
// information, no fragment (bindings 3.4.5.1 and 3.5.5.1 ask for TLS). A script as an
// address is how a page of ours would run somebody else's code.
func CheckLocation(location string) error {
	if location == "" || len(location) > maxLocation {
		return errors.New("must have 1 to 2048 characters")
	}
	for i := range len(location) {
		if c := location[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}#", c) >= 0 {
			return errors.New("must be plain ASCII without spaces, fragment or backslash")
		}
	}
	u, err := url.Parse(location)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil {
		return errors.New("must be an address with a host and without user information")
	}
	switch {
	case strings.HasPrefix(location, "https://"):
		return nil
	case strings.HasPrefix(location, "http://") && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost"):
		return nil
	}
	return errors.New("must begin with https://")
}

// CheckEntityID says whether a name may be an entity identifier: a URI of at most 1,024 characters (core 8.3.6).
func CheckEntityID(id string) error {
	u, err := url.Parse(id)
	if id == "" || len(id) > maxEntityID || err != nil || u.Scheme == "" || !printing(id) || strings.ContainsAny(id, " <>\"") {
		return errors.New("must be a URI of at most 1024 characters")
	}
	return nil
}
