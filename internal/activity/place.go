package activity

import (
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
)

// placeEvents is how many events are looked at for places: more than there are sessions.
const placeEvents = 100

// placesOf are the places where sessions of an account were opened. A place is that of the
// IP address of an event, as long as that is kept; none is stored.
func (j *Journey) placesOf(tx *db.Tx, a id.Account, lang i18n.Lang) (map[id.Session]string, error) {
	if j.Places == nil {
		return nil, nil
	}
	list, err := j.Owners.Audit.Before(tx, a, []audit.Name{audit.SigninSucceeded}, "", placeEvents)
	if err != nil {
		return nil, err
	}
	out := map[id.Session]string{}
	for _, e := range list {
		out[e.Session] = j.Places.Of(e.Personal.IP, lang)
	}
	return out, nil
}

// placesAt are the places where an account was used with browsers that it was not seen
// with, by the instant in Unix milliseconds, which is that of session.NewSignIn.
func (j *Journey) placesAt(tx *db.Tx, a id.Account, lang i18n.Lang) (map[int64]string, error) {
	if j.Places == nil {
		return nil, nil
	}
	list, err := j.Owners.Audit.Before(tx, a, []audit.Name{audit.DeviceRemembered}, "", placeEvents)
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, e := range list {
		out[e.At.UnixMilli()] = j.Places.Of(e.Personal.IP, lang)
	}
	return out, nil
}
