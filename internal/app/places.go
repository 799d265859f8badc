package app

import (
	"context"
	"time"
)

// placesEvery is how often the file of places is looked at.
const placesEvery = time.Minute

// watchPlaces takes a new file of places when one was put in place. One that cannot be
// used is told once, and the older one stays.
func (h *House) watchPlaces(ctx context.Context) {
	if h.Places == nil {
		return
	}
	tick := time.NewTicker(placesEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := h.Places.Refresh()
		switch {
		case err != nil && err.Error() != told:
			told = err.Error()
			h.Log.ErrorContext(ctx, "the new file of places cannot be used", "setting", "activity.place_database", "error", told)
		case changed:
			told = ""
			h.Log.InfoContext(ctx, "a new file of places is in use", "setting", "activity.place_database")
		}
	}
}
