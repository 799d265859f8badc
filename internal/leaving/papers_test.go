package leaving_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parvis/internal/i18n"
	"parvis/internal/leaving"
)

// The papers of this package: what people get, and what is stored.
const (
	dataPaper      = "../../docs/account-data.md"
	inventoryPaper = "../../docs/data-inventory.md"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// paper reads docs/account-data.md: the fields with the columns that they come from, and
// the columns that are in no field, with the reason.
func paper(t *testing.T) (fields map[string][]string, reasons map[string]string) {
	t.Helper()
	text, err := os.ReadFile(dataPaper)
	if err != nil {
		t.Fatal(err)
	}
	fields, reasons = map[string][]string{}, map[string]string{}
	shown, rest, found := strings.Cut(string(text), "## Not in it, and why")
	if !found {
		t.Fatal("the paper has no second part")
	}
	for line := range strings.SplitSeq(shown, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		path := quoted.FindStringSubmatch(cells[1])[1]
		if fields[path] != nil {
			t.Errorf("%s stands there twice", path)
		}
		fields[path] = []string{}
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			fields[path] = append(fields[path], m[1])
		}
	}
	for line := range strings.SplitSeq(rest, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) == 4 && strings.Contains(cells[1], "`") {
			reasons[quoted.FindStringSubmatch(cells[1])[1]] = strings.TrimSpace(cells[2])
		}
	}
	return fields, reasons
}

// stored are the columns of docs/data-inventory.md with their kinds.
func stored(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(inventoryPaper)
	if err != nil {
		t.Fatal(err)
	}
	out, table := map[string]string{}, ""
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			table = name
		}
		if cells := strings.Split(line, "|"); len(cells) == 4 && table != "" && cells[1] != " column " && cells[1] != "---" {
			out[table+"."+strings.TrimSpace(cells[1])] = strings.Trim(strings.TrimSpace(cells[2]), "*")
		}
	}
	return out
}

// A column that says something about a person cannot be forgotten: whoever adds one says
// here in which field its owner sees it, or why in none.
func TestEveryPersonalColumnIsGivenToItsOwnerOrHasAReason(t *testing.T) {
	fields, reasons := paper(t)
	columns := stored(t)
	given := map[string]bool{}
	for path, from := range fields {
		for _, column := range from {
			given[column] = true
			if columns[column] != "personal" {
				t.Errorf("%s comes from %s, which is not a personal column", path, column)
			}
			if reasons[column] != "" {
				t.Errorf("%s is in %s and has a reason why it is not", column, path)
			}
		}
	}
	n := 0
	for column, kind := range columns {
		if kind != "personal" {
			continue
		}
		n++
		if !given[column] && reasons[column] == "" {
			t.Errorf("%s is personal and neither a field of docs/account-data.md nor listed there with a reason", column)
		}
	}
	for column, reason := range reasons {
		if columns[column] != "personal" || len(reason) < 10 {
			t.Errorf("%s is not a personal column, or the reason %q is none", column, reason)
		}
	}
	if n < 50 {
		t.Errorf("only %d personal columns were found", n)
	}
}

// shape are the fields of a type, as the file names them.
func shape(t reflect.Type, at string, out map[string]bool) {
	for f := range t.Fields() {
		if f.Anonymous {
			shape(f.Type, at, out)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		path, kind := at+name, f.Type
		if kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct && kind.Elem().PkgPath() == "parvis/internal/leaving" {
			path, kind = path+"[]", kind.Elem()
		}
		if kind.Kind() == reflect.Struct && kind.PkgPath() == "parvis/internal/leaving" {
			shape(kind, path+".", out)
			continue
		}
		out[path] = true
	}
}

func TestThePaperNamesEveryFieldOfTheFile(t *testing.T) {
	fields, _ := paper(t)
	want := map[string]bool{"format": true, "made_at": true}
	shape(reflect.TypeFor[leaving.Data](), "", want)
	shape(reflect.TypeFor[leaving.Event](), "activity[].", want)
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if fields[path] == nil {
			t.Errorf("docs/account-data.md does not tell of %s", path)
		}
	}
	for path := range fields {
		if !want[path] {
			t.Errorf("docs/account-data.md tells of %s, which is not in the file", path)
		}
	}
}

// Each field of the page has a word in both languages.
func TestEveryFieldHasAWord(t *testing.T) {
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	fields, _ := paper(t)
	for _, lang := range i18n.Langs() {
		tr := bundle.Tr(lang)
		for path := range fields {
			if !strings.Contains(path, ".") {
				continue
			}
			section, _, _ := strings.Cut(strings.TrimSuffix(path, "[]"), ".")
			name := path[strings.LastIndexByte(path, '.')+1:]
			for _, key := range []string{"data.section." + strings.TrimSuffix(section, "[]"), "data.field." + name} {
				if !tr.Has(key) {
					t.Errorf("%s has no %s", lang, key)
				}
			}
		}
	}
}

// paths are the fields of a document that hold something.
func paths(v any, at string, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			path := k
			if at != "" {
				path = at + "." + k
			}
			if strings.HasSuffix(path, ".name") || strings.HasSuffix(path, "].data") {
				out[path] = true // texts per language, facts of an event
				continue
			}
			paths(one, path, out)
		}
	case []any:
		for _, one := range v {
			switch one.(type) {
			case map[string]any:
				paths(one, at+"[]", out)
			default:
				out[at] = true
			}
		}
	case nil:
	default:
		out[at] = true
	}
}

// document reads a file that somebody downloaded.
func document(t *testing.T, text []byte) (map[string]any, map[string]bool) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%v:\n%.400s", err, text)
	}
	found := map[string]bool{}
	paths(doc, "", found)
	return doc, found
}
