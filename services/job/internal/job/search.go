package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// Found is a page of search results.
type Found struct {
	Jobs     []FoundJob
	Total    int64
	Facets   map[string][]search.Facet
	Degraded bool
	Last     []any // where the next page begins; nil at the end
}

// FoundJob is a result.
type FoundJob struct {
	Summary
	Saved      bool
	Highlights []string
	DistanceKm *float64
}

// found is what is kept of a search: which jobs, not what they say.
type found struct {
	Result   search.Result
	Degraded bool
}

var (
	errCenter = errs.New(errs.Unprocessable, "center_needed", "Sorting by distance needs a place: send near, or lat and lon.").
			WithFields(errs.Field{Pointer: "#/query/sort", Code: "center_needed", Message: "needs near, or lat and lon"})
	errCurrency = errs.New(errs.Unprocessable, "currency_needed", "Pay is compared within one currency: send payCurrency.").
			WithFields(errs.Field{Pointer: "#/query/payCurrency", Code: "required", Message: "is needed with payMin and with sort=pay"})
	errLatLon = errs.New(errs.Unprocessable, "center_incomplete", "A point needs both lat and lon.").
			WithFields(errs.Field{Pointer: "#/query/lat", Code: "required", Message: "lat and lon belong together"})
	errNear = errs.New(errs.Unprocessable, "place_unknown", "There is no such place; send a city and its country, or lat and lon.").
		WithFields(errs.Field{Pointer: "#/query/near", Code: "unknown", Message: "is no city that is known"})
)

var errEngineLeft = errs.New(errs.Unavailable, "search_unavailable",
	"The search engine went away between two pages. Try again in a few seconds, or begin again without the cursor.").WithRetryAfter(5 * time.Second)

const defaultRadius = 50 // km

// complete checks a query and finds the centre that it names.
func (s *Service) complete(ctx context.Context, q *search.Query, sort string) error {
	q.Text, q.Title = line(q.Text, 300), line(q.Title, 200)
	switch {
	case (q.Lat == nil) != (q.Lon == nil):
		return errLatLon
	case (q.PayMin > 0 || sort == search.ByPay) && q.PayCurrency == "":
		return errCurrency
	}
	if q.Near != "" && q.Lat == nil {
		at, err := s.gazette.place(ctx, q.Near)
		if err != nil {
			return storeError(err)
		}
		if at == nil {
			return errNear
		}
		q.Lat, q.Lon = &at.Latitude, &at.Longitude
	}
	if sort == search.ByDistance && q.Lat == nil {
		return errCenter
	}
	if q.Lat != nil && q.RadiusKm == 0 && (q.Near != "" || sort != search.ByDistance) {
		q.RadiusKm = defaultRadius
	}
	return nil
}

// Search finds open jobs.
func (s *Service) Search(ctx context.Context, user uuid.UUID, q search.Query, p search.Page) (Found, error) {
	if err := s.complete(ctx, &q, p.Sort); err != nil {
		return Found{}, err
	}
	f, err := s.find(ctx, q, p, true)
	if err != nil {
		return Found{}, err
	}
	out := Found{Total: f.Result.Total, Facets: f.Result.Facets, Degraded: f.Degraded, Last: f.Result.Last}
	if len(f.Result.Hits) == 0 {
		return out, nil
	}
	ids := make([]uuid.UUID, len(f.Result.Hits))
	for i, h := range f.Result.Hits {
		ids[i] = h.ID
	}
	// What jobs say is the database's: those that are closed meanwhile are not there.
	rows, err := s.q.JobsFound(ctx, db.JobsFoundParams{UserID: user, Ids: ids})
	if err != nil {
		return Found{}, storeError(err)
	}
	byID := make(map[uuid.UUID]*db.JobsFoundRow, len(rows))
	for i := range rows {
		byID[rows[i].Job.ID] = &rows[i]
	}
	out.Jobs = make([]FoundJob, 0, len(rows))
	for _, h := range f.Result.Hits {
		r, ok := byID[h.ID]
		if !ok {
			continue
		}
		x := FoundJob{Summary: summary(r.Job), Saved: r.Saved, Highlights: h.Highlights, DistanceKm: h.DistanceKm}
		if q.Lat != nil && x.Place.Latitude != nil && x.Place.Longitude != nil {
			km := kilometres(*q.Lat, *q.Lon, *x.Place.Latitude, *x.Place.Longitude)
			x.DistanceKm = &km
		}
		out.Jobs = append(out.Jobs, x)
	}
	return out, nil
}

