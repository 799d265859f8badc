package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"parvis/internal/app"
	"parvis/internal/audit"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/policy"
	"parvis/internal/upstream"
)

// upstreamCmd groups the commands about sign-in partners.
type upstreamCmd struct {
	Add     upstreamAdd     `cmd:"" help:"Add a sign-in partner, or replace its settings."`
	List    upstreamList    `cmd:"" help:"List every sign-in partner."`
	Show    upstreamShow    `cmd:"" help:"Show one sign-in partner, and what to tell it of us."`
	Check   upstreamCheck   `cmd:"" help:"Fetch a sign-in partner's metadata and keys, and say what is wrong."`
	Disable upstreamDisable `cmd:"" help:"Let nobody sign in with a partner any more; the links of accounts stay."`
	Enable  upstreamEnable  `cmd:"" help:"Take a disable back."`
}

// upstreamSource takes a sign-in partner from a file, from flags, or from both.
type upstreamSource struct {
	File              string   `help:"YAML file with the partner's settings, as in the section upstreams of the configuration; - reads standard input." placeholder:"FILE"`
	Kind              string   `help:"What is known beforehand: parvis, google, entra, okta, franceconnect, franceconnect-plus, interac or gckey." placeholder:"KIND"`
	NameEN            string   `help:"Name in English." placeholder:"TEXT" name:"name-en"`
	NameFR            string   `help:"Name in French." placeholder:"TEXT" name:"name-fr"`
	Issuer            string   `help:"The partner's issuer; with SAML, the entityID of its metadata." placeholder:"URL"`
	MetadataURL       string   `help:"Address of the partner's SAML metadata; the partner speaks SAML then." placeholder:"URL" name:"metadata-url"`
	MetadataFile      string   `help:"File with the partner's SAML metadata; the partner speaks SAML then." placeholder:"FILE" name:"metadata-file"`
	ClientID          string   `help:"The client_id that the partner gave us." placeholder:"ID" name:"client-id"`
	Auth              string   `help:"private_key_jwt, client_secret_basic or client_secret_post." placeholder:"METHOD"`
	SecretFile        string   `help:"File with the client secret that the partner gave us." placeholder:"FILE" name:"secret-file"`
	PrivateKeyFile    string   `help:"File with a key of our own for private_key_jwt, or for SAML requests (PEM); without it, the deployment's signing key." placeholder:"FILE" name:"private-key-file"`
	DecryptionKeyFile string   `help:"File with the keys that open encrypted ID tokens or assertions (PEM), the newest first." placeholder:"FILE" name:"decryption-key-file"`
	Cap               string   `help:"The most that a sign-in there can be worth: one-step (default), two-steps, aal2 …" placeholder:"LEVEL"`
	ACR               []string `help:"Value of acr, or SAML authentication context, to ask for; can be repeated." placeholder:"ACR" name:"acr"`
}

// settings puts file and flags together, with the contents of secret files.
func (src *upstreamSource) settings(c *console, id string) (upstream.Settings, error) {
	var s upstream.Settings
	if src.File != "" {
		text, err := c.read(src.File)
		if err != nil {
			return s, err
		}
		if s, err = config.ParseUpstream(src.File, text); err != nil {
			return s, err
		}
	}
	setText(&s.ID, id)
	s.Name = withLang(withLang(s.Name, "en", src.NameEN), "fr", src.NameFR)
	setText(&s.Issuer, src.Issuer)
	setText(&s.OIDC.ClientID, src.ClientID)
	setText(&s.OIDC.Auth, src.Auth)
	if src.Kind != "" {
		if err := s.Kind.UnmarshalText([]byte(src.Kind)); err != nil {
			return s, refuse("--kind: %v", err)
		}
	}
	setText(&s.SAML.MetadataURL, src.MetadataURL)
	privateKey, decryptionKey, asked := &s.OIDC.PrivateKey, &s.OIDC.DecryptionKey, &s.OIDC.ACRValues
	if src.MetadataURL != "" || src.MetadataFile != "" || s.Kind == upstream.GCKey {
		s.Protocol = string(upstream.SAML)
	}
	if s.Protocol == string(upstream.SAML) {
		privateKey, decryptionKey, asked = &s.SAML.PrivateKey, &s.SAML.DecryptionKey, &s.SAML.AuthnContext
	}
	if len(src.ACR) > 0 {
		*asked = src.ACR
	}
	if src.MetadataFile != "" {
		text, err := c.read(src.MetadataFile)
		if err != nil {
			return s, err
		}
		s.SAML.Metadata = string(text)
	}
	if src.Cap != "" {
		var level policy.Level
		if err := level.UnmarshalText([]byte(src.Cap)); err != nil {
			return s, refuse("--cap: %v", err)
		}
		s.Worth.Cap = level
	}
	for _, f := range []struct {
		flag, path string
		into       *string
	}{
		{"--secret-file", src.SecretFile, &s.OIDC.Secret},
		{"--private-key-file", src.PrivateKeyFile, privateKey},
		{"--decryption-key-file", src.DecryptionKeyFile, decryptionKey},
	} {
		if f.path == "" {
			continue
		}
		text, err := config.ReadSecretFile(f.path)
		if err != nil {
			return s, refuse("%s: %v", f.flag, err)
		}
		*f.into = text
	}
	if src.SecretFile != "" {
		line, _, _ := strings.Cut(s.OIDC.Secret, "\n")
		s.OIDC.Secret = strings.TrimRight(line, "\r")
	}
	return s, nil
}

