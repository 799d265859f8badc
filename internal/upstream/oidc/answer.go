package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// The caps of what a browser brings.
const (
	maxParams = 30
	maxAnswer = 8 << 10 // of all values together
	maxCode   = 4 << 10 // some providers put encrypted data into codes
)

// Finish checks an answer: the parameters that the browser brought, the tokens that
// they are exchanged for, and the ID token (OpenID Connect Core 1.0, 3.1.2.7 and 3.1.3.7).
func (c *Consumer) Finish(ctx context.Context, p *upstream.Provider, pending upstream.Pending, answer upstream.Answer) (upstream.Assertion, error) {
	none := upstream.Assertion{}
	if err := checkParams(answer.Params, pending); err != nil {
		return none, err
	}
	m, err := c.metadata(ctx, p)
	if err != nil {
		return none, err
	}
	code, err := readAnswer(answer.Params, p, m)
	if err != nil {
		return none, err
	}
	proofs, err := c.newProver(p, m)
	if err != nil {
		return none, err
	}
	tokens, err := c.redeem(ctx, p, m, pending, code, proofs)
	if err != nil {
		return none, err
	}
	claims, err := c.idToken(ctx, p, m, tokens.ID)
	if err != nil {
		return none, err
	}
	assertion, err := claims.check(p, pending, tokens.Access, c.Now())
	if err != nil {
		return none, err
	}
	if p.Client.UserInfo {
		if err := c.userInfo(ctx, p, m, tokens, assertion.Subject, proofs); err != nil {
			return none, err
		}
	}
	return assertion, nil
}

// checkParams refuses what is too much, what is there twice (RFC 6749, 3.1), and
// what belongs to another request.
func checkParams(params url.Values, pending upstream.Pending) error {
	size := 0
	for name, values := range params {
		size += len(name)
		for _, value := range values {
			size += len(value)
		}
		if len(values) > 1 {
			return &upstream.Error{Failure: upstream.Invalid, ByBrowser: true, Err: errors.New("a parameter of the answer is there twice")}
		}
	}
	if len(params) > maxParams || size > maxAnswer {
		return &upstream.Error{Failure: upstream.Invalid, ByBrowser: true, Err: errors.New("the answer is too long")}
	}
	if pending.State == "" || !secret.Equal([]byte(params.Get("state")), []byte(pending.State)) {
		return &upstream.Error{Failure: upstream.Replay, ByBrowser: true, Err: errors.New("the state is not that of the request")}
	}
	return nil
}

// readAnswer is the code of an answer, or the failure that it tells of.
func readAnswer(params url.Values, p *upstream.Provider, m *metadata) (string, error) {
	iss, there := params["iss"]
	switch { // RFC 9207, 2.4
	case there && iss[0] != p.Issuer:
		return "", &upstream.Error{Failure: upstream.Invalid, ByBrowser: true, Err: errors.New("iss in the answer is that of another provider")}
	case !there && (m.SendsIss || p.Client.RequireIss):
		return "", &upstream.Error{Failure: upstream.Invalid, ByBrowser: true, Err: errors.New("iss is missing in the answer")}
	}
	if params.Has("error") {
		return "", told(params.Get("error"))
	}
	code := params.Get("code")
	if !visible(code, maxCode) {
		return "", &upstream.Error{Failure: upstream.Invalid, ByBrowser: true, Err: errors.New("neither code nor error in the answer")}
	}
	return code, nil
}

// told is the failure of an error that the browser brought (RFC 6749, 4.1.2.1;
// OpenID Connect Core 1.0, 3.1.2.6; OpenID Connect Core Unmet Authentication
// Requirements 1.0). Its description is never read.
func told(code string) error {
	e := &upstream.Error{Failure: upstream.Refused, Code: upstream.CleanCode(code), ByBrowser: true}
	switch e.Code {
	case "access_denied":
		e.Failure = upstream.Cancelled
	case "temporarily_unavailable", "server_error":
		e.Failure = upstream.Outage
	case "unmet_authentication_requirements":
		e.Failure = upstream.Weaker
	}
	return e
}

// oauthError is the failure that an endpoint answers with (RFC 6749, 5.2).
func oauthError(what string, answer *outbound.Response) error {
	var body struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil || body.Error == "" {
		return upstream.Fail(upstream.Invalid, "%s: status %d without an error code", what, answer.Status)
	}
	e := upstream.Fail(upstream.Refused, "%s: status %d", what, answer.Status)
	e.Code = upstream.CleanCode(body.Error)
	switch e.Code {
	case "invalid_grant": // used before, expired, or of another client
		e.Failure = upstream.Replay
	case "temporarily_unavailable", "server_error":
		e.Failure = upstream.Outage
	}
	return e
}

