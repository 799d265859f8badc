package operatorapi

import (
	"context"
	_ "embed" // openapi.json
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/operator"
	"parvis/internal/registrar"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// maxBody is the longest body in bytes: a logo, keys, and words in some languages.
const maxBody = 256 << 10

//go:embed openapi.json
var openapi []byte

// API answers the operators' API. All fields are needed.
type API struct {
	DB       *db.DB
	Keys     operator.Keys
	Registry *upstream.Registry
	Store    upstream.Store
	Tokens   registrar.Tokens    // with which services register themselves
	File     []upstream.Settings // of the configuration: read only
	Audit    *audit.Log
	Texts    *i18n.Bundle
	Log      *slog.Logger
	BaseURL  string      // of the deployment, without a slash at its end
	Langs    []i18n.Lang // that people can choose: texts are wanted in each
}

// Routes registers the addresses.
func (a *API) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(openapi)
	})
	for pattern, r := range a.routes() {
		mux.Handle(pattern, a.handle(r))
	}
	mux.Handle("/api/", a.handle(route{do: elsewhere}))
}

// elsewhere answers at addresses, and for methods, that there are none of.
func elsewhere(*request) error {
	return &problem{status: http.StatusNotFound, title: "There is nothing at this address for this method.", detail: "GET /api/openapi.json lists what there is."}
}

// route is what an address does, and the scope it needs; "" for any key.
type route struct {
	scope operator.Scope
	do    func(*request) error
}

func (a *API) routes() map[string]route {
	return map[string]route{
		"GET /api/v1/upstreams":               {operator.ReadUpstreams, a.list},
		"POST /api/v1/upstreams":              {operator.WriteUpstreams, a.create},
		"POST /api/v1/upstreams/check":        {operator.WriteUpstreams, a.checkNew},
		"GET /api/v1/upstreams/{id}":          {operator.ReadUpstreams, a.show},
		"PUT /api/v1/upstreams/{id}":          {operator.WriteUpstreams, a.replace},
		"POST /api/v1/upstreams/{id}/check":   {operator.ReadUpstreams, a.check},
		"POST /api/v1/upstreams/{id}/disable": {operator.WriteUpstreams, a.disable},
		"POST /api/v1/upstreams/{id}/enable":  {operator.WriteUpstreams, a.enable},

		"GET /api/v1/registration-tokens":                {operator.ReadRegistrationTokens, a.listTokens},
		"POST /api/v1/registration-tokens":               {operator.WriteRegistrationTokens, a.addToken},
		"GET /api/v1/registration-tokens/{name}":         {operator.ReadRegistrationTokens, a.showToken},
		"POST /api/v1/registration-tokens/{name}/revoke": {operator.WriteRegistrationTokens, a.revokeToken},
	}
}

// request is one request of a key.
type request struct {
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context //nolint:containedctx // the request's own; a request lives no longer
	key operator.Key
}

// id is the partner that the address names.
func (q *request) id() upstream.ID { return upstream.ID(q.r.PathValue("id")) }

// handle lets a key in that may do what the address does, and answers its errors.
func (a *API) handle(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() {
			if cause := recover(); cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
				a.fail(w, r, fmt.Errorf("operatorapi: panic: %v", cause))
			}
		}()
		key, err := a.key(r.Context(), r.Header.Get("Authorization"))
		if err == nil && to.scope != "" && !key.May(to.scope) {
			err = &problem{status: http.StatusForbidden, title: "This key may not do that.", detail: "It needs the scope " + string(to.scope) + ".", challenge: `Bearer error="insufficient_scope", scope="` + string(to.scope) + `"`}
		}
		if err == nil {
			err = to.do(&request{w: w, r: r, ctx: r.Context(), key: key})
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// key is the key of an Authorization header (RFC 6750, 2.1).
func (a *API) key(ctx context.Context, header string) (operator.Key, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return operator.Key{}, &problem{status: http.StatusUnauthorized, title: "A key is needed.", detail: "Send Authorization: Bearer and a key that `parvis api-key add` made.", challenge: "Bearer"}
	}
	var key operator.Key
	var found bool
	var now time.Time
	err := a.DB.Read(ctx, func(tx *db.Tx) error {
		var err error
		key, found, err = a.Keys.Find(tx, strings.TrimSpace(token))
		now = tx.Now()
		return err
	})
	if err != nil {
		return key, err
	}
	if !found {
		return key, &problem{status: http.StatusUnauthorized, title: "This key is good no longer, or never was.", challenge: `Bearer error="invalid_token"`}
	}
	if now.Sub(key.UsedAt) > time.Minute {
		err = a.DB.WriteStatement(ctx, func(tx *db.Tx) error { return a.Keys.Used(tx, key.ID) })
	}
	return key, err
}

// read reads a JSON body: one value, no member that is not known.
func (q *request) read(into any) error {
	if kind, _, err := mime.ParseMediaType(q.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &problem{status: http.StatusUnsupportedMediaType, title: "Send the body as application/json."}
	}
	d := json.NewDecoder(http.MaxBytesReader(q.w, q.r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one value")
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{status: http.StatusRequestEntityTooLarge, title: "The body is too long.", detail: fmt.Sprintf("It may have %d bytes.", maxBody)}
	}
	if err != nil {
		return &problem{status: http.StatusBadRequest, title: "The body cannot be read.", detail: strings.TrimPrefix(err.Error(), "json: ")}
	}
	return nil
}

// answer answers with JSON.
func (q *request) answer(status int, what any) error {
	raw, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("operatorapi: %w", err)
	}
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(append(raw, '\n')) // the asker may have gone
	return nil
}

// problem is an error of this API (RFC 9457).
type problem struct {
	status    int
	title     string
	detail    string
	problems  []string
	challenge string // WWW-Authenticate
}

// Error is the text for the log.
func (p *problem) Error() string { return "operatorapi: " + p.title }

// problemOf puts an error into words. The words of what is ours stay in the log.
func (a *API) problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind == fault.Internal {
		return &problem{status: http.StatusInternalServerError, title: "Something went wrong on our side. The log says what."}
	}
	p := &problem{status: kit.StatusOf(e.Kind), title: a.Texts.Tr(i18n.English).T(e.Key, e.Args...)}
	if e.Kind == fault.Invalid && e.Err != nil {
		p.status, p.problems = http.StatusUnprocessableEntity, strings.Split(e.Err.Error(), "; ")
	}
	return p
}

// fail answers an error with a problem document, and logs it once.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problemOf(err)
	level := slog.LevelInfo
	if p.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	a.Log.Log(r.Context(), level, "operators' API: refused", "status", p.status, "method", r.Method, "path", r.URL.Path, "err", err.Error())
	raw, err := json.Marshal(struct {
		Title    string   `json:"title"`
		Status   int      `json:"status"`
		Detail   string   `json:"detail,omitempty"`
		Problems []string `json:"problems,omitempty"`
	}{p.title, p.status, p.detail, p.problems})
	if err != nil {
		return // strings and a number: never
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(append(raw, '\n')) // the asker may have gone
}
