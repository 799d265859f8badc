package breached

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Source says what a list of passwords looks like.
type Source struct {
	// Plain: one password on each line, in any order. Else one SHA-1 digest in
	// hexadecimal on each line, sorted, with ":" and how often it was seen, as the lists
	// of Have I Been Pwned are.
	Plain bool
	// Least leaves out digests that were seen less often.
	Least int
	// Width is how many bytes are kept of each digest; 0: UsualWidth.
	Width int
}

// Built is what became of a list.
type Built struct {
	Lines, Entries int64
}

// The bounds of a list.
const (
	maxLine  = 64 << 10
	maxPlain = 50_000_000 // plain passwords, which are sorted in memory
)

// Build makes a file of a list. It is written beside path and put in its place when it
// is whole: a process that reads the older one goes on with it. made stands in the file.
func Build(path string, from io.Reader, s Source, made time.Time) (b Built, err error) {
	if s.Width == 0 {
		s.Width = UsualWidth
	}
	if s.Width < MinWidth || s.Width > MaxWidth {
		return b, fmt.Errorf("breached: a width of %d bytes cannot be; choose %d to %d", s.Width, MinWidth, MaxWidth)
	}
	out, err := os.CreateTemp(filepath.Dir(path), ".breached-*")
	if err != nil {
		return b, fmt.Errorf("breached: %w", err)
	}
	defer func() {
		if err != nil {
			_ = out.Close()           // the first error is the one to tell
			_ = os.Remove(out.Name()) // as above
		}
	}()
	w := &writer{to: bufio.NewWriterSize(out, 1<<20), width: s.Width}
	if _, err = w.to.Write(make([]byte, headerSize)); err != nil {
		return b, fmt.Errorf("breached: %w", err)
	}
	read := w.digests
	if s.Plain {
		read = w.plain
	}
	if b.Lines, err = read(from, s); err != nil {
		return b, err
	}
	if b.Entries = w.count; b.Entries == 0 {
		return b, errors.New("breached: the list holds nothing that is to be kept")
	}
	if err = w.to.Flush(); err != nil {
		return b, fmt.Errorf("breached: %w", err)
	}
	header := make([]byte, headerSize)
	copy(header, magic)
	header[8], header[9] = byte(s.Width), 1
	binary.BigEndian.PutUint64(header[16:], uint64(w.count))
	binary.BigEndian.PutUint64(header[24:], uint64(max(0, made.Unix())))
	if _, err = out.WriteAt(header, 0); err != nil {
		return b, fmt.Errorf("breached: %w", err)
	}
	if err = errors.Join(out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return b, fmt.Errorf("breached: %w", err)
	}
	if err = os.Rename(out.Name(), path); err != nil {
		return b, fmt.Errorf("breached: %w", err)
	}
	return b, nil
}

// writer writes sorted entries once each.
type writer struct {
	to    *bufio.Writer
	width int
	count int64
	last  [digestSize]byte
}

// add writes an entry. It reports false when it comes before the one written last.
func (w *writer) add(digest []byte) (bool, error) {
	entry := digest[:w.width]
	if w.count > 0 {
		switch bytes.Compare(entry, w.last[:w.width]) {
		case 0:
			return true, nil
		case -1:
			return false, nil
		}
	}
	copy(w.last[:], entry)
	w.count++
	if _, err := w.to.Write(entry); err != nil {
		return true, fmt.Errorf("breached: %w", err)
	}
	return true, nil
}

func lines(from io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(from)
	s.Buffer(make([]byte, 0, 512), maxLine)
	return s
}

// digests reads a sorted list of digests.
func (w *writer) digests(from io.Reader, s Source) (n int64, err error) {
	in := lines(from)
	digest := make([]byte, digestSize)
	for in.Scan() {
		n++
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		text, times, counted := bytes.Cut(line, []byte(":"))
		if len(text) != 2*digestSize {
			return n, fmt.Errorf("breached: line %d: a SHA-1 digest has 40 hexadecimal digits", n)
		}
		if _, err := hex.Decode(digest, text); err != nil {
			return n, fmt.Errorf("breached: line %d: a SHA-1 digest has 40 hexadecimal digits", n)
		}
		if counted && s.Least > 0 {
			seen, err := strconv.Atoi(string(times))
			if err != nil || seen < 0 {
				return n, fmt.Errorf("breached: line %d: behind the colon stands how often it was seen", n)
			}
			if seen < s.Least {
				continue
			}
		}
		sorted, err := w.add(digest)
		if err != nil {
			return n, err
		}
		if !sorted {
			return n, fmt.Errorf("breached: line %d comes before the one above it; sort the list first (LC_ALL=C sort)", n)
		}
	}
	return n, scanned(in, n)
}

// plain reads passwords.
func (w *writer) plain(from io.Reader, _ Source) (n int64, err error) {
	var all [][digestSize]byte
	in := lines(from)
	for in.Scan() {
		n++
		if line := bytes.TrimRight(in.Bytes(), "\r"); len(line) > 0 {
			all = append(all, sha1.Sum(line))
		}
		if len(all) > maxPlain {
			return n, fmt.Errorf("breached: more than %d plain passwords; make a sorted list of digests of them", maxPlain)
		}
	}
	if err := scanned(in, n); err != nil {
		return n, err
	}
	slices.SortFunc(all, func(a, b [digestSize]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, digest := range all {
		if _, err := w.add(digest[:]); err != nil {
			return n, err
		}
	}
	return n, nil
}

func scanned(in *bufio.Scanner, n int64) error {
	if err := in.Err(); err != nil {
		return fmt.Errorf("breached: line %d: %w", n+1, err)
	}
	return nil
}
