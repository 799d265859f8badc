package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"parvis/internal/app"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// partnerCmd groups the commands about services.
type partnerCmd struct {
	Add     partnerAdd     `cmd:"" help:"Add a service; its client secret is printed once."`
	List    partnerList    `cmd:"" help:"List every service."`
	Show    partnerShow    `cmd:"" help:"Show one service."`
	Rotate  partnerRotate  `cmd:"" name:"rotate-secret" help:"Make a new client secret; the old one stays valid for a while."`
	Disable partnerDisable `cmd:"" help:"Let nobody sign in through a service any more, and end what it was given."`
	Enable  partnerEnable  `cmd:"" help:"Take a disable back."`

	ResetEnrolment partnerResetEnrolment `cmd:"" name:"reset-enrolment" help:"Begin anew with one person at a service that asks for it; the person is told."`
}

// partnerAdd takes a service from a file, from flags, or from both.
type partnerAdd struct {
	change
	File         string   `help:"YAML file with the service's settings, as in the section partners of the configuration, without a secret; - reads standard input." placeholder:"FILE"`
	ID           string   `help:"Identifier of the service (client_id)." placeholder:"ID"`
	NameEN       string   `help:"Name in English." placeholder:"TEXT" name:"name-en"`
	NameFR       string   `help:"Name in French." placeholder:"TEXT" name:"name-fr"`
	DepartmentEN string   `help:"Department in English." placeholder:"TEXT" name:"department-en"`
	DepartmentFR string   `help:"Department in French." placeholder:"TEXT" name:"department-fr"`
	RedirectURI  []string `help:"Address that codes may be sent to; can be repeated." placeholder:"URL" name:"redirect-uri"`
	LogoutURI    []string `help:"Address to land on after signing out; can be repeated." placeholder:"URL" name:"post-logout-redirect-uri"`
	StartURL     string   `help:"The service's own start page." placeholder:"URL" name:"start-url"`
	InitiateURI  string   `help:"Address that starts a sign-in at the service." placeholder:"URL" name:"initiate-login-uri"`
	Backchannel  string   `help:"Address that is told when people sign out (Back-Channel Logout)." placeholder:"URL" name:"backchannel-logout-uri"`
	Auth         string   `help:"client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none." placeholder:"METHOD"`
	JWKS         string   `help:"File with the service's public keys (JSON Web Key Set), for private_key_jwt." placeholder:"FILE" name:"jwks"`
	JWKSURI      string   `help:"Address where the service publishes these keys instead." placeholder:"URL" name:"jwks-uri"`
	IDTokenAlg   string   `help:"RS256 (default), PS256, EdDSA, or ES256, which costs a thirtieth to sign." placeholder:"ALG" name:"id-token-alg"`
	PKCE         string   `help:"required (default), or optional for a service with a secret whose library cannot do PKCE." placeholder:"RULE" name:"pkce"`
	FormPost     bool     `help:"Allow answers by form (response_mode=form_post)." name:"form-post"`
	Listed       bool     `help:"Name the service on the public page of services."`
	SupportEmail string   `help:"Address of the service's own support." placeholder:"ADDRESS" name:"support-email"`
	ACR          []string `help:"Class of sign-in that the service demands, such as urn:parvis:acr:aal2; can be repeated: one of them is enough." placeholder:"ACR" name:"acr"`
	AllowDoor    []string `help:"Door that the service takes, and no other: password, or the id of a sign-in partner; can be repeated." placeholder:"DOOR" name:"allow-door"`
	ForbidDoor   []string `help:"Door that the service does not take; can be repeated." placeholder:"DOOR" name:"forbid-door"`
	GrantType    []string `help:"Way of getting tokens: authorization_code (default), refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code, urn:openid:params:grant-type:ciba; can be repeated." placeholder:"TYPE" name:"grant-type"`
	DeliveryMode string   `help:"How the service learns that somebody confirmed (CIBA): poll (default) or ping." placeholder:"MODE" name:"backchannel-token-delivery-mode"`
	NotifyURI    string   `help:"Address that a service of ping mode is told at." placeholder:"URL" name:"backchannel-client-notification-endpoint"`
	RequestAlg   string   `help:"Algorithm that it signs requests to confirm with." placeholder:"ALG" name:"backchannel-authentication-request-signing-alg"`
	PreferDoor   string   `help:"Door that the sign-in page shows first." placeholder:"DOOR" name:"prefer-door"`
	Scope        []string `help:"Scope the service may ask for; can be repeated." placeholder:"SCOPE"`
}

