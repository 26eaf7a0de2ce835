package walk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// job is a job as far as the walk looks at it.
type job struct {
	ID, Title, Remote string
	Company           struct{ Name string }
	Location          struct{ Text string }
	DistanceKm        float64
	Saved             bool
}

func (j job) String() string {
	s := j.Title + " · " + j.Company.Name
	if j.Location.Text != "" {
		s += " · " + j.Location.Text
	}
	return s
}

// boardSources are the boards of tools/jobboard that the walk gathers from: all
// those that it can apply on, and an aggregator that repeats some of their jobs.
var boardSources = []Source{
	{"greenhouse", "brightwater", "Brightwater Health"}, {"greenhouse", "kitewind", "Kitewind Energy"}, {"greenhouse", "northlight", "Northlight Software"},
	{"lever", "tidepool", "Tidepool Robotics"}, {"lever", "alderbrook", "Alderbrook Schools"},
	{"ashby", "cobaltlane", "Cobalt Lane"}, {"ashby", "meridian-labs", "Meridian Labs"}, {"ashby", "papertrail", "Papertrail Audio"},
	{"workable", "velora", "Velora Cycles"}, {"workable", "saltmarsh", "Saltmarsh Logistics"},
	{"schemaorg", "ironbridge", "Ironbridge Works"}, {"recruitee", "werkraum", "Werkraum Berlin"}, {"remotive", "", ""},
}

func (w *Walk) jobSteps() []Step {
	return []Step{
		{"become administrator", w.becomeAdmin},
		{"set an alert", w.createAlert},
		{"gather jobs", w.gather},
		{"have the alert fire", w.awaitAlert},
		{"search with a typing error", w.look(w.searchTypo)},
		{"narrow by a facet", w.look(w.searchFacet)},
		{"search around a city", w.look(w.searchRadius)},
		{"say what is looked for", w.savePreferences},
		{"see recommendations with reasons", w.look(w.recommend)},
		{"save one", w.saveJob},
	}
}

func (w *Walk) createAlert(ctx context.Context) (string, error) {
	var a struct{ ID string }
	w.query = "engineer"
	err := w.user.call(ctx, http.MethodPost, "/api/v1/jobs/alerts", 201,
		map[string]any{"name": "Engineering", "frequency": "instant", "query": map[string]any{"q": w.query}}, &a)
	w.alert = a.ID
	return fmt.Sprintf("at once, for %q", w.query), err
}

// gathering is a run over sources.
type gathering struct {
	ID, State string
	Sources   []struct {
		Platform, Token, State, Error           string
		Found, Created, Updated, Closed, Failed int
	}
}

// gather gathers from the walk's sources. An alert fires on new jobs alone, so the
// companies of the local job site publish others until there are some: most of
// them are known where the walk was played before.
func (w *Walk) gather(ctx context.Context) (string, error) {
	sources := w.Sources
	if len(sources) == 0 {
		sources = boardSources
		if err := w.publish(ctx); err != nil {
			return "", err
		}
	}
	ids, err := w.addSources(ctx, sources)
	if err != nil {
		return "", err
	}
	for {
		found, created, failed, err := w.gatherOnce(ctx, ids)
		if err != nil {
			return "", err
		}
		if created > 0 || len(w.Sources) > 0 {
			return fmt.Sprintf("%d jobs on %d boards, %d new, %d unreadable", found, len(ids), created, failed), nil
		}
		if err := w.publish(ctx); err != nil {
			return "", err
		}
	}
}

// publish has every company of the local job site publish another job.
func (w *Walk) publish(ctx context.Context) error {
	return w.client(w.Board).call(ctx, http.MethodPost, "/_board/jobs", 201, nil, nil)
}

