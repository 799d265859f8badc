package upstream

import (
	"context"

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
