package app

import (
	"context"
	"maps"
	"slices"

	"parvis/internal/i18n"
	"parvis/internal/registrar"
)

// registrations are the services that register themselves.
func (h *House) registrations() registrar.Registrations {
	return registrar.Registrations{
		DB: h.DB, Tokens: registrar.Tokens{Audit: h.Audit, Langs: i18n.Langs()}, Registry: h.Registry, Store: h.Partners, Grants: h.Grants,
		Connections: h.Connections, Audit: h.Audit, Reserved: h.reservedNames, Most: h.Config.OIDC.Registration.MaxServices,
	}
}

// reservedNames are names that no service which registers itself may look like: of the
// deployment, of who runs it, and of sign-in partners.
func (h *House) reservedNames(ctx context.Context) ([]string, error) {
	all, err := h.Upstreams.List(ctx)
	if err != nil {
		return nil, err
	}
	out := h.names()
	for _, p := range all {
		out = slices.Concat(out, slices.Collect(maps.Values(p.Name)), slices.Collect(maps.Values(p.Brand)))
	}
	return out, nil
}
