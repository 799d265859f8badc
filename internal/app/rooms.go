package app

import (
	"fmt"
	"slices"

	"parvis/internal/account"
	"parvis/internal/activity"
	"parvis/internal/assist"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/password/breached"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/backchannel"
	"parvis/internal/challenge"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/departure"
	"parvis/internal/device"
	"parvis/internal/disclosure"
	"parvis/internal/enrollment"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/leaving"
	"parvis/internal/lifecycle"
	"parvis/internal/merging"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/partnering"
	"parvis/internal/place"
	"parvis/internal/profile"
	"parvis/internal/pushed"
	"parvis/internal/reclaim"
	"parvis/internal/recovery"
	"parvis/internal/relyingparty"
	"parvis/internal/screening"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/unused"
	"parvis/internal/upstream/handover"
	"parvis/internal/web/visit"
)

// domains builds what owns tables.
func (h *House) domains(Options) error {
	c := h.Config
	h.Flows = flow.Flows{Keys: h.Keys, Settings: c.Flow}
	h.Accounts = account.Accounts{Keys: h.Keys, Settings: c.Account}
	h.Attempts = account.Attempts{Keys: h.Keys, Settings: c.Account}
	h.Proofs = account.Proofs{Keys: h.Keys, Settings: c.Account}
	h.Hasher = password.NewHasher(h.Keys, c.Password)
	blocked, err := password.NewBlocklist()
	if err != nil {
		return err
	}
	h.Table = c.TableBy(h.Outbox.Can(notice.Text), h.Outbox.Can(notice.Voice))
	h.Policy = password.Policy{Settings: c.Password, Blocklist: blocked, SecondStep: h.Table.TwoFactors(), Unread: h.breachedUnread}
	if file := c.Password.BreachedFile; file != "" {
		if h.Policy.Breached, err = breached.Open(file); err != nil {
			return fmt.Errorf("app: password.breached_file: %w", err)
		}
	}
	if file := c.Activity.PlaceDatabase; file != "" {
		if h.Places, err = place.Open(file); err != nil {
			return fmt.Errorf("app: activity.place_database: %w", err)
		}
	}
	h.Passwords = password.Passwords{Keys: h.Keys}
	h.Methods = authenticator.Authenticators{Settings: c.Methods.Limits}
	h.Apps = totp.Apps{Keys: h.Keys, Methods: h.Methods, Settings: c.Methods.App}
	h.BackupCodes = backupcode.Codes{Keys: h.Keys, Methods: h.Methods, Settings: c.Methods.BackupCode, Hash: h.Hasher.Hash, HashLike: h.Hasher.HashLike}
	h.Phones = phone.Phones{Keys: h.Keys, Methods: h.Methods, Settings: c.Methods.Phone}
	h.Worker.Stopped = h.numberStopped
	h.Codes = otp.Codes{Keys: h.Keys, Settings: c.Methods.Code}
	h.Leavings = handover.Leavings{Keys: h.Keys}
	h.Visits = backchannel.Visits{Bell: make(chan struct{}, 1)}
	h.Sessions = session.Sessions{Keys: h.Keys, Settings: c.Session, OnEnd: h.Visits.Ended}
	h.Telling = &backchannel.Worker{
		Issuer: c.Server.PublicURL, DB: h.DB, Registry: h.Registry, Keyring: h.Keyring, Keys: &relyingparty.Keys{Outbound: h.Outbound, Now: h.Now}, Outbound: h.Outbound, Audit: h.Audit, Log: h.Log, Now: h.Now,
		Settings: c.OIDC.Backchannel, Bell: h.Visits.Bell,
	}
	h.Connections = connection.Connections{Settings: c.OIDC.Connection, Audit: h.Audit}
	h.Pushed = pushed.Requests{Keys: h.Keys, Settings: c.OIDC.Pushed}
	h.Asked = ciba.Requests{Keys: h.Keys, Settings: c.OIDC.CIBA, Bell: make(chan struct{}, 1)}
	h.Pinging = &ciba.Pinger{
		DB: h.DB, Keys: h.Keys, Registry: h.Registry, Outbound: h.Outbound, Audit: h.Audit, Log: h.Log, Now: h.Now, Settings: c.OIDC.CIBA.Ping, Bell: h.Asked.Bell,
	}
	h.Devices = device.Requests{Keys: h.Keys, Settings: c.OIDC.Device}
	h.Grants = grant.Grants{Settings: c.OIDC.Grant, Audit: h.Audit}
	h.Registrations = h.registrations()
	return nil
}

