package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"parvis/internal/outbound"
)

// ErrObject says that there is no request object at an address.
var ErrObject = errors.New("relyingparty: no request object there")

// Object fetches a request object from a registered address of a partner (RFC 9101, 5.2.3):
// by the guarded client, without redirects, as one of the types that it can have. What it
// says is for the caller to verify.
func (k *Keys) Object(ctx context.Context, p *RelyingParty, uri string) (string, error) {
	plain, _, _ := strings.Cut(uri, "#") // no part of what is asked for (RFC 9110, 4.2.5)
	answer, err := p.Calls(k.Outbound).Do(ctx, outbound.Request{
		Method: "GET", URL: plain, Header: map[string]string{"Accept": strings.Join(objectTypes(), ", ")},
	})
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrObject, err.Error())
	}
	kind, _, err := mime.ParseMediaType(answer.Header("Content-Type"))
	if err != nil || !slices.Contains(objectTypes(), kind) {
		return "", fmt.Errorf("%w: it is of another type", ErrObject)
	}
	return strings.TrimSpace(string(answer.Body)), nil
}

// objectTypes are the media types of request objects: that of RFC 9101, 5.2.3, and those of
// signed tokens (RFC 7519, 10.3.1; RFC 7515, 9.2.1), as services send them that were written
// for OpenID Connect Core 1.0, 6.2.
func objectTypes() []string {
	return []string{"application/oauth-authz-req+jwt", "application/jwt", "application/jose"}
}
