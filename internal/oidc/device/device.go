// Package device is the device authorization endpoint (RFC 8628, 3.1): a device that has no
// browser asks for two codes, one to poll the token endpoint with, and one for its person to
// type at /device (package web/deviceui).
package device

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/grant"
	"parvis/internal/notify/notice"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
)

// tries is how often a user code that is taken is made anew; once is rarer than a lottery.
const tries = 5

// Endpoint answers devices. All fields must be set.
type Endpoint struct {
	Issuer  string // without a slash at the end
	Door    *machine.Door
	DB      *db.DB
	Devices device.Requests
	Grants  grant.Grants
	Limiter *ratelimit.Limiter
	Audit   *audit.Log
	Table   policy.Table
}

// Routes adds the endpoint's address.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	mux.Handle("POST "+protocol.PathDeviceAuthorization, e.Door.Handle(e.begin))
}

// Doors are the addresses that other sites may POST to.
func Doors() []string { return []string{"POST " + protocol.PathDeviceAuthorization} }

// begin gives a device its codes (RFC 8628, 3.2). A service pays for what it begins, public
// ones by the address that they come from, since everybody knows their name.
func (e *Endpoint) begin(w http.ResponseWriter, r *http.Request) error {
	party, sent, assertion, err := e.Door.Client(r)
	if err != nil {
		return err //nolint:wrapcheck // the refusal, or wrapped there
	}
	if !party.Grants(protocol.GrantDeviceCode) {
		return e.Door.Refused(r, party, protocol.NotRegistered())
	}
	request, bad := protocol.ReadDevice(sent, party.AsClient(e.Issuer))
	if bad == nil && !e.Table.Possible(policy.Demand{ACR: request.ACR, Essential: request.EssentialACR, Floor: party.ACR}) {
		bad = protocol.Unreachable(protocol.Direct)
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	rule, key := ratelimit.PushClient, string(party.ID)
	if party.Public() {
		rule, key = ratelimit.FlowIP, kit.ClientIP(r)
	}
	if err := e.Limiter.Allow(r.Context(), rule, key); err != nil {
		return fmt.Errorf("device: %w", err)
	}
	n, bad, err := e.keep(r, party, request, assertion)
	if err != nil {
		return err
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	at := e.Issuer + protocol.PathDevice
	return machine.Answer(w, http.StatusOK, map[string]any{
		"device_code": n.Device, "user_code": n.User.String(), "verification_uri": at,
		"verification_uri_complete": at + "?user_code=" + url.QueryEscape(n.User.String()),
		"expires_in":                int64(e.Devices.Settings.Life / time.Second), "interval": int64(e.Devices.Settings.Interval / time.Second),
	})
}

// keep stores a request, unless the assertion of its client was used before.
func (e *Endpoint) keep(r *http.Request, party *relyingparty.RelyingParty, request *protocol.Request, assertion *grant.Assertion) (device.New, *protocol.Error, error) {
	claims, err := request.KeepClaims()
	if err != nil {
		return device.New{}, nil, fmt.Errorf("device: begin: %w", err)
	}
	for range tries {
		n := device.Prepare(party.ID, request.Scopes)
		n.Details, n.Resources, n.Claims = request.Details, request.Resources, claims
		if party.Public() { // else it may be the service's own machine that asks, which says nothing of the device
			n.Origin = device.Origin{IP: kit.ClientIP(r), System: notice.DeviceOf(r.UserAgent()).System}
		}
		var spent grant.Result
		stored := false
		err := e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
			if spent, err = e.Grants.Spend(tx, party.ID, assertion, nil); err != nil || spent.Outcome != "" {
				return err
			}
			if stored, err = e.Devices.Begin(tx, n); err != nil || !stored {
				return err
			}
			return e.Audit.Record(tx, audit.Event{
				Name: audit.DeviceAsked, RelyingParty: party.ID, Outcome: audit.Success, Personal: audit.Personal{IP: kit.ClientIP(r), UserAgent: r.UserAgent()},
			})
		})
		switch {
		case err != nil:
			return n, nil, fmt.Errorf("device: begin: %w", err)
		case spent.Outcome != "":
			return n, protocol.ClientRefused().Because(protocol.AssertionReplayed), nil
		case stored:
			return n, nil, nil
		}
		assertion = nil // it is noted
	}
	return device.New{}, nil, fmt.Errorf("device: no free user code in %d tries", tries)
}
