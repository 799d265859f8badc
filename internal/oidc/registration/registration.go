// Package registration holds the endpoints at which services register themselves (RFC 7591,
// OpenID Connect Dynamic Client Registration 1.0) and look after their registration (RFC 7592).
//
// It is there only when the operator turns it on, and lets in only who brings an initial
// access token that the operator made. What a service says of itself goes through the same
// rules as a partner of the configuration file, and through some more: web addresses are
// https, the department is the one of the token, scopes are among those of the token, a
// logo is fetched once and kept here, a sector is proven by the list that its host
// publishes. What only the operator decides has no member here, and stays when a service
// changes its registration. No cookie is read or set.
package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/outbound"
	"parvis/internal/ratelimit"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// Settings say whether and how services may register themselves.
type Settings struct {
	// Enabled opens the endpoint at which services register themselves with an initial access token that `parvis registration-token` makes.
	Enabled bool `yaml:"enabled"`
	// MaxServices is how many services can be registered by themselves at one time.
	MaxServices int64 `yaml:"max_services"`
	// StatementIssuers are those whose signed software statements are taken (RFC 7591, 2.3), by issuer, each with the https address of its public keys. What a statement says wins over what the service says.
	StatementIssuers map[string]string `yaml:"software_statement_issuers"`
	// RequireStatement registers only services that bring a software statement.
	RequireStatement bool `yaml:"require_software_statement"`
}

// Preset returns the settings of a preset; they are the same in all of them.
func Preset(string) Settings { return Settings{MaxServices: 1000} }

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.MaxServices < 1 || s.MaxServices > 10_000 {
		out = append(out, "max_services: must be between 1 and 10000")
	}
	for issuer, keys := range s.StatementIssuers {
		if issuer == "" || protocol.CheckRedirectURI(keys, false) != nil {
			out = append(out, fmt.Sprintf("software_statement_issuers: %q: write the https address of its JSON Web Key Set", issuer))
		}
	}
	if s.RequireStatement && len(s.StatementIssuers) == 0 {
		out = append(out, "require_software_statement: needs software_statement_issuers, or no service could register")
	}
	return out
}

// Config is what New needs; every field must be set.
type Config struct {
	Issuer        string // without a slash at the end
	Door          *machine.Door
	DB            *db.DB
	Limiter       *ratelimit.Limiter
	Registrations registrar.Registrations
	Registry      *relyingparty.Registry
	Outbound      *outbound.Client
	Keys          *relyingparty.Keys // of the issuers of software statements
	Now           func() time.Time
	Settings      Settings
}

// Endpoint answers services that register. Make it with New.
type Endpoint struct{ Config }

// New makes the endpoint.
func New(c Config) *Endpoint { return &Endpoint{c} }

// Routes adds the endpoints' addresses; none when registration is turned off.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	if !e.Settings.Enabled {
		return
	}
	mux.Handle("POST "+protocol.PathRegister, e.Door.Handle(e.limited(e.register)))
	mux.Handle("GET "+protocol.PathRegister+"/{client}", e.Door.Handle(e.limited(e.read)))
	mux.Handle("PUT "+protocol.PathRegister+"/{client}", e.Door.Handle(e.limited(e.update)))
	mux.Handle("DELETE "+protocol.PathRegister+"/{client}", e.Door.Handle(e.limited(e.remove)))
}

// Doors are the addresses that other sites may call.
func Doors() []string {
	return []string{
		"POST " + protocol.PathRegister, "PUT " + protocol.PathRegister + "/{client}", "DELETE " + protocol.PathRegister + "/{client}",
	}
}

// limited counts requests of one network address, whatever comes of them.
func (e *Endpoint) limited(h kit.Handler) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		limit, err := e.Limiter.Take(r.Context(), ratelimit.RegistrationIP, kit.ClientIP(r))
		if err != nil {
			return fmt.Errorf("registration: %w", err)
		}
		if err := limit.Fault(); err != nil {
			return err
		}
		return h(w, r)
	}
}

// register is POST /register (RFC 7591, 3).
func (e *Endpoint) register(w http.ResponseWriter, r *http.Request) error {
	var token registrar.Token
	err := e.presented(r, func(tx *db.Tx, presented string) (found bool, err error) {
		token, found, err = e.Registrations.Tokens.Find(tx, presented)
		return found, err
	})
	if err != nil {
		return e.refused(r, "", err)
	}
	m, err := e.body(r)
	if err != nil {
		return e.refused(r, "", err)
	}
	s := relyingparty.Settings{ID: string(id.New[id.RelyingParty]())}
	entry, err := e.entry(r.Context(), &m, s, token.Terms)
	if err != nil {
		return e.refused(r, "", err)
	}
	access := registrar.NewAccess()
	entry.Access = secret.Digest(access)
	var plain string
	if usesSecret(entry.Settings) {
		plain = secret.NewToken()
		entry.Secret = e.Registrations.Store.Keep(relyingparty.AuthMethod(entry.Settings.Auth), id.RelyingParty(s.ID), plain)
	}
	why, err := e.Registrations.Register(r.Context(), token, entry)
	if err == nil {
		err = verdict(why)
	}
	if err != nil {
		return e.refused(r, id.RelyingParty(s.ID), err)
	}
	return e.answer(w, http.StatusCreated, said{party: id.RelyingParty(s.ID), at: e.Now(), access: access, secret: plain, metadata: entry.Metadata})
}

