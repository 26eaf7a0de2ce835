package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// Beginner starts transactions: a pool, a connection, or a transaction (which
// makes a savepoint).
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

const (
	txTries     = 4
	txBackoff   = 10 * time.Millisecond // before the second try; doubles, with jitter
	rollbackMax = 2 * time.Second
)

// InTx runs fn in a transaction (read committed) and commits if fn returns nil;
// on an error or a panic it rolls back. When Postgres ends the transaction with
// a serialization failure or a deadlock, or the connection was lost before
// anything was sent, fn is run again, up to four times in all with backoff: fn
// must not have effects outside the transaction, see [AfterCommit].
//
// The error is fn's own, or that of begin or commit. After a connection lost
// during commit ([IsUnavailable]) the outcome is unknown.
func InTx(ctx context.Context, db Beginner, fn func(tx pgx.Tx) error) error {
	backoff := txBackoff
	for try := 1; ; try++ {
		err := once(ctx, db, fn)
		if err == nil || try == txTries || !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff/2 + rand.N(backoff)): //nolint:gosec // spreads load, guards nothing
		}
		backoff *= 2
	}
}

// beginError marks an error before fn ran.
type beginError struct{ error }

func (e beginError) Unwrap() error { return e.error }

func retryable(err error) bool {
	var begin beginError
	return IsConflict(err) || errors.As(err, &begin) && connectionLost(err)
}

func once(ctx context.Context, db Beginner, fn func(tx pgx.Tx) error) (err error) {
	inner, err := db.Begin(ctx)
	if err != nil {
		return beginError{fmt.Errorf("pg: begin: %w", err)}
	}
	tx := &hookedTx{Tx: inner}
	committed := false
	defer func() {
		if committed {
			return
		}
		// The caller's context may be over; the connection is worth keeping.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackMax)
		defer cancel()
		_ = inner.Rollback(ctx)
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if err := inner.Commit(ctx); err != nil {
		return fmt.Errorf("pg: commit: %w", err)
	}
	committed = true
	for _, hook := range tx.afterCommit {
		hook()
	}
	return nil
}

type hookedTx struct {
	pgx.Tx
	afterCommit []func()
}

// AfterCommit has hook called once tx, the transaction that [InTx] passed, has
// been committed. It reports false, and does nothing, for any other transaction.
// Hooks are for what may be lost (waking someone, dropping a cache entry): a
// process can die between commit and hook.
func AfterCommit(tx pgx.Tx, hook func()) bool {
	h, ok := tx.(*hookedTx)
	if ok {
		h.afterCommit = append(h.afterCommit, hook)
	}
	return ok
}
