// Command generate builds the embedded blocklist of the password package from
// the lists of zxcvbn-ts on npm. It runs in the password package's folder:
//
//	go run ./generate
//
// It fetches the three packages by name and version with npm pack (the result
// is kept in the user's cache folder), reads their lists, and writes for each
// entry the first bytes of its SHA-256, sorted, so that two runs give the same
// files. Entries are folded as password.Fold does it.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	hashBytes     = 6      // password.hashBytes
	leastRunes    = 3      // a shorter entry is no variant of any password
	leastPassword = 49_000 // fewer passwords than this: the source is not what it was
)

// lists are the files of a package that go into one output.
type lists struct {
	output string
	least  int
	files  map[string][]string // package folder: files
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	cache = filepath.Join(cache, "parvis-blocklist")
	packages := map[string]string{ // folder: package of npm
		"common": "@zxcvbn-ts/language-common@4.1.3",
		"en":     "@zxcvbn-ts/language-en@4.1.1",
		"fr":     "@zxcvbn-ts/language-fr@4.1.2",
	}
	folders := map[string]string{}
	for name, spec := range packages {
		folders[name], err = fetch(cache, spec)
		if err != nil {
			return err
		}
	}
	names := []string{"firstnames.json", "lastnames.json", "commonWords.json"}
	for _, l := range []lists{
		{"blocklist/passwords.bin", leastPassword, map[string][]string{"common": {"passwords.json"}}},
		{"blocklist/words.bin", leastPassword, map[string][]string{"common": {"diceware.json"}, "en": names, "fr": names}},
	} {
		if err := l.write(folders); err != nil {
			return err
		}
	}
	return nil
}

// fetch unpacks a package of npm and returns its folder.
func fetch(cache, spec string) (string, error) {
	folder := filepath.Join(cache, strings.NewReplacer("/", "_", "@", "_").Replace(spec))
	if _, err := os.Stat(filepath.Join(folder, "package", "package.json")); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", err
	}
	fmt.Fprintln(os.Stderr, "fetching", spec, "from npm into", folder)
	archive, err := command("npm", "pack", "--silent", "--pack-destination", folder, spec)
	if err != nil {
		return "", err
	}
	_, err = command("tar", "-xzf", filepath.Join(folder, strings.TrimSpace(archive)), "-C", folder)
	return folder, err
}

func command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // fixed programs and packages, run by hand
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return out.String(), nil
}

func (l lists) write(folders map[string]string) error {
	seen := map[[hashBytes]byte]bool{}
	for name, files := range l.files {
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(folders[name], "package", "src", file))
			if err != nil {
				return err
			}
			var entries []string
			if err := json.Unmarshal(text, &entries); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			for _, e := range entries {
				folded := strings.ToLower(norm.NFKC.String(e))
				if utf8.RuneCountInString(folded) >= leastRunes {
					sum := sha256.Sum256([]byte(folded))
					seen[[hashBytes]byte(sum[:hashBytes])] = true
				}
			}
		}
	}
	if len(seen) < l.least {
		return fmt.Errorf("%s: %d entries, want at least %d", l.output, len(seen), l.least)
	}
	all := make([][]byte, 0, len(seen))
	for h := range seen {
		all = append(all, h[:])
	}
	slices.SortFunc(all, bytes.Compare)
	fmt.Fprintln(os.Stderr, l.output, len(all), "entries")
	return os.WriteFile(l.output, bytes.Join(all, nil), 0o600)
}
