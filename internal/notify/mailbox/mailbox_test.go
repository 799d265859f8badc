package mailbox

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

func TestABoxKeepsTheNewestLettersFirst(t *testing.T) {
	var box Box
	for i := range Most + 20 {
		letter := notice.Letter{ID: id.Message(fmt.Sprint(i)), To: fmt.Sprint("p", i%2, "@example.org")}
		if err := box.Deliver(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	list := box.Letters()
	if len(list) != Most || list[0].ID != id.Message(fmt.Sprint(Most+19)) || list[Most-1].ID != "20" {
		t.Errorf("%d letters, from %s to %s", len(list), list[0].ID, list[len(list)-1].ID)
	}
	if _, ok := box.Letter("19"); ok {
		t.Error("an old letter was kept")
	}
	if l, ok := box.Letter("20"); !ok || l.ID != "20" {
		t.Error("a letter is missing")
	}
	if to := box.To("p0@example.org"); len(to) != Most/2 || to[0].To != "p0@example.org" {
		t.Errorf("%d letters to one address", len(to))
	}
	list[0].Subject = "changed"
	if box.Letters()[0].Subject != "" {
		t.Error("the caller's slice is the box's own")
	}
}

func TestABoxMayBeUsedByManyAtOnce(t *testing.T) {
	var box Box
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				_ = box.Deliver(t.Context(), notice.Letter{})
				_ = box.Letters()
			}
		})
	}
	wg.Wait()
	if len(box.Letters()) != Most {
		t.Errorf("%d letters", len(box.Letters()))
	}
}

func TestLettersThatCameInAnyOrderStandByTheTimeTheyWereQueued(t *testing.T) {
	var box Box
	at := time.Unix(1_700_000_000, 0)
	for _, l := range []notice.Letter{
		{ID: "2", At: at.Add(2 * time.Second)}, {ID: "3", At: at.Add(3 * time.Second)}, {ID: "1", At: at}, {ID: "4", At: at.Add(3 * time.Second)},
	} {
		if err := box.Deliver(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	var order strings.Builder
	for _, l := range box.Letters() {
		order.WriteString(string(l.ID))
	}
	if order.String() != "4321" {
		t.Error(order.String())
	}
}
