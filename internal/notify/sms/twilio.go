package sms

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/outbound"
)

// twilio is Twilio's interface of 2010-04-01, which others speak, too: Messages for texts,
// Calls with TwiML for calls.
type twilio struct{ s Settings }

func (t twilio) request(l notice.Letter, _ time.Time) (outbound.Request, error) {
	form := url.Values{"To": {l.To}}
	var resource string
	switch l.Channel {
	case notice.Text:
		resource = "Messages.json"
		form.Set("Body", l.Text)
		if strings.HasPrefix(t.s.Sender, "MG") {
			form.Set("MessagingServiceSid", t.s.Sender)
		} else {
			form.Set("From", t.s.Sender)
		}
	case notice.Voice:
		resource = "Calls.json"
		form.Set("Twiml", twiml(l))
		form.Set("From", t.s.CallsFrom)
		if t.s.CallsFrom == "" {
			form.Set("From", t.s.Sender)
		}
	default:
		return outbound.Request{}, errChannel
	}
	r := t.get(resource)
	r.Method, r.Body, r.Header["Content-Type"] = "POST", []byte(form.Encode()), "application/x-www-form-urlencoded"
	return r, nil
}

// twiml is a call in TwiML: what is said, in the letter's language, and the pauses.
func twiml(l notice.Letter) string {
	var b strings.Builder
	b.WriteString("<Response>")
	for _, p := range l.Script {
		b.WriteString(`<Say language="` + langOf(l.Lang).Locale() + `">`)
		_ = xml.EscapeText(&b, []byte(p.Say)) // into memory
		b.WriteString("</Say>")
		if p.Pause > 0 {
			b.WriteString(`<Pause length="` + strconv.Itoa(p.Pause) + `"/>`)
		}
	}
	b.WriteString("</Response>")
	return b.String()
}

// checks asks for the newest message: an API key may do that, too.
func (t twilio) checks(time.Time) []outbound.Request {
	return []outbound.Request{t.get("Messages.json?PageSize=1")}
}

func (t twilio) get(resource string) outbound.Request {
	user := t.s.KeyID
	if user == "" {
		user = t.s.Account
	}
	return outbound.Request{
		Method: "GET", URL: t.s.base("https://api.twilio.com") + "/2010-04-01/Accounts/" + url.PathEscape(t.s.Account) + "/" + resource,
		Header: map[string]string{
			"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+t.s.Key)), "Accept": "application/json",
		},
	}
}

func (t twilio) read(body []byte) said {
	var answer struct {
		Code    int64  `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Code == 0 {
		return said{}
	}
	out := said{code: strconv.FormatInt(answer.Code, 10), text: answer.Message}
	switch answer.Code {
	case 21211, 21217, 13224: // not a number
		out.number = notify.NumberInvalid
	case 21610: // its owner answered STOP
		out.number = notify.NumberStopped
	case 21612, 21614, 21635, 21408, // no such route, no mobile, a landline, a country that is not allowed
		21215, 21216, 13225, 13226, 13227: // the same for calls
		out.number = notify.NumberUnreachable
	case 20003, 20005, 20429, 21611, 63038, // key, account, pace, queue, daily limit
		21212, 21603, 21606, 21659, 21660, 21661, 21701, 21703: // our sender or messaging service
		out.down = true
	}
	return out
}
