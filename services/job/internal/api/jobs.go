package api

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/job/internal/job"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// SearchJobs searches jobs.
func (s *Server) SearchJobs(ctx context.Context, r SearchJobsRequestObject) (SearchJobsResponseObject, error) {
	p := r.Params
	q := search.Query{
		Text: value(p.Q), Title: value(p.Title), Companies: value(p.Company), CompanyIDs: value(p.CompanyID), Countries: value(p.Country), Cities: value(p.City),
		Near: value(p.Near), Lat: p.Lat, Lon: p.Lon, RadiusKm: value(p.RadiusKm), Remote: texts(p.Remote), Employment: texts(p.EmploymentType),
		Seniority: texts(p.Seniority), Skills: value(p.Skill), Languages: value(p.Language), Platforms: texts(p.Platform),
		PayMin: value(p.PayMin), PayCurrency: value(p.PayCurrency), PostedSince: p.PostedSince,
	}
	page := search.Page{Sort: string(value(p.Sort)), Limit: limit(p.Limit), Facets: p.Facets == nil || *p.Facets, Highlight: true}
	if page.Sort == "" {
		page.Sort = search.ByRelevance
	}
	name, err := listName("searchJobs", []any{q, page.Sort})
	if err != nil {
		return nil, err
	}
	if p.Cursor != nil {
		if err := s.Cursors.Decode(name, *p.Cursor, &page.After); err != nil {
			return nil, err
		}
	}
	f, err := s.Jobs.Search(ctx, user(ctx), q, page)
	if err != nil {
		return nil, err
	}
	out := SearchJobs200JSONResponse{Items: found(f.Jobs), Total: f.Total, Degraded: f.Degraded}
	if page.Facets {
		out.Facets = &JobFacets{
			Country: facet(f.Facets["country"]), Remote: facet(f.Facets["remote"]), EmploymentType: facet(f.Facets["employmentType"]),
			Seniority: facet(f.Facets["seniority"]), Company: facet(f.Facets["company"]), Skill: facet(f.Facets["skill"]),
			Language: facet(f.Facets["language"]), Platform: facet(f.Facets["platform"]),
		}
	}
	if f.Last != nil {
		next, err := s.Cursors.Encode(name, f.Last)
		if err != nil {
			return nil, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

// SuggestSearchTerms completes what was typed.
func (s *Server) SuggestSearchTerms(ctx context.Context, r SuggestSearchTermsRequestObject) (SuggestSearchTermsResponseObject, error) {
	n := 10
	if r.Params.Limit != nil {
		n = int(*r.Params.Limit)
	}
	list, err := s.Jobs.Suggest(ctx, string(r.Params.Kind), r.Params.Q, n)
	return SuggestSearchTerms200JSONResponse{Items: *facet(list)}, err
}

// GetJob returns a job.
func (s *Server) GetJob(ctx context.Context, r GetJobRequestObject) (GetJobResponseObject, error) {
	j, err := s.Jobs.GetJob(ctx, user(ctx), r.JobID)
	if err != nil {
		return nil, err
	}
	saved, err := s.Jobs.Saved(ctx, user(ctx), r.JobID)
	if err != nil {
		return nil, err
	}
	// Whether the caller saved it is part of what is shown.
	tag := strconv.Quote(strconv.FormatInt(j.Version, 10) + map[bool]string{true: "-saved"}[saved[j.ID]])
	if r.Params.IfNoneMatch != nil && *r.Params.IfNoneMatch == tag {
		return GetJob304Response{}, nil
	}
	return GetJob200JSONResponse{Body: detail(j, saved[j.ID]), Headers: GetJob200ResponseHeaders{ETag: &tag}}, nil
}

// ListSimilarJobs lists jobs like one.
func (s *Server) ListSimilarJobs(ctx context.Context, r ListSimilarJobsRequestObject) (ListSimilarJobsResponseObject, error) {
	n := 10
	if r.Params.Limit != nil {
		n = int(*r.Params.Limit)
	}
	list, err := s.Jobs.ListSimilarJobs(ctx, user(ctx), r.JobID, n)
	return ListSimilarJobs200JSONResponse{Items: found(list)}, err
}

// ListRecommendations lists jobs that fit the caller.
func (s *Server) ListRecommendations(ctx context.Context, r ListRecommendationsRequestObject) (ListRecommendationsResponseObject, error) {
	m, err := s.Jobs.FindMatches(ctx, user(ctx), job.MatchOptions{Limit: limit(r.Params.Limit), MinScore: value(r.Params.MinScore)})
	if err != nil {
		return nil, err
	}
	out := ListRecommendations200JSONResponse{Items: make([]Recommendation, len(m.List)), ScoredBy: RecommendationListScoredByWords}
	if m.ByAI {
		out.ScoredBy = RecommendationListScoredByAi
	}
	for i, x := range m.List {
		out.Items[i] = Recommendation{Job: summary(x.FoundJob), Score: x.Score, Reasons: reasons(x.Reasons)}
	}
	return out, nil
}

// ScoreJobMatch scores a job against a resume.
func (s *Server) ScoreJobMatch(ctx context.Context, r ScoreJobMatchRequestObject) (ScoreJobMatchResponseObject, error) {
	m, err := s.Jobs.ScoreJobMatch(ctx, user(ctx), r.JobID, value(r.Body.ResumeID))
	return ScoreJobMatch200JSONResponse{JobID: m.ID, Score: m.Score, Reasons: reasons(m.Reasons)}, err
}

// GenerateInterviewQuestions makes questions from a posting.
func (s *Server) GenerateInterviewQuestions(ctx context.Context, r GenerateInterviewQuestionsRequestObject) (GenerateInterviewQuestionsResponseObject, error) {
	n := int32(10)
	if r.Body.Count != nil {
		n = *r.Body.Count
	}
	list, err := s.Jobs.InterviewQuestions(ctx, user(ctx), r.JobID, n)
	if err != nil {
		return nil, err
	}
	out := GenerateInterviewQuestions200JSONResponse{Items: make([]InterviewQuestion, len(list))}
	for i, q := range list {
		out.Items[i] = InterviewQuestion{Question: q.Question, Category: present(q.Kind), Hint: present(q.Hint)}
	}
	return out, nil
}

// GetJobSalary returns what a job pays.
func (s *Server) GetJobSalary(ctx context.Context, r GetJobSalaryRequestObject) (GetJobSalaryResponseObject, error) {
	posted, e, err := s.Jobs.JobSalary(ctx, r.JobID)
	out := GetJobSalary200JSONResponse{Posted: pay(posted)}
	if e != nil {
		out.Estimate = &SalaryEstimate{Amount: e.Median, Low: e.Low, High: e.High, Currency: e.Currency, Period: PayPeriod(e.Period)}
	}
	return out, err
}

// ReportJob reports a job.
func (s *Server) ReportJob(ctx context.Context, r ReportJobRequestObject) (ReportJobResponseObject, error) {
	return ReportJob204Response{}, s.Jobs.ReportJob(ctx, user(ctx), r.JobID, string(r.Body.Reason), value(r.Body.Comment))
}

// SaveJob saves a job.
func (s *Server) SaveJob(ctx context.Context, r SaveJobRequestObject) (SaveJobResponseObject, error) {
	return SaveJob204Response{}, s.Jobs.SaveJob(ctx, user(ctx), r.JobID)
}

// UnsaveJob forgets a saved job.
func (s *Server) UnsaveJob(ctx context.Context, r UnsaveJobRequestObject) (UnsaveJobResponseObject, error) {
	return UnsaveJob204Response{}, s.Jobs.UnsaveJob(ctx, user(ctx), r.JobID)
}

// ListSavedJobs lists what the caller saved.
func (s *Server) ListSavedJobs(ctx context.Context, r ListSavedJobsRequestObject) (ListSavedJobsResponseObject, error) {
	name := "listSavedJobs:" + user(ctx).String()
	page, err := s.page(name, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	list, more, err := s.Jobs.ListSavedJobs(ctx, user(ctx), page)
	if err != nil {
		return nil, err
	}
	out := ListSavedJobs200JSONResponse{Items: make([]SavedJob, len(list))}
	for i, d := range list {
		out.Items[i] = SavedJob{Job: summary(job.FoundJob{Summary: d.Summary, Saved: true}), SavedAt: d.At}
	}
	if more {
		out.NextCursor, err = s.next(name, list[len(list)-1].At, list[len(list)-1].ID)
	}
	return out, err
}

// SearchCompanies searches companies.
func (s *Server) SearchCompanies(ctx context.Context, r SearchCompaniesRequestObject) (SearchCompaniesResponseObject, error) {
	name, err := listName("searchCompanies", value(r.Params.Q))
	if err != nil {
		return nil, err
	}
	var at struct {
		Name *string    `json:"n"`
		ID   *uuid.UUID `json:"i"`
	}
	if r.Params.Cursor != nil {
		if err := s.Cursors.Decode(name, *r.Params.Cursor, &at); err != nil {
			return nil, err
		}
	}
	list, more, err := s.Jobs.SearchCompanies(ctx, value(r.Params.Q), limit(r.Params.Limit), at.Name, at.ID)
	if err != nil {
		return nil, err
	}
	out := SearchCompanies200JSONResponse{Items: make([]Company, len(list))}
	for i, c := range list {
		out.Items[i] = company(c)
	}
	if more {
		last := list[len(list)-1]
		at.Name, at.ID = &last.Key, &last.ID
		next, err := s.Cursors.Encode(name, at)
		if err != nil {
			return nil, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

// GetCompany returns a company.
func (s *Server) GetCompany(ctx context.Context, r GetCompanyRequestObject) (GetCompanyResponseObject, error) {
	c, err := s.Jobs.GetCompany(ctx, r.CompanyID)
	return GetCompany200JSONResponse(company(c)), err
}

// ListCompanyJobs lists the open jobs of a company.
func (s *Server) ListCompanyJobs(ctx context.Context, r ListCompanyJobsRequestObject) (ListCompanyJobsResponseObject, error) {
	name := "listCompanyJobs:" + r.CompanyID.String()
	page, err := s.page(name, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	list, more, err := s.Jobs.ListCompanyJobs(ctx, user(ctx), r.CompanyID, page)
	if err != nil {
		return nil, err
	}
	out := ListCompanyJobs200JSONResponse{Items: found(list)}
	if more {
		out.NextCursor, err = s.next(name, list[len(list)-1].Posted, list[len(list)-1].ID)
	}
	return out, err
}

// listName names a list with its filters, for cursors.
func listName(operation string, filters any) (string, error) {
	raw, err := json.Marshal(filters)
	return operation + string(raw), err
}
