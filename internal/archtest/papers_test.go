package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// named finds names of Go tests in the papers.
var named = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]+)`")

// declared finds declarations of tests.
var declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)

func TestEachTestThatAPaperNamesExists(t *testing.T) {
	exists := map[string]bool{}
	for _, s := range tree(t) {
		if s.test {
			for _, m := range declared.FindAllStringSubmatch(s.text, -1) {
				exists[m[1]] = true
			}
		}
	}
	for _, paper := range []string{"docs/requirements.md", "docs/threat-model.md", "docs/accessibility.md", "docs/privacy.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile(filepath.Join(root, paper))
		if err != nil {
			t.Error(err)
			continue
		}
		found := named.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 && paper != "CONTRIBUTING.md" {
			t.Errorf("%s names no test", paper)
		}
		for _, m := range found {
			if !exists[m[1]] {
				t.Errorf("%s names the test %s, which does not exist", paper, m[1])
			}
		}
	}
}
