package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/jobpilot/jobpilot/services/auth/internal/db"
)

const (
	purgeBatch       = 1000 // rows that one statement deletes
	expireBatch      = 50   // accounts that one transaction deletes
	auditMonthsAhead = 12
	signingKeyAge    = 90 * 24 * time.Hour
	startRetry       = 5 * time.Second
)

// leftovers are the rows that are of no more use after a time. old is the
// condition, $1 the present less keep.
var leftovers = []struct {
	table, key, old string
	keep            time.Duration
}{
	{"one_time_tokens", "hash", "expires_at < $1", 0},
	{"ceremonies", "id", "expires_at < $1", 0},
	{"oauth_flows", "state_hash", "expires_at < $1", 0},
	{"login_delays", "scope, key", "failed_at < $1", 24 * time.Hour},
	{"login_sprays", "network, account", "at < $1", 24 * time.Hour},
	{"revocations", "kind, id", "revoked_at < $1", time.Hour}, // access tokens live shorter
	// A session that ended before began before, which lets an index find it. Its
	// tokens go first: a cascade over the thousands of a session has no bound.
	{"tokens", "hash", "session_id IN (SELECT id FROM sessions WHERE " + endedSession + ")", 30 * 24 * time.Hour},
	{"sessions", "id", endedSession, 30 * 24 * time.Hour},
	{"api_keys", "id", "revoked_at < $1 OR expires_at < $1", 30 * 24 * time.Hour},
	{"service_keys", "id", "expires_at < $1", 30 * 24 * time.Hour},
	{"inbox", "consumer, message_id", "applied_at < $1", 14 * 24 * time.Hour},
}

const endedSession = "created_at < $1 AND (revoked_at < $1 OR expires_at < $1)"

// MaintenanceOptions are what an operator may choose.
type MaintenanceOptions struct {
	UnverifiedAge time.Duration // after which an account that nobody verified is deleted
	// Purge, if not nil, deletes what is of no more use outside of this package
	// (answers kept for idempotency keys), and returns how much that was.
	Purge func(ctx context.Context) (int64, error)
}

// Maintenance does what is due again and again. Every replica runs it; River, in
// the tables of its own in the service's schema, sees to it that each duty is
// done once in its time, by one of them, and again when it failed.
type Maintenance struct {
	s       *Service
	o       MaintenanceOptions
	retryIn time.Duration
}

// NewMaintenance makes the maintenance of a service.
func NewMaintenance(s *Service, o MaintenanceOptions) *Maintenance {
	return &Maintenance{s, o, startRetry}
}

// duty is a River job: something to be done once in a period.
type duty struct {
	Name string `json:"name"`
}

// Kind names the jobs in River's table.
func (duty) Kind() string { return "maintenance" }

// Run works until ctx ends, and waits for Postgres if it is not there yet. It is
// a worker for app.Run.
func (m *Maintenance) Run(ctx context.Context) error {
	for {
		client, err := m.client()
		if err != nil {
			return fmt.Errorf("auth: maintenance: %w", err)
		}
		if err = client.Start(ctx); err == nil {
			<-client.Stopped()
			return nil
		}
		if ctx.Err() == nil {
			m.s.Log.WarnContext(ctx, "maintenance does not start yet; it is tried again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(m.retryIn):
		}
	}
}

func (m *Maintenance) client() (*river.Client[pgx.Tx], error) {
	duties := map[string]struct {
		every time.Duration
		do    func(context.Context) error
	}{
		"purge":            {time.Hour, m.purge},
		"audit_partitions": {24 * time.Hour, m.auditPartitions},
		"signing_key":      {24 * time.Hour, m.rotateSigningKey},
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[duty]) error {
		d, ok := duties[job.Args.Name]
		if !ok { // of another version of the service
			return river.JobCancel(fmt.Errorf("auth: no duty %q", job.Args.Name))
		}
		return d.do(ctx)
	})); err != nil {
		return nil, err
	}
	var periodic []*river.PeriodicJob
	for name, d := range duties {
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(d.every), func() (river.JobArgs, *river.InsertOpts) {
			return duty{name}, &river.InsertOpts{MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: d.every}}
		}, &river.PeriodicJobOpts{ID: name, RunOnStart: true})) // or restarts would put it off for ever
	}
	return river.NewClient(riverpgxv5.New(m.s.Pool), &river.Config{
		Queues:              map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}},
		Workers:             workers,
		PeriodicJobs:        periodic,
		PollOnly:            true, // PgBouncer in transaction mode has no LISTEN
		FetchPollInterval:   5 * time.Second,
		JobTimeout:          10 * time.Minute,
		SoftStopTimeout:     5 * time.Second,
		ReindexerIndexNames: []string{}, // needs an owner's rights, and the tables stay small
		Logger:              m.s.Log,
	})
}

