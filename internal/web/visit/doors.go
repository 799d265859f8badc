package visit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"parvis/internal/id"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// Doors remember in a browser by which door somebody came in last to each service. It
// is all in one cookie of ours, sealed, always of one length: whoever else sees it
// learns neither which services nor which doors, not even how many. There is no account
// in it, nor anything that tells one browser from another.
type Doors struct {
	Keys  *secret.Keys
	Lasts time.Duration // how long a door is remembered; 0: nothing is
	Now   func() time.Time
}

// The record of one service: what stands for the service and for the door, and the day.
const (
	doorsKept = 8 // services, the latest first
	tagBytes  = 6
	doorBytes = 2*tagBytes + 2
	doorsSize = doorsKept * doorBytes
)

// sealedDoors is the length of the cookie's value: key id, nonce, records, tag, in base64url.
var sealedDoors = base64.RawURLEncoding.EncodedLen(1 + 12 + doorsSize + 16) //nolint:gochecknoglobals // a number

type doorRecord [doorBytes]byte

func tag(kind, name string) [tagBytes]byte {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	return [tagBytes]byte(sum[:tagBytes])
}

func day(t time.Time) uint16 { return uint16(t.Unix() / (24 * 60 * 60)) } // good until the year 2149

// read opens a cookie's value: the records that are young enough. Whatever is not ours
// counts as nothing.
func (d Doors) read(value string) []doorRecord {
	if d.Lasts <= 0 || len(value) != sealedDoors {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil
	}
	plain, err := d.Keys.Open("cookie", "doors", "", sealed)
	if err != nil || len(plain) != doorsSize {
		return nil
	}
	today := day(d.Now())
	oldest := day(d.Now().Add(-d.Lasts))
	var out []doorRecord
	for at := 0; at < doorsSize; at += doorBytes {
		r := doorRecord(plain[at : at+doorBytes])
		made := binary.BigEndian.Uint16(r[2*tagBytes:])
		if made >= oldest && made <= today && made != 0 {
			out = append(out, r)
		}
	}
	return out
}

// with is a cookie's value that remembers a door, too, in place of an older one of the
// same service.
func (d Doors) with(value string, service id.RelyingParty, door string) string {
	var now doorRecord
	s, t := tag("service", string(service)), tag("door", door)
	copy(now[:], s[:])
	copy(now[tagBytes:], t[:])
	binary.BigEndian.PutUint16(now[2*tagBytes:], day(d.Now()))
	plain := append(make([]byte, 0, doorsSize), now[:]...)
	for _, r := range d.read(value) {
		if !bytes.Equal(r[:tagBytes], s[:]) && len(plain) < doorsSize {
			plain = append(plain, r[:]...)
		}
	}
	plain = plain[:doorsSize]
	return base64.RawURLEncoding.EncodeToString(d.Keys.Seal("cookie", "doors", "", plain))
}

// last is the one of some doors by which somebody came in last to a service; "" for none.
func (d Doors) last(value string, service id.RelyingParty, among []string) string {
	s := tag("service", string(service))
	for _, r := range d.read(value) {
		if !bytes.Equal(r[:tagBytes], s[:]) {
			continue
		}
		for _, door := range among {
			if t := tag("door", door); bytes.Equal(r[tagBytes:2*tagBytes], t[:]) {
				return door
			}
		}
	}
	return ""
}

// LastDoor is the one of some doors by which somebody came in last from this browser to
// a service; "" for none, or for one that is not among them.
func (v *Visitor) LastDoor(r *http.Request, service id.RelyingParty, among []string) string {
	return v.Doors.last(kit.Cookie(r, kit.DoorsCookie), service, among)
}

// CameBy lets the browser remember by which door somebody came in to a service.
func (v *Visitor) CameBy(w http.ResponseWriter, r *http.Request, service id.RelyingParty, door string) {
	if v.Doors.Lasts > 0 {
		kit.SetCookie(w, kit.DoorsCookie, v.Doors.with(kit.Cookie(r, kit.DoorsCookie), service, door), v.Doors.Lasts)
	}
}

// ForgetDoors takes away what the browser remembers of doors.
func (v *Visitor) ForgetDoors(w http.ResponseWriter, r *http.Request) {
	if len(r.CookiesNamed(kit.DoorsCookie)) > 0 {
		kit.ClearCookie(w, kit.DoorsCookie)
	}
}
