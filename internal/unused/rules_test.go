package unused

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/notify"
)

func TestEachStepWaitsForTheOneBefore(t *testing.T) {
	s := Preset("parvis")
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * day) }
	warned := account.Warning{Status: account.Active, UsedAt: ago(800), FirstAt: ago(50), FirstHanded: ago(49), RemovesAt: ago(-10)}
	twice := warned
	twice.SecondAt, twice.SecondHanded, twice.RemovesAt = ago(16), ago(15), ago(1)
	change := func(w account.Warning, f func(w *account.Warning)) account.Warning { f(&w); return w }
	for _, c := range []struct {
		name string
		w    account.Warning
		sent delivery
		want action
		at   time.Time
	}{
		{"a first mail is on its way", change(warned, func(w *account.Warning) { w.FirstHanded = time.Time{} }), delivery{waiting: true, at: ago(1)}, actWait, now.Add(every)},
		{"a first mail was taken over", change(warned, func(w *account.Warning) { w.FirstHanded = time.Time{} }), delivery{at: ago(1)}, actHanded, ago(1)},
		{"no first mail was taken over", change(warned, func(w *account.Warning) { w.FirstHanded = time.Time{} }), delivery{}, actUndelivered, time.Time{}},
		{"the wait after the first is over", warned, delivery{}, actSecond, ago(3)},
		{"the wait after the first is not over", change(warned, func(w *account.Warning) { w.FirstHanded = ago(45) }), delivery{}, actWait, now.Add(day)},
		{"the last hour of that wait", change(warned, func(w *account.Warning) { w.FirstHanded = ago(46).Add(time.Hour) }), delivery{}, actWait, now.Add(time.Hour)},
		{"the second is not due by the last use", change(warned, func(w *account.Warning) { w.UsedAt = ago(700) }), delivery{}, actWait, now.Add(day)},
		{"the account was used", change(warned, func(w *account.Warning) { w.UsedAt = ago(600) }), delivery{}, actVoid, time.Time{}},
		{"the account is closing", change(warned, func(w *account.Warning) { w.Status = account.Closing }), delivery{}, actWait, now.Add(glance)},
		{"the account is merged", change(twice, func(w *account.Warning) { w.Status = account.Merged }), delivery{}, actWait, now.Add(glance)},
		{"a second mail is on its way", change(twice, func(w *account.Warning) { w.SecondHanded = time.Time{} }), delivery{waiting: true}, actWait, now.Add(every)},
		{"no second mail was taken over", change(twice, func(w *account.Warning) { w.SecondHanded = time.Time{} }), delivery{}, actUndelivered, time.Time{}},
		{"all waits are over", twice, delivery{}, actRemove, ago(1)},
		{"the wait after the second is not over", change(twice, func(w *account.Warning) { w.SecondHanded = ago(13) }), delivery{}, actWait, now.Add(day)},
		{"the day that was told has not come", change(twice, func(w *account.Warning) { w.RemovesAt = ago(-3) }), delivery{}, actWait, now.Add(day)},
		{"the last use is not long enough ago", change(twice, func(w *account.Warning) { w.UsedAt = ago(729) }), delivery{}, actWait, now.Add(day)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, at := s.next(c.w, c.sent, now); got != c.want || !at.Equal(c.at) {
				t.Errorf("%s at %v, want %s at %v", got, at, c.want, c.at)
			}
		})
	}
}

func TestAMailThatIsOnRecordNoLongerWasNotSent(t *testing.T) {
	at := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	sent, later := notify.Fate{Sent: true, At: at}, notify.Fate{Sent: true, At: at.Add(time.Hour)}
	for _, c := range []struct {
		name  string
		fates map[string]notify.Fate
		want  delivery
	}{
		{"no record", nil, delivery{}},
		{"one was refused", map[string]notify.Fate{"a": {At: at}}, delivery{}},
		{"one was refused, one sent", map[string]notify.Fate{"a": {At: at.Add(time.Hour)}, "b": sent}, delivery{at: at}},
		{"both were sent", map[string]notify.Fate{"a": later, "b": sent}, delivery{at: at.Add(time.Hour)}},
		{"one waits", map[string]notify.Fate{"a": {Waiting: true}, "b": sent}, delivery{waiting: true, at: at}},
		{"that of another account", map[string]notify.Fate{"c": sent}, delivery{}},
	} {
		if got := deliveryOf(c.fates, []string{"a", "b"}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestSettingsThatWouldSurprisePeopleAreRefused(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := Preset(name).Problems(); len(p) > 0 {
			t.Errorf("%s: %v", name, p)
		}
	}
	for _, c := range []struct {
		s    Settings
		want string // "" for none
	}{
		{Settings{}, ""},
		{Settings{FirstWarning: day}, ""},
		{Settings{After: 365 * day, FirstWarning: 30 * day, SecondWarning: 7 * day}, ""},
		{Settings{After: -day, FirstWarning: 30 * day, SecondWarning: 7 * day}, "after"},
		{Settings{After: 90 * day, FirstWarning: 30 * day, SecondWarning: 7 * day}, "after"},
		{Settings{After: 365 * day, FirstWarning: 30 * day, SecondWarning: day}, "second_warning"},
		{Settings{After: 365 * day, FirstWarning: 13 * day, SecondWarning: 7 * day}, "first_warning"},
		{Settings{After: 365 * day, FirstWarning: 200 * day, SecondWarning: 7 * day}, "first_warning"},
	} {
		got := strings.Join(c.s.Problems(), "; ")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
}
