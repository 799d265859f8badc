package app

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the numbers of one process. Their names are stable and stand in
// docs/operations.md; no label holds anything about a person, a session or a flow.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parvis_http_requests_total", Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parvis_http_request_duration_seconds", Help: "Time to answer a request, by route.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parvis_http_requests_in_flight", Help: "Requests being answered now.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parvis_build_info", Help: "Always 1; the label says which version runs."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gauge registers a number that is read when the metrics are asked for.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// handler answers /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Timeout: 5 * time.Second})
}

// observe counts one answered request. The route is the pattern that matched,
// never the path, which may hold the id of a flow.
func (m *metrics) observe(r *http.Request, status int, took time.Duration) {
	route := routeOf(r)
	m.requests.WithLabelValues(route, methodOf(r), strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// routeOf is the pattern that matched, without its method.
func routeOf(r *http.Request) string {
	route := r.Pattern
	if _, after, ok := strings.Cut(route, " "); ok {
		route = after
	}
	if route == "" {
		return "none"
	}
	return route
}

// methodOf keeps invented methods out of the labels.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch:
		return r.Method
	default:
		return "other"
	}
}

// probe is one thing that readiness depends on.
type probe struct {
	name string
	ask  func(context.Context) error
}
