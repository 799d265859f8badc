package cli

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestAValueMayBeginWithAHyphen(t *testing.T) {
	var cmds commands
	parser, err := kong.New(&cmds, kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{
		"partner reset-enrolment --service a --subject -6mVQ --apply": "partner reset-enrolment --service a --subject=-6mVQ --apply",
		"partner reset-enrolment --subject=-6mVQ":                     "partner reset-enrolment --subject=-6mVQ",
		"key drop-pepper -wzGYaoF --apply":                            "key drop-pepper --apply -- -wzGYaoF",
		"key drop-pepper --apply -wzGYaoF":                            "key drop-pepper --apply -- -wzGYaoF",
		"key drop-pepper --operator -ann -- -wzGYaoF":                 "key drop-pepper --operator=-ann -- -wzGYaoF",
		"key drop-pepper -wzGYaoF -- --odd":                           "key drop-pepper -- -wzGYaoF --odd",
		"key drop-pepper -h":                                          "key drop-pepper -h",
		"account show anna@example.org --json":                        "account show anna@example.org --json",
		"key -- -x":                                                   "key -- -x",
		"":                                                            "",
	} {
		if got := hyphens(parser.Model.Node, strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q", given, got)
		}
	}
}

func TestAnUnknownShortFlagIsToldAsAWordTooMany(t *testing.T) {
	var out, problems strings.Builder
	code := Main([]string{"version", "-verbose"}, strings.NewReader(""), &out, &problems)
	if code != 2 || !strings.Contains(problems.String(), "-verbose") {
		t.Errorf("%d %s %s", code, out.String(), problems.String())
	}
}
