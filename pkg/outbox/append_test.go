package outbox_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/testkit"
)

func TestAppendIsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := testkit.Schema(t, outbox.Schema)
	count := func() (n int) {
		t.Helper()
		if err := db.QueryRow(ctx, `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	put := func(fail error) error {
		return pg.InTx(ctx, db, func(tx pgx.Tx) error {
			if err := outbox.Append(ctx, tx,
				outbox.Message{Type: "test.thing.made", Source: "test", Subject: "a", Data: map[string]int{"n": 1}},
				outbox.Message{Type: "test.mail.send", Source: "test", Queue: "mails", Urgent: true},
			); err != nil {
				return err
			}
			return fail
		})
	}
	if err := put(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Fatalf("InTx: %v", err)
	}
	if n := count(); n != 0 {
		t.Fatalf("%d messages of a transaction that was rolled back", n)
	}
	if err := put(nil); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Fatalf("%d messages, want 2", n)
	}
}
