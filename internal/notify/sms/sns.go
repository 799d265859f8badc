package sms

import (
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/outbound"
)

// sns is Amazon's Simple Notification Service, query interface of 2010-03-31.
type sns struct{ s Settings }

// version is the version of the interface.
const version = "2010-03-31"

func (a sns) request(l notice.Letter, at time.Time) (outbound.Request, error) {
	if l.Channel != notice.Text {
		return outbound.Request{}, errChannel
	}
	form := url.Values{"Action": {"Publish"}, "Version": {version}, "PhoneNumber": {l.To}, "Message": {l.Text}}
	attribute := func(n int, name, value string) {
		prefix := "MessageAttributes.entry." + strconv.Itoa(n)
		form.Set(prefix+".Name", name)
		form.Set(prefix+".Value.DataType", "String")
		form.Set(prefix+".Value.StringValue", value)
	}
	attribute(1, "AWS.SNS.SMS.SMSType", "Transactional")
	switch {
	case strings.HasPrefix(a.s.Sender, "+"):
		attribute(2, "AWS.MM.SMS.OriginationNumber", a.s.Sender)
	case a.s.Sender != "":
		attribute(2, "AWS.SNS.SMS.SenderID", a.s.Sender)
	}
	return a.post(form, at), nil
}

// checks asks for the settings of texts, which needs the right key and the permission sns:GetSMSAttributes.
func (a sns) checks(at time.Time) []outbound.Request {
	return []outbound.Request{a.post(url.Values{"Action": {"GetSMSAttributes"}, "Version": {version}}, at)}
}

func (a sns) post(form url.Values, at time.Time) outbound.Request {
	address := a.s.base("https://sns."+a.s.Region+".amazonaws.com") + "/"
	r := outbound.Request{Method: "POST", URL: address, Body: []byte(form.Encode()), Header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
	}}
	var host string
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	signer{keyID: a.s.KeyID, key: a.s.Key, region: a.s.Region, service: "sns"}.sign(&r, host, at)
	return r
}

func (a sns) read(body []byte) said {
	var answer struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Error   struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Error"`
	}
	if xml.Unmarshal(body, &answer) != nil {
		return said{}
	}
	out := said{code: answer.Error.Code, text: answer.Error.Message}
	text := strings.ToLower(out.text)
	switch {
	case strings.HasPrefix(out.code, "OptedOut"), strings.Contains(text, "opted out"):
		out.number = notify.NumberStopped
	case strings.HasPrefix(out.code, "InvalidParameter") && strings.Contains(text, "phonenumber"):
		out.number = notify.NumberInvalid
	case strings.HasPrefix(out.code, "Thrott"), out.code == "InvalidClientTokenId", out.code == "SignatureDoesNotMatch", out.code == "RequestExpired":
		out.down = true
	}
	return out
}
