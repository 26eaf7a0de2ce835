package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

const (
	lanes       = 16 // as in schema.sql
	batchSize   = 500
	batchTime   = 250 * time.Millisecond // then what is confirmed is committed, and others get their turn
	confirmTime = 5 * time.Second        // under the role's idle-in-transaction limit
	gatherTime  = 10 * time.Millisecond  // for more commits to join a batch
	pollFirst   = 25 * time.Millisecond  // doubles while idle
	pollMost    = 250 * time.Millisecond
	parkFirst   = time.Second // before a message that was not taken is tried again; doubles
	parkMost    = 5 * time.Minute
)

// Relay publishes what [Append] wrote. Every replica runs one; they share the
// work by lane and need not know of each other.
type Relay struct {
	db   *pgxpool.Pool
	conn *rabbit.Conn
	log  *slog.Logger

	unrouted *prometheus.CounterVec
	parked   *prometheus.CounterVec
}

// RelayOptions of [NewRelay].
type RelayOptions struct {
	// Metrics, if set, receives counters and, read from the table when scraped,
	// the number and age of what waits.
	Metrics prometheus.Registerer
	// Log takes faults. Default: slog.Default.
	Log *slog.Logger
}

// NewRelay makes a relay from db to the broker. The connection needs a topology:
// events go to its exchange.
func NewRelay(db *pgxpool.Pool, conn *rabbit.Conn, opts RelayOptions) (*Relay, error) {
	if conn.EventExchange() == "" {
		return nil, errors.New("outbox: the relay's broker connection has no topology; set rabbit.Options.Topology")
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	r := &Relay{db: db, conn: conn, log: opts.Log,
		unrouted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "outbox_unrouted_events_total", Help: "Events that no queue subscribed to.",
		}, []string{"type"}),
		parked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "outbox_parked_total", Help: "Times that the broker did not take a message, which was kept for later.",
		}, []string{"type"}),
	}
	if opts.Metrics != nil {
		for _, c := range []prometheus.Collector{r.unrouted, r.parked, &lag{db: db}} {
			if err := opts.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("outbox: register metrics: %w", err)
			}
		}
	}
	return r, nil
}