// upstreamAdd adds a partner.
type upstreamAdd struct {
	change
	upstreamSource
	ID      string `help:"Identifier of the partner; it stands in the address that people come back to." placeholder:"ID"`
	Replace bool   `help:"Replace the settings of a partner that exists; its issuer must stay. Secrets and keys stay when none are given."`
}

// Run adds the partner, or replaces its settings.
func (cmd *upstreamAdd) Run(ctx context.Context, c *console) error {
	s, err := cmd.settings(c, cmd.ID)
	if err != nil {
		return err
	}
	return c.withUpstreams(ctx, func(h *app.House) error {
		whole := s
		if cmd.Replace {
			if whole, err = withStored(ctx, h, s); err != nil {
				return err
			}
		}
		problems := append(whole.Problems(), missingIn(fmt.Sprintf("upstreams[%s].", s.ID), map[string]i18n.Text{"name": s.Name})...)
		if len(problems) > 0 {
			return &config.Error{Path: "the sign-in partner", Problems: problems}
		}
		what, do := "upstream.add", h.UpstreamStore.Create
		if cmd.Replace {
			what, do = "upstream.replace", h.UpstreamStore.Update
		}
		err := cmd.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: what}, func(tx *db.Tx) error { return do(tx, s) })
		if err != nil {
			return upstreamError(s.ID, err)
		}
		callback := callbackOf(h, upstream.ID(s.ID))
		if s.Protocol == string(upstream.SAML) {
			return cmd.addedSAML(c, h, s)
		}
		if cmd.JSON {
			return c.json(map[string]any{"partner": s, "redirect_uri": callback, "applied": cmd.Apply})
		}
		c.printf("sign-in partner  %s\nredirect_uri     %s\n\n", s.Name.In(i18n.English), callback)
		cmd.outcome(c, s.ID, "Tell the partner the redirect_uri; then")
		return nil
	})
}

// outcome says what was done, or that it can be.
func (cmd *upstreamAdd) outcome(c *console, id, next string) {
	done := "added"
	if cmd.Replace {
		done = "replaced"
	}
	if !cmd.Apply {
		c.printf("%s: can be %s\n", id, done)
		cmd.hint(c)
		return
	}
	c.printf("%s: %s\n%s run: parvis upstream check %s\n", id, done, next, id)
}

