package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// registrationTokenCmd groups the commands about initial access tokens.
type registrationTokenCmd struct {
	Add    registrationTokenAdd    `cmd:"" help:"Make a token with which a department's services register themselves; it is shown once."`
	List   registrationTokenList   `cmd:"" help:"List every token, and how many services it registered."`
	Revoke registrationTokenRevoke `cmd:"" help:"End a token at once, on every node; services that it registered stay."`
}

type registrationTokenAdd struct {
	change
	Name          string   `arg:"" help:"What the token is called; each service that it registers is marked with it."`
	DepartmentEN  string   `help:"Department that runs the services, in English; a service cannot name another one." required:"" placeholder:"TEXT" name:"department-en"`
	DepartmentFR  string   `help:"Department that runs the services, in French." required:"" placeholder:"TEXT" name:"department-fr"`
	Scope         []string `help:"Scope that the services may ask for; can be repeated." default:"openid,email,locale" placeholder:"SCOPE"`
	Grant         []string `help:"Grant type that the services may register: authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code, urn:openid:params:grant-type:ciba; can be repeated." default:"authorization_code,refresh_token" placeholder:"TYPE"`
	OwnScope      []string `help:"Scope of an API that the services may ask for by client_credentials; can be repeated." placeholder:"SCOPE" name:"own-scope"`
	DetailsType   []string `help:"JSON file with one of authorization_details_types that the services may register (type, title, fields), in the words that people read; can be repeated." placeholder:"FILE" name:"details-type"`
	Uses          int64    `help:"How many services it registers." default:"1"`
	Days          int      `help:"For how many days it is good, 366 at most." default:"30"`
	Profile       string   `help:"Rules that the services are held to: standard, fapi2 or compatible." default:"standard" placeholder:"PROFILE"`
	OptionalPKCE  bool     `help:"Let services with a secret or keys leave PKCE out." name:"optional-pkce"`
	PublicSubject bool     `help:"Let services be told the same subject as others (subject_type public)." name:"public-subject"`
}

// terms are those of the flags. The grant types that are there by default give refresh tokens
// where the scopes do.
func (cmd *registrationTokenAdd) terms(c *console) (registrar.Terms, error) {
	out := registrar.Terms{
		Department: i18n.Text{string(i18n.English): cmd.DepartmentEN, string(i18n.French): cmd.DepartmentFR},
		Scopes:     cmd.Scope, OwnScopes: cmd.OwnScope, Profile: cmd.Profile, OptionalPKCE: cmd.OptionalPKCE, PublicSubject: cmd.PublicSubject,
	}
	if !slices.Equal(cmd.Grant, []string{protocol.GrantAuthorizationCode, protocol.GrantRefreshToken}) {
		out.Grants = cmd.Grant
	}
	for _, file := range cmd.DetailsType {
		raw, err := c.read(file)
		if err != nil {
			return out, err
		}
		var one relyingparty.DetailType
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&one); err != nil {
			return out, refuse("--details-type: %s is no JSON object with type, title and fields: %v", file, err)
		}
		out.DetailTypes = append(out.DetailTypes, one)
	}
	return out, nil
}

// Run makes a token.
func (cmd *registrationTokenAdd) Run(ctx context.Context, c *console) error {
	if cmd.Days < 1 || cmd.Days > int(registrar.MaxLife/(24*time.Hour)) {
		return refuse("--days: a token is good for 1 to 366 days")
	}
	terms, err := cmd.terms(c)
	if err != nil {
		return err
	}
	return c.withHouse(ctx, func(h *app.House) error {
		d := registrar.NewDraft(cmd.Name, terms, cmd.Uses, time.Duration(cmd.Days)*24*time.Hour)
		err := cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: "registration_token.add"}, func(tx *db.Tx) error {
			return h.Registrations.Tokens.Add(tx, d)
		})
		if err != nil {
			return registrationTokenError(cmd.Name, err)
		}
		if !cmd.Apply {
			d.Token = "" // a token that is good for nothing is not shown
		}
		enabled := h.Config.OIDC.Registration.Enabled
		if cmd.JSON {
			return c.json(map[string]any{"name": d.Name, "terms": d.Terms, "uses": d.Uses, "token": d.Token, "enabled": enabled, "applied": cmd.Apply})
		}
		if cmd.Apply {
			c.printf("%s\n\nThis token is shown once. Keep it like a password.\n", d.Token)
		} else {
			c.printf("registration-token %s: can be made\n", d.Name)
		}
		if !enabled {
			c.printf("\nServices cannot register themselves here yet: set oidc.registration.enabled.\n")
		}
		cmd.hint(c)
		return nil
	})
}

