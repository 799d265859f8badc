package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

//go:generate go run parvis/internal/config/gen

// fieldsJSON holds the doc comments of all settings: "package.Type.Field" → text.
//
//go:embed fields.json
var fieldsJSON []byte

// fieldDocs reads what the generator wrote.
func fieldDocs(text []byte) map[string]string {
	out := map[string]string{}
	if err := json.Unmarshal(text, &out); err != nil {
		panic("config: fields.json: " + err.Error()) // generated and embedded: cannot be wrong at run time
	}
	return out
}

// FieldsJSON reads the doc comments of every settings struct from the source
// below root (the module's folder), for the generator and the test that compares.
func FieldsJSON(root string) ([]byte, error) {
	wanted := map[string]bool{}
	owners(reflect.TypeFor[Config](), wanted)
	folders := map[string]bool{}
	for name := range wanted {
		folders[name[:strings.LastIndexByte(name, '.')]] = true
	}
	docs := map[string]string{}
	for folder := range folders {
		files, err := filepath.Glob(filepath.Join(root, strings.TrimPrefix(folder, "parvis/"), "*.go"))
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if err := fileDocs(file, folder, wanted, docs); err != nil {
				return nil, err
			}
		}
	}
	out, err := json.MarshalIndent(docs, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return append(out, '\n'), nil
}

// owners collects the names of every struct type that holds settings.
func owners(t reflect.Type, found map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	name := t.PkgPath() + "." + t.Name()
	if t.Kind() != reflect.Struct || found[name] || !strings.HasPrefix(t.PkgPath(), "parvis") {
		return
	}
	found[name] = true
	for field := range t.Fields() {
		if _, _, ok := yamlName(field); ok {
			owners(field.Type, found)
		}
	}
}

// fileDocs adds the field comments of the wanted structs in one file.
func fileDocs(path, folder string, wanted map[string]bool, docs map[string]string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || !wanted[folder+"."+spec.Name.Name] {
			return true
		}
		body, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, field := range body.Fields.List {
			text := field.Doc.Text()
			if text == "" {
				text = field.Comment.Text()
			}
			for _, name := range field.Names {
				if name.IsExported() {
					docs[folder+"."+spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
				}
			}
		}
		return true
	})
	return nil
}

// settingDoc is one line of the documentation.
type settingDoc struct {
	Path, Type, Doc string
	Section         bool // a heading: a struct of settings
	List            bool // settings of each entry of a list
	Defaults        map[string]string
}

// settingDocs lists every section and setting with its comment and its value in each preset.
func settingDocs(fields []byte) []settingDoc {
	docs := fieldDocs(fields)
	presets := map[string]reflect.Value{}
	for _, name := range Presets() {
		presets[name] = reflect.ValueOf(Preset(name))
	}
	var out []settingDoc
	describe(reflect.TypeFor[Config](), presets, "", docs, &out)
	return out
}

// describe lists the settings of a struct: single ones first, then tables.
func describe(t reflect.Type, values map[string]reflect.Value, path string, docs map[string]string, out *[]settingDoc) {
	for _, i := range singlesFirst(t) {
		field := t.Field(i)
		name, inline, ok := yamlName(field)
		if !ok {
			continue
		}
		at := join(path, name)
		if inline {
			at = path
		}
		below := map[string]reflect.Value{}
		for preset, v := range values {
			below[preset] = v.Field(i)
		}
		doc := docs[t.PkgPath()+"."+t.Name()+"."+field.Name]
		doc = strings.TrimPrefix(doc, field.Name+" ")
		doc = upper(strings.TrimPrefix(strings.TrimPrefix(doc, "is "), "are "))
		switch elem := field.Type; {
		case alike(t, elem) >= 3:
			if i == 0 || t.Field(i-1).Type != elem {
				describe(elem, nil, join(path, "*"), docs, out)
			}
			s := settingDoc{Path: at, Type: "table", Doc: doc, Defaults: map[string]string{}}
			for preset, v := range below {
				s.Defaults[preset] = brief(v)
			}
			*out = append(*out, s)
		case elem.Kind() == reflect.Struct && !unmarshalsItself(elem):
			if !inline {
				*out = append(*out, settingDoc{Path: at, Doc: doc, Section: true})
			}
			describe(elem, below, at, docs, out)
		case elem.Kind() == reflect.Slice && elem.Elem().Kind() == reflect.Struct && !unmarshalsItself(elem.Elem()):
			*out = append(*out, settingDoc{Path: at, Doc: doc, Section: true, List: true})
			describe(elem.Elem(), nil, at+"[]", docs, out)
		default:
			s := settingDoc{Path: at, Type: typeName(elem), Doc: doc, Defaults: map[string]string{}}
			for preset, v := range below {
				s.Defaults[preset] = leaf{Path: at, Value: v}.text()
			}
			*out = append(*out, s)
		}
	}
}

// singlesFirst are the fields of a struct, those that hold tables of their own at the end.
func singlesFirst(t reflect.Type) []int {
	var singles, tables []int
	for i := range t.NumField() {
		ft := t.Field(i).Type
		if ft.Kind() == reflect.Struct && ft != durationType && alike(t, ft) < 3 {
			tables = append(tables, i)
			continue
		}
		singles = append(singles, i)
	}
	return append(singles, tables...)
}

// alike counts the fields of a struct that share one struct type: they are
// documented as one line each, and their common parts once.
func alike(t, elem reflect.Type) int {
	n := 0
	for field := range t.Fields() {
		if field.Type == elem && elem.Kind() == reflect.Struct {
			n++
		}
	}
	return n
}

// brief writes the settings of a small table that are not zero.
func brief(v reflect.Value) string {
	var parts []string
	for _, l := range leaves(v, "") {
		if !l.Value.IsZero() {
			parts = append(parts, l.Path+": "+l.text())
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// Generate writes fields.json and docs/configuration.md below root.
func Generate(root string) error {
	fields, err := FieldsJSON(root)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "internal/config/fields.json")
	if err := os.WriteFile(path, fields, fs.FileMode(0o644)); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := os.WriteFile(filepath.Join(root, "docs/configuration.md"), []byte(docs(fields)), fs.FileMode(0o644)); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// undocumented lists settings without a comment.
func undocumented(fields []byte) []string {
	var out []string
	for _, s := range settingDocs(fields) {
		if s.Doc == "" {
			out = append(out, s.Path)
		}
	}
	slices.Sort(out)
	return out
}
