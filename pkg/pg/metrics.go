package pg

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// collector shows a pool's own counters; they are read when scraped.
type collector struct {
	pool  *pgxpool.Pool
	descs []stat
}

type stat struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	get  func(*pgxpool.Stat) float64
}

func newCollector(name string, pool *pgxpool.Pool) *collector {
	s := func(metric, help string, kind prometheus.ValueType, get func(*pgxpool.Stat) float64) stat {
		return stat{prometheus.NewDesc("pg_pool_"+metric, help, nil, prometheus.Labels{"pool": name}), kind, get}
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	return &collector{pool: pool, descs: []stat{
		s("connections_max", "Upper bound of connections.", gauge, func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }),
		s("connections_in_use", "Connections lent out.", gauge, func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }),
		s("connections_idle", "Open connections not in use.", gauge, func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) }),
		s("connections_opened_total", "Connections opened.", counter, func(s *pgxpool.Stat) float64 { return float64(s.NewConnsCount()) }),
		s("acquires_total", "Connections lent.", counter, func(s *pgxpool.Stat) float64 { return float64(s.AcquireCount()) }),
		s("acquires_waited_total", "Acquires that had to wait for a connection.", counter, func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		s("acquires_canceled_total", "Acquires given up by the caller.", counter, func(s *pgxpool.Stat) float64 { return float64(s.CanceledAcquireCount()) }),
		s("acquire_seconds_total", "Time spent acquiring.", counter, func(s *pgxpool.Stat) float64 { return s.AcquireDuration().Seconds() }),
	}}
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d.desc
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.pool.Stat()
	for _, d := range c.descs {
		ch <- prometheus.MustNewConstMetric(d.desc, d.kind, d.get(s))
	}
}
