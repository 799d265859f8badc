package oidc

import (
	"net/url"

	"parvis/internal/i18n"
	"parvis/internal/upstream"
)

// SignOut is where the browser goes when somebody wants to sign out at the provider,
// too (OpenID Connect RP-Initiated Logout 1.0, 2); "" where it offers no such address,
// or settings say off. It asks nobody: what the provider published last counts. The
// provider is told who we are and where people come back to, and nothing of the
// person: no id_token_hint is kept for it, so it asks them itself.
func (c *Consumer) SignOut(p *upstream.Provider, lang i18n.Lang) string {
	k := c.of(p)
	k.mutex.Lock()
	m := k.metadata
	k.mutex.Unlock()
	if m == nil || m.EndSession == "" || p.Client.Logout == upstream.Off {
		return ""
	}
	params := url.Values{"client_id": {p.Client.ID}, "post_logout_redirect_uri": {c.base() + upstream.SignedOutPath(p.ID)}}
	if lang != "" {
		params.Set("ui_locales", locales(lang))
	}
	return withQuery(m.EndSession, params)
}
