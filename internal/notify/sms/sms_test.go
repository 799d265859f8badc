package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/outbound"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const (
	serviceID = "26785a09-ab16-4eb0-8407-a37497a57506"
	secretID  = "3d844edf-8d35-48ac-975b-e847b4f122b0"
	english   = "f33517ff-2a88-4f6e-b855-c550268ce08a"
	french    = "0e2c8f6b-5a0f-4d5b-9c1a-0a1b2c3d4e5f"
	webKey    = "0123456789abcdef0123456789abcdef"
)

// settings of each provider, without its address.
func settings(p Provider) Settings {
	switch p {
	case GCNotify, GOVUKNotify:
		return Settings{Provider: p, Key: "live-" + serviceID + "-" + secretID, Templates: i18n.Text{"en": english, "fr": french}}
	case Twilio:
		return Settings{Provider: p, Account: "AC0123456789abcdef0123456789abcdef", Key: "auth token", Sender: "+15550100100", Calls: true}
	case SNS:
		return Settings{Provider: p, KeyID: "AKIDEXAMPLE", Key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Region: "ca-central-1", Sender: "Parvis"}
	default:
		return Settings{Provider: Webhook, Key: webKey, Calls: true}
	}
}

func providers() []Provider { return []Provider{GCNotify, GOVUKNotify, Twilio, SNS, Webhook} }

// got is a request as a provider receives it.
type got struct {
	method, path, host string
	header             http.Header
	body               []byte
}

// desk is a provider's server: it answers each request with what answer says.
type desk struct {
	mu     sync.Mutex
	got    []got
	answer func(w http.ResponseWriter, r got)
	silent bool // it never answers
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g := got{r.Method, r.URL.RequestURI(), r.Host, r.Header, body}
	d.mu.Lock()
	d.got = append(d.got, g)
	answer := d.answer
	d.mu.Unlock()
	if d.silent {
		<-r.Context().Done()
		return
	}
	answer(w, g)
}

func (d *desk) last() got {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got[len(d.got)-1]
}

