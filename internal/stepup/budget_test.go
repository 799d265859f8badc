package stepup_test

import (
	"testing"

	"parvis/internal/journeytest"
	"parvis/internal/stepup"
)

// What one page and one code of a second step cost in statements, begin and commit not
// counted: a page is read anew each time, but nothing is read twice for it.
func TestASecondStepStaysWithinItsBudgetOfStatements(t *testing.T) {
	const page, code = 5, 20
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		f := b.From(journeytest.Permits, aal2)
		if n := h.Statements(func() { b.View(f) }); n > page {
			t.Errorf("a page costs %d statements, at most %d", n, page)
		}
		typed := h.AppCode(seed)
		var r stepup.Result
		if n := h.Statements(func() { r = b.Enter(f, typed) }); n > code || r.Outcome != stepup.Done {
			t.Errorf("a code costs %d statements, at most %d: %+v", n, code, r)
		}
	}, journeytest.WithoutRehearsal())
}
