package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"parvis/internal/app"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
)

type partnerShow struct {
	ID   string `arg:"" help:"Identifier of the service."`
	JSON bool   `help:"Answer as JSON." name:"json"`
}

// Run shows a service.
func (cmd *partnerShow) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		p, err := h.Registry.Get(ctx, id.RelyingParty(cmd.ID))
		if err != nil {
			return partnerError(cmd.ID, err)
		}
		if cmd.JSON {
			return c.json(partnerDetailsOf(p))
		}
		l := lineOf(p)
		c.table(append(partnerRows(p), [][]string{
			{"source", l.Source},
			{"disabled", fmt.Sprint(l.Disabled)},
			{"secrets in force", fmt.Sprint(len(p.Secrets))},
		}...))
		return nil
	})
}

// partnerDetails is a service as show tells it to scripts.
type partnerDetails struct {
	partnerLine
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	StartURL               string   `json:"start_url"`
	InitiateLoginURI       string   `json:"initiate_login_uri"`
	Scopes                 []string `json:"scopes"`
	AllowDoors             []string `json:"allow_doors"`
	ForbidDoors            []string `json:"forbid_doors"`
	PreferDoor             string   `json:"prefer_door"`
	ACR                    []string `json:"acr"`
	MaxAge                 string   `json:"max_age"`
	IDTokenAlg             string   `json:"id_token_alg"`
	PKCE                   string   `json:"pkce"`
	FormPost               bool     `json:"form_post"`
	Listed                 bool     `json:"listed"`
	SupportEmail           string   `json:"support_email"`
	Secrets                int      `json:"secrets"`
}

func partnerDetailsOf(p *relyingparty.RelyingParty) partnerDetails {
	return partnerDetails{
		partnerLine: lineOf(p), RedirectURIs: p.RedirectURIs, PostLogoutRedirectURIs: p.PostLogoutRedirectURIs,
		StartURL: p.StartURL, InitiateLoginURI: p.InitiateLoginURI, Scopes: p.Scopes, AllowDoors: p.Doors.Allow, ForbidDoors: p.Doors.Forbid, PreferDoor: p.PreferDoor, ACR: p.ACR, MaxAge: maxAgeOf(p),
		IDTokenAlg: p.IDTokenAlg, PKCE: pkceOf(p), FormPost: p.FormPost, Listed: p.Listed, SupportEmail: p.Support.Email,
		Secrets: len(p.Secrets),
	}
}

// partnerRows are what was registered of a service, by the names of the
// settings; add shows them before anything is done.
func partnerRows(p *relyingparty.RelyingParty) [][]string {
	acr := "none: the deployment's own demand"
	if len(p.ACR) > 0 {
		acr = strings.Join(p.ACR, " ")
	}
	return [][]string{
		{"id", string(p.ID)},
		{"name", p.Name.In(i18n.English) + " / " + p.Name.In(i18n.French)},
		{"department", p.Department.In(i18n.English) + " / " + p.Department.In(i18n.French)},
		{"redirect_uris", strings.Join(p.RedirectURIs, " ")},
		{"post_logout_redirect_uris", strings.Join(p.PostLogoutRedirectURIs, " ")},
		{"start_url", p.StartURL},
		{"initiate_login_uri", p.InitiateLoginURI},
		{"scopes", strings.Join(p.Scopes, " ")},
		{"doors", p.DoorText()},
		{"acr", acr},
		{"max_age", maxAgeOf(p)},
		{"auth", string(p.AuthMethod)},
		{"pkce", pkceOf(p)},
		{"form_post", fmt.Sprint(p.FormPost)},
		{"id_token_alg", p.IDTokenAlg},
		{"listed", fmt.Sprint(p.Listed)},
		{"support.email", p.Support.Email},
	}
}

// pkceOf is the partner's PKCE rule in the words of its settings.
func pkceOf(p *relyingparty.RelyingParty) string {
	if p.RequirePKCE {
		return "required"
	}
	return "optional"
}

// maxAgeOf is how old a sign-in may be when a request does not say; empty: any age.
func maxAgeOf(p *relyingparty.RelyingParty) string {
	if p.MaxAge == 0 {
		return ""
	}
	return p.MaxAge.Round(time.Second).String()
}
