package config

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"parvis/internal/secret"
)

// Keys are the files of the deployment's keys. The keys themselves are never in the configuration.
type Keys struct {
	// RootFiles are the files of the root keys. The first one seals; the others only open what older keys sealed. `parvis init` makes the first.
	RootFiles []string `yaml:"root_files"`
	// PepperFiles are the files of the peppers, the secrets that are mixed into every password before it is hashed. New check values get the first one; the others only verify what was made with them, and each is made anew at the owner's next sign-in. `parvis init` makes the first.
	PepperFiles []string `yaml:"pepper_files"`
}

// keyLine is what a key file made by init begins with: it tells what the file is.
const keyLine = "parvis-key-v1:"

// demoKeyLine begins the key files of the demonstration, which serve refuses.
const demoKeyLine = "parvis-demo-key-v1:" // DemoKeyFile writes it

// NewKeyFile makes the content of a key file: one line, 256 random bits in base64.
func NewKeyFile() []byte {
	key := make([]byte, secret.RootBytes)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return []byte(keyLine + base64.StdEncoding.EncodeToString(key) + "\n")
}

// DemoKeyFile makes a key file of the demonstration: as strong, but refused by everything else.
func DemoKeyFile() []byte {
	return append([]byte("parvis-demo-"), NewKeyFile()[len("parvis-"):]...)
}

// DemoKey reads a key file of the demonstration and makes it when there is none.
func DemoKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = DemoKeyFile()
		err = writeNew(path, text, 0o600)
	}
	if err != nil {
		return nil, err
	}
	line, ok := strings.CutPrefix(string(bytes.TrimSpace(text)), demoKeyLine)
	if !ok {
		return nil, fmt.Errorf("%s is no key of the demonstration; choose an empty folder", path)
	}
	key, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return key, nil
}

// readKey reads a key file and refuses one that others may read.
func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w; make it with `parvis init` or give the right path", err)
	}
	if info.Mode().Perm()&0o027 != 0 {
		return nil, fmt.Errorf("%s may be read or written by others (mode %04o); run: chmod 0600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte(demoKeyLine)) {
		return nil, fmt.Errorf("%s is a key of the demonstration; make a real one with `parvis init`", path)
	}
	line, ok := strings.CutPrefix(string(bytes.TrimSpace(text)), keyLine)
	if !ok {
		return nil, fmt.Errorf("%s is not a key file of parvis (it must begin with %q)", path, keyLine)
	}
	key, err := base64.StdEncoding.DecodeString(line)
	if err != nil || len(key) != secret.RootBytes {
		return nil, fmt.Errorf("%s is damaged: it must hold %d bytes in base64", path, secret.RootBytes)
	}
	if bytes.Equal(key, make([]byte, secret.RootBytes)) {
		return nil, fmt.Errorf("%s holds nothing but zeros; make a real key with `parvis init`", path)
	}
	return key, nil
}

// Open reads all key files.
func (k Keys) Open() (*secret.Keys, error) {
	if len(k.RootFiles) == 0 {
		return nil, fmt.Errorf("config: keys.root_files: give at least one file; `parvis init` makes it")
	}
	if len(k.PepperFiles) == 0 {
		return nil, fmt.Errorf("config: keys.pepper_files: give at least one file; `parvis init` makes it")
	}
	peppers, err := readAll("keys.pepper_files", k.PepperFiles)
	if err != nil {
		return nil, err
	}
	roots, err := readAll("keys.root_files", k.RootFiles)
	if err != nil {
		return nil, err
	}
	for i, root := range roots {
		if at := slices.IndexFunc(peppers, func(pepper []byte) bool { return bytes.Equal(root, pepper) }); at >= 0 {
			return nil, fmt.Errorf("config: keys.root_files: %s and %s of keys.pepper_files hold the same key; make a separate one with `parvis key make`", k.RootFiles[i], k.PepperFiles[at])
		}
	}
	keys, err := secret.NewKeys(peppers[0], roots...)
	if err == nil {
		keys, err = keys.WithOlderPeppers(peppers[1:]...)
	}
	if err != nil {
		return nil, fmt.Errorf("config: keys: %w", err)
	}
	return keys, nil
}

func readAll(setting string, paths []string) ([][]byte, error) {
	out := make([][]byte, len(paths))
	for i, path := range paths {
		key, err := readKey(path)
		if err != nil {
			return nil, fmt.Errorf("config: %s: %w", setting, err)
		}
		out[i] = key
	}
	return out, nil
}

// MakeKey writes a new key file for the owner only, and overwrites nothing.
func MakeKey(path string) error { return writeNew(path, NewKeyFile(), 0o600) }

// problems lists every key file that cannot be used.
func (k Keys) problems() []string {
	var out []string
	if len(k.RootFiles) == 0 {
		out = append(out, "keys.root_files: give at least one key file; `parvis init` makes it")
	}
	if len(k.PepperFiles) == 0 {
		out = append(out, "keys.pepper_files: give at least one key file; `parvis init` makes it")
	}
	for _, path := range k.RootFiles {
		if _, err := readKey(path); err != nil {
			out = append(out, "keys.root_files: "+err.Error())
		}
	}
	for _, path := range k.PepperFiles {
		if _, err := readKey(path); err != nil {
			out = append(out, "keys.pepper_files: "+err.Error())
		}
	}
	if len(out) == 0 {
		if _, err := k.Open(); err != nil {
			out = append(out, strings.TrimPrefix(err.Error(), "config: "))
		}
	}
	return out
}
