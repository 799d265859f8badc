package kit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"

	"parvis/internal/web/theme"
	"parvis/web"
)

// assetPath is where the static files are served.
const assetPath = "/assets/"

// assets are the static files of this deployment: those of the build, the
// theme's style sheet and its mark. Names hold a hash of the content, so that
// browsers keep them for good.
type assets struct {
	files map[string]asset  // by file name, e.g. "app.0123456789.css"
	names map[string]string // plain name to file name
	mark  string            // file name of the theme's mark; "": ours
}

type asset struct {
	kind     string
	etag     string
	plain    []byte
	gzip, br []byte // nil when there is no smaller form
}

// maxMark bounds a deployment's mark, in bytes.
const maxMark = 10 << 10

func newAssets(colours theme.Palette, mark string) (*assets, error) {
	a := &assets{files: map[string]asset{}, names: map[string]string{}}
	built, err := web.Files()
	if err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	for _, f := range built {
		a.names[f.Name] = f.Path
		a.files[f.Path] = asset{kind: kindOf(f.Path), etag: etagOf(f.Plain), plain: f.Plain, gzip: f.Gzip, br: f.Brotli}
	}
	a.add("theme.css", []byte(colours.CSS()))
	if mark != "" {
		raw, err := os.ReadFile(mark)
		if err != nil {
			return nil, fmt.Errorf("kit: theme.mark: %w", err)
		}
		if len(raw) > maxMark || !strings.Contains(string(raw), "<svg") {
			return nil, fmt.Errorf("kit: theme.mark: %s must be an SVG of at most %d bytes", mark, maxMark)
		}
		a.mark = a.add("mark.svg", raw)
	}
	return a, nil
}

// add puts a file made at start among the assets and returns its name.
func (a *assets) add(name string, content []byte) string {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	file := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:])[:10] + ext
	a.names[name] = file
	a.files[file] = asset{kind: kindOf(name), etag: etagOf(content), plain: content}
	return file
}

// URL is the address of a static file by its plain name; an unknown one is a mistake in a template.
func (a *assets) URL(name string) (string, error) {
	file, ok := a.names[name]
	if !ok {
		return "", fmt.Errorf("kit: there is no static file %q", name)
	}
	return assetPath + file, nil
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func etagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// Static serves the static files at /assets/, smaller where the browser takes it.
func (s *Site) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.assets.files[strings.TrimPrefix(r.URL.Path, assetPath)]
		if !ok {
			s.Fail(w, r, notFound())
			return
		}
		f.serve(w, r)
	})
}

// Icon serves a static file at an address that browsers guess, such as /favicon.ico.
func (s *Site) Icon(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.assets.files[s.assets.names[name]]
		if !ok {
			s.Fail(w, r, notFound())
			return
		}
		f.serve(w, r)
		w.Header().Set("Cache-Control", "public, max-age=86400")
	})
}

// alone is the policy of a file that is opened by itself. An SVG may hold nothing that
// runs or loads. A script may run as a worker, which has this policy as its own: it
// loads nothing; in a sandbox browsers would not begin it.
func alone(kind string) string {
	const nothing = "default-src 'none'; frame-ancestors 'none'"
	if strings.HasPrefix(kind, "text/javascript") {
		return nothing
	}
	return nothing + "; style-src 'unsafe-inline'; sandbox"
}

func (f asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Security-Policy", alone(f.kind))
	body, etag := f.plain, f.etag
	switch accept := r.Header.Get("Accept-Encoding"); {
	case f.br != nil && accepts(accept, "br"):
		body, etag = f.br, strings.TrimSuffix(f.etag, `"`)+`-br"`
		h.Set("Content-Encoding", "br")
	case f.gzip != nil && accepts(accept, "gzip"):
		body, etag = f.gzip, strings.TrimSuffix(f.etag, `"`)+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the browser went away: nobody is left to tell
}

// accepts reports whether an Accept-Encoding header takes an encoding (q=0 refuses it).
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == encoding {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000"
		}
	}
	return false
}

// mark is the deployment's mark in the header: ours inline, so that it follows
// the scheme, else the theme's file as an image.
func (s *Site) mark() template.HTML {
	if s.assets.mark != "" {
		return template.HTML(`<img class="mark" src="` + assetPath + s.assets.mark + `" alt="" width="40" height="40">`) //nolint:gosec // hashed name
	}
	return `<svg class="mark" viewBox="0 0 32 32" width="40" height="40" aria-hidden="true" focusable="false"><path class="mark-house" d="M6 20V10a10 10 0 0 1 20 0v10zM3 22h26v4H3zM0 28h32v4H0z"/><path class="mark-lamp" d="M12 20v-8a4 4 0 0 1 8 0v8z"/></svg>`
}
