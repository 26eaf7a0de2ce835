package migrate_test

import (
	"crypto/rand"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/pg/migrate"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func TestRiverIsMigratedOnce(t *testing.T) {
	t.Parallel()
	pool := testkit.Schema(t, "-- "+rand.Text()) // one of its own, since River's tables stay in it
	schema, url := pool.Config().ConnConfig.User, testkit.Env(t, "POSTGRES_ADMIN_URL")
	var wg sync.WaitGroup
	applied := make(chan int, 2)
	for range cap(applied) {
		wg.Go(func() {
			names, err := migrate.River(t.Context(), url, schema)
			if err != nil {
				t.Error(err)
			}
			applied <- len(names)
		})
	}
	wg.Wait()
	if a, b := <-applied, <-applied; a+b == 0 || a*b != 0 {
		t.Fatalf("two runs at once applied %d and %d migrations, want all in one of them", a, b)
	}
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND tablename = 'river_job'", schema).Scan(&n); err != nil || n != 1 {
		t.Fatalf("River's tables are not in the schema (%v)", err)
	}
}
