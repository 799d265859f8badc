package protocol

// LogoutRequest is a request to sign out (RP-Initiated Logout 1.0, 2).
type LogoutRequest struct {
	Hint        string // id_token_hint, not yet verified
	ClientID    string
	RedirectURI string // post_logout_redirect_uri, not yet compared
	State       string
	UILocales   []string
}

// ReadLogout reads a sign-out request. All its errors go to a page.
func ReadLogout(p Params) (LogoutRequest, *Error) {
	r := LogoutRequest{
		Hint: p.Get("id_token_hint"), ClientID: p.Get("client_id"),
		RedirectURI: p.Get("post_logout_redirect_uri"), State: p.Get("state"),
	}
	switch {
	case p.Repeated():
		return r, page("a parameter was sent twice")
	case len(r.Hint) > maxHintToken || len(r.ClientID) > 256 || len(r.RedirectURI) > MaxURI || len(r.State) > maxState:
		return r, page("a parameter is too long")
	}
	if raw := p.Get("ui_locales"); len(raw) <= 256 {
		r.UILocales = splitList(raw)
	}
	return r, nil
}

// MatchLanding compares a post_logout_redirect_uri with the registered ones, byte
// by byte (RP-Initiated Logout 1.0, 3).
func MatchLanding(registered []string, native bool, given string) bool {
	return given != "" && MatchRedirect(registered, native, given)
}
