package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"parvis/internal/policy"
)

//go:generate go test -run TestTheDocumentedPolicyIsTheRealOne -update .

var update = flag.Bool("update", false, "write docs/policy.md")

func TestTheDocumentedPolicyIsTheRealOne(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "policy.md")
	want := policy.Document()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/policy.md does not show the policy of internal/policy; run make generate")
	}
}
