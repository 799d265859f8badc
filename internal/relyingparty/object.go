package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"strings"

	"parvis/internal/outbound"
)

// ErrObject says that there is no request object at an address.
var ErrObject = errors.New("relyingparty: no request object there")

// Object fetches a request object from a registered address of a partner (RFC 9101, 5.2.3):
// by the guarded client, without redirects, as one of the two types that it can have. What it
// says is for the caller to verify.
func (k *Keys) Object(ctx context.Context, p *RelyingParty, uri string) (string, error) {
	answer, err := p.Calls(k.Outbound).Do(ctx, outbound.Request{
		Method: "GET", URL: uri, Header: map[string]string{"Accept": "application/oauth-authz-req+jwt, application/jwt"},
	})
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrObject, err.Error())
	}
	kind, _, err := mime.ParseMediaType(answer.Header("Content-Type"))
	if err != nil || kind != "application/oauth-authz-req+jwt" && kind != "application/jwt" {
		return "", fmt.Errorf("%w: it is of another type", ErrObject)
	}
	return strings.TrimSpace(string(answer.Body)), nil
}