// settings puts file and flags together.
func (cmd *partnerAdd) settings(c *console) (relyingparty.Settings, error) {
	var s relyingparty.Settings
	if cmd.File != "" {
		text, err := c.read(cmd.File)
		if err != nil {
			return s, err
		}
		if s, err = config.ParsePartner(cmd.File, text); err != nil {
			return s, err
		}
	}
	setText(&s.ID, cmd.ID)
	s.Name = withLang(withLang(s.Name, "en", cmd.NameEN), "fr", cmd.NameFR)
	s.Department = withLang(withLang(s.Department, "en", cmd.DepartmentEN), "fr", cmd.DepartmentFR)
	if len(cmd.RedirectURI) > 0 {
		s.RedirectURIs = cmd.RedirectURI
	}
	if len(cmd.LogoutURI) > 0 {
		s.PostLogoutRedirectURIs = cmd.LogoutURI
	}
	if len(cmd.ACR) > 0 {
		s.ACR = cmd.ACR
	}
	if len(cmd.Scope) > 0 {
		s.Scopes = cmd.Scope
	}
	cmd.doors(&s.Doors)
	cmd.grants(&s)
	setText(&s.StartURL, cmd.StartURL)
	setText(&s.InitiateLoginURI, cmd.InitiateURI)
	setText(&s.Auth, cmd.Auth)
	setText(&s.IDTokenAlg, cmd.IDTokenAlg)
	setText(&s.PKCE, cmd.PKCE)
	setText(&s.JWKSURI, cmd.JWKSURI)
	setText(&s.BackchannelLogoutURI, cmd.Backchannel)
	setText(&s.Support.Email, cmd.SupportEmail)
	s.FormPost = s.FormPost || cmd.FormPost
	s.Listed = s.Listed || cmd.Listed
	if cmd.JWKS != "" {
		text, err := os.ReadFile(cmd.JWKS)
		if err != nil {
			return s, fmt.Errorf("--jwks: %w", err)
		}
		s.JWKS = string(text)
	}
	return s, nil
}

// doors takes the flags about doors.
func (cmd *partnerAdd) doors(d *relyingparty.Doors) {
	if len(cmd.AllowDoor) > 0 {
		d.Allow = cmd.AllowDoor
	}
	if len(cmd.ForbidDoor) > 0 {
		d.Forbid = cmd.ForbidDoor
	}
	setText(&d.Prefer, cmd.PreferDoor)
}

// grants takes the flags about how the service gets tokens.
func (cmd *partnerAdd) grants(s *relyingparty.Settings) {
	if len(cmd.GrantType) > 0 {
		s.GrantTypes = cmd.GrantType
	}
	setText(&s.DeliveryMode, cmd.DeliveryMode)
	setText(&s.NotificationEndpoint, cmd.NotifyURI)
	setText(&s.BackchannelRequestAlg, cmd.RequestAlg)
}

func setText(field *string, value string) {
	if value != "" {
		*field = value
	}
}

func withLang(t i18n.Text, lang, value string) i18n.Text {
	if value == "" {
		return t
	}
	out := i18n.Text{lang: value}
	for k, v := range t {
		if k != lang {
			out[k] = v
		}
	}
	return out
}

