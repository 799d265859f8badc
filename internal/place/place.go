// Package place says near which town an IP address is in use, by a file in the MaxMind DB
// format that the operator put on the machine. Nothing is asked of the network, no
// coordinates are read, and nothing is stored: a place is looked up where it is shown, of
// an address that is kept anyway.
//
// The file is read into memory, so that one which is cut short in place breaks nothing. A
// new file is put in place by rename; Places.Refresh takes it without a restart. Whatever
// a file says is foreign: words are cleaned and cut, and a broken entry is no place.
package place

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/oschwald/maxminddb-golang/v2"

	"parvis/internal/i18n"
)

const (
	// MaxBytes is the largest file that is read: the largest that are sold are under it.
	MaxBytes = 512 << 20
	maxRunes = 60 // of a name
)

// ErrFormat says that a file is none in the MaxMind DB format, or not whole.
var ErrFormat = errors.New("place: this is no file in the MaxMind DB format, or it is not whole")

// Places is a file in use. The nil *Places knows no place. Safe for concurrent use.
type Places struct {
	path string

	mu     sync.RWMutex
	reader *maxminddb.Reader
	size   int64
	made   time.Time // of the file, as its name told when it was read
}

// Open reads a file. ErrFormat, or why it cannot be read.
func Open(path string) (*Places, error) {
	p := &Places{path: path}
	if _, err := p.Refresh(); err != nil {
		return nil, err
	}
	return p, nil
}

// Refresh reads the file again when another one was put in its place. On an error the
// older one stays in use.
func (p *Places) Refresh() (changed bool, err error) {
	info, err := os.Stat(p.path)
	if err != nil {
		return false, fmt.Errorf("place: %w", err)
	}
	p.mu.RLock()
	same := p.reader != nil && info.Size() == p.size && info.ModTime().Equal(p.made)
	p.mu.RUnlock()
	if same {
		return false, nil
	}
	if !info.Mode().IsRegular() || info.Size() > MaxBytes {
		return false, fmt.Errorf("place: %s is no file of up to %d MB", p.path, MaxBytes>>20)
	}
	raw, err := os.ReadFile(p.path)
	if err != nil {
		return false, fmt.Errorf("place: %w", err)
	}
	reader, err := read(raw)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reader, p.size, p.made = reader, info.Size(), info.ModTime()
	return true, nil
}

// Parse takes the bytes of a file.
func Parse(raw []byte) (*Places, error) {
	reader, err := read(raw)
	if err != nil {
		return nil, err
	}
	return &Places{reader: reader}, nil
}

// read opens a file of foreign bytes: whatever is wrong with it is an error.
func read(raw []byte) (r *maxminddb.Reader, err error) {
	defer func() {
		if recover() != nil {
			r, err = nil, ErrFormat
		}
	}()
	r, err = maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return r, nil
}

// entry is what is read of an entry.
type entry struct {
	City struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"city"`
	Country struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"country"`
}

// Of is the place of an IP address in a language, else in English: "Toronto, Canada",
// "Canada"; "" when it is not known.
func (p *Places) Of(ip string, lang i18n.Lang) (out string) {
	if p == nil || ip == "" {
		return ""
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	p.mu.RLock()
	reader := p.reader
	p.mu.RUnlock()
	defer func() {
		if recover() != nil { // the reader checks what it reads; a file must not end the process all the same
			out = ""
		}
	}()
	var e entry
	if err := reader.Lookup(addr.Unmap().WithZone("")).Decode(&e); err != nil {
		return ""
	}
	city, country := named(e.City.Names, lang), named(e.Country.Names, lang)
	if city == "" || country == "" {
		return city + country
	}
	return city + ", " + country
}

// named is a name in a language, else in English, in one short line.
func named(names map[string]string, lang i18n.Lang) string {
	for _, l := range []string{string(lang), "en"} {
		if n := clean(names[l]); n != "" {
			return n
		}
	}
	return ""
}

// clean makes foreign words one short line without anything that could pass for a link
// or change how the rest reads.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "") {
		if n == maxRunes {
			break
		}
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune(" -'’().·", r) {
			b.WriteRune(r)
			n++
		}
	}
	return strings.TrimSpace(b.String())
}