// addSources adds sources that are not there yet, enables them and returns the ids
// of all.
func (w *Walk) addSources(ctx context.Context, sources []Source) ([]string, error) {
	for _, s := range sources {
		body := map[string]any{"platform": s.Platform}
		if s.Token != "" {
			body["token"], body["name"] = s.Token, s.Company
		}
		if s.Platform == "schemaorg" && len(w.Sources) == 0 {
			body["baseUrl"] = w.Board
		}
		err := w.admin.call(ctx, http.MethodPost, "/api/v1/jobs/sources", 201, body, nil)
		var no *statusError
		if err != nil && (!errors.As(err, &no) || no.status != http.StatusConflict) {
			return nil, err
		}
	}
	var list struct {
		Items []struct {
			ID, Platform, Token string
			Enabled             bool
		}
	}
	if err := w.admin.get(ctx, "/api/v1/jobs/sources", &list); err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range list.Items {
		if !slices.ContainsFunc(sources, func(x Source) bool { return x.Platform == s.Platform && x.Token == s.Token }) {
			continue
		}
		if !s.Enabled { // somebody has turned it off since an earlier walk
			if err := w.admin.call(ctx, http.MethodPatch, "/api/v1/jobs/sources/"+s.ID, 200, map[string]any{"enabled": true}, nil); err != nil {
				return nil, err
			}
		}
		ids = append(ids, s.ID)
	}
	if len(ids) < len(sources) {
		return nil, fmt.Errorf("%d sources were added and %d are listed", len(sources), len(ids))
	}
	return ids, nil
}

// gatherOnce gathers from each source and follows it to its end.
func (w *Walk) gatherOnce(ctx context.Context, sources []string) (found, created, failed int, err error) {
	runs := make([]string, len(sources))
	for i, id := range sources {
		var g gathering
		if err := w.admin.call(ctx, http.MethodPost, "/api/v1/jobs/sources/"+id+"/gather", 202, nil, &g); err != nil {
			return 0, 0, 0, err
		}
		runs[i] = g.ID
	}
	for _, run := range runs {
		var g gathering
		err := until(ctx, "the gathering of "+run, func() (bool, error) {
			err := w.admin.get(ctx, "/api/v1/jobs/gatherings/"+run, &g)
			return g.State == "done", err
		})
		if err != nil {
			return 0, 0, 0, err
		}
		for _, s := range g.Sources {
			if s.State != "done" {
				return 0, 0, 0, fmt.Errorf("%s:%s is %s: %s", s.Platform, s.Token, s.State, s.Error)
			}
			found, created, failed = found+s.Found, created+s.Created, failed+s.Failed
		}
	}
	return found, created, failed, nil
}

func (w *Walk) awaitAlert(ctx context.Context) (string, error) {
	var a struct {
		AlertID string
		Total   int
		Titles  []string
	}
	f, err := w.stream.await(ctx, "job.alert.matched", &a, func() bool { return a.AlertID == w.alert })
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%d new, over WebSocket as frame %d", a.Total, f.Seq)
	for _, t := range a.Titles[:min(3, len(a.Titles))] {
		said += "\n" + t
	}
	return said, nil
}

// found is a page of a search.
type found struct {
	Items    []job
	Total    int
	Degraded bool
	Facets   map[string][]struct {
		Value string
		Count int
	}
}

func (w *Walk) search(ctx context.Context, pairs ...string) (f found, err error) {
	if err := w.user.get(ctx, "/api/v1/jobs"+query(pairs...), &f); err != nil {
		return f, err
	}
	if f.Total == 0 {
		return f, fmt.Errorf("nothing was found for %v", pairs)
	}
	if f.Degraded {
		return f, errors.New("the database answered, the search engine is away; see make status")
	}
	return f, nil
}

func (w *Walk) searchTypo(ctx context.Context) (string, error) {
	const typed = "bakend enginneer"
	f, err := w.search(ctx, "q", typed)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(f.Items, func(j job) bool { return strings.Contains(j.Title, "Backend") }) {
		return "", fmt.Errorf("no backend engineer among %v", f.Items)
	}
	return fmt.Sprintf("%q finds %d, first %s", typed, f.Total, f.Items[0]), nil
}

