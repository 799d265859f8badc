package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxAdvance is the furthest one request may move the clock: a year.
const maxAdvance = 365 * 24 * time.Hour

// clockFile is where a folder remembers how far its clock was moved: what its
// database holds must not lie in the future.
const clockFile = "clock"

// Clock is the clock of the demonstration: the machine's, moved forward.
type Clock struct {
	System func() time.Time // the machine's clock
	mu     sync.Mutex       // of Advance
	file   string           // where it is remembered, "" for nowhere
	ahead  atomic.Int64     // nanoseconds
}

// Now is the demonstration's time.
func (c *Clock) Now() time.Time { return c.System().Add(c.Ahead()) }

// Ahead is how far the clock was moved.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// Open goes on where the clock of a folder was left.
func (c *Clock) Open(dir string) error {
	c.file = filepath.Join(dir, clockFile)
	text, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	ahead, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil || ahead < 0 {
		return fmt.Errorf("demo: %s does not say how far the clock was moved, for example 31m; choose another --dir", c.file)
	}
	c.ahead.Store(int64(ahead))
	return nil
}

// Advance moves the clock forward for the whole process, and remembers it first.
func (c *Clock) Advance(by time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead := c.Ahead() + by
	if ahead < 0 {
		return errors.New("demo: the clock cannot be moved so far")
	}
	if c.file != "" {
		part := c.file + ".part"
		if err := os.WriteFile(part, []byte(ahead.String()+"\n"), 0o600); err != nil { //nolint:gosec // in the folder that the command line names
			return fmt.Errorf("demo: %w", err)
		}
		if err := os.Rename(part, c.file); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	c.ahead.Store(int64(ahead))
	return nil
}
