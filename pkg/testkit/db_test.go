package testkit_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func TestSchemasAreApart(t *testing.T) {
	t.Parallel()
	a := testkit.Schema(t, `CREATE TABLE things (id int PRIMARY KEY); CREATE TABLE audit_log (id int)`)
	b := testkit.Schema(t, `CREATE TABLE things (id int PRIMARY KEY)`)
	if _, err := a.Exec(t.Context(), `INSERT INTO things VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := b.QueryRow(t.Context(), `SELECT count(*) FROM things`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d rows of another test, %v", n, err)
	}
	schema := pgx.Identifier{a.Config().ConnConfig.User}.Sanitize()
	if err := b.QueryRow(t.Context(), `SELECT count(*) FROM `+schema+`.things`).Scan(&n); err == nil {
		t.Error("one test's role may read another's schema")
	}
	for _, sql := range []string{`INSERT INTO audit_log VALUES (1)`, `CREATE TABLE more ()`, `DROP TABLE things`} {
		if _, err := a.Exec(t.Context(), sql); err == nil {
			t.Errorf("the service's role may: %s", sql)
		}
	}
}

func TestMigrationsOfAuthApplyQuickly(t *testing.T) {
	began := time.Now()
	db := testkit.DB(t, "migrations/auth")
	took := time.Since(began)
	t.Logf("schema, role, migrations and pool in %v", took)
	var n int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM users`).Scan(&n); err != nil {
		t.Fatal(err)
	}
}
