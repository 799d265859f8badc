package ratelimit

import (
	"fmt"
	"time"
)

// Rule names one of the limits of Settings.
type Rule string

// The rules. What each counts is the doc comment of its field in Settings.
const (
	SigninIP          Rule = "signin_ip"
	SigninAddress     Rule = "signin_address"
	SigninAddressIP   Rule = "signin_address_ip"
	SigninBrowser     Rule = "signin_browser"
	EnrollmentIP      Rule = "enrollment_ip"
	EnrollmentAddress Rule = "enrollment_address"
	MailAddress       Rule = "mail_address"
	ResetAddress      Rule = "reset_address"
	ResetIP           Rule = "reset_ip"
	WaysAddress       Rule = "ways_address"
	WaysIP            Rule = "ways_ip"
	CodeIP            Rule = "code_ip"
	SendIP            Rule = "send_ip"
	SendAccount       Rule = "send_account"
	SetUpAccount      Rule = "set_up_account"
	SetUpNumber       Rule = "set_up_number"
	LinkIP            Rule = "link_ip"
	PartnerIP         Rule = "partner_ip"
	ContactIP         Rule = "contact_ip"
	FlowIP            Rule = "flow_ip"
	AuthorizeIP       Rule = "authorize_ip"
	TokenIP           Rule = "token_ip"
	TokenClient       Rule = "token_client"
	RequestIP         Rule = "request_ip"
)

// Limit is how often something may happen in a window of time.
type Limit struct {
	// Count is how often it may happen in one window. 0 switches the limit off.
	Count int64 `yaml:"count"`
	// Window is the length of the window, which begins with the first time.
	Window time.Duration `yaml:"window"`
	// Growth makes the window longer by this factor with each time, up to
	// longest; 0 or 1: it does not grow.
	Growth float64 `yaml:"growth"`
	// Longest is where growth ends.
	Longest time.Duration `yaml:"longest"`
}

// Settings are all limits. A key is counted in each rule by itself.
type Settings struct {
	// SigninIP counts sign-in attempts from one IP address.
	SigninIP Limit `yaml:"signin_ip"`
	// SigninAddress counts sign-in attempts for one e-mail address, from anywhere.
	SigninAddress Limit `yaml:"signin_address"`
	// SigninAddressIP counts sign-in attempts for one e-mail address from one IP address.
	SigninAddressIP Limit `yaml:"signin_address_ip"`
	// SigninBrowser counts sign-in attempts from one browser.
	SigninBrowser Limit `yaml:"signin_browser"`
	// EnrollmentIP counts accounts begun from one IP address.
	EnrollmentIP Limit `yaml:"enrollment_ip"`
	// EnrollmentAddress counts activation messages for one e-mail address.
	EnrollmentAddress Limit `yaml:"enrollment_address"`
	// MailAddress counts all messages to one e-mail address that somebody not signed in asked for.
	MailAddress Limit `yaml:"mail_address"`
	// ResetAddress counts requests to reset or unlock a password for one e-mail address.
	ResetAddress Limit `yaml:"reset_address"`
	// ResetIP counts requests to reset or unlock a password from one IP address.
	ResetIP Limit `yaml:"reset_ip"`
	// WaysAddress counts questions about how somebody signed in, for one e-mail address.
	WaysAddress Limit `yaml:"ways_address"`
	// WaysIP counts questions about how somebody signed in, from one IP address.
	WaysIP Limit `yaml:"ways_ip"`
	// CodeIP counts codes typed from one IP address.
	CodeIP Limit `yaml:"code_ip"`
	// SendIP counts one-time codes sent at the wish of one IP address.
	SendIP Limit `yaml:"send_ip"`
	// SendAccount counts one-time codes sent for one account, by every way.
	SendAccount Limit `yaml:"send_account"`
	// SetUpAccount counts what one account asks for to set methods up: codes sent to
	// telephones and typed for them, and sets of backup codes.
	SetUpAccount Limit `yaml:"set_up_account"`
	// SetUpNumber counts codes sent to one telephone number that is being set up, by
	// whatever account: whose number it is was not proven yet.
	SetUpNumber Limit `yaml:"set_up_number"`
	// LinkIP counts links of messages opened from one IP address.
	LinkIP Limit `yaml:"link_ip"`
	// PartnerIP counts, for one IP address, answers of sign-in partners that no journey of
	// their browser waits for, those that a partner lets a browser post, and notices of
	// partners that are refused.
	PartnerIP Limit `yaml:"partner_ip"`
	// ContactIP counts messages through the contact form from one IP address.
	ContactIP Limit `yaml:"contact_ip"`
	// FlowIP counts sign-in journeys begun from one IP address.
	FlowIP Limit `yaml:"flow_ip"`
	// AuthorizeIP counts authorization requests from one IP address.
	AuthorizeIP Limit `yaml:"authorize_ip"`
	// TokenIP counts refused requests of services from one IP address.
	TokenIP Limit `yaml:"token_ip"`
	// TokenClient counts refused requests in the name of one service.
	TokenClient Limit `yaml:"token_client"`
	// RequestIP counts all requests of pages from one IP address, on each node by itself.
	RequestIP Limit `yaml:"request_ip"`
}

const (
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * time.Hour
)

