// Package api is the HTTP edge of analytics: the generated server of
// api/openapi/analytics.yaml and its handlers, each of which converts, makes one
// call to the domain package and converts back.
package api

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/go-chi/chi/v5"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/analytics/internal/analytics"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Analytics *analytics.Service
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

var errTimeZone = errs.New(errs.Unprocessable, "invalid_time_zone", "Name a time zone of the IANA database, such as Europe/Berlin.").
	WithFields(errs.Field{Pointer: "#/query/timeZone", Code: "invalid", Message: "must be a time zone of the IANA database"})

// TrackEvent records one event.
func (s *Server) TrackEvent(ctx context.Context, r TrackEventRequestObject) (TrackEventResponseObject, error) {
	n, err := s.Analytics.TrackEvents(ctx, authn.FromContext(ctx).UserID, func(int) string { return "#" }, []analytics.Tracked{tracked(*r.Body)})
	return TrackEvent202JSONResponse{Accepted: n, Duplicates: 1 - n}, err
}

// TrackEvents records many.
func (s *Server) TrackEvents(ctx context.Context, r TrackEventsRequestObject) (TrackEventsResponseObject, error) {
	events := make([]analytics.Tracked, len(r.Body.Events))
	for i, e := range r.Body.Events {
		events[i] = tracked(e)
	}
	n, err := s.Analytics.TrackEvents(ctx, authn.FromContext(ctx).UserID, func(i int) string { return fmt.Sprintf("#/events/%d", i) }, events)
	return TrackEvents202JSONResponse{Accepted: n, Duplicates: len(events) - n}, err
}

func tracked(e TrackedEvent) analytics.Tracked {
	return analytics.Tracked{ID: value(e.ID), Type: e.Type, OccurredAt: value(e.OccurredAt), Properties: value(e.Properties)}
}

// GetDashboard returns the caller's dashboard.
func (s *Server) GetDashboard(ctx context.Context, r GetDashboardRequestObject) (GetDashboardResponseObject, error) {
	zone := time.UTC
	if name := value(r.Params.TimeZone); name != "" {
		var err error
		if zone, err = time.LoadLocation(name); err != nil || zone == time.Local {
			return nil, errTimeZone
		}
	}
	d, err := s.Analytics.GetDashboard(ctx, authn.FromContext(ctx).UserID, int(or(r.Params.Days, 30)), zone)
	if err != nil {
		return nil, err
	}
	out := GetDashboard200JSONResponse{
		From: date(d.From), To: date(d.To), TimeZone: zone.String(), GeneratedAt: d.GeneratedAt, Open: d.Open,
		Totals: Counts(d.Totals), Previous: Counts(d.Previous), ThisHour: Counts(d.ThisHour),
		Series: make([]DayCounts, len(d.Series)), Funnel: funnel(d.Funnel),
	}
	for i, day := range d.Series {
		out.Series[i] = DayCounts{Date: date(day.Date), Counts: Counts(day.Counts)}
	}
	return out, nil
}

// GetApplicationMetrics returns the caller's funnel.
func (s *Server) GetApplicationMetrics(ctx context.Context, r GetApplicationMetricsRequestObject) (GetApplicationMetricsResponseObject, error) {
	m, err := s.Analytics.GetApplicationMetrics(ctx, authn.FromContext(ctx).UserID, period(r.Params.From, r.Params.To), string(value(r.Params.GroupBy)))
	if err != nil {
		return nil, err
	}
	out := GetApplicationMetrics200JSONResponse{Funnel: funnel(m.Funnel), Groups: make([]ApplicationGroup, len(m.Groups))}
	if d := m.DaysToAnswer; d != nil {
		out.DaysToAnswer = &Duration{Median: d.Median, P90: d.P90, Of: d.Of}
	}
	for i, g := range m.Groups {
		out.Groups[i] = ApplicationGroup{
			Key: g.Key, Submitted: g.Submitted, Answered: g.Answered, Interviews: g.Interviews, Offers: g.Offers, AnswerRate: rate(g.AnswerRate),
		}
	}
	return out, nil
}

// GetResumeOutcomes compares the versions of the caller's resumes.
func (s *Server) GetResumeOutcomes(ctx context.Context, r GetResumeOutcomesRequestObject) (GetResumeOutcomesResponseObject, error) {
	list, best, err := s.Analytics.GetResumeOutcomes(ctx, authn.FromContext(ctx).UserID, period(r.Params.From, r.Params.To))
	if err != nil {
		return nil, err
	}
	out := GetResumeOutcomes200JSONResponse{Verdict: TooEarly, Items: make([]ResumeOutcome, len(list))}
	for i, o := range list {
		out.Items[i] = outcome(o)
	}
	if best != nil {
		b := outcome(*best)
		out.Verdict, out.Best = BestKnown, &b
	}
	return out, nil
}

