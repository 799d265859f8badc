package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	asked "parvis/internal/ciba"
	"parvis/internal/frontchannel"
	"parvis/internal/i18n"
	"parvis/internal/merging"
	"parvis/internal/oidc/authorize"
	"parvis/internal/oidc/ciba"
	"parvis/internal/oidc/device"
	"parvis/internal/oidc/logout"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/registration"
	"parvis/internal/oidc/token"
	"parvis/internal/relyingparty"
	"parvis/internal/web/accountui"
	"parvis/internal/web/askedui"
	"parvis/internal/web/deviceui"
	"parvis/internal/web/kit"
	"parvis/internal/web/portal"
	"parvis/internal/web/signinui"
)

// bypass are the addresses that other sites and machines may POST to. They read
// and set no cookie; everything else is refused when it comes from another site.
func bypass() []string {
	return slices.Concat(authorize.Doors(), token.Doors(), logout.Doors(), device.Doors(), ciba.Doors(), registration.Doors(), signinui.Doors())
}

// bodies are the addresses that take longer bodies than others.
func bodies() map[string]int64 { return signinui.Bodies() }

// doors builds the pages and endpoints and joins them into one handler.
func (h *House) doors(Options) error {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", h.Site.Static())
	mux.Handle("GET /favicon.ico", h.Site.Icon("favicon.svg"))
	mux.Handle("GET /.well-known/change-password", http.RedirectHandler("/settings/password", http.StatusFound))
	c := h.Config
	pages, err := signinui.New(signinui.Config{
		Site: h.Site, Visitor: h.Visitor, Signin: h.Signin, Enrollment: h.Enrollment, Recovery: h.Recovery, Stepup: h.Stepup, Reclaim: h.Reclaim, Merging: h.Merging, Leaving: h.Leaving, Partnering: h.Partnering, Departure: h.Departure, Screening: h.Screening,
		Parties: h.Registry, Upstreams: h.Upstreams, SAMLMetadata: h.SAML.Metadata, Policy: h.Policy, Framed: h.frames().Any,
		Numbers: signinui.Numbers{
			Activation: c.Account.ProofLifetime, Removal: c.Account.UnactivatedAfter, Reset: c.Account.ProofLifetime,
			Unlock: c.Account.ProofLifetime, Consent: c.OIDC.Connection.ConsentLife, CodeDigits: c.Account.CodeDigits, SentDigits: c.Methods.Code.Digits,
			Check: c.Challenge.CodeLifetime, CheckDigits: c.Challenge.CodeDigits,
		},
	})
	if err != nil {
		return err
	}
	pages.Routes(mux)
	own, err := accountui.New(accountui.Config{
		Site: h.Site, Visitor: h.Visitor, Signin: h.Signin, Stepup: h.Stepup, Reclaim: h.Reclaim, Merging: h.Merging, Leaving: h.Leaving, Unused: h.Unused, Profile: h.Profile, Policy: h.Policy, Partnering: h.Partnering, Activity: h.Activity, Parties: h.Registry, Upstreams: h.Upstreams, Table: h.Table,
		Idle: c.Session.Idle, Now: h.Now, Asked: asked.Desk{DB: h.DB, Requests: h.Asked},
	})
	if err != nil {
		return err
	}
	own.Routes(mux)
	front := &portal.Portal{
		Site: h.Site, Settings: c.Public, Registry: h.Registry, Partners: h.Upstreams, DB: h.DB, Outbox: h.Outbox, Limiter: h.Limiter, Audit: h.Audit,
		Lifecycle: h.Lifecycle, Screening: h.Screening,
		Numbers: portal.Numbers{
			LinkValid: c.Account.ProofLifetime, ResetValid: c.Account.ProofLifetime, ActivateWithin: c.Account.UnactivatedAfter,
			Attempts: c.Account.MaxFailures, SessionIdle: c.Session.Idle, SessionAbsolute: c.Session.Absolute,
			ConsentLife: c.OIDC.Connection.ConsentLife, MailFrom: c.Mail.From, PasswordRules: h.passwordRules,
			Methods: h.Table.Usable(), CodeValid: c.Methods.Code.Lifetime, EmailCodeValid: c.Methods.Code.EmailLifetime, PartnerValid: c.Account.PartnerProofLifetime, Aside: merging.AsideFor, Closing: c.Leaving.Wait,
			Unused: c.Unused.After, UnusedFirst: c.Unused.FirstWarning, UnusedSecond: c.Unused.SecondWarning,
			Always: h.Table.Always(), Remember: c.Session.Remember, Check: c.Challenge.CodeLifetime, CheckDigits: c.Challenge.CodeDigits,
			CoolingOff: h.Table.CoolingOff(), RecoveryWait: c.Policy.RecoveryWait, RecoveryOpen: h.Table.RecoveryOpen(),
		},
	}
	if err := front.Routes(mux); err != nil {
		return err
	}
	if err := h.provider(mux); err != nil {
		return err
	}
	h.mux = mux
	site := h.Site.Wrap(mux)
	if strings.HasPrefix(c.Server.PublicURL, "http://") {
		site = kit.OverHTTP(site)
	}
	h.handler = h.outer(h.certificateHost(site, onlyHost(c.Server.PublicURL, site)))
	return nil
}

