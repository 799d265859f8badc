package app

import (
	"net/http"

	"parvis/internal/i18n"
	"parvis/internal/web/accountui"
	"parvis/internal/web/kit"
	"parvis/internal/web/portal"
	"parvis/internal/web/signinui"
)

// bypass are the addresses that other sites and machines may POST to. They read
// and set no cookie; everything else is refused when it comes from another site.
func bypass() []string {
	return []string{"/authorize", "/token", "/userinfo", "/logout"}
}

// doors builds the pages and endpoints and joins them into one handler.
func (h *House) doors(Options) error {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", h.Site.Static())
	mux.Handle("GET /favicon.ico", h.Site.Icon("favicon.svg"))
	mux.Handle("GET /.well-known/change-password", http.RedirectHandler("/signin?start=forgot-password", http.StatusFound))
	c := h.Config
	pages, err := signinui.New(signinui.Config{
		Site: h.Site, Visitor: h.Visitor, Signin: h.Signin, Enrollment: h.Enrollment, Recovery: h.Recovery,
		Parties: h.Registry, Rules: h.Hasher.Policy,
		Numbers: signinui.Numbers{
			Activation: c.Account.ProofLifetime, Removal: c.Account.UnactivatedAfter, Reset: c.Account.ProofLifetime,
			Unlock: c.Account.ProofLifetime, Consent: c.Connection.ConsentLife, CodeDigits: c.Account.CodeDigits,
		},
	})
	if err != nil {
		return err
	}
	pages.Routes(mux)
	own, err := accountui.New(accountui.Config{
		Site: h.Site, Visitor: h.Visitor, Signin: h.Signin, Parties: h.Registry, Idle: c.Session.Idle, Now: h.Now,
	})
	if err != nil {
		return err
	}
	own.Routes(mux)
	front := &portal.Portal{
		Site: h.Site, Settings: c.Public, Registry: h.Registry, DB: h.DB, Outbox: h.Outbox, Limiter: h.Limiter, Audit: h.Audit,
		Numbers: portal.Numbers{
			LinkValid: c.Account.ProofLifetime, ResetValid: c.Account.ProofLifetime, ActivateWithin: c.Account.UnactivatedAfter,
			Attempts: c.Account.MaxFailures, SessionIdle: c.Session.Idle, SessionAbsolute: c.Session.Absolute,
			ConsentLife: c.Connection.ConsentLife, MailFrom: c.Mail.From, PasswordRules: h.passwordRules,
		},
	}
	if err := front.Routes(mux); err != nil {
		return err
	}
	if err := h.provider(mux); err != nil {
		return err
	}
	h.mux = mux
	h.handler = h.outer(onlyHost(c.Server.PublicURL, h.Site.Wrap(mux)))
	return nil
}

// passwordRules are the rules of the deployment as sentences.
func (h *House) passwordRules(tr *i18n.Tr) []string { return nil }

// provider adds the endpoints of OpenID Connect.
func (h *House) provider(mux *http.ServeMux) error { return nil }

var _ = kit.Lang
