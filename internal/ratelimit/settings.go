package ratelimit

import (
	"fmt"
	"strings"
	"time"
)

// Rule names one of the limits of Settings.
type Rule string

// The rules. What each counts is the doc comment of its field in Settings.
const (
	SigninIP          Rule = "signin_ip"
	SigninAddress     Rule = "signin_address"
	SigninAddressIP   Rule = "signin_address_ip"
	SigninBurst       Rule = "signin_burst_address_ip"
	SigninBrowser     Rule = "signin_browser"
	EnrollmentIP      Rule = "enrollment_ip"
	EnrollmentAddress Rule = "enrollment_address"
	MailAddress       Rule = "mail_address"
	MailRecipient     Rule = "mail_recipient"
	ResetAddress      Rule = "reset_address"
	ResetIP           Rule = "reset_ip"
	WaysAddress       Rule = "ways_address"
	WaysIP            Rule = "ways_ip"
	CodeIP            Rule = "code_ip"
	SendIP            Rule = "send_ip"
	SendAccount       Rule = "send_account"
	SendNumber        Rule = "send_number"
	SendNumberBurst   Rule = "send_burst_number"
	BackupAccountIP   Rule = "backup_account_ip"
	SetUpIP           Rule = "set_up_ip"
	SetUpAccount      Rule = "set_up_account"
	SetUpNumber       Rule = "set_up_number"
	PasswordAccount   Rule = "password_account"
	AddAccount        Rule = "add_account"
	LostAccount       Rule = "lost_account"
	NoticeAccount     Rule = "notice_account"
	MainAccount       Rule = "main_account"
	LinkIP            Rule = "link_ip"
	PartnerIP         Rule = "partner_ip"
	ContactIP         Rule = "contact_ip"
	FlowIP            Rule = "flow_ip"
	AuthorizeIP       Rule = "authorize_ip"
	TokenIP           Rule = "token_ip"
	TokenClient       Rule = "token_client"
	PushClient        Rule = "push_client"
	FetchClient       Rule = "fetch_client"
	RegistrationIP    Rule = "registration_ip"
	DeviceIP          Rule = "device_ip"
	DeviceBrowser     Rule = "device_browser"
	DeviceAccount     Rule = "device_account"
	CIBAClient        Rule = "ciba_client"
	CIBAAccount       Rule = "ciba_account"
	CIBAMail          Rule = "ciba_mail"
	CIBAText          Rule = "ciba_text"
	CIBATextNumber    Rule = "ciba_text_number"
	CIBATextClient    Rule = "ciba_text_client"
	RequestIP         Rule = "request_ip"

	SuspectSigninIP      Rule = "suspect_signin_ip"
	SuspectSigninAddress Rule = "suspect_signin_address"
	SuspectEnrollmentIP  Rule = "suspect_enrollment_ip"
	SuspectResetIP       Rule = "suspect_reset_ip"
	SuspectContactIP     Rule = "suspect_contact_ip"
	ChallengeMailIP      Rule = "challenge_mail_ip"
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
	// SigninAddress counts sign-in attempts for one e-mail address, or for all
	// addresses of one account together, from anywhere. Those with the
	// right password count for nothing, here and in the next two.
	SigninAddress Limit `yaml:"signin_address"`
	// SigninAddressIP counts sign-in attempts for one e-mail address from one IP address.
	SigninAddressIP Limit `yaml:"signin_address_ip"`
	// SigninBurst counts the same over a short time.
	SigninBurst Limit `yaml:"signin_burst_address_ip"`
	// SigninBrowser counts sign-in attempts from one browser.
	SigninBrowser Limit `yaml:"signin_browser"`
	// EnrollmentIP counts accounts begun from one IP address.
	EnrollmentIP Limit `yaml:"enrollment_ip"`
	// EnrollmentAddress counts activation messages for one e-mail address.
	EnrollmentAddress Limit `yaml:"enrollment_address"`
	// MailAddress counts all messages to one e-mail address that somebody not signed in
	// asked for, whatever they are about. Aliases of a mailbox are one address: what
	// stands behind a "+", and dots where the provider ignores them, do not count.
	MailAddress Limit `yaml:"mail_address"`
	// MailRecipient counts the same messages to one account, whichever of its addresses
	// was typed: one person reads them all. What is more is not sent, and no page tells:
	// it would tell which addresses belong together.
	MailRecipient Limit `yaml:"mail_recipient"`
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
	// SendNumber counts one-time codes sent to one telephone number, for all accounts together.
	SendNumber Limit `yaml:"send_number"`
	// SendNumberBurst counts the same over a short time.
	SendNumberBurst Limit `yaml:"send_burst_number"`
	// BackupAccountIP counts backup codes typed for one account from one IP address.
	BackupAccountIP Limit `yaml:"backup_account_ip"`
	// SetUpIP counts codes sent to telephones that are being set up, at the wish of one IP address.
	SetUpIP Limit `yaml:"set_up_ip"`
	// SetUpAccount counts what one account asks for to set methods up: codes sent to
	// telephones and typed for them, and sets of backup codes.
	SetUpAccount Limit `yaml:"set_up_account"`
	// SetUpNumber counts codes sent to one telephone number that is being set up, by
	// whatever account: whose number it is was not proven yet.
	SetUpNumber Limit `yaml:"set_up_number"`
	// PasswordAccount counts the new passwords that one account tries to choose in the
	// settings: each tells whether it is the one in use.
	PasswordAccount Limit `yaml:"password_account"`
	// AddAccount counts messages that one account sends to e-mail addresses which are to
	// be added to it.
	AddAccount Limit `yaml:"add_account"`
	// LostAccount counts recoveries of one account that were begun because every method was lost.
	LostAccount Limit `yaml:"lost_account"`
	// NoticeAccount counts messages of one kind that tell the owner of an account what was
	// done in it by who is signed in, e.g. that other devices were signed out. What is done
	// is done all the same, and recorded; what is more than the limit is not written about.
	NoticeAccount Limit `yaml:"notice_account"`
	// MainAccount counts how often one account makes another of its addresses the main
	// one: each time, all of its addresses are told.
	MainAccount Limit `yaml:"main_account"`
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
	// PushClient counts authorization requests that one service pushed (public clients: see flow_ip).
	PushClient Limit `yaml:"push_client"`
	// FetchClient counts request objects that were fetched from the addresses of one service (request_uri), on each node by itself: whoever knows its client_id can ask for that.
	FetchClient Limit `yaml:"fetch_client"`
	// RegistrationIP counts requests of services that register themselves from one IP address.
	RegistrationIP Limit `yaml:"registration_ip"`
	// DeviceIP counts codes of devices that were typed from one IP address, right or wrong.
	DeviceIP Limit `yaml:"device_ip"`
	// DeviceBrowser counts those that were typed in one browser.
	DeviceBrowser Limit `yaml:"device_browser"`
	// DeviceAccount counts devices that were allowed to open a service with one account.
	DeviceAccount Limit `yaml:"device_account"`
	// CIBAClient counts requests of one service that people who are not in front of it confirm something, whoever they ask.
	CIBAClient Limit `yaml:"ciba_client"`
	// CIBAAccount counts those of one service to one account: each sends a mail.
	CIBAAccount Limit `yaml:"ciba_account"`
	// CIBAMail counts those of all services to one account together.
	CIBAMail Limit `yaml:"ciba_mail"`
	// CIBAText counts text messages about them to one account. Beyond it, and beyond the next two, only the mail is sent.
	CIBAText Limit `yaml:"ciba_text"`
	// CIBATextNumber counts those to one telephone number, for all accounts together.
	CIBATextNumber Limit `yaml:"ciba_text_number"`
	// CIBATextClient counts requests of one service for which a text message may be sent, whether its person has a telephone or not.
	CIBATextClient Limit `yaml:"ciba_text_client"`
	// RequestIP counts all requests of pages from one IP address, on each node by itself.
	RequestIP Limit `yaml:"request_ip"`
	// SuspectSigninIP counts wrong passwords from one IP address: from then on, signing
	// in there asks for a check of the browser.
	SuspectSigninIP Limit `yaml:"suspect_signin_ip"`
	// SuspectSigninAddress counts wrong passwords for one e-mail address: from then on,
	// signing in with it in a browser not seen before asks for the check.
	SuspectSigninAddress Limit `yaml:"suspect_signin_address"`
	// SuspectEnrollmentIP counts accounts begun from one IP address, before the next asks for the check.
	SuspectEnrollmentIP Limit `yaml:"suspect_enrollment_ip"`
	// SuspectResetIP counts requests to reset or unlock a password, and questions about
	// how somebody signed in, from one IP address, before the next asks for the check.
	SuspectResetIP Limit `yaml:"suspect_reset_ip"`
	// SuspectContactIP counts messages through the contact form from one IP address, before the next asks for the check.
	SuspectContactIP Limit `yaml:"suspect_contact_ip"`
	// ChallengeMailIP counts how often the way by e-mail is taken in place of the check, from one IP address.
	ChallengeMailIP Limit `yaml:"challenge_mail_ip"`
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
		SigninBurst:       Limit{Count: 10, Window: minute},
		SigninBrowser:     Limit{Count: 20, Window: 10 * minute},
		EnrollmentIP:      Limit{Count: 50, Window: hour},
		EnrollmentAddress: Limit{Count: 10, Window: hour},
		MailAddress:       Limit{Count: 10, Window: hour},
		MailRecipient:     Limit{Count: 20, Window: hour},
		ResetAddress:      Limit{Count: 10, Window: hour},
		ResetIP:           Limit{Count: 50, Window: hour},
		WaysAddress:       Limit{Count: 5, Window: hour},
		WaysIP:            Limit{Count: 50, Window: hour},
		CodeIP:            Limit{Count: 100, Window: 10 * minute},
		SendIP:            Limit{Count: 50, Window: 10 * minute},
		SendAccount:       Limit{Count: 15, Window: hour},
		SendNumber:        Limit{Count: 15, Window: hour},
		SendNumberBurst:   Limit{Count: 5, Window: minute},
		BackupAccountIP:   Limit{Count: 50, Window: 12 * hour, Growth: 1.1, Longest: 30 * day},
		SetUpIP:           Limit{Count: 50, Window: 10 * minute},
		SetUpAccount:      Limit{Count: 30, Window: day},
		SetUpNumber:       Limit{Count: 10, Window: day},
		PasswordAccount:   Limit{Count: 10, Window: hour},
		AddAccount:        Limit{Count: 20, Window: day},
		LostAccount:       Limit{Count: 3, Window: day},
		NoticeAccount:     Limit{Count: 5, Window: hour},
		MainAccount:       Limit{Count: 5, Window: hour},
		LinkIP:            Limit{Count: 200, Window: 10 * minute},
		PartnerIP:         Limit{Count: 600, Window: 5 * minute},
		ContactIP:         Limit{Count: 5, Window: hour},
		FlowIP:            Limit{Count: 600, Window: 5 * minute},
		AuthorizeIP:       Limit{Count: 1200, Window: 5 * minute},
		TokenIP:           Limit{Count: 300, Window: 5 * minute},
		TokenClient:       Limit{Count: 300, Window: 5 * minute},
		PushClient:        Limit{Count: 30_000, Window: 5 * minute},
		FetchClient:       Limit{Count: 600, Window: 5 * minute},
		RegistrationIP:    Limit{Count: 300, Window: hour},
		DeviceIP:          Limit{Count: 60, Window: 10 * minute},
		DeviceBrowser:     Limit{Count: 10, Window: 10 * minute},
		DeviceAccount:     Limit{Count: 20, Window: hour},
		CIBAClient:        Limit{Count: 3000, Window: 5 * minute},
		CIBAAccount:       Limit{Count: 5, Window: hour},
		CIBAMail:          Limit{Count: 10, Window: hour},
		CIBAText:          Limit{Count: 10, Window: day},
		CIBATextNumber:    Limit{Count: 10, Window: day},
		CIBATextClient:    Limit{Count: 30_000, Window: day},
		RequestIP:         Limit{Count: 3000, Window: 5 * minute},

		SuspectSigninIP:      Limit{Count: 20, Window: 10 * minute},
		SuspectSigninAddress: Limit{Count: 8, Window: hour},
		SuspectEnrollmentIP:  Limit{Count: 10, Window: hour},
		SuspectResetIP:       Limit{Count: 10, Window: hour},
		SuspectContactIP:     Limit{Count: 3, Window: hour},
		ChallengeMailIP:      Limit{Count: 10, Window: hour},
	}
	if name == "logingov" {
		s.SigninIP = Limit{Count: 20, Window: minute}
		s.SigninBrowser = Limit{Count: 5, Window: minute}
		s.SigninAddressIP = Limit{Count: 50, Window: 12 * hour, Growth: 1.1, Longest: 30 * day}
		s.SigninBurst = Limit{Count: 5, Window: minute}
		s.EnrollmentIP = Limit{Count: 20, Window: 20 * time.Second}
		s.EnrollmentAddress = Limit{Count: 20, Window: hour}
		s.MailAddress = Limit{Count: 20, Window: hour}
		s.ResetAddress = Limit{Count: 20, Window: hour}
		s.SendIP = Limit{Count: 25, Window: 5 * minute}
		s.SendAccount = Limit{Count: 10, Window: 5 * minute}
		s.SendNumberBurst = Limit{Count: 2, Window: 10 * time.Second}
		s.SendNumber = Limit{Count: 10, Window: 5 * minute}
		s.SetUpIP = Limit{Count: 25, Window: 5 * minute}
		s.SetUpAccount = Limit{Count: 20, Window: day}
		s.RequestIP = Limit{Count: 300, Window: 5 * minute}
	}
	return s
}

