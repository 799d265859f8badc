package protocol

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestALongListTakesNoLongTime(t *testing.T) {
	var list strings.Builder
	const words = 400_000
	for i := range words {
		fmt.Fprintf(&list, "%06x ", i)
	}
	start := time.Now()
	if got := len(splitList(list.String())); got != words {
		t.Errorf("%d words", got)
	}
	if took := time.Since(start); took > time.Minute { // what is quadratic takes minutes
		t.Error(took)
	}
	if got := splitList(" b  a b c a "); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("%q", got)
	}
}
