package kit

import (
	"net/http"
	"strings"
)

const (
	hostPrefix  = "__Host-"
	plainPrefix = "parvis_"
)

// OverHTTP lets every browser keep our cookies where the public address begins with http:,
// which the configuration takes for this machine only. Chromium and Firefox count such an
// address as safe; Safari, text browsers and HtmlUnit do not, and drop each cookie there
// that is Secure (RFC 6265bis, 5.7). So who brings no cookie of ours yet is given each one
// twice, as it is and without the prefix and the attribute, and shows by what comes back
// which of them are kept. From then on it is given that kind only, and the plain ones of
// who keeps the others are taken away. Inside, the names are the same.
func OverHTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &overHTTP{ResponseWriter: w}
		if sent := r.Header["Cookie"]; len(sent) > 0 {
			r = r.Clone(r.Context())
			r.Header["Cookie"] = out.read(sent)
		}
		next.ServeHTTP(out, r)
		out.unfix() // of an answer without a body
	})
}

// overHTTP changes the cookies of an answer before it begins.
type overHTTP struct {
	http.ResponseWriter
	safe  bool     // the browser keeps cookies with the prefix
	plain []string // names of the cookies without it that it brought
	begun bool
}

// read notes which cookies a browser keeps, and gives those that count by their usual names.
func (w *overHTTP) read(lines []string) []string {
	var others, safe, plain []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			switch {
			case strings.HasPrefix(name, plainPrefix):
				plain = append(plain, hostPrefix+pair)
				w.plain = append(w.plain, name)
			case strings.HasPrefix(name, hostPrefix+plainPrefix):
				safe = append(safe, pair)
			default:
				others = append(others, pair)
			}
		}
	}
	if w.safe = len(safe) > 0; w.safe {
		plain = safe
	}
	if others = append(others, plain...); others == nil {
		return nil
	}
	return []string{strings.Join(others, "; ")}
}

func (w *overHTTP) unfix() {
	if w.begun {
		return
	}
	w.begun = true
	var out []string
	for _, line := range w.Header()["Set-Cookie"] {
		after, ours := strings.CutPrefix(line, hostPrefix)
		if !ours || w.safe || len(w.plain) == 0 {
			out = append(out, line)
		}
		if ours && !w.safe {
			out = append(out, strings.Replace(after, "; Secure", "", 1))
		}
	}
	if w.safe {
		for _, name := range w.plain {
			out = append(out, (&http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}).String()) //nolint:gosec // over http: it is not Secure
		}
	}
	if out != nil {
		w.Header()["Set-Cookie"] = out
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
