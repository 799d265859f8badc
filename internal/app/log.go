package app

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// requestKey is where a request's id stands in its context.
type requestKey struct{}

// NewLog makes the log: one JSON object a line, with the request's id, and with
// everything that looks like an e-mail address masked, whoever wrote it.
func NewLog(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(requestHandler{slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: maskAttr})})
}

// Level reads the configured level; Problems has checked it.
func Level(text string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// requestHandler adds the request's id to each line written with its context.
type requestHandler struct{ slog.Handler }

// Handle adds the id.
func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestKey{}).(string); ok {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the wrapping.
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapping.
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

// address finds e-mail addresses in free text, and link looks for secrets in paths of links.
var (
	address = regexp.MustCompile(`[^\s"'<>(),;:@=]+@[^\s"'<>(),;:@]+`)
	link    = regexp.MustCompile(`/link/[A-Za-z0-9_-]+`)
)

// maskAttr is the second line of defence: types with personal data print masked by themselves.
func maskAttr(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		a.Value = slog.StringValue(Mask(a.Value.String()))
	}
	if a.Value.Kind() != slog.KindAny {
		return a
	}
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(Mask(err.Error()))
	}
	return a
}

// Mask hides e-mail addresses and the tokens of mailed links in a text.
func Mask(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "/link/") {
		return text // neither of the two can match
	}
	return link.ReplaceAllString(address.ReplaceAllString(text, "•••@•••"), "/link/•••")
}
