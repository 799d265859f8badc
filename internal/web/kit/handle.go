package kit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"parvis/internal/fault"
)

// Handler is a page or endpoint that returns its error instead of writing it.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Handle makes a handler of the standard library: an error becomes its page.
func (s *Site) Handle(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.Fail(w, r, err)
		}
	})
}

// longest is how long the body of a request may be, in bytes. The address is looked at
// only where the body is longer than usual, or does not say.
func (s *Site) longest(mux *http.ServeMux, r *http.Request) int64 {
	if len(s.Bodies) == 0 || r.ContentLength >= 0 && r.ContentLength <= s.MaxBody {
		return s.MaxBody
	}
	_, pattern := mux.Handler(r)
	return max(s.MaxBody, s.Bodies[pattern])
}

// Wrap stands before the whole mux: it recovers, sets the security headers,
// learns who asks (language, browser, address), bounds body and time, refuses
// posts from other sites outside the bypass list, switches the language, and
// answers unknown addresses and methods with pages.
func (s *Site) Wrap(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.secure(w.Header())
		ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
		defer cancel()
		given := r
		r = s.receive(ctx, r)
		out := &recorder{ResponseWriter: w}
		// As behind a mux itself: who wrapped us sees in his request what it matched.
		defer func() { given.Pattern = r.Pattern }()
		defer s.recover(out, r)
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, s.longest(mux, r))
		}
		if err := s.cross.Check(r); err != nil {
			s.Fail(out, r, &pageFault{page: "other-site", status: http.StatusForbidden, err: err})
			return
		}
		if err := s.guard(r); err != nil {
			s.Fail(out, r, err)
			return
		}
		if s.switchLang(out, r) {
			return
		}
		held := &holder{recorder: out, r: r}
		mux.ServeHTTP(held, r)
		if r.Pattern == "" {
			s.unknown(out, r, &held.probe)
		}
	})
}

// guard asks the composition whether this request may come in, e.g. by a limit per address.
func (s *Site) guard(r *http.Request) error {
	if s.Guard == nil || strings.HasPrefix(r.URL.Path, assetPath) {
		return nil
	}
	return s.Guard(r)
}

// unknown answers what the mux has no handler for: 404, or 405 with Allow.
func (s *Site) unknown(w http.ResponseWriter, r *http.Request, probe *statusProbe) {
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		s.Fail(w, r, &pageFault{page: "error", status: http.StatusMethodNotAllowed})
		return
	}
	s.Fail(w, r, notFound())
}

// crossOrigin refuses unsafe requests that a browser says come from other sites.
func (s *Site) crossOrigin() (*http.CrossOriginProtection, error) {
	c := http.NewCrossOriginProtection()
	if err := c.AddTrustedOrigin(s.origin.Scheme + "://" + s.origin.Host); err != nil {
		return nil, fmt.Errorf("kit: public_url: %w", err)
	}
	for _, pattern := range s.Bypass {
		c.AddInsecureBypassPattern(pattern)
	}
	return c, nil
}

// recover is the last resort: a panic becomes the page for our own mistakes.
func (s *Site) recover(w *recorder, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	s.Log.ErrorContext(r.Context(), "panic", "reference", Reference(r), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.wrote {
		panic(http.ErrAbortHandler)
	}
	s.errorPage(w, r, &pageFault{page: "error", status: http.StatusInternalServerError})
}

// Fail answers with the page of an error and logs it once.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := faultPage(err)
	s.logFault(r, p, err)
	if out, ok := w.(*recorder); ok && out.wrote {
		return // the answer has begun: what went out cannot be taken back
	}
	s.errorPage(w, r, p)
}

// faultPage is the status and page of an error.
func faultPage(err error) *pageFault {
	if p, ok := errors.AsType[*pageFault](err); ok {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &pageFault{page: "error", status: http.StatusRequestEntityTooLarge, err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &pageFault{page: "error", status: http.StatusServiceUnavailable, err: err}
	}
	p := &pageFault{page: "error", status: StatusOf(fault.KindOf(err)), err: err}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.Internal {
		p.key, p.args, p.after = e.Key, e.Args, e.RetryAfter
	}
	return p
}

// StatusOf is the one map from a kind of error to a status.
func StatusOf(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Expired:
		return http.StatusGone
	case fault.Throttled:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal:
	}
	return http.StatusInternalServerError
}

func (s *Site) logFault(r *http.Request, p *pageFault, err error) {
	args := []any{
		"status", p.status, "method", r.Method, "path", logPath(r), "reference", Reference(r), "err", err.Error(),
	}
	if ref := SceneOf(r).Reference; ref != "" {
		args = append(args, "flow_reference", ref)
	}
	switch {
	case r.Context().Err() == context.Canceled:
		s.Log.DebugContext(r.Context(), "request given up", args...)
	case p.status >= 500 && p.status != http.StatusServiceUnavailable:
		s.Log.ErrorContext(r.Context(), "request failed", args...)
	case p.status == http.StatusServiceUnavailable:
		s.Log.WarnContext(r.Context(), "request failed", args...)
	default:
		s.Log.InfoContext(r.Context(), "request refused", args...)
	}
}

// logPath is the pattern of a request, never its path, which may hold a link's token.
func logPath(r *http.Request) string {
	if r.Pattern != "" {
		return r.Pattern
	}
	return "(unknown)"
}

// pageFault is an error that knows its page.
type pageFault struct {
	page   string // "error", "cookies-off", "too-old", "other-site"
	status int
	key    string
	args   []any
	after  time.Duration
	err    error
}

func (p *pageFault) Error() string {
	text := fmt.Sprintf("%s (%d)", p.page, p.status)
	if p.err != nil {
		text += ": " + p.err.Error()
	}
	return text
}

func (p *pageFault) Unwrap() error { return p.err }

// NotFound is the error of an address that leads nowhere.
func NotFound() error { return notFound() }

func notFound() *pageFault { return &pageFault{page: "error", status: http.StatusNotFound} }

// recorder remembers whether an answer has begun.
type recorder struct {
	http.ResponseWriter
	wrote bool
}

func (w *recorder) WriteHeader(status int) {
	w.wrote = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// holder hands an answer on when the mux has matched the request, and keeps to
// itself what the mux says by itself when it has not: that becomes a page. So the
// address is matched once. (A mux sets Pattern before it calls a handler.)
type holder struct {
	*recorder
	r     *http.Request
	probe statusProbe
}

func (h *holder) to() http.ResponseWriter {
	if h.r.Pattern == "" {
		return &h.probe
	}
	return h.recorder
}

func (h *holder) Header() http.Header         { return h.to().Header() }
func (h *holder) WriteHeader(status int)      { h.to().WriteHeader(status) }
func (h *holder) Write(b []byte) (int, error) { return h.to().Write(b) }

// statusProbe takes only status and headers of an answer.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header {
	if p.header == nil {
		p.header = http.Header{}
	}
	return p.header
}

func (p *statusProbe) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

func (p *statusProbe) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return len(b), nil
}
