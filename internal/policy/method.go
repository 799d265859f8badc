package policy

import "slices"

// Method is one way of proving who one is.
type Method string

// The methods that Facts can hold, in the order in which they are listed to services.
const (
	Password    Method = "password"
	Email       Method = "email"        // code sent to a confirmed e-mail address
	Text        Method = "text"         // code sent to a telephone by text message
	Voice       Method = "voice"        // code spoken to a telephone
	App         Method = "app"          // authenticator app: a code of RFC 6238
	Backup      Method = "backup"       // one of a set of backup codes (look-up secret)
	Passkey     Method = "passkey"      // synced or device-bound passkey, with user verification
	SecurityKey Method = "security-key" // passkey that cannot leave its device
)

// Methods lists every method.
func Methods() []Method {
	return []Method{Password, Email, Text, Voice, App, Backup, Passkey, SecurityKey}
}

// Seconds lists the methods that can be a second step.
func Seconds() []Method { return Methods()[1:] }

// Worth is the highest level that a password and a method reach together.
//
// Sources in SP 800-63B-4: out-of-band codes 3.1.3 (not by e-mail: 3.1.3.1), one-time
// passwords 3.1.4, look-up secrets 3.1.2, syncable authenticators appendix B,
// phishing resistance 3.2.5, non-exportable keys for AAL3 2.3.
func (m Method) Worth() Level {
	switch m {
	case Password:
		return OneStep
	case Email:
		return TwoSteps
	case Text, Voice, App, Backup:
		return AAL2
	case Passkey:
		return AAL2PhishingResistant
	case SecurityKey:
		return AAL3
	default:
		return 0
	}
}

// Restricted reports whether SP 800-63B-4, 3.1.3.3 restricts a method: the public
// telephone network. A deployment that offers it offers another one, too, and
// tells people of the risk.
func (m Method) Restricted() bool { return m == Text || m == Voice }

// AMR is the value of RFC 8176, section 2. E-mail and backup codes have none of
// their own: "email" is ours, and a backup code is a password used once.
func (m Method) AMR() string {
	switch m {
	case Password:
		return "pwd"
	case Email:
		return "email"
	case Text:
		return "sms"
	case Voice:
		return "tel"
	case App, Backup:
		return "otp"
	case Passkey:
		return "swk"
	case SecurityKey:
		return "hwk"
	default:
		return ""
	}
}

// AMRPartner stands for the sign-in at a partner: a value of ours, since RFC 8176 has
// none and the service is not told which partner it was, nor what happened there.
const AMRPartner = "partner"

// AMR lists the methods that were proven by their values of RFC 8176, e.g.
// ["pwd" "otp" "mfa"]; nil if none. mfa stands for two kinds of factors, which a
// password and an e-mail code are not.
func AMR(f Facts) []string {
	var out []string
	factors := false
	if !f.Partner.At.IsZero() {
		out = append(out, AMRPartner)
	}
	for _, m := range Methods() {
		if f.Proven(m).IsZero() {
			continue
		}
		if v := m.AMR(); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, p := range f.Others {
		factors = factors || p.worth() >= AAL2
	}
	if factors && !f.First().IsZero() {
		out = append(out, "mfa")
	}
	return out
}
