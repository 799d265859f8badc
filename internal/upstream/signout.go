package upstream

import (
	"context"
	"log/slog"
	"time"

	"parvis/internal/fault"
	"parvis/internal/i18n"
)

// signerOut is a Consumer whose protocol lets people sign out at the provider, too.
type signerOut interface {
	// SignOut is where the browser goes for it; "" where it is not offered.
	SignOut(p *Provider, lang i18n.Lang) string
}

// SignOut is a provider at which somebody may still be signed in who has signed out
// here, and where the browser goes to sign out there, too: "" where the provider does
// not offer it, or cannot be reached. Nil for a provider that is not there any more.
func (r *Registry) SignOut(ctx context.Context, provider ID, lang i18n.Lang) (*Provider, string, error) {
	p, err := r.Get(ctx, provider)
	if fault.Is(err, fault.NotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	consumer, ok := r.Consumers[p.Protocol].(signerOut)
	if !ok || p.Disabled || r.Health(provider).Down {
		return p, "", nil
	}
	return p, consumer.SignOut(p, lang), nil
}

// Departure is a checked notice of a provider that somebody has signed out there.
type Departure struct {
	Issuer  string
	Subject string    // "" where the notice names a session only
	Indexes []string  // which of their sessions there; none: each
	ID      string    // of the notice: it counts once
	Until   time.Time // when it would be refused as too old anyway
	State   string    // SAML: comes back with the answer (RelayState)
}

// LogValue keeps the subject out of the log.
func (d Departure) LogValue() slog.Value { return slog.StringValue("(notice of " + d.Issuer + ")") }

// notifier is a Consumer whose protocol lets providers say that somebody signed out.
type notifier interface {
	// Departure checks such a notice. The error is an *Error.
	Departure(ctx context.Context, p *Provider, token string) (Departure, error)
}

// leaver is a Consumer whose protocol signs people out at both ends by messages that the
// browser carries, and that are answered (SAML profiles 4.4).
type leaver interface {
	// Leave asks for the end of somebody's session there.
	Leave(ctx context.Context, p *Provider, whom Presence) (Request, error)
	// Left checks the answer; partly: not everywhere there. The error is an *Error.
	Left(ctx context.Context, p *Provider, pending Pending, answer Answer) (partly bool, err error)
	// Departing checks the provider's request to end sessions here. The error is an *Error.
	Departing(ctx context.Context, p *Provider, answer Answer) (Departure, error)
	// Departed answers one that was obeyed.
	Departed(ctx context.Context, p *Provider, d Departure) (Request, error)
}

// leaver finds a provider at which people sign out by messages. fault.NotFound for a provider that is not there, is disabled, or has no such way.
func (r *Registry) leaver(ctx context.Context, provider ID) (*Provider, leaver, error) {
	p, err := r.Get(ctx, provider)
	if err != nil {
		return nil, nil, err
	}
	consumer, ok := r.Consumers[p.Protocol].(leaver)
	if !ok || p.Disabled || p.SAML.Logout == Off {
		return nil, nil, fault.New(fault.NotFound, "error.upstream.unknown")
	}
	return p, consumer, nil
}

// Leave asks a provider to end somebody's session there: where the browser goes for it.
// fault.NotFound as Departing; else the error is an *Error, or our own.
func (r *Registry) Leave(ctx context.Context, provider ID, whom Presence) (Request, error) {
	p, consumer, err := r.leaver(ctx, provider)
	if err != nil {
		return Request{}, err
	}
	return consumer.Leave(ctx, p, whom)
}

// Left checks the answer to Leave, once for each Pending; partly: the person is not
// signed out everywhere there. Errors as Leave.
func (r *Registry) Left(ctx context.Context, pending Pending, answer Answer) (partly bool, err error) {
	p, consumer, err := r.leaver(ctx, pending.Provider)
	if err != nil {
		return false, err
	}
	return consumer.Left(ctx, p, pending, answer)
}

// Departing checks a provider's request, which the browser brought, to end sessions here.
// Its identifier is not taken: see TakeDeparture. fault.NotFound for a provider that is
// not there, is disabled, or has no such way; else the error is an *Error.
func (r *Registry) Departing(ctx context.Context, provider ID, answer Answer) (Departure, error) {
	p, consumer, err := r.leaver(ctx, provider)
	if err != nil {
		return Departure{}, err
	}
	d, err := consumer.Departing(ctx, p, answer)
	if err == nil && (d.Issuer != p.Issuer || d.Subject == "" || d.ID == "") {
		return Departure{}, Fail(Invalid, "a request of another issuer, or about nobody")
	}
	return d, err
}

// Departed is the way back to a provider whose request was obeyed. Errors as Leave.
func (r *Registry) Departed(ctx context.Context, provider ID, d Departure) (Request, error) {
	p, consumer, err := r.leaver(ctx, provider)
	if err != nil {
		return Request{}, err
	}
	return consumer.Departed(ctx, p, d)
}

// Departure checks a provider's notice that somebody has signed out there. Its identifier
// is not taken: see TakeDeparture. fault.NotFound for a provider that is not there, is
// disabled, or gives no notices; else the error is an *Error.
func (r *Registry) Departure(ctx context.Context, provider ID, token string) (Departure, error) {
	p, err := r.Get(ctx, provider)
	if err != nil {
		return Departure{}, err
	}
	consumer, ok := r.Consumers[p.Protocol].(notifier)
	if !ok || p.Disabled {
		return Departure{}, fault.New(fault.NotFound, "error.upstream.unknown")
	}
	d, err := consumer.Departure(ctx, p, token)
	if err == nil && (d.Issuer != p.Issuer || d.Subject == "" && len(d.Indexes) == 0 || d.ID == "") {
		return Departure{}, Fail(Invalid, "a notice of another issuer, or about nobody")
	}
	return d, err
}
