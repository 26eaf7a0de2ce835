package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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

// DB gives the test a schema to itself, with the migrations of dir (relative to
// the checkout, "migrations/auth") applied by goose and River's tables, in the
// state they leave it in, and a pool through PgBouncer of a role that may use it
// as the service's role may, and no other.
//
// Schemas are kept from test to test and run to run, by a hash of what made
// them; a test holds the lock of one. See schemas.go.
func DB(tb testing.TB, dir string) *pgxpool.Pool {
	tb.Helper()
	dir = filepath.Join(Root(tb), dir)
	content := sha256.New()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no migrations in %s (%v)", dir, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(content, "%s %d\n%s", filepath.Base(name), len(b), b)
	}
	modules, err := os.ReadFile(filepath.Join(Root(tb), "pkg", "go.mod"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(modules)) {
		if strings.Contains(line, "riverqueue/") {
			content.Write([]byte(line)) // another version has other tables
		}
	}
	return database(tb, recipe{
		label: filepath.Base(dir), content: content.Sum(nil),
		apply: func(ctx context.Context, conn *pgx.Conn, schema string) error {
			db := stdlib.OpenDB(*conn.Config())
			defer db.Close()
			db.SetMaxOpenConns(1)
			provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(dir))
			if err != nil {
				return err
			}
			if _, err = provider.Up(ctx); err != nil {
				return err
			}
			_, err = migrate.River(ctx, Env(tb, "POSTGRES_ADMIN_URL"), schema)
			return err
		},
	})
}

// Schema is [DB] with the tables of the given DDL instead of a service's.
func Schema(tb testing.TB, ddl string) *pgxpool.Pool {
	tb.Helper()
	return database(tb, recipe{
		label: "ddl", content: []byte(ddl),
		apply: func(ctx context.Context, conn *pgx.Conn, _ string) error {
			_, err := conn.Exec(ctx, ddl)
			return err
		},
	})
}

// recipe makes a schema.
type recipe struct {
	label   string
	content []byte // of what apply applies
	apply   func(ctx context.Context, conn *pgx.Conn, schema string) error
}

// prefix of the names of the schemas that were made by this recipe, and of the
// roles of the same names.
func (r recipe) prefix() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n", pg.LimitRole("r"), pg.GrantService("s", "r"), bookkeeping)
	sum.Write(r.content)
	return "test_" + strings.ReplaceAll(r.label, "-", "_") + "_" + hex.EncodeToString(sum.Sum(nil)[:6]) + "_"
}

const setupTimeout = 60 * time.Second

func database(tb testing.TB, r recipe) *pgxpool.Pool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	conn, err := admin(tb).Acquire(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { giveBack(conn) })
	name, err := take(ctx, conn.Conn(), r)
	if err != nil {
		tb.Fatal(err)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(name, name), Host: Env(tb, "PGBOUNCER_ADDR"),
		Path: "/" + conn.Conn().Config().Database, RawQuery: "sslmode=disable",
	}
	pool, err := pg.Open(context.Background(), u.String(), pg.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	if err := pool.Ping(ctx); err != nil {
		tb.Fatalf("PgBouncer at %s does not let the test's role in: %v; %s", u.Host, err, startServers)
	}
	return pool
}

// giveBack unlocks the test's schema. A connection that was lost (there are tests
// that kill Postgres) holds no lock any more.
func giveBack(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`); err != nil {
		_ = conn.Conn().Close(ctx) // which unlocks it
	}
	conn.Release()
}

var adminPools struct {
	sync.Mutex
	pool *pgxpool.Pool
}

// admin is the process's one pool to Postgres itself.
func admin(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	adminPools.Lock()
	defer adminPools.Unlock()
	if adminPools.pool != nil {
		return adminPools.pool
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	pool, err := pg.Open(ctx, Env(tb, "POSTGRES_ADMIN_URL"), pg.Options{MaxConns: 30})
	if err != nil {
		tb.Fatalf("POSTGRES_ADMIN_URL: %v", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		tb.Fatalf("Postgres does not answer: %v; %s", err, startServers)
	}
	adminPools.pool = pool
	return pool
}
