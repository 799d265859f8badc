package i18n

import (
	"strconv"
	"strings"
	"time"
)

// The spaces of typography: what must not break across lines.
const (
	nbsp = "\u00a0" // no-break space
)

// Duration says a length of time in words, as the largest two units that it
// has: "30 minutes", "24 hours", "1 hour 30 minutes", "2 days". Hours go to 48,
// days to two years. Less than a second is said as one second. The number and
// its unit are glued by a no-break space.
func (t *Tr) Duration(d time.Duration) string {
	seconds := max(1, int64((d+time.Second/2)/time.Second))
	const minute, hour, day, year = 60, 3600, 86400, 365 * 86400
	switch {
	case seconds < 2*minute && seconds != minute:
		return t.unit("kit.seconds", seconds)
	case seconds < hour:
		return t.unit("kit.minutes", (seconds+30)/minute)
	case seconds <= 48*hour && seconds%hour == 0:
		return t.unit("kit.hours", seconds/hour)
	case seconds < 48*hour:
		minutes := (seconds + 30) / minute
		if minutes%60 == 0 {
			return t.unit("kit.hours", minutes/60)
		}
		return t.unit("kit.hours", minutes/60) + " " + t.unit("kit.minutes", minutes%60)
	case seconds%year == 0:
		return t.unit("kit.years", seconds/year)
	case seconds < 2*year:
		return t.unit("kit.days", (seconds+day/2)/day)
	default:
		return t.unit("kit.years", (seconds+year/2)/year)
	}
}

func (t *Tr) unit(key string, n int64) string {
	return strings.Replace(t.T(key, "count", int(n)), " ", nbsp, 1)
}

// Clock is a time of day in a zone: "14:32", « 14 h 32 », glued.
func (t *Tr) Clock(at time.Time, zone *time.Location) string {
	at = in(at, zone)
	if t.lang == French {
		return strconv.Itoa(at.Hour()) + nbsp + "h" + nbsp + at.Format("04")
	}
	return at.Format("15:04")
}

// Date is a day in a zone: "3 March 2025", « 3 mars 2025 », « 1er mars 2025 »; glued up to the month.
func (t *Tr) Date(at time.Time, zone *time.Location) string {
	at = in(at, zone)
	day := strconv.Itoa(at.Day())
	if t.lang == French && at.Day() == 1 {
		day = "1er"
	}
	return day + nbsp + t.month(at.Month()) + nbsp + strconv.Itoa(at.Year())
}

// Weekday is the day with its name: "Thursday 12 June 2025", « jeudi 12 juin 2025 ».
func (t *Tr) Weekday(at time.Time, zone *time.Location) string {
	names := [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	if t.lang == French {
		names = [...]string{"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"}
	}
	return names[in(at, zone).Weekday()] + " " + t.Date(at, zone)
}

// DateTime is a day and a time: "3 March 2025 at 14:32", « 3 mars 2025 à 14 h 32 ».
func (t *Tr) DateTime(at time.Time, zone *time.Location) string {
	return t.T("kit.date-time", "date", t.Date(at, zone), "time", t.Clock(at, zone))
}

// Moment is a time as a person says it now: "today at 14:32", "yesterday at
// 09:06", else the date: « aujourd’hui à 14 h 32 », « le 3 mars 2025 ».
func (t *Tr) Moment(at, now time.Time, zone *time.Location) string {
	day := in(at, zone).Format(time.DateOnly)
	today := in(now, zone)
	switch day {
	case today.Format(time.DateOnly):
		return t.T("kit.today-at", "time", t.Clock(at, zone))
	case today.AddDate(0, 0, -1).Format(time.DateOnly):
		return t.T("kit.yesterday-at", "time", t.Clock(at, zone))
	}
	return t.T("kit.on-date", "date", t.Date(at, zone))
}

// Until is a clock time, with the day when it is not today: "14:42", "3 March 2025 at 14:42".
func (t *Tr) Until(at, now time.Time, zone *time.Location) string {
	if in(at, zone).Format(time.DateOnly) == in(now, zone).Format(time.DateOnly) {
		return t.Clock(at, zone)
	}
	return t.DateTime(at, zone)
}

// Zone is a time zone's name: "Eastern Time", « heure de l’Est »; for others its
// offset or abbreviation at that moment: "UTC", "UTC+2".
func (t *Tr) Zone(at time.Time, zone *time.Location) string {
	at = in(at, zone)
	if key := zoneKey(at.Location().String()); key != "" {
		return t.T(key)
	}
	_, offset := at.Zone()
	if offset == 0 {
		return "UTC"
	}
	sign := "+"
	if offset < 0 {
		sign, offset = "\u2212", -offset
	}
	text := "UTC" + sign + strconv.Itoa(offset/3600)
	if minutes := offset % 3600 / 60; minutes > 0 {
		text += ":" + strconv.Itoa(minutes)
	}
	return text
}

// zoneKey is the catalogue key of the zones that people know by name.
func zoneKey(zone string) string {
	switch zone {
	case "America/Toronto", "America/New_York", "America/Montreal", "America/Detroit", "America/Iqaluit":
		return "kit.zone.eastern"
	case "America/Winnipeg", "America/Chicago":
		return "kit.zone.central"
	case "America/Edmonton", "America/Denver", "America/Boise":
		return "kit.zone.mountain"
	case "America/Vancouver", "America/Los_Angeles":
		return "kit.zone.pacific"
	case "America/Halifax", "America/Moncton", "America/Glace_Bay":
		return "kit.zone.atlantic"
	case "America/St_Johns":
		return "kit.zone.newfoundland"
	}
	return ""
}

func (t *Tr) month(m time.Month) string {
	if t.lang == French {
		return [...]string{
			"janvier", "février", "mars", "avril", "mai", "juin", "juillet",
			"août", "septembre", "octobre", "novembre", "décembre",
		}[m-1]
	}
	return m.String()
}

func in(at time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return at.In(zone)
}
