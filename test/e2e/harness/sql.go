package harness

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var admin struct {
	sync.Mutex
	pool *pgxpool.Pool
}

// Database is the instance's, as superuser: for what no caller can bring about
// in a test's time, such as a login of long ago, and to see what is stored.
func Database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	admin.Lock()
	defer admin.Unlock()
	if admin.pool == nil {
		cfg, err := pgxpool.ParseConfig(Env(t, "POSTGRES_ADMIN_URL"))
		if err != nil {
			t.Fatal(err)
		}
		cfg.MaxConns = 4
		// The process's one pool, which outlives the test that needs it first.
		if admin.pool, err = pgxpool.NewWithConfig(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	return admin.pool
}

// SQL changes rows, and fails the test if there are none to change.
func SQL(t testing.TB, sql string, args ...any) {
	t.Helper()
	tag, err := Database(t).Exec(t.Context(), sql, args...)
	if err != nil || tag.RowsAffected() == 0 {
		t.Fatalf("%s: %d rows, %v", sql, tag.RowsAffected(), err)
	}
}

// Row reads one row into a struct with fields named as the columns.
func Row[T any](t testing.TB, sql string, args ...any) T {
	t.Helper()
	rows, err := Database(t).Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
