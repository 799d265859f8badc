package account

import (
	"fmt"
	"time"
)

// Settings are the numbers of accounts.
type Settings struct {
	// UnactivatedAfter is how long an account waits for its activation before it
	// is removed; until then the message can be sent again (R22, R23).
	UnactivatedAfter time.Duration `yaml:"unactivated_after"`
	// MaxFailures is how many wrong passwords in a row lock the password (R28): at one
	// address, where it shows, and at all addresses of an account together.
	MaxFailures int `yaml:"max_failures"`
	// AttemptsExpire is how long wrong passwords are remembered after the newest
	// one, and with it how long a lock lasts that nobody lifts.
	AttemptsExpire time.Duration `yaml:"attempts_expire"`
	// ProofLifetime is how long the link and the code of a message can be used (R21).
	ProofLifetime time.Duration `yaml:"proof_lifetime"`
	// PartnerProofLifetime is the same for somebody who comes from a sign-in
	// partner and gives an address: to make an account, or to link one (R44, R47).
	PartnerProofLifetime time.Duration `yaml:"partner_proof_lifetime"`
	// CodeDigits is how many digits a typed code has.
	CodeDigits int `yaml:"code_digits"`
	// CodeTries is how many codes can be typed for one message.
	CodeTries int `yaml:"code_tries"`
	// CodeTriesPerAddress is how many wrong codes can be typed for one address
	// before code_tries_expire is over; a new message does not reset it.
	CodeTriesPerAddress int `yaml:"code_tries_per_address"`
	// CodeTriesExpire is how long wrong codes are remembered after the newest one.
	CodeTriesExpire time.Duration `yaml:"code_tries_expire"`
	// Addresses is how many e-mail addresses an account can have.
	Addresses int `yaml:"addresses"`
	// AddressProofLifetime is how long the link and the code work that confirm an
	// address which is added to an account.
	AddressProofLifetime time.Duration `yaml:"address_proof_lifetime"`
	// AddressUndo is for how long an address that was removed from an account, or is no
	// longer its main one, can take that back with a link that was mailed to it.
	AddressUndo time.Duration `yaml:"address_undo"`
	// MergeUndo is for how long the merging of two accounts of one person can be undone;
	// until then nothing of the second account is erased.
	MergeUndo time.Duration `yaml:"merge_undo"`
	// ProofsKept is how long the remains of a message, without the address, still
	// explain an old link.
	ProofsKept time.Duration `yaml:"proofs_kept"`
}

// Preset gives the numbers of a named deployment: "parvis", "ontario" or "logingov".
func Preset(name string) Settings {
	s := Settings{
		UnactivatedAfter:     24 * time.Hour,
		MaxFailures:          5,
		AttemptsExpire:       30 * 24 * time.Hour,
		ProofLifetime:        30 * time.Minute,
		PartnerProofLifetime: 5 * time.Minute,
		CodeDigits:           6,
		CodeTries:            5,
		CodeTriesPerAddress:  20,
		CodeTriesExpire:      24 * time.Hour,
		Addresses:            12,
		AddressProofLifetime: 30 * time.Minute,
		AddressUndo:          7 * 24 * time.Hour,
		MergeUndo:            7 * 24 * time.Hour,
		ProofsKept:           30 * 24 * time.Hour,
	}
	switch name {
	case "ontario":
		s.AttemptsExpire = 365 * 24 * time.Hour // locked until the owner unlocks
		s.Addresses = 5
	case "logingov":
		s.AttemptsExpire = 10 * time.Minute // its lock ends by itself
		s.AddressProofLifetime = 24 * time.Hour
		s.AddressUndo = 10 * 24 * time.Hour // as long as its links to disavow a sign-in work
	}
	return s
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	durations := []struct {
		key        string
		value      time.Duration
		least, top time.Duration
	}{
		{"unactivated_after", s.UnactivatedAfter, s.ProofLifetime, 30 * 24 * time.Hour},
		{"attempts_expire", s.AttemptsExpire, time.Minute, 10 * 365 * 24 * time.Hour},
		{"proof_lifetime", s.ProofLifetime, 5 * time.Minute, 24 * time.Hour},
		{"partner_proof_lifetime", s.PartnerProofLifetime, time.Minute, s.ProofLifetime},
		{"code_tries_expire", s.CodeTriesExpire, time.Hour, 365 * 24 * time.Hour},
		{"address_proof_lifetime", s.AddressProofLifetime, 5 * time.Minute, 24 * time.Hour}, // SP 800-63A-4, 3.8: at most a day
		{"address_undo", s.AddressUndo, 24 * time.Hour, 90 * 24 * time.Hour},
		{"merge_undo", s.MergeUndo, time.Hour, 90 * 24 * time.Hour},
		{"proofs_kept", s.ProofsKept, s.UnactivatedAfter, 365 * 24 * time.Hour},
	}
	for _, d := range durations {
		if d.value < d.least || d.value > d.top {
			out = append(out, fmt.Sprintf("%s is %v: choose between %v and %v", d.key, d.value, d.least, d.top))
		}
	}
	counts := []struct {
		key               string
		value, least, top int
	}{
		{"max_failures", s.MaxFailures, 3, 100}, // SP 800-63B-4, 3.2.2: at most 100
		{"addresses", s.Addresses, 1, 12},
		{"code_digits", s.CodeDigits, 6, 10}, // SP 800-63B-4, 3.1.3.2: at least 6
		{"code_tries", s.CodeTries, 1, 10},
		{"code_tries_per_address", s.CodeTriesPerAddress, s.CodeTries, 100},
	}
	for _, c := range counts {
		if c.value < c.least || c.value > c.top {
			out = append(out, fmt.Sprintf("%s is %d: choose between %d and %d", c.key, c.value, c.least, c.top))
		}
	}
	return out
}
