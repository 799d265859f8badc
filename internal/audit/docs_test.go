package audit

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/events.md anew")

const docFile = "../../docs/events.md"

const docHead = `# Events

Every security event of Parvis is one row, written in the transaction of what it
records, so that nothing happens without its event and no event stands for
something that did not happen. Each has a time, an outcome (` + "`success`, `refused`, `failed`" + `),
a reason (a word), the account, service, session and journey it belongs to, and
further facts named below. The IP address, browser and e-mail address are sealed
beside it and erased after ` + "`audit.keep_personal`" + `; the chain of hashes over all events
stays verifiable without them.

Names never change once they were released. This page is generated from
` + "`internal/audit/names.go`" + ` by ` + "`go test ./internal/audit -update`" + `; a test compares the two.
`

// document writes the page from the constants and their comments.
func document(t *testing.T) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString(docHead)
	seen := map[string]bool{}
	shape := regexp.MustCompile(`^[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)?$`)
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !isNames(group) {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n\n| event | what happened |\n|---|---|\n", strings.TrimSuffix(strings.TrimSpace(group.Doc.Text()), "."))
		for _, s := range group.Specs {
			v := s.(*ast.ValueSpec)
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if seen[name] || !shape.MatchString(name) {
				t.Errorf("event %q is there twice, or is not of the form thing.happened", name)
			}
			seen[name] = true
			text, ok := strings.CutPrefix(strings.Join(strings.Fields(v.Doc.Text()), " "), v.Names[0].Name+": ")
			if !ok {
				t.Errorf("the comment of %s must be \"// %s: what happened.\"", name, v.Names[0].Name)
			}
			fmt.Fprintf(&out, "| `%s` | %s |\n", name, strings.ToUpper(text[:1])+text[1:])
		}
	}
	return out.String()
}

func isNames(g *ast.GenDecl) bool {
	v, ok := g.Specs[0].(*ast.ValueSpec)
	if !ok {
		return false
	}
	name, ok := v.Type.(*ast.Ident)
	return ok && name.Name == "Name"
}

func TestTheListOfEventsIsTheOneInTheDocuments(t *testing.T) {
	want := document(t)
	if *update {
		if err := os.WriteFile(docFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/events.md is not what names.go says: run go test ./internal/audit -update")
	}
}
