package breached

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var made = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// digests is a sorted list of digests, each seen as often as its word is long.
func digests(words ...string) string {
	var out []string
	for _, w := range words {
		sum := sha1.Sum([]byte(w))
		out = append(out, fmt.Sprintf("%s:%d", strings.ToUpper(hex.EncodeToString(sum[:])), len(w)))
	}
	slices.Sort(out)
	return strings.Join(out, "\r\n") + "\r\n"
}

func build(t testing.TB, list string, s Source) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "breached.bin")
	if _, err := Build(path, strings.NewReader(list), s, made); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func has(t testing.TB, f *File, texts ...string) bool {
	t.Helper()
	found, err := f.Contains(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestExactlyThePasswordsOfTheListAreFound(t *testing.T) {
	var words []string
	for i := range 3000 {
		words = append(words, fmt.Sprintf("leaked-%d", i))
	}
	for _, s := range []Source{{}, {Width: MinWidth}, {Width: MaxWidth}, {Plain: true}} {
		list := digests(words...)
		if s.Plain {
			list = strings.Join(words, "\n")
		}
		f := build(t, list, s)
		for i, w := range words {
			if !has(t, f, w) || has(t, f, fmt.Sprintf("good-%d", i)) {
				t.Fatalf("%+v: %s", s, w)
			}
		}
		if !has(t, f, "nothing", words[7]) || has(t, f, "nothing", "") || has(t, f) {
			t.Errorf("%+v: of several texts", s)
		}
		if n, at := f.Size(); n != len(words) || !at.Equal(made) {
			t.Errorf("%+v: %d entries of %v", s, n, at)
		}
	}
}

func TestAListOfOneIsEnoughAndRareOnesCanBeLeftOut(t *testing.T) {
	if f := build(t, "one\n", Source{Plain: true}); !has(t, f, "one") || has(t, f, "two") {
		t.Error("a list of one")
	}
	f := build(t, digests("rare", "a frequent one")+"\n", Source{Least: 5})
	if has(t, f, "rare") || !has(t, f, "a frequent one") {
		t.Error("Least is not kept")
	}
	if f := build(t, "twice\r\ntwice\n\ntwice", Source{Plain: true}); !has(t, f, "twice") {
		t.Error("a list that repeats itself")
	}
}

func TestAListThatCannotBeReadLeavesTheOlderFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "breached.bin")
	if _, err := Build(path, strings.NewReader("old"), Source{Plain: true}, made); err != nil {
		t.Fatal(err)
	}
	unsorted := strings.Split(strings.TrimSpace(digests("a", "b", "c")), "\r\n")
	slices.Reverse(unsorted)
	for name, c := range map[string]struct {
		list string
		s    Source
		says string
	}{
		"unsorted":   {strings.Join(unsorted, "\n"), Source{}, "line 2 comes before"},
		"no digests": {"password\n", Source{}, "line 1"},
		"no hex":     {strings.Repeat("x", 40), Source{}, "line 1"},
		"no count":   {strings.ReplaceAll(digests("a"), ":1", ":many"), Source{Least: 1}, "how often"},
		"nothing":    {"\n\n", Source{}, "nothing"},
		"too rare":   {digests("a"), Source{Least: 9}, "nothing"},
		"long":       {strings.Repeat("x", maxLine+1), Source{Plain: true}, "line 1"},
		"narrow":     {"a", Source{Plain: true, Width: MinWidth - 1}, "width"},
		"wide":       {"a", Source{Plain: true, Width: MaxWidth + 1}, "width"},
	} {
		if _, err := Build(path, strings.NewReader(c.list), c.s, made); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("what was begun is left: %v %v", left, err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if !has(t, f, "old") {
		t.Error("the older file is gone")
	}
}

func TestANewFileIsTakenWithoutARestartAndABrokenOneIsNot(t *testing.T) {
	f := build(t, "old", Source{Plain: true})
	if changed, err := f.Refresh(); changed || err != nil {
		t.Errorf("nothing changed: %v %v", changed, err)
	}
	if err := os.WriteFile(f.path+".new", []byte("garbage that is longer than the header of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Refresh(); !errors.Is(err, ErrFormat) || !has(t, f, "old") {
		t.Errorf("a broken file was taken: %v", err)
	}
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = f.Contains("old", "new")
				}
			}
		})
	}
	for i := range 20 {
		if _, err := Build(f.path, strings.NewReader(fmt.Sprintf("new\nnumber-%d", i)), Source{Plain: true}, made.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if changed, err := f.Refresh(); !changed || err != nil {
			t.Fatalf("%v %v", changed, err)
		}
	}
	close(stop)
	all.Wait()
	if !has(t, f, "new") || !has(t, f, "number-19") || has(t, f, "old") {
		t.Error("the newest file is not in use")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Contains("new"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
}

func TestAFileThatIsCutShortWhileInUseIsAnErrorAndNotTheEnd(t *testing.T) {
	var words []string
	for i := range 5000 {
		words = append(words, fmt.Sprintf("leaked-%d", i))
	}
	f := build(t, strings.Join(words, "\n"), Source{Plain: true})
	if err := os.Truncate(f.path, 0); err != nil {
		t.Fatal(err)
	}
	if found, err := f.Contains(words[0]); err == nil || found {
		t.Errorf("%v %v", found, err)
	}
	if _, err := f.Refresh(); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestAFileOfAnotherKindIsRefused(t *testing.T) {
	f := build(t, "a\nb\nc", Source{Plain: true})
	whole, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		out := bytes.Clone(whole)
		out[at] = to
		return out
	}
	for name, raw := range map[string][]byte{
		"nothing":     {},
		"header only": whole[:headerSize],
		"one short":   whole[:len(whole)-1],
		"one long":    append(bytes.Clone(whole), 0),
		"magic":       change(0, 'X'),
		"digest":      change(9, 2),
		"width":       change(8, MaxWidth+1),
		"no width":    change(8, 0),
		"count":       change(16, 0x80),
		"unsorted":    change(headerSize, 0xff),
	} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}

func FuzzParse(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	if _, err := Build(path, strings.NewReader("a\nb\nc"), Source{Plain: true}, made); err != nil {
		f.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if l, err := parse(raw); err == nil {
			l.contains(sha1.Sum([]byte("a")))
		}
	})
}
