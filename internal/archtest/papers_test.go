package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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

// asked is one entry of the first column of docs/requirements.md, e.g. "R36, R39" or "R84–R86".
var asked = regexp.MustCompile(`([RSL])(\d+)(?:–[RSL](\d+))?`)

// Each sentence that was asked for has one row, which says where it is or that it comes later.
func TestEveryRequirementHasItsRow(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !asked.MatchString(cells[1]) {
			continue
		}
		if where := strings.TrimSpace(cells[3]); where == "" {
			t.Errorf("%s: where is it?", cells[1])
		}
		for _, m := range asked.FindAllStringSubmatch(cells[1], -1) {
			first, _ := strconv.Atoi(m[2]) // digits, by the pattern
			last, err := strconv.Atoi(m[3])
			if err != nil {
				last = first
			}
			for n := first; n <= last; n++ {
				rows[m[1]+strconv.Itoa(n)]++
			}
		}
	}
	for letter, most := range map[string]int{"S": 17, "R": 90, "L": 22} {
		for n := 1; n <= most; n++ {
			if name := letter + strconv.Itoa(n); rows[name] != 1 {
				t.Errorf("%s has %d rows, want one", name, rows[name])
			}
		}
	}
}
