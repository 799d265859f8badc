package authorize

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/pushed"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/web/kit"
)

// push is POST /par: a client sends its authorization request itself, before it sends
// anybody, and gets a name for it (RFC 9126). Every rule is put to it here, so that the
// service's team learns of a mistake and not the person.
func (e *Endpoint) push(w http.ResponseWriter, r *http.Request) error {
	party, sent, assertion, err := e.Door.Client(r)
	if err != nil {
		return err //nolint:wrapcheck // the refusal, or wrapped there
	}
	rule, key := ratelimit.PushClient, string(party.ID)
	if party.Public() { // whose name is known to everybody
		rule, key = ratelimit.FlowIP, kit.ClientIP(r)
	}
	if err := e.Limiter.Allow(r.Context(), rule, key); err != nil {
		return fmt.Errorf("authorize: push: %w", err)
	}
	proof, err := e.Door.Proof(w, r, "")
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Door.Refused(r, party, refusal)
	}
	if err != nil {
		return err //nolint:wrapcheck // wrapped there
	}
	request, bad, err := e.pushable(r, party, sent)
	if err != nil {
		return err
	}
	if bad == nil {
		bad = bindTo(&request, proof)
	}
	if bad != nil {
		refusal := *bad
		refusal.Where = protocol.Direct // RFC 9126, 2.3
		return e.Door.Refused(r, party, &refusal)
	}
	name := pushed.NewName()
	bad, err = e.keep(r, party, assertion, proof, name, request)
	if err != nil {
		return err
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	return machine.Answer(w, http.StatusCreated, map[string]any{
		"request_uri": string(name), "expires_in": int64(e.Pushed.Settings.Life / time.Second),
	})
}

// pushable puts a request to every rule. What authenticated the client is no part of it.
func (e *Endpoint) pushable(r *http.Request, party *relyingparty.RelyingParty, sent protocol.Params) (pushed.Request, *protocol.Error, error) {
	if sent.Get("request_uri") != "" { // RFC 9126, 2.1
		return pushed.Request{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "request_uri cannot be pushed"}, nil
	}
	params, how, bad, err := e.unwrap(r.Context(), party, sent)
	if bad != nil || err != nil {
		return pushed.Request{}, bad, err
	}
	named := params.Get("client_id")
	if named != "" && named != string(party.ID) {
		return pushed.Request{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "client_id differs from who authenticated"}, nil
	}
	how.Pushed = true
	request, bad := protocol.Check(params, party.AsClient(e.Issuer), how.Came)
	if bad == nil {
		bad = e.hint(request)
	}
	kept := params.Without("client_secret", "client_assertion", "client_assertion_type", "request")
	return pushed.Request{RelyingParty: party.ID, Parameters: kept, Signed: how.Signed}, bad, nil
}

// bindTo binds the code that will come of a request to the key whose possession was proven
// with it (RFC 9449, 10.1).
func bindTo(request *pushed.Request, proof *grant.Proof) *protocol.Error {
	const name = "dpop_jkt"
	if proof == nil {
		return nil
	}
	if asked := request.Parameters[name]; asked != "" && asked != proof.Thumbprint {
		return &protocol.Error{Code: protocol.InvalidProof, Description: "dpop_jkt is not the key of the DPoP proof"}
	}
	request.Parameters[name] = proof.Thumbprint
	return nil
}

// keep stores a request, unless the assertion of its client or its proof was used before.
func (e *Endpoint) keep(r *http.Request, party *relyingparty.RelyingParty, assertion *grant.Assertion, proof *grant.Proof, name pushed.Name, request pushed.Request) (bad *protocol.Error, err error) {
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		var fresh bool
		bad = nil
		if assertion != nil {
			fresh, err = e.Grants.UseAssertion(tx, party.ID, *assertion)
			if err != nil || !fresh {
				bad = protocol.ClientRefused().Because(protocol.AssertionReplayed)
				return err
			}
		}
		if proof != nil {
			fresh, err = e.Grants.UseProof(tx, *proof)
			if err != nil || !fresh {
				bad = protocol.ProofReplayed()
				return err
			}
		}
		return e.Pushed.Push(tx, name, request)
	})
	if err != nil {
		return nil, fmt.Errorf("authorize: push: %w", err)
	}
	return bad, nil
}
