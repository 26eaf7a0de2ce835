// Package migrate makes the tables of libraries that live in a service's schema
// beside its own, for whoever owns the schema: tools/migrate and testkit.
// Services do not link it.
package migrate

import (
	"context"
	"fmt"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/jobpilot/jobpilot/pkg/pg"
)

// River brings the tables of the job queue (riverqueue.com) in a schema up to
// date and returns the names of the migrations that it applied, each in a
// transaction of its own. url is a connection to Postgres itself as the schema's
// owner. Run it after the schema's own migrations; two at once wait for each
// other.
func River(ctx context.Context, url, schema string) (applied []string, err error) {
	pool, err := pg.Open(ctx, url, pg.Options{MaxConns: 1}) // so one session, which holds the lock until it is closed
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema})
	if err == nil {
		_, err = pool.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended('river.' || $1::text, 0))", schema)
	}
	if err != nil {
		return nil, fmt.Errorf("pg: prepare River's migrations: %w", err)
	}
	res, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return nil, fmt.Errorf("pg: migrate River's tables: %w", err)
	}
	for _, v := range res.Versions {
		applied = append(applied, fmt.Sprintf("%03d %s", v.Version, v.Name))
	}
	return applied, nil
}
