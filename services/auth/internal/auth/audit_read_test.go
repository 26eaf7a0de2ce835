package auth

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/testkit"
)

// owner connects as the owner of the test's schema, who can do what the
// service's role cannot.
func (f *fixture) owner() *pgx.Conn {
	f.t.Helper()
	cfg, err := pgx.ParseConfig(testkit.Env(f.t, "POSTGRES_ADMIN_URL"))
	must(f.t, err)
	cfg.RuntimeParams["search_path"] = f.pool.Config().ConnConfig.User
	conn, err := pgx.ConnectConfig(f.t.Context(), cfg)
	must(f.t, err)
	f.t.Cleanup(func() { _ = conn.Close(f.t.Context()) })
	return conn
}

// entries appends n entries to the audit trail.
func (f *fixture) entries(n int) {
	f.t.Helper()
	_, err := f.pool.Exec(f.t.Context(), `SELECT audit_append('system', '', 'test', NULL, 'r' || n, '{"a": [1, {"b": "é"}]}') FROM generate_series(1, $1::int) n`, n)
	must(f.t, err)
}

func (f *fixture) verify() AuditVerification {
	f.t.Helper()
	v, err := f.VerifyAuditLog(f.t.Context())
	must(f.t, err)
	return v
}

func TestTheAuditChainShowsTampering(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper string
		broken int64
	}{
		"untouched":           {"SELECT 1", 0},
		"changed":             {"UPDATE audit_log SET detail = '{}' WHERE id = 7", 7},
		"changed time":        {"UPDATE audit_log SET at = at + interval '1 microsecond' WHERE id = 7", 7},
		"changed user":        {"UPDATE audit_log SET user_id = gen_random_uuid() WHERE id = 7", 7},
		"changed with hash":   {"UPDATE audit_log SET action = 'x', hash = audit_hash(prev_hash, id, at, actor_kind, actor_id, 'x', user_id, request_id, detail) WHERE id = 7", 8},
		"removed":             {"DELETE FROM audit_log WHERE id = 7", 7},
		"first removed":       {"DELETE FROM audit_log WHERE id = 1", 1},
		"removed and renamed": {"DELETE FROM audit_log WHERE id = 7; UPDATE audit_log SET id = id - 1 WHERE id > 7", 7},
		"removed and chained anew": {`DELETE FROM audit_log WHERE id = 7;
			DO $$ DECLARE r record; last bytea := (SELECT hash FROM audit_log WHERE id = 6);
			BEGIN
				FOR r IN SELECT * FROM audit_log WHERE id > 7 ORDER BY id LOOP
					UPDATE audit_log SET prev_hash = last, hash = audit_hash(last, id, at, actor_kind, actor_id, action, user_id, request_id, detail) WHERE id = r.id RETURNING hash INTO last;
				END LOOP;
				UPDATE audit_head SET hash = last;
			END $$`, 7},
		"inserted":         {"INSERT INTO audit_log SELECT id, at + interval '1 microsecond', actor_kind, actor_id, 'x', user_id, request_id, detail, prev_hash, hash FROM audit_log WHERE id = 7", 8},
		"swapped":          {"UPDATE audit_log SET id = 15 - id WHERE id IN (7, 8)", 7},
		"last changed":     {"UPDATE audit_log SET action = 'x', hash = audit_hash(prev_hash, id, at, actor_kind, actor_id, 'x', user_id, request_id, detail) WHERE id = 20", 20},
		"truncated":        {"DELETE FROM audit_log WHERE id > 15", 16},
		"emptied":          {"TRUNCATE audit_log", 1},
		"appended":         {"INSERT INTO audit_log SELECT 21, now(), actor_kind, actor_id, action, user_id, request_id, detail, hash, audit_hash(hash, 21, now(), actor_kind, actor_id, action, user_id, request_id, detail) FROM audit_log WHERE id = 20", 21},
		"head changed":     {"UPDATE audit_head SET hash = sha256('x')", 20},
		"head put back":    {"UPDATE audit_head SET id = 19, hash = (SELECT hash FROM audit_log WHERE id = 19)", 20},
		"head forgets all": {"UPDATE audit_head SET id = 0, hash = sha256('')", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.entries(20)
			owner := f.owner()
			_, err := owner.Exec(t.Context(), c.tamper)
			must(t, err)
			v := f.verify()
			if v.FirstBrokenID != c.broken || v.Intact() != (c.broken == 0) {
				t.Fatalf("first broken is %d, want %d", v.FirstBrokenID, c.broken)
			}
			if want := int64(20); c.broken == 0 && v.Entries != want {
				t.Fatalf("%d entries, want %d", v.Entries, want)
			}
		})
	}
}

func TestTheAuditChainIsCheckedAcrossBatches(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if v := f.verify(); !v.Intact() || v.Entries != 0 {
		t.Fatalf("an empty trail is %+v", v)
	}
	f.entries(auditBatch + 10)
	if v := f.verify(); !v.Intact() || v.Entries != auditBatch+10 {
		t.Fatalf("the trail is %+v", v)
	}
	owner := f.owner()
	for _, c := range []struct {
		tamper string
		broken int64
	}{
		// A row with the id of the last one of a batch, which the next batch does not see.
		{fmt.Sprintf("INSERT INTO audit_log SELECT id, at + interval '1 microsecond', actor_kind, actor_id, action, user_id, request_id, detail, prev_hash, hash FROM audit_log WHERE id = %d", auditBatch), auditBatch + 1},
		{fmt.Sprintf("DELETE FROM audit_log WHERE id = %d", auditBatch), auditBatch},
	} {
		_, err := owner.Exec(t.Context(), c.tamper)
		must(t, err)
		if v := f.verify(); v.FirstBrokenID != c.broken {
			t.Fatalf("first broken is %d, want %d", v.FirstBrokenID, c.broken)
		}
	}
}

