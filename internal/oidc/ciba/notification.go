package ciba

import (
	"strings"

	"parvis/internal/oidc/protocol"
)

// What a client_notification_token may be long, in characters.
const (
	minNotification = 21 // of 68 letters and the sign at the end: 128 bits, which a service must not go below (CIBA, 7.1)
	maxNotification = 1024
)

// notificationToken is the token by which a service of ping mode knows us when it is told
// that somebody has decided (CIBA, 7.1): in the syntax of bearer tokens (RFC 6750, 2.1).
func notificationToken(p protocol.Params) (string, *protocol.Error) {
	token := p.Get("client_notification_token")
	refused := func(description string) (string, *protocol.Error) {
		return "", refusal(protocol.InvalidRequest, description)
	}
	switch {
	case token == "":
		return refused("client_notification_token is missing, which ping mode needs")
	case len(token) > maxNotification:
		return refused("client_notification_token is longer than 1024 characters")
	case !bearer(token):
		return refused("client_notification_token is not in the syntax of bearer tokens (b64token of RFC 6750)")
	case len(token) < minNotification:
		return refused("client_notification_token is too short for 128 random bits")
	}
	return token, nil
}

// bearer reports whether a text is a b64token (RFC 6750, 2.1).
func bearer(token string) bool {
	body := strings.TrimRight(token, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return false
		}
		return !strings.ContainsRune("-._~+/", r)
	})
}
