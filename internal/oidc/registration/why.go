package registration

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
)

// What a refusal says: the member, the place of the value in it, and what to do. Nothing that
// was sent is repeated, and all of it can stand in an error_description (RFC 6749, 5.2).

// maxWhy is the longest reason.
const maxWhy = 240

// at names one value of a list: redirect_uris[0] is the first.
func at(member string, i int) string { return member + "[" + strconv.Itoa(i) + "]" }

// unusable is why an address is none that people are sent to; "" when it is one. Applications
// on a device (native) may have http on the loopback, and schemes of their own.
func unusable(uri string, native bool) string {
	scheme, rest, absolute := strings.Cut(uri, ":")
	switch {
	case uri == "":
		return "must not be empty"
	case len(uri) > protocol.MaxURI:
		return "must have 2048 characters at most"
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "must be plain ASCII without spaces: write other characters in percent-encoding, and those of a host name in Punycode"
	case strings.Contains(uri, "#"):
		return "must not have a fragment (#)"
	case strings.Contains(uri, "*"):
		return "must not have a wildcard (*): register each address by itself"
	case strings.ContainsAny(uri, "\\\"<>^`{|}"):
		return "must not have a backslash, a quote or one of < > ^ ` { | }: write it in percent-encoding"
	case !absolute || scheme == "" || strings.ContainsAny(scheme, "/?"), !native && (rest == "" || rest[0] >= '0' && rest[0] <= '9'): // the last one is a port
		return "must be absolute: write it from the scheme on, https://host/path"
	case scheme != strings.ToLower(scheme):
		return "must have a scheme in small letters"
	case !native && scheme == "http":
		return "must be https; http is for applications on a device (application_type native) only, on 127.0.0.1, [::1] or localhost"
	case !native && scheme != "https":
		return "must be https; a scheme of its own is for applications on a device (application_type native) only"
	}
	err := protocol.CheckRedirectURI(uri, native)
	if err == nil {
		return ""
	}
	return strings.Replace(err.Error(), "a private scheme must be", "must have a private scheme that is", 1)
}

// unusableObject is why an address is none of a request object, in which a fragment has a
// meaning (OpenID Connect Dynamic Client Registration 1.0, 2, request_uris); "" when it is one.
func unusableObject(uri string) string {
	bare, _, _ := strings.Cut(uri, "#")
	if len(uri) > 512 {
		return "must have 512 characters at most"
	}
	return unusable(bare, false)
}

// mistyped is the refusal of the first member that is not of its type.
func mistyped(all map[string]json.RawMessage) *protocol.Error {
	for field := range reflect.TypeFor[metadata]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, there := all[name]
		if !there || name == "" || json.Unmarshal(value, reflect.New(field.Type).Interface()) == nil {
			continue
		}
		kind := field.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		return &protocol.Error{Code: protocol.InvalidClientMetadata, Where: protocol.Direct, Description: name + " must be " + map[reflect.Kind]string{
			reflect.Slice: "a list of texts", reflect.String: "a text", reflect.Bool: "true or false", reflect.Int64: "a whole number",
		}[kind.Kind()]}
	}
	return bad("a member", "is not of its type")
}

// quoted is what a problem of settings repeats of what was sent.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// spoken are words of the operator's configuration, and how the standards call it.
var spoken = []struct {
	ours   *regexp.Regexp
	theirs string
}{
	{regexp.MustCompile(`\bauth: (\w+)`), "token_endpoint_auth_method $1"},
	{regexp.MustCompile(`\btype: native\b`), "application_type native"},
	{regexp.MustCompile(`\bsubject: public\b`), "subject_type public"},
	{regexp.MustCompile(`\bprofile: fapi2\b`), "the profile of the initial access token (FAPI 2.0)"},
	{regexp.MustCompile(`\b([a-z_]+): (ping|poll)\b`), "$1 $2"},
}

// keySets are the reasons of package jose that hold nothing of a key set.
var keySets = []string{"it holds a private or symmetric key; give public keys only", "for signatures", "keys", "bytes"}

// explained is a problem of settings as a service's team reads it.
func explained(member, problem string) string {
	if member == "jwks" && strings.HasPrefix(problem, jose.ErrMalformed.Error()) {
		_, problem, _ = strings.Cut(problem, jose.ErrMalformed.Error()+": ")
		if i := strings.Index(problem, "it holds a private"); i >= 0 {
			problem = problem[i:]
		}
		if !slices.ContainsFunc(keySets, func(end string) bool { return strings.HasSuffix(problem, end) }) {
			problem = "is no JSON Web Key Set with keys that can be used (RFC 7517)"
		}
	}
	out := quoted.ReplaceAllString(problem, "the value")
	for _, s := range spoken {
		out = s.ours.ReplaceAllString(out, s.theirs)
	}
	out = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, strings.ReplaceAll(out, "…", "..."))
	if len(out) > maxWhy {
		out = out[:maxWhy]
	}
	return strings.TrimSpace(out)
}

// encrypted are the members that say how something is encrypted: with which algorithm for the
// content, and for the key.
var encrypted = []struct{ content, key string }{
	{"id_token_encrypted_response_enc", "id_token_encrypted_response_alg"},
	{"userinfo_encrypted_response_enc", "userinfo_encrypted_response_alg"},
	{"authorization_encrypted_response_enc", "authorization_encrypted_response_alg"},
	{"introspection_encrypted_response_enc", "introspection_encrypted_response_alg"},
}

// withContent puts the default algorithm of the content into what is answered, where a service
// left it out (OpenID Connect Dynamic Client Registration 1.0, 2; JARM, 3; RFC 9701, 6); in the
// answer, so that registrations of every age have it.
func withContent(out map[string]any) {
	for _, one := range encrypted {
		key, _ := out[one.key].(string)
		if raw, ok := out[one.key].(json.RawMessage); ok { // of the operator's settings
			_ = json.Unmarshal(raw, &key) // ours
		}
		if _, there := out[one.content]; key != "" && !there {
			out[one.content] = string(jose.A128CBCHS256)
		}
	}
}
