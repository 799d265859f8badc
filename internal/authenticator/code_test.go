package authenticator_test

import (
	"strings"
	"testing"

	"parvis/internal/authenticator"
	"parvis/internal/fault"
)

func TestACodeIsReadAsPeopleTypeIt(t *testing.T) {
	for _, typed := range []string{
		"012345", " 012345\n", "012 345", "012-345", "0 1 2 3 4 5", "０１２３４５", "٠١٢٣٤٥", "012\u2013345", "012\u00a0345",
		"\u200e012345\u200f", "012.345", "\ufeff012345",
	} {
		if got, err := authenticator.ParseCode(typed, 6); err != nil || got != "012345" {
			t.Errorf("%q became %q, %v", typed, got, err)
		}
	}
	for _, typed := range []string{
		"", "  ", "12345", "0123456", "01234a", "O12345", "012/345", "²12345", "+12345", "一二三四五六", "012345" + strings.Repeat(" ", 200),
	} {
		if got, err := authenticator.ParseCode(typed, 6); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was accepted as %q", typed, got)
		}
	}
}

func FuzzCode(f *testing.F) {
	for _, s := range []string{"012345", "０１ ２３-４５", "\xff12345", "1\x002345", strings.Repeat("1", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := authenticator.ParseCode(typed, 6)
		if err != nil {
			return
		}
		if len(got) != 6 || strings.Trim(got, "0123456789") != "" || len(typed) > 128 {
			t.Errorf("%q became %q", typed, got)
		}
		if again, err := authenticator.ParseCode(got, 6); err != nil || again != got {
			t.Errorf("%q became %q: %v", got, again, err)
		}
	})
}
