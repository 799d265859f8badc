package protocol

import "time"

// LogoutTokenType is the typ of a logout token (Back-Channel Logout 1.0, 2.4), by which
// nothing else can be taken for one.
const LogoutTokenType = "logout+jwt" //nolint:gosec // a media type

// LogoutTokenLife is how long a logout token counts: at most two minutes (Back-Channel
// Logout 1.0, 4).
const LogoutTokenLife = 2 * time.Minute

// logoutEvent is the event that a logout token is about (2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken says to a client that a session of a person has ended (Back-Channel Logout
// 1.0, 2.4).
type LogoutToken struct {
	Issuer    string
	Audience  string
	Subject   string
	SessionID string // sid, as the ID tokens of the session had it
	IssuedAt  time.Time
	ID        string // jti
}

// Claims is the payload. There is no nonce, so that it cannot be taken for an ID token.
func (t LogoutToken) Claims() map[string]any {
	return map[string]any{
		"iss": t.Issuer, "aud": t.Audience, "sub": t.Subject, "sid": t.SessionID, "jti": t.ID,
		"iat": t.IssuedAt.Unix(), "exp": t.IssuedAt.Add(LogoutTokenLife).Unix(),
		"events": map[string]any{logoutEvent: struct{}{}},
	}
}
