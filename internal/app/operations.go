package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/web/operatorapi"
)

// probeTimeout bounds each question of a readiness check.
const probeTimeout = 2 * time.Second

// operations answers the second listener: /healthz, /readyz, /metrics and the
// operators' API. It makes no session, sets no cookie and is not reachable from the
// public listener.
func (h *House) operations() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.Handle("GET /metrics", h.metrics.handler())
	api := operatorapi.API{
		DB: h.DB, Keys: h.APIKeys, Registry: h.Upstreams, Store: h.UpstreamStore, Tokens: h.Registrations.Tokens, File: h.Config.Upstreams, Audit: h.Audit,
		Texts: h.Texts, Log: h.Log, BaseURL: h.Config.Server.PublicURL, Langs: i18n.Langs(),
	}
	api.Routes(mux)
	return mux
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"` // "ok", or what is wrong
}

// Ready asks everything that serving depends on.
func (h *House) Ready(ctx context.Context) Readiness {
	out := Readiness{Ready: true, Checks: map[string]string{}}
	for _, p := range h.probes() {
		asking, cancel := context.WithTimeout(ctx, probeTimeout)
		err := p.ask(asking)
		cancel()
		out.Checks[p.name] = "ok"
		if err != nil {
			out.Ready = false
			out.Checks[p.name] = Mask(err.Error())
		}
	}
	return out
}

func (h *House) readyz(w http.ResponseWriter, r *http.Request) {
	answer := h.Ready(r.Context())
	if h.stopping.Load() {
		answer.Ready = false
		answer.Checks["stopping"] = "this process is being stopped"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // the asker may have gone
}
