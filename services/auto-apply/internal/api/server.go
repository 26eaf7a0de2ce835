// Package api is the HTTP edge of auto-apply: the generated server of
// api/openapi/auto-apply.yaml and its handlers, each of which converts, makes one
// call to the domain package and converts back. What every request passes before a
// handler sees it (credential, rule, limits, validation) is pkg/httpx.
package api

import (
	"context"
	_ "embed"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/autoapply"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Applications *autoapply.Service
	Cursors      *httpx.Cursors
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, []StrictMiddlewareFunc{withCredential}, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

func caller(ctx context.Context) uuid.UUID { return authn.FromContext(ctx).UserID }

type credentialKey struct{}

// withCredential keeps the caller's token for the one call that is made on the
// caller's own behalf: keeping an answer in their answer bank.
func withCredential(next StrictHandlerFunc, operation string) StrictHandlerFunc {
	if operation != "AnswerApplicationQuestions" {
		return next
	}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		return next(context.WithValue(ctx, credentialKey{}, r.Header.Get("Authorization")), w, r, request)
	}
}

// asCaller sends the caller's token along.
func asCaller(ctx context.Context) autoapply.Credential {
	token, _ := ctx.Value(credentialKey{}).(string)
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", token)
		return nil
	}
}

// position is what a cursor of a list newest first carries.
type position struct {
	At int64     `json:"t"` // microseconds, as Postgres keeps them
	ID uuid.UUID `json:"i"`
}

const listOfApplications = "applications"

// SubmitApplication takes a job to be applied to.
func (s *Server) SubmitApplication(ctx context.Context, r SubmitApplicationRequestObject) (SubmitApplicationResponseObject, error) {
	made, err := s.Applications.SubmitApplication(ctx, caller(ctx), autoapply.Request{
		JobID: r.Body.JobID, ResumeID: r.Body.ResumeID, CoverLetter: value(r.Body.CoverLetter), Review: r.Body.Review,
	})
	if err != nil {
		return nil, err
	}
	at := "/api/v1/applications/" + made.ID.String()
	return SubmitApplication201JSONResponse{Body: application(made), Headers: SubmitApplication201ResponseHeaders{Location: &at}}, nil
}

