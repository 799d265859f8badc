package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/notify/notice"
)

// Fate is what became of a message.
type Fate struct {
	Sent    bool      // the mail server took it over
	Waiting bool      // neither taken over nor given up
	At      time.Time // when it was taken over or given up
}

// fatesMost is how many messages are asked about in one statement.
const fatesMost = 1000

// Fates tells what became of messages of a kind, by their Message.Once. A message that is
// not among the answers is not on record (any more): nobody can say that it was sent.
func (o *Outbox) Fates(tx *db.Tx, kind notice.Kind, once []string) (map[string]Fate, error) {
	out := map[string]Fate{}
	for len(once) > 0 {
		some := once[:min(fatesMost, len(once))]
		once = once[len(some):]
		names, marks, args := map[string]string{}, []string{}, []any{}
		for _, one := range some {
			for _, index := range o.Keys.Indexes(oncePurpose, onceValue(kind, one)) { // of older root keys, too
				names[index], args = one, append(args, index)
				marks = append(marks, "$"+strconv.Itoa(len(args)))
			}
		}
		type stored struct {
			Fate

			index, status string
		}
		rows, err := tx.Query(`SELECT once, status, done_at FROM outbox WHERE once IN (`+strings.Join(marks, ", ")+`)`, args...)
		found, err := db.Collect(rows, err, func(r *db.Rows) (s stored, err error) {
			return s, r.Scan(&s.index, &s.status, db.NullTime(&s.At))
		})
		if err != nil {
			return nil, fmt.Errorf("notify: fates: %w", err)
		}
		for _, s := range found {
			s.Sent, s.Waiting = s.status == "sent", s.status == "waiting" || s.status == "ready"
			out[names[s.index]] = s.Fate
		}
	}
	return out, nil
}

// oncePurpose keeps the indexes of Message.Once apart from all others.
const oncePurpose = "outbox.once"

// onceValue is what Message.Once is stored as an index of.
func onceValue(kind notice.Kind, once string) string { return string(kind) + "|" + once }
