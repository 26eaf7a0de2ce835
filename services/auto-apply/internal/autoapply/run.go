package autoapply

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
)

// States of a run.
const (
	runRunning  = "running"
	runPaused   = "paused"
	runStopped  = "stopped"
	runFinished = "finished"
)

// Reasons for which a match is not used, beside those of the policy.
const (
	alreadyApplied = "already_applied"
	jobClosed      = "closed"
	jobMissing     = "not_found"
)

// Run is a run of automatic applications.
type Run struct {
	db.AutoApplyRun
	Counts  map[State]int32
	Skipped map[string]int32
}

// Status is the latest run of a user, and what is left of today.
type Status struct {
	Run              *Run
	Today, LeftToday int
}

// Match is a job that a run may apply to.
type Match struct {
	JobID uuid.UUID
	Score float64 // from 0 to 1
}

var (
	errRunning     = errs.New(errs.Conflict, "run_active", "A run is going on already. Stop it before you start another.")
	errNotRunning  = errs.New(errs.Conflict, "no_run", "There is no run to pause or to stop.")
	errRunNotFound = errs.New(errs.NotFound, "run_not_found", "There is no such run.")
	errZone        = errs.New(errs.Unprocessable, "invalid_time_zone", "There is no such time zone. Use a name of the IANA database, such as Europe/Berlin.").
			WithFields(errs.Field{Pointer: "#/hours/timeZone", Code: "unknown", Message: "is not a zone of the IANA database"})
)

// GetSettings returns a user's settings, or the defaults.
func (s *Service) GetSettings(ctx context.Context, userID uuid.UUID) (Settings, error) {
	t := tx{Queries: s.q, s: s, now: s.now()}
	out, err := t.settings(ctx, userID)
	return out, storeError(err)
}

// SaveSettings replaces a user's settings.
func (s *Service) SaveSettings(ctx context.Context, userID uuid.UUID, v Settings) (Settings, error) {
	if v.Hours != nil {
		if _, err := time.LoadLocation(v.Hours.TimeZone); err != nil || v.Hours.TimeZone == "Local" {
			return v, errZone
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	return v, s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, userID); err != nil {
			return err
		}
		return t.SettingsSet(ctx, db.SettingsSetParams{UserID: userID, Settings: raw, Now: t.now})
	})
}

func (t *tx) saveRun(ctx context.Context, r *db.AutoApplyRun) error {
	return t.RunSet(ctx, db.RunSetParams{ID: r.ID, State: r.State, Planned: r.Planned, Skipped: r.Skipped, PlannedAt: r.PlannedAt, FinishedAt: r.FinishedAt})
}

// active locks the run that a user has going.
func (t *tx) active(ctx context.Context, userID uuid.UUID) (*db.AutoApplyRun, error) {
	if err := t.alive(ctx, userID); err != nil {
		return nil, err
	}
	latest, err := t.RunLatest(ctx, userID)
	if pg.IsNotFound(err) {
		return nil, nil
	}
	if err != nil || latest.State != runRunning && latest.State != runPaused {
		return nil, err
	}
	r, err := t.RunLock(ctx, latest.ID)
	return &r, err
}

// StartAutoApply starts a run, or lets a paused one go on.
func (s *Service) StartAutoApply(ctx context.Context, userID uuid.UUID) (Run, error) {
	var id uuid.UUID
	err := s.inTx(ctx, func(t *tx) error {
		r, err := t.active(ctx, userID)
		if err != nil {
			return err
		}
		if r == nil {
			id = newID()
			if err := t.RunInsert(ctx, db.RunInsertParams{ID: id, UserID: userID, Now: t.now}); err != nil {
				return err
			}
			return t.emit(ctx, TypeRunStarted, id, RunStarted{RunID: id, UserID: userID, At: t.now})
		}
		if id = r.ID; r.State == runRunning {
			return errRunning
		}
		r.State = runRunning
		if err := t.saveRun(ctx, r); err != nil {
			return err
		}
		queued, err := t.RunQueued(ctx, &id)
		if err != nil {
			return err
		}
		for _, q := range queued {
			a, err := t.ApplicationLock(ctx, q)
			if err != nil {
				return err
			}
			if a.Held {
				if err := t.enqueue(ctx, &a); err != nil {
					return err
				}
			}
		}
		return t.finishRun(ctx, id)
	})
	if err != nil {
		return Run{}, err
	}
	return s.run(ctx, id)
}

