package config

import (
	"fmt"

	"parvis/internal/policy"
	"parvis/internal/relyingparty"
)

// Table is the policy with the means that this deployment has.
func (c *Config) Table() policy.Table {
	s := c.Policy
	s.Always = policy.OneStep
	return policy.NewTable(s)
}

// Demands lists what a partner demands and nobody can reach here: all its
// sign-ins would fail.
func (c *Config) Demands(p relyingparty.Settings) []string {
	var out []string
	table := c.Table()
	for _, acr := range p.ACR {
		if !table.Known(acr) {
			out = append(out, fmt.Sprintf("partners[%s].acr: %q is no class that people can reach here; choose among %v, or change policy", p.ID, acr, table.Values()))
		}
	}
	return out
}
