package testkit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/pg"
)

// Making a schema takes hundreds of milliseconds, emptying one a few. So a
// schema, once made, is emptied for the next test. Whoever uses it holds an
// advisory lock on its name for the session; a process that dies lets go of it.

// schemaUnused is after how long a schema that nobody asked for is dropped.
const schemaUnused = 24 * time.Hour

// bookkeeping makes what a schema needs to be put back into the state in which
// it was made: copies of its rows, and two functions.
const bookkeeping = `
	CREATE FUNCTION {books}.note() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE t record;
	BEGIN
		FOR t IN SELECT c.relname,
				(SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
					WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
			FROM pg_class c WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind = 'r'
		LOOP
			EXECUTE format('CREATE TABLE {books}.%1$I AS SELECT %2$s FROM {schema}.%1$I', t.relname, t.columns);
			EXECUTE format('INSERT INTO {books}.kept_tables SELECT %1$L, %2$L, EXISTS (SELECT FROM {books}.%1$I)', t.relname, t.columns);
		END LOOP;
		INSERT INTO {books}.kept_sequences SELECT sequencename, last_value, start_value
			FROM pg_sequences WHERE schemaname = '{schema}';
	END $$;
	CREATE FUNCTION {books}.reset() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
	DECLARE t record;
	BEGIN
		FOR t IN SELECT * FROM {books}.kept_tables LOOP
			EXECUTE format('DELETE FROM {schema}.%I', t.name);
			IF t.filled THEN
				EXECUTE format('INSERT INTO {schema}.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM {books}.%1$I', t.name, t.columns);
			END IF;
		END LOOP;
		PERFORM setval(format('{schema}.%I', name)::regclass, coalesce(last, first), last IS NOT NULL) FROM {books}.kept_sequences;
	END $$;
	CREATE TABLE {books}.kept_tables (name name, columns text, filled boolean);
	CREATE TABLE {books}.kept_sequences (name name, last bigint, first bigint);
	SELECT {books}.note();`

func books(sql, schema string) string {
	return strings.NewReplacer("{books}", schema+"_books", "{schema}", schema).Replace(sql)
}

// take locks a schema of the recipe for the connection's session, makes it if it
// is not there, and brings it into the state it was made in. Names need no
// quotes.
func take(ctx context.Context, conn *pgx.Conn, r recipe) (name string, err error) {
	err = conn.QueryRow(ctx, `
		SELECT $1::text || n FROM generate_series(1, 1000) AS n
		WHERE pg_try_advisory_lock(hashtextextended('testkit ' || $1 || n, 0)) LIMIT 1`, r.prefix()).Scan(&name)
	if err != nil {
		return "", fmt.Errorf("testkit: lock a schema: %w", err)
	}
	var ready bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE oid = to_regnamespace($1) AND obj_description(oid) LIKE 'used %')`, name).Scan(&ready)
	if err != nil {
		return "", fmt.Errorf("testkit: look for schema %s: %w", name, err)
	}
	if !ready {
		if err := dropUnused(ctx, conn); err != nil {
			return "", err
		}
		if err := create(ctx, conn, r, name); err != nil {
			return "", fmt.Errorf("testkit: make schema %s: %w", name, err)
		}
	}
	// Connections of a test that died may still be at work.
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = '%[1]s' AND state <> 'idle';
		SELECT %[2]s();
		COMMENT ON SCHEMA %[1]s IS 'used %[3]s'`, name, books("{books}.reset", name), time.Now().UTC().Format(time.RFC3339)))
	if err != nil {
		return "", fmt.Errorf("testkit: empty schema %s: %w", name, err)
	}
	return name, nil
}

// create makes a schema and its role, in place of what an attempt before left.
func create(ctx context.Context, conn *pgx.Conn, r recipe, name string) error {
	if err := drop(ctx, conn, name); err != nil {
		return err
	}
	database := pgx.Identifier{conn.Config().Database}.Sanitize()
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		CREATE SCHEMA %[1]s; CREATE SCHEMA %[1]s_books;
		CREATE ROLE %[1]s LOGIN PASSWORD '%[1]s';
		%[2]s
		GRANT CONNECT ON DATABASE %[3]s TO %[1]s;
		ALTER ROLE %[1]s SET search_path = %[1]s, common;
		%[4]s`, name, lockDatabaseRow, database, pg.LimitRole(name)))
	if err != nil {
		return err
	}
	cfg, err := pgx.ParseConfig(conn.Config().ConnString())
	if err != nil {
		return err
	}
	cfg.RuntimeParams["search_path"] = name + ",common"
	owner, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer owner.Close(ctx)
	if err := r.apply(ctx, owner, name); err != nil {
		return err
	}
	if _, err := owner.Exec(ctx, pg.GrantService(name, name)); err != nil {
		return err
	}
	_, err = owner.Exec(ctx, books(bookkeeping, name))
	return err
}

// Granting on the database, and taking it back, changes the one row of the
// database: Postgres refuses two that do so at once.
const lockDatabaseRow = "SELECT pg_advisory_xact_lock(hashtext('testkit'));"

func drop(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		SET client_min_messages = warning;
		DROP SCHEMA IF EXISTS %[1]s, %[1]s_books CASCADE;
		DO $$ BEGIN
			IF EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') THEN
				PERFORM pg_advisory_xact_lock(hashtext('testkit'));
				DROP OWNED BY %[1]s;
				DROP ROLE %[1]s;
			END IF;
		END $$`, name))
	return err
}

// dropUnused drops what recipes of the past have left.
func dropUnused(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'test\_%' AND nspname NOT LIKE '%\_books'
			AND coalesce(obj_description(oid), '') < $1 LIMIT 5`,
		"used "+time.Now().UTC().Add(-schemaUnused).Format(time.RFC3339))
	if err != nil {
		return fmt.Errorf("testkit: look for unused schemas: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("testkit: look for unused schemas: %w", err)
	}
	for _, name := range names {
		var locked bool
		err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('testkit ' || $1::text, 0))`, name).Scan(&locked)
		if err == nil && locked {
			err = drop(ctx, conn, name)
		}
		if err != nil {
			return fmt.Errorf("testkit: drop unused schema %s: %w", name, err)
		}
	}
	return nil
}
