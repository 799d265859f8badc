// Command gen writes internal/cli/licenses.txt: the licence of every module that
// ends up in the program. `go generate ./internal/cli` runs it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is what the go command tells about one module.
type module struct {
	Path, Version, Dir string
}

func main() {
	if err := write("licenses.txt"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path string) error {
	out, err := exec.CommandContext(context.Background(), "go", "list", "-deps", "-json=Module", "parvis/cmd/parvis").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	found := map[string]module{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ Module *module }
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		if p.Module != nil && p.Module.Path != "parvis" {
			found[p.Module.Path] = *p.Module
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("Parvis is licensed under the Apache License 2.0 and is built from these modules:\n")
	for _, name := range names {
		m := found[name]
		fmt.Fprintf(&b, "\n%s\n%s %s\n%s\n\n", strings.Repeat("=", 78), m.Path, m.Version, strings.Repeat("=", 78))
		texts, err := licences(m.Dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		b.WriteString(strings.Join(texts, "\n"))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// licences reads the licence files of a module; a module without one is an error.
func licences(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		legal := strings.HasPrefix(name, "LICEN") || strings.HasPrefix(name, "COPYING") || strings.HasPrefix(name, "NOTICE")
		if e.IsDir() || !legal {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))+"\n")
	}
	if len(out) == 0 {
		return nil, errors.New("no licence file")
	}
	return out, nil
}