// says answers with a status and a body.
func says(status int, body string) func(http.ResponseWriter, got) {
	return func(w http.ResponseWriter, _ got) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// open runs a provider's server and a transport that speaks to it.
func open(t *testing.T, s Settings, d *desk) *Transport {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	limits := outbound.Preset("parvis")
	limits.Allow, limits.Timeout = []string{"127.0.0.0/8"}, 30*time.Second
	if d.silent {
		limits.Timeout = 500 * time.Millisecond
	}
	client, err := outbound.New(limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.URL = server.URL
	if p := s.Problems(); len(p) != 0 {
		t.Fatal(p)
	}
	tr, err := New(s, client, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func text(lang string) notice.Letter {
	return notice.Letter{
		ID: "MESSAGE", Channel: notice.Text, Kind: notice.KindOneTimeCode, To: "+14165550142", Lang: lang,
		Text: "Parvis: your one-time code is 402917.\n@signin.example.org #402917", Codes: []string{"402917"},
	}
}

func call(lang string) notice.Letter {
	l := text(lang)
	l.Channel, l.Script = notice.Voice, []notice.Phrase{{Say: "Jean & Cie <oui>", Pause: 1}, {Say: "4", Pause: 2}, {Say: "Au revoir."}}
	return l
}

// authorized checks, as each provider does, that a request shows the right key.
func authorized(t *testing.T, p Provider, r got) {
	t.Helper()
	authorization := r.header.Get("Authorization")
	switch p {
	case GCNotify:
		if authorization != "ApiKey-v1 "+secretID {
			t.Errorf("key: %q", authorization)
		}
	case GOVUKNotify:
		token, ok := strings.CutPrefix(authorization, "Bearer ")
		parts := strings.Split(token, ".")
		if !ok || len(parts) != 3 {
			t.Fatalf("token: %q", authorization)
		}
		mac := hmac.New(sha256.New, []byte(secretID))
		mac.Write([]byte(parts[0] + "." + parts[1]))
		if parts[2] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
			t.Error("the token's signature is wrong")
		}
		var head, claims map[string]any
		for i, into := range []*map[string]any{&head, &claims} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err != nil || json.Unmarshal(raw, into) != nil {
				t.Fatal(err)
			}
		}
		if head["alg"] != "HS256" || claims["iss"] != serviceID || claims["iat"] != float64(at.Unix()) {
			t.Errorf("%v %v", head, claims)
		}
	case Twilio:
		if authorization != "Basic "+base64.StdEncoding.EncodeToString([]byte("AC0123456789abcdef0123456789abcdef:auth token")) {
			t.Errorf("key: %q", authorization)
		}
	case SNS:
		signed := outbound.Request{Method: r.method, Body: r.body, Header: map[string]string{"Content-Type": r.header.Get("Content-Type")}}
		s := settings(SNS)
		signer{s.KeyID, s.Key, s.Region, "sns"}.sign(&signed, r.host, at)
		if authorization != signed.Header["Authorization"] || r.header.Get("X-Amz-Date") != "20260304T050607Z" {
			t.Errorf("signature: %q", authorization)
		}
	default:
		mac := hmac.New(sha256.New, []byte(webKey))
		_, _ = io.WriteString(mac, strconv.FormatInt(at.Unix(), 10)+"."+string(r.body))
		if r.header.Get("Parvis-Timestamp") != "1772600767" || r.header.Get("Parvis-Signature") != "v1="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature: %v", r.header)
		}
	}
}

// accepted are answers of the providers that have taken a message.
func accepted(p Provider) func(http.ResponseWriter, got) {
	switch p {
	case GCNotify, GOVUKNotify:
		return says(201, `{"id":"740e5834-3a29-46b4-9a6f-16142fde533a","reference":"MESSAGE","content":{"body":"x","from_number":"PARVIS"},"uri":"https://x","template":{"id":"`+english+`","version":1,"uri":"https://x"}}`)
	case Twilio:
		return says(201, `{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued","error_code":null,"error_message":null}`)
	case SNS:
		return says(200, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult><ResponseMetadata><RequestId>d74b8436-ae13-5ab4-a9ff-ce54dfea72a0</RequestId></ResponseMetadata></PublishResponse>`)
	default:
		return says(204, "")
	}
}

func TestATextGoesToEachProviderAsItsInterfaceAsks(t *testing.T) {
	for _, p := range providers() {
		t.Run(string(p), func(t *testing.T) {
			d := &desk{answer: accepted(p)}
			tr := open(t, settings(p), d)
			if err := tr.Deliver(t.Context(), text("fr")); err != nil {
				t.Fatal(err)
			}
			r := d.last()
			authorized(t, p, r)
			if r.method != "POST" {
				t.Error(r.method)
			}
			l := text("fr")
			form, _ := url.ParseQuery(string(r.body))
			var body map[string]any
			_ = json.Unmarshal(r.body, &body) // forms are none
			switch p {
			case GCNotify, GOVUKNotify:
				values, _ := body["personalisation"].(map[string]any)
				if r.path != "/v2/notifications/sms" || body["phone_number"] != l.To || body["template_id"] != french || body["reference"] != "MESSAGE" ||
					values["message"] != l.Text || values["code"] != "402917" || r.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %v", r.path, body)
				}
			case Twilio:
				if r.path != "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json" || form.Get("To") != l.To ||
					form.Get("From") != "+15550100100" || form.Get("Body") != l.Text || form.Has("MessagingServiceSid") {
					t.Errorf("%s %v", r.path, form)
				}
			case SNS:
				if r.path != "/" || form.Get("Action") != "Publish" || form.Get("Version") != "2010-03-31" || form.Get("PhoneNumber") != l.To ||
					form.Get("Message") != l.Text || form.Get("MessageAttributes.entry.1.Value.StringValue") != "Transactional" ||
					form.Get("MessageAttributes.entry.2.Name") != "AWS.SNS.SMS.SenderID" || form.Get("MessageAttributes.entry.2.Value.StringValue") != "Parvis" {
					t.Errorf("%s %v", r.path, form)
				}
			default:
				if body["id"] != "MESSAGE" || body["channel"] != "text" || body["to"] != l.To || body["language"] != "fr" || body["text"] != l.Text || body["script"] != nil {
					t.Errorf("%v", body)
				}
			}
		})
	}
}

func TestOtherSendersAndKeysOfTheProviders(t *testing.T) {
	d := &desk{answer: accepted(Twilio)}
	s := settings(Twilio)
	s.Sender, s.KeyID, s.CallsFrom = "MG0123456789abcdef0123456789abcdef", "SK0123456789abcdef0123456789abcdef", "+15550100200"
	tr := open(t, s, d)
	if err := tr.Deliver(t.Context(), text("en")); err != nil {
		t.Fatal(err)
	}
	form, _ := url.ParseQuery(string(d.last().body))
	user, password, _ := (&http.Request{Header: d.last().header}).BasicAuth()
	if form.Get("MessagingServiceSid") != s.Sender || form.Has("From") || user != s.KeyID || password != s.Key {
		t.Errorf("%v %s %s", form, user, password)
	}
	d = &desk{answer: accepted(SNS)}
	s = settings(SNS)
	s.Sender = "+15550100100"
	if err := open(t, s, d).Deliver(t.Context(), text("en")); err != nil {
		t.Fatal(err)
	}
	form, _ = url.ParseQuery(string(d.last().body))
	if form.Get("MessageAttributes.entry.2.Name") != "AWS.MM.SMS.OriginationNumber" {
		t.Errorf("%v", form)
	}
	d = &desk{answer: accepted(GOVUKNotify)}
	s = settings(GOVUKNotify)
	s.Sender = french
	if err := open(t, s, d).Deliver(t.Context(), text("en")); err != nil || !strings.Contains(string(d.last().body), `"sms_sender_id":"`+french) {
		t.Errorf("%v %s", err, d.last().body)
	}
}

func TestACallIsSpokenInThePersonsLanguageWithItsPauses(t *testing.T) {
	d := &desk{answer: accepted(Twilio)}
	if err := open(t, settings(Twilio), d).Deliver(t.Context(), call("fr")); err != nil {
		t.Fatal(err)
	}
	r := d.last()
	form, _ := url.ParseQuery(string(r.body))
	want := `<Response><Say language="fr-CA">Jean &amp; Cie &lt;oui&gt;</Say><Pause length="1"/><Say language="fr-CA">4</Say><Pause length="2"/><Say language="fr-CA">Au revoir.</Say></Response>`
	if !strings.HasSuffix(r.path, "/Calls.json") || form.Get("Twiml") != want || form.Get("From") != "+15550100100" || form.Get("To") != "+14165550142" {
		t.Errorf("%s %v", r.path, form)
	}
	if err := xml.Unmarshal([]byte(form.Get("Twiml")), new(struct{})); err != nil {
		t.Error(err)
	}
	d = &desk{answer: accepted(Webhook)}
	if err := open(t, settings(Webhook), d).Deliver(t.Context(), call("fr")); err != nil {
		t.Fatal(err)
	}
	authorized(t, Webhook, d.last())
	var body posted
	if err := json.Unmarshal(d.last().body, &body); err != nil || body.Channel != "voice" || !slices.Equal(body.Script, call("fr").Script) {
		t.Errorf("%v %+v", err, body)
	}
	for _, p := range []Provider{GCNotify, GOVUKNotify, SNS} {
		d := &desk{answer: accepted(p)}
		err := open(t, settings(p), d).Deliver(t.Context(), call("en"))
		if e, ok := errors.AsType[*notify.DeliveryError](err); !ok || !e.Permanent || len(d.got) != 0 {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestWhatAProviderAnswersDecidesWhatBecomesOfTheMessage(t *testing.T) {
	notifyError := func(status int, kind, message string) func(http.ResponseWriter, got) {
		return says(status, `{"errors":[{"error":"`+kind+`","message":"`+message+`"}],"status_code":`+strconv.Itoa(status)+`}`)
	}
	twilioError := func(status, code int) func(http.ResponseWriter, got) {
		return says(status, `{"code":`+strconv.Itoa(code)+`,"message":"The 'To' number +14165550142 is not one","more_info":"https://www.twilio.com/docs/errors/`+strconv.Itoa(code)+`","status":`+strconv.Itoa(status)+`}`)
	}
	snsError := func(status int, code, message string) func(http.ResponseWriter, got) {
		return says(status, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>`+code+`</Code><Message>`+message+`</Message></Error><RequestId>d74b8436-ae13-5ab4-a9ff-ce54dfea72a0</RequestId></ErrorResponse>`)
	}
	type want struct {
		permanent, down bool
		number          notify.NumberState
		code            string
		after           time.Duration
	}
	refused := func(code string) want { return want{permanent: true, code: code} }
	down := func(code string) want { return want{down: true, code: code} }
	number := func(n notify.NumberState, code string) want { return want{permanent: true, number: n, code: code} }
	for _, c := range []struct {
		name     string
		provider Provider
		answer   func(http.ResponseWriter, got)
		want     want
	}{
		{"not a number", GCNotify, notifyError(400, "ValidationError", "phone_number Not a valid international number"), number(notify.NumberInvalid, "400 ValidationError")},
		{"not a number", GOVUKNotify, notifyError(400, "ValidationError", "phone_number Not enough digits"), number(notify.NumberInvalid, "400 ValidationError")},
		{"abroad", GOVUKNotify, notifyError(400, "BadRequestError", "Cannot send to international mobile numbers"), number(notify.NumberUnreachable, "400 BadRequestError")},
		{"not on the list of a trial", GOVUKNotify, notifyError(400, "BadRequestError", "Can’t send to this recipient when service is in trial mode"), refused("400 BadRequestError")},
		{"no such template", GCNotify, notifyError(400, "BadRequestError", "Template not found"), down("400 BadRequestError")},
		{"wrong template", GOVUKNotify, notifyError(400, "BadRequestError", "Missing personalisation: name"), down("400 BadRequestError")},
		{"wrong key", GCNotify, notifyError(403, "AuthError", "Invalid token"), down("403 AuthError")},
		{"too fast", GOVUKNotify, func(w http.ResponseWriter, r got) {
			w.Header().Set("Retry-After", "30")
			notifyError(429, "RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds")(w, r)
		}, want{down: true, code: "429 RateLimitError", after: 30 * time.Second}},
		{"too many today", GCNotify, notifyError(429, "LiveServiceTooManySMSRequestsError", "Exceeded SMS send limit"), down("429 LiveServiceTooManySMSRequestsError")},
		{"broken", GCNotify, says(500, `{"errors":[{"error":"Exception","message":"Internal server error"}],"status_code":500}`), want{code: "500 Exception"}},

		{"not a number", Twilio, twilioError(400, 21211), number(notify.NumberInvalid, "400 21211")},
		{"answered STOP", Twilio, twilioError(400, 21610), number(notify.NumberStopped, "400 21610")},
		{"a landline", Twilio, twilioError(400, 21614), number(notify.NumberUnreachable, "400 21614")},
		{"a country that is not allowed", Twilio, twilioError(400, 21408), number(notify.NumberUnreachable, "400 21408")},
		{"our sender is not ours", Twilio, twilioError(400, 21606), down("400 21606")},
		{"wrong key", Twilio, twilioError(401, 20003), down("401 20003")},
		{"too fast", Twilio, twilioError(429, 20429), down("429 20429")},
		{"too long", Twilio, twilioError(400, 21617), refused("400 21617")},
		{"not there", Twilio, func(w http.ResponseWriter, _ got) {
			w.Header().Set("Retry-After", "Wed, 04 Mar 2026 05:08:07 GMT")
			w.WriteHeader(503)
		}, want{down: true, code: "503", after: 2 * time.Minute}},

		{"not a number", SNS, snsError(400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +000 is not valid to publish to"), number(notify.NumberInvalid, "400 InvalidParameter")},
		{"opted out", SNS, snsError(400, "OptedOut", "Phone number is opted out"), number(notify.NumberStopped, "400 OptedOut")},
		{"another parameter", SNS, snsError(400, "InvalidParameter", "Invalid parameter: Message too long"), refused("400 InvalidParameter")},
		{"too fast", SNS, snsError(400, "Throttling", "Rate exceeded"), down("400 Throttling")},
		{"too fast, as documented", SNS, snsError(429, "Throttled", "Rate exceeded"), down("429 Throttled")},
		{"wrong key", SNS, snsError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"), down("403 SignatureDoesNotMatch")},
		{"not allowed", SNS, snsError(403, "AuthorizationError", "not authorized to perform: SNS:Publish"), down("403 AuthorizationError")},
		{"broken", SNS, snsError(500, "InternalError", "x"), want{code: "500 InternalError"}},

		{"stopped", Webhook, says(422, `{"error":"stopped"}`), number(notify.NumberStopped, "422 stopped")},
		{"invalid", Webhook, says(400, `{"error":"invalid"}`), number(notify.NumberInvalid, "400 invalid")},
		{"unreachable", Webhook, says(409, `{"error":"unreachable","message":"landline"}`), number(notify.NumberUnreachable, "409 unreachable")},
		{"wrong", Webhook, says(400, `{"error":"what <b>is</b> +14165550142"}`), refused("400 whatbisb")},
		{"a redirect", Webhook, func(w http.ResponseWriter, _ got) {
			w.Header().Set("Location", "https://example.org/")
			w.WriteHeader(302)
		}, down("302")},
		{"not JSON", Webhook, says(502, "<html>Bad gateway</html>"), down("502")},
		{"endless", Webhook, func(w http.ResponseWriter, _ got) { _, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) }, down("too large")},
		{"silent", Webhook, nil, down("timeout")},
		{"gone", Webhook, func(http.ResponseWriter, got) { panic(http.ErrAbortHandler) }, down("unreachable")},
	} {
		t.Run(string(c.provider)+" "+c.name, func(t *testing.T) {
			err := open(t, settings(c.provider), &desk{answer: c.answer, silent: c.answer == nil}).Deliver(t.Context(), text("en"))
			e, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok {
				t.Fatal(err)
			}
			if have := (want{e.Permanent, e.Down, e.Number, e.Code, e.After}); have != c.want {
				t.Errorf("%+v, want %+v", have, c.want)
			}
			if strings.Contains(err.Error(), "auth token") || strings.Contains(err.Error(), secretID) || strings.Contains(err.Error(), webKey) {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

func TestAProviderIsCheckedWithoutSendingAnything(t *testing.T) {
	for _, p := range providers() {
		d := &desk{answer: says(200, "{}")}
		tr := open(t, settings(p), d)
		if err := tr.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		for _, r := range d.got {
			authorized(t, p, r)
			if strings.Contains(string(r.body), "402917") || strings.Contains(string(r.body), "Publish") || p != SNS && p != Webhook && r.method != "GET" {
				t.Errorf("%s: %s %s %s", p, r.method, r.path, r.body)
			}
		}
		if (p == GCNotify || p == GOVUKNotify) && (len(d.got) != 2 || d.got[0].path != "/v2/template/"+english) {
			t.Errorf("%s: %v", p, d.got)
		}
		d.answer = says(403, `{"errors":[{"error":"AuthError","message":"Invalid token: service not found"}],"status_code":403}`)
		if err := tr.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	if p := Preset("parvis").Problems(); len(p) != 0 {
		t.Error(p)
	}
	for _, p := range providers() {
		s := settings(p)
		if p == Webhook {
			s.URL = "https://sms.example.org/parvis"
		}
		if list := s.Problems(); len(list) != 0 {
			t.Errorf("%s: %q", p, list)
		}
		s.KeyFile, s.Key = "", ""
		if list := s.Problems(); len(list) != 1 || !strings.HasPrefix(list[0], "key_file") {
			t.Errorf("%s without a key: %q", p, list)
		}
	}
	for key, change := range map[string]func() Settings{
		"provider: choose": func() Settings { return Settings{Key: "x"} },
		"provider: \"pig":  func() Settings { return Settings{Provider: "pigeon", Key: "x"} },
		"url: \"sms":       func() Settings { s := settings(Twilio); s.URL = "sms.example.org"; return s },
		"url: give":        func() Settings { return settings(Webhook) },
		"key: it does":     func() Settings { s := settings(GCNotify); s.Key = secretID; return s },
		"key: it has":      func() Settings { return Settings{Provider: Webhook, URL: "https://x.example", Key: "short"} },
		"templates.fr: ":   func() Settings { s := settings(GCNotify); s.Templates = i18n.Text{"en": english, "fr": "x"}; return s },
		"sender: \"Par":    func() Settings { s := settings(GOVUKNotify); s.Sender = "Parvis"; return s },
		"calls: ":          func() Settings { s := settings(SNS); s.Calls = true; return s },
		"account: ":        func() Settings { s := settings(Twilio); s.Account = "../x"; return s },
		"sender: \"\"":     func() Settings { s := settings(Twilio); s.Sender = ""; return s },
		"calls_from: \"5":  func() Settings { s := settings(Twilio); s.CallsFrom = "555"; return s },
		"calls_from: give": func() Settings { s := settings(Twilio); s.Sender = "MG0"; return s },
		"key_id: ":         func() Settings { s := settings(SNS); s.KeyID = ""; return s },
		"region: ":         func() Settings { s := settings(SNS); s.Region = "evil.example/"; return s },
	} {
		if p := change().Problems(); len(p) != 1 || !strings.HasPrefix(p[0], key) {
			t.Errorf("%s: %q", key, p)
		}
	}
	if _, err := New(Settings{Provider: "pigeon"}, nil, nil); err == nil {
		t.Error("a transport of no provider")
	}
}

func FuzzWhatAProviderSaysNeverPanics(f *testing.F) {
	for _, s := range []string{"", "{}", `{"errors":[{}]}`, `{"code":21610}`, "<ErrorResponse><Error><Code>x</Code></Error></ErrorResponse>", `{"error":"stopped"}`, "\xff"} {
		f.Add([]byte(s))
	}
	all := []provider{notifyAPI{settings(GCNotify)}, notifyAPI{settings(GOVUKNotify)}, twilio{settings(Twilio)}, sns{settings(SNS)}, webhook{settings(Webhook)}}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range all {
			said := p.read(body)
			if c := word(said.code); len(c) > 63 || strings.ContainsAny(c, " \r\n<>+") {
				t.Errorf("%q", c)
			}
			if len(bounded(said.text, 200)) > 203 {
				t.Error("too many words")
			}
		}
	})
}
