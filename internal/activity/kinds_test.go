package activity_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"parvis/internal/activity"
	"parvis/internal/audit"
)

// names are the kinds of events that internal/audit declares.
func names(t *testing.T) []audit.Name {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../audit/names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []audit.Name
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "Name" {
			return true
		}
		text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, audit.Name(text))
		return true
	})
	if len(out) < 50 {
		t.Fatalf("%d names were found", len(out))
	}
	return out
}

func TestEveryKindOfEventIsShownOrHiddenOnPurpose(t *testing.T) {
	sorts := activity.Sorts()
	all := names(t)
	for _, n := range all {
		if _, ok := sorts[n]; !ok {
			t.Errorf("%s: say in kinds.go whether its owner sees it, and if so add words (activity.event.%s)", n, n)
		}
	}
	if len(sorts) != len(all) {
		t.Errorf("kinds.go speaks of %d kinds, names.go of %d", len(sorts), len(all))
	}
}
