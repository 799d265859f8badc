package visit_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

func TestACookieThatCannotBeOursCountsAsNone(t *testing.T) {
	one, two := strings.Repeat("A", 43), strings.Repeat("B", 43)
	for _, c := range []struct {
		name   string
		values []string
		want   string
	}{
		{"none", nil, ""},
		{"one", []string{one}, one},
		{"the same twice", []string{one, one}, one},
		{"two different ones", []string{one, two}, ""},
		{"ours and a short one", []string{one, "x"}, ""},
		{"too short", []string{"x"}, ""},
		{"too long", []string{strings.Repeat("A", 4000)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/services", nil)
			for _, v := range c.values {
				r.AddCookie(&http.Cookie{Name: kit.SessionCookie, Value: v})
			}
			if got := (&visit.Visitor{}).Of(r).Session; got != c.want {
				t.Errorf("session %q, want %q", got, c.want)
			}
		})
	}
}

func TestALongUserAgentIsCutBeforeItIsKept(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/services", nil)
	r.Header.Set("User-Agent", strings.Repeat("x", 10_000))
	if n := len((&visit.Visitor{}).Of(r).UserAgent); n > 400 {
		t.Errorf("%d bytes are kept", n)
	}
}