// Preset is the limits of a named deployment: "logingov" has the numbers that
// Login.gov publishes in its configuration where it has such a limit.
func Preset(name string) Settings {
	s := Settings{
		SigninIP:          Limit{Count: 100, Window: 5 * minute},
		SigninAddress:     Limit{Count: 50, Window: 12 * hour},
		SigninAddressIP:   Limit{Count: 20, Window: 10 * minute},
		SigninBrowser:     Limit{Count: 20, Window: 10 * minute},
		EnrollmentIP:      Limit{Count: 50, Window: hour},
		EnrollmentAddress: Limit{Count: 10, Window: hour},
		MailAddress:       Limit{Count: 10, Window: hour},
		ResetAddress:      Limit{Count: 10, Window: hour},
		ResetIP:           Limit{Count: 50, Window: hour},
		WaysAddress:       Limit{Count: 5, Window: hour},
		WaysIP:            Limit{Count: 50, Window: hour},
		CodeIP:            Limit{Count: 100, Window: 10 * minute},
		SendIP:            Limit{Count: 50, Window: 10 * minute},
		SendAccount:       Limit{Count: 15, Window: hour},
		SetUpAccount:      Limit{Count: 30, Window: day},
		SetUpNumber:       Limit{Count: 10, Window: day},
		LinkIP:            Limit{Count: 200, Window: 10 * minute},
		PartnerIP:         Limit{Count: 600, Window: 5 * minute},
		ContactIP:         Limit{Count: 5, Window: hour},
		FlowIP:            Limit{Count: 600, Window: 5 * minute},
		AuthorizeIP:       Limit{Count: 1200, Window: 5 * minute},
		TokenIP:           Limit{Count: 300, Window: 5 * minute},
		TokenClient:       Limit{Count: 300, Window: 5 * minute},
		RequestIP:         Limit{Count: 3000, Window: 5 * minute},
	}
	if name == "logingov" {
		s.SigninIP = Limit{Count: 20, Window: minute}
		s.SigninBrowser = Limit{Count: 5, Window: minute}
		s.SigninAddressIP = Limit{Count: 50, Window: 12 * hour, Growth: 1.1, Longest: 30 * day}
		s.EnrollmentIP = Limit{Count: 20, Window: 20 * time.Second}
		s.EnrollmentAddress = Limit{Count: 20, Window: hour}
		s.MailAddress = Limit{Count: 20, Window: hour}
		s.ResetAddress = Limit{Count: 20, Window: hour}
		s.SendIP = Limit{Count: 25, Window: 5 * minute}
		s.SendAccount = Limit{Count: 10, Window: 5 * minute}
		s.RequestIP = Limit{Count: 300, Window: 5 * minute}
	}
	return s
}

// limits are all limits under their names.
func (s Settings) limits() map[Rule]Limit {
	return map[Rule]Limit{
		SigninIP: s.SigninIP, SigninAddress: s.SigninAddress, SigninAddressIP: s.SigninAddressIP, SigninBrowser: s.SigninBrowser,
		EnrollmentIP: s.EnrollmentIP, EnrollmentAddress: s.EnrollmentAddress, MailAddress: s.MailAddress,
		ResetAddress: s.ResetAddress, ResetIP: s.ResetIP, WaysAddress: s.WaysAddress, WaysIP: s.WaysIP, CodeIP: s.CodeIP, SendIP: s.SendIP, SendAccount: s.SendAccount,
		SetUpAccount: s.SetUpAccount, SetUpNumber: s.SetUpNumber,
		LinkIP: s.LinkIP, PartnerIP: s.PartnerIP, ContactIP: s.ContactIP,
		FlowIP: s.FlowIP, AuthorizeIP: s.AuthorizeIP, TokenIP: s.TokenIP, TokenClient: s.TokenClient, RequestIP: s.RequestIP,
	}
}

// limit is the limit of a rule. It is asked for with every request, so it makes no map.
func (s *Settings) limit(rule Rule) (Limit, bool) {
	switch rule {
	case RequestIP:
		return s.RequestIP, true
	case AuthorizeIP:
		return s.AuthorizeIP, true
	default:
		l, ok := s.limits()[rule]
		return l, ok
	}
}

// rules are the names in the order of Settings.
func rules() []Rule {
	return []Rule{
		SigninIP, SigninAddress, SigninAddressIP, SigninBrowser, EnrollmentIP, EnrollmentAddress, MailAddress, ResetAddress, ResetIP, WaysAddress, WaysIP,
		CodeIP, SendIP, SendAccount, SetUpAccount, SetUpNumber, LinkIP, PartnerIP, ContactIP, FlowIP, AuthorizeIP, TokenIP, TokenClient, RequestIP,
	}
}

// Problems are all reasons why these settings cannot be used, each with what to change.
func (s Settings) Problems() []string {
	var out []string
	all := s.limits()
	for _, rule := range rules() {
		l := all[rule]
		if l.Count < 0 {
			out = append(out, fmt.Sprintf("%s.count is %d: set it to 1 or more, or to 0 to switch the limit off", rule, l.Count))
		}
		if l.Count > 0 && (l.Window < time.Second || l.Window > 31*day) {
			out = append(out, fmt.Sprintf("%s.window is %s: set it between 1s and 744h", rule, l.Window))
		}
		if l.Growth != 0 && (l.Growth < 1 || l.Growth > 2) {
			out = append(out, fmt.Sprintf("%s.growth is %g: set it between 1 and 2", rule, l.Growth))
		}
		if l.Growth > 1 && (l.Longest < l.Window || l.Longest > 366*day) {
			out = append(out, fmt.Sprintf("%s.longest is %s: set it between the window and 8784h", rule, l.Longest))
		}
	}
	return out
}