// Run adds the service.
func (cmd *partnerAdd) Run(ctx context.Context, c *console) error {
	s, err := cmd.settings(c)
	if err != nil {
		return err
	}
	if s.Secret != "" || s.SecretFile != "" || len(s.SecretSHA256) > 0 {
		return refuse("secret, secret_file and secret_sha256 are for partners of the configuration file; this command makes the secret itself")
	}
	p, problems := s.Build()
	problems = append(problems, missingLanguages(s)...)
	if len(problems) > 0 {
		return &config.Error{Path: "the service", Problems: problems}
	}
	return c.withHouse(ctx, func(h *app.House) error {
		known, inUse, err := h.UpstreamIDs(ctx)
		if err != nil {
			return err
		}
		if problems := append(h.Config.Demands(s), s.DoorProblems(known, inUse)...); len(problems) > 0 {
			return &config.Error{Path: "the service", Problems: problems}
		}
		answer := partnerAnswer{Partner: s, Applied: cmd.Apply}
		var kept []byte
		if p.AuthMethod.UsesSecret() {
			plain := secret.NewToken()
			kept = h.Partners.Keep(p.AuthMethod, p.ID, plain)
			if cmd.Apply {
				answer.ClientSecret = plain
			}
		}
		err = cmd.write(ctx, c, h, "partner.add", p.ID, func(tx *db.Tx) error { return h.Partners.Create(tx, s, kept) })
		if err != nil {
			if fault.Is(err, fault.Conflict) {
				return refuse("service %q stands in the configuration file or exists already; change it there, or choose another id", s.ID)
			}
			return partnerError(s.ID, err)
		}
		answer.Issuer = h.Config.Server.PublicURL
		if cmd.JSON {
			return c.json(answer)
		}
		if cmd.Apply {
			answer.print(c)
		} else {
			c.table(partnerRows(p))
		}
		cmd.hint(c)
		return nil
	})
}

// missingLanguages wants names in every language people can choose.
func missingLanguages(s relyingparty.Settings) []string {
	var out []string
	for key, text := range map[string]i18n.Text{"name": s.Name, "department": s.Department} {
		if missing := text.Missing(i18n.Langs()); len(text) > 0 && len(missing) > 0 {
			out = append(out, fmt.Sprintf("partners[%s].%s: also give it in %v", s.ID, key, missing))
		}
	}
	return out
}

// partnerAnswer is what add and rotate-secret say.
type partnerAnswer struct {
	Partner      relyingparty.Settings `json:"partner"`
	Issuer       string                `json:"issuer,omitempty"`
	ClientSecret string                `json:"client_secret,omitempty"`
	OldUntil     *time.Time            `json:"old_secret_until,omitempty"`
	Applied      bool                  `json:"applied"`
}

func (a partnerAnswer) print(c *console) {
	c.printf("service        %s\nissuer         %s\nclient_id      %s\n", a.Partner.Name.In(i18n.English), a.Issuer, a.Partner.ID)
	if a.ClientSecret != "" {
		how := "as a digest only"
		if a.Partner.Auth == string(relyingparty.AuthSecretJWT) {
			how = "sealed"
		}
		c.printf("client_secret  %s\n\nThe secret is shown once and kept %s: hand it over now.\n", a.ClientSecret, how)
	}
	if a.OldUntil != nil {
		c.printf("The secret before stays valid until %s.\n", a.OldUntil.UTC().Format(time.RFC3339))
	}
}

// partnerLine is one service in a list.
type partnerLine struct {
	ID         string    `json:"id"`
	Name       i18n.Text `json:"name"`
	Department i18n.Text `json:"department"`
	Auth       string    `json:"auth"`
	Source     string    `json:"source"` // configuration, database, or the initial access token it registered itself with
	Disabled   bool      `json:"disabled"`
}

func lineOf(p *relyingparty.RelyingParty) partnerLine {
	l := partnerLine{ID: string(p.ID), Name: p.Name, Department: p.Department, Auth: string(p.AuthMethod), Source: "database", Disabled: p.Disabled}
	switch {
	case p.FromFile:
		l.Source = "configuration"
	case p.RegisteredBy != "":
		l.Source = "registered with " + p.RegisteredBy
	}
	return l
}