// GetJobMarket returns figures of the jobs that were gathered.
func (s *Server) GetJobMarket(ctx context.Context, r GetJobMarketRequestObject) (GetJobMarketResponseObject, error) {
	p := r.Params
	m, err := s.Analytics.GetJobMarket(ctx, analytics.MarketFilter{
		Title: value(p.Title), Country: value(p.Country), Skill: value(p.Skill), Remote: string(value(p.Remote)),
	}, int(or(p.Weeks, 12)))
	if err != nil {
		return nil, err
	}
	out := GetJobMarket200JSONResponse{
		Open: m.Open, Published: m.Published, Closed: m.Closed, MedianDaysOpen: m.MedianDaysOpen,
		ByWeek: buckets(m.By["week"]), ByCountry: buckets(m.By["country"]), ByRemote: buckets(m.By["remote"]),
		TopSkills: buckets(m.By["skill"]), TopCompanies: buckets(m.By["company"]), Pay: make([]Pay, len(m.Pay)),
	}
	for i, pay := range m.Pay {
		out.Pay[i] = Pay{Currency: pay.Currency, Of: pay.Of, Low: pay.Low, Median: pay.Median, High: pay.High}
	}
	return out, nil
}

// GetPlatformMetrics returns figures of all users.
func (s *Server) GetPlatformMetrics(ctx context.Context, r GetPlatformMetricsRequestObject) (GetPlatformMetricsResponseObject, error) {
	m, err := s.Analytics.GetPlatformMetrics(ctx, int(or(r.Params.Days, 30)))
	if err != nil {
		return nil, err
	}
	out := GetPlatformMetrics200JSONResponse{ThisHour: m.ThisHour, Series: make([]PlatformDay, len(m.Series))}
	if m.RolledUpTo.Unix() > 0 {
		out.RolledUpTo = &m.RolledUpTo
	}
	for i, d := range m.Series {
		out.Series[i] = PlatformDay{Date: date(d.Date), ActiveUsers: d.ActiveUsers, Events: d.Events}
	}
	return out, nil
}

// DeleteUserEvents deletes what is known of a user.
func (s *Server) DeleteUserEvents(ctx context.Context, r DeleteUserEventsRequestObject) (DeleteUserEventsResponseObject, error) {
	return DeleteUserEvents204Response{}, s.Analytics.DeleteUserEvents(ctx, r.UserID)
}

// GetEventsFootprint tells what is still held of a user.
func (s *Server) GetEventsFootprint(ctx context.Context, r GetEventsFootprintRequestObject) (GetEventsFootprintResponseObject, error) {
	places, err := s.Analytics.GetEventsFootprint(ctx, r.UserID)
	out := GetEventsFootprint200JSONResponse{Items: make([]FootprintItem, len(places))}
	for i, p := range places {
		out.Items[i] = FootprintItem{Place: p.Name, Count: p.Count}
		out.Total += p.Count
	}
	return out, err
}

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// or is *p, or what the contract says of an absent one.
func or[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

func date(t time.Time) openapi_types.Date { return openapi_types.Date{Time: t} }

func period(from, to *openapi_types.Date) analytics.Period {
	return analytics.Period{From: value(from).Time, To: value(to).Time}
}

func rate(r *analytics.Rate) *Rate {
	if r == nil {
		return nil
	}
	return &Rate{Value: r.Value, Low: r.Low, High: r.High, Of: r.Of}
}

func funnel(stages []analytics.Stage) []FunnelStage {
	out := make([]FunnelStage, len(stages))
	for i, s := range stages {
		out[i] = FunnelStage{Stage: FunnelStageStage(s.Name), Count: s.Count, Rate: rate(s.Rate)}
	}
	return out
}

func outcome(o analytics.ResumeOutcome) ResumeOutcome {
	return ResumeOutcome{
		ResumeID: o.ResumeID, Version: o.Version, Submitted: o.Submitted, Answered: o.Answered, Interviews: o.Interviews,
		Offers: o.Offers, AnswerRate: rate(o.AnswerRate),
	}
}

func buckets(list []analytics.Bucket) []Bucket {
	out := make([]Bucket, len(list))
	for i, b := range list {
		out[i] = Bucket{Key: b.Key, Count: b.Count}
	}
	return out
}