func (w *Walk) searchFacet(ctx context.Context) (string, error) {
	all, err := w.search(ctx, "q", w.query)
	if err != nil {
		return "", err
	}
	values := all.Facets["remote"]
	if len(values) == 0 {
		return "", fmt.Errorf("no facet remote among %v", all.Facets)
	}
	counts := make([]string, len(values))
	for i, v := range values {
		counts[i] = fmt.Sprintf("%s %d", v.Value, v.Count)
	}
	v := values[len(values)-1]
	narrow, err := w.search(ctx, "q", w.query, "remote", v.Value)
	if err != nil {
		return "", err
	}
	if narrow.Total != v.Count || slices.ContainsFunc(narrow.Items, func(j job) bool { return j.Remote != v.Value }) {
		return "", fmt.Errorf("the facet promises %d jobs that are %s, and the filter gives %d: %v", v.Count, v.Value, narrow.Total, narrow.Items)
	}
	return fmt.Sprintf("of %d (%s), %s gives %d", all.Total, strings.Join(counts, ", "), v.Value, narrow.Total), nil
}

func (w *Walk) searchRadius(ctx context.Context) (string, error) {
	const city, radius = "London", 80
	f, err := w.search(ctx, "near", city, "radiusKm", fmt.Sprint(radius), "sort", "distance")
	if err != nil {
		return "", err
	}
	last := 0.0
	for _, j := range f.Items {
		if j.DistanceKm > radius || j.DistanceKm < last {
			return "", fmt.Errorf("%s is %.1f km away, after one at %.1f km", j, j.DistanceKm, last)
		}
		last = j.DistanceKm
	}
	return fmt.Sprintf("%d within %d km of %s, nearest %s", f.Total, radius, city, f.Items[0]), nil
}

func (w *Walk) savePreferences(ctx context.Context) (string, error) {
	return "backend engineer, on site or not", w.user.call(ctx, http.MethodPatch, "/api/v1/users/me/preferences", 200,
		map[string]any{"wishes": map[string]any{"titles": []string{"Backend engineer"}}}, nil)
}

func (w *Walk) recommend(ctx context.Context) (string, error) {
	var list struct {
		ScoredBy string
		Items    []struct {
			Job     job
			Score   float64
			Reasons []struct{ Kind, Text string }
		}
	}
	err := until(ctx, "recommendations", func() (bool, error) {
		err := w.user.get(ctx, "/api/v1/jobs/recommendations?limit=5", &list)
		return len(list.Items) > 0, err
	})
	if err != nil {
		return "", err
	}
	if list.ScoredBy != "ai" {
		return "", fmt.Errorf("scored by %s: the ai service was not reached", list.ScoredBy)
	}
	said := ""
	for i, r := range list.Items {
		if len(r.Reasons) == 0 || r.Score <= 0 {
			return "", fmt.Errorf("%s is recommended with score %.2f and no reason", r.Job, r.Score)
		}
		if i > 0 && r.Score > list.Items[i-1].Score {
			return "", errors.New("the best is not first")
		}
		said += fmt.Sprintf("\n%.2f  %s", r.Score, r.Job)
		for _, x := range r.Reasons[:min(2, len(r.Reasons))] {
			said += "\n      " + cut(x.Text, 110)
		}
	}
	w.liked = list.Items[0].Job
	return fmt.Sprintf("%d, scored by %s", len(list.Items), list.ScoredBy) + said, nil
}

func (w *Walk) saveJob(ctx context.Context) (string, error) {
	if err := w.user.call(ctx, http.MethodPost, "/api/v1/jobs/"+url.PathEscape(w.liked.ID)+"/save", 204, nil, nil); err != nil {
		return "", err
	}
	var list struct{ Items []struct{ Job job } }
	if err := w.user.get(ctx, "/api/v1/jobs/saved", &list); err != nil {
		return "", err
	}
	if len(list.Items) != 1 || list.Items[0].Job.ID != w.liked.ID {
		return "", fmt.Errorf("saved are %v", list.Items)
	}
	return w.liked.String(), nil
}
