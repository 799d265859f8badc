package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAnyErrorThatIsNoFaultIsInternal(t *testing.T) {
	if KindOf(errors.New("x")) != Internal || KindOf(nil) != Internal {
		t.Error("a plain error has a kind that is shown")
	}
	wrapped := fmt.Errorf("outer: %w", On("email", Invalid, "error.address.format", "name", "x"))
	if !Is(wrapped, Invalid) || Is(wrapped, Denied) || Is(nil, Internal) {
		t.Error("the kind is lost in wrapping")
	}
	if e, ok := errors.AsType[*Error](wrapped); !ok || e.Field != "email" || e.Key != "error.address.format" || len(e.Args) != 2 {
		t.Errorf("%+v", e)
	}
}

func TestTheCauseIsForTheLogAndCanBeFound(t *testing.T) {
	cause := errors.New("disk full")
	err := Wrap(Unavailable, "error.unavailable", cause)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
	if e := Retry(Throttled, "error.429", time.Minute); e.RetryAfter != time.Minute || !Is(e, Throttled) {
		t.Errorf("%+v", e)
	}
	if New(NotFound, "error.404").Error() != "not_found: error.404" {
		t.Error(New(NotFound, "error.404"))
	}
}
