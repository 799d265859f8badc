package archtest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/data-inventory.md")

// The lines of tables and of their marked columns.
var (
	tableLine = regexp.MustCompile(`(?i)^create table ([a-z_]+)`)
	fullLine  = regexp.MustCompile(`^\s+([a-z_]+)\s+(BIGINT|TEXT|BYTEA)\b.*-- (public|personal|secret)\b`)
	addedLine = regexp.MustCompile(`(?m)^ALTER TABLE ([a-z_]+) ADD COLUMN ([a-z_]+ (?:BIGINT|TEXT|BYTEA).*-- (?:public|personal|secret)\b)`)
)

const inventoryFile = "docs/data-inventory.md"

// inventory is the paper that says what is stored, made of the migrations.
func inventory(t *testing.T) string {
	t.Helper()
	all := migrations(t)
	var out strings.Builder
	out.WriteString("# What is stored\n\nMade from the migrations by `go test ./internal/archtest -update`; a test compares it. **Personal** columns say something about a person; addresses and letters among them are sealed (AES-256-GCM, tied to their row), or are blind indexes (HMAC). **Secret** columns are digests of tokens, sealed keys or check values: nobody can sign in with what stands in them. **Public** columns are neither.\n")
	added := map[string][]string{} // columns that a later migration gave a table
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, m := range addedLine.FindAllStringSubmatch(all[name], -1) {
			added[m[1]] = append(added[m[1]], "  "+m[2])
		}
	}
	column := func(line string) {
		m := fullLine.FindStringSubmatch(line)
		kind := m[3]
		if kind != "public" {
			kind = "**" + kind + "**"
		}
		fmt.Fprintf(&out, "| %s | %s |\n", m[1], kind)
	}
	comment, table := "", ""
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for line := range strings.SplitSeq(all[name], "\n") {
			switch {
			case tableLine.MatchString(line):
				table = tableLine.FindStringSubmatch(line)[1]
				fmt.Fprintf(&out, "\n## %s\n\n%sOwner: `%s`.\n\n| column | kind |\n|---|---|\n", table, comment, owners[table])
				comment = ""
			case fullLine.MatchString(line):
				column(line)
			case strings.HasPrefix(line, ")"):
				for _, one := range added[table] {
					column(one)
				}
			case strings.HasPrefix(line, "-- +goose"):
			case strings.HasPrefix(line, "-- "):
				comment = strings.TrimSpace(strings.TrimSpace(comment)+" "+strings.TrimPrefix(line, "-- ")) + " "
			case strings.TrimSpace(line) == "":
				comment = ""
			}
		}
	}
	return out.String()
}

func TestTheDataInventoryIsTheOneOfTheMigrations(t *testing.T) {
	want := inventory(t)
	file := filepath.Join(root, inventoryFile)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the migrations: go test ./internal/archtest -update", inventoryFile)
	}
}
