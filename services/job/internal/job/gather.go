package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

const (
	storeBatch   = 200                 // listings of one transaction
	missedLimit  = 2                   // complete readings in a row that lack a listing before it is gone
	staleAfter   = 60 * 24 * time.Hour // a listing that an aggregator has not shown for so long is gone
	gatherLimit  = 20 * time.Minute    // of one source; the broker waits half an hour for an answer
	maxErrorText = 1000
)

// Gathering is a run over sources.
type Gathering struct {
	ID       uuid.UUID
	Started  time.Time
	Finished *time.Time
	Sources  []GatheringSource
}

// GatheringSource is one source's part of a run.
type GatheringSource struct {
	db.GatheringSource
	Platform, Token string
}

// StartGathering starts a run over sources, or all that are enabled, and returns
// it. by is who wants it, for the record.
func (s *Service) StartGathering(ctx context.Context, ids []uuid.UUID, by string) (Gathering, error) {
	run := newID()
	err := s.inTx(ctx, func(t *tx) error {
		found, err := t.SourcesEnabled(ctx, ids)
		if err != nil {
			return err
		}
		if len(ids) > 0 && len(found) < len(unique(ids)) {
			for _, id := range ids {
				if _, err := t.SourceByID(ctx, id); err != nil {
					return notFound(err, errSourceNotFound)
				}
			}
			return errs.New(errs.Conflict, "source_disabled", "A source is disabled; enable it first.")
		}
		return t.startGathering(ctx, run, found, by)
	})
	if err != nil {
		return Gathering{}, err
	}
	return s.GetGathering(ctx, run)
}

