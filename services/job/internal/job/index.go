package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

const (
	indexBatch = 500
	indexPoll  = time.Second      // for what other replicas changed
	indexPause = 15 * time.Second // at most, while the engine is away
)

func document(r db.Job, text string) search.Document {
	s := summary(r)
	d := search.Document{
		ID: r.ID.String(), Version: r.Version, Deleted: r.ClosedAt != nil || r.Hidden, Title: r.Title, Company: r.CompanyName, CompanyID: r.CompanyID.String(),
		Description: text, Skills: s.Skills(), Location: r.Location, Country: r.Country, City: r.City, Remote: r.Remote, Employment: r.EmploymentType,
		Seniority: r.Seniority, Language: r.Language, Platforms: r.Platforms, Currency: r.PayCurrency, PayYearMax: r.PayYearMax, PostedAt: r.PostedAt,
	}
	if r.Latitude != nil && r.Longitude != nil {
		d.Point = &search.Point{Lat: *r.Latitude, Lon: *r.Longitude}
	}
	return d
}

// Index writes what changed to the search engine until ctx ends. Every replica
// runs it: each takes what no other has taken. While the engine is away the queue
// waits.
func (s *Service) Index(ctx context.Context) error {
	pause, ready := time.Duration(0), false
	for ctx.Err() == nil {
		n, err := 0, error(nil)
		if !ready {
			err = s.ensureIndex(ctx)
			ready = err == nil
		}
		if ready {
			n, err = s.indexSome(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // stopping
		case err != nil:
			ready = false // the engine may come back without its data
			if pause == 0 {
				s.Log.WarnContext(ctx, "the search index is not written; it is tried again", slog.Any("error", err))
			}
			pause = min(max(2*pause, 500*time.Millisecond), indexPause)
		case n == indexBatch:
			pause = 0
			continue
		default:
			pause = 0
		}
		wait := time.NewTimer(max(pause, indexPoll))
		select {
		case <-s.wake:
			if pause > 0 { // a wake does not bring the engine back
				select {
				case <-wait.C:
				case <-ctx.Done():
				}
			}
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
	}
	return nil
}

// indexSome writes a batch. The rows of the queue are deleted in a transaction
// that commits when the engine has the documents.
func (s *Service) indexSome(ctx context.Context) (n int, err error) {
	err = pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		q := db.New(x)
		ids, err := q.IndexTake(ctx, indexBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		targets, err := q.IndexTargets(ctx)
		if err == nil && len(targets) == 0 {
			err = search.ErrAway // there is no index: nothing may leave the queue
		}
		if err != nil {
			return err
		}
		rows, err := q.JobsToIndex(ctx, ids)
		if err != nil {
			return err
		}
		docs := make([]search.Document, len(rows))
		for i, r := range rows {
			docs[i] = document(r.Job, r.Plain)
		}
		for _, index := range targets {
			if err := s.Engine.Write(ctx, index, docs); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	if err == nil {
		s.metrics.indexed.Add(float64(n))
	}
	return n, err
}

// indexLock keeps two from building an index at once.
const indexLock = "SELECT pg_advisory_xact_lock(hashtextextended('job.index', 0))"

// ensureIndex makes and fills an index if the engine has none of ours.
func (s *Service) ensureIndex(ctx context.Context) error {
	ok, err := s.indexStands(ctx)
	if err != nil || ok {
		return err
	}
	return pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		if _, err := x.Exec(ctx, indexLock); err != nil {
			return err
		}
		if ok, err := s.indexStands(ctx); err != nil || ok {
			return err
		}
		return s.rebuild(ctx, db.New(x), nil)
	})
}

// indexStands reports whether the indices that are written to exist and one is
// behind the alias.
func (s *Service) indexStands(ctx context.Context) (bool, error) {
	current, err := s.Engine.Current(ctx)
	if err != nil {
		return false, err
	}
	targets, err := s.q.IndexTargets(ctx)
	if err != nil || len(targets) == 0 {
		return false, err
	}
	behind := false
	for _, t := range targets {
		ok, err := s.Engine.Exists(ctx, t)
		if err != nil {
			return false, err
		}
		if !ok { // left by a build that failed, or lost by the engine
			if err := s.q.IndexTargetDrop(ctx, t); err != nil {
				return false, err
			}
		}
		behind = behind || ok && t == current
	}
	return behind, nil
}

// Reindex builds a new index from Postgres beside the one in use and swaps them.
// progress hears how many jobs were written.
func (s *Service) Reindex(ctx context.Context, progress func(n int)) error {
	return pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		if _, err := x.Exec(ctx, indexLock); err != nil {
			return err
		}
		return s.rebuild(ctx, db.New(x), progress)
	})
}

// RenewIndex builds the index anew if it is of an older definition than this
// release's, while the old one answers searches. It is a worker, and at its end
// when the index is up to date.
func (s *Service) RenewIndex(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.renewIndex(ctx); err != nil {
			s.Log.WarnContext(ctx, "the search index may be of an older release; building it anew is tried again", slog.Any("error", err))
			select {
			case <-ctx.Done():
			case <-time.After(indexPause):
			}
			continue
		}
		break
	}
	return nil
}

func (s *Service) renewIndex(ctx context.Context) error {
	if old, err := s.Engine.Outdated(ctx); err != nil || !old {
		return err
	}
	return pg.InTx(ctx, s.Pool, func(x pgx.Tx) error {
		if _, err := x.Exec(ctx, indexLock); err != nil {
			return err
		}
		if old, err := s.Engine.Outdated(ctx); err != nil || !old { // another replica was faster
			return err
		}
		s.Log.InfoContext(ctx, "the search index is of an older release and is built anew")
		return s.rebuild(ctx, db.New(x), nil)
	})
}

// rebuild needs the lock. From the moment that the new index is in the table,
// whoever writes changes writes them to both; what was changed before is read here.
func (s *Service) rebuild(ctx context.Context, locked *db.Queries, progress func(n int)) error {
	name, err := s.Engine.NewIndex(ctx)
	if err != nil {
		return err
	}
	if err := s.q.IndexTargetAdd(ctx, name); err != nil {
		return err
	}
	if err := s.fill(ctx, locked, name, progress); err != nil {
		// What is half built is not written to any longer.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(err, s.q.IndexTargetDrop(after, name), s.Engine.Drop(after, name))
	}
	old, err := s.q.IndexTargetsKeep(ctx, name)
	if err != nil {
		return err
	}
	for _, o := range old {
		if err := s.Engine.Drop(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// fill reads in the transaction that has the lock, which so is never idle for long.
func (s *Service) fill(ctx context.Context, locked *db.Queries, name string, progress func(n int)) error {
	for after, n := uuid.Nil, 0; ; {
		rows, err := locked.JobsPage(ctx, db.JobsPageParams{After: after, MaxRows: indexBatch})
		if err != nil {
			return err
		}
		docs := make([]search.Document, len(rows))
		for i, r := range rows {
			docs[i] = document(r.Job, r.Plain)
			after = r.Job.ID
		}
		if err := s.Engine.Write(ctx, name, docs); err != nil {
			return fmt.Errorf("fill %s: %w", name, err)
		}
		if n += len(rows); progress != nil {
			progress(n)
		}
		if len(rows) < indexBatch {
			break
		}
	}
	return s.Engine.Swap(ctx, name)
}
