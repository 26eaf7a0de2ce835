package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const purgeBatch = 1000 // rows that one statement deletes

// Leftover are rows that are of no more use after a time.
type Leftover struct {
	Table string
	Key   string        // columns of the primary key
	Old   string        // condition; $1 is the present less Keep
	Keep  time.Duration // how long they stay after what Old looks at
}

// Inbox and IdempotencyKeys are the leftovers that every service has.
var (
	Inbox           = Leftover{"inbox", "consumer, message_id", "applied_at < $1", 14 * 24 * time.Hour}
	IdempotencyKeys = Leftover{"idempotency_keys", "id", "expires_at < $1", 0}
)

// Purge deletes leftovers in bounded steps. What fails does not keep it from the
// rest. The order is the one given: rows that others refer to come last.
func Purge(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, now time.Time, leftovers ...Leftover) error {
	var failed []error
	for _, l := range leftovers {
		statement := fmt.Sprintf("DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT $2) AND (%[3]s)", l.Table, l.Key, l.Old)
		var total int64
		for n := int64(purgeBatch); n >= purgeBatch && ctx.Err() == nil; total += n {
			tag, err := pool.Exec(ctx, statement, now.Add(-l.Keep), purgeBatch)
			if err != nil {
				failed = append(failed, fmt.Errorf("jobs: purge %s: %w", l.Table, err))
				break
			}
			n = tag.RowsAffected()
		}
		if total > 0 {
			log.InfoContext(ctx, "purged", slog.String("what", l.Table), slog.Int64("count", total))
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}
