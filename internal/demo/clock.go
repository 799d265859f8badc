package demo

import (
	"sync/atomic"
	"time"
)

// maxAdvance is the furthest one request may move the clock: a year.
const maxAdvance = 365 * 24 * time.Hour

// Clock is the clock of the demonstration: the machine's, moved forward.
type Clock struct {
	System func() time.Time // the machine's clock
	ahead  atomic.Int64     // nanoseconds
}

// Now is the demonstration's time.
func (c *Clock) Now() time.Time { return c.System().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clock forward for the whole process.
func (c *Clock) Advance(by time.Duration) { c.ahead.Add(int64(by)) }
