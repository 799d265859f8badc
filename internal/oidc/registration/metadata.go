package registration

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/mail"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// The bounds of what a service sends.
const (
	maxBody    = 64 << 10
	maxContact = 10
)

// metadata is what a service says of itself (RFC 7591, 2; OpenID Connect Dynamic Client
// Registration 1.0, 2; CIBA, 4; RFC 9126, 6; RFC 9101, 10.5; RFC 9396, 10; RFC 9449, 5.2).
// Members that are not here are ignored; those that would be dangerous to ignore are in refused.
type metadata struct {
	RedirectURIs        []string                     `json:"redirect_uris,omitempty"`
	PostLogoutURIs      []string                     `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes          []string                     `json:"grant_types,omitempty"`
	ResponseTypes       []string                     `json:"response_types,omitempty"`
	ApplicationType     string                       `json:"application_type,omitempty"`
	Contacts            []string                     `json:"contacts,omitempty"`
	AuthMethod          string                       `json:"token_endpoint_auth_method,omitempty"`
	AuthAlg             string                       `json:"token_endpoint_auth_signing_alg,omitempty"`
	BackchannelURI      string                       `json:"backchannel_logout_uri,omitempty"`
	BackchannelSession  bool                         `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelURI     string                       `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelSession bool                         `json:"frontchannel_logout_session_required,omitempty"`
	RequestURIs         []string                     `json:"request_uris,omitempty"`
	UserInfoAlg         string                       `json:"userinfo_signed_response_alg,omitempty"`
	IDTokenKeyAlg       string                       `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenContentAlg   string                       `json:"id_token_encrypted_response_enc,omitempty"`
	UserInfoKeyAlg      string                       `json:"userinfo_encrypted_response_alg,omitempty"`
	UserInfoContentAlg  string                       `json:"userinfo_encrypted_response_enc,omitempty"`
	AnswerKeyAlg        string                       `json:"authorization_encrypted_response_alg,omitempty"`
	AnswerContentAlg    string                       `json:"authorization_encrypted_response_enc,omitempty"`
	IntrospectionAlg    string                       `json:"introspection_signed_response_alg,omitempty"`
	IntrospectionKeyAlg string                       `json:"introspection_encrypted_response_alg,omitempty"`
	IntrospectionEnc    string                       `json:"introspection_encrypted_response_enc,omitempty"`
	SubjectDN           string                       `json:"tls_client_auth_subject_dn,omitempty"`
	SANDNS              string                       `json:"tls_client_auth_san_dns,omitempty"`
	SANURI              string                       `json:"tls_client_auth_san_uri,omitempty"`
	SANIP               string                       `json:"tls_client_auth_san_ip,omitempty"`
	SANEmail            string                       `json:"tls_client_auth_san_email,omitempty"`
	CertificateBound    bool                         `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	JWKS                json.RawMessage              `json:"jwks,omitempty"`
	JWKSURI             string                       `json:"jwks_uri,omitempty"`
	Scope               string                       `json:"scope,omitempty"`
	DetailTypes         []string                     `json:"authorization_details_types,omitempty"`
	DeliveryMode        string                       `json:"backchannel_token_delivery_mode,omitempty"`
	NotificationURI     string                       `json:"backchannel_client_notification_endpoint,omitempty"`
	BackchannelAlg      string                       `json:"backchannel_authentication_request_signing_alg,omitempty"`
	UserCode            *bool                        `json:"backchannel_user_code_parameter,omitempty"`
	SectorURI           string                       `json:"sector_identifier_uri,omitempty"`
	SubjectType         string                       `json:"subject_type,omitempty"`
	IDTokenAlg          string                       `json:"id_token_signed_response_alg,omitempty"`
	RequestObjectAlg    string                       `json:"request_object_signing_alg,omitempty"`
	AnswerAlg           string                       `json:"authorization_signed_response_alg,omitempty"`
	RequireObject       bool                         `json:"require_signed_request_object,omitempty"`
	RequirePushed       bool                         `json:"require_pushed_authorization_requests,omitempty"`
	RequireDPoP         bool                         `json:"dpop_bound_access_tokens,omitempty"`
	DefaultMaxAge       *int64                       `json:"default_max_age,omitempty"`
	DefaultACR          []string                     `json:"default_acr_values,omitempty"`
	RequireAuthTime     bool                         `json:"require_auth_time,omitempty"`
	InitiateLoginURI    string                       `json:"initiate_login_uri,omitempty"`
	SoftwareID          string                       `json:"software_id,omitempty"`
	SoftwareVersion     string                       `json:"software_version,omitempty"`
	SoftwareStatement   string                       `json:"software_statement,omitempty"`
	texts               map[string]map[string]string // the members of human, by language; "" for none
	clientID            string                       // of an update
	clientSecret        string                       // of an update
	assignedByProvider  bool                         // an update that holds what only we say
}

// human are the members that may be given by language, as in client_name#fr (RFC 7591, 2.2).
var human = []string{"client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri"}

// refused are members that ask for a protection or a form of answer that a service would
// not get: to ignore them could hurt it. Empty values and "none" are good.
var refused = []string{
	"request_object_encryption_alg", "request_object_encryption_enc",
}

// assigned are members that we say to a service, and it never to us (RFC 7592, 2.2).
var assigned = []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}

// bad is a refusal of metadata. What it says is fixed text: nothing of the request is repeated.
func bad(member, why string) *protocol.Error {
	code := protocol.InvalidClientMetadata
	if strings.HasPrefix(member, "redirect_uris") {
		code = protocol.InvalidRedirectURI
	}
	return &protocol.Error{Code: code, Description: member + " " + why, Where: protocol.Direct}
}

// parse reads the body of a request, or what is kept of one.
func parse(raw []byte) (metadata, *protocol.Error) {
	var all map[string]json.RawMessage
	if len(raw) > maxBody {
		return metadata{}, bad("the body", "is too long")
	}
	if err := json.Unmarshal(raw, &all); err != nil || all == nil {
		return metadata{}, bad("the body", "must be a JSON object")
	}
	for name, value := range all { // an empty member is one that was left out (RFC 7592, 2.2)
		if string(value) == "null" || string(value) == `""` {
			delete(all, name)
		}
	}
	var m metadata
	clean, err := json.Marshal(all)
	if err == nil {
		err = jose.Exact(clean, &m)
	}
	if err != nil {
		return metadata{}, mistyped(all)
	}
	m.texts = map[string]map[string]string{}
	for _, member := range human {
		if refusal := m.text(member, all); refusal != nil {
			return metadata{}, refusal
		}
	}
	for _, member := range refused {
		if value, there := all[member]; there && string(value) != `"none"` {
			return metadata{}, bad(member, "is not supported")
		}
	}
	for _, member := range assigned {
		_, there := all[member]
		m.assignedByProvider = m.assignedByProvider || there
	}
	var sent struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := jose.Exact(clean, &sent); err != nil {
		return metadata{}, bad("client_id and client_secret", "must be texts")
	}
	m.clientID, m.clientSecret = sent.ID, sent.Secret
	return m, nil
}

// text reads a member in every language that people can choose. Of de-CH and the like only
// the language counts; one that is given exactly wins.
func (m *metadata) text(member string, all map[string]json.RawMessage) *protocol.Error {
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		base, tag, tagged := strings.Cut(name, "#")
		if base != member {
			continue
		}
		lang, region, _ := strings.Cut(strings.ToLower(tag), "-")
		if tagged && !slices.Contains(i18n.Langs(), i18n.Lang(lang)) {
			continue
		}
		var value string
		if err := json.Unmarshal(all[name], &value); err != nil {
			return bad(member, "must be a text")
		}
		if _, there := out[lang]; value != "" && (!there || region == "") {
			out[lang] = value
		}
	}
	if len(out) > 0 {
		m.texts[member] = out
	}
	return nil
}

// one is a member that is the same for everybody: what is given without a language, or else
// in the first of ours.
func (m metadata) one(member string) string {
	given := m.texts[member]
	for _, lang := range append([]string{""}, langs()...) {
		if given[lang] != "" {
			return given[lang]
		}
	}
	return ""
}

// inAll is a member in every language: what is given without one stands for those that are missing.
func (m metadata) inAll(member, otherwise string) i18n.Text {
	given := m.texts[member]
	if first := m.one(member); first != "" {
		otherwise = first
	}
	out := i18n.Text{}
	for _, lang := range langs() {
		out[lang] = otherwise
		if given[lang] != "" {
			out[lang] = given[lang]
		}
	}
	return out
}

// given is a member in every language, when it is given in one.
func (m metadata) given(member string) i18n.Text {
	if m.one(member) == "" {
		return nil
	}
	return m.inAll(member, "")
}

// support is whom people can ask about the service: the first of its contacts that is an
// e-mail address (RFC 7591, 2: they may be told to people). What an operator says of the
// desk beyond an address stays.
func (m metadata) support(before relyingparty.Support) relyingparty.Support {
	if before.Phone != "" || len(before.Name)+len(before.URL)+len(before.Hours) > 0 {
		return before
	}
	for _, c := range m.Contacts {
		if plain, err := mail.ParseAddress(c); err == nil && plain.Address == c && !strings.ContainsAny(c, "\"' ") {
			return relyingparty.Support{Email: c}
		}
	}
	return relyingparty.Support{}
}

func langs() []string {
	var out []string
	for _, l := range i18n.Langs() {
		out = append(out, string(l))
	}
	return out
}

// MarshalJSON writes the members as they are answered and kept.
func (m metadata) MarshalJSON() ([]byte, error) {
	type plain metadata // without this method
	raw, err := json.Marshal(plain(m))
	if err != nil {
		return nil, err //nolint:wrapcheck // encoding/json wraps it
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err //nolint:wrapcheck // encoding/json wraps it
	}
	for member, values := range m.texts {
		for lang, value := range values {
			if lang != "" {
				lang = "#" + lang
			}
			all[member+lang] = value
		}
	}
	if len(m.GrantTypes) > 0 && len(m.ResponseTypes) == 0 {
		all["response_types"] = []string{} // none, and not the one that is there by default
	}
	return json.Marshal(all) //nolint:wrapcheck // encoding/json wraps it
}

// complete puts in what a service left out, and leaves out what it will not get: what
// stands here afterwards is what is registered (RFC 7591, 3.2.1).
func (m *metadata) complete(t registrar.Terms) *protocol.Error {
	m.defaults(t)
	for i, kind := range m.ResponseTypes {
		if kind != "code" {
			return bad(at("response_types", i), "must be code: there is no other response type")
		}
	}
	if refusal := m.grants(t); refusal != nil {
		return refusal
	}
	if refusal := m.ciba(); refusal != nil {
		return refusal
	}
	m.scopes(t)
	return m.details(t)
}

// defaults puts in what a service left out.
func (m *metadata) defaults(t registrar.Terms) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&m.ApplicationType, "web")
	if t.Profile == string(relyingparty.ProfileFAPI2) {
		set(&m.AuthMethod, string(relyingparty.AuthPrivateKeyJWT))
		set(&m.IDTokenAlg, string(jose.ES256))
		m.RequirePushed = true
	}
	set(&m.AuthMethod, string(relyingparty.AuthBasic))
	if m.AuthMethod != string(relyingparty.AuthPrivateKeyJWT) && m.AuthMethod != string(relyingparty.AuthSecretJWT) {
		m.AuthAlg = "" // nothing to be signed
	}
	set(&m.SubjectType, "pairwise")
	set(&m.IDTokenAlg, string(jose.RS256))
	if m.UserInfoAlg == "none" {
		m.UserInfoAlg = "" // answered in JSON, as without
	}
	if m.DefaultMaxAge != nil && *m.DefaultMaxAge == 0 {
		*m.DefaultMaxAge = 1 // 0 is what is said of no age at all; it is answered as it is registered
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{protocol.GrantAuthorizationCode}
	}
}

// known are the values of a list that are in another one, each once.
func known(values, in []string) []string {
	var out []string
	for _, v := range values {
		if slices.Contains(in, v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// check asks what the rules of partners do not: what holds for those that register
// themselves only.
func (m metadata) check(issuer string, door machine.Settings, t registrar.Terms) *protocol.Error {
	if m.AuthMethod == string(relyingparty.AuthSecretJWT) && !door.SecretJWT {
		return bad("token_endpoint_auth_method", "is not taken here: see token_endpoint_auth_methods_supported")
	}
	if byCertificate := m.CertificateBound || strings.HasPrefix(m.AuthMethod, "tls_") || strings.HasPrefix(m.AuthMethod, "self_signed_tls_"); byCertificate && door.MTLS.PublicURL == "" {
		return bad("client certificates", "are not taken here: see token_endpoint_auth_methods_supported")
	}
	if m.SubjectType == "public" && !t.PublicSubject {
		return bad("subject_type", "may be pairwise only")
	}
	if m.SubjectType == "public" && m.SectorURI != "" {
		return bad("sector_identifier_uri", "has no meaning with subject_type public")
	}
	if len(m.Contacts) > maxContact {
		return bad("contacts", "may be ten at most")
	}
	line := func(member, text string) *protocol.Error {
		if len(text) > 254 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return bad(member, "must be one line of 254 bytes at most")
		}
		return nil
	}
	for i, c := range m.Contacts {
		if refusal := line(at("contacts", i), c); refusal != nil {
			return refusal
		}
	}
	if refusal := cmp.Or(line("software_id", m.SoftwareID), line("software_version", m.SoftwareVersion)); refusal != nil {
		return refusal
	}
	if age := m.DefaultMaxAge; age != nil && (*age < 0 || *age > int64(10*365*24*time.Hour/time.Second)) {
		return bad("default_max_age", "must be 0 to 315360000 seconds")
	}
	return m.checkAddresses(issuer, door.MTLS.PublicURL)
}

// checkAddresses asks that everything is https, but for applications on a device, and that
// nobody is sent to the provider itself.
func (m metadata) checkAddresses(issuer, certificates string) *protocol.Error {
	native := m.ApplicationType == "native"
	for i, uri := range m.RedirectURIs {
		switch why := unusable(uri, native); {
		case why != "":
			return bad(at("redirect_uris", i), why)
		case place(uri) == place(issuer), certificates != "" && place(uri) == place(certificates):
			return bad(at("redirect_uris", i), "must not be an address of the provider")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.texts)) {
		for lang, value := range m.texts[name] {
			if lang != "" {
				lang = "#" + lang
			}
			if why := unusable(value, false); name != "client_name" && why != "" {
				return bad(name+lang, why)
			}
		}
	}
	return m.secure()
}

// place is where a web address leads, however its port is written (RFC 3986, 6.2.3); "" for
// every other address.
func place(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := strings.TrimLeft(u.Port(), "0")
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// secure wants https wherever we call a service, or send people, and plain http would go to
// this machine or to theirs.
func (m metadata) secure() *protocol.Error {
	for _, one := range []struct{ member, uri string }{
		{"jwks_uri", m.JWKSURI},
		{"backchannel_logout_uri", m.BackchannelURI},
		{"frontchannel_logout_uri", m.FrontchannelURI},
		{"backchannel_client_notification_endpoint", m.NotificationURI},
		{"initiate_login_uri", m.InitiateLoginURI},
		{"sector_identifier_uri", m.SectorURI},
	} {
		if one.uri == "" {
			continue
		}
		native := one.member == "frontchannel_logout_uri" && m.ApplicationType == "native" // of the origin of a redirect address
		if why := unusable(one.uri, native); why != "" {
			return bad(one.member, why)
		}
	}
	for i, uri := range m.PostLogoutURIs {
		if why := unusable(uri, m.ApplicationType == "native"); why != "" {
			return bad(at("post_logout_redirect_uris", i), why)
		}
	}
	for i, uri := range m.RequestURIs {
		if why := unusableObject(uri); why != "" {
			return bad(at("request_uris", i), why)
		}
	}
	return nil
}

// settings are the settings of a partner with this metadata. What stands in before and is
// not the service's to say stays.
func (m metadata) settings(before relyingparty.Settings, t registrar.Terms) relyingparty.Settings {
	s := before
	host := ""
	if len(m.RedirectURIs) > 0 {
		if u, err := url.Parse(m.RedirectURIs[0]); err == nil {
			host = u.Hostname()
			if host == "" {
				host = u.Scheme
			}
		}
	}
	s.Name, s.Department = m.inAll("client_name", host), t.Department
	s.Type, s.RedirectURIs, s.PostLogoutRedirectURIs = m.ApplicationType, m.RedirectURIs, m.PostLogoutURIs
	s.StartURL, s.InitiateLoginURI, s.ReturnURL = m.one("client_uri"), m.InitiateLoginURI, ""
	s.Auth, s.JWKS, s.JWKSURI = m.AuthMethod, string(m.JWKS), m.JWKSURI
	s.Profile, s.AuthAlg = t.Profile, m.AuthAlg
	s.BackchannelLogoutURI, s.BackchannelLogoutSession = m.BackchannelURI, m.BackchannelSession
	s.FrontchannelLogoutURI, s.FrontchannelLogoutSession = m.FrontchannelURI, m.FrontchannelSession
	s.RequestURIs, s.UserInfoAlg = m.RequestURIs, m.UserInfoAlg
	s.IDTokenKeyAlg, s.IDTokenContentAlg = m.IDTokenKeyAlg, m.IDTokenContentAlg
	s.UserInfoKeyAlg, s.UserInfoContentAlg = m.UserInfoKeyAlg, m.UserInfoContentAlg
	s.AnswerKeyAlg, s.AnswerContentAlg = m.AnswerKeyAlg, m.AnswerContentAlg
	s.IntrospectionAlg, s.IntrospectionKeyAlg, s.IntrospectionContentAlg = m.IntrospectionAlg, m.IntrospectionKeyAlg, m.IntrospectionEnc
	s.SubjectDN, s.SANDNS, s.SANURI, s.SANIP, s.SANEmail, s.CertificateBound = m.SubjectDN, m.SANDNS, m.SANURI, m.SANIP, m.SANEmail, m.CertificateBound
	s.PKCE = "required"
	if t.OptionalPKCE && m.AuthMethod != string(relyingparty.AuthNone) {
		s.PKCE = "optional"
	}
	s.FormPost = true
	s.RequireDPoP, s.RequirePushed, s.RequireObject = m.RequireDPoP, m.RequirePushed, m.RequireObject
	s.RequestObjectAlg, s.AnswerAlg, s.IDTokenAlg = m.RequestObjectAlg, m.AnswerAlg, m.IDTokenAlg
	s.Subject, s.Sector = m.SubjectType, sector(m.SectorURI)
	s.GrantTypes, s.CIBASettings = m.GrantTypes, m.cibaSettings()
	s.Scopes, s.OwnScopes = m.divided()
	s.DetailTypes = m.worded(t)
	s.MaxAge = 0
	if m.DefaultMaxAge != nil {
		s.MaxAge = time.Duration(*m.DefaultMaxAge) * time.Second
	}
	s.DefaultACR, s.PolicyURL, s.TermsURL = m.DefaultACR, m.given("policy_uri"), m.given("tos_uri")
	s.Support = m.support(before.Support)
	return s
}

// sector is the sector of a sector_identifier_uri: its host (OpenID Connect Core 1.0, 8.1).
// It can be none that an operator wrote for other services without meaning it.
func sector(uri string) string {
	u, err := url.Parse(uri)
	if uri == "" || err != nil {
		return ""
	}
	return "registered:" + u.Host
}

// renamed are the settings that are called otherwise in the standards; the others that a
// service can say have one name in both.
var renamed = map[string]string{
	"name": "client_name", "type": "application_type", "start_url": "client_uri", "auth": "token_endpoint_auth_method",
	"id_token_alg": "id_token_signed_response_alg", "max_age": "default_max_age", "policy_url": "policy_uri", "terms_url": "tos_uri", "subject": "subject_type", "sector": "sector_identifier_uri", "scopes": "scope",
	"own_scopes": "scope",
}

// memberOf is the member that a setting comes from; "" when none does.
func memberOf(setting string) string {
	if name, ok := renamed[setting]; ok {
		return name
	}
	for field := range reflect.TypeFor[metadata]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name == setting {
			return name
		}
	}
	return ""
}

// refusal puts the first problem of settings into a member's name and the words of the
// standards, without what it repeats of what was sent.
func refusal(problems []string) *protocol.Error {
	_, rest, _ := strings.Cut(problems[0], "].")
	key, why, _ := strings.Cut(rest, ": ")
	first, _, _ := strings.Cut(key, ".")
	for _, k := range []string{key, first} {
		if member := memberOf(k); k != "" && member != "" {
			return bad(member+":", explained(member, why)).Because(protocol.Cause(k))
		}
	}
	return bad("the metadata", "cannot be used so: "+explained("", why)).Because(protocol.Cause(first))
}