// passwordRules are the rules of the deployment as sentences.
func (h *House) passwordRules(tr *i18n.Tr) []string {
	var out []string
	for _, rule := range h.Policy.Rules() {
		out = append(out, tr.T(rule.Key, rule.Args...))
	}
	return out
}

// frames are the services that a browser has just left.
func (h *House) frames() frontchannel.Frames {
	return frontchannel.Frames{Issuer: h.Config.Server.PublicURL, DB: h.DB, Registry: h.Registry, Visits: h.Visits}
}

// provider adds the endpoints of OpenID Connect.
func (h *House) provider(mux *http.ServeMux) error {
	issuer := h.Config.Server.PublicURL
	keys := h.Telling.Keys
	certificates, err := machine.NewCertificates(h.Config.OIDC.Machine.MTLS, h.Config.Server.Proxy.Networks())
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	h.Certificates = certificates
	door := machine.New(machine.Config{
		Issuer: issuer, Site: h.Site, DB: h.DB, Registry: h.Registry, Limiter: h.Limiter, Audit: h.Audit, Now: h.Now, Partners: keys, Keys: h.Keys, Grants: h.Grants,
		Settings: h.Config.OIDC.Machine, Certificates: certificates,
	})
	requests, err := authorize.New(authorize.Config{
		Issuer: issuer, Site: h.Site, DB: h.DB, Registry: h.Registry, Keyring: h.Keyring, Flows: h.Flows,
		Visitor: h.Visitor, Accounts: h.Accounts, Connections: h.Connections, Grants: h.Grants,
		Limiter: h.Limiter, Audit: h.Audit, Table: h.Table, Door: door, Keys: keys, Pushed: h.Pushed, Visits: h.Visits, Now: h.Now,
	})
	if err != nil {
		return err
	}
	requests.Routes(mux)
	machines, err := token.New(token.Config{
		Issuer: issuer, Door: door, Site: h.Site, DB: h.DB, Registry: h.Registry, Keyring: h.Keyring, Told: h.Told,
		Connections: h.Connections, Grants: h.Grants, Devices: h.Devices, Asked: h.Asked, Now: h.Now, Table: h.Table, Settings: h.Config.OIDC.Token, Registration: h.Config.OIDC.Registration.Enabled,
	})
	if err != nil {
		return err
	}
	machines.Routes(mux)
	devices := &device.Endpoint{Issuer: issuer, Door: door, DB: h.DB, Devices: h.Devices, Grants: h.Grants, Limiter: h.Limiter, Audit: h.Audit, Table: h.Table}
	devices.Routes(mux)
	people, err := deviceui.New(deviceui.Config{
		Site: h.Site, DB: h.DB, Registry: h.Registry, Visitor: h.Visitor, Flows: h.Flows, Devices: h.Devices, Connections: h.Connections,
		Grants: h.Grants, Limiter: h.Limiter, Audit: h.Audit, Table: h.Table, Places: h.Places,
	})
	if err != nil {
		return err
	}
	people.Routes(mux)
	if err := h.confirmations(mux, door, keys); err != nil {
		return err
	}
	leaving, err := logout.New(logout.Config{
		Issuer: issuer, Site: h.Site, DB: h.DB, Registry: h.Registry, Keyring: h.Keyring, Flows: h.Flows,
		Visitor: h.Visitor, Visits: h.Visits, Telling: h.Telling, Frames: h.frames(), Leavings: h.Leavings, Limiter: h.Limiter, Audit: h.Audit,
	})
	if err != nil {
		return err
	}
	leaving.Routes(mux)
	registration.New(registration.Config{
		Issuer: issuer, Door: door, DB: h.DB, Limiter: h.Limiter, Registrations: h.Registrations, Registry: h.Registry, Outbound: h.Outbound,
		Keys: keys, Now: h.Now, Settings: h.Config.OIDC.Registration,
	}).Routes(mux)
	return nil
}

// confirmations are where services ask people who are not in front of them, and where these answer.
func (h *House) confirmations(mux *http.ServeMux, door *machine.Door, keys *relyingparty.Keys) error {
	services := &ciba.Endpoint{
		Issuer: h.Config.Server.PublicURL, Door: door, DB: h.DB, Keys: keys, Keyring: h.Keyring, Accounts: h.Accounts, Phones: h.Phones, Connections: h.Connections,
		Asked: h.Asked, Grants: h.Grants, Limiter: h.Limiter, Outbox: h.Outbox, Audit: h.Audit, Now: h.Now, Table: h.Table,
	}
	services.Routes(mux)
	people, err := askedui.New(askedui.Config{
		Site: h.Site, DB: h.DB, Registry: h.Registry, Visitor: h.Visitor, Flows: h.Flows, Asked: h.Asked, Connections: h.Connections,
		Grants: h.Grants, Limiter: h.Limiter, Audit: h.Audit, Table: h.Table,
	})
	if err != nil {
		return err
	}
	people.Routes(mux)
	return nil
}
