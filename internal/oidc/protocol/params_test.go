package protocol

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestALongListTakesNoLongTime(t *testing.T) {
	var list strings.Builder
	const words = 400_000 // which compared one by one would keep this test busy for minutes
	for i := range words {
		fmt.Fprintf(&list, "%06x ", i)
	}
	if got := len(splitList(list.String())); got != words {
		t.Errorf("%d words", got)
	}
	if got := splitList(" b  a b c a "); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("%q", got)
	}
}

func TestAResourceOfSpacesStandsForNoScope(t *testing.T) {
	c := client()
	c.PlainOAuth, c.Resources = true, []string{"urn:example:tiles"}
	for resource, want := range map[string]Code{"": InvalidScope, " ": InvalidScope, "\u00a0\t": InvalidScope, "urn:example:tiles": ""} {
		p := ParamsOf(map[string]string{
			"client_id": c.ID, "redirect_uri": c.RedirectURIs[0], "response_type": "code", "code_challenge": challenge, "code_challenge_method": "S256", "resource": resource,
		})
		_, bad := Check(p, c, Came{})
		if (bad == nil) != (want == "") || bad != nil && bad.Code != want {
			t.Errorf("%q: %v, want %q", resource, bad, want)
		}
	}
}
