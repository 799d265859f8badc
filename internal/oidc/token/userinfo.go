package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// userinfo is GET and POST /userinfo: the claims the person agreed to share, as
// they stand now (OpenID Connect Core 1.0, 5.3). It writes nothing. A body that
// is no form holds no token (RFC 6750, 2.2) and is not read.
func (e *Endpoint) userinfo(w http.ResponseWriter, r *http.Request) error {
	interact(w)
	token, party, claims, err := e.learned(w, r)
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		e.Door.Log(r, "userinfo request refused", token.Grant.RelyingParty, bad)
	}
	if err != nil {
		return err
	}
	out := maps.Clone(claims)
	out["sub"] = token.Grant.Subject
	if done, err := e.told(w, r, party, out); done {
		return err
	}
	return machine.Answer(w, http.StatusOK, out)
}

// interact gives a call an identifier that its client gave none; the one that it gave, the door
// gives back (FAPI 1.0 Security Profile, Part 1, 6.2.1-11, which FAPI-CIBA keeps).
func interact(w http.ResponseWriter) {
	const name = "X-Fapi-Interaction-Id"
	if w.Header().Get(name) != "" {
		return
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	w.Header().Set(name, fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

// learned is the token of a request and what it lets the service know. A
// *protocol.Error is the refusal; then the token names at most whose it was.
func (e *Endpoint) learned(w http.ResponseWriter, r *http.Request) (token grant.Token, party *relyingparty.RelyingParty, claims map[string]any, err error) {
	presented, err := presentedBy(r)
	if err != nil {
		return token, nil, nil, err
	}
	var cause protocol.Cause
	var narrow bool
	digest := e.digest(presented.Token)
	registered, err := e.Registry.Known(r.Context())
	if err != nil {
		return token, nil, nil, fmt.Errorf("userinfo: %w", err)
	}
	err = e.DB.Read(r.Context(), func(tx *db.Tx) error {
		claims = nil
		found, ok, err := e.Grants.FindDigest(tx, digest)
		if err != nil {
			return err
		}
		token = found
		if !ok {
			why, whose, err := e.Grants.WhyNot(tx, digest)
			cause, token.Grant.RelyingParty = protocol.Cause(why), whose
			return err
		}
		if !protocol.ForUserInfo(token.Audience, e.Issuer) { // RFC 8707, 3
			cause = protocol.TokenElsewhere
			return nil
		}
		if party = registered(token.Grant.RelyingParty); party == nil {
			cause = protocol.ClientUnknown
			return nil
		}
		if narrow = !slices.Contains(token.Scopes, claim.ScopeOpenID); narrow {
			claims = map[string]any{}
			return nil
		}
		verified, only, err := keptOf(token.Grant)
		if err != nil {
			return err
		}
		left := func(names []string) []string { // of the token, and not taken from the service since
			return claim.Covered(claim.Remaining(names, token.Grant.Scopes, token.Scopes), party.MayAsk())
		}
		told, alive, err := e.known(tx, token.Grant, wished{
			claims: left(token.Grant.UserInfoClaims), only: only.UserInfo, verified: verified.UserInfo, assured: left(verified.UserInfo.Names()),
		})
		if err != nil || !alive {
			cause = protocol.AccountNotActive
			return err
		}
		claims = told
		return nil
	})
	if err != nil {
		return token, nil, nil, fmt.Errorf("userinfo: %w", err)
	}
	if claims == nil {
		return token, nil, nil, presented.Refused().Because(cause)
	}
	if err := e.holder(w, r, presented, token); err != nil {
		return token, nil, nil, err
	}
	switch {
	case party.Disabled:
		return token, nil, nil, presented.Refused().Because(protocol.ClientDisabled)
	case narrow: // OpenID Connect Core 1.0, 5.3
		return token, nil, nil, presented.TooNarrow()
	}
	return token, party, claims, nil
}

// presentedBy is the token of a request, in its header or its form (RFC 6750, 2; RFC 9449, 7.1).
func presentedBy(r *http.Request) (out protocol.Presented, err error) {
	var params protocol.Params
	if r.Method == http.MethodPost && machine.IsForm(r) {
		if params, err = machine.Form(r); err != nil {
			return out, err //nolint:wrapcheck // an error of the protocol
		}
	}
	authorization, bad := machine.Authorization(r, protocol.SchemeBearer)
	if bad != nil {
		return out, bad
	}
	if out, bad = protocol.ReadPresentedToken(authorization, params); bad != nil {
		return out, bad
	}
	return out, nil
}

// unproven refuses a token that is good, but bound to a key, and came as if it were not (RFC
// 9449, 7.1): some libraries ask here with Bearer whatever token_type they were told.
func unproven() *protocol.Error {
	out := protocol.Presented{Scheme: protocol.SchemeDPoP}.Refused().Because(protocol.ProofMissing)
	out.Description = "the access token is bound to a key: send it as Authorization: DPoP, with a proof of that key in the header DPoP"
	return out
}

// holder checks that a token which is bound to a key came with a proof of that key, made
// for this request (RFC 9449, 7). A bearer token needs none.
func (e *Endpoint) holder(w http.ResponseWriter, r *http.Request, presented protocol.Presented, token grant.Token) error {
	dpop := protocol.Presented{Scheme: protocol.SchemeDPoP}
	switch {
	case token.Thumbprint == "" && presented.Scheme == protocol.SchemeDPoP:
		return dpop.Refused().Because(protocol.TokenUnbound)
	case token.Thumbprint == "":
		return nil
	case protocol.ByCertificate(token.Thumbprint): // RFC 8705, 3
		if presented.Scheme != protocol.SchemeBearer || !e.Door.Shows(r, token.Thumbprint) {
			return protocol.Presented{Scheme: protocol.SchemeBearer}.Refused().Because(protocol.CertificateDiffers)
		}
		return nil
	case presented.Scheme != protocol.SchemeDPoP: // 7.2: not to be downgraded
		return unproven()
	}
	proof, err := e.Door.Proof(w, r, presented.Token)
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		return bad.Challenged(protocol.SchemeDPoP)
	}
	switch {
	case err != nil:
		return err //nolint:wrapcheck // wrapped there
	case proof == nil:
		return unproven()
	case proof.Thumbprint != token.Thumbprint:
		return dpop.Refused().Because(protocol.ProofOfOther)
	}
	fresh, err := e.Door.Once(*proof)
	switch {
	case err != nil:
		return fault.Wrap(fault.Unavailable, "error.busy", err)
	case !fresh:
		return protocol.ProofReplayed().Challenged(protocol.SchemeDPoP)
	}
	return nil
}

// wished is what a service asked to be told in one place.
type wished struct {
	claims   []string
	only     claim.Only // values that some of them must have
	verified claim.Verified
	assured  []string // of verified, what may be told
}

// keptOf reads what a grant keeps of the claims that were asked for one by one.
func keptOf(g grant.Grant) (claim.VerifiedRequest, claim.Values, error) {
	verified, err := claim.KeptVerified(g.Verified)
	if err != nil {
		return verified, claim.Values{}, err //nolint:wrapcheck // wrapped by the endpoints
	}
	only, err := claim.KeptValues(g.Values)
	return verified, only, err //nolint:wrapcheck // wrapped by the endpoints
}

// known are claims about an account as a service is told them, and those of a request for
// verified claims that may be told; false when it is not active.
func (e *Endpoint) known(tx *db.Tx, g grant.Grant, wish wished) (map[string]any, bool, error) {
	p, alive, err := e.person(tx, g, slices.Concat(wish.claims, wish.assured))
	if err != nil || !alive {
		return nil, false, err
	}
	out := p.Claims(wish.claims)
	wish.only.Keep(out)
	if told := p.Assured(wish.verified, wish.assured, tx.Now()); told != nil {
		out[claim.VerifiedClaims] = told
	}
	return out, true, nil
}

// person reads the values of claims about an account as a service is told them; false
// when it is not active.
func (e *Endpoint) person(tx *db.Tx, g grant.Grant, claims []string) (claim.Person, bool, error) {
	var chosen id.Address
	if slices.Contains(claims, claim.Email) || slices.Contains(claims, claim.EmailVerified) {
		c, _, err := e.Connections.Get(tx, g.Account, g.RelyingParty)
		if err != nil {
			return claim.Person{}, false, err
		}
		chosen = c.Address
	}
	return e.Told.Person(tx, g.Account, chosen, claims) //nolint:wrapcheck // wrapped there
}

func scopeText(scopes []string) string { return strings.Join(scopes, " ") }