// find asks the engine, or while that is away the database; what the engine said a
// moment ago is said again.
func (s *Service) find(ctx context.Context, q search.Query, p search.Page, cached bool) (found, error) {
	ask := func(ctx context.Context) (found, error) {
		r, err := search.Result{}, search.ErrAway
		if !inDatabase(p.After) { // which goes on with what it began
			r, err = s.Engine.Search(ctx, q, p)
		}
		if err == nil {
			s.metrics.searches.WithLabelValues("engine").Inc()
			return found{Result: r}, nil
		}
		if !s.unanswered(ctx, err) {
			return found{}, err
		}
		if p.After != nil && !inDatabase(p.After) {
			return found{}, errEngineLeft.With(err)
		}
		s.metrics.searches.WithLabelValues("database").Inc()
		r, err = s.searchDatabase(ctx, q, p)
		return found{r, true}, storeError(err)
	}
	if !cached || len(q.IDs) > 0 {
		return ask(ctx)
	}
	key, err := json.Marshal([]any{q, p})
	if err != nil {
		return found{}, err
	}
	sum := sha256.Sum256(key)
	degraded := errors.New("job: not kept")
	var direct found
	f, err := s.searches.Get(ctx, hex.EncodeToString(sum[:16]), func(ctx context.Context) (found, error) {
		f, err := ask(ctx)
		if err == nil && f.Degraded { // is not kept for when the engine is back
			direct = f
			return f, degraded
		}
		return f, err
	})
	if errors.Is(err, degraded) {
		if direct.Degraded {
			return direct, nil
		}
		return ask(ctx)
	}
	return f, err
}

// unanswered reports whether the database is to answer in the engine's place: it is
// away, or its index cannot run the query.
func (s *Service) unanswered(ctx context.Context, err error) bool {
	switch {
	case errors.Is(err, search.ErrAway):
		s.Log.InfoContext(ctx, "the database answers a search", slog.Any("error", err))
	case errors.Is(err, search.ErrRefused):
		s.Log.ErrorContext(ctx, "the database answers a search that the engine refuses", slog.Any("error", err))
	default:
		return false
	}
	return true
}

func (s *Service) savedAmong(ctx context.Context, user uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if user == uuid.Nil || len(ids) == 0 {
		return nil, nil
	}
	list, err := s.q.SavedAmong(ctx, savedAmongParams(user, ids))
	if err != nil {
		return nil, storeError(err)
	}
	return unique(list), nil
}

// Suggest completes what was typed.
func (s *Service) Suggest(ctx context.Context, kind, typed string, limit int) ([]search.Facet, error) {
	typed = line(typed, 100)
	if typed == "" {
		return nil, nil
	}
	list, err := s.Engine.Suggest(ctx, kind, typed, limit)
	if s.unanswered(ctx, err) {
		return s.suggestDatabase(ctx, kind, typed, limit)
	}
	return list, err
}

// ListSimilarJobs finds open jobs that are like a job.
func (s *Service) ListSimilarJobs(ctx context.Context, user, id uuid.UUID, limit int) ([]FoundJob, error) {
	j, err := s.job(ctx, id)
	if err != nil {
		return nil, err
	}
	q := search.Query{AnyOf: append([]string{j.Title}, j.RequiredSkills...), Like: j.Title + " " + cut(j.Text, 2000), NotIDs: []uuid.UUID{id}}
	if j.Language != "" {
		q.Languages = []string{j.Language}
	}
	f, err := s.Search(ctx, user, q, search.Page{Sort: search.ByRelevance, Limit: limit})
	return f.Jobs, err
}

// since is a time in the past, for lists of what is new.
func (s *Service) since(d time.Duration) time.Time { return s.now().Add(-d) }
