package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write remembers that the answer was 200.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// outer is what stands around every public handler: the request's id, the count,
// the access line of the log, and the last net under a panic.
func (h *House) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := rand.Text()[:16]
		ctx := context.WithValue(r.Context(), requestKey{}, id)
		r = r.WithContext(ctx)
		out := &recorder{ResponseWriter: w}
		out.Header().Set("X-Request-Id", id)
		h.metrics.inFlight.Inc()
		defer func() {
			h.metrics.inFlight.Dec()
			if e := recover(); e != nil {
				h.panicked(ctx, out, e)
			}
			took := time.Since(began)
			route := routeOf(h.mux, r)
			h.metrics.observe(route, r, out.status, took)
			h.Log.LogAttrs(ctx, slog.LevelInfo, "request",
				slog.String("method", methodOf(r)), slog.String("route", route),
				slog.Int("status", out.status), slog.Int64("ms", took.Milliseconds()))
		}()
		next.ServeHTTP(out, r)
	})
}

// panicked answers when a handler broke down without an answer of its own.
func (h *House) panicked(ctx context.Context, w *recorder, e any) {
	if e == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
		panic(e)
	}
	h.Log.ErrorContext(ctx, "panic in a handler", "error", fmt.Sprint(e))
	if w.status == 0 {
		http.Error(w, "Something went wrong. / Un problème est survenu.", http.StatusInternalServerError)
	}
}

// onlyHost lets in requests for the public address only: pages are sent there,
// everything else is told the setting to change. It keeps foreign host names
// (and with them DNS rebinding) away from cookies and links.
func onlyHost(public string, next http.Handler) http.Handler {
	u, err := url.Parse(public)
	if err != nil {
		panic("app: public address was not checked: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == u.Host || sameHost(r.Host, u) {
			next.ServeHTTP(w, r)
			return
		}
		// Only a path can follow our own address: "GET x:@evil.example" has none.
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasPrefix(r.URL.RequestURI(), "/") {
			http.Redirect(w, r, public+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // leads to our own address
			return
		}
		http.Error(w, "This service answers at "+public+" only. If it is known by another address, change the setting server.public_url; if a proxy changes the Host header, let it pass the original.", http.StatusMisdirectedRequest)
	})
}

// sameHost allows the default port to be written out.
func sameHost(host string, u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return host == u.Host+":443"
	default:
		return host == u.Host+":80"
	}
}
