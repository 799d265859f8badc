package protocol

import (
	"net/url"
	"strings"
)

// Param is one parameter of an answer; answers keep the order.
type Param struct{ Name, Value string }

// Granted are the parameters of a successful answer (RFC 6749, 4.1.2; RFC 9207, 2).
func (r *Request) Granted(issuer, code string) []Param {
	return r.answer(issuer, Param{"code", code})
}

// Refused are the parameters of an error (RFC 6749, 4.1.2.1; RFC 9207, 2). They carry no secret.
func (r *Request) Refused(issuer string, err *Error) []Param {
	return r.answer(issuer, Param{"error", string(err.Code)}, Param{"error_description", err.Description})
}

func (r *Request) answer(issuer string, params ...Param) []Param {
	if r.State != "" {
		params = append(params, Param{"state", r.State})
	}
	return append(params, Param{"iss", issuer})
}

// AppendQuery adds parameters to an address, keeping the query it may have (RFC 6749, 3.1.2).
func AppendQuery(uri string, params []Param) string {
	var b strings.Builder
	b.WriteString(uri)
	separator := byte('?')
	if strings.Contains(uri, "?") {
		separator = '&'
		if strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&") {
			separator = 0
		}
	}
	for _, p := range params {
		if separator != 0 {
			b.WriteByte(separator)
		}
		separator = '&'
		b.WriteString(escape(p.Name))
		b.WriteByte('=')
		b.WriteString(escape(p.Value))
	}
	return b.String()
}

// escape writes a space as %20, which a reader of forms and one of plain addresses
// read alike; a plus sign is a space to the first only.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
