package account_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"parvis/internal/account"
	"parvis/internal/fault"
)

func TestTwoWaysOfWritingOneMailboxHaveOneKey(t *testing.T) {
	tests := []struct{ written, key string }{
		{"sam@example.org", "sam@example.org"},
		{"  Sam@Example.ORG \n", "sam@example.org"},
		{"s.am+parvis@example.org", "s.am+parvis@example.org"},
		{"élodie@bücher.example", "élodie@xn--bcher-kva.example"},
		{"E\u0301lodie@xn--bcher-kva.example", "élodie@xn--bcher-kva.example"}, // decomposed
		{"sam@EXAMPLE。org", "sam@example.org"},                                 // ideographic full stop
		{"\u212Aim@example.org", "kim@example.org"},                            // Kelvin sign is K in NFC: the mail goes to Kim
		{"山田@example.jp", "山田@example.jp"},
		{"o'brien!#$%&*/=?^_`{|}~@example.org", "o'brien!#$%&*/=?^_`{|}~@example.org"},
	}
	for _, tt := range tests {
		got, err := account.ParseAddress(tt.written)
		if err != nil || got.Key != tt.key {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", tt.written, got.Key, err, tt.key)
		}
	}
}

func TestAnAddressIsRefusedWithItsReason(t *testing.T) {
	tests := []struct{ written, key string }{
		{"", "error.address.empty"},
		{" \t ", "error.address.empty"},
		{"sam", "error.address.format"},
		{"@example.org", "error.address.format"},
		{"sam@", "error.address.format"},
		{"sam@localhost", "error.address.format"},
		{"sam@example..org", "error.address.format"},
		{"sam@example.org.", "error.address.format"},
		{"sam@-example.org", "error.address.format"},
		{"sam@192.0.2.1", "error.address.format"},
		{"sam@[192.0.2.1]", "error.address.format"},
		{"sam@xn--a.example", "error.address.format"},
		{"sam@good.example@evil.example", "error.address.format"},
		{`"sam"@example.org`, "error.address.format"},
		{`"a@b"@example.org`, "error.address.format"},
		{"sam(comment)@example.org", "error.address.format"},
		{"Sam <sam@example.org>", "error.address.format"},
		{"sam@example.org,eve@example.org", "error.address.format"},
		{".sam@example.org", "error.address.format"},
		{"s..am@example.org", "error.address.format"},
		{"sam.@example.org", "error.address.format"},
		{"sam\r\nBcc: eve@example.org", "error.address.format"},
		{"sam@example.org\r\nX: y.example", "error.address.format"},
		{"sam\x00@example.org", "error.address.format"},
		{"sam@exam\x00ple.org", "error.address.format"},
		{"sam\u200b@example.org", "error.address.format"},
		{"sam\u202e@example.org", "error.address.format"},
		{"sam\xff@example.org", "error.address.format"},
		{"ｓam@example.org", "error.address.format"},             // full width s
		{"\u0130sam@example.org", "error.address.format"},       // İ lower-cases to an ASCII i and a mark
		{"s\u0430m@example.org", "error.address.mixed-scripts"}, // Cyrillic а
		{"αβs@example.org", "error.address.mixed-scripts"},
		{strings.Repeat("a", 65) + "@example.org", "error.address.format"},
		{"sam@" + strings.Repeat("a.", 120) + "example.org", "error.address.too-long"},
		{strings.Repeat("a", 10_000) + "@example.org", "error.address.too-long"},
		{strings.Repeat(" ", 10_000) + "sam@example.org", "error.address.too-long"},
	}
	for _, tt := range tests {
		_, err := account.ParseAddress(tt.written)
		f, ok := err.(*fault.Error) //nolint:errorlint // it is returned bare
		if !ok || f.Kind != fault.Invalid || f.Key != tt.key || f.Field != "email" {
			t.Errorf("ParseAddress(%.40q) = %v, want %s", tt.written, err, tt.key)
		}
	}
}

// CVE-2019-19844 and its kin: letters that look like others, or become them in
// some case folding, never lead to the account of an ASCII address.
func TestNoLookalikeReachesAnotherAccount(t *testing.T) {
	mike, err := account.ParseAddress("mike@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, written := range []string{
		"m\u0131ke@example.org", "M\u0130KE@example.org", "ｍike@example.org", "mik\u0435@example.org",
		"mi\u212Ae@example.org", "mike@example\u0131.org", "mike@ex\u0430mple.org", "ⓜike@example.org", "𝐦ike@example.org",
	} {
		got, err := account.ParseAddress(written)
		if err != nil {
			continue
		}
		if got.Key == mike.Key && !strings.EqualFold(got.Written, mike.Written) {
			t.Errorf("%q has the key of mike@example.org, and mail goes to %q", written, got.Written)
		}
		if got.Key == mike.Key && !isASCII(got.Written) {
			t.Errorf("%q: mail would go to %q", written, got.Written)
		}
	}
	// The Turkish dotless ı is a letter of its own: another account.
	dotless, err := account.ParseAddress("m\u0131ke@example.org")
	if err != nil || dotless.Key == mike.Key {
		t.Errorf("dotless ı: %q, %v", dotless.Key, err)
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func TestAnAddressIsPrintedMasked(t *testing.T) {
	a, err := account.ParseAddress("Sammys@Example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{a.Masked(), a.LogValue().String(), fmt.Sprint(a), fmt.Sprintf("%v %s", a, a)} {
		if strings.Contains(printed, "ammy") || !strings.Contains(printed, "S•••s@Example.org") {
			t.Errorf("printed as %q", printed)
		}
	}
	if got := account.Mask("ab@example.org"); got != "a•••@example.org" {
		t.Errorf("short local part: %q", got)
	}
	if got := account.Mask("no address"); got != "•••" {
		t.Errorf("no address: %q", got)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"sam@example.org", "\u212A@\u212A.example", "a@b@c.example", "é\u0301@bücher.example", "山@例え.jp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		a, err := account.ParseAddress(typed)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if len(a.Written) > 254 || strings.ContainsAny(a.Written+a.Key, "\r\n\x00 \"<>(),;:") || strings.Count(a.Written, "@") != 1 {
			t.Fatalf("%q was accepted as %q", typed, a.Written)
		}
		for _, again := range []string{a.Written, a.Key, strings.ToUpper(a.Key)} {
			b, err := account.ParseAddress(again)
			if again == a.Written && (err != nil || b != a) {
				t.Fatalf("%q is read back as %q, %v", a.Written, b.Key, err)
			}
			if err == nil && isASCII(again) && b.Key != a.Key {
				t.Fatalf("%q has the key %q, %q has %q", typed, a.Key, again, b.Key)
			}
		}
	})
}

func TestAliasesOfAMailboxAreOneMailbox(t *testing.T) {
	tests := []struct{ written, mailbox string }{
		{"sam@example.org", "sam@example.org"},
		{"SAM+news@Example.ORG", "sam@example.org"},
		{"sam+a+b@example.org", "sam@example.org"},
		{"+sam@example.org", "+sam@example.org"},
		{"s.am@example.org", "s.am@example.org"}, // dots tell mailboxes apart
		{"S.a.m+x@googlemail.com", "sam@gmail.com"},
		{"sam@gmail.com", "sam@gmail.com"},
	}
	for _, tt := range tests {
		addr, err := account.ParseAddress(tt.written)
		if err != nil || addr.Mailbox() != tt.mailbox {
			t.Errorf("%q: %q, %v; want %q", tt.written, addr.Mailbox(), err, tt.mailbox)
		}
	}
}
