package notify

import (
	"testing"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/notify/notice"
	"parvis/internal/secret"
)

// sampleMails is the deployment that the tests send for.
func sampleMails(tb testing.TB) *notice.Mails {
	tb.Helper()
	bundle, err := i18n.Load()
	if err != nil {
		tb.Fatal(err)
	}
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		tb.Fatal(err)
	}
	m := &notice.Mails{
		Bundle: bundle, Languages: i18n.Langs(), BaseURL: "https://signin.example.org", Zone: zone,
		Product: i18n.Text{"en": "Parvis", "fr": "Parvis"},
		Owner:   i18n.Text{"en": "Government of Northland", "fr": "Gouvernement du Northland"},
		Support: "help@example.org",
	}
	if err := m.Check(); err != nil {
		tb.Fatal(err)
	}
	return m
}

func sampleKeys(tb testing.TB) *secret.Keys {
	tb.Helper()
	keys, err := secret.NewKeys(make([]byte, secret.RootBytes), []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}
