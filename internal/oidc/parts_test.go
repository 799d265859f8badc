package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/jose"
)

// with changes parameters; an empty value leaves one out.
func with(v url.Values, pairs ...string) url.Values {
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// changed changes claims; nil leaves one out.
func changed(claims map[string]any, pairs ...any) map[string]any {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(claims, pairs[i].(string))
			continue
		}
		claims[pairs[i].(string)] = pairs[i+1]
	}
	return claims
}

// headOf is the header of a JWT, signed or encrypted.
func headOf(t *testing.T, token string) (out map[string]any) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	check(t, err)
	check(t, json.Unmarshal(text, &out))
	return out
}

// sealed reads what is encrypted for a service, whose keys are that one and signingKey.
func sealed(t *testing.T) (reader *jose.Decrypter, keys string) {
	t.Helper()
	key, err := jose.Generate(jose.RS256)
	check(t, err)
	reader, err = jose.NewDecrypter(key)
	check(t, err)
	raw, err := reader.JSON()
	check(t, err)
	return reader, strings.TrimSuffix(keySet(signingKey), "]}") + "," + strings.TrimPrefix(string(raw), `{"keys":[`)
}
