// Package notice is what people are told: every e-mail, text message and voice call,
// each a type with what it tells about, and its words in the catalogues mail.json and
// text.json. It makes the twins of text and HTML of a mail and the script of a call; it
// does no I/O, and notify delivers what it made.
//
// Refused here: a mail that carries a link from anywhere but the configured base URL
// (callers give tokens, never addresses), a code in a subject, a line break in a header,
// and text of a person or a partner that is not escaped.
package notice

import (
	"errors"
	"log/slog"
	"time"

	"parvis/internal/id"
)

// Channel is the way a message goes out.
type Channel string

// The channels.
const (
	Email Channel = "email"
	Text  Channel = "text"  // SMS
	Voice Channel = "voice" // a call that speaks
)

// Channels are all channels.
func Channels() []Channel { return []Channel{Email, Text, Voice} }

// Letter is a message as it goes out: rendered, complete, in one language.
type Letter struct {
	ID       id.Message `json:"-"`
	Channel  Channel    `json:"-"`
	Kind     Kind       `json:"-"`
	To       string     `json:"-"`
	At       time.Time  `json:"-"`        // when it was queued
	Lang     string     `json:"lang"`     // language of its words
	FromName string     `json:"fromName"` // the deployment's name in that language
	ReplyTo  string     `json:"replyTo"`  // "" means the transport's own setting
	Subject  string     `json:"subject"`
	Text     string     `json:"text"`
	HTML     string     `json:"html"`
	Links    []string   `json:"links"`            // every address in it, in order, once
	Codes    []string   `json:"codes"`            // one-time codes in it, digits only
	Script   []Phrase   `json:"script,omitempty"` // of a call: what is said, in order; Text is the same to read
}

// Phrase is one thing that a call says.
type Phrase struct {
	Say   string `json:"say"`
	Pause int    `json:"pause"` // seconds of silence after it
}

// LogValue keeps addresses and words out of logs.
func (l Letter) LogValue() slog.Value {
	return slog.GroupValue(slog.String("message", string(l.ID)), slog.String("kind", string(l.Kind)))
}

// ErrChannel says that a message cannot go that way: the deployment has no provider for
// the channel, or there are no words for such a message on it.
var ErrChannel = errors.New("notice: this message cannot be sent on this channel")
