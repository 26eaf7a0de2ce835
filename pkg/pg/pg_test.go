package pg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func ExampleInTx() {
	tb, end := testkit.Example()
	defer end()
	ctx := context.Background()
	db := testkit.Schema(tb, `CREATE TABLE accounts (id text PRIMARY KEY, cents bigint NOT NULL CHECK (cents >= 0));
		INSERT INTO accounts VALUES ('a', 100), ('b', 0)`)
	transfer := func(cents int) error {
		return pg.InTx(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE accounts SET cents = cents + $1 WHERE id = 'b'`, cents); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `UPDATE accounts SET cents = cents - $1 WHERE id = 'a'`, cents)
			return err
		})
	}
	fmt.Println(transfer(60))
	fmt.Println(pg.IsCheckViolation(transfer(60), ""))
	var b int
	err := db.QueryRow(ctx, `SELECT cents FROM accounts WHERE id = 'b'`).Scan(&b)
	fmt.Println(b, err)
	// Output:
	// <nil>
	// true
	// 60 <nil>
}

// Every type of parameter that services use, through PgBouncer and without
// prepared statements.
func TestParametersOfEveryType(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE things (
		id uuid, other uuid, ids uuid[], at timestamptz, n int, big bigint, f float8, ok bool, b bytea, s text, tags text[], doc jsonb, ip inet)`)
	id, at := uuid.New(), time.Now().UTC().Truncate(time.Microsecond)
	var none *uuid.UUID
	_, err := db.Exec(t.Context(), `INSERT INTO things VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		id, none, []uuid.UUID{id, id}, at, 1, int64(1)<<40, 1.5, true, []byte{0, 1}, "NUL-free ✓", []string{"a", `"b"`}, `{"k": [1]}`, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ID, Other *uuid.UUID
		IDs       []uuid.UUID
		At        time.Time
		Tags      []string
		Doc       map[string]any
		IP        string
	}
	err = db.QueryRow(t.Context(), `SELECT id, other, ids, at, tags, doc, host(ip) FROM things
		WHERE id = $1 AND id = ANY ($2) AND at = $3 AND tags = $4 AND b = $5`, &id, []uuid.UUID{id}, at, []string{"a", `"b"`}, []byte{0, 1}).
		Scan(&got.ID, &got.Other, &got.IDs, &got.At, &got.Tags, &got.Doc, &got.IP)
	if err != nil {
		t.Fatal(err)
	}
	if *got.ID != id || got.Other != nil || len(got.IDs) != 2 || !got.At.Equal(at) || got.Tags[1] != `"b"` || got.IP != "192.0.2.1" {
		t.Errorf("%+v", got)
	}
}

// More sessions than PgBouncer has server connections take turns: nothing may
// depend on the connection.
func TestManyClientsShareConnections(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)`)
	pools := []*pgxpool.Pool{db}
	for range 3 {
		more, err := pg.Open(t.Context(), db.Config().ConnString(), pg.Options{MaxConns: 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(more.Close)
		pools = append(pools, more)
	}
	var clients sync.WaitGroup
	for i := range 60 {
		clients.Go(func() {
			for range 5 {
				err := pg.InTx(t.Context(), pools[i%len(pools)], func(tx pgx.Tx) error {
					_, err := tx.Exec(t.Context(), `UPDATE counter SET n = n + $1`, 1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	var n int
	if err := db.QueryRow(t.Context(), `SELECT n FROM counter`).Scan(&n); err != nil || n != 300 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestDeadlocksAreTriedAgain(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO things VALUES (1), (2)`)
	ctx := t.Context()
	bump := func(tx pgx.Tx, id int) error {
		_, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, id)
		return err
	}
	locked := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	var tries [2]int
	var writers sync.WaitGroup
	for i := range 2 {
		writers.Go(func() {
			err := pg.InTx(ctx, db, func(tx pgx.Tx) error {
				if err := bump(tx, 1+i); err != nil {
					return err
				}
				if tries[i]++; tries[i] == 1 {
					close(locked[i])
				}
				<-locked[1-i]
				return bump(tx, 2-i)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if tries[0]+tries[1] != 3 {
		t.Errorf("tries %v, want one of the two to be run again", tries)
	}
	var sum int
	if err := db.QueryRow(ctx, `SELECT sum(n) FROM things`).Scan(&sum); err != nil || sum != 4 {
		t.Errorf("sum %d, %v", sum, err)
	}
}

func TestRollback(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE things (id int PRIMARY KEY)`)
	broken := errors.New("broken")
	insert := func(tx pgx.Tx) {
		if _, err := tx.Exec(t.Context(), `INSERT INTO things VALUES (1)`); err != nil {
			t.Error(err)
		}
	}
	hooks := 0
	for name, f := range map[string]func(pgx.Tx) error{
		"error": func(tx pgx.Tx) error { insert(tx); pg.AfterCommit(tx, func() { hooks++ }); return broken },
		"panic": func(tx pgx.Tx) error { insert(tx); panic(broken) },
	} {
		func() {
			defer func() { _ = recover() }()
			if err := pg.InTx(t.Context(), db, f); !errors.Is(err, broken) {
				t.Errorf("%s: %v", name, err)
			}
		}()
		var n int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM things`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
	}
	err := pg.InTx(t.Context(), db, func(tx pgx.Tx) error { insert(tx); pg.AfterCommit(tx, func() { hooks++ }); return nil })
	if err != nil || hooks != 1 {
		t.Errorf("%v; %d hooks ran, want that of the commit", err, hooks)
	}
	if n := db.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

// Without a cancel request, over which PgBouncer 1.18 can end itself.
func TestAnAbandonedStatementEndsInTheServerToo(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE things (id int)`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := db.Exec(ctx, `SELECT pg_sleep(60)`); !errors.Is(err, context.DeadlineExceeded) || !pg.IsUnavailable(err) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	testkit.Eventually(t, "the statement has ended", func() bool {
		var n int
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND query LIKE 'SELECT pg_sleep%'`).Scan(&n)
		return err == nil && n == 0
	})
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE parents (id int CONSTRAINT parents_id PRIMARY KEY);
		CREATE TABLE things (id int CONSTRAINT things_id UNIQUE, n int CONSTRAINT things_n CHECK (n > 0), parent int CONSTRAINT things_parent REFERENCES parents);
		INSERT INTO things (id) VALUES (1)`)
	exec := func(sql string) error { _, err := db.Exec(t.Context(), sql); return err }
	unique, check, foreign := exec(`INSERT INTO things (id) VALUES (1)`), exec(`INSERT INTO things (n) VALUES (0)`), exec(`INSERT INTO things (parent) VALUES (1)`)
	var id int
	none := db.QueryRow(t.Context(), `SELECT id FROM parents`).Scan(&id)
	for name, ok := range map[string]bool{
		"unique":             pg.IsUniqueViolation(unique, "things_id") && pg.IsUniqueViolation(unique, ""),
		"another constraint": !pg.IsUniqueViolation(unique, "parents_id") && !pg.IsCheckViolation(unique, ""),
		"check":              pg.IsCheckViolation(check, "things_n"),
		"foreign key":        pg.IsForeignKeyViolation(foreign, "things_parent"),
		"not found":          pg.IsNotFound(none) && !pg.IsNotFound(unique),
		"not unavailable":    !pg.IsUnavailable(unique) && !pg.IsUnavailable(none) && !pg.IsUnavailable(nil) && !pg.IsUnavailable(context.Canceled),
		"no conflict":        !pg.IsConflict(unique) && !pg.IsConflict(nil),
		"a syntax error":     !pg.IsUnavailable(exec(`SELEC`)),
		"a statement timeout": pg.IsUnavailable(pg.InTx(t.Context(), db, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `SET LOCAL statement_timeout = 10; SELECT pg_sleep(5)`)
			return err
		})),
	} {
		if !ok {
			t.Errorf("%s: %v, %v, %v, %v", name, unique, check, foreign, none)
		}
	}
}

func TestPostgresGoneAndBack(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, `CREATE TABLE things (id int)`)
	proxy, url := testkit.ProxyURL(t, db.Config().ConnString())
	proxy.Down()
	pool, err := pg.Open(t.Context(), url, pg.Options{})
	if err != nil {
		t.Fatalf("Open needs the server: %v", err)
	}
	defer pool.Close()
	insert := func() error {
		return pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO things VALUES (1)`)
			return err
		})
	}
	if err := insert(); !pg.IsUnavailable(err) {
		t.Errorf("while it is down: %v", err)
	}
	proxy.Up()
	if err := insert(); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	proxy.Cut() // leaves a dead connection in the pool
	if err := insert(); err != nil {
		t.Errorf("over a connection that died: %v", err)
	}
}

func TestMetricsAndURLFaults(t *testing.T) {
	t.Parallel()
	db := testkit.Schema(t, ``)
	registry := prometheus.NewRegistry()
	pool, err := pg.Open(t.Context(), db.Config().ConnString(), pg.Options{Name: "read", MaxConns: 3, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	want := `
		# HELP pg_pool_connections_max Upper bound of connections.
		# TYPE pg_pool_connections_max gauge
		pg_pool_connections_max{pool="read"} 3
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "pg_pool_connections_max"); err != nil {
		t.Error(err)
	}
	if _, err := pg.Open(t.Context(), "postgres://u:secret@host:port/db", pg.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("malformed URL: %v", err)
	}
}
