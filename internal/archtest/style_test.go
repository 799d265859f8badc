package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// clocks are the packages that may read the system's clock: the process's own
// clock is made there and injected everywhere else.
var clocks = []string{"internal/app", "internal/cli", "internal/demo"}

func TestTheClockIsInjected(t *testing.T) {
	for _, s := range tree(t) {
		if !s.product() || slices.Contains(clocks, s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
				if !reasoned(s, sel, "forbidigo") {
					t.Errorf("%s: time.%s: time comes from tx.Now() or an injected clock", s.at(sel), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// reasoned reports whether the node's line carries a nolint of the linter with a reason.
func reasoned(s source, n ast.Node, linter string) bool {
	line := s.fset.Position(n.Pos()).Line
	for _, g := range s.file.Comments {
		for _, c := range g.List {
			if s.fset.Position(c.Pos()).Line == line && strings.Contains(c.Text, "nolint:"+linter+" //") {
				return true
			}
		}
	}
	return false
}

func TestThereIsNoInitFunction(t *testing.T) {
	for _, s := range tree(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function: app constructs with struct literals", s.at(f))
			}
		}
	}
}

// TestPackageVariablesAreNeverAssigned refuses mutable package state: a package
// variable is written once, where it is declared.
func TestPackageVariablesAreNeverAssigned(t *testing.T) {
	vars := map[string]map[string]bool{}
	all := tree(t)
	for _, s := range all {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if vars[s.pkg] == nil {
					vars[s.pkg] = map[string]bool{}
				}
				for _, n := range v.Names {
					vars[s.pkg][n.Name] = n.Name != "_"
				}
				if len(v.Values) == 0 && !strings.Contains(docText(g, v), "go:embed") {
					t.Errorf("%s: package variable %s has no value: it can only be meant to change", s.at(v), v.Names[0].Name)
				}
			}
		}
	}
	for _, s := range all {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok || a.Tok == token.DEFINE {
				return true
			}
			for _, l := range a.Lhs {
				if name, ok := packageVar(l, vars[s.pkg], s); ok {
					t.Errorf("%s: package variable %s is assigned: no mutable package state", s.at(a), name)
				}
			}
			return true
		})
	}
}

func docText(g *ast.GenDecl, v *ast.ValueSpec) string {
	var text strings.Builder
	for _, d := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if d != nil {
			for _, c := range d.List {
				text.WriteString(c.Text)
			}
		}
	}
	return text.String()
}

// packageVar says whether an assigned expression is (an element of) a variable of the package.
func packageVar(e ast.Expr, vars map[string]bool, s source) (string, bool) {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
			continue
		case *ast.Ident:
			if !vars[x.Name] {
				return "", false
			}
			if x.Obj == nil {
				return x.Name, true
			}
			v, ok := x.Obj.Decl.(*ast.ValueSpec)
			return x.Name, ok && topLevel(v, s)
		default:
			return "", false
		}
	}
}

func topLevel(v *ast.ValueSpec, s source) bool {
	for _, d := range s.file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && slices.Contains(g.Specs, ast.Spec(v)) {
			return true
		}
	}
	return false
}

// exception is the one accepted form of a linter exception: the linter, then the reason.
var exception = regexp.MustCompile(`^//nolint:[a-z0-9,]+ // \S.*`)

func TestEachNolintNamesTheLinterAndTheReason(t *testing.T) {
	for _, s := range tree(t) {
		for _, g := range s.file.Comments {
			for _, c := range g.List {
				if strings.HasPrefix(c.Text, "//nolint") && !exception.MatchString(c.Text) {
					t.Errorf("%s: %q: write //nolint:linter // reason", s.at(c), c.Text)
				}
			}
		}
	}
}

// vague are words that say nothing about what a thing is.
var vague = regexp.MustCompile(`(Impl|Manager|Helper|Util|Common)$`)

func TestNamesSayWhatThingsAre(t *testing.T) {
	banned := []string{"util", "utils", "common", "helpers", "misc", "types", "base"}
	for _, s := range tree(t) {
		if slices.Contains(banned, s.file.Name.Name) {
			t.Errorf("%s: package name %s says nothing", s.path, s.file.Name.Name)
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				if name := spec.(*ast.TypeSpec).Name.Name; vague.MatchString(name) {
					t.Errorf("%s: type name %s says nothing", s.at(spec), name)
				}
			}
		}
	}
}
