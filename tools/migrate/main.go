// Command migrate brings the services' database schemas up to date.
//
//	migrate [-dir migrations] up SCHEMA…        apply what is not applied yet
//	migrate [-dir migrations] status SCHEMA…    print each migration and when it was applied
//	migrate [-dir migrations] down-one SCHEMA…  take the newest migration back
//
// A schema is named after its folder under migrations: a service, or "common"
// for reference data that every service may read. MIGRATE_URL is a connection
// as the owner of the schemas, to PostgreSQL itself: an advisory lock, held for
// the session, lets only one migrate work at a time, and PgBouncer in
// transaction mode has no sessions.
//
// Schema "common" also gets its rows, from the files in its folder data (see
// load.go), as often as these change.
//
// A service's schema gets the tables of its job queue too, River's, which has
// migrations of its own (pkg/pg/migrate); down-one leaves them alone.
//
// After the migrations the role of the service, <database>_<service>, is given
// the rights of pg.GrantService; it must exist. It never owns anything, so it
// cannot change a definition.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = "usage: migrate [-dir migrations] up|status|down-one SCHEMA…"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv("MIGRATE_URL")); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, url string) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	dir := flags.String("dir", "migrations", "folder with one folder of migrations for each schema")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() < 2 {
		return errors.New(usage)
	}
	if url == "" {
		return errors.New("MIGRATE_URL: missing; set it to postgres://OWNER:PASSWORD@HOST:PORT/DATABASE")
	}
	m, err := open(url, *dir)
	if err != nil {
		return err
	}
	actions := map[string]func(context.Context, string) error{"up": m.up, "status": m.status, "down-one": m.downOne}
	action, ok := actions[flags.Arg(0)]
	if !ok {
		return fmt.Errorf("no command %q; %s", flags.Arg(0), usage)
	}
	for _, service := range flags.Args()[1:] {
		if err := action(ctx, service); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
	}
	return nil
}
