package rabbit

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	up        *prometheus.GaugeVec
	published *prometheus.CounterVec
	handled   *prometheus.CounterVec
	duration  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rabbit_up", Help: "1 while the connection of this role can be used.",
		}, []string{"role"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rabbit_published_total",
			Help: "Messages published, by what became of them: confirmed, returned (no queue), refused, unconfirmed.",
		}, []string{"result"}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rabbit_handled_total",
			Help: "Messages handled, by what became of them: ok, retried, dead, waiting (something the handler needs is down).",
		}, []string{"queue", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rabbit_handle_seconds", Help: "Time to handle one message, or one batch.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"queue"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.up, m.published, m.handled, m.duration} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("rabbit: register metrics: %w", err)
		}
	}
	return m, nil
}