// journeys builds what orchestrates the domains.
func (h *House) journeys(Options) error {
	h.Owners = owner.Owners{Accounts: h.Accounts, Sessions: h.Sessions, Grants: h.Grants, Table: h.Table, Outbox: h.Outbox, Audit: h.Audit, Limiter: h.Limiter}
	h.Told = disclosure.Source{Accounts: h.Accounts, Phones: h.Phones, Identity: h.Identity, Frameworks: h.Frameworks}
	h.Signin = &signin.Journey{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs,
		Passwords: h.Passwords, Leaked: h.Policy.Leaked, Hasher: h.Hasher, Table: h.Table, Sessions: h.Sessions, Owners: h.Owners,
		Connections: h.Connections, Told: h.Told, Grants: h.Grants, Upstreams: h.Upstreams, Links: h.Links, Answers: handover.Answers{DB: h.DB, Keys: h.Keys}, Leavings: h.Leavings, Visits: h.Visits, Registry: h.Registry, Outbox: h.Outbox,
		Audit: h.Audit, Limiter: h.Limiter, Settings: h.Config.Signin,
	}
	h.Enrollment = &enrollment.Journey{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Proofs: h.Proofs, Passwords: h.Passwords, Policy: h.Policy,
		Hasher: h.Hasher, Table: h.Table, Sessions: h.Sessions, Links: h.Links, Registry: h.Registry, Outbox: h.Outbox, Audit: h.Audit,
		Limiter: h.Limiter, Words: h.names(),
	}
	h.Recovery = &recovery.Journey{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs, Passwords: h.Passwords,
		Policy: h.Policy, Hasher: h.Hasher, Table: h.Table, Sessions: h.Sessions, Grants: h.Grants, Links: h.Links, Upstreams: h.Upstreams, Registry: h.Registry, Outbox: h.Outbox,
		Audit: h.Audit, Limiter: h.Limiter, Words: h.names(),
	}
	h.Reclaim = &reclaim.Journey{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Methods: h.Methods, Apps: h.Apps, Phones: h.Phones, BackupCodes: h.BackupCodes,
		Codes: h.Codes, Sessions: h.Sessions, Grants: h.Grants, Outbox: h.Outbox, Audit: h.Audit, Limiter: h.Limiter, Table: h.Table,
	}
	h.Stepup = &stepup.Journey{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Methods: h.Methods, Apps: h.Apps, Codes: h.Codes, Phones: h.Phones,
		BackupCodes: h.BackupCodes, Sessions: h.Sessions, Owners: h.Owners, Links: h.Links, Registry: h.Registry, Outbox: h.Outbox, Audit: h.Audit,
		Limiter: h.Limiter, Table: h.Table, Name: h.Config.Deployment.Names, Found: h.Reclaim.Found,
	}
	h.Partnering = &partnering.Journey{DB: h.DB, Owners: h.Owners, Passwords: h.Passwords, Upstreams: h.Upstreams, Links: h.Links}
	h.Lifecycle = &lifecycle.Lifecycle{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Attempts: h.Attempts, Proofs: h.Proofs, Passwords: h.Passwords,
		Apps: h.Apps, BackupCodes: h.BackupCodes, Phones: h.Phones, Codes: h.Codes, Sessions: h.Sessions, Visits: h.Visits, Asked: h.Asked, Connections: h.Connections, Grants: h.Grants, Links: h.Links, Outbox: h.Outbox, Audit: h.Audit,
		Requests: assist.Requests{Settings: h.Config.Assist},
	}
	h.Profile = &profile.Journey{
		DB: h.DB, Owners: h.Owners, Proofs: h.Proofs, Passwords: h.Passwords, Policy: h.Policy, Hasher: h.Hasher, Links: h.Links,
		Limiter: h.Limiter, Langs: h.Config.Langs(), Words: h.names(),
		Forget: h.Lifecycle.Forget, Unbind: h.Reclaim.Unbind, Phones: h.Phones, Grants: h.Grants, Connected: h.Connections,
	}
	h.Merging = &merging.Journey{
		DB: h.DB, Accounts: h.Accounts, Merges: account.Merges{Settings: h.Config.Account}, Sessions: h.Sessions, Connections: h.Connections,
		Grants: h.Grants, Links: h.Links, Upstreams: h.Upstreams, Registry: h.Registry, Table: h.Table, Outbox: h.Outbox, Audit: h.Audit, Limiter: h.Limiter,
		Close: h.Lifecycle.Close,
	}
	h.Leaving = &leaving.Journey{
		DB: h.DB, Owners: h.Owners,
		Merges: h.Merging.Merges, Connections: h.Connections, Grants: h.Grants, Links: h.Links, Phones: h.Phones, BackupCodes: h.BackupCodes, Requests: h.Lifecycle.Requests, Upstreams: h.Upstreams, Registry: h.Registry,
		Limiter: h.Limiter, Settings: h.Config.Leaving, Close: h.Lifecycle.Close,
	}
	h.Unused = &unused.Journey{
		DB: h.DB, Accounts: h.Accounts, Attempts: h.Attempts, Merges: h.Merging.Merges, Lost: h.Lifecycle.Lost, Requests: h.Lifecycle.Requests,
		Outbox: h.Outbox, Audit: h.Audit, Limiter: h.Limiter, Settings: h.Config.Unused, Log: h.Log,
		Verified: nobodyVerified, Close: h.Lifecycle.Close,
	}
	h.Departure = &departure.Journey{
		DB: h.DB, Upstreams: h.Upstreams, Links: h.Links, Leavings: h.Leavings, Answers: handover.Answers{DB: h.DB, Keys: h.Keys},
		Sessions: h.Sessions, Audit: h.Audit, Limiter: h.Limiter,
	}
	h.Activity = &activity.Journey{DB: h.DB, Owners: h.Owners, Grants: h.Grants, Registry: h.Registry, Limiter: h.Limiter, Places: h.Places}
	h.Screening = &screening.Journey{
		DB: h.DB, Accounts: h.Accounts, Sessions: h.Sessions, Outbox: h.Outbox, Audit: h.Audit, Limiter: h.Limiter,
		Challenges: &challenge.Challenges{DB: h.DB, Keys: h.Keys, Settings: h.Config.Challenge, Now: h.Now},
	}
	h.Jobs = &job.Runner{DB: h.DB, Node: node(), Jobs: h.jobs(), Logger: h.Log}
	h.Visitor = &visit.Visitor{DB: h.DB, Sessions: h.Sessions, Accounts: h.Accounts, Doors: visit.Doors{Keys: h.Keys, Lasts: h.Config.Signin.RememberDoor, Now: h.Now}}
	return nil
}

// nobodyVerified says which accounts hold a verified identity: none, since nothing here
// verifies one yet. Whatever does takes its place, and its accounts are never removed for
// not being used.
func nobodyVerified(*db.Tx, []id.Account) (map[id.Account]bool, error) {
	return map[id.Account]bool{}, nil
}

// names are the names of the deployment and of who runs it, in every language.
func (h *House) names() []string {
	var out []string
	for _, text := range []i18n.Text{h.Config.Deployment.Names, h.Config.Deployment.Owner} {
		for _, l := range h.Config.Langs() {
			if name := text.In(l); name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
