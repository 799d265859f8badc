package app

import (
	"context"
	"time"
)

// breachedEvery is how often the file of breached passwords is looked at.
const breachedEvery = time.Minute

// watchBreached takes a new file of breached passwords when one was put in place. One
// that cannot be used is told once, and the older one stays.
func (h *House) watchBreached(ctx context.Context) {
	f := h.Policy.Breached
	if f == nil {
		return
	}
	tick := time.NewTicker(breachedEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := f.Refresh()
		switch {
		case err != nil && err.Error() != told:
			told = err.Error()
			h.Log.ErrorContext(ctx, "the new file of breached passwords cannot be used", "setting", "password.breached_file", "error", told)
		case changed:
			told = ""
			entries, made := f.Size()
			h.Log.InfoContext(ctx, "a new file of breached passwords is in use", "entries", entries, "made", made)
		}
	}
}

// breachedUnread notes that the file of breached passwords could not be read while a
// password was judged.
func (h *House) breachedUnread(err error) {
	h.Log.Error("the file of breached passwords cannot be read: passwords from leaks are accepted", "setting", "password.breached_file", "error", err.Error())
}