// tokens are what a code was exchanged for.
type tokens struct {
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
	ID     string `json:"id_token"`
}

// redeem exchanges the code (OpenID Connect Core 1.0, 3.1.3.1).
func (c *Consumer) redeem(ctx context.Context, p *upstream.Provider, m *metadata, pending upstream.Pending, code string, proofs *prover) (tokens, error) {
	answer, err := c.tokenRequest(ctx, p, m, pending, code, proofs)
	if err != nil {
		return tokens{}, err
	}
	if answer.Status != 200 {
		return tokens{}, oauthError("token endpoint", answer)
	}
	var out tokens
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		return tokens{}, upstream.Fail(upstream.Invalid, "token endpoint: no JSON as it should be")
	}
	return out, out.check(p)
}

func (t tokens) check(p *upstream.Provider) error {
	switch {
	case t.ID == "":
		return upstream.Fail(upstream.Invalid, "token endpoint: no id_token in the answer")
	case p.Client.DPoP == upstream.On && !isDPoP(t.Type):
		return upstream.Fail(upstream.Invalid, "token endpoint: the access token is not bound to our key although dpop is on")
	case t.Access != "" && !visible(t.Access, jose.MaxToken):
		return upstream.Fail(upstream.Invalid, "token endpoint: no access token as it should be")
	}
	return nil
}

// tokenRequest asks once, or twice when the provider demands its nonce in the proof
// (RFC 9449, 8): the first request has not used the code then.
func (c *Consumer) tokenRequest(ctx context.Context, p *upstream.Provider, m *metadata, pending upstream.Pending, code string, proofs *prover) (*outbound.Response, error) {
	for attempt := 0; ; attempt++ {
		form := url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.callback(p)}, "code_verifier": {pending.Verifier},
		}
		header := formHeader()
		if err := c.authenticate(p, form, header); err != nil {
			return nil, err
		}
		if err := proofs.add(header, "POST", m.Token, ""); err != nil {
			return nil, err
		}
		answer, err := c.call(ctx, p, "token endpoint", outbound.Request{Method: "POST", URL: m.Token, Header: header, Body: []byte(form.Encode())})
		if err != nil {
			return nil, err
		}
		if attempt > 0 || !proofs.renew(answer) {
			return answer, nil
		}
	}
}

// renew takes the nonce that an endpoint demands.
func (v *prover) renew(answer *outbound.Response) bool {
	nonce := answer.Header("DPoP-Nonce")
	if v == nil || answer.Status < 400 || !visible(nonce, 512) {
		return false
	}
	var body struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil || body.Error != "use_dpop_nonce" {
		return false
	}
	v.nonce = nonce
	return true
}

// userInfo calls the userinfo endpoint because the provider wants it (OpenID
// Connect Core 1.0, 5.3). Only sub is read of the answer, and must be the same (5.3.2).
func (c *Consumer) userInfo(ctx context.Context, p *upstream.Provider, m *metadata, t tokens, subject string, proofs *prover) error {
	if m.UserInfo == "" || t.Access == "" {
		return upstream.Fail(upstream.Invalid, "userinfo is on, but the provider has no such endpoint or gave no access token")
	}
	header := map[string]string{"Accept": "application/json, application/jwt", "Authorization": "Bearer " + t.Access}
	if isDPoP(t.Type) {
		header["Authorization"] = "DPoP " + t.Access
		if proofs == nil {
			return upstream.Fail(upstream.Invalid, "the access token is bound to a key that we do not have")
		}
		proofs.nonce = "" // that of the token endpoint
		if err := proofs.add(header, "GET", m.UserInfo, t.Access); err != nil {
			return err
		}
	}
	answer, err := c.call(ctx, p, "userinfo", outbound.Request{Method: "GET", URL: m.UserInfo, Header: header})
	if err != nil {
		return err
	}
	if answer.Status != 200 {
		return upstream.Fail(upstream.Invalid, "userinfo: status %d", answer.Status)
	}
	body := answer.Body
	if len(body) > 0 && slices.Contains([]string{"application/jwt", "application/jwt;charset=utf-8", "application/jwt; charset=utf-8"}, answer.Header("Content-Type")) {
		if body, err = c.open(ctx, p, m, string(body)); err != nil {
			return err
		}
	}
	var who struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(body, &who); err != nil || who.Subject != subject {
		return upstream.Fail(upstream.Invalid, "userinfo: not the subject of the ID token")
	}
	return nil
}
