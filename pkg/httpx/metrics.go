package httpx

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are rate, errors and duration by operation. Labels come from the
// contract, never from requests, so their number is bounded.
type metrics struct {
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	shed      prometheus.Counter
	none      *meter // requests that no operation took
}

// meter has the series of one operation at hand, so that a request looks up none.
type meter [6]prometheus.Observer

var classes = [6]string{"aborted", "1xx", "2xx", "3xx", "4xx", "5xx"}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Requests by operation and class of status; aborted: the answer was cut off.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"operation", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests being answered or waiting to be."}),
		shed:     prometheus.NewCounter(prometheus.CounterOpts{Name: "http_requests_shed_total", Help: "Requests refused because of overload."}),
	}
	reg.MustRegister(m.durations, m.inFlight, m.shed)
	m.none = m.of("none")
	return m
}

// of makes the series of an operation, so that they exist from the start at 0.
func (m *metrics) of(operation string) *meter {
	var out meter
	for i, class := range classes {
		out[i] = m.durations.WithLabelValues(operation, class)
	}
	return &out
}

func (m *meter) observe(status int, took time.Duration) {
	class := status / 100
	if class < 1 || class > 5 {
		class = 0
	}
	m[class].Observe(took.Seconds())
}
