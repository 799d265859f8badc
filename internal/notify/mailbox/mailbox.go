// Package mailbox is the transport of the demonstration and of tests, for mails, texts
// and calls: it keeps letters in memory, where a page or a test opens them. Nothing leaves the process.
package mailbox

import (
	"context"
	"slices"
	"sync"

	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
)

// Most is how many letters a box keeps; the oldest make room.
const Most = 500

// Box is a mailbox for every address. Its zero value is empty and ready. Safe for concurrent use.
type Box struct {
	mu      sync.Mutex
	letters []notice.Letter // oldest first, by the time they were queued
}

// Deliver keeps a letter in its place by the time it was queued: letters that are
// delivered at once come in any order. It implements notify.Transport and never fails.
func (b *Box) Deliver(_ context.Context, letter notice.Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.letters) >= Most {
		n := copy(b.letters, b.letters[len(b.letters)-Most+1:])
		clear(b.letters[n:])
		b.letters = b.letters[:n]
	}
	place := len(b.letters)
	for place > 0 && b.letters[place-1].At.After(letter.At) {
		place--
	}
	b.letters = slices.Insert(b.letters, place, letter)
	return nil
}

// Everyway lets the messages of every channel end in this box.
func (b *Box) Everyway() map[notice.Channel]notify.Transport {
	out := map[notice.Channel]notify.Transport{}
	for _, c := range notice.Channels() {
		out[c] = b
	}
	return out
}

// Letters are the letters, newest first, in a slice of the caller's own.
func (b *Box) Letters() []notice.Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]notice.Letter, 0, len(b.letters))
	for _, l := range slices.Backward(b.letters) {
		out = append(out, l)
	}
	return out
}

// Letter is the letter with an id, if the box still has it.
func (b *Box) Letter(message id.Message) (notice.Letter, bool) {
	for _, l := range b.Letters() {
		if l.ID == message {
			return l, true
		}
	}
	return notice.Letter{}, false
}

// To are the letters to one address or number, newest first.
func (b *Box) To(address string) []notice.Letter {
	var out []notice.Letter
	for _, l := range b.Letters() {
		if l.To == address {
			out = append(out, l)
		}
	}
	return out
}