// read is GET /register/{client} (RFC 7592, 2.1).
func (e *Endpoint) read(w http.ResponseWriter, r *http.Request) error {
	known, access, err := e.known(r)
	if err != nil {
		return e.refused(r, known.Party, err)
	}
	before, err := e.before(r.Context(), known)
	if err != nil {
		return err
	}
	base, err := baseline(known, before)
	if err != nil {
		return err
	}
	asked, err := askedFor(known.Metadata, known.Token.Terms, before)
	if err != nil {
		return err
	}
	return e.answer(w, http.StatusOK, said{party: known.Party, at: known.CreatedAt, access: access, metadata: known.Metadata, settings: before, base: base, asked: asked})
}

// before are the settings of a registration that are in force.
func (e *Endpoint) before(ctx context.Context, known registrar.Registration) (out relyingparty.Settings, err error) {
	err = e.DB.Read(ctx, func(tx *db.Tx) (err error) {
		out, err = e.Registrations.Settings(tx, known)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("registration: %w", err)
	}
	return out, nil
}

// update is PUT /register/{client} (RFC 7592, 2.2): what is left out is taken back.
func (e *Endpoint) update(w http.ResponseWriter, r *http.Request) error {
	known, _, err := e.known(r)
	if err != nil {
		return e.refused(r, known.Party, err)
	}
	m, err := e.body(r)
	if err == nil {
		err = e.sameClient(r.Context(), known, m)
	}
	if err != nil {
		return e.refused(r, known.Party, err)
	}
	for range changes {
		var out said
		out, err = e.replace(r.Context(), known, m)
		if errors.Is(err, registrar.ErrOutdated) {
			continue
		}
		if err != nil {
			return e.refused(r, known.Party, err)
		}
		return e.answer(w, http.StatusOK, out)
	}
	return fmt.Errorf("registration: %w", err)
}

// changes is how often an update is made anew because the operator changed the service meanwhile.
const changes = 3

// replace makes of metadata what is registered from now on.
func (e *Endpoint) replace(ctx context.Context, known registrar.Registration, m metadata) (said, error) {
	before, err := e.before(ctx, known)
	if err != nil {
		return said{}, err
	}
	entry, err := e.entry(ctx, &m, before, known.Token.Terms)
	if err == nil {
		err = operatorWins(known, before, &entry)
	}
	if err == nil && (entry.Settings.Subject != before.Subject || entry.Settings.Sector != before.Sector) {
		err = bad("subject_type and sector_identifier_uri", "cannot be changed: nobody would be known any more; register anew")
	}
	if err != nil {
		return said{}, err
	}
	access, plain := registrar.NewAccess(), secret.NewToken()
	entry.Before, entry.Access = before, secret.Digest(access)
	entry.Secret = e.Registrations.Store.Keep(relyingparty.AuthMethod(entry.Settings.Auth), known.Party, plain)
	issued, why, err := e.Registrations.Update(ctx, known, entry)
	if err == nil {
		err = verdict(why)
	}
	if err != nil {
		return said{}, err
	}
	if !issued {
		plain = ""
	}
	base, err := writtenIn([]byte(entry.Baseline))
	if err != nil {
		return said{}, err
	}
	asked, err := askedFor(entry.Metadata, known.Token.Terms, entry.Settings)
	return said{party: known.Party, at: known.CreatedAt, access: access, secret: plain, metadata: entry.Metadata, settings: entry.Settings, base: base, asked: asked}, err
}

// remove is DELETE /register/{client} (RFC 7592, 2.3).
func (e *Endpoint) remove(w http.ResponseWriter, r *http.Request) error {
	known, _, err := e.known(r)
	if err != nil {
		return e.refused(r, known.Party, err)
	}
	done, err := e.Registrations.Remove(r.Context(), known)
	if err == nil && !done {
		err = notGood()
	}
	if err != nil {
		return e.refused(r, known.Party, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// notGood is the one answer to every token that is not good, and to a service that is
// registered no longer (RFC 7592, 2).
func notGood() *protocol.Error {
	return &protocol.Error{Code: protocol.InvalidToken, Description: "the access token is wrong, expired or revoked", Where: protocol.Direct, Challenge: protocol.SchemeBearer}
}

// presented looks for the bearer token of a request (RFC 6750, 2.1).
func (e *Endpoint) presented(r *http.Request, find func(tx *db.Tx, presented string) (bool, error)) error {
	p, bad := protocol.ReadPresentedToken(r.Header.Get("Authorization"), protocol.Params{})
	if bad != nil || p.Scheme != protocol.SchemeBearer {
		return notGood()
	}
	var found bool
	err := e.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		found, err = find(tx, p.Token)
		return err
	})
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if !found {
		return notGood()
	}
	return nil
}

// known is the registration that a request is about, and the token it brought. One that an
// operator disabled can neither be read nor changed.
func (e *Endpoint) known(r *http.Request) (out registrar.Registration, access string, err error) {
	party := id.RelyingParty(r.PathValue("client"))
	if len(party) > 128 {
		return registrar.Registration{}, "", notGood()
	}
	err = e.presented(r, func(tx *db.Tx, presented string) (found bool, err error) {
		access = presented
		out, found, err = e.Registrations.Find(tx, party, presented)
		return found, err
	})
	if err != nil {
		return out, "", err
	}
	p, err := e.Registry.Find(r.Context(), party)
	switch {
	case err != nil:
		return out, "", fmt.Errorf("registration: %w", err)
	case p != nil && p.Disabled:
		return out, "", &protocol.Error{Code: protocol.InsufficientScope, Description: "the operator has disabled this service", Where: protocol.Direct, Challenge: protocol.SchemeBearer}
	}
	return out, access, nil
}

// body reads the metadata of a request.
func (e *Endpoint) body(r *http.Request) (metadata, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return metadata{}, bad("the body", "must be application/json")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return metadata{}, bad("the body", "could not be read")
	}
	m, refusal := e.stated(r.Context(), raw)
	if refusal != nil {
		return metadata{}, refusal
	}
	return m, nil
}

// sameClient asks what an update must say of the registration it replaces (RFC 7592, 2.2).
func (e *Endpoint) sameClient(ctx context.Context, known registrar.Registration, m metadata) error {
	switch {
	case m.clientID != string(known.Party):
		return bad("client_id", "must be the one of this registration")
	case m.assignedByProvider:
		return bad("registration_access_token, registration_client_uri, client_secret_expires_at and client_id_issued_at", "must not be sent")
	case m.clientSecret == "":
		return nil
	}
	p, err := e.Registry.Find(ctx, known.Party)
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if p == nil || !p.SecretMatches(m.clientSecret, e.Now()) {
		return bad("client_secret", "must be the one of this registration")
	}
	return nil
}

// entry makes of metadata what is registered.
func (e *Endpoint) entry(ctx context.Context, m *metadata, before relyingparty.Settings, t registrar.Terms) (registrar.Entry, error) {
	if refusal := m.complete(t); refusal != nil {
		return registrar.Entry{}, refusal
	}
	if refusal := m.check(e.Issuer, e.Door.Settings, t); refusal != nil {
		return registrar.Entry{}, refusal
	}
	s := m.settings(before, t)
	s.Logo = ""
	if problems := s.Problems(); len(problems) > 0 { // before anybody is called
		return registrar.Entry{}, refusal(problems)
	}
	if err := e.proveSector(ctx, *m); err != nil {
		return registrar.Entry{}, err
	}
	s.Logo = e.logo(ctx, m)
	if problems := s.Problems(); len(problems) > 0 {
		return registrar.Entry{}, refusal(problems)
	}
	kept, err := json.Marshal(m)
	if err != nil {
		return registrar.Entry{}, fmt.Errorf("registration: %w", err)
	}
	return registrar.Entry{Settings: s, Metadata: string(kept)}, nil
}

func usesSecret(s relyingparty.Settings) bool {
	return relyingparty.AuthMethod(s.Auth).UsesSecret()
}

// verdict puts a refusal of the registrar into the words of the protocol.
func verdict(why registrar.Refusal) error {
	switch why {
	case "":
		return nil
	case registrar.TokenSpent:
		return notGood()
	case registrar.Alike:
		return bad("client_name", "looks like the name of another service, or cannot be told from one").Because(protocol.Cause(why))
	default:
		return &fault.Error{Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: time.Hour, Err: errors.New("registration: there are as many services as there may be")}
	}
}

// refused logs a refusal, and returns the error to answer with.
func (e *Endpoint) refused(r *http.Request, party id.RelyingParty, err error) error {
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		e.Door.Log(r, "registration refused", party, bad)
	}
	return err
}

// said is what a service is told of its registration.
type said struct {
	party    id.RelyingParty
	at       time.Time
	access   string // the registration access token that is in force now
	secret   string // the client secret, when it was made just now
	metadata string
	settings relyingparty.Settings // that are in force
	base     written               // those that the registration made; nil for the same
	asked    written               // those that the metadata asks for
}

// answer tells a service what is registered (RFC 7591, 3.2.1; RFC 7592, 3). A secret is told once.
func (e *Endpoint) answer(w http.ResponseWriter, status int, s said) error {
	out := map[string]any{}
	if err := json.Unmarshal([]byte(s.metadata), &out); err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if s.base != nil {
		if err := effective(out, s.settings, s.base, s.asked); err != nil {
			return err
		}
	}
	withContent(out)
	out["client_id"], out["client_id_issued_at"] = s.party, s.at.Unix()
	if s.secret != "" {
		out["client_secret"], out["client_secret_expires_at"] = s.secret, 0
	}
	out["registration_access_token"], out["registration_client_uri"] = s.access, e.Issuer+protocol.PathRegister+"/"+string(s.party)
	return machine.Answer(w, status, out) //nolint:wrapcheck // wrapped there
}
