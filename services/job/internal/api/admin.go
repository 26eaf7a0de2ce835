package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/services/job/internal/job"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// ListJobSources lists sources.
func (s *Server) ListJobSources(ctx context.Context, _ ListJobSourcesRequestObject) (ListJobSourcesResponseObject, error) {
	list, err := s.Jobs.ListSources(ctx)
	out := ListJobSources200JSONResponse{Items: make([]JobSource, len(list))}
	for i, x := range list {
		out.Items[i] = jobSource(x)
	}
	return out, err
}

// AddJobSource adds a source.
func (s *Server) AddJobSource(ctx context.Context, r AddJobSourceRequestObject) (AddJobSourceResponseObject, error) {
	every := int32(job.DefaultEvery)
	if r.Body.EveryMinutes != nil {
		every = *r.Body.EveryMinutes
	}
	x, err := s.Jobs.AddSource(ctx, source.Board{Platform: string(r.Body.Platform), Token: value(r.Body.Token), Name: value(r.Body.Name), BaseURL: value(r.Body.BaseURL)}, every)
	return AddJobSource201JSONResponse{Body: jobSource(x), Headers: AddJobSource201ResponseHeaders{Location: present("/api/v1/jobs/sources/" + x.ID.String())}}, err
}

// UpdateJobSource changes a source.
func (s *Server) UpdateJobSource(ctx context.Context, r UpdateJobSourceRequestObject) (UpdateJobSourceResponseObject, error) {
	x, err := s.Jobs.UpdateSource(ctx, r.SourceID, r.Body.Enabled, r.Body.Name, r.Body.EveryMinutes)
	return UpdateJobSource200JSONResponse(jobSource(x)), err
}

// GatherJobSource gathers one source.
func (s *Server) GatherJobSource(ctx context.Context, r GatherJobSourceRequestObject) (GatherJobSourceResponseObject, error) {
	g, err := s.Jobs.StartGathering(ctx, []uuid.UUID{r.SourceID}, "user "+user(ctx).String())
	return GatherJobSource202JSONResponse(gathering(g)), err
}

// GatherAllSources gathers all enabled sources.
func (s *Server) GatherAllSources(ctx context.Context, _ GatherAllSourcesRequestObject) (GatherAllSourcesResponseObject, error) {
	g, err := s.Jobs.StartGathering(ctx, nil, "user "+user(ctx).String())
	return GatherAllSources202JSONResponse(gathering(g)), err
}

// GetGatheringProgress returns a run.
func (s *Server) GetGatheringProgress(ctx context.Context, r GetGatheringProgressRequestObject) (GetGatheringProgressResponseObject, error) {
	g, err := s.Jobs.GetGathering(ctx, r.RunID)
	return GetGatheringProgress200JSONResponse(gathering(g)), err
}

// SplitJobPosting undoes a merge.
func (s *Server) SplitJobPosting(ctx context.Context, r SplitJobPostingRequestObject) (SplitJobPostingResponseObject, error) {
	j, err := s.Jobs.SplitListing(ctx, r.JobID, r.PostingID)
	return SplitJobPosting200JSONResponse(detail(j, false)), err
}

// ListJobReports lists reports.
func (s *Server) ListJobReports(ctx context.Context, r ListJobReportsRequestObject) (ListJobReportsResponseObject, error) {
	state := string(value(r.Params.State))
	name := "listJobReports:" + state
	page, err := s.page(name, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	list, more, err := s.Jobs.ListReports(ctx, state, page)
	if err != nil {
		return nil, err
	}
	out := ListJobReports200JSONResponse{Items: make([]JobReport, len(list))}
	for i, x := range list {
		out.Items[i] = report(x)
	}
	if more {
		out.NextCursor, err = s.next(name, list[len(list)-1].CreatedAt, list[len(list)-1].ID)
	}
	return out, err
}

// ResolveJobReport answers a report.
func (s *Server) ResolveJobReport(ctx context.Context, r ResolveJobReportRequestObject) (ResolveJobReportResponseObject, error) {
	x, err := s.Jobs.ResolveReport(ctx, user(ctx), r.ReportID, string(r.Body.Outcome), value(r.Body.Note))
	return ResolveJobReport200JSONResponse(report(x)), err
}

// GetJobForApply returns a job with what applying needs.
func (s *Server) GetJobForApply(ctx context.Context, r GetJobForApplyRequestObject) (GetJobForApplyResponseObject, error) {
	j, l, err := s.Jobs.GetJobForApply(ctx, r.JobID)
	return GetJobForApply200JSONResponse{
		Job: detail(j, false), Platform: Platform(l.Platform), Board: l.Board, ExternalID: l.ExternalID, ApplyURL: l.ApplyURL, BaseURL: present(l.BaseURL),
	}, err
}

// CheckJobLive asks the sources whether a job is open.
func (s *Server) CheckJobLive(ctx context.Context, r CheckJobLiveRequestObject) (CheckJobLiveResponseObject, error) {
	l, err := s.Jobs.CheckJobLive(ctx, r.JobID)
	return CheckJobLive200JSONResponse{Live: l.Live, Reason: l.Reason, CheckedAt: l.Checked}, err
}

// FindMatches finds jobs that fit a user.
func (s *Server) FindMatches(ctx context.Context, r FindMatchesRequestObject) (FindMatchesResponseObject, error) {
	m, err := s.Jobs.FindMatches(ctx, r.UserID, job.MatchOptions{
		Limit: limit(r.Body.Limit), MinScore: value(r.Body.MinScore), Exclude: value(r.Body.ExcludeJobIds), Filters: queryOf(r.Body.Filters),
	})
	out := FindMatches200JSONResponse{Items: make([]MatchScore, len(m.List))}
	for i, x := range m.List {
		out.Items[i] = MatchScore{JobID: x.ID, Score: x.Score, Reasons: reasons(x.Reasons)}
	}
	return out, err
}

// StartGathering gathers sources for another service.
func (s *Server) StartGathering(ctx context.Context, r StartGatheringRequestObject) (StartGatheringResponseObject, error) {
	g, err := s.Jobs.StartGathering(ctx, value(r.Body.SourceIds), "service "+authn.FromContext(ctx).Service)
	return StartGathering202JSONResponse(gathering(g)), err
}

// GetGathering returns a run.
func (s *Server) GetGathering(ctx context.Context, r GetGatheringRequestObject) (GetGatheringResponseObject, error) {
	g, err := s.Jobs.GetGathering(ctx, r.RunID)
	return GetGathering200JSONResponse(gathering(g)), err
}

// DeleteUserJobData deletes what is held of a user.
func (s *Server) DeleteUserJobData(ctx context.Context, r DeleteUserJobDataRequestObject) (DeleteUserJobDataResponseObject, error) {
	return DeleteUserJobData204Response{}, s.Jobs.DeleteUserData(ctx, r.UserID)
}

// GetJobDataFootprint lists what is held of a user.
func (s *Server) GetJobDataFootprint(ctx context.Context, r GetJobDataFootprintRequestObject) (GetJobDataFootprintResponseObject, error) {
	held, err := s.Jobs.Footprint(ctx, r.UserID)
	out := GetJobDataFootprint200JSONResponse{Items: make([]FootprintItem, len(held))}
	for i, h := range held {
		out.Items[i] = FootprintItem{Place: h.Place, Count: h.Count}
		out.Total += h.Count
	}
	return out, err
}
