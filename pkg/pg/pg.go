// Package pg opens PostgreSQL pools that work through PgBouncer in transaction
// mode, runs transactions with bounded retry, and names the classes of error
// that callers decide on.
//
// PgBouncer before 1.21 keeps no prepared statements in transaction mode, so
// every pool uses [pgx.QueryExecModeExec]: one round trip, no server-side
// state. For the same reason nothing here relies on session settings; limits
// on a session (statement, lock and idle-in-transaction time) belong to the
// role, see [LimitRole].
package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of [Open]. The zero value is usable.
type Options struct {
	// Name tells this pool from others of the process in metrics ("main",
	// "read"). Default "main".
	Name string
	// MaxConns bounds the pool. Default: four per core, at least 8.
	MaxConns int32
	// Metrics, if set, receives the pool's collector.
	Metrics prometheus.Registerer
}

// Open returns a pool for url (postgres://…). It does not wait for the server:
// connections are made when they are needed, so a service starts while Postgres
// is down and reports it through its readiness check. The error is a malformed
// url, with the password left out.
func Open(ctx context.Context, url string, opts Options) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("pg: %w", err)
	}
	cfg.MaxConns = opts.MaxConns
	if cfg.MaxConns == 0 {
		cfg.MaxConns = int32(max(8, 4*runtime.GOMAXPROCS(0)))
	}
	cfg.MaxConnLifetime = 30 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.PingTimeout = 2 * time.Second

	conn := cfg.ConnConfig
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn.ConnectTimeout = 5 * time.Second
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = 0, 0
	// A statement is a span only inside a sampled trace; outside of one the
	// tracer costs a context value. Acquiring is left out: the pool metrics
	// show waiting.
	conn.Tracer = otelpgx.NewTracer(
		otelpgx.WithSpanNameCtxFunc(func(_ context.Context, sql string) string { return statementName(sql) }),
		otelpgx.WithDisableConnectionDetailsInAttributes(),
		otelpgx.WithDisableAcquireTracer(),
	)
	cfg.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		dialOnce(&c.Config)
		return nil
	}
	cfg.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		registerTypes(c.TypeMap())
		return nil
	}

	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("pg: open pool: %w", err)
	}
	if opts.Metrics != nil {
		name := opts.Name
		if name == "" {
			name = "main"
		}
		if err := opts.Metrics.Register(newCollector(name, pool)); err != nil {
			pool.Close()
			return nil, fmt.Errorf("pg: register metrics of pool %q: %w", name, err)
		}
	}
	return pool, nil
}

// dialOnce keeps a connection from sending cancel requests, which go over a
// connection of their own: PgBouncer 1.18 can end itself over one
// (https://github.com/pgbouncer/pgbouncer/issues/801). When a context ends, pgx
// drops the connection, PgBouncer that to the server, and the server notices by
// the setting of [LimitRole].
func dialOnce(c *pgconn.Config) {
	var connected atomic.Bool
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if connected.Load() {
			return nil, errors.New("pg: no cancel requests")
		}
		return dial(ctx, network, addr)
	}
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		connected.Store(true)
		return nil
	}
}

// registerTypes gives parameters whose Go type does not tell their Postgres
// type one: QueryExecModeExec sends the type with each parameter and never asks
// the server.
func registerTypes(m *pgtype.Map) {
	m.RegisterDefaultPgType(uuid.UUID{}, "uuid")
	m.RegisterDefaultPgType(&uuid.UUID{}, "uuid")
	m.RegisterDefaultPgType(uuid.NullUUID{}, "uuid")
	m.RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
}

// statementName is the sqlc name of a statement ("-- name: UserInsert :one"),
// else its first word.
func statementName(sql string) string {
	sql = strings.TrimSpace(sql)
	if rest, ok := strings.CutPrefix(sql, "-- name: "); ok {
		sql = rest
	}
	name, _, _ := strings.Cut(sql, " ")
	return name
}

// LimitRole returns the statement that bounds what the sessions of a service's
// role may hold up: a statement runs at most 15 s, or 2 s after its client went
// away, and waits at most 5 s for a lock; a transaction idles at most 10 s. It is
// for whoever creates roles (tools/stack, testkit); role settings reach the server
// through PgBouncer, start-up parameters do not.
func LimitRole(role string) string {
	r := pgx.Identifier{role}.Sanitize()
	return "ALTER ROLE " + r + " SET statement_timeout = '15s'; " +
		"ALTER ROLE " + r + " SET lock_timeout = '5s'; " +
		"ALTER ROLE " + r + " SET idle_in_transaction_session_timeout = '10s'; " +
		"ALTER ROLE " + r + " SET client_connection_check_interval = '2s'"
}

// GrantService returns the statements that let a service's role use the tables,
// sequences and functions of schema, those made later by the same owner too: it
// reads and writes rows and changes no definition. Tables named audit_… it may
// only read; they are written by functions of their own. For whoever runs
// migrations (tools/migrate, testkit), after them; repeating it changes nothing.
func GrantService(schema, role string) string {
	return strings.NewReplacer(
		"{schema}", pgx.Identifier{schema}.Sanitize(), "{role}", pgx.Identifier{role}.Sanitize(),
		"{schema_text}", quoteText(schema), "{role_text}", quoteText(role),
	).Replace(`
		GRANT USAGE ON SCHEMA {schema} TO {role};
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
		GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
		DO $grant$
		DECLARE t regclass;
		BEGIN
			FOR t IN SELECT oid FROM pg_class
				WHERE relnamespace = {schema_text}::regnamespace AND relkind IN ('r', 'p') AND starts_with(relname, 'audit_')
			LOOP
				EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %s FROM %I', t, {role_text});
			END LOOP;
		END
		$grant$`)
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