// PauseAutoApply holds what a run has not begun.
func (s *Service) PauseAutoApply(ctx context.Context, userID uuid.UUID) (Run, error) {
	var id uuid.UUID
	err := s.inTx(ctx, func(t *tx) error {
		r, err := t.active(ctx, userID)
		if err != nil {
			return err
		}
		if r == nil {
			return errNotRunning
		}
		id, r.State = r.ID, runPaused
		return t.saveRun(ctx, r)
	})
	if err != nil {
		return Run{}, err
	}
	return s.run(ctx, id)
}

// StopAutoApply ends a run; what it has not begun is cancelled.
func (s *Service) StopAutoApply(ctx context.Context, userID uuid.UUID) (Run, error) {
	var id uuid.UUID
	err := s.inTx(ctx, func(t *tx) error {
		r, err := t.active(ctx, userID)
		if err != nil {
			return err
		}
		if r == nil {
			return errNotRunning
		}
		id = r.ID
		return t.stop(ctx, r)
	})
	if err != nil {
		return Run{}, err
	}
	return s.run(ctx, id)
}

// StopRun ends a run on behalf of its workflow.
func (s *Service) StopRun(ctx context.Context, id uuid.UUID) error {
	return s.inTx(ctx, func(t *tx) error {
		r, err := t.RunLock(ctx, id)
		if err != nil {
			return missing(err, errRunNotFound)
		}
		if r.State == runStopped || r.State == runFinished {
			return nil
		}
		return t.stop(ctx, &r)
	})
}

func (t *tx) stop(ctx context.Context, r *db.AutoApplyRun) error {
	r.State, r.FinishedAt = runStopped, &t.now
	if err := t.saveRun(ctx, r); err != nil {
		return err
	}
	queued, err := t.RunQueued(ctx, &r.ID)
	if err != nil {
		return err
	}
	for _, id := range queued {
		a, err := t.ApplicationLock(ctx, id)
		if err != nil {
			return err
		}
		if a.State != Queued {
			continue
		}
		if err := t.move(ctx, &a, Cancelled, ByUser, "The run was stopped."); err != nil {
			return err
		}
	}
	return t.emit(ctx, TypeRunFinished, r.ID, RunFinished{RunID: r.ID, UserID: r.UserID, Applications: int64(r.Planned), Reason: runStopped, At: t.now})
}

