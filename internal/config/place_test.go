package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parvis/internal/place/placetest"
)

func TestAFileOfPlacesThatCannotBeReadIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if got := placeProblems(path); len(got) != 1 || !strings.Contains(got[0], "place_database") || !strings.Contains(got[0], path) {
		t.Errorf("no file: %q", got)
	}
	if err := os.WriteFile(path, []byte("<html>sign in to download</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := placeProblems(path); len(got) != 1 || !strings.Contains(got[0], "MaxMind DB") {
		t.Errorf("another file: %q", got)
	}
	raw := placetest.File(map[netip.Prefix]placetest.Names{netip.MustParsePrefix("192.0.2.0/24"): {Country: map[string]string{"en": "Canada"}}})
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := append(placeProblems(path), placeProblems("")...); len(got) != 0 {
		t.Errorf("a file, or none: %q", got)
	}
}
