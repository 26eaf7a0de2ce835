package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/job/internal/job"
	"github.com/jobpilot/jobpilot/services/job/internal/search"
)

// ListJobAlerts lists the caller's alerts.
func (s *Server) ListJobAlerts(ctx context.Context, _ ListJobAlertsRequestObject) (ListJobAlertsResponseObject, error) {
	list, err := s.Jobs.ListAlerts(ctx, user(ctx))
	out := ListJobAlerts200JSONResponse{Items: make([]JobAlert, len(list))}
	for i, a := range list {
		out.Items[i] = alert(a)
	}
	return out, err
}

// CreateJobAlert makes an alert.
func (s *Server) CreateJobAlert(ctx context.Context, r CreateJobAlertRequestObject) (CreateJobAlertResponseObject, error) {
	a, err := s.Jobs.CreateAlert(ctx, user(ctx), alertOf(r.Body))
	return CreateJobAlert201JSONResponse{Body: alert(a), Headers: CreateJobAlert201ResponseHeaders{Location: present("/api/v1/jobs/alerts/" + a.ID.String())}}, err
}

// GetJobAlert returns an alert.
func (s *Server) GetJobAlert(ctx context.Context, r GetJobAlertRequestObject) (GetJobAlertResponseObject, error) {
	a, err := s.Jobs.GetAlert(ctx, user(ctx), r.AlertID)
	return GetJobAlert200JSONResponse(alert(a)), err
}

// ReplaceJobAlert changes an alert.
func (s *Server) ReplaceJobAlert(ctx context.Context, r ReplaceJobAlertRequestObject) (ReplaceJobAlertResponseObject, error) {
	a, err := s.Jobs.ReplaceAlert(ctx, user(ctx), r.AlertID, alertOf(r.Body))
	return ReplaceJobAlert200JSONResponse(alert(a)), err
}

// DeleteJobAlert deletes an alert.
func (s *Server) DeleteJobAlert(ctx context.Context, r DeleteJobAlertRequestObject) (DeleteJobAlertResponseObject, error) {
	return DeleteJobAlert204Response{}, s.Jobs.DeleteAlert(ctx, user(ctx), r.AlertID)
}

// ListJobAlertMatches lists what an alert found.
func (s *Server) ListJobAlertMatches(ctx context.Context, r ListJobAlertMatchesRequestObject) (ListJobAlertMatchesResponseObject, error) {
	name := "listJobAlertMatches:" + r.AlertID.String()
	page, err := s.page(name, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	list, more, err := s.Jobs.ListAlertMatches(ctx, user(ctx), r.AlertID, page)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	saved, err := s.Jobs.Saved(ctx, user(ctx), ids...)
	if err != nil {
		return nil, err
	}
	out := ListJobAlertMatches200JSONResponse{Items: make([]JobAlertMatch, len(list))}
	for i, d := range list {
		out.Items[i] = JobAlertMatch{Job: summary(job.FoundJob{Summary: d.Summary, Saved: saved[d.ID]}), MatchedAt: d.At}
	}
	if more {
		out.NextCursor, err = s.next(name, list[len(list)-1].At, list[len(list)-1].ID)
	}
	return out, err
}

func alertOf(b *JobAlertRequest) job.Alert {
	return job.Alert{Name: b.Name, Frequency: string(b.Frequency), Query: queryOf(&b.Query), Enabled: b.Enabled == nil || *b.Enabled}
}

func queryOf(q *JobQuery) search.Query {
	if q == nil {
		return search.Query{}
	}
	return search.Query{
		Text: value(q.Q), Title: value(q.Title), Companies: value(q.Company), CompanyIDs: value(q.CompanyID), Countries: value(q.Country), Cities: value(q.City),
		Near: value(q.Near), Lat: q.Lat, Lon: q.Lon, RadiusKm: value(q.RadiusKm), Remote: texts(q.Remote), Employment: texts(q.EmploymentType),
		Seniority: texts(q.Seniority), Skills: value(q.Skill), Languages: value(q.Language), Platforms: texts(q.Platform),
		PayMin: value(q.PayMin), PayCurrency: value(q.PayCurrency),
	}
}

func alert(a job.Alert) JobAlert {
	q := a.Query
	return JobAlert{
		ID: a.ID, Name: a.Name, Frequency: AlertFrequency(a.Frequency), Enabled: a.Enabled, CreatedAt: a.Created, LastMatchAt: a.LastMatch, NewMatches: a.NewMatches,
		Query: JobQuery{
			Q: present(q.Text), Title: present(q.Title), Company: list(q.Companies), CompanyID: list(q.CompanyIDs), Country: list(q.Countries), City: list(q.Cities),
			Near: present(q.Near), Lat: q.Lat, Lon: q.Lon, RadiusKm: present(q.RadiusKm), Remote: kinds[RemoteKind](q.Remote),
			EmploymentType: kinds[EmploymentType](q.Employment), Seniority: kinds[Seniority](q.Seniority), Skill: list(q.Skills), Language: list(q.Languages),
			Platform: kinds[Platform](q.Platforms), PayMin: present(q.PayMin), PayCurrency: present(q.PayCurrency),
		},
	}
}
