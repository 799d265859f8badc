// Package breached looks a password up in a file of passwords that are known from
// leaks (SP 800-63B-4, 3.1.1.2). The file is the operator's choice and stays on the
// machine: nothing is asked of the network, and no part of a password leaves.
//
// A file holds the first bytes of SHA-1 digests, sorted, each of one width, behind a
// header of 32 bytes. `parvis breached build` makes it (Build) of a list of digests,
// such as that of Have I Been Pwned, or of plain passwords. It is mapped into memory
// and searched by halves: a thousand million entries of eight bytes are 8 GB of file,
// of which the kernel keeps what is used. With eight bytes and that many entries, one
// good password in 18 thousand million is refused by chance.
//
// A new file is put in place by rename; File.Refresh takes it without a restart. A file
// that is cut short while it is mapped is an error of Contains, never the end of the
// process.
package breached

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"sync"
	"syscall"
	"time"
)

// The layout of a file.
const (
	magic      = "PARVISB1"
	headerSize = 32
	digestSize = sha1.Size

	// MinWidth is the fewest bytes that are kept of each digest.
	MinWidth = 5
	// MaxWidth is a whole digest.
	MaxWidth = digestSize
	// UsualWidth keeps chance hits under one in ten thousand million.
	UsualWidth = 8
)

// looked is how many neighbours Open compares before it believes that a file is sorted.
const looked = 256

// ErrFormat says that a file is none of Build's, or not whole.
var ErrFormat = errors.New("breached: this is no file that `parvis breached build` made, or it is not whole")

// File is a file that is being searched. Safe for concurrent use. Close it at the end.
type File struct {
	path string

	using sync.RWMutex // held while the mapping is read; for writing while it is exchanged
	list  list
	info  os.FileInfo
}

// list is a mapped file.
type list struct {
	mapped []byte
	width  int
	count  int
	made   time.Time
}

// Open maps a file. ErrFormat when it is none.
func Open(path string) (*File, error) {
	f := &File{path: path}
	var err error
	f.list, f.info, err = mapFile(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func mapFile(path string) (list, os.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return list{}, nil, fmt.Errorf("breached: %w", err)
	}
	defer func() { _ = file.Close() }() // only read; the mapping outlives it
	info, err := file.Stat()
	if err != nil {
		return list{}, nil, fmt.Errorf("breached: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() < headerSize || info.Size() != int64(int(info.Size())) {
		return list{}, nil, ErrFormat
	}
	mapped, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return list{}, nil, fmt.Errorf("breached: map %s: %w", path, err)
	}
	var l list
	err = guarded(func() error {
		var err error
		l, err = parse(mapped)
		return err
	})
	if err != nil {
		_ = syscall.Munmap(mapped) // the format is the error to tell
		return list{}, nil, err
	}
	return l, info, nil
}

// parse reads the header and looks whether the entries are what it promises.
func parse(mapped []byte) (list, error) {
	if len(mapped) < headerSize || string(mapped[:8]) != magic || mapped[9] != 1 {
		return list{}, ErrFormat
	}
	count := binary.BigEndian.Uint64(mapped[16:24])
	l := list{mapped: mapped, width: int(mapped[8]), made: time.Unix(int64(binary.BigEndian.Uint64(mapped[24:32])&(1<<62-1)), 0).UTC()}
	if l.width < MinWidth || l.width > MaxWidth || count == 0 || count > uint64(len(mapped)) || uint64(len(mapped)-headerSize) != count*uint64(l.width) {
		return list{}, ErrFormat
	}
	l.count = int(count)
	step := max(1, (l.count-1)/looked)
	for i := 0; i+1 < l.count; i += step {
		if bytes.Compare(l.at(i), l.at(i+1)) >= 0 {
			return list{}, ErrFormat
		}
	}
	return l, nil
}

func (l list) at(i int) []byte {
	from := headerSize + i*l.width
	return l.mapped[from : from+l.width]
}

func (l list) contains(digest [digestSize]byte) bool {
	want := digest[:l.width]
	i := sort.Search(l.count, func(i int) bool { return bytes.Compare(l.at(i), want) >= 0 })
	return i < l.count && bytes.Equal(l.at(i), want)
}

// Contains reports whether one of some texts is in the file. The error says that the
// file could not be read; then nothing is known.
func (f *File) Contains(texts ...string) (found bool, err error) {
	f.using.RLock()
	defer f.using.RUnlock()
	if f.list.mapped == nil {
		return false, fmt.Errorf("breached: %s: %w", f.path, os.ErrClosed)
	}
	err = guarded(func() error {
		for _, text := range texts {
			if f.list.contains(sha1.Sum([]byte(text))) {
				found = true
			}
		}
		return nil
	})
	return found, err
}

// guarded turns the fault of a page that is not there any more into an error.
func guarded(read func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if cause := recover(); cause != nil {
			fault, ok := cause.(interface{ Addr() uintptr }) // as runtime.Error of a memory fault has
			if !ok {
				panic(cause)
			}
			err = fmt.Errorf("breached: the file was changed while it was in use (at %#x)", fault.Addr())
		}
	}()
	return read()
}

// Size is how many entries the file has, and when it was made.
func (f *File) Size() (entries int, made time.Time) {
	f.using.RLock()
	defer f.using.RUnlock()
	return f.list.count, f.list.made
}

// Refresh takes the file that stands at the path now, if it is another one. When that
// cannot be used, the error says why and the older one stays in use.
func (f *File) Refresh() (changed bool, err error) {
	now, err := os.Stat(f.path)
	if err != nil {
		return false, fmt.Errorf("breached: %w", err)
	}
	f.using.RLock()
	same := os.SameFile(now, f.info) && now.Size() == f.info.Size() && now.ModTime().Equal(f.info.ModTime())
	f.using.RUnlock()
	if same {
		return false, nil
	}
	l, info, err := mapFile(f.path)
	if err != nil {
		return false, err
	}
	f.using.Lock()
	defer f.using.Unlock()
	old := f.list.mapped
	f.list, f.info = l, info
	if old == nil {
		return true, nil
	}
	if err := syscall.Munmap(old); err != nil {
		return true, fmt.Errorf("breached: %w", err)
	}
	return true, nil
}

// Close ends the mapping.
func (f *File) Close() error {
	f.using.Lock()
	defer f.using.Unlock()
	mapped := f.list.mapped
	f.list = list{}
	if mapped == nil {
		return nil
	}
	if err := syscall.Munmap(mapped); err != nil {
		return fmt.Errorf("breached: %w", err)
	}
	return nil
}
