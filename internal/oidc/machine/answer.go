package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/oidc/protocol"
	"parvis/internal/web/kit"
)

// Handle makes a handler of an endpoint for programs: errors are JSON.
func (d *Door) Handle(h kit.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open(w)
		echo(w, r)
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, &call{}))
		if err := h(w, r); err != nil {
			d.fail(w, r, err)
		}
	})
}

// call is what is known of one request while it is answered.
type call struct {
	assertion *grant.Assertion // that authenticated the client
	proof     *grant.Proof     // of possession, at an endpoint that takes no token
}

type callKey struct{}

// callOf is that of a request; an empty one that nobody sees where there is none.
func callOf(r *http.Request) *call {
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// open lets browser applications of any origin read the answer. Credentials are not allowed with it.
func open(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, ETag, DPoP-Nonce, X-FAPI-Interaction-ID")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	for _, ofPages := range []string{"Cross-Origin-Opener-Policy", "Permissions-Policy", "Referrer-Policy", "X-Frame-Options"} {
		h.Del(ofPages) // JSON is no page: it opens, embeds and asks for nothing
	}
}

// interaction is the header by which a client finds one call again in both logs.
const interaction = "X-Fapi-Interaction-Id"

// echo gives the identifier of a call back to the client that gave it one: a UUID, and nothing
// else (FAPI 1.0 Baseline, 6.2.1, 11; FAPI 2.0 leaves it to ecosystems).
func echo(w http.ResponseWriter, r *http.Request) {
	sent := r.Header.Values(interaction)
	if len(sent) == 1 && uuid.MatchString(sent[0]) {
		w.Header().Set(interaction, sent[0])
	}
}

// uuid is the textual form of RFC 9562, 4.
var uuid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// Preflight answers the question of a browser before it calls an endpoint of another origin.
func Preflight(w http.ResponseWriter, _ *http.Request) {
	open(w)
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, X-FAPI-Interaction-ID")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// fail answers with an error of the protocol. An unknown error is ours, and its text is not shown.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		d.failProtocol(w, r, bad)
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
	d.Site.Log.Log(r.Context(), level, "machine request failed", "pattern", r.Pattern, "err", err.Error(), "reference", kit.Reference(r))
	_ = Answer(w, status, errorBody(out)) // the client has gone
}

func (d *Door) failProtocol(w http.ResponseWriter, r *http.Request, bad *protocol.Error) {
	status, resource := bad.Status(), ""
	if r.URL.Path == protocol.PathUserInfo { // where a client learns who gives tokens for it (RFC 9728, 5.1)
		resource = `, resource_metadata="` + d.Issuer + protocol.PathResource + `"`
	}
	if bad.Cause == protocol.TokenMissing { // RFC 6750, 3.1: nothing is said of a request that authenticates nobody
		w.Header().Add("WWW-Authenticate", `DPoP realm="`+d.Issuer+`", algs="`+proofAlgs()+`"`+resource)
		w.Header().Add("WWW-Authenticate", `Bearer realm="`+d.Issuer+`"`+resource)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		return
	}
	switch bad.Challenge {
	case "Basic":
		w.Header().Set("WWW-Authenticate", `Basic realm="`+d.Issuer+`", charset="UTF-8"`)
	case protocol.SchemeBearer, protocol.SchemeDPoP:
		challenge := bad.Challenge + ` realm="` + d.Issuer + `"`
		if bad.Challenge == protocol.SchemeDPoP {
			challenge += `, algs="` + proofAlgs() + `"`
		}
		if bad.Description != "" {
			challenge += `, error="` + string(bad.Code) + `", error_description="` + bad.Description + `"`
		}
		w.Header().Set("WWW-Authenticate", challenge+resource)
	}
	_ = Answer(w, status, errorBody(bad)) // the client has gone
}

// proofAlgs are the algorithms of proofs of possession, as a challenge names them (RFC 9449, 7.1).
func proofAlgs() string {
	var all []string
	for _, a := range ProofAlgorithms() {
		all = append(all, string(a))
	}
	return strings.Join(all, " ")
}

func errorBody(bad *protocol.Error) map[string]any {
	out := map[string]any{"error": string(bad.Code)}
	if bad.Description != "" {
		out["error_description"] = bad.Description
	}
	return out
}

// Answer writes JSON that nobody may keep (RFC 6749, 5.1).
func Answer(w http.ResponseWriter, status int, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("machine: answer: %w", err)
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

// Form reads the parameters of a body of the one type there is (RFC 6749, 4.1.3).
func Form(r *http.Request) (protocol.Params, error) {
	if !IsForm(r) {
		return protocol.Params{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "the body must be application/x-www-form-urlencoded", Where: protocol.Direct}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, protocol.MaxQuery+1))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return protocol.Params{}, protocol.TooLong()
	}
	if err != nil {
		return protocol.Params{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "the body could not be read", Where: protocol.Direct}
	}
	params, bad := protocol.ParseParams(string(raw))
	if bad != nil {
		return params, bad
	}
	return params, nil
}

// IsForm reports whether a body is of the one type there is.
func IsForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// Authorization is the one header of its name; a request with several authenticates in more
// than one way (RFC 6749, 2.3; RFC 6750, 2 and 3.1). The scheme is that of the challenge, if one is due.
func Authorization(r *http.Request, scheme string) (string, *protocol.Error) {
	if len(r.Header.Values("Authorization")) > 1 {
		return "", &protocol.Error{Code: protocol.InvalidRequest, Description: "the Authorization header was sent twice", Where: protocol.Direct, Challenge: scheme}
	}
	return r.Header.Get("Authorization"), nil
}
