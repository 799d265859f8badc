package notice

import (
	"strings"
	"testing"
	"time"
)

func TestAMailHoldsNoMessageOfAServiceThatReadsAsAnAddress(t *testing.T) {
	m := sampleMails(t)
	for message, stands := range map[string]bool{
		"W4SC":                                true,
		"Pay CHF 1.234,50 to A. Smith, No. 7": true,
		"Unlock at www.parvis-help.example/unlock": false,
		"unlock at WWW.1":                          false,
		"see parvis-help.example":                  false,
		"see münchen.example":                      false,
		"write to help@evil":                       false,
	} {
		letter, err := m.Render("sam@example.org", "en", Confirmation{Name: "name", Message: message, Valid: time.Minute, At: time.Unix(1_700_000_000, 0)})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(letter.Text, message) != stands || strings.Contains(letter.HTML, message) != stands {
			t.Errorf("%q: want %v in\n%s", message, stands, letter.Text)
		}
	}
}