func TestTheServiceCannotTouchItsAuditTrail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.entries(3)
	var partition string
	must(t, f.pool.QueryRow(t.Context(), "SELECT tableoid::regclass FROM audit_log LIMIT 1").Scan(&partition))
	for _, table := range []string{"audit_log", partition} {
		for _, statement := range []string{
			"INSERT INTO %s SELECT id + 3, at, actor_kind, actor_id, action, user_id, request_id, detail, prev_hash, hash FROM audit_log",
			"UPDATE %s SET action = 'x'", "DELETE FROM %s", "TRUNCATE %s", "DROP TABLE %s", "ALTER TABLE %s DISABLE TRIGGER ALL",
		} {
			if _, err := f.pool.Exec(t.Context(), fmt.Sprintf(statement, table)); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s: %v", fmt.Sprintf(statement, table), err)
			}
		}
	}
	for _, statement := range []string{"UPDATE audit_head SET id = 0", "DELETE FROM audit_head", "CREATE OR REPLACE FUNCTION audit_hash(bytea, bigint, timestamptz, text, text, text, uuid, text, jsonb) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$"} {
		if _, err := f.pool.Exec(t.Context(), statement); err == nil {
			t.Errorf("the service may: %s", statement)
		}
	}
	if v := f.verify(); !v.Intact() || v.Entries != 3 {
		t.Fatalf("the trail is %+v", v)
	}
}

func TestConcurrentWritersMakeOneChain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, tokens := f.signedIn("ada@example.com")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				switch i % 4 {
				case 0:
					_, _ = f.Login(t.Context(), "ada@example.com", goodPassword, home)
				case 1:
					_, _ = f.Login(t.Context(), "ada@example.com", "wrong", home)
				case 2:
					f.entries(3)
				default:
					_ = f.verify() // while others write
				}
			}
		})
	}
	wg.Wait()
	_ = tokens
	v := f.verify()
	if n := f.count("SELECT count(*) FROM audit_log"); !v.Intact() || int64(n) != v.Entries || n < 80 {
		t.Fatalf("%d rows, the trail is %+v", n, v)
	}
}

func TestARolledBackEntryLeavesNoGap(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x, err := f.pool.Begin(t.Context())
	must(t, err)
	_, err = x.Exec(t.Context(), "SELECT audit_append('system', '', 'test', NULL, '', '{}')")
	must(t, err)
	must(t, x.Rollback(t.Context()))
	f.entries(2)
	if v := f.verify(); !v.Intact() || v.Entries != 2 {
		t.Fatalf("the trail is %+v", v)
	}
}

func TestTheAuditLogIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ada, _ := f.signedIn("ada@example.com")
	eve, _ := f.signedIn("eve@example.com")
	for range 3 {
		f.login("ada@example.com")
	}
	var all []AuditEntry
	for before := int64(0); ; before = all[len(all)-1].ID {
		list, more, err := f.ListAuditLog(t.Context(), AuditFilter{}, before, 4)
		must(t, err)
		all = append(all, list...)
		if !more {
			break
		}
	}
	if n := f.count("SELECT count(*) FROM audit_log"); len(all) != n {
		t.Fatalf("%d of %d entries listed", len(all), n)
	}
	for i := range all[1:] {
		if all[i].ID != all[i+1].ID+1 {
			t.Fatal("not newest first without a gap")
		}
	}
	middle, later := all[3].At, f.now().Add(time.Hour)
	for name, c := range map[string]struct {
		filter AuditFilter
		want   func(AuditEntry) bool
	}{
		"user":    {AuditFilter{UserID: &eve.UserID}, func(e AuditEntry) bool { return e.UserID != nil && *e.UserID == eve.UserID }},
		"actor":   {AuditFilter{ActorID: &ada.UserID}, func(e AuditEntry) bool { return e.ActorID == ada.UserID.String() }},
		"action":  {AuditFilter{Action: "user.login"}, func(e AuditEntry) bool { return e.Action == "user.login" }},
		"after":   {AuditFilter{After: &middle}, func(e AuditEntry) bool { return !e.At.Before(middle) }},
		"before":  {AuditFilter{Before: &middle}, func(e AuditEntry) bool { return e.At.Before(middle) }},
		"nothing": {AuditFilter{After: &later}, func(AuditEntry) bool { return false }},
		"both":    {AuditFilter{UserID: &ada.UserID, Action: "user.login"}, func(e AuditEntry) bool { return e.Action == "user.login" && *e.UserID == ada.UserID }},
	} {
		list, _, err := f.ListAuditLog(t.Context(), c.filter, 0, 100)
		must(t, err)
		want := 0
		for _, e := range all {
			if c.want(e) {
				want++
			}
		}
		if len(list) != want || want == 0 && name != "nothing" {
			t.Errorf("%s: %d entries, want %d", name, len(list), want)
		}
		for _, e := range list {
			if !c.want(e) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}