// ListApplications lists the caller's applications.
func (s *Server) ListApplications(ctx context.Context, r ListApplicationsRequestObject) (ListApplicationsResponseObject, error) {
	p := r.Params
	f := autoapply.Filter{Platform: p.Platform, Company: p.Company, Since: p.Since, RunID: p.RunID, Limit: 20}
	if p.Limit != nil {
		f.Limit = int(*p.Limit)
	}
	for _, state := range value(p.State) {
		f.States = append(f.States, string(state))
	}
	if p.Cursor != nil {
		var at position
		if err := s.Cursors.Decode(listOfApplications, *p.Cursor, &at); err != nil {
			return nil, err
		}
		f.Before, f.BeforeID = time.UnixMicro(at.At).UTC(), at.ID
	}
	list, more, err := s.Applications.ListApplications(ctx, caller(ctx), f)
	if err != nil {
		return nil, err
	}
	out := ListApplications200JSONResponse{Items: make([]Application, len(list))}
	for i, a := range list {
		out.Items[i] = application(a)
	}
	if more {
		last := list[len(list)-1]
		cursor, err := s.Cursors.Encode(listOfApplications, position{last.CreatedAt.UnixMicro(), last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = &cursor
	}
	return out, nil
}

// GetApplication returns an application with its timeline.
func (s *Server) GetApplication(ctx context.Context, r GetApplicationRequestObject) (GetApplicationResponseObject, error) {
	d, err := s.Applications.GetApplication(ctx, caller(ctx), r.ApplicationID)
	return GetApplication200JSONResponse(details(d)), err
}

// UpdateApplication notes something, or what became of an application.
func (s *Server) UpdateApplication(ctx context.Context, r UpdateApplicationRequestObject) (UpdateApplicationResponseObject, error) {
	body := r.JSONBody
	if body == nil {
		body = r.ApplicationMergePatchPlusJSONBody
	}
	d, err := s.Applications.UpdateApplication(ctx, caller(ctx), r.ApplicationID, body.Notes, string(value(body.State)))
	return UpdateApplication200JSONResponse(details(d)), err
}

// CancelApplication takes back an application that was not sent yet.
func (s *Server) CancelApplication(ctx context.Context, r CancelApplicationRequestObject) (CancelApplicationResponseObject, error) {
	who := caller(ctx)
	if err := s.Applications.CancelApplication(ctx, &who, r.ApplicationID); err != nil {
		return nil, err
	}
	d, err := s.Applications.GetApplication(ctx, who, r.ApplicationID)
	return CancelApplication200JSONResponse(details(d)), err
}

// ListApplicationQuestions lists what only the user can answer.
func (s *Server) ListApplicationQuestions(ctx context.Context, r ListApplicationQuestionsRequestObject) (ListApplicationQuestionsResponseObject, error) {
	list, err := s.Applications.ListQuestions(ctx, caller(ctx), r.ApplicationID)
	return ListApplicationQuestions200JSONResponse(questions(list)), err
}

// AnswerApplicationQuestions takes answers.
func (s *Server) AnswerApplicationQuestions(ctx context.Context, r AnswerApplicationQuestionsRequestObject) (AnswerApplicationQuestionsResponseObject, error) {
	given := make([]autoapply.Given, len(r.Body.Answers))
	for i, a := range r.Body.Answers {
		given[i] = autoapply.Given{QuestionID: a.QuestionID, Values: a.Values, Save: value(a.Save)}
	}
	list, err := s.Applications.AnswerQuestions(ctx, caller(ctx), r.ApplicationID, given, asCaller(ctx))
	return AnswerApplicationQuestions200JSONResponse(questions(list)), err
}

// GetApplicationReview returns the form as it would be sent.
func (s *Server) GetApplicationReview(ctx context.Context, r GetApplicationReviewRequestObject) (GetApplicationReviewResponseObject, error) {
	f, err := s.Applications.GetReview(ctx, caller(ctx), r.ApplicationID)
	return GetApplicationReview200JSONResponse(filled(f)), err
}

// ApproveApplication sends the application as it was reviewed.
func (s *Server) ApproveApplication(ctx context.Context, r ApproveApplicationRequestObject) (ApproveApplicationResponseObject, error) {
	d, err := s.Applications.Decide(ctx, caller(ctx), r.ApplicationID, true)
	return ApproveApplication200JSONResponse(details(d)), err
}

// RejectApplication withdraws an application that was reviewed.
func (s *Server) RejectApplication(ctx context.Context, r RejectApplicationRequestObject) (RejectApplicationResponseObject, error) {
	d, err := s.Applications.Decide(ctx, caller(ctx), r.ApplicationID, false)
	return RejectApplication200JSONResponse(details(d)), err
}

// GetApplicationReceipt returns what was sent.
func (s *Server) GetApplicationReceipt(ctx context.Context, r GetApplicationReceiptRequestObject) (GetApplicationReceiptResponseObject, error) {
	x, err := s.Applications.GetReceipt(ctx, caller(ctx), r.ApplicationID)
	return GetApplicationReceipt200JSONResponse{
		Form: filled(x.Form), Outcome: ApplicationState(x.Outcome), ConfirmationURL: present(x.ConfirmationURL), ConfirmationText: present(x.ConfirmationText),
		ClickedAt: x.ClickedAt, SettledAt: x.SettledAt,
	}, err
}

// GetApplicationScreenshot returns a picture of the page.
func (s *Server) GetApplicationScreenshot(ctx context.Context, r GetApplicationScreenshotRequestObject) (GetApplicationScreenshotResponseObject, error) {
	body, size, err := s.Applications.GetScreenshot(ctx, caller(ctx), r.ApplicationID, r.ScreenshotID)
	return GetApplicationScreenshot200ImageJpegResponse{Body: body, ContentLength: size}, err
}

// GetAutoApplySettings returns the caller's settings.
func (s *Server) GetAutoApplySettings(ctx context.Context, _ GetAutoApplySettingsRequestObject) (GetAutoApplySettingsResponseObject, error) {
	v, err := s.Applications.GetSettings(ctx, caller(ctx))
	return GetAutoApplySettings200JSONResponse(settings(v)), err
}

// SaveAutoApplySettings replaces the caller's settings.
func (s *Server) SaveAutoApplySettings(ctx context.Context, r SaveAutoApplySettingsRequestObject) (SaveAutoApplySettingsResponseObject, error) {
	b := r.Body
	v := autoapply.Settings{
		ReviewBeforeSending: b.ReviewBeforeSending, MaxPerDay: int(b.MaxPerDay), MaxPerCompany: int(b.MaxPerCompany), MaxPerPlatformPerDay: int(b.MaxPerPlatformPerDay),
		MinScore: b.MinScore, CoverLetter: string(b.CoverLetter),
	}
	if h := b.Hours; h != nil {
		v.Hours = &autoapply.Hours{From: int(h.From), To: int(h.To), TimeZone: h.TimeZone}
		for _, d := range h.Days {
			v.Hours.Days = append(v.Hours.Days, int(d))
		}
	}
	v, err := s.Applications.SaveSettings(ctx, caller(ctx), v)
	return SaveAutoApplySettings200JSONResponse(settings(v)), err
}

// StartAutoApply starts a run, or lets a paused one go on.
func (s *Server) StartAutoApply(ctx context.Context, _ StartAutoApplyRequestObject) (StartAutoApplyResponseObject, error) {
	r, err := s.Applications.StartAutoApply(ctx, caller(ctx))
	return StartAutoApply202JSONResponse(run(r)), err
}

// PauseAutoApply holds what the run has not begun.
func (s *Server) PauseAutoApply(ctx context.Context, _ PauseAutoApplyRequestObject) (PauseAutoApplyResponseObject, error) {
	r, err := s.Applications.PauseAutoApply(ctx, caller(ctx))
	return PauseAutoApply200JSONResponse(run(r)), err
}

// StopAutoApply ends the run.
func (s *Server) StopAutoApply(ctx context.Context, _ StopAutoApplyRequestObject) (StopAutoApplyResponseObject, error) {
	r, err := s.Applications.StopAutoApply(ctx, caller(ctx))
	return StopAutoApply200JSONResponse(run(r)), err
}

// GetAutoApplyStatus returns the latest run and what is left of today.
func (s *Server) GetAutoApplyStatus(ctx context.Context, _ GetAutoApplyStatusRequestObject) (GetAutoApplyStatusResponseObject, error) {
	st, err := s.Applications.GetStatus(ctx, caller(ctx))
	out := GetAutoApplyStatus200JSONResponse{Today: int32(st.Today), LeftToday: int32(st.LeftToday)}
	if st.Run != nil {
		r := run(*st.Run)
		out.Run = &r
	}
	return out, err
}

// DispatchApplication hands an application to the browsers.
func (s *Server) DispatchApplication(ctx context.Context, r DispatchApplicationRequestObject) (DispatchApplicationResponseObject, error) {
	return DispatchApplication204Response{}, s.Applications.DispatchApplication(ctx, r.ApplicationID)
}

// CloseApplication ends an application whose job is closed.
func (s *Server) CloseApplication(ctx context.Context, r CloseApplicationRequestObject) (CloseApplicationResponseObject, error) {
	return CloseApplication204Response{}, s.Applications.CloseApplication(ctx, r.ApplicationID, value(r.Body.Reason))
}

// CancelApplicationInternally takes back an application on behalf of its workflow.
func (s *Server) CancelApplicationInternally(ctx context.Context, r CancelApplicationInternallyRequestObject) (CancelApplicationInternallyResponseObject, error) {
	return CancelApplicationInternally204Response{}, s.Applications.CancelApplication(ctx, nil, r.ApplicationID)
}

// PlanRun makes applications of the matches of a run.
func (s *Server) PlanRun(ctx context.Context, r PlanRunRequestObject) (PlanRunResponseObject, error) {
	matches := make([]autoapply.Match, len(r.Body.Items))
	for i, m := range r.Body.Items {
		matches[i] = autoapply.Match{JobID: m.JobID, Score: m.Score}
	}
	done, err := s.Applications.PlanRun(ctx, r.RunID, matches)
	return PlanRun200JSONResponse(run(done)), err
}

// StopRun ends a run on behalf of its workflow.
func (s *Server) StopRun(ctx context.Context, r StopRunRequestObject) (StopRunResponseObject, error) {
	return StopRun204Response{}, s.Applications.StopRun(ctx, r.RunID)
}

// DeleteUserApplications deletes all that is held of a user.
func (s *Server) DeleteUserApplications(ctx context.Context, r DeleteUserApplicationsRequestObject) (DeleteUserApplicationsResponseObject, error) {
	return DeleteUserApplications204Response{}, s.Applications.DeleteUser(ctx, r.UserID)
}

// GetApplicationsFootprint tells what is still held of a user.
func (s *Server) GetApplicationsFootprint(ctx context.Context, r GetApplicationsFootprintRequestObject) (GetApplicationsFootprintResponseObject, error) {
	places, err := s.Applications.Footprint(ctx, r.UserID)
	out := GetApplicationsFootprint200JSONResponse{Items: make([]FootprintItem, len(places))}
	for i, p := range places {
		out.Items[i] = FootprintItem{Place: p.Name, Count: p.Count}
		out.Total += p.Count
	}
	return out, err
}