type registrationTokenList struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the tokens.
func (cmd *registrationTokenList) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		var all []registrar.Token
		err := h.DB.Read(ctx, func(tx *db.Tx) (err error) {
			all, err = h.Registrations.Tokens.List(tx)
			return err
		})
		if err != nil {
			return err
		}
		type line struct {
			Name      string          `json:"name"`
			Terms     registrar.Terms `json:"terms"`
			Uses      int64           `json:"uses"`
			MostUses  int64           `json:"most_uses"`
			CreatedAt time.Time       `json:"created_at"`
			ExpiresAt time.Time       `json:"expires_at"`
			UsedAt    *time.Time      `json:"used_at,omitempty"`
			State     string          `json:"state"`
		}
		lines := []line{}
		rows := [][]string{{"NAME", "DEPARTMENT", "SCOPES", "GRANTS", "USES", "ENDS", "LAST USED", "STATE"}}
		for _, t := range all {
			l := line{t.Name, t.Terms, t.Uses, t.MostUses, t.CreatedAt, t.ExpiresAt, moment(t.UsedAt), t.State(c.now())}
			lines = append(lines, l)
			rows = append(rows, []string{
				l.Name, t.Terms.Department.In(i18n.English), strings.Join(slices.Concat(t.Terms.Scopes, t.Terms.OwnScopes), " "), shortGrants(t.Terms), fmt.Sprintf("%d of %d", l.Uses, l.MostUses),
				stamp(&l.ExpiresAt), stamp(l.UsedAt), l.State,
			})
		}
		if cmd.JSON {
			return c.json(lines)
		}
		c.table(rows)
		return nil
	})
}

// shortGrants are grant types by the last parts of their names.
func shortGrants(t registrar.Terms) string {
	var out []string
	for _, g := range t.GrantTypes() {
		out = append(out, g[strings.LastIndexByte(g, ':')+1:])
	}
	return strings.Join(out, " ")
}

type registrationTokenRevoke struct {
	change
	Name string `arg:"" help:"Name of the token."`
}

// Run revokes a token.
func (cmd *registrationTokenRevoke) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		err := cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: "registration_token.revoke"}, func(tx *db.Tx) error {
			return h.Registrations.Tokens.Revoke(tx, cmd.Name)
		})
		if err != nil {
			return registrationTokenError(cmd.Name, err)
		}
		if cmd.JSON {
			return c.json(map[string]any{"name": cmd.Name, "applied": cmd.Apply})
		}
		cmd.report(c, fmt.Sprintf("registration-token revoke %s", cmd.Name))
		return nil
	})
}

// registrationTokenError puts the refusals about tokens into words.
func registrationTokenError(name string, err error) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return refuse("there is no initial access token %q that is not revoked; `parvis registration-token list` lists all", name)
	case fault.Is(err, fault.Conflict):
		return refuse("there is or was an initial access token %q, or there are 100 already; choose another name or revoke one", name)
	case fault.Is(err, fault.Invalid):
		return refuse("initial access token %q: a name has lower-case letters, digits, dots, dashes and underscores, 64 at most; a department 120 characters in each language; scopes are those of the discovery document, and other ones in --own-scope with client_credentials; refresh_token goes with another grant type and --scope offline_access; details have words in each language; uses are 1 to 10000; a profile is standard, fapi2 or compatible", name)
	default:
		return err
	}
}
