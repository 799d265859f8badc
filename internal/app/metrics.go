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

	"parvis/internal/audit"
)

// metrics are the numbers of one process. Their names are stable and stand in
// docs/operations.md; no label holds anything about a person, a session or a flow.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	events   *prometheus.CounterVec
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
	m.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parvis_events_total", Help: "Security events recorded by this node, by name and outcome.",
	}, []string{"event", "outcome"})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parvis_build_info", Help: "Always 1; the label says which version runs."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.events, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gauge registers a number that is read when the metrics are asked for.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// labelled registers a number of several that differ by one label.
func (m *metrics) labelled(name, help, label, value string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: prometheus.Labels{label: value},
	}, read))
}

// counter registers counts that something else keeps, one per value of a label.
func (m *metrics) counter(name, help, label string, read map[string]func() float64) {
	for value, f := range read {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{label: value},
		}, f))
	}
}

// event counts one recorded event.
func (m *metrics) event(name audit.Name, outcome string) {
	m.events.WithLabelValues(string(name), outcome).Inc()
}

// handler answers /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Timeout: 5 * time.Second})
}

// observe counts one answered request. The route is the pattern that matches,
// never the path, which may hold the id of a flow.
func (m *metrics) observe(route string, r *http.Request, status int, took time.Duration) {
	m.requests.WithLabelValues(route, methodOf(r), strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// routeOf is the pattern that matches a request, without its method; "none" for
// unknown addresses. What was refused before the mux saw it is matched here.
func routeOf(mux *http.ServeMux, r *http.Request) string {
	route := r.Pattern
	if route == "" {
		_, route = mux.Handler(r)
	}
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
