package outbox

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

// Apply changes what a message tells to change. It works through tx alone: it
// can be called again for a message whose transaction did not commit.
type Apply func(ctx context.Context, tx pgx.Tx, e rabbit.Event) error

// Handler makes a handler that runs apply and records the message in the inbox
// in one transaction, so each message is applied once per consumer (a name of
// the caller's choice, the service's as a rule) however often it is delivered.
//
// Messages of a batch ([rabbit.Consumer.Batch]) share a transaction; if one of
// them fails, each is tried in a transaction of its own. While the database
// cannot be reached, messages wait and no attempt is counted.
func Handler(db *pgxpool.Pool, consumer string, apply Apply) rabbit.Handler {
	in := inbox{db, consumer, apply}
	return func(ctx context.Context, batch []*rabbit.Message) []error {
		if len(batch) > 1 && in.apply(ctx, batch) == nil {
			return nil
		}
		errs := make([]error, len(batch))
		for i := range batch {
			errs[i] = in.ready(ctx, in.apply(ctx, batch[i:i+1]))
		}
		return errs
	}
}

type inbox struct {
	db       *pgxpool.Pool
	consumer string
	fn       Apply
}

func (in *inbox) apply(ctx context.Context, batch []*rabbit.Message) error {
	if len(batch) == 1 {
		ctx = batch[0].Context() // its statements belong to its trace
	}
	return pg.InTx(ctx, in.db, func(tx pgx.Tx) error {
		fresh, err := in.record(ctx, tx, batch)
		if err != nil {
			return err
		}
		for _, m := range batch {
			if !fresh[m.ID] {
				continue
			}
			delete(fresh, m.ID) // a batch may hold a message twice
			if err := in.fn(m.Context(), tx, m.Event); err != nil {
				return err
			}
		}
		return nil
	})
}

// record writes inbox rows and returns the messages that had none.
func (in *inbox) record(ctx context.Context, tx pgx.Tx, batch []*rabbit.Message) (map[uuid.UUID]bool, error) {
	ids := make([]uuid.UUID, len(batch))
	for i, m := range batch {
		ids[i] = m.ID
	}
	// In one order everywhere: two deliveries of the same messages do not
	// deadlock.
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	rows, err := tx.Query(ctx, `
		INSERT INTO inbox (consumer, message_id) SELECT $1, unnest($2::uuid[])
		ON CONFLICT DO NOTHING
		RETURNING message_id`, in.consumer, ids)
	if err != nil {
		return nil, fmt.Errorf("outbox: write inbox: %w", err)
	}
	fresh := make(map[uuid.UUID]bool, len(ids))
	var id uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { fresh[id] = true; return nil }); err != nil {
		return nil, fmt.Errorf("outbox: write inbox: %w", err)
	}
	return fresh, nil
}

// ready tells a database that is away from a message that is at fault.
func (in *inbox) ready(ctx context.Context, err error) error {
	if !pg.IsUnavailable(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if in.db.Ping(ctx) == nil {
		return err
	}
	return rabbit.NotReady(err)
}
