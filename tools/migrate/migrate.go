package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/pg/migrate"
)

// shared is the schema that every service may read.
const shared = "common"

// migrator works on the schemas of one database.
type migrator struct {
	config *pgx.ConnConfig
	dir    string
}

func open(url, dir string) (*migrator, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("MIGRATE_URL: %w", err)
	}
	return &migrator{config, dir}, nil
}

// schemaName is the SQL name for a service: a hyphen would need quoting everywhere.
func schemaName(service string) string { return strings.ReplaceAll(service, "-", "_") }

// with connects with the schema first in the search path, as migrations use
// unqualified names, and passes goose's provider for it to f. A folder without
// migrations is a nil provider.
func (m *migrator) with(ctx context.Context, service string, f func(*sql.DB, *goose.Provider) error) error {
	dir := filepath.Join(m.dir, service)
	// Without shared data there is no folder for it, but the schema all the same.
	if st, err := os.Stat(dir); service != shared && (err != nil || !st.IsDir()) {
		return fmt.Errorf("there is no folder %s", dir)
	}
	schema := schemaName(service)
	config := m.config.Copy()
	config.RuntimeParams["search_path"] = schema
	if schema != shared {
		config.RuntimeParams["search_path"] += ", " + shared
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	unlock, err := lock(ctx, db)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize()); err != nil {
		return err
	}
	// goose looks for its table in the first schema of the search path alone, and makes it there. It does not quote
	// names, as "user" needs, so the table's is not qualified.
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(dir), goose.WithTableName(versionTable))
	if errors.Is(err, goose.ErrNoMigrations) {
		return f(db, nil)
	}
	if err != nil {
		return err
	}
	return f(db, provider)
}

// lock waits until no other migrate works on this database, and keeps others
// out until it is released or its session ends. It asks again and again rather
// than waiting inside the server: a statement that waits holds a snapshot, and
// CREATE INDEX CONCURRENTLY in the other migrate would wait for that.
func lock(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var got bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtextextended('jobpilot.migrate', 0))").Scan(&got); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if got {
			// Closing the database closes the session, which gives the lock back.
			return func() { _ = conn.Close() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), conn.Close())
		case <-tick.C:
		}
	}
}

const versionTable = "goose_db_version"

func (m *migrator) up(ctx context.Context, service string) error {
	return m.with(ctx, service, func(db *sql.DB, p *goose.Provider) error {
		if p != nil {
			results, err := p.Up(ctx)
			if err != nil {
				return err
			}
			for _, r := range results {
				fmt.Printf("%s: applied %s in %d ms\n", service, filepath.Base(r.Source.Path), r.Duration.Milliseconds())
			}
		}
		if p != nil && service == shared {
			if err := m.load(ctx, db); err != nil {
				return err
			}
		}
		if p != nil && service != shared {
			applied, err := migrate.River(ctx, m.config.ConnString(), schemaName(service))
			if err != nil {
				return err
			}
			for _, name := range applied {
				fmt.Printf("%s: applied River's %s\n", service, name)
			}
		}
		return m.grant(ctx, db, service, p != nil)
	})
}

// grant repeats the rights after every run, so that they cover new tables.
func (m *migrator) grant(ctx context.Context, db *sql.DB, service string, versioned bool) error {
	schema := schemaName(service)
	if schema == shared {
		// Only roles of this platform may connect to the database.
		_, err := db.ExecContext(ctx, "GRANT USAGE ON SCHEMA common TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA common TO PUBLIC")
		return err
	}
	role := m.config.Database + "_" + schema
	if _, err := db.ExecContext(ctx, pg.GrantService(schema, role)); err != nil {
		return fmt.Errorf("cannot give the role %s its rights: %w", role, err)
	}
	if !versioned {
		return nil
	}
	_, err := db.ExecContext(ctx, "REVOKE ALL ON "+pgx.Identifier{schema, versionTable}.Sanitize()+" FROM "+pgx.Identifier{role}.Sanitize())
	return err
}

func (m *migrator) status(ctx context.Context, service string) error {
	return m.with(ctx, service, func(_ *sql.DB, p *goose.Provider) error {
		if p == nil {
			fmt.Printf("%-14s no migrations\n", service)
			return nil
		}
		statuses, err := p.Status(ctx)
		if err != nil {
			return err
		}
		for _, s := range statuses {
			when := "pending"
			if s.State == goose.StateApplied {
				when = s.AppliedAt.UTC().Format("2006-01-02 15:04:05Z")
			}
			fmt.Printf("%-14s %-22s %s\n", service, when, filepath.Base(s.Source.Path))
		}
		return nil
	})
}

func (m *migrator) downOne(ctx context.Context, service string) error {
	return m.with(ctx, service, func(_ *sql.DB, p *goose.Provider) error {
		if p == nil {
			return errors.New("no migrations")
		}
		result, err := p.Down(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%s: took back %s in %d ms\n", service, filepath.Base(result.Source.Path), result.Duration.Milliseconds())
		return nil
	})
}
