package enrollment_test

import (
	"testing"

	"parvis/internal/account"
	"parvis/internal/journeytest"
	"parvis/internal/proving"
)

func TestEveryAddressThatIsAcceptedCanBeMailed(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		for _, typed := range []string{
			"zoë@example.org", "用户@例子.广告", "o'neil@example.org", "a+b=c@münchen.example", "x`{|}~@example.org", "André.Côté@québec.example",
		} {
			addr, err := account.ParseAddress(typed)
			if err != nil {
				t.Logf("%s is refused: %v", typed, err)
				continue
			}
			b := h.Browser()
			if r := b.Create(b.Direct(), typed); r.Outcome != proving.Sent {
				t.Errorf("%s: %q", typed, r.Outcome)
			}
			if len(h.Letters(addr.Written)) != 1 {
				t.Errorf("%s: no letter", typed)
			}
		}
	})
}
