package signinui

import (
	"strings"

	"parvis/internal/account"
	"parvis/internal/enrollment"
	"parvis/internal/policy"
	"parvis/internal/recovery"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// The forms of the journeys. Each reads itself from what was posted and notes
// what is missing; what an address or a password must be is the domains' rule.

// readSignIn reads the form sign-in.
func readSignIn(f *kit.Form) signin.PasswordForm {
	in := signin.PasswordForm{Address: strings.TrimSpace(f.Get("email")), Password: f.Get("password")}
	if in.Address == "" {
		f.Fail("email", "sign-in.error.email")
	}
	if in.Password == "" {
		f.Fail("password", "sign-in.error.password")
	}
	return in
}

// readCreate reads the form create-account; the mails speak the page's language.
func readCreate(f *kit.Form, locale string) enrollment.AddressForm {
	in := enrollment.AddressForm{Address: strings.TrimSpace(f.Get("email")), Locale: locale, Terms: f.Has("terms")}
	if _, err := account.ParseAddress(in.Address); err != nil && !in.Terms {
		f.FailWith(err) // at once with the terms, else the journey says it
	}
	if !in.Terms {
		f.Fail("terms", "create-account.error.terms")
	}
	return in
}

// readAddress reads the forms forgot-password and unlock.
func readAddress(f *kit.Form) string {
	address := strings.TrimSpace(f.Get("email"))
	if address == "" {
		f.Fail("email", "sign-in.error.email")
	}
	return address
}

// readCode reads a typed code: spaces and dashes are what people add.
func readCode(f *kit.Form) string {
	code := secret.CleanCode(strings.TrimSpace(f.Get("code")))
	if code == "" {
		f.Fail("code", "confirm-email.error.code")
	}
	return code
}

// readPassword reads the form choose-password. The password is never trimmed:
// a space is a character like any other.
func readPassword(f *kit.Form) string {
	password := f.Get("password")
	if password == "" {
		f.Fail("password", "choose-password.error.empty")
	}
	return password
}

// readReset reads the form reset-password.
func readReset(f *kit.Form) recovery.PasswordForm {
	return recovery.PasswordForm{Password: readPassword(f), EndSessions: f.Has("end-sessions")}
}

// readProof reads the typed code of a method; how it is written is the journey's rule.
func readProof(f *kit.Form) string {
	code := strings.TrimSpace(f.Get("code"))
	if code == "" {
		f.Fail("code", "second-step.error.code")
	}
	return code
}

// readPhone reads the form set-up-phone; what a number must be is the journey's rule.
func readPhone(f *kit.Form, suggest string) stepup.PhoneForm {
	in := stepup.PhoneForm{
		Number: strings.TrimSpace(f.Get("number")), Channel: policy.Method(f.Get("channel")), Name: strings.TrimSpace(f.Get("name")), Suggest: suggest,
	}
	if in.Number == "" {
		f.Fail("number", "set-up-phone.error.number")
	}
	if in.Channel != policy.Text && in.Channel != policy.Voice {
		f.Fail("channel", "set-up-phone.error.channel")
	}
	return in
}
