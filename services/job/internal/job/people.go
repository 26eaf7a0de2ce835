package job

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
)

const maxSaved = 5000 // jobs of a user

var errTooManySaved = errs.New(errs.Conflict, "too_many_saved_jobs", fmt.Sprintf("You have saved %d jobs, which is the most; forget some first.", maxSaved))

func savedAmongParams(user uuid.UUID, ids []uuid.UUID) db.SavedAmongParams {
	return db.SavedAmongParams{UserID: user, Ids: ids}
}

// forUser locks out the deletion of the account while something of it is written.
func (t *tx) forUser(ctx context.Context, user uuid.UUID) error {
	if _, err := t.x.Exec(ctx, "SELECT pg_advisory_xact_lock_shared(hashtextextended('job.user.' || $1::text, 0))", user); err != nil {
		return err
	}
	gone, err := t.UserGone(ctx, user)
	if err == nil && gone {
		err = errUserGone
	}
	return err
}

// SaveJob saves a job for a user. Saving it again changes nothing.
func (s *Service) SaveJob(ctx context.Context, user, id uuid.UUID) error {
	if _, err := s.job(ctx, id); err != nil {
		return err
	}
	return s.inTx(ctx, func(t *tx) error {
		if err := t.forUser(ctx, user); err != nil {
			return err
		}
		n, err := t.SavedJobInsert(ctx, db.SavedJobInsertParams{UserID: user, JobID: id, Now: t.now})
		if err != nil || n == 0 {
			if pg.IsForeignKeyViolation(err, "saved_jobs_job_id_fkey") {
				return errJobNotFound
			}
			return err
		}
		if total, err := t.SavedJobCount(ctx, user); err != nil || total > maxSaved {
			if err == nil {
				err = errTooManySaved
			}
			return err
		}
		return t.emit(ctx, TypeJobSaved, id, JobSaved{JobID: id, UserID: user, At: t.now})
	})
}

// UnsaveJob forgets a saved job.
func (s *Service) UnsaveJob(ctx context.Context, user, id uuid.UUID) error {
	_, err := s.q.SavedJobDelete(ctx, db.SavedJobDeleteParams{UserID: user, JobID: id})
	return storeError(err)
}

// Dated is a job in a list of a user, with when it came there.
type Dated struct {
	Summary
	At time.Time
}

