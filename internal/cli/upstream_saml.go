package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"parvis/internal/app"
	"parvis/internal/i18n"
	"parvis/internal/upstream"
)

// ourMetadata is the address of our metadata for a partner.
func ourMetadata(h *app.House, provider upstream.ID) string {
	return h.Config.Server.PublicURL + upstream.MetadataPath(provider)
}

// addedSAML tells what a partner that speaks SAML needs of us.
func (cmd *upstreamAdd) addedSAML(c *console, h *app.House, s upstream.Settings) error {
	metadata, callback := ourMetadata(h, upstream.ID(s.ID)), callbackOf(h, upstream.ID(s.ID))
	if cmd.JSON {
		return c.json(map[string]any{"partner": s, "metadata": metadata, "acs": callback, "applied": cmd.Apply})
	}
	c.printf("sign-in partner  %s\nour metadata     %s\nour address      %s\n\n", s.Name.In(i18n.English), metadata, callback)
	cmd.outcome(c, s.ID, "Give the partner our metadata; then")
	return nil
}

// saml shows a partner that speaks SAML.
func (cmd *upstreamShow) saml(ctx context.Context, c *console, h *app.House, p *upstream.Provider) error {
	if err := h.Keyring.Refresh(ctx); err != nil { // the deployment's key stands in the metadata
		return err
	}
	switch {
	case cmd.JWKS:
		return refuse("sign-in partner %q speaks SAML: its keys of ours stand in --metadata", p.ID)
	case cmd.Metadata:
		raw, err := h.SAML.Metadata(p)
		if err != nil {
			return err
		}
		c.printf("%s\n", raw)
		return nil
	}
	l := upstreamLineOf(p)
	source := "by hand, in the settings"
	if p.SAML.MetadataURL != "" {
		source = p.SAML.MetadataURL
	}
	entity := cmp.Or(p.SAML.EntityID, ourMetadata(h, p.ID))
	if cmd.JSON {
		return c.json(struct {
			upstreamLine
			Metadata    string       `json:"metadata"`
			EntityID    string       `json:"entity_id"`
			ACS         string       `json:"acs"`
			PartnerAt   string       `json:"partner_metadata"`
			Pinned      bool         `json:"partner_metadata_pinned"`
			NameID      string       `json:"name_id"`
			Contexts    []string     `json:"authn_context"`
			Encryption  upstream.Use `json:"encryption"`
			OwnKey      bool         `json:"own_signing_key"`
			Compatible  bool         `json:"cbc"`
			WholeSigned bool         `json:"signed_response"`
		}{
			l, ourMetadata(h, p.ID), entity, callbackOf(h, p.ID), source, len(p.SAML.MetadataKeys) > 0, p.SAML.NameID, p.SAML.Contexts,
			p.SAML.Encryption, p.SAML.Signing != nil, p.SAML.CBC, p.SAML.SignedResponse,
		})
	}
	c.table([][]string{
		{"id", string(l.ID)},
		{"name", p.Name.In(i18n.English) + " / " + p.Name.In(i18n.French)},
		{"protocol", string(l.Protocol)},
		{"kind", string(l.Kind)},
		{"issuer", l.Issuer},
		{"partner's metadata", source},
		{"signature pinned", fmt.Sprint(len(p.SAML.MetadataKeys) > 0)},
		{"our metadata", ourMetadata(h, p.ID)},
		{"our entityID", entity},
		{"our address (ACS)", callbackOf(h, p.ID)},
		{"name_id", p.SAML.NameID},
		{"authn_context", strings.Join(p.SAML.Contexts, " ")},
		{"encryption", string(p.SAML.Encryption)},
		{"own signing key", fmt.Sprint(p.SAML.Signing != nil)},
		{"worth at most", l.Worth.String()},
		{"source", l.Source},
		{"disabled", fmt.Sprint(l.Disabled)},
	})
	return nil
}
