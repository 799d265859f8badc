package config

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"text/template"
)

// firstFile is the configuration that Init writes.
//
//go:embed first.yaml
var firstFile string

// First is what Init may already know.
type First struct {
	Dir       string // folder of the configuration and the keys
	Data      string // folder of the database
	Preset    string
	PublicURL string // may be empty
}

// listenFor is the address of the public listener for a public address: its port; and
// this machine alone for one that is plain http, which serve takes on no other.
func listenFor(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || publicURL == "" {
		return ":443"
	}
	if u.Scheme != "http" {
		return ":" + cmp.Or(u.Port(), "443")
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil {
		host = "127.0.0.1" // localhost and what ends so
	}
	return net.JoinHostPort(host, cmp.Or(u.Port(), "80"))
}

// Init writes a first configuration and fresh key files, and returns their
// paths, the configuration's first; it makes both folders. It overwrites nothing: when one of the files
// exists, or nothing could be served at the public address, it writes none.
func Init(f First) ([]string, error) {
	if f.PublicURL != "" {
		if problem := publicURLProblem(f.PublicURL); problem != "" {
			return nil, fmt.Errorf("config: public address: %s", problem)
		}
	}
	file := filepath.Join(f.Dir, "parvis.yaml")
	root := filepath.Join(f.Dir, "root.key")
	pepper := filepath.Join(f.Dir, "pepper.key")
	for _, path := range []string{file, root, pepper} {
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("config: %s exists already; nothing was written. Keys are never overwritten: without them nobody can sign in", path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
	for folder, mode := range map[string]fs.FileMode{f.Dir: 0o750, f.Data: 0o700} {
		if err := os.MkdirAll(folder, mode); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
	t, err := template.New("first").Parse(firstFile)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]string{
		"Preset": f.Preset, "PublicURL": f.PublicURL, "Listen": listenFor(f.PublicURL), "Root": root, "Pepper": pepper,
		"Database": "sqlite:" + filepath.Join(f.Data, "parvis.db"),
	})
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	var written []string
	for _, one := range []struct {
		path    string
		content []byte
		mode    fs.FileMode
	}{{file, text.Bytes(), 0o640}, {root, NewKeyFile(), 0o600}, {pepper, NewKeyFile(), 0o600}} {
		if err := writeNew(one.path, one.content, one.mode); err != nil {
			return written, err
		}
		written = append(written, one.path)
	}
	return written, nil
}

// writeNew writes a file that does not exist yet and makes sure it is on the disk.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	return nil
}
