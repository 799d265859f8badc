package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// source is one Go file of the module.
type source struct {
	path    string // slash path from the module's root
	pkg     string // slash path of the package's directory, e.g. "internal/db"
	test    bool
	gen     bool
	lines   int
	text    string
	fset    *token.FileSet
	file    *ast.File
	imports []string // import paths below the module, e.g. "internal/db"; others as they are
}

// root is the module's root seen from this package.
const root = "../.."

// tree reads every Go file of the module.
func tree(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "tools", ".cache", "bin":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		s, err := parse(path)
		if err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found below %s: the test looks in the wrong place", len(out), root)
	}
	return out
}

func parse(path string) (source, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	s := source{
		path: rel, pkg: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go"),
		gen:   strings.HasPrefix(string(b), "// Code generated"),
		lines: strings.Count(string(b), "\n"), text: string(b), fset: token.NewFileSet(),
	}
	s.file, err = parser.ParseFile(s.fset, path, b, parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, strings.TrimPrefix(p, "parvis/"))
	}
	return s, nil
}

// at is where a node stands, for messages.
func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// product reports whether the file is part of the product: no test, nothing that
// only tests use, no generator (those live in folders named gen).
func (s source) product() bool {
	return !s.test && !strings.HasPrefix(s.pkg, "test/") && !strings.HasSuffix(s.pkg, "/gen") && !testOnly[s.pkg]
}

// testOnly are packages that only tests import.
var testOnly = map[string]bool{"internal/archtest": true, "internal/db/dbtest": true, "internal/web/webtest": true, "internal/journeytest": true, "internal/keyring/keyringtest": true, "internal/place/placetest": true}
