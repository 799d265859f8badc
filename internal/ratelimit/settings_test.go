package ratelimit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/ratelimit"
)

func TestThePresetLogingovHasTheNumbersOfLoginGov(t *testing.T) {
	got := ratelimit.Preset("logingov")
	type limit = ratelimit.Limit
	for name, pair := range map[string][2]limit{
		"failures per browser":         {got.SigninBrowser, {Count: 5, Window: time.Minute}},
		"per user and IP, growing":     {got.SigninAddressIP, {Count: 50, Window: 720 * time.Minute, Growth: 1.1, Longest: 43_200 * time.Minute}},
		"per e-mail and IP":            {got.SigninBurst, {Count: 5, Window: time.Minute}},
		"logins per IP":                {got.SigninIP, {Count: 20, Window: time.Minute}},
		"requests per IP":              {got.RequestIP, {Count: 300, Window: 300 * time.Second}},
		"e-mail registrations per IP":  {got.EnrollmentIP, {Count: 20, Window: 20 * time.Second}},
		"one-time codes per IP":        {got.SendIP, {Count: 25, Window: 300 * time.Second}},
		"telephones set up per IP":     {got.SetUpIP, {Count: 25, Window: 300 * time.Second}},
		"codes per telephone":          {got.SendNumber, {Count: 10, Window: 5 * time.Minute}},
		"codes per telephone, short":   {got.SendNumberBurst, {Count: 2, Window: 10 * time.Second}},
		"confirmations of a telephone": {got.SetUpAccount, {Count: 20, Window: 1440 * time.Minute}},
		"registration mails":           {got.EnrollmentAddress, {Count: 20, Window: time.Hour}},
		"reset mails":                  {got.ResetAddress, {Count: 20, Window: time.Hour}},
		"backup codes per user and IP": {got.BackupAccountIP, {Count: 50, Window: 720 * time.Minute, Growth: 1.1, Longest: 43_200 * time.Minute}},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOnlyKeysThatAreIPAddressesAreTakenForOne(t *testing.T) {
	for rule, want := range map[ratelimit.Rule]bool{
		ratelimit.SigninIP: true, ratelimit.SetUpIP: true, ratelimit.RequestIP: true,
		ratelimit.SigninAddressIP: false, ratelimit.SigninBurst: false, ratelimit.BackupAccountIP: false, ratelimit.MailAddress: false,
	} {
		if rule.OfIP() != want {
			t.Errorf("%s: %t", rule, !want)
		}
	}
}
