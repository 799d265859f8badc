package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/outbound"
)

// webhook is a service of the operator's own, described in docs/texts.md: one POST per
// message, signed over its time and body, so that the receiver can refuse what is not ours
// or not new.
type webhook struct{ s Settings }

// posted is the body of a call.
type posted struct {
	ID       string          `json:"id"`      // the same when a message is sent again
	Channel  string          `json:"channel"` // text, voice, or check
	To       string          `json:"to,omitempty"`
	Language string          `json:"language,omitempty"`
	Text     string          `json:"text,omitempty"`
	Script   []notice.Phrase `json:"script,omitempty"`
}

func (h webhook) request(l notice.Letter, at time.Time) (outbound.Request, error) {
	if l.Channel != notice.Text && l.Channel != notice.Voice {
		return outbound.Request{}, errChannel
	}
	return h.post(posted{ID: string(l.ID), Channel: string(l.Channel), To: l.To, Language: l.Lang, Text: l.Text, Script: l.Script}, at)
}

func (h webhook) checks(at time.Time) []outbound.Request {
	r, err := h.post(posted{ID: "check", Channel: "check"}, at)
	if err != nil {
		return nil // a constant body is always JSON
	}
	return []outbound.Request{r}
}

func (h webhook) post(p posted, at time.Time) (outbound.Request, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return outbound.Request{}, err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(h.s.Key))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return outbound.Request{Method: "POST", URL: h.s.URL, Body: body, Header: map[string]string{
		"Content-Type": "application/json", "Parvis-Timestamp": stamp,
		"Parvis-Signature": "v1=" + hex.EncodeToString(mac.Sum(nil)),
	}}, nil
}

func (h webhook) read(body []byte) said {
	var answer struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return said{}
	}
	out := said{code: answer.Error, text: answer.Message}
	switch state := notify.NumberState(answer.Error); state {
	case notify.NumberInvalid, notify.NumberUnreachable, notify.NumberStopped:
		out.number = state
	}
	return out
}

// langOf is a letter's language.
func langOf(lang string) i18n.Lang {
	if l, ok := i18n.Parse(lang); ok {
		return l
	}
	return i18n.English
}
