package oidc_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
)

// RFC 9207, 2: every answer, also an error, by query or by form_post, names the issuer once, so that a client of several providers knows whose it is.
// RFC 9207, 2.1: iss is encoded as every parameter.
// RFC 9207, 2.3: iss is the issuer of the metadata, letter by letter, and an address without query or fragment.
// RFC 9207, 2.4: a signed answer names the issuer in its claim iss, and no parameter beside it.
// RFC 9207, 3: the metadata says authorization_response_iss_parameter_supported.
func TestEveryAnswerNamesTheIssuer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		var document protocol.Metadata
		check(t, json.Unmarshal([]byte(b.get(protocol.PathMetadata).text), &document))
		u, err := url.Parse(document.Issuer)
		check(t, err)
		if !document.IssParameter || document.Issuer != h.issuer || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(document.Issuer, "/") {
			t.Errorf("issuer %q, announced %v", document.Issuer, document.IssParameter)
		}
		for name, v := range map[string]url.Values{
			"a code":   request("service"),
			"an error": request("service", "scope", ""),
			"refused":  request("other", "prompt", "none"),
		} {
			got := b.authorize(v)
			if values := got.answer(t)["iss"]; len(values) != 1 || values[0] != document.Issuer {
				t.Errorf("%s: iss %q", name, values)
			}
			if raw := "iss=" + url.QueryEscape(document.Issuer); !strings.HasSuffix(got.Header.Get("Location"), raw) {
				t.Errorf("%s: %s lacks %s", name, got.Header.Get("Location"), raw)
			}
			v.Set("response_mode", "form_post")
			if page := b.authorize(v).text; strings.Count(page, `name="iss" value="`+document.Issuer+`"`) != 1 {
				t.Errorf("%s by form_post: %s", name, page)
			}
		}
		secured := b.authorize(request("service", "response_mode", "jwt")).answer(t)
		payload, _, err := h.keyring.Set().Verify(secured.Get("response"), jose.RS256)
		check(t, err)
		var claims map[string]any
		check(t, json.Unmarshal(payload, &claims))
		if claims["iss"] != document.Issuer || secured.Has("iss") || len(secured) != 1 {
			t.Errorf("signed: %v %v", claims, secured)
		}
	})
}
