package job

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// DefaultEvery is how often a source is gathered, in minutes, unless somebody says
// otherwise.
const DefaultEvery = 360

// Source is a board with its state.
type Source struct {
	db.Source
	LiveJobs int64
}

var errSourceExists = errs.New(errs.Conflict, "source_exists", "This board is a source already; list the sources to find it.")

// AddSource adds a board, which is gathered at once when its time is due.
func (s *Service) AddSource(ctx context.Context, b source.Board, everyMinutes int32) (Source, error) {
	b.Name = line(b.Name, 200)
	if err := source.Validate(b); err != nil {
		return Source{}, errs.New(errs.Unprocessable, "invalid_source", err.Error()).
			WithFields(errs.Field{Pointer: "#/token", Code: "invalid", Message: err.Error()})
	}
	for pointer, u := range map[string]string{"#/baseUrl": b.BaseURL, "#/token": onlyURL(b)} {
		if u == "" {
			continue
		}
		if err := s.Fetcher.CheckHost(u); err != nil {
			return Source{}, errs.New(errs.Unprocessable, "invalid_address", "The address must be a public one, http or https.").
				WithFields(errs.Field{Pointer: pointer, Code: "invalid", Message: "must be a public http or https address"})
		}
	}
	row, err := s.q.SourceInsert(ctx, db.SourceInsertParams{ID: newID(), Platform: b.Platform, Token: b.Token, Name: b.Name, BaseUrl: b.BaseURL, EveryMinutes: everyMinutes, Now: s.now()})
	if pg.IsNotFound(err) {
		return Source{}, errSourceExists
	}
	return Source{Source: row}, storeError(err)
}

func onlyURL(b source.Board) string {
	if b.Platform == "schemaorg" && b.BaseURL == "" {
		return b.Token
	}
	return ""
}

// KeepSources adds boards that are not sources yet, those of the configuration,
// and waits for Postgres if it is not there yet. It is a worker.
func (s *Service) KeepSources(ctx context.Context, boards []source.Board) error {
	for {
		err := s.ensureSources(ctx, boards)
		if errs.KindOf(err) != errs.Unavailable {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sourcesRetry):
		}
	}
}

const sourcesRetry = 5 * time.Second

func (s *Service) ensureSources(ctx context.Context, boards []source.Board) error {
	for _, b := range boards {
		if _, err := s.AddSource(ctx, b, DefaultEvery); err != nil && !errs.Is(err, errSourceExists.Code) {
			return err
		}
	}
	return nil
}

// ListSources lists all sources.
func (s *Service) ListSources(ctx context.Context) ([]Source, error) { return s.sources(ctx, nil) }

func (s *Service) sources(ctx context.Context, id *uuid.UUID) ([]Source, error) {
	rows, err := s.q.SourceList(ctx, id)
	if err != nil {
		return nil, storeError(err)
	}
	list := make([]Source, len(rows))
	for i, r := range rows {
		list[i] = Source{r.Source, r.LiveJobs}
	}
	return list, nil
}

// UpdateSource enables or disables a source, renames it or changes how often it is
// gathered; what is nil stays.
func (s *Service) UpdateSource(ctx context.Context, id uuid.UUID, enabled *bool, name *string, everyMinutes *int32) (Source, error) {
	if name != nil {
		clean := line(*name, 200)
		name = &clean
	}
	n, err := s.q.SourceUpdate(ctx, db.SourceUpdateParams{Enabled: enabled, Name: name, EveryMinutes: everyMinutes, Now: s.now(), ID: id})
	if err == nil && n == 0 {
		err = errSourceNotFound
	}
	if err != nil {
		return Source{}, storeError(err)
	}
	list, err := s.sources(ctx, &id)
	if err == nil && len(list) == 0 {
		err = errSourceNotFound
	}
	if err != nil {
		return Source{}, err
	}
	return list[0], nil
}

// SplitListing gives a listing that was taken for another one's job a job of its
// own, and keeps it from being merged again.
func (s *Service) SplitListing(ctx context.Context, jobID, listingID uuid.UUID) (Job, error) {
	id := newID()
	err := s.inTx(ctx, func(t *tx) error {
		if _, err := t.JobLock(ctx, jobID); err != nil {
			return notFound(err, errJobNotFound)
		}
		all, err := t.JobListings(ctx, jobID)
		if err != nil {
			return err
		}
		r, err := t.ListingByID(ctx, db.ListingByIDParams{ID: listingID, JobID: jobID})
		if err != nil {
			return notFound(err, errs.New(errs.NotFound, "listing_not_found", "The job has no such listing."))
		}
		if len(all) < 2 {
			return errs.New(errs.Conflict, "only_listing", "This is the job's only listing; there is nothing to split.")
		}
		l := r.JobSource
		var content Listing
		if err := json.Unmarshal(l.Content, &content); err != nil {
			return err
		}
		p := prepare(content)
		p.hash()
		companies, err := t.companies(ctx, &intake{src: db.Source{ID: l.SourceID}}, []prepared{p})
		if err != nil {
			return err
		}
		w := writes{platform: l.Platform, source: l.SourceID}
		w.created = []row{w.job(&p, id, companies[p.company])}
		if l.Primary { // the job shows another listing from now on
			for _, o := range all {
				if o.JobSource.ID == listingID {
					continue
				}
				if err := json.Unmarshal(o.JobSource.Content, &content); err != nil {
					return err
				}
				other := prepare(content)
				other.hash()
				companies, err := t.companies(ctx, &intake{src: db.Source{ID: o.JobSource.SourceID}}, []prepared{other})
				if err != nil {
					return err
				}
				w.changed = []row{w.job(&other, jobID, companies[other.company])}
				break
			}
		}
		if err := t.write(ctx, &w); err != nil {
			return err
		}
		if err := t.ListingMove(ctx, db.ListingMoveParams{JobID: id, ID: listingID}); err != nil {
			return err
		}
		if err := t.JobsPrimary(ctx, []uuid.UUID{jobID}); err != nil {
			return err
		}
		if err := t.JobsPlatforms(ctx, db.JobsPlatformsParams{Ids: []uuid.UUID{jobID, id}, Now: t.now}); err != nil {
			return err
		}
		return t.touch(ctx, jobID, id)
	})
	if err != nil {
		return Job{}, err
	}
	return s.job(ctx, id)
}
