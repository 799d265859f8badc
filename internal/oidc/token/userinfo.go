package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/web/kit"
)

// userinfo is GET and POST /userinfo: the claims the person agreed to share, as
// they stand now (OpenID Connect Core 1.0, 5.3). It writes nothing. A body that
// is no form holds no token (RFC 6750, 2.2) and is not read.
func (e *Endpoint) userinfo(w http.ResponseWriter, r *http.Request) error {
	token, claims, err := e.known(r)
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		e.log(r, "userinfo request refused", token.Grant.RelyingParty, bad)
	}
	if err != nil {
		return err
	}
	out := maps.Clone(claims)
	out["sub"] = token.Grant.Subject
	return answer(w, http.StatusOK, out)
}

// known is the token of a request and what it lets the service know. A
// *protocol.Error is the refusal; then the token names at most whose it was.
func (e *Endpoint) known(r *http.Request) (token grant.Token, claims map[string]any, err error) {
	var params protocol.Params
	if r.Method == http.MethodPost && isForm(r) {
		if params, err = form(r); err != nil {
			return token, nil, err
		}
	}
	presented, bad := protocol.ReadBearer(r.Header.Get("Authorization"), params)
	if bad != nil {
		return token, nil, bad
	}
	var cause protocol.Cause
	err = e.DB.Read(r.Context(), func(tx *db.Tx) error {
		claims = nil
		found, ok, err := e.Grants.FindToken(tx, presented)
		if err != nil {
			return err
		}
		token = found
		if !ok {
			why, party, err := e.Grants.WhyNot(tx, presented)
			cause, token.Grant.RelyingParty = protocol.Cause(why), party
			return err
		}
		person, alive, err := e.person(tx, token.Grant.Account)
		if err != nil || !alive {
			cause = protocol.AccountNotActive
			return err
		}
		claims = person.Claims(token.Grant.UserInfoClaims)
		return nil
	})
	if err != nil {
		return token, nil, fmt.Errorf("userinfo: %w", err)
	}
	if claims == nil {
		return token, nil, protocol.TokenRefused().Because(cause)
	}
	party, err := e.Registry.Get(r.Context(), token.Grant.RelyingParty)
	switch {
	case fault.Is(err, fault.NotFound):
		return token, nil, protocol.TokenRefused().Because(protocol.ClientUnknown)
	case err != nil:
		return token, nil, fmt.Errorf("userinfo: %w", err)
	case party.Disabled:
		return token, nil, protocol.TokenRefused().Because(protocol.ClientDisabled)
	}
	return token, claims, nil
}

// person reads the values of the claims about an account; false when it is not active.
func (e *Endpoint) person(tx *db.Tx, aid id.Account) (protocol.Person, bool, error) {
	a, address, ok, err := e.Accounts.WithMain(tx, aid)
	if err != nil || !ok || a.Status != account.Active {
		return protocol.Person{}, false, err
	}
	p := protocol.Person{Locale: a.Locale, UpdatedAt: a.ActivatedAt}
	if address.ID != "" {
		p.Email, p.Verified = address.Address.Written, !address.ProvenAt.IsZero()
		if address.ProvenAt.After(p.UpdatedAt) {
			p.UpdatedAt = address.ProvenAt
		}
	}
	return p, true, nil
}

// machine makes a handler of an endpoint for programs: errors are JSON.
func (e *Endpoint) machine(h kit.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open(w)
		if err := h(w, r); err != nil {
			e.fail(w, r, err)
		}
	})
}

// open lets browser applications of any origin read the answer. Credentials are not allowed with it.
func open(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, ETag")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	for _, ofPages := range []string{"Cross-Origin-Opener-Policy", "Permissions-Policy", "Referrer-Policy", "X-Frame-Options"} {
		h.Del(ofPages) // JSON is no page: it opens, embeds and asks for nothing
	}
}

func preflight(w http.ResponseWriter, _ *http.Request) {
	open(w)
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// fail answers with an error of the protocol. An unknown error is ours, and its text is not shown.
func (e *Endpoint) fail(w http.ResponseWriter, r *http.Request, err error) {
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		e.failProtocol(w, bad)
		return
	}
	out := &protocol.Error{Code: protocol.ServerError, Description: "something went wrong on our side"}
	status := http.StatusInternalServerError
	if f, ok := errors.AsType[*fault.Error](err); ok {
		switch f.Kind {
		case fault.Throttled:
			out, status = &protocol.Error{Code: protocol.TemporarilyUnavailable, Description: "too many refused requests"}, http.StatusTooManyRequests
		case fault.Unavailable:
			out, status = &protocol.Error{Code: protocol.TemporarilyUnavailable, Description: "try again later"}, http.StatusServiceUnavailable
		default:
		}
		if status != http.StatusInternalServerError {
			after := max(f.RetryAfter, time.Second)
			w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
		}
	}
	level := slog.LevelError
	if status != http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	e.Site.Log.Log(r.Context(), level, "machine request failed", "pattern", r.Pattern, "err", err.Error(), "reference", kit.Reference(r))
	_ = answer(w, status, errorBody(out)) // the client has gone
}

func (e *Endpoint) failProtocol(w http.ResponseWriter, bad *protocol.Error) {
	status := bad.Status()
	switch bad.Challenge {
	case "Basic":
		w.Header().Set("WWW-Authenticate", `Basic realm="`+e.Issuer+`", charset="UTF-8"`)
	case "Bearer":
		challenge := `Bearer realm="` + e.Issuer + `"`
		if bad.Description != "" {
			challenge += `, error="` + string(bad.Code) + `", error_description="` + bad.Description + `"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	_ = answer(w, status, errorBody(bad)) // the client has gone
}

func errorBody(bad *protocol.Error) map[string]any {
	out := map[string]any{"error": string(bad.Code)}
	if bad.Description != "" {
		out["error_description"] = bad.Description
	}
	return out
}

// answer writes JSON that nobody may keep (RFC 6749, 5.1).
func answer(w http.ResponseWriter, status int, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("token: answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		return nil //nolint:nilerr // the client has gone
	}
	return nil
}

func scopeText(scopes []string) string { return strings.Join(scopes, " ") }