// withStored are settings that replace those of a partner, with the credentials that it
// keeps when none are given.
func withStored(ctx context.Context, h *app.House, s upstream.Settings) (upstream.Settings, error) {
	if s.Credentials() != (upstream.Credentials{}) {
		return s, nil
	}
	err := h.DB.Read(ctx, func(tx *db.Tx) error {
		before, err := h.UpstreamStore.Settings(tx, upstream.ID(s.ID))
		if err == nil {
			s.Take(before.Credentials())
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		err = nil // the change says where it stands, or that it is nowhere
	}
	return s, err
}

// missingIn wants texts in every language people can choose.
func missingIn(prefix string, texts map[string]i18n.Text) []string {
	var out []string
	for key, text := range texts {
		if missing := text.Missing(i18n.Langs()); len(text) > 0 && len(missing) > 0 {
			out = append(out, fmt.Sprintf("%s%s: also give it in %v", prefix, key, missing))
		}
	}
	return out
}

func callbackOf(h *app.House, provider upstream.ID) string {
	return h.Config.Server.PublicURL + upstream.CallbackPath(provider)
}

// signedOutOf is where an OpenID provider sends people who have signed out there, too; ""
// when that is off.
func signedOutOf(h *app.House, p *upstream.Provider) string {
	if p.Protocol != upstream.OIDC || p.Client.Logout == upstream.Off {
		return ""
	}
	return h.Config.Server.PublicURL + upstream.SignedOutPath(p.ID)
}

// departureOf is where an OpenID provider says that somebody has signed out there.
func departureOf(h *app.House, p *upstream.Provider) string {
	if p.Protocol != upstream.OIDC {
		return ""
	}
	return h.Config.Server.PublicURL + upstream.DeparturePath(p.ID)
}

// logoutOf is where a provider that speaks SAML sends its messages of logout; "" when that
// is off.
func logoutOf(h *app.House, p *upstream.Provider) string {
	if p.Protocol != upstream.SAML || p.SAML.Logout == upstream.Off {
		return ""
	}
	return h.Config.Server.PublicURL + upstream.LogoutPath(p.ID)
}

// withUpstreams is withHouse with the sign-in partners read.
func (c *console) withUpstreams(ctx context.Context, do func(*app.House) error) error {
	return c.withHouse(ctx, func(h *app.House) error {
		if err := h.Upstreams.Start(ctx); err != nil {
			return err
		}
		return do(h)
	})
}

// upstreamLine is one partner in a list.
type upstreamLine struct {
	ID       upstream.ID       `json:"id"`
	Name     i18n.Text         `json:"name"`
	Protocol upstream.Protocol `json:"protocol"`
	Kind     upstream.Kind     `json:"kind,omitempty"`
	Issuer   string            `json:"issuer"`
	Worth    policy.Level      `json:"worth"`  // at most
	Source   string            `json:"source"` // configuration or database
	Disabled bool              `json:"disabled"`
}

func upstreamLineOf(p *upstream.Provider) upstreamLine {
	l := upstreamLine{
		ID: p.ID, Name: p.Name, Protocol: p.Protocol, Kind: p.Kind, Issuer: p.Issuer, Worth: p.Worth.Cap, Source: "database", Disabled: p.Disabled,
	}
	if p.FromFile {
		l.Source = "configuration"
	}
	return l
}

type upstreamList struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run lists the partners.
func (cmd *upstreamList) Run(ctx context.Context, c *console) error {
	return c.withUpstreams(ctx, func(h *app.House) error {
		all, err := h.Upstreams.List(ctx)
		if err != nil {
			return err
		}
		lines := make([]upstreamLine, len(all))
		for i, p := range all {
			lines[i] = upstreamLineOf(p)
		}
		if cmd.JSON {
			return c.json(lines)
		}
		rows := [][]string{{"ID", "NAME", "PROTOCOL", "ISSUER", "WORTH", "SOURCE", "STATE"}}
		for _, l := range lines {
			state := "enabled"
			if l.Disabled {
				state = "disabled"
			}
			rows = append(rows, []string{string(l.ID), l.Name.In(i18n.English), string(l.Protocol), l.Issuer, l.Worth.String(), l.Source, state})
		}
		c.table(rows)
		return nil
	})
}

type upstreamShow struct {
	ID       string `arg:"" help:"Identifier of the partner."`
	JSON     bool   `help:"Answer as JSON." name:"json"`
	JWKS     bool   `help:"Print only the public keys that the partner needs of us." name:"jwks"`
	Metadata bool   `help:"Print only our SAML metadata for the partner."`
}

// Run shows a partner.
func (cmd *upstreamShow) Run(ctx context.Context, c *console) error {
	return c.withUpstreams(ctx, func(h *app.House) error {
		p, err := h.Upstreams.Get(ctx, upstream.ID(cmd.ID))
		if err != nil {
			return upstreamError(cmd.ID, err)
		}
		if p.Protocol == upstream.SAML {
			return cmd.saml(ctx, c, h, p)
		}
		if cmd.Metadata {
			return refuse("sign-in partner %q speaks %s; metadata is for SAML", p.ID, p.Protocol)
		}
		keys, err := p.Client.JWKS()
		if err != nil {
			return err
		}
		if cmd.JWKS {
			c.printf("%s\n", keys)
			return nil
		}
		if cmd.JSON {
			return c.json(struct {
				upstreamLine
				RedirectURI  string          `json:"redirect_uri"`
				SignedOutURI string          `json:"post_logout_redirect_uri,omitempty"`
				DepartureURI string          `json:"backchannel_logout_uri,omitempty"`
				LogoutURI    string          `json:"single_logout_service,omitempty"`
				ClientID     string          `json:"client_id"`
				Auth         string          `json:"auth"`
				Scopes       []string        `json:"scopes"`
				ACRValues    []string        `json:"acr_values"`
				ResponseMode string          `json:"response_mode"`
				PAR          upstream.Use    `json:"par"`
				DPoP         upstream.Use    `json:"dpop"`
				Encrypted    bool            `json:"id_token_encrypted"`
				Keys         json.RawMessage `json:"jwks"`
			}{
				upstreamLineOf(p), callbackOf(h, p.ID), signedOutOf(h, p), departureOf(h, p), logoutOf(h, p), p.Client.ID, p.Client.Auth, p.Client.Scopes, p.Client.ACRValues,
				p.Client.ResponseMode, p.Client.PAR, p.Client.DPoP, p.Client.Decrypter != nil, keys,
			})
		}
		l := upstreamLineOf(p)
		c.table([][]string{
			{"id", string(l.ID)},
			{"name", p.Name.In(i18n.English) + " / " + p.Name.In(i18n.French)},
			{"protocol", string(l.Protocol)},
			{"kind", string(l.Kind)},
			{"issuer", l.Issuer},
			{"redirect_uri", callbackOf(h, p.ID)},
			{"post_logout_redirect_uri", signedOutOf(h, p)},
			{"backchannel_logout_uri", departureOf(h, p)},
			{"single_logout_service", logoutOf(h, p)},
			{"client_id", p.Client.ID},
			{"auth", p.Client.Auth},
			{"scopes", strings.Join(p.Client.Scopes, " ")},
			{"acr_values", strings.Join(p.Client.ACRValues, " ")},
			{"response_mode", p.Client.ResponseMode},
			{"par, dpop", string(p.Client.PAR) + ", " + string(p.Client.DPoP)},
			{"id_token encrypted", fmt.Sprint(p.Client.Decrypter != nil)},
			{"worth at most", l.Worth.String()},
			{"source", l.Source},
			{"disabled", fmt.Sprint(l.Disabled)},
		})
		return nil
	})
}

type upstreamCheck struct {
	upstreamSource
	ID   string `arg:"" optional:"" help:"Identifier of the partner; with --file, of the partner in the file."`
	JSON bool   `help:"Answer as JSON." name:"json"`
}

// Run examines a partner of the registry, or one that is not there yet.
func (cmd *upstreamCheck) Run(ctx context.Context, c *console) error {
	return c.withUpstreams(ctx, func(h *app.House) error {
		p, err := cmd.provider(ctx, c, h)
		if err != nil {
			return err
		}
		consumer := h.Upstreams.Consumers[p.Protocol]
		if consumer == nil {
			return refuse("there is nothing that speaks %s", p.Protocol)
		}
		if err := h.Keyring.Refresh(ctx); err != nil { // private_key_jwt may sign with the deployment's key
			return err
		}
		findings := consumer.Examine(ctx, p)
		wrong := 0
		rows := [][]string{}
		for _, f := range findings {
			mark := "note"
			if f.Wrong {
				mark = "WRONG"
				wrong++
			}
			rows = append(rows, []string{mark, f.Text})
		}
		if cmd.JSON {
			if err := c.json(map[string]any{"id": p.ID, "ok": wrong == 0, "findings": findings}); err != nil {
				return err
			}
		} else {
			c.table(rows)
		}
		if wrong > 0 {
			return refuse("sign-in partner %q: %d to change before people can sign in with it", p.ID, wrong)
		}
		if !cmd.JSON {
			c.printf("\nsign-in partner %q: metadata, keys and settings fit.\n", p.ID)
		}
		return nil
	})
}

// provider is what is to be examined.
func (cmd *upstreamCheck) provider(ctx context.Context, c *console, h *app.House) (*upstream.Provider, error) {
	if cmd.File == "" && cmd.Issuer == "" {
		if cmd.ID == "" {
			return nil, refuse("name a sign-in partner, or give --file")
		}
		p, err := h.Upstreams.Get(ctx, upstream.ID(cmd.ID))
		if err != nil {
			return nil, upstreamError(cmd.ID, err)
		}
		return p, nil
	}
	s, err := cmd.settings(c, cmd.ID)
	if err != nil {
		return nil, err
	}
	p, problems := s.Build()
	if len(problems) > 0 {
		return nil, &config.Error{Path: "the sign-in partner", Problems: problems}
	}
	return p, nil
}

type upstreamDisable struct {
	change
	ID string `arg:"" help:"Identifier of the partner."`
}

// Run disables a partner.
func (cmd *upstreamDisable) Run(ctx context.Context, c *console) error {
	return cmd.upstream(ctx, c, "upstream.disable", cmd.ID, func(h *app.House, tx *db.Tx) error { return h.UpstreamStore.Disable(tx, upstream.ID(cmd.ID)) })
}

type upstreamEnable struct {
	change
	ID string `arg:"" help:"Identifier of the partner."`
}

// Run enables a partner again.
func (cmd *upstreamEnable) Run(ctx context.Context, c *console) error {
	return cmd.upstream(ctx, c, "upstream.enable", cmd.ID, func(h *app.House, tx *db.Tx) error { return h.UpstreamStore.Enable(tx, upstream.ID(cmd.ID)) })
}

// upstream runs a change of one sign-in partner that answers with nothing but its name.
func (ch *change) upstream(ctx context.Context, c *console, what, id string, do func(*app.House, *db.Tx) error) error {
	return c.withUpstreams(ctx, func(h *app.House) error {
		err := ch.audited(ctx, c, h, &audit.Event{Name: audit.OperatorCommand, Reason: what}, func(tx *db.Tx) error { return do(h, tx) })
		if err != nil {
			return upstreamError(id, err)
		}
		if ch.JSON {
			return c.json(map[string]any{"id": id, "did": what, "applied": ch.Apply})
		}
		ch.report(c, fmt.Sprintf("%s %s", what, id))
		return nil
	})
}

// upstreamError puts the refusals of the registry into words.
func upstreamError(id string, err error) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return refuse("there is no sign-in partner %q in the database; `parvis upstream list` lists all", id)
	case fault.Is(err, fault.Conflict):
		return upstreamConflict(id, err)
	case fault.Is(err, fault.Invalid):
		return refuse("sign-in partner %q: %v", id, err)
	default:
		return err
	}
}

// upstreamConflict says which rule of the registry refused a partner, and what to do.
func upstreamConflict(id string, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	about := ""
	if len(e.Args) == 2 {
		about, _ = e.Args[1].(string)
	}
	switch e.Key {
	case "error.upstream.alike":
		return refuse("the name or the brand of sign-in partner %q looks like that of %q; choose one that people can tell apart", id, about)
	case "error.upstream.taken":
		return refuse("sign-in partner %q exists already; add --replace to change its settings, or choose another id", id)
	case "error.upstream.from_file":
		return refuse("sign-in partner %q stands in the configuration file (upstreams); change it there, or choose another id", id)
	case "error.upstream.issuer":
		return refuse("sign-in partner %q has this issuer already, and an issuer belongs to one partner for good; to change that one's settings: parvis upstream add --id %[1]s --replace", about)
	case "error.upstream.issuer_stays":
		return refuse("the issuer of sign-in partner %q would change, and people's links hang on it; leave it at %s, or add a partner with another id", id, about)
	default:
		return err
	}
}
