package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// TestSchemasAreApart looks at the database as auth's role does, by the way that
// the service takes, and as another service's.
func TestSchemasAreApart(t *testing.T) {
	t.Parallel()
	auth, err := pg.Open(t.Context(), harness.ServiceEnv(t, "auth")["DATABASE_URL"], pg.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(auth.Close)
	// Another service: a schema and a role made as tools/stack makes them.
	other := testkit.Schema(t, `CREATE TABLE secrets (id int PRIMARY KEY, text text); INSERT INTO secrets VALUES (1, 'of another service')`)
	name := other.Config().ConnConfig.User
	var text string
	if err := other.QueryRow(t.Context(), `SELECT text FROM secrets`).Scan(&text); err != nil {
		t.Fatalf("the other service cannot read its own table: %v", err)
	}
	var users int
	if err := auth.QueryRow(t.Context(), `SELECT count(*) FROM users`).Scan(&users); err != nil {
		t.Fatalf("auth cannot read its own table: %v", err)
	}

	theirs := pgx.Identifier{name, "secrets"}.Sanitize()
	for what, try := range map[string]struct {
		as  *pgxpool.Pool
		sql string
	}{
		"auth reads another's table":            {auth, `SELECT * FROM ` + theirs},
		"auth writes another's table":           {auth, `INSERT INTO ` + theirs + ` VALUES (2, 'x')`},
		"auth empties another's table":          {auth, `TRUNCATE ` + theirs},
		"auth makes a table there":              {auth, `CREATE TABLE ` + pgx.Identifier{name, "t"}.Sanitize() + ` ()`},
		"auth makes a table of its own":         {auth, `CREATE TABLE t ()`},
		"auth makes a schema":                   {auth, `CREATE SCHEMA t`},
		"auth changes its table":                {auth, `ALTER TABLE users ADD COLUMN t int`},
		"auth becomes the owner":                {auth, `SET ROLE jobpilot_test_owner`},
		"auth becomes superuser":                {auth, `SET ROLE postgres`},
		"auth reads password hashes":            {auth, `SELECT * FROM pg_authid`},
		"auth reads a file":                     {auth, `SELECT pg_read_file('/etc/passwd')`},
		"auth runs a program":                   {auth, `COPY (SELECT 1) TO PROGRAM 'true'`},
		"auth changes the audit trail":          {auth, `UPDATE audit_log SET action = 'nothing'`},
		"auth deletes from the audit trail":     {auth, `DELETE FROM audit_log`},
		"auth forges an audit entry":            {auth, `INSERT INTO audit_log SELECT * FROM audit_log LIMIT 1`},
		"auth moves the end of the audit trail": {auth, `UPDATE audit_head SET id = 0`},
		"another service reads users":           {other, `SELECT * FROM auth.users`},
		"another service reads sessions":        {other, `SELECT * FROM auth.sessions`},
		"another service reads signing keys":    {other, `SELECT * FROM auth.signing_keys`},
		"another service ends sessions":         {other, `UPDATE auth.sessions SET revoked_at = now()`},
		"another service writes to the trail":   {other, `SELECT auth.audit_append('system', '', 'x', NULL, '', '{}')`},
		"another service fills the outbox":      {other, `INSERT INTO auth.outbox (message_id, aggregate, type, body) VALUES (gen_random_uuid(), '', '', '')`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			_, err := try.as.Exec(t.Context(), try.sql)
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || refused.Code != "42501" { // insufficient_privilege
				t.Errorf("%s: %v", try.sql, err)
			}
		})
	}

	// And every schema there is, those of tests that run meanwhile included.
	role := auth.Config().ConnConfig.User
	rows, err := harness.Database(t).Query(t.Context(), `
		SELECT nspname FROM pg_namespace
		WHERE nspname NOT IN ('auth', 'common', 'public', 'information_schema') AND nspname NOT LIKE 'pg\_%'
		  AND (has_schema_privilege($1, oid, 'USAGE') OR has_schema_privilege($1, oid, 'CREATE'))`, role)
	if err != nil {
		t.Fatal(err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(open) > 0 {
		t.Errorf("%s may use the schemas %v (%v)", role, open, err)
	}
}

func schemaOf(service string) string { return strings.ReplaceAll(service, "-", "_") }

// TestServicesKeepToTheirSchema has every service's role try to read the tables of
// every other, and asks what it may do: use no schema but its own and the shared
// reference data, and make nothing in either.
func TestServicesKeepToTheirSchema(t *testing.T) {
	t.Parallel()
	services := harness.Services(t)
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			as, err := pg.Open(t.Context(), harness.ServiceEnv(t, service)["DATABASE_URL"], pg.Options{MaxConns: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(as.Close)
			for _, other := range services { // each has an outbox
				_, err := as.Exec(t.Context(), `SELECT * FROM `+pgx.Identifier{schemaOf(other), "outbox"}.Sanitize()+` LIMIT 1`)
				var refused *pgconn.PgError
				if other == service && err != nil || other != service && (!errors.As(err, &refused) || refused.Code != "42501") {
					t.Errorf("%s reads a table of %s: %v", service, other, err)
				}
			}
			cfg, own := as.Config().ConnConfig, schemaOf(service)
			rows, err := harness.Database(t).Query(t.Context(), `
				SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND (has_schema_privilege($1, oid, 'CREATE')
				   OR has_schema_privilege($1, oid, 'USAGE') AND nspname NOT IN ($2, 'common', 'public', 'information_schema'))`, cfg.User, own)
			if err != nil {
				t.Fatal(err)
			}
			if open, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(open) > 0 {
				t.Errorf("%s may use, or make things in, the schemas %v (%v)", cfg.User, open, err)
			}
			rows, err = harness.Database(t).Query(t.Context(), `
				SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ($2, 'information_schema')
				  AND has_schema_privilege($1, n.oid, 'USAGE') AND has_table_privilege($1, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')`, cfg.User, own)
			if err != nil {
				t.Fatal(err)
			}
			if open, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(open) > 0 {
				t.Errorf("%s may write to %v (%v)", cfg.User, open, err)
			}
		})
	}
	if len(services) != 9 {
		t.Errorf("the services are %v", services)
	}
}

// TestNothingPersonalIsReadable looks at what is stored of an account: addresses,
// names and secrets are sealed or hashed.
func TestNothingPersonalIsReadable(t *testing.T) {
	t.Parallel()
	u := harness.NewUser(t)
	key, _ := u.APIKey(t, "account:read")
	totp, recovery := u.Totp(t)
	for _, table := range []string{"users", "sessions", "tokens", "one_time_tokens", "mfa_totp", "recovery_codes", "api_keys", "audit_log", "idempotency_keys"} {
		for _, secret := range append(recovery, u.Email, "Ada Lovelace", harness.Password, u.Refresh, key, totp, u.IP.String()) {
			var n int
			where := fmt.Sprintf(`SELECT count(*) FROM auth.%s r WHERE position($1::bytea in convert_to(r::text, 'UTF8')) > 0 OR position(encode($1::bytea, 'hex') in r::text) > 0`, table)
			if err := harness.Database(t).QueryRow(t.Context(), where, []byte(secret)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				t.Errorf("%s holds %q, in %d rows", table, secret, n)
			}
		}
	}
}