// ListSavedJobs lists what a user saved, newest first.
func (s *Service) ListSavedJobs(ctx context.Context, user uuid.UUID, p Page) ([]Dated, bool, error) {
	rows, err := s.q.SavedJobs(ctx, db.SavedJobsParams{UserID: user, BeforeAt: p.Before, BeforeID: p.BeforeID, MaxRows: int32(p.Limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	list := make([]Dated, len(rows))
	for i, r := range rows {
		list[i] = Dated{summary(r.Job), r.SavedAt}
	}
	list, rest := more(list, p.Limit)
	return list, rest, nil
}

// Company is who jobs are at.
type Company struct {
	ID       uuid.UUID
	Name     string
	Key      string // its place in the order of names
	Website  string
	OpenJobs int64
}

// SearchCompanies lists companies by name: those that begin with text, or have a
// word that does.
func (s *Service) SearchCompanies(ctx context.Context, text string, limit int, afterName *string, afterID *uuid.UUID) ([]Company, bool, error) {
	pattern := ""
	if text = likeText(line(text, 100)); text != "" {
		pattern = text + "%"
	}
	rows, err := s.q.CompanySearch(ctx, db.CompanySearchParams{Pattern: pattern, AfterName: afterName, AfterID: afterID, MaxRows: int32(limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	list := make([]Company, len(rows))
	for i, r := range rows {
		list[i] = company(r)
	}
	list, rest := more(list, limit)
	return list, rest, nil
}

func company(r db.CompanySearchRow) Company {
	c := Company{ID: r.ID, Name: r.Name, Key: strings.ToLower(r.Name), OpenJobs: r.OpenJobs}
	if r.Website != nil {
		c.Website = *r.Website
	}
	return c
}

// GetCompany returns a company.
func (s *Service) GetCompany(ctx context.Context, id uuid.UUID) (Company, error) {
	rows, err := s.q.CompanySearch(ctx, db.CompanySearchParams{ID: &id, MaxRows: 1})
	if err != nil || len(rows) == 0 {
		if err == nil {
			err = errCompanyNotFound
		}
		return Company{}, storeError(err)
	}
	return company(rows[0]), nil
}

// ListCompanyJobs lists the open jobs of a company, newest first.
func (s *Service) ListCompanyJobs(ctx context.Context, user, id uuid.UUID, p Page) ([]FoundJob, bool, error) {
	if _, err := s.GetCompany(ctx, id); err != nil {
		return nil, false, err
	}
	rows, err := s.q.JobsOfCompany(ctx, db.JobsOfCompanyParams{CompanyID: id, BeforeAt: p.Before, BeforeID: p.BeforeID, MaxRows: int32(p.Limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	rows, rest := more(rows, p.Limit)
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	saved, err := s.savedAmong(ctx, user, ids)
	list := make([]FoundJob, len(rows))
	for i, r := range rows {
		list[i] = FoundJob{Summary: summary(r), Saved: saved[r.ID]}
	}
	return list, rest, err
}

// Saved reports which of the jobs a user saved.
func (s *Service) Saved(ctx context.Context, user uuid.UUID, ids ...uuid.UUID) (map[uuid.UUID]bool, error) {
	return s.savedAmong(ctx, user, ids)
}

// ReportJob records that a user finds something wrong with a job; once for each.
func (s *Service) ReportJob(ctx context.Context, user, id uuid.UUID, reason, comment string) error {
	if _, err := s.job(ctx, id); err != nil {
		return err
	}
	return s.inTx(ctx, func(t *tx) error {
		if err := t.forUser(ctx, user); err != nil {
			return err
		}
		_, err := t.ReportInsert(ctx, db.ReportInsertParams{ID: newID(), JobID: id, UserID: &user, Reason: reason, Comment: cut(paragraphs(harmless(comment, true)), 2000), Now: t.now})
		return err
	})
}

// Report is what a user found wrong with a job.
type Report struct {
	db.JobReport
	JobTitle string
}

// ListReports lists reports, newest first; state may be empty.
func (s *Service) ListReports(ctx context.Context, state string, p Page) ([]Report, bool, error) {
	rows, err := s.q.ReportList(ctx, db.ReportListParams{State: state, BeforeAt: p.Before, BeforeID: p.BeforeID, MaxRows: int32(p.Limit + 1)})
	if err != nil {
		return nil, false, storeError(err)
	}
	list := make([]Report, len(rows))
	for i, r := range rows {
		list[i] = Report{r.JobReport, r.Title}
	}
	list, rest := more(list, p.Limit)
	return list, rest, nil
}

var errResolved = errs.New(errs.Conflict, "report_resolved", "Somebody has resolved this report already.")

// ResolveReport answers a report. Upholding it hides the job, which answers the
// other reports of it too.
func (s *Service) ResolveReport(ctx context.Context, by, id uuid.UUID, outcome, note string) (Report, error) {
	note = cut(paragraphs(harmless(note, true)), 2000)
	err := s.inTx(ctx, func(t *tx) error {
		r, err := t.ReportLock(ctx, id)
		if err != nil {
			return notFound(err, errReportNotFound)
		}
		if r.State != "open" {
			return errResolved
		}
		if err := t.ReportResolve(ctx, db.ReportResolveParams{State: outcome, Note: note, Now: t.now, By: by, ID: id}); err != nil || outcome != "upheld" {
			return err
		}
		if err := t.ReportsUphold(ctx, db.ReportsUpholdParams{Note: note, Now: t.now, By: by, JobID: r.JobID}); err != nil {
			return err
		}
		if err := t.JobHide(ctx, db.JobHideParams{Now: t.now, ID: r.JobID}); err != nil {
			return err
		}
		j, err := t.JobByID(ctx, r.JobID)
		if err != nil {
			return err
		}
		if err := t.emit(ctx, TypeJobClosed, j.ID, JobClosed{JobID: j.ID, CompanyID: j.CompanyID, Title: j.Title, CompanyName: j.CompanyName, Country: j.Country,
			Remote: j.Remote, Platforms: j.Platforms, Skills: j.RequiredSkills, Reason: "A moderator removed it.", At: t.now}); err != nil {
			return err
		}
		return t.touch(ctx, r.JobID)
	})
	if err != nil {
		return Report{}, err
	}
	rows, err := s.q.ReportList(ctx, db.ReportListParams{ID: &id, MaxRows: 1})
	if err != nil || len(rows) == 0 {
		if err == nil {
			err = errReportNotFound
		}
		return Report{}, storeError(err)
	}
	return Report{rows[0].JobReport, rows[0].Title}, nil
}

// DeleteUserData deletes what is held of a user; reports stay without their
// author. Nothing of the user is taken in afterwards.
func (s *Service) DeleteUserData(ctx context.Context, user uuid.UUID) error {
	return s.inTx(ctx, func(t *tx) error { return t.deleteUser(ctx, user) })
}

func (t *tx) deleteUser(ctx context.Context, user uuid.UUID) error {
	if _, err := t.x.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('job.user.' || $1::text, 0))", user); err != nil {
		return err
	}
	if err := t.UserBury(ctx, db.UserBuryParams{UserID: user, Now: t.now}); err != nil {
		return err
	}
	return t.UserForget(ctx, &user)
}

// Held is where something of a user is kept, and how much.
type Held struct {
	Place string
	Count int64
}

// Footprint lists what is held of a user.
func (s *Service) Footprint(ctx context.Context, user uuid.UUID) ([]Held, error) {
	r, err := s.q.UserFootprint(ctx, user)
	return []Held{{"table saved_jobs", r.SavedJobs}, {"table job_alerts", r.JobAlerts}, {"table alert_matches", r.AlertMatches}, {"table job_reports", r.JobReports}}, storeError(err)
}

// Apply handles an event.
func (s *Service) Apply(ctx context.Context, x pgx.Tx, e rabbit.Event) error {
	switch e.Type {
	case TypeAuthUserDeleted:
		var d AuthUserDeleted
		if err := e.Decode(&d); err != nil {
			return err
		}
		t := &tx{Queries: db.New(x), x: x, s: s, now: s.now()}
		return t.deleteUser(ctx, d.UserID)
	}
	return nil
}
