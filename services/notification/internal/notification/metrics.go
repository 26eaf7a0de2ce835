package notification

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what goes out.
type metrics struct {
	deliveries *prometheus.CounterVec
	latency    *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notification_deliveries_total", Help: "Deliveries by channel and outcome: sent, failed, skipped, or retried for later.",
		}, []string{"channel", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "notification_delivery_seconds", Help: "From the message's acceptance by its publisher to its delivery; what was held back on purpose does not count.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 3600},
		}, []string{"channel"}),
	}
	r.MustRegister(m.deliveries, m.latency)
	return m
}

func (m *metrics) done(channel, outcome string) { m.deliveries.WithLabelValues(channel, outcome).Inc() }

func (m *metrics) took(channel string, d time.Duration) {
	m.latency.WithLabelValues(channel).Observe(d.Seconds())
}
