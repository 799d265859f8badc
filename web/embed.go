// Package web holds the built style sheet, script and icons of every page.
//
// The sources are styles/ and scripts/; `npm run build` in this folder writes
// static/, which is committed and embedded, so that building Parvis needs no
// Node. File names hold a hash of the content. Each text file stands beside its
// gzip and Brotli forms.
package web

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed all:static
var static embed.FS

// File is one built file.
type File struct {
	Name   string // plain name, e.g. "app.css"
	Path   string // name with the hash, e.g. "app.0123456789.css"
	Plain  []byte
	Gzip   []byte // nil when it is not smaller
	Brotli []byte // nil when it is not smaller
}

// Files are all built files.
func Files() ([]File, error) {
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	var out []File
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".br") || strings.HasPrefix(name, ".") {
			continue
		}
		plain, err := static.ReadFile(path.Join("static", name))
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		f := File{Name: plainName(name), Path: name, Plain: plain}
		if b, err := static.ReadFile(path.Join("static", name+".gz")); err == nil {
			f.Gzip = b
		}
		if b, err := static.ReadFile(path.Join("static", name+".br")); err == nil {
			f.Brotli = b
		}
		out = append(out, f)
	}
	return out, nil
}

// plainName takes the hash out of "app.0123456789.css".
func plainName(name string) string {
	parts := strings.Split(name, ".")
	if len(parts) == 3 {
		return parts[0] + "." + parts[2]
	}
	return name
}
