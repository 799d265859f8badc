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
}

// LogValue keeps the subject out of the log.
func (d Departure) LogValue() slog.Value { return slog.StringValue("(notice of " + d.Issuer + ")") }

// notifier is a Consumer whose protocol lets providers say that somebody signed out.
type notifier interface {
	// Departure checks such a notice. The error is an *Error.
	Departure(ctx context.Context, p *Provider, token string) (Departure, error)
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
