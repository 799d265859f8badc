package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/pushed"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
)

// way is how the parameters of a request came in.
type way struct {
	protocol.Came

	pushed string // pushed.Name.Key of the request that was pushed
}

// unwrap gives the parameters that count: those that were pushed, those of a request
// object, or those that were sent. The error that is a *protocol.Error is for a page: of
// what is refused here nothing can be trusted, the address of the answer neither.
func (e *Endpoint) unwrap(ctx context.Context, party *relyingparty.RelyingParty, sent protocol.Params) (protocol.Params, way, *protocol.Error, error) {
	uri, object := sent.Get("request_uri"), sent.Get("request")
	switch {
	case !party.Grants(protocol.GrantAuthorizationCode): // RFC 6749, 4.1.2.1
		return sent, way{}, &protocol.Error{Code: protocol.UnauthorizedClient, Description: "the client is not registered for authorization_code"}, nil
	case (uri != "" || object != "") && sent.Repeated():
		return sent, way{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "a parameter was sent twice"}, nil
	case uri != "" && object != "": // RFC 9101, 5
		return sent, way{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "request and request_uri exclude each other"}, nil
	case pushed.IsName(uri):
		return e.pushedBefore(ctx, party, pushed.Name(uri))
	case uri != "" && len(party.RequestURIs) > 0:
		params, bad, err := e.fetched(ctx, party, uri)
		return params, way{Came: protocol.Came{Signed: true}}, bad, err
	case object != "" && party.Signs():
		params, bad, err := e.object(ctx, party, object)
		return params, way{Came: protocol.Came{Signed: true}}, bad, err
	}
	return sent, way{}, nil, nil
}

// pushedBefore finds a request that this client pushed. It can be looked at again while it
// lives: it is used up when a code is made.
func (e *Endpoint) pushedBefore(ctx context.Context, party *relyingparty.RelyingParty, name pushed.Name) (protocol.Params, way, *protocol.Error, error) {
	var found pushed.Request
	var ok bool
	err := e.DB.Read(ctx, func(tx *db.Tx) (err error) {
		found, ok, err = e.Pushed.Find(tx, name, party.ID)
		return err
	})
	if err != nil {
		return protocol.Params{}, way{}, nil, fmt.Errorf("authorize: %w", err)
	}
	if !ok {
		return protocol.Params{}, way{}, usedUp(), nil
	}
	how := way{Came: protocol.Came{Pushed: true, Signed: found.Signed}, pushed: name.Key()}
	return protocol.ParamsOf(found.Parameters), how, nil, nil
}

// underWay is the journey of this browser that began with a pushed request whose time is over, "" for
// none: a page that is loaded again, or gone back to, is no new use of the request.
func (e *Endpoint) underWay(r *http.Request, party *relyingparty.RelyingParty, uri string) (id.Flow, error) {
	browser := e.Visitor.Of(r).Browser
	if len(browser) == 0 || !pushed.IsName(uri) {
		return "", nil
	}
	var out id.Flow
	err := e.DB.Read(r.Context(), func(tx *db.Tx) error {
		out = ""
		all, err := e.Flows.Resumable(tx, browser)
		if err != nil {
			return err
		}
		for _, f := range all {
			var request protocol.Request
			if f.RelyingParty == party.ID && json.Unmarshal(f.State.Request, &request) == nil && request.Pushed == pushed.Name(uri).Key() {
				out = f.ID
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	return out, nil
}

// usedUp is the one answer to a request_uri that gives nothing.
func usedUp() *protocol.Error {
	return &protocol.Error{
		Code: protocol.InvalidRequestURI, Where: protocol.ToPage,
		Description: "the request_uri was used, has expired, or was given to another client",
	}
}

// fetched reads a request object from a registered address of its client (RFC 9101, 5.2).
// What is wrong there is a page: nobody is sent anywhere (10.4).
func (e *Endpoint) fetched(ctx context.Context, party *relyingparty.RelyingParty, uri string) (protocol.Params, *protocol.Error, error) {
	if !slices.Contains(party.RequestURIs, uri) {
		return protocol.Params{}, protocol.URIRefused("request_uri is not registered for this client"), nil
	}
	if err := e.Limiter.Local(ratelimit.FetchClient, string(party.ID)).Fault(); err != nil { // anybody can make us fetch
		return protocol.Params{}, nil, fmt.Errorf("authorize: %w", err)
	}
	object, err := e.Keys.Object(ctx, party, uri)
	if err != nil {
		e.Site.Log.WarnContext(ctx, "a request object cannot be fetched", "relying_party", string(party.ID), "error", err.Error())
		return protocol.Params{}, protocol.URIRefused("there is no request object at the request_uri"), nil
	}
	return e.object(ctx, party, object)
}

// object verifies a request object with the keys of its client and reads its parameters.
func (e *Endpoint) object(ctx context.Context, party *relyingparty.RelyingParty, object string) (protocol.Params, *protocol.Error, error) {
	payload, head, err := e.Keys.Verify(ctx, party, object, party.ObjectAlgorithms()...)
	switch {
	case fault.Is(err, fault.Unavailable):
		return protocol.Params{}, nil, fmt.Errorf("authorize: %w", err)
	case errors.Is(err, jose.ErrSignature):
		return protocol.Params{}, protocol.ObjectRefused().Because(protocol.ObjectSignature), nil
	case err != nil:
		return protocol.Params{}, protocol.ObjectRefused().Because(protocol.ObjectMalformed), nil
	}
	strict := party.RequireObject || party.FAPI()
	params, bad := protocol.ObjectParams(payload, head.Type, string(party.ID), e.Issuer, e.Now(), strict)
	return params, bad, nil
}
