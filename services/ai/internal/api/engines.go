package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

var errNoFile = errs.New(errs.Unprocessable, "file_missing", "Send the resume as the part `file` of the form.").
	WithFields(errs.Field{Pointer: "#/file", Code: "required", Message: "is missing"})

// ParseResume reads a resume for a user.
func (s *Server) ParseResume(ctx context.Context, r ParseResumeRequestObject) (ParseResumeResponseObject, error) {
	out, err := s.parseResume(ctx, r.Body, r.MultipartBody)
	return ParseResume200JSONResponse(out), err
}

// ParseResumeInternally reads a resume for another service.
func (s *Server) ParseResumeInternally(ctx context.Context, r ParseResumeInternallyRequestObject) (ParseResumeInternallyResponseObject, error) {
	out, err := s.parseResume(ctx, r.Body, r.MultipartBody)
	return ParseResumeInternally200JSONResponse(out), err
}

func (s *Server) parseResume(ctx context.Context, body io.Reader, form *multipart.Reader) (out ParsedResume, err error) {
	if form != nil {
		if body, err = file(form); err != nil {
			return out, err
		}
	}
	if body == nil {
		return out, errNoFile
	}
	parsed, err := s.Documents.ParseResume(ctx, body)
	if form != nil && errors.Is(err, io.ErrUnexpectedEOF) { // the part has no end
		return out, errNoFile.With(err)
	}
	if err != nil {
		return out, err
	}
	return into[ParsedResume](parsed)
}

// file is the part of a form with the resume, which is read as a stream.
func file(form *multipart.Reader) (io.Reader, error) {
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errNoFile
		case err != nil:
			return nil, errNoFile.With(err)
		case part.FormName() == "file":
			return part, nil
		}
	}
}

// ListEngines lists the engines in their order.
func (s *Server) ListEngines(context.Context, ListEnginesRequestObject) (ListEnginesResponseObject, error) {
	out := ListEngines200JSONResponse{Items: []Engine{}}
	for _, e := range s.AI.ListEngines() {
		x := Engine{Name: e.Name, Kind: EngineKind(e.Kind), Model: e.Model, State: EngineStateReady, Free: e.Free, Tasks: []EngineTask{}}
		for _, t := range e.Tasks {
			x.Tasks = append(x.Tasks, EngineTask(t))
		}
		if !e.RetryAt.IsZero() {
			x.State, x.RetryAt = EngineStateCircuitOpen, &e.RetryAt
		}
		out.Items = append(out.Items, x)
	}
	return out, nil
}

// ListModels lists the models in use.
func (s *Server) ListModels(ctx context.Context, _ ListModelsRequestObject) (ListModelsResponseObject, error) {
	list, err := s.AI.ListModels(ctx)
	if err != nil {
		return nil, err
	}
	return into[ListModels200JSONResponse](map[string]any{"items": list})
}

// GetUsage reads what the caller has used of today's budget.
func (s *Server) GetUsage(ctx context.Context, _ GetUsageRequestObject) (GetUsageResponseObject, error) {
	u, err := s.AI.GetUsage(ctx, user(ctx).UserID)
	if err != nil {
		return nil, err
	}
	tasks, err := into[[]TaskUsage](u.Tasks)
	if err != nil {
		return nil, err
	}
	return GetUsage200JSONResponse{
		Day: openapi_types.Date{Time: u.Day}, ResetsAt: u.ResetsAt, Tasks: tasks,
		Limit: UsageTotals{Calls: u.Limit.Calls, Tokens: u.Limit.Tokens, CostMicros: u.Limit.CostMicros},
		Used:  UsageTotals{Calls: u.Used.Calls, Tokens: u.Used.Tokens, CostMicros: u.Used.CostMicros},
	}, nil
}

// DeleteUserAiData deletes what is held of a user, as a step of the deletion
// workflow.
func (s *Server) DeleteUserAiData(ctx context.Context, r DeleteUserAiDataRequestObject) (DeleteUserAiDataResponseObject, error) {
	return DeleteUserAiData204Response{}, s.AI.DeleteUserData(ctx, r.UserID)
}

// GetAiDataFootprint tells what is still held of a user.
func (s *Server) GetAiDataFootprint(ctx context.Context, r GetAiDataFootprintRequestObject) (GetAiDataFootprintResponseObject, error) {
	list, err := s.AI.Footprint(ctx, r.UserID)
	if err != nil {
		return nil, err
	}
	out := GetAiDataFootprint200JSONResponse{Items: []FootprintItem{}}
	for _, h := range list {
		out.Total += h.Count
		out.Items = append(out.Items, FootprintItem{Place: h.Place, Count: h.Count})
	}
	return out, nil
}

var _ StrictServerInterface = (*Server)(nil)