// OfIP reports whether the keys of a rule are IP addresses and nothing else.
func (r Rule) OfIP() bool {
	name := strings.TrimSuffix(string(r), "_ip")
	return name != string(r) && !strings.HasSuffix(name, "_address") && !strings.HasSuffix(name, "_account")
}

// limits are all limits under their names.
func (s Settings) limits() map[Rule]Limit {
	return map[Rule]Limit{
		SigninIP: s.SigninIP, SigninAddress: s.SigninAddress, SigninAddressIP: s.SigninAddressIP, SigninBurst: s.SigninBurst, SigninBrowser: s.SigninBrowser,
		EnrollmentIP: s.EnrollmentIP, EnrollmentAddress: s.EnrollmentAddress, MailAddress: s.MailAddress, MailRecipient: s.MailRecipient,
		ResetAddress: s.ResetAddress, ResetIP: s.ResetIP, WaysAddress: s.WaysAddress, WaysIP: s.WaysIP, CodeIP: s.CodeIP, SendIP: s.SendIP, SendAccount: s.SendAccount,
		SendNumber: s.SendNumber, SendNumberBurst: s.SendNumberBurst, BackupAccountIP: s.BackupAccountIP,
		SetUpIP: s.SetUpIP, SetUpAccount: s.SetUpAccount, SetUpNumber: s.SetUpNumber, PasswordAccount: s.PasswordAccount, AddAccount: s.AddAccount, LostAccount: s.LostAccount,
		NoticeAccount: s.NoticeAccount, MainAccount: s.MainAccount, LinkIP: s.LinkIP, PartnerIP: s.PartnerIP, ContactIP: s.ContactIP,
		FlowIP: s.FlowIP, AuthorizeIP: s.AuthorizeIP, TokenIP: s.TokenIP, TokenClient: s.TokenClient, PushClient: s.PushClient, FetchClient: s.FetchClient, DeviceIP: s.DeviceIP, DeviceBrowser: s.DeviceBrowser, DeviceAccount: s.DeviceAccount, CIBAClient: s.CIBAClient, CIBAAccount: s.CIBAAccount, CIBAMail: s.CIBAMail, CIBAText: s.CIBAText, CIBATextNumber: s.CIBATextNumber, CIBATextClient: s.CIBATextClient, RegistrationIP: s.RegistrationIP, RequestIP: s.RequestIP,
		SuspectSigninIP: s.SuspectSigninIP, SuspectSigninAddress: s.SuspectSigninAddress, SuspectEnrollmentIP: s.SuspectEnrollmentIP,
		SuspectResetIP: s.SuspectResetIP, SuspectContactIP: s.SuspectContactIP, ChallengeMailIP: s.ChallengeMailIP,
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
		SigninIP, SigninAddress, SigninAddressIP, SigninBurst, SigninBrowser, EnrollmentIP, EnrollmentAddress, MailAddress, MailRecipient, ResetAddress, ResetIP, WaysAddress, WaysIP,
		CodeIP, SendIP, SendAccount, SendNumber, SendNumberBurst, BackupAccountIP, SetUpIP, SetUpAccount, SetUpNumber, PasswordAccount, AddAccount, LostAccount, NoticeAccount, MainAccount, LinkIP, PartnerIP, ContactIP, FlowIP, AuthorizeIP, TokenIP, TokenClient, PushClient, FetchClient, DeviceIP, DeviceBrowser, DeviceAccount, CIBAClient, CIBAAccount, CIBAMail, CIBAText, CIBATextNumber, CIBATextClient, RegistrationIP, RequestIP,
		SuspectSigninIP, SuspectSigninAddress, SuspectEnrollmentIP, SuspectResetIP, SuspectContactIP, ChallengeMailIP,
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
