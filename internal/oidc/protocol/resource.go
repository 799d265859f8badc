package protocol

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxResources is how many resources one request may name.
const maxResources = 20

// paramResource is the one parameter that may come more than once (RFC 8707, 2). Its values
// are kept as one list with spaces, which no resource has.
const paramResource = "resource"

// resource names the protected resources that tokens are wanted for (RFC 8707, 2.1): those
// of the client's registration, or the issuer itself for userinfo.
func resource(d *draft) *Error {
	list, bad := resourcesOf(d.params, d.client.Resources)
	if bad != nil {
		return &Error{Code: bad.Code, Description: bad.Description, Where: ToClient}
	}
	d.request.Resources = list
	return nil
}

// resourcesOf reads the resources of a request, each of which must be one of those allowed.
func resourcesOf(p Params, allowed []string) ([]string, *Error) {
	list := splitList(p.Get(paramResource))
	if len(list) > maxResources {
		return nil, direct(InvalidTarget, "resource names too many")
	}
	for _, uri := range list {
		if !slices.Contains(allowed, uri) {
			return nil, direct(InvalidTarget, "resource is not one of those that this client, or this grant, may use")
		}
	}
	return list, nil
}

// Narrowed are the resources that a token request asks for: of those of its grant, or, when
// it names none, all of them (RFC 8707, 2.2).
func (r TokenRequest) Narrowed(granted []string) ([]string, *Error) {
	if r.Resource == "" {
		return granted, nil
	}
	return resourcesOf(ParamsOf(map[string]string{paramResource: r.Resource}), granted)
}

// resourceParam is the parameter as a member of a request object: one text, or several.
func resourceParam(raw json.RawMessage) (string, bool) {
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return paramOf(raw)
	}
	return strings.Join(list, " "), len(list) <= maxResources
}