type partnerList struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the services.
func (cmd *partnerList) Run(ctx context.Context, c *console) error {
	return c.withHouse(ctx, func(h *app.House) error {
		all, err := h.Registry.List(ctx)
		if err != nil {
			return err
		}
		lines := make([]partnerLine, len(all))
		for i, p := range all {
			lines[i] = lineOf(p)
		}
		if cmd.JSON {
			return c.json(lines)
		}
		rows := [][]string{{"ID", "NAME", "DEPARTMENT", "SOURCE", "STATE"}}
		for _, l := range lines {
			state := "enabled"
			if l.Disabled {
				state = "disabled"
			}
			rows = append(rows, []string{l.ID, l.Name.In(i18n.English), l.Department.In(i18n.English), l.Source, state})
		}
		c.table(rows)
		return nil
	})
}

type partnerRotate struct {
	change
	ID      string        `arg:"" help:"Identifier of the service."`
	Overlap time.Duration `help:"How long the secret before stays valid." default:"24h"`
}

// Run makes a new secret.
func (cmd *partnerRotate) Run(ctx context.Context, c *console) error {
	if cmd.Overlap < 0 || cmd.Overlap > 30*24*time.Hour {
		return refuse("--overlap: choose between 0s and 720h")
	}
	return c.withHouse(ctx, func(h *app.House) error {
		plain, pid := secret.NewToken(), id.RelyingParty(cmd.ID)
		var until time.Time
		var s relyingparty.Settings
		err := cmd.write(ctx, c, h, "partner.rotate-secret", pid, func(tx *db.Tx) error {
			var err error
			s, err = h.Partners.Settings(tx, pid)
			if err != nil {
				return err
			}
			until = tx.Now().Add(cmd.Overlap)
			return h.Partners.RotateSecret(tx, pid, h.Partners.Keep(relyingparty.AuthMethod(cmp.Or(s.Auth, string(relyingparty.AuthBasic))), pid, plain), until)
		})
		if err != nil {
			return partnerError(cmd.ID, err)
		}
		answer := partnerAnswer{Partner: s, Issuer: h.Config.Server.PublicURL, OldUntil: &until, Applied: cmd.Apply}
		if cmd.Apply {
			answer.ClientSecret = plain
		}
		if cmd.JSON {
			return c.json(answer)
		}
		answer.print(c)
		cmd.hint(c)
		return nil
	})
}

type partnerDisable struct {
	change
	ID string `arg:"" help:"Identifier of the service."`
}

// Run disables a service and ends what it was given.
func (cmd *partnerDisable) Run(ctx context.Context, c *console) error {
	pid := id.RelyingParty(cmd.ID)
	return cmd.simple(ctx, c, "partner.disable", pid, func(h *app.House, tx *db.Tx) error {
		if err := h.Partners.Disable(tx, pid); err != nil {
			return err
		}
		return h.EndParty(tx, pid)
	})
}

type partnerEnable struct {
	change
	ID string `arg:"" help:"Identifier of the service."`
}

// Run enables a service again.
func (cmd *partnerEnable) Run(ctx context.Context, c *console) error {
	pid := id.RelyingParty(cmd.ID)
	return cmd.simple(ctx, c, "partner.enable", pid, func(h *app.House, tx *db.Tx) error { return h.Partners.Enable(tx, pid) })
}

// simple runs a change of one service that answers with nothing but its name.
func (ch *change) simple(ctx context.Context, c *console, what string, pid id.RelyingParty, do func(*app.House, *db.Tx) error) error {
	return c.withHouse(ctx, func(h *app.House) error {
		err := ch.write(ctx, c, h, what, pid, func(tx *db.Tx) error { return do(h, tx) })
		if err != nil {
			return partnerError(string(pid), err)
		}
		if ch.JSON {
			return c.json(map[string]any{"id": pid, "did": what, "applied": ch.Apply})
		}
		ch.report(c, fmt.Sprintf("%s %s", what, pid))
		return nil
	})
}

// partnerError puts the refusals of the registry into words.
func partnerError(pid string, err error) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return refuse("there is no service %q; `parvis partner list` lists them", pid)
	case fault.Is(err, fault.Conflict):
		return refuse("service %q stands in the configuration file; change it there", pid)
	case fault.Is(err, fault.Invalid):
		return refuse("service %q: %v", pid, err)
	default:
		return err
	}
}
