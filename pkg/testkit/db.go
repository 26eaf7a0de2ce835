package testkit

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/pg/migrate"
)

// DB gives the test a schema of its own with the migrations of dir (relative to
// the checkout, "migrations/auth") applied by goose and River's tables, and a
// pool through PgBouncer of a role that may use it as the service's role may, and
// no other. Both are dropped when the test ends.
func DB(t testing.TB, dir string) *pgxpool.Pool {
	t.Helper()
	return database(t, func(ctx context.Context, conn *pgx.Conn, schema string) error {
		db := stdlib.OpenDB(*conn.Config())
		defer db.Close()
		db.SetMaxOpenConns(1)
		provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(filepath.Join(Root(t), dir)))
		if err != nil {
			return err
		}
		if _, err = provider.Up(ctx); err != nil {
			return err
		}
		_, err = migrate.River(ctx, Env(t, "POSTGRES_ADMIN_URL"), schema)
		return err
	})
}

// Schema is [DB] with the tables of the given DDL instead of a service's.
func Schema(t testing.TB, ddl string) *pgxpool.Pool {
	t.Helper()
	return database(t, func(ctx context.Context, conn *pgx.Conn, _ string) error {
		_, err := conn.Exec(ctx, ddl)
		return err
	})
}

// Granting on the database, and taking it back, changes the one row of the
// database: Postgres refuses two that do so at once.
const lockDatabaseRow = "SELECT pg_advisory_xact_lock(hashtext('testkit'));"

const setupTimeout = 30 * time.Second

func database(t testing.TB, apply func(ctx context.Context, conn *pgx.Conn, schema string) error) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()

	name := unique() // of the schema, the role and its password
	adminPool := admin(t)
	cfg := adminPool.Config().ConnConfig.Copy()
	ident := pgx.Identifier{name}.Sanitize()
	_, err := adminPool.Exec(ctx, fmt.Sprintf(`
		CREATE SCHEMA %[1]s;
		CREATE ROLE %[1]s LOGIN PASSWORD '%[2]s';
		`+lockDatabaseRow+`
		GRANT CONNECT ON DATABASE %[3]s TO %[1]s;
		ALTER ROLE %[1]s SET search_path = %[1]s, common;
		%[4]s`, ident, name, pgx.Identifier{cfg.Database}.Sanitize(), pg.LimitRole(name)))
	if err != nil {
		t.Fatalf("create schema and role for the test: %v", err)
	}
	t.Cleanup(func() { drop(t, adminPool, name) })

	cfg.RuntimeParams["search_path"] = name + ",common"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatalf("connect to migrate: %v", err)
	}
	defer conn.Close(ctx)
	if err := apply(ctx, conn, name); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	if _, err := conn.Exec(ctx, pg.GrantService(name, name)); err != nil {
		t.Fatalf("grant: %v", err)
	}

	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(name, name), Host: Env(t, "PGBOUNCER_ADDR"),
		Path: "/" + cfg.Database, RawQuery: "sslmode=disable",
	}
	pool, err := pg.Open(context.Background(), u.String(), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := pool.Ping(ctx); err != nil {
		t.Fatalf("PgBouncer at %s does not let the test's role in: %v; %s", u.Host, err, startServers)
	}
	return pool
}

// drop runs on a context of its own: the test's is over. PgBouncer would keep
// the role's server connections for minutes, so they are ended.
func drop(t testing.TB, adminPool *pgxpool.Pool, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	ident := pgx.Identifier{name}.Sanitize()
	_, err := adminPool.Exec(ctx, fmt.Sprintf(`
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%[1]s';
		DROP SCHEMA %[2]s CASCADE`, name, ident))
	if err == nil {
		_, err = adminPool.Exec(ctx, lockDatabaseRow+`DROP OWNED BY `+ident+`; DROP ROLE `+ident)
	}
	if err != nil {
		t.Errorf("drop schema and role of the test: %v", err)
	}
}

var adminPools struct {
	sync.Mutex
	pool *pgxpool.Pool
}

// admin is the process's one pool to Postgres itself.
func admin(t testing.TB) *pgxpool.Pool {
	t.Helper()
	adminPools.Lock()
	defer adminPools.Unlock()
	if adminPools.pool != nil {
		return adminPools.pool
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	pool, err := pg.Open(ctx, Env(t, "POSTGRES_ADMIN_URL"), pg.Options{MaxConns: 4})
	if err != nil {
		t.Fatalf("POSTGRES_ADMIN_URL: %v", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		t.Fatalf("Postgres does not answer: %v; %s", err, startServers)
	}
	adminPools.pool = pool
	return pool
}
