package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/outbound"
)

// notifyAPI is GC Notify and GOV.UK Notify, whose interfaces have one origin: the same
// paths, bodies and errors (v2), and two ways to show the key.
type notifyAPI struct{ s Settings }

// uuidLength is the length of each of the two ids at the end of a key.
const uuidLength = 36

func (n notifyAPI) base() string {
	if n.s.Provider == GCNotify {
		return n.s.base("https://api.notification.canada.ca")
	}
	return n.s.base("https://api.notifications.service.gov.uk")
}

func (n notifyAPI) request(l notice.Letter, at time.Time) (outbound.Request, error) {
	if l.Channel != notice.Text {
		return outbound.Request{}, errChannel
	}
	// both values, so that a template can hold ((message)), or words of its own around ((code))
	values := map[string]string{"message": l.Text}
	if len(l.Codes) > 0 {
		values["code"] = l.Codes[0]
	}
	fields := map[string]any{
		"phone_number": l.To, "template_id": n.template(l.Lang), "personalisation": values, "reference": string(l.ID),
	}
	if n.s.Sender != "" {
		fields["sms_sender_id"] = n.s.Sender
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return outbound.Request{}, err
	}
	r := n.get("/v2/notifications/sms", at)
	r.Method, r.Body, r.Header["Content-Type"] = "POST", body, "application/json"
	return r, nil
}

// template is the template of a language, or that of another one.
func (n notifyAPI) template(lang string) string { return n.s.Templates.In(langOf(lang)) }

// checks asks for each template: that needs the right key and the right ids.
func (n notifyAPI) checks(at time.Time) []outbound.Request {
	var out []outbound.Request
	for _, lang := range []string{"en", "fr"} {
		if id := n.s.Templates[lang]; id != "" {
			out = append(out, n.get("/v2/template/"+id, at))
		}
	}
	return out
}

func (n notifyAPI) get(path string, at time.Time) outbound.Request {
	return outbound.Request{Method: "GET", URL: n.base() + path, Header: map[string]string{
		"Authorization": n.authorization(at), "Accept": "application/json",
	}}
}

// authorization shows the key. GC Notify takes its secret half; GOV.UK Notify a token signed
// with that, whose issuer is the service and whose age is at most 30 seconds (RFC 7519).
func (n notifyAPI) authorization(at time.Time) string {
	key := n.s.Key
	if len(key) < 2*uuidLength+1 {
		return "" // Problems names it
	}
	secret := key[len(key)-uuidLength:]
	if n.s.Provider == GCNotify {
		return "ApiKey-v1 " + secret
	}
	service := key[len(key)-2*uuidLength-1 : len(key)-uuidLength-1]
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
		encode([]byte(`{"iss":"`+service+`","iat":`+strconv.FormatInt(at.Unix(), 10)+`}`))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return "Bearer " + token + "." + encode(mac.Sum(nil))
}

func (n notifyAPI) read(body []byte) said {
	var answer struct {
		Errors []struct {
			Error   string `json:"error"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return said{}
	}
	first := answer.Errors[0]
	out := said{code: first.Error, text: first.Message}
	text := strings.ToLower(first.Message)
	switch {
	case strings.Contains(text, "cannot send to international"):
		out.number = notify.NumberUnreachable // the service sends at home only
	case first.Error == "ValidationError" && strings.HasPrefix(text, "phone_number"):
		out.number = notify.NumberInvalid
	case strings.Contains(text, "template"), strings.Contains(text, "personalisation"), strings.Contains(text, "sms_sender_id"):
		out.down = true // the operator's templates, not the message
	case first.Error == "RateLimitError", strings.Contains(first.Error, "TooMany"):
		out.down = true
	}
	return out
}
