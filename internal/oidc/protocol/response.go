package protocol

import (
	"net/url"
	"strings"
	"time"
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

// Posts reports whether the answer is posted by a form.
func (r *Request) Posts() bool {
	return r.ResponseMode == ModeFormPost || r.ResponseMode == ModeFormPostJWT
}

// Secured reports whether the answer goes out as one signed JWT.
func (r *Request) Secured() bool {
	return r.ResponseMode == ModeQueryJWT || r.ResponseMode == ModeFormPostJWT
}

// answerLife is how long a signed answer is good (JWT Secured Authorization Response
// Mode, 2.1: at most ten minutes).
const answerLife = 10 * time.Minute

// AnswerClaims are the claims of a signed answer (JWT Secured Authorization Response Mode, 2.1).
func (r *Request) AnswerClaims(params []Param, now time.Time) map[string]any {
	out := map[string]any{"aud": r.ClientID, "exp": now.Add(answerLife).Unix()}
	for _, p := range params { // iss is among them
		out[p.Name] = p.Value
	}
	return out
}

// Secure are the parameters of a signed answer.
func Secure(token string) []Param { return []Param{{"response", token}} }

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