// Run publishes until ctx ends, and then finishes what it has begun. When there
// is nothing it waits for a commit of this process and looks from time to time
// for those of others.
func (r *Relay) Run(ctx context.Context) error {
	wake, unsubscribe := appended.subscribe()
	defer unsubscribe()
	poll := pollFirst
	for ctx.Err() == nil {
		n, err := 0, r.conn.Ready(ctx)
		if err == nil {
			n, err = r.batch(context.WithoutCancel(ctx))
		}
		wait := gatherTime
		switch {
		case err != nil:
			if !errors.Is(err, errNotPublished) {
				r.log.Warn("outbox: messages wait", "error", err)
			}
			wait, poll = pollMost, pollFirst
		case n >= batchSize:
			continue
		case n > 0:
			poll = pollFirst
		default:
			select {
			case <-ctx.Done():
			case <-wake:
			case <-time.After(poll):
				poll = min(2*poll, pollMost)
				continue
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

type row struct {
	ID          int64
	MessageID   uuid.UUID
	Aggregate   string
	Queue, Type string
	Traceparent string
	Body        string
	Attempts    int
}

var errNotPublished = errors.New("outbox: the broker did not answer")

// batch publishes what is due in the lanes it gets hold of and returns how many
// messages it disposed of.
func (r *Relay) batch(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*confirmTime)
	defer cancel()
	var silent error
	err = pg.InTx(ctx, r.db, func(tx pgx.Tx) error {
		held, err := claim(ctx, tx)
		if err != nil || len(held) == 0 {
			return err
		}
		rows, err := read(ctx, tx, held)
		if err != nil || len(rows) == 0 {
			return err
		}
		var gone, kept []int64
		gone, kept, silent = r.publish(ctx, rows)
		n = len(gone) + len(kept)
		return dispose(ctx, tx, gone, kept)
	})
	return n, errors.Join(err, silent)
}

// claim locks the lanes that nobody holds, for the transaction. The rows are
// read by a statement of their own: the snapshot of this one may be older than
// the last commit of a lane's former holder.
func claim(ctx context.Context, tx pgx.Tx) ([]int16, error) {
	rows, err := tx.Query(ctx, `
		SELECT lane::smallint FROM generate_series(0, $1::int - 1) AS lane
		WHERE pg_try_advisory_xact_lock(hashtext(current_schema() || '.outbox'), lane)`, lanes)
	if err != nil {
		return nil, fmt.Errorf("outbox: claim lanes: %w", err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[int16])
	if err != nil {
		return nil, fmt.Errorf("outbox: claim lanes: %w", err)
	}
	return held, nil
}

// read returns what is due, in order. Behind a message that was not taken the
// rest of its aggregate waits.
func read(ctx context.Context, tx pgx.Tx, held []int16) ([]row, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, message_id, aggregate, queue, type, traceparent, body, attempts
		FROM outbox o
		WHERE lane = ANY ($1::smallint[]) AND (attempts = 0 OR not_before <= now())
			AND NOT EXISTS (
				SELECT FROM outbox p
				WHERE p.lane = o.lane AND p.aggregate = o.aggregate AND p.id < o.id AND p.attempts > 0)
		ORDER BY id
		LIMIT $2`, held, batchSize)
	if err != nil {
		return nil, fmt.Errorf("outbox: read: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, fmt.Errorf("outbox: read: %w", err)
	}
	return out, nil
}

// publish sends the rows in waves, each with at most one message of an
// aggregate: the next one goes when the one before it is safe. It returns the
// ids to delete and those that the broker did not take; rows in neither stay as
// they are.
func (r *Relay) publish(ctx context.Context, rows []row) (gone, kept []int64, err error) {
	began := time.Now()
	stuck := map[string]bool{} // aggregates whose later messages wait
	for len(rows) > 0 && time.Since(began) < batchTime {
		var wave, later []row
		inWave := make(map[string]bool, len(rows))
		for _, m := range rows {
			switch {
			case stuck[m.Aggregate]:
			case inWave[m.Aggregate]:
				later = append(later, m)
			default:
				inWave[m.Aggregate] = true
				wave = append(wave, m)
			}
		}
		for i, result := range r.send(ctx, wave) {
			m := wave[i]
			switch {
			case result == nil:
				gone = append(gone, m.ID)
			case errors.Is(result, rabbit.ErrUnroutable) && m.Queue == "":
				// Queues are declared from the contract before services start:
				// nobody wants this event.
				r.unrouted.WithLabelValues(m.Type).Inc()
				gone = append(gone, m.ID)
			case errors.Is(result, rabbit.ErrUnroutable), errors.Is(result, rabbit.ErrRefused):
				r.parked.WithLabelValues(m.Type).Inc()
				r.log.Error("outbox: the broker did not take a message; it is tried again later",
					"type", m.Type, "queue", m.Queue, "id", m.MessageID, "attempt", m.Attempts+1, "error", result)
				kept = append(kept, m.ID)
				stuck[m.Aggregate] = true
			default:
				return gone, kept, fmt.Errorf("%w: %w", errNotPublished, result)
			}
		}
		rows = later
	}
	return gone, kept, nil
}

func (r *Relay) send(ctx context.Context, wave []row) []error {
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	msgs := make([]rabbit.Publication, len(wave))
	for i, m := range wave {
		msgs[i] = rabbit.Publication{Key: m.Queue, ID: m.MessageID, Type: m.Type, Traceparent: m.Traceparent, Body: []byte(m.Body)}
		if m.Queue == "" {
			msgs[i].Exchange, msgs[i].Key = r.conn.EventExchange(), m.Type
		}
	}
	return r.conn.Publish(ctx, msgs...)
}

func dispose(ctx context.Context, tx pgx.Tx, gone, kept []int64) error {
	if len(gone) > 0 {
		if _, err := tx.Exec(ctx, `DELETE FROM outbox WHERE id = ANY ($1::bigint[])`, gone); err != nil {
			return fmt.Errorf("outbox: delete what was published: %w", err)
		}
	}
	if len(kept) > 0 {
		_, err := tx.Exec(ctx, `
			UPDATE outbox SET attempts = attempts + 1,
				not_before = now() + least($2::float8 * 2 ^ least(attempts, 20), $3::float8) * interval '1 second'
			WHERE id = ANY ($1::bigint[])`, kept, parkFirst.Seconds(), parkMost.Seconds())
		if err != nil {
			return fmt.Errorf("outbox: keep what was not taken: %w", err)
		}
	}
	return nil
}

// lag reads the state of the table when it is scraped.
type lag struct{ db *pgxpool.Pool }

var (
	lagCount = prometheus.NewDesc("outbox_messages", "Messages that wait to be published.", []string{"state"}, nil)
	lagAge   = prometheus.NewDesc("outbox_oldest_seconds", "Age of the oldest message that waits.", nil, nil)
)

func (*lag) Describe(ch chan<- *prometheus.Desc) {
	ch <- lagCount
	ch <- lagAge
}

func (l *lag) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var fresh, parked int64
	var age float64
	err := l.db.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE attempts = 0), count(*) FILTER (WHERE attempts > 0),
			coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
		FROM outbox`).Scan(&fresh, &parked, &age)
	if err != nil {
		return // the database's own alarm rings
	}
	ch <- prometheus.MustNewConstMetric(lagCount, prometheus.GaugeValue, float64(fresh), "waiting")
	ch <- prometheus.MustNewConstMetric(lagCount, prometheus.GaugeValue, float64(parked), "parked")
	ch <- prometheus.MustNewConstMetric(lagAge, prometheus.GaugeValue, age)
}
