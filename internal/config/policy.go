package config

import (
	"fmt"

	"parvis/internal/policy"
	"parvis/internal/relyingparty"
)

// Table is the policy with the means that this deployment has.
func (c *Config) Table() policy.Table {
	return c.TableBy(c.Texts.Offered(), c.Texts.Offered() && c.Texts.Calls)
}

// TableBy is Table for whoever sends texts and makes calls by means of their own.
func (c *Config) TableBy(texts, calls bool) policy.Table {
	usable := []policy.Method{policy.Email, policy.App, policy.Backup}
	if texts {
		usable = append(usable, policy.Text)
	}
	if calls {
		usable = append(usable, policy.Voice)
	}
	return policy.NewTable(c.Policy, usable...)
}

// Demands lists what a partner demands and nobody can reach here: all its
// sign-ins would fail.
func (c *Config) Demands(p relyingparty.Settings) []string {
	var out []string
	if built, _ := p.Build(); built != nil && c.OIDC.Machine.MTLS.PublicURL == "" && (built.ByCertificate() || built.CertificateBound) {
		out = append(out, fmt.Sprintf("partners[%s].auth: this deployment takes no certificates; set oidc.mtls, or choose private_key_jwt", p.ID))
	}
	if p.Auth == string(relyingparty.AuthSecretJWT) && !c.OIDC.Machine.SecretJWT {
		out = append(out, fmt.Sprintf("partners[%s].auth: this deployment does not take client_secret_jwt; choose private_key_jwt, or set oidc.client_secret_jwt", p.ID))
	}
	table := c.Table()
	for _, acr := range p.ACR {
		if !table.Known(acr) {
			out = append(out, fmt.Sprintf("partners[%s].acr: %q is no class that people can reach here; choose among %v, or change policy", p.ID, acr, table.Values()))
		}
	}
	return out
}

// mtls lists what is wrong with how certificates of services arrive, in this deployment.
func (c *Config) mtls() []string {
	m := c.OIDC.Machine.MTLS
	out := c.OIDC.Machine.Problems()
	if m.Listen != "" && c.Server.TLS.CertificateFile == "" {
		out = append(out, "mtls.listen: needs the files of server.tls")
	}
	if m.Header != "" && len(c.Server.Proxy.Trusted) == 0 {
		out = append(out, "mtls.header: is believed of the proxies in server.proxy.trusted only; name them")
	}
	return out
}