func unique(ids []uuid.UUID) map[uuid.UUID]bool {
	set := map[uuid.UUID]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func (t *tx) startGathering(ctx context.Context, run uuid.UUID, sources []uuid.UUID, by string) error {
	if err := t.GatheringInsert(ctx, db.GatheringInsertParams{ID: run, StartedBy: by, Now: t.now}); err != nil {
		return err
	}
	if len(sources) == 0 { // nothing to do is done
		_, err := t.GatheringEnd(ctx, db.GatheringEndParams{ID: run, Now: t.now})
		return err
	}
	if err := t.GatheringSourcesInsert(ctx, db.GatheringSourcesInsertParams{GatheringID: run, SourceIds: sources}); err != nil {
		return err
	}
	if err := t.SourcesPlan(ctx, db.SourcesPlanParams{Now: t.now, Ids: sources}); err != nil {
		return err
	}
	work := make([]outbox.Message, len(sources))
	for i, id := range sources {
		work[i] = outbox.Message{Type: TypeSourceGather, Queue: QueueJobAggregation, Source: sourceName, Time: t.now, Data: SourceGather{RunID: run, SourceID: id}}
	}
	return outbox.Append(ctx, t.x, work...)
}

// GatherDue starts a run over the sources whose time has come.
func (s *Service) GatherDue(ctx context.Context) error {
	return s.inTx(ctx, func(t *tx) error {
		due, err := t.SourcesDue(ctx, t.now)
		if err != nil || len(due) == 0 {
			return err
		}
		return t.startGathering(ctx, newID(), due, "schedule")
	})
}

// GetGathering returns a run with its progress.
func (s *Service) GetGathering(ctx context.Context, id uuid.UUID) (Gathering, error) {
	g, err := s.q.GatheringByID(ctx, id)
	if err != nil {
		return Gathering{}, notFound(err, errRunNotFound)
	}
	rows, err := s.q.GatheringSourceList(ctx, id)
	if err != nil {
		return Gathering{}, storeError(err)
	}
	out := Gathering{ID: g.ID, Started: g.StartedAt, Finished: g.FinishedAt}
	for _, r := range rows {
		out.Sources = append(out.Sources, GatheringSource{r.GatheringSource, r.Platform, r.Token})
	}
	return out, nil
}

// GatherSource reads a source as its part of a run. A source that fails is part of
// the run's result, not an error: its next run tries again. An error means that the
// work is not done and is to be delivered again; what was stored is found again.
func (s *Service) GatherSource(ctx context.Context, run, id uuid.UUID) error {
	src, err := s.q.SourceByID(ctx, id)
	if pg.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	begun := s.now()
	n, err := s.q.GatheringSourceBegin(ctx, db.GatheringSourceBeginParams{Now: begun, GatheringID: run, SourceID: id})
	if err != nil || n == 0 {
		return err
	}
	rows, err := s.q.ValidatorList(ctx, id)
	if err != nil {
		return err
	}
	have := make(map[string]fetch.Validators, len(rows))
	for _, v := range rows {
		have[v.Url] = fetch.Validators{ETag: v.Etag, LastModified: v.LastModified}
	}
	board := s.board(src)
	in := &intake{s: s, run: run, src: src, begun: begun}
	reading, cancel := context.WithTimeout(ctx, gatherLimit)
	defer cancel()
	report, err := source.Gather(reading, s.Fetcher, board, have, source.Sink{Posting: in.posting, Unchanged: in.unchanged})
	if err == nil {
		err = in.flush(reading)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errs.KindOf(err) == errs.Unavailable:
		return err // of storing; a site that refuses connections looks the same but for its kind
	}
	return s.endGathering(ctx, in, report, err)
}

func (s *Service) board(src db.Source) source.Board {
	b := source.Board{Platform: src.Platform, Token: src.Token, Name: src.Name, BaseURL: src.BaseUrl}
	if b.BaseURL == "" {
		b.BaseURL = s.SourceBaseURL
	}
	return b
}

// endGathering records what became of a source's part of a run, and what its
// listing lacks now.
func (s *Service) endGathering(ctx context.Context, in *intake, report source.Report, failure error) error {
	src := in.src
	var closed int
	err := s.inTx(ctx, func(t *tx) error {
		closed = 0
		if err := t.GatheringLock(ctx, in.run); err != nil { // of two sources that end at once the second ends the run
			return err
		}
		state, text := "done", (*string)(nil)
		unchanged := errors.Is(failure, fetch.ErrNotModified)
		switch {
		case unchanged:
			live, err := t.x.Exec(ctx, "UPDATE job_sources SET last_seen_at = $2, missed = 0 WHERE source_id = $1 AND live", src.ID, t.now)
			if err != nil {
				return err
			}
			if err := t.GatheringSourceProgress(ctx, db.GatheringSourceProgressParams{GatheringID: in.run, SourceID: src.ID, Found: int32(live.RowsAffected()), Unchanged: int32(live.RowsAffected())}); err != nil {
				return err
			}
			fallthrough
		case failure == nil:
			if report.Complete && !unchanged {
				var err error
				if closed, err = t.missed(ctx, in); err != nil {
					return err
				}
			}
			if err := t.keepValidators(ctx, src.ID, report); err != nil {
				return err
			}
			if err := t.SourceSucceeded(ctx, db.SourceSucceededParams{Now: &t.now, ID: src.ID}); err != nil {
				return err
			}
		default:
			message := cut(line(explain(failure), maxErrorText), maxErrorText)
			state, text = "failed", &message
			if err := t.SourceFailed(ctx, db.SourceFailedParams{Now: t.now, Error: message, ID: src.ID}); err != nil {
				return err
			}
		}
		problems := make([]string, 0, len(report.Problems))
		for _, p := range report.Problems {
			problems = append(problems, line(p, 300))
		}
		g, err := t.GatheringSourceEnd(ctx, db.GatheringSourceEndParams{State: state, Closed: int32(closed), Failed: int32(report.Failed), Problems: problems, Error: text, Now: t.now, GatheringID: in.run, SourceID: src.ID})
		if err != nil {
			return err
		}
		ended, err := t.GatheringEnd(ctx, db.GatheringEndParams{ID: in.run, Now: t.now})
		if err != nil {
			return err
		}
		e := SourceGathered{RunID: in.run, SourceID: src.ID, Platform: src.Platform, Found: int64(g.Found), Created: int64(g.Created), Updated: int64(g.Updated),
			Closed: int64(closed), Failed: int64(report.Failed), RunDone: ended > 0, At: t.now}
		if text != nil {
			e.Error = *text
		}
		return t.emit(ctx, TypeSourceGathered, in.run, e)
	})
	if err != nil {
		return err
	}
	outcome := "ok"
	if failure != nil && !errors.Is(failure, fetch.ErrNotModified) {
		outcome = "failed"
		s.Log.WarnContext(ctx, "a source was not read", slog.String("platform", src.Platform), slog.String("token", src.Token), slog.Any("error", failure))
	}
	s.metrics.gathered.WithLabelValues(src.Platform, outcome).Inc()
	return nil
}

// explain says what a failure means to whoever looks after sources.
func explain(err error) string {
	var status *fetch.StatusError
	switch {
	case errors.Is(err, fetch.ErrGone):
		return "The platform knows no such board: " + err.Error()
	case errors.Is(err, fetch.ErrForbidden):
		return "The site's robots.txt does not let this be read."
	case errors.Is(err, fetch.ErrAddress):
		return "The address is not a public one: " + err.Error()
	case errors.As(err, &status) && status.Status == 429:
		return "The platform asks to be left alone for a while."
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("Reading took longer than %s.", gatherLimit)
	}
	return err.Error()
}

func (t *tx) keepValidators(ctx context.Context, id uuid.UUID, report source.Report) error {
	if err := t.ValidatorsDrop(ctx, id); err != nil || len(report.Validators) == 0 {
		return err
	}
	p := db.ValidatorsInsertParams{SourceID: id}
	for u, v := range report.Validators {
		p.Urls, p.Etags, p.Modified = append(p.Urls, u), append(p.Etags, line(v.ETag, 512)), append(p.Modified, line(v.LastModified, 512))
	}
	return t.ValidatorsInsert(ctx, p)
}

// missed counts what a complete reading did not show, and closes what is gone.
func (t *tx) missed(ctx context.Context, in *intake) (int, error) {
	rows, err := t.ListingsMissed(ctx, db.ListingsMissedParams{Limit: missedLimit, SourceID: in.src.ID, Begun: in.begun})
	if err != nil {
		return 0, err
	}
	var gone []uuid.UUID
	for _, r := range rows {
		if !r.Live {
			gone = append(gone, r.JobID)
		}
	}
	return t.closeUnlisted(ctx, gone, "The source does not list it any more.")
}

// closeUnlisted closes those of the jobs that are listed nowhere any more, and has
// the others show a listing that is live.
func (t *tx) closeUnlisted(ctx context.Context, jobs []uuid.UUID, reason string) (int, error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	if err := t.JobsPrimary(ctx, jobs); err != nil {
		return 0, err
	}
	if err := t.JobsPlatforms(ctx, db.JobsPlatformsParams{Ids: jobs, Now: t.now}); err != nil {
		return 0, err
	}
	if err := t.touch(ctx, jobs...); err != nil {
		return 0, err
	}
	ids, err := t.JobsWithoutListing(ctx, jobs)
	if err != nil {
		return 0, err
	}
	return t.close(ctx, ids, reason)
}

// close closes jobs and tells of it.
func (t *tx) close(ctx context.Context, ids []uuid.UUID, reason string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	rows, err := t.JobsClose(ctx, db.JobsCloseParams{Now: t.now, Reason: reason, Ids: ids})
	if err != nil {
		return 0, err
	}
	told := make([]outbox.Message, len(rows))
	for i, r := range rows {
		told[i] = t.event(TypeJobClosed, r.ID, JobClosed{JobID: r.ID, CompanyID: r.CompanyID, Title: r.Title, CompanyName: r.CompanyName,
			Country: r.Country, Remote: r.Remote, Platforms: r.Platforms, Skills: r.RequiredSkills, Reason: reason, At: t.now})
	}
	if err := outbox.Append(ctx, t.x, told...); err != nil {
		return 0, err
	}
	return len(rows), t.touch(ctx, ids...)
}

// CloseOld closes jobs whose time is over, and listings that aggregators have not
// shown for long.
func (s *Service) CloseOld(ctx context.Context) error {
	for {
		n := 0
		err := s.inTx(ctx, func(t *tx) error {
			ids, err := t.JobsExpired(ctx, t.now)
			if err != nil {
				return err
			}
			n = len(ids)
			_, err = t.close(ctx, ids, "Its time for applications is over.")
			return err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	return s.inTx(ctx, func(t *tx) error {
		ids, err := t.ListingsStale(ctx, db.ListingsStaleParams{Platforms: aggregators(), Before: t.now.Add(-staleAfter)})
		if err != nil {
			return err
		}
		_, err = t.closeUnlisted(ctx, ids, "No source has listed it for a long time.")
		return err
	})
}

func aggregator(platform string) bool { a, _ := source.Of(platform); return a.Window }

func aggregators() (list []string) {
	for _, p := range source.Platforms() {
		if aggregator(p) {
			list = append(list, p)
		}
	}
	return list
}

// Liveness is what sources say of a job.
type Liveness struct {
	Live    bool
	Reason  string
	Checked time.Time
}

// CheckJobLive asks the sources of a job whether it is open still. It is closed
// when each of them says that it is not; a source that cannot be asked says
// nothing.
func (s *Service) CheckJobLive(ctx context.Context, id uuid.UUID) (Liveness, error) {
	j, err := s.job(ctx, id)
	if err != nil {
		return Liveness{}, err
	}
	if j.Closed != nil {
		return Liveness{false, j.ClosedReason, s.now()}, nil
	}
	var gone []uuid.UUID
	reason, live, asked := "", 0, 0
	for _, l := range j.Listings {
		if !l.Live || asked == 5 {
			continue
		}
		asked++
		b := source.Board{Platform: l.Platform, Token: l.Board, Name: l.BoardName, BaseURL: firstOf(l.BaseURL, s.SourceBaseURL)}
		open, why, err := source.Check(ctx, s.Fetcher, b, l.ExternalID, l.URL)
		switch {
		case err != nil:
			s.Log.InfoContext(ctx, "a listing cannot be checked", slog.String("platform", l.Platform), slog.Any("error", err))
			live++
		case open:
			live++
		default:
			gone, reason = append(gone, l.ID), why
		}
	}
	if len(gone) == 0 {
		return Liveness{true, "", s.now()}, nil
	}
	err = s.inTx(ctx, func(t *tx) error {
		if _, err := t.ListingsGone(ctx, db.ListingsGoneParams{JobID: id, Ids: gone}); err != nil {
			return err
		}
		_, err := t.closeUnlisted(ctx, []uuid.UUID{id}, reason)
		return err
	})
	if live > 0 {
		reason = ""
	}
	return Liveness{live > 0, reason, s.now()}, err
}

// GatherTimeout is how long a message of the queue job-aggregation may take.
const GatherTimeout = gatherLimit + time.Minute

// HandleGather handles a message of the queue job-aggregation.
func (s *Service) HandleGather(ctx context.Context, m *rabbit.Message) error {
	var d SourceGather
	if err := m.Decode(&d); err != nil {
		return err
	}
	err := s.GatherSource(ctx, d.RunID, d.SourceID)
	if errs.KindOf(err) == errs.Unavailable || pg.IsUnavailable(err) {
		return rabbit.NotReady(err)
	}
	return err
}
