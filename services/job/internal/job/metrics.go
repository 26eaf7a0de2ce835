package job

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	gathered *prometheus.CounterVec // sources by platform and outcome
	stored   *prometheus.CounterVec // listings by outcome
	searches *prometheus.CounterVec // by who answered
	indexed  prometheus.Counter
	enriched *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, s *Service) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		gathered: counter("job_sources_gathered_total", "Sources read, by platform and outcome.", "platform", "outcome"),
		stored:   counter("job_listings_stored_total", "Listings stored, by what became of them.", "outcome"),
		searches: counter("job_searches_total", "Searches, by who answered: engine, database (degraded) or cache.", "by"),
		indexed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "job_documents_indexed_total", Help: "Documents written to the search engine."}),
		enriched: counter("job_enriched_total", "Postings whose text the ai service read, by outcome.", "outcome"),
	}
	if r == nil {
		return m, nil
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "job_index_waiting", Help: "Jobs whose document in the search engine is old."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w, err := s.q.IndexWaiting(ctx)
		if err != nil {
			return -1
		}
		return float64(w.Count)
	})
	for _, c := range []prometheus.Collector{m.gathered, m.stored, m.searches, m.indexed, m.enriched, waiting} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
