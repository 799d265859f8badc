package sms

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"parvis/internal/i18n"
)

// Provider is who takes over texts and calls.
type Provider string

// The providers.
const (
	None        Provider = ""
	GCNotify    Provider = "gcnotify"    // Government of Canada: notification.canada.ca
	GOVUKNotify Provider = "govuknotify" // United Kingdom: notifications.service.gov.uk
	Twilio      Provider = "twilio"      // Twilio, and those that speak its interface; texts and calls
	SNS         Provider = "sns"         // AWS Simple Notification Service
	Webhook     Provider = "webhook"     // a service of your own; texts and calls
)

// Settings say how one-time codes go out as text messages and calls.
type Settings struct {
	// Provider takes texts over: gcnotify, govuknotify, twilio, sns or webhook; empty means that codes by text and call are not offered.
	Provider Provider `yaml:"provider"`
	// URL is the address of the provider's interface; empty means its usual one. A webhook needs it.
	URL string `yaml:"url"`
	// Account is the account at the provider: the Account SID of twilio.
	Account string `yaml:"account"`
	// KeyID names the key: the access key id of sns; the SID of an API key of twilio, when it is not the account's own token.
	KeyID string `yaml:"key_id"`
	// Key is the provider's secret: API key, auth token, secret access key, or the secret that a webhook's calls are signed with. Prefer key_file.
	Key string `yaml:"key" secret:"true"`
	// KeyFile is a file whose first line is the key.
	KeyFile string `yaml:"key_file"`
	// Sender is who texts come from: a number as +15551234567 or a messaging service (MG…) of twilio, the name or number of sns, the id of a text message sender of gcnotify or govuknotify. Empty means the provider's default, where it has one.
	Sender string `yaml:"sender"`
	// Templates are the ids of the templates of gcnotify and govuknotify, per language. A template holds ((message)) and nothing else.
	Templates i18n.Text `yaml:"templates"`
	// Region is where sns is called, for example ca-central-1.
	Region string `yaml:"region"`
	// Calls offers codes by voice call, too: with twilio or a webhook.
	Calls bool `yaml:"calls"`
	// CallsFrom is the number that calls of twilio come from; empty means that of sender.
	CallsFrom string `yaml:"calls_from"`
}

// Preset gives the settings for a deployment: no provider.
func Preset(string) Settings { return Settings{} }

// Offered reports whether texts can be sent.
func (s Settings) Offered() bool { return s.Provider != None }

// Templated reports whether the provider needs a template in each language.
func (s Settings) Templated() bool { return s.Provider == GCNotify || s.Provider == GOVUKNotify }

var (
	e164   = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)                                                                    //nolint:gochecknoglobals // a constant
	uuid   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)                          //nolint:gochecknoglobals // a constant
	twin   = regexp.MustCompile(`^.*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`) //nolint:gochecknoglobals // a constant
	sid    = regexp.MustCompile(`^AC[0-9A-Za-z-]{10,40}$`)                                                                 //nolint:gochecknoglobals // a constant
	region = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)                                                              //nolint:gochecknoglobals // a constant
)

// leastKey is how long a webhook's secret must be, in characters: 128 bits in hexadecimal.
const leastKey = 32

// Problems lists what must be changed before texts can be sent.
func (s Settings) Problems() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.Provider == None {
		if s.Key != "" || s.KeyFile != "" || s.Calls || s.Sender != "" || s.URL != "" {
			say("provider: choose gcnotify, govuknotify, twilio, sns or webhook, or leave out the other settings of texts")
		}
		return out
	}
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http") {
		say("url: %q is not an address; write it as https://sms.example.org", s.URL)
	}
	if s.Key == "" && s.KeyFile == "" {
		say("key_file: give a file with the provider's key")
	}
	if s.Calls && s.Provider != Twilio && s.Provider != Webhook {
		say("calls: %s makes no calls; choose twilio or webhook, or set it to false", s.Provider)
	}
	switch s.Provider {
	case GCNotify, GOVUKNotify:
		out = append(out, s.templateProblems()...)
	case Twilio:
		out = append(out, s.twilioProblems()...)
	case SNS:
		if s.KeyID == "" {
			say("key_id: give the access key id that belongs to the key")
		}
		if !region.MatchString(s.Region) {
			say("region: %q is not a region; write it as ca-central-1", s.Region)
		}
	case Webhook:
		if s.URL == "" {
			say("url: give the address that messages are posted to")
		}
		if s.Key != "" && len(s.Key) < leastKey {
			say("key: it has %d characters; make one of at least %d, for example with: openssl rand -hex 32", len(s.Key), leastKey)
		}
	default:
		say("provider: %q is not known; choose gcnotify, govuknotify, twilio, sns or webhook", s.Provider)
	}
	return out
}

func (s Settings) templateProblems() []string {
	var out []string
	if s.Key != "" && !twin.MatchString(s.Key) {
		out = append(out, "key: it does not end in a service id and a secret; copy the whole key, with the name before it")
	}
	for _, lang := range i18n.Langs() {
		if id := s.Templates[string(lang)]; id != "" && !uuid.MatchString(id) {
			out = append(out, fmt.Sprintf("templates.%s: %q is not the id of a template", lang, id))
		}
	}
	if s.Sender != "" && !uuid.MatchString(s.Sender) {
		out = append(out, fmt.Sprintf("sender: %q is not the id of a text message sender", s.Sender))
	}
	return out
}

func (s Settings) twilioProblems() []string {
	var out []string
	if !sid.MatchString(s.Account) {
		out = append(out, "account: give the Account SID, which begins with AC")
	}
	service := strings.HasPrefix(s.Sender, "MG")
	if !service && !e164.MatchString(s.Sender) {
		out = append(out, fmt.Sprintf("sender: %q is neither a number as +15551234567 nor a messaging service (MG…)", s.Sender))
	}
	if s.CallsFrom != "" && !e164.MatchString(s.CallsFrom) {
		out = append(out, fmt.Sprintf("calls_from: %q is not a number as +15551234567", s.CallsFrom))
	}
	if s.Calls && service && s.CallsFrom == "" {
		out = append(out, "calls_from: give the number that calls come from; a messaging service makes none")
	}
	return out
}

// base is the address of the provider's interface, without a slash at its end.
func (s Settings) base(usual string) string {
	if s.URL != "" {
		return strings.TrimSuffix(s.URL, "/")
	}
	return usual
}
