package kit

import (
	"net/http"
	"strings"
)

const hostPrefix = "__Host-"

// OverHTTP lets every browser keep our cookies where the public address begins with http:,
// which the configuration takes for this machine only. Chromium and Firefox count such an
// address as safe; Safari, text browsers and HtmlUnit do not, and drop each cookie there
// that is Secure (RFC 6265bis, 5.7). So they travel without the prefix and the attribute;
// inside, their names are the same. A cookie that comes with the prefix all the same is left
// from before and does not count, but for that of the zone, which a script writes.
func OverHTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent := r.Header["Cookie"]; len(sent) > 0 {
			r = r.Clone(r.Context())
			r.Header["Cookie"] = withPrefix(sent)
		}
		out := &overHTTP{ResponseWriter: w}
		next.ServeHTTP(out, r)
		out.unfix() // of an answer without a body
	})
}

func withPrefix(lines []string) []string {
	var out []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			switch {
			case strings.HasPrefix(name, "parvis_"):
				out = append(out, hostPrefix+pair)
			case !strings.HasPrefix(name, hostPrefix+"parvis_"), name == ZoneCookie:
				out = append(out, pair)
			}
		}
	}
	if out == nil {
		return nil
	}
	return []string{strings.Join(out, "; ")}
}

// overHTTP changes the cookies of an answer before it begins.
type overHTTP struct {
	http.ResponseWriter
	begun bool
}

func (w *overHTTP) unfix() {
	if w.begun {
		return
	}
	w.begun = true
	given := w.Header()["Set-Cookie"]
	for i, line := range given {
		if after, ok := strings.CutPrefix(line, hostPrefix); ok {
			given[i] = strings.Replace(after, "; Secure", "", 1)
		}
	}
}

// WriteHeader begins the answer.
func (w *overHTTP) WriteHeader(status int) {
	w.unfix()
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer, if nothing has.
func (w *overHTTP) Write(b []byte) (int, error) {
	w.unfix()
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // what is below says it
}

// Unwrap lets http.ResponseController reach what is below.
func (w *overHTTP) Unwrap() http.ResponseWriter { return w.ResponseWriter }
