package merging

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
)

// Partner is a sign-in partner that is linked to an account.
type Partner struct {
	Name  i18n.Text // the issuer, when the partner is not known any more
	Since time.Time // when it was linked
}

// names are what people call the sign-in partners, by their issuers.
type names map[string]i18n.Text

func (j *Journey) names(ctx context.Context) (names, error) {
	all, err := j.Upstreams.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("partners: %w", err)
	}
	out := names{}
	for _, p := range all {
		out[p.Issuer] = p.Name
	}
	return out, nil
}

// of names the partners of links.
func (n names) of(links []upstream.Link) []Partner {
	var out []Partner
	for _, l := range links {
		name, known := n[l.Issuer]
		if !known {
			name = i18n.Text{"en": l.Issuer, "fr": l.Issuer}
		}
		out = append(out, Partner{Name: name, Since: l.Since})
	}
	return out
}

// moving are the partners of the second account that will lead to the one that stays.
func (j *Journey) moving(tx *db.Tx, n names, second, survivor id.Account) ([]Partner, error) {
	links, err := j.Links.Moving(tx, second, survivor)
	return n.of(links), err
}

// mailed are partners as a mail names them.
func mailed(partners []Partner) []notice.LinkedPartner {
	var out []notice.LinkedPartner
	for _, p := range partners {
		out = append(out, notice.LinkedPartner(p))
	}
	return out
}
