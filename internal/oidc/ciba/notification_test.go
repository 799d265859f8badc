package ciba

import (
	"regexp"
	"testing"

	"parvis/internal/oidc/protocol"
)

var b64token = regexp.MustCompile(`\A[A-Za-z0-9._~+/-]+=*\z`)

// A token that is taken can stand in a header as it is.
func FuzzNotificationToken(f *testing.F) {
	for _, s := range []string{"", "8d67dc78-7faa-4d41-aabd-67707b374255", "abcDEF0123-._~+/abcDEF==", "======================", "8d67dc78-7faa-4d41-aabd\r\nX: 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, bad := notificationToken(protocol.ParamsOf(map[string]string{"client_notification_token": text}))
		good := b64token.MatchString(text) && len(text) >= minNotification && len(text) <= maxNotification
		if good != (bad == nil) || good && token != text {
			t.Errorf("%q: %q %v", text, token, bad)
		}
	})
}
