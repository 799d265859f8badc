package app

import (
	"parvis/internal/account"
	"parvis/internal/authenticator/password"
	"parvis/internal/connection"
	"parvis/internal/enrollment"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/job"
	"parvis/internal/lifecycle"
	"parvis/internal/recovery"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/web/visit"
)

// domains builds what owns tables.
func (h *House) domains(Options) error {
	c := h.Config
	h.Flows = flow.Flows{Keys: h.Keys, Settings: c.Flow}
	h.Accounts = account.Accounts{Keys: h.Keys, Settings: c.Account}
	h.Attempts = account.Attempts{Keys: h.Keys, Settings: c.Account}
	h.Proofs = account.Proofs{Keys: h.Keys, Settings: c.Account}
	h.Hasher = &password.Hasher{Keys: h.Keys, Settings: c.Password}
	h.Passwords = password.Passwords{Keys: h.Keys}
	h.Sessions = session.Sessions{Keys: h.Keys, Settings: c.Session}
	h.Devices = session.Devices{Settings: c.Session}
	h.Connections = connection.Connections{Settings: c.Connection, Audit: h.Audit}
	h.Grants = grant.Grants{Settings: c.Grant, Audit: h.Audit}
	return nil
}

// journeys builds what orchestrates the domains.
func (h *House) journeys(Options) error {
	h.Signin = &signin.Journey{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs,
		Passwords: h.Passwords, Hasher: h.Hasher, Sessions: h.Sessions, Devices: h.Devices,
		Connections: h.Connections, Grants: h.Grants, Registry: h.Registry, Outbox: h.Outbox,
		Audit: h.Audit, Limiter: h.Limiter, Settings: h.Config.Signin,
	}
	h.Enrollment = &enrollment.Journey{}
	h.Recovery = &recovery.Journey{}
	h.Lifecycle = &lifecycle.Lifecycle{}
	h.Jobs = &job.Runner{DB: h.DB, Node: node(), Jobs: h.jobs(), Logger: h.Log}
	h.Visitor = &visit.Visitor{DB: h.DB, Sessions: h.Sessions, Accounts: h.Accounts, Site: h.Site}
	return nil
}
