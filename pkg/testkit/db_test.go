package testkit_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

// The next test finds what the migrations left, whatever the last one did.
func TestASchemaIsPutBackIntoItsFirstState(t *testing.T) {
	t.Parallel()
	const ddl = `
		CREATE TABLE parents (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
		CREATE TABLE children (id bigserial PRIMARY KEY, parent int NOT NULL REFERENCES parents, at date NOT NULL) ;
		CREATE TABLE events (at date NOT NULL) PARTITION BY RANGE (at);
		CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
		INSERT INTO parents (name) VALUES ('root');
		INSERT INTO events VALUES ('2026-03-02')`
	marker := fmt.Sprintf("-- %d\n", testkit.Seed(t)) // a schema that no other test uses
	state := func(t *testing.T) (db *pgxpool.Pool, text string) {
		t.Helper()
		db = testkit.Schema(t, marker+ddl)
		err := db.QueryRow(t.Context(), `SELECT concat_ws(' ', (SELECT string_agg(id || name || upper_name, ',') FROM parents),
			(SELECT count(*) FROM children), (SELECT string_agg(at::text, ',') FROM events))`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return db, text
	}
	var schema string
	for range 3 {
		t.Run("test", func(t *testing.T) {
			db, text := state(t)
			if text != "1rootROOT 0 2026-03-02" {
				t.Errorf("the state is %q", text)
			}
			if user := db.Config().ConnConfig.User; schema != "" && user != schema {
				t.Errorf("schema %s was not used again, but %s", schema, user)
			} else {
				schema = user
			}
			_, err := db.Exec(t.Context(), `UPDATE parents SET name = 'x'; INSERT INTO parents (name) VALUES ('y');
				INSERT INTO children (parent, at) SELECT id, '2026-01-01' FROM parents; DELETE FROM events`)
			if err != nil {
				t.Fatal(err)
			}
			var next int
			if err := db.QueryRow(t.Context(), `SELECT max(id) FROM parents`).Scan(&next); err != nil || next != 2 {
				t.Errorf("the identity went on at %d, %v", next, err)
			}
		})
	}
}

func TestServicesMigrationsAreThere(t *testing.T) {
	t.Parallel()
	db := testkit.DB(t, "migrations/auth")
	for _, table := range []string{"users", "outbox", "river_job"} {
		var n int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", table, n, err)
		}
	}
}

// BenchmarkDB is what a test pays for its schema.
func BenchmarkDB(b *testing.B) {
	for b.Loop() {
		tb, end := testkit.Example()
		testkit.DB(tb, "migrations/auth")
		end()
	}
}