// purge deletes what is of no more use, in bounded steps. What fails does not
// keep it from the rest.
func (m *Maintenance) purge(ctx context.Context) error {
	var failed []error
	done := func(what string, n int64, err error) {
		if err != nil {
			failed = append(failed, fmt.Errorf("auth: purge %s: %w", what, err))
		}
		if n > 0 {
			m.s.Log.InfoContext(ctx, "purged", slog.String("what", what), slog.Int64("count", n))
		}
	}
	now := m.s.now()
	for _, l := range leftovers {
		statement := fmt.Sprintf("DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT $2) AND (%[3]s)", l.table, l.key, l.old)
		n, err := m.inBatches(ctx, purgeBatch, func() (int64, error) {
			tag, err := m.s.Pool.Exec(ctx, statement, now.Add(-l.keep), purgeBatch)
			return tag.RowsAffected(), err
		})
		done(l.table, n, err)
	}
	n, err := m.inBatches(ctx, expireBatch, func() (int64, error) { return m.s.expireUsers(ctx, now.Add(-m.o.UnverifiedAge)) })
	done("unverified accounts", n, err)
	if m.o.Purge != nil {
		n, err := m.o.Purge(ctx)
		done("other", n, err)
	}
	return errors.Join(failed...)
}

// inBatches repeats a step until one finds less than it may do.
func (m *Maintenance) inBatches(ctx context.Context, batch int64, step func() (int64, error)) (total int64, err error) {
	for n := batch; n >= batch; total += n {
		if n, err = step(); err != nil || ctx.Err() != nil {
			return total, errors.Join(err, ctx.Err())
		}
	}
	return total, nil
}

// expireUsers deletes some of the accounts that were registered before and never
// verified. Nobody is told: the address may be a stranger's.
func (s *Service) expireUsers(ctx context.Context, before time.Time) (int64, error) {
	var ids []uuid.UUID
	err := s.inTx(ctx, func(t *tx) (err error) {
		if ids, err = t.UsersExpire(ctx, db.UsersExpireParams{Before: before, Now: t.now, MaxRows: expireBatch}); err != nil {
			return err
		}
		for _, id := range ids {
			if err := t.emit(ctx, TypeUserDeleted, id, UserDeleted{UserID: id, DeletedAt: t.now}); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if err := t.audit(ctx, system, "user.expired", &id, Client{}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return int64(len(ids)), err
}

// auditPartitions makes the partitions that the audit trail needs next.
func (m *Maintenance) auditPartitions(ctx context.Context) error {
	return storeError(m.s.q.AuditPartitions(ctx, auditMonthsAhead))
}

// rotateSigningKey replaces the key that signs access tokens when it is old.
func (m *Maintenance) rotateSigningKey(ctx context.Context) error {
	newest, err := m.s.q.SigningKeyNewest(ctx)
	if err != nil || m.s.now().Sub(newest) < signingKeyAge {
		return storeError(err)
	}
	kid, from, err := m.s.Signer.Rotate(ctx)
	if err == nil {
		m.s.Log.InfoContext(ctx, "signing key rotated", slog.String("kid", kid), slog.Time("signs_from", from))
	}
	return err
}
