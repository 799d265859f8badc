package departure

import (
	"context"
	"fmt"
	"net/url"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/ratelimit"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
)

// Offer is the partner at which somebody may still be signed in who has just signed out
// here, and where the browser goes to sign out there, too: "" where that is not offered,
// or the partner's protocol would have to name them and nobody has left this browser just
// now. Nil for a partner that is not there any more.
func (j *Journey) Offer(ctx context.Context, v flow.Visitor, provider upstream.ID, lang i18n.Lang) (*upstream.Provider, string, error) {
	p, address, err := j.Upstreams.SignOut(ctx, provider, lang)
	if err != nil || p == nil || address == "" || p.Protocol != upstream.SAML {
		return p, address, err
	}
	_, found, err := j.leaving(ctx, v, provider)
	if err != nil {
		return nil, "", err
	}
	if !found {
		address = ""
	}
	return p, address, nil
}

func (j *Journey) leaving(ctx context.Context, v flow.Visitor, provider upstream.ID) (out handover.Leaving, found bool, err error) {
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		out, found, err = j.Leavings.Find(tx, v.Browser, provider)
		return err
	})
	if err != nil {
		return handover.Leaving{}, false, fmt.Errorf("departure: %w", err)
	}
	return out, found, nil
}

// Leave asks the partner to end the session there of who has just signed out here in this
// browser: where the browser goes. Each call makes a request of its own, and only the last
// one is awaited. Fault NotFound when nobody has, or too long ago, or the partner does not
// offer it; an *upstream.Error when it cannot be asked.
func (j *Journey) Leave(ctx context.Context, v flow.Visitor, provider upstream.ID) (upstream.Request, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return upstream.Request{}, err
	}
	of, found, err := j.leaving(ctx, v, provider)
	if err != nil {
		return upstream.Request{}, err
	}
	if !found {
		return upstream.Request{}, fault.New(fault.NotFound, "error.flow.not-found")
	}
	request, err := j.Upstreams.Leave(ctx, provider, of.Presence)
	if err != nil {
		return upstream.Request{}, fmt.Errorf("departure: %w", err)
	}
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		found, err = j.Leavings.Asked(tx, of, request.Pending)
		return err
	})
	if err != nil {
		return upstream.Request{}, fmt.Errorf("departure: %w", err)
	}
	if !found { // signed in and out again meanwhile
		return upstream.Request{}, fault.New(fault.NotFound, "error.flow.not-found")
	}
	return request, nil
}

// Left takes the partner's answer to Leave, which this browser brought: it is checked
// once. partly says that the partner could not sign the person out everywhere. Fault
// NotFound when nothing of this browser waits for it; an *upstream.Error when it proves
// nothing, or says no.
func (j *Journey) Left(ctx context.Context, v flow.Visitor, provider upstream.ID, answer upstream.Answer) (partly bool, err error) {
	var of handover.Leaving
	var pending upstream.Pending
	found := false
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		of, pending, found, err = j.Leavings.Take(tx, v.Browser, provider, answer.State())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("departure: %w", err)
	}
	if !found { // only these count: what strangers bring keeps nobody from leaving
		if err := j.Limiter.Allow(ctx, ratelimit.PartnerIP, v.IP); err != nil {
			return false, err
		}
		return false, fault.New(fault.NotFound, "error.flow.not-found")
	}
	partly, cause := j.Upstreams.Left(ctx, pending, answer)
	failure := upstream.FailureOf(cause)
	if cause != nil && failure == "" {
		return false, fmt.Errorf("departure: %w", cause)
	}
	e := audit.Event{
		Name: audit.UpstreamLeft, Session: of.Session, Outcome: audit.Success, Personal: v.Personal(""), Data: map[string]string{"provider": string(provider)},
	}
	if partly {
		e.Reason = "partly"
	}
	if cause != nil {
		e.Outcome, e.Reason, e.Data["code"] = audit.Failed, string(failure), upstream.CodeOf(cause)
	}
	if err := j.DB.Write(ctx, func(tx *db.Tx) error { return j.Audit.Record(tx, e) }); err != nil {
		return false, fmt.Errorf("departure: %w", err)
	}
	return partly, cause
}

// Keep keeps an answer that a partner's page posted until this browser comes for it with
// Handed: our cookies are not sent with a post of another site. Fault Expired for an
// answer to nothing that was asked, or too long ago; NotFound for a partner without
// messages of logout.
func (j *Journey) Keep(ctx context.Context, v flow.Visitor, provider upstream.ID, fields url.Values) (handle string, err error) {
	if err := j.Limiter.Allow(ctx, ratelimit.PartnerIP, v.IP); err != nil {
		return "", err
	}
	p, err := j.Upstreams.Get(ctx, provider)
	if err == nil && (p.Disabled || p.Protocol != upstream.SAML) {
		err = fault.New(fault.NotFound, "error.upstream.unknown")
	}
	if err != nil {
		return "", fmt.Errorf("departure: %w", err)
	}
	return j.Answers.Keep(ctx, provider, v.IP, fields)
}

// Handed is Left for an answer that was kept; it is given away once.
func (j *Journey) Handed(ctx context.Context, v flow.Visitor, provider upstream.ID, handle string) (partly bool, err error) {
	answer, found, err := j.Answers.Take(ctx, provider, handle)
	if err != nil {
		return false, fmt.Errorf("departure: %w", err)
	}
	if !found {
		answer = upstream.Answer{} // nothing waits for it
	}
	return j.Left(ctx, v, provider, answer)
}

// Asked takes a partner's own request to end the sessions that it opened here for
// somebody, which any browser may bring: what counts is its signature, once (SAML profiles
// 4.4.3.2). Only those sessions end, so that who is signed in by anything else, or as
// anybody else, stays so. It returns the way back with our answer; the zero Request where
// the partner has no address for it. Errors as Take.
func (j *Journey) Asked(ctx context.Context, v flow.Visitor, provider upstream.ID, answer upstream.Answer) (upstream.Request, error) {
	d, err := j.Upstreams.Departing(ctx, provider, answer)
	if err != nil {
		return upstream.Request{}, j.refused(ctx, v, err)
	}
	if err := j.obey(ctx, v, provider, d); err != nil {
		return upstream.Request{}, err
	}
	back, err := j.Upstreams.Departed(ctx, provider, d)
	if upstream.FailureOf(err) != "" {
		return upstream.Request{}, nil // the sessions have ended, whether it hears of it or not
	}
	if err != nil {
		return upstream.Request{}, fmt.Errorf("departure: %w", err)
	}
	return back, nil
}
