package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/jobpilot/jobpilot/pkg/pg"
)

// connect opens a superuser's connection and passes it to f.
func (b backend) connect(ctx context.Context, database string, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, b.adminURL(database))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(conn)
}

// preparePgBouncer gives PgBouncer its role and, in every database present and
// to come, the function with which it looks up the others. Once made, the
// check costs one query.
func (b backend) preparePgBouncer(ctx context.Context) error {
	for _, database := range []string{"template1", "postgres"} {
		err := b.connect(ctx, database, func(conn *pgx.Conn) error {
			var there bool
			if err := conn.QueryRow(ctx, "SELECT to_regproc('pgbouncer.get_auth') IS NOT NULL").Scan(&there); err != nil || there {
				return err
			}
			if err := ensureRole(ctx, conn, "pgbouncer", b.secrets["PGBOUNCER_PASSWORD"]); err != nil {
				return err
			}
			_, err := conn.Exec(ctx, `
				CREATE SCHEMA IF NOT EXISTS pgbouncer;
				REVOKE ALL ON SCHEMA pgbouncer FROM PUBLIC;
				GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer;
				CREATE FUNCTION pgbouncer.get_auth(name text, OUT usename name, OUT passwd text)
					LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
					AS 'SELECT usename, passwd FROM pg_shadow WHERE usename = name';
				REVOKE ALL ON FUNCTION pgbouncer.get_auth(text) FROM PUBLIC;
				GRANT EXECUTE ON FUNCTION pgbouncer.get_auth(text) TO pgbouncer;`)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ensureRole makes a role that may log in, if it is not there.
func ensureRole(ctx context.Context, conn *pgx.Conn, name, password string) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&there); err != nil || there {
		return err
	}
	return setPassword(ctx, conn, "CREATE ROLE %I LOGIN PASSWORD %L", name, password)
}

// setPassword runs a statement about a role; utility statements take no parameters.
func setPassword(ctx context.Context, conn *pgx.Conn, format, name, password string) error {
	var stmt string
	if err := conn.QueryRow(ctx, "SELECT format($1, $2::text, $3::text)", format, name, password).Scan(&stmt); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, stmt)
	return err
}

// prepareDatabase makes the instance's database and roles: one that owns it
// and runs migrations, and one per service, which reaches its own schema only.
// passwords are the services' by name.
func (b backend) prepareDatabase(ctx context.Context, in instance, ownerPassword string, passwords map[string]string) error {
	type login struct{ role, password, service string }
	logins := []login{{in.owner(), ownerPassword, ""}}
	for _, s := range slices.Sorted(maps.Keys(passwords)) {
		logins = append(logins, login{in.role(s), passwords[s], s})
	}
	return b.connect(ctx, "postgres", func(conn *pgx.Conn) error {
		for _, r := range logins {
			if err := ensureRole(ctx, conn, r.role, r.password); err != nil {
				return err
			}
		}
		var there bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", in.database).Scan(&there); err != nil {
			return err
		}
		database, owner := pgx.Identifier{in.database}.Sanitize(), pgx.Identifier{in.owner()}.Sanitize()
		if !there {
			if _, err := conn.Exec(ctx, "CREATE DATABASE "+database+" OWNER "+owner); err != nil {
				return err
			}
			if _, err := conn.Exec(ctx, "REVOKE ALL ON DATABASE "+database+" FROM PUBLIC; GRANT CONNECT ON DATABASE "+database+" TO pgbouncer"); err != nil {
				return err
			}
		}
		for _, r := range logins {
			if err := b.ensurePassword(ctx, conn, r.role, r.password, in.database); err != nil {
				return err
			}
			if r.service == "" {
				continue
			}
			role := pgx.Identifier{r.role}.Sanitize()
			schema := pgx.Identifier{strings.ReplaceAll(r.service, "-", "_")}.Sanitize()
			// The owner is no superuser: what only one may do is done here.
			if _, err := conn.Exec(ctx, "GRANT CONNECT ON DATABASE "+database+" TO "+role+
				"; ALTER ROLE "+role+" IN DATABASE "+database+" SET search_path = "+schema+", common; "+pg.LimitRole(r.role)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ensurePassword sets a role's password again when the one on file no longer
// opens the database: the folder env/ was lost, or an old one was put back.
func (b backend) ensurePassword(ctx context.Context, admin *pgx.Conn, role, password, database string) error {
	var pgErr *pgconn.PgError
	err := selectOne(ctx, postgresURL(role, password, b.postgres, database))
	if errors.As(err, &pgErr) && pgErr.Code == "28P01" { // invalid_password
		return setPassword(ctx, admin, "ALTER ROLE %I PASSWORD %L", role, password)
	}
	if errors.As(err, &pgErr) && pgErr.Code == "42501" { // insufficient_privilege: logged in, not yet granted CONNECT
		return nil
	}
	return err
}

// migrateURL is how tools/migrate connects: as the schemas' owner and past
// PgBouncer, because it holds an advisory lock of its session.
func (b backend) migrateURL(in instance, ownerPassword string) string {
	return postgresURL(in.owner(), ownerPassword, b.postgres, in.database)
}