// PlanRun makes applications of matches, the best first, as far as settings and
// caps allow. It is done once.
func (s *Service) PlanRun(ctx context.Context, id uuid.UUID, matches []Match) (Run, error) {
	r, err := s.q.RunGet(ctx, id)
	if err != nil {
		return Run{}, missing(err, errRunNotFound)
	}
	if r.PlannedAt != nil || r.State == runStopped {
		return s.run(ctx, id)
	}
	profile, err := s.profile(ctx, r.UserID)
	if err != nil {
		return Run{}, err
	}
	matches = slices.Clone(matches)
	slices.SortStableFunc(matches, func(a, b Match) int {
		if a.Score > b.Score {
			return -1
		} else if a.Score < b.Score {
			return 1
		}
		return 0
	})
	settings, err := s.GetSettings(ctx, r.UserID)
	if err != nil {
		return Run{}, err
	}
	policy := Policy{settings, int(profile.Entitlements.ApplicationsPerDay)}
	postings := map[uuid.UUID]*job.JobForApply{}
	for _, m := range matches {
		if m.Score < policy.MinScore {
			continue
		}
		p, err := s.job(ctx, m.JobID)
		if errs.Is(err, errJobNotFound.Code) {
			continue
		}
		if err != nil {
			return Run{}, err
		}
		postings[m.JobID] = p
	}
	err = s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, r.UserID); err != nil {
			return err
		}
		r, err := t.RunLock(ctx, id)
		if err != nil || r.PlannedAt != nil || r.State == runStopped {
			return err
		}
		usage, err := t.usage(ctx, r.UserID, settings)
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(matches))
		for i, m := range matches {
			ids[i] = m.JobID
		}
		applied, err := t.AppliedJobs(ctx, db.AppliedJobsParams{UserID: r.UserID, JobIds: ids})
		if err != nil {
			return err
		}
		skipped := map[string]int32{}
		for _, m := range matches {
			p := postings[m.JobID]
			c := Candidate{Score: m.Score}
			var why string
			switch {
			case slices.Contains(applied, m.JobID):
				why = alreadyApplied
			case m.Score < policy.MinScore:
				why = BelowMinScore
			case p == nil:
				why = jobMissing
			case p.Job.Status == job.Closed:
				why = jobClosed
			default:
				c = candidate(p, m.Score)
				why = policy.Check(c, usage, true)
			}
			if why != "" {
				skipped[why]++
				continue
			}
			if _, err := t.create(ctx, r.UserID, p, &id, nil, settings.ReviewBeforeSending, ""); err != nil {
				return err
			}
			applied = append(applied, m.JobID) // a list may hold a job twice
			usage.Add(c)
			r.Planned++
		}
		if r.Skipped, err = json.Marshal(skipped); err != nil {
			return err
		}
		r.PlannedAt = &t.now
		if err := t.saveRun(ctx, &r); err != nil {
			return err
		}
		return t.finishRun(ctx, id)
	})
	if err != nil {
		return Run{}, err
	}
	return s.run(ctx, id)
}

// finishRun ends a run that has nothing left to do: what its applications wait for
// is up to their user.
func (t *tx) finishRun(ctx context.Context, id uuid.UUID) error {
	r, err := t.RunLock(ctx, id)
	if err != nil || r.State != runRunning || r.PlannedAt == nil {
		return err
	}
	counts, err := t.RunCounts(ctx, &id)
	if err != nil {
		return err
	}
	for _, c := range counts {
		if c.State == Queued || slices.Contains(working, c.State) {
			return nil
		}
	}
	r.State, r.FinishedAt = runFinished, &t.now
	if err := t.saveRun(ctx, &r); err != nil {
		return err
	}
	reason := ""
	if r.Planned == 0 {
		reason = "nothing_found"
	}
	return t.emit(ctx, TypeRunFinished, id, RunFinished{RunID: id, UserID: r.UserID, Applications: int64(r.Planned), Reason: reason, At: t.now})
}

func (s *Service) run(ctx context.Context, id uuid.UUID) (Run, error) {
	row, err := s.q.RunGet(ctx, id)
	if err != nil {
		return Run{}, missing(err, errRunNotFound)
	}
	out := Run{AutoApplyRun: row, Counts: map[State]int32{}}
	if err := json.Unmarshal(row.Skipped, &out.Skipped); err != nil {
		return out, err
	}
	counts, err := s.q.RunCounts(ctx, &id)
	for _, c := range counts {
		out.Counts[c.State] = c.N
	}
	return out, storeError(err)
}

// GetStatus returns the latest run and what is left of today's caps.
func (s *Service) GetStatus(ctx context.Context, userID uuid.UUID) (Status, error) {
	profile, err := s.profile(ctx, userID)
	if err != nil {
		return Status{}, err
	}
	t := tx{Queries: s.q, s: s, now: s.now()}
	settings, err := t.settings(ctx, userID)
	if err != nil {
		return Status{}, storeError(err)
	}
	usage, err := t.usage(ctx, userID, settings)
	if err != nil {
		return Status{}, storeError(err)
	}
	policy := Policy{settings, int(profile.Entitlements.ApplicationsPerDay)}
	out := Status{Today: usage.Today, LeftToday: max(0, policy.PerDay()-usage.Today)}
	latest, err := s.q.RunLatest(ctx, userID)
	if pg.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return out, storeError(err)
	}
	r, err := s.run(ctx, latest.ID)
	out.Run = &r
	return out, err
}
