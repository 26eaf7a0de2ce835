// Package api is the HTTP edge of orchestrator: the generated server of
// api/openapi/orchestrator.yaml and its handlers, each of which converts, makes one
// call to the domain package and converts back.
package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/orchestrator"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Orchestrator *orchestrator.Service
	Cursors      *httpx.Cursors
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
}

// position is where a page of workflows begins, in a cursor.
type position struct {
	At int64     `json:"t"` // microseconds
	ID uuid.UUID `json:"i"`
}

// ListWorkflows lists workflows.
func (s *Server) ListWorkflows(ctx context.Context, r ListWorkflowsRequestObject) (ListWorkflowsResponseObject, error) {
	p := r.Params
	f := orchestrator.Filter{UserID: p.UserID, Kind: string(value(p.Kind)), State: string(value(p.State))}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	name := "listWorkflows" + string(raw)
	var from *orchestrator.Position
	if p.Cursor != nil {
		var at position
		if err := s.Cursors.Decode(name, *p.Cursor, &at); err != nil {
			return nil, err
		}
		from = &orchestrator.Position{At: time.UnixMicro(at.At), ID: at.ID}
	}
	list, more, err := s.Orchestrator.ListWorkflows(ctx, authn.FromContext(ctx), f, from, int(or(p.Limit, 20)))
	if err != nil {
		return nil, err
	}
	out := ListWorkflows200JSONResponse{Items: make([]Workflow, len(list))}
	for i, w := range list {
		out.Items[i] = workflow(w)
	}
	if more {
		last := list[len(list)-1]
		next, err := s.Cursors.Encode(name, position{last.CreatedAt.UnixMicro(), last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

// StartWorkflow starts a workflow for an administrator.
func (s *Server) StartWorkflow(ctx context.Context, r StartWorkflowRequestObject) (StartWorkflowResponseObject, error) {
	w, err := s.Orchestrator.StartWorkflow(ctx, string(r.Body.Kind), "by hand "+uuid.NewString(), value(r.Body.Input))
	location := "/api/v1/workflows/" + w.ID.String()
	return StartWorkflow202JSONResponse{Body: workflow(w), Headers: StartWorkflow202ResponseHeaders{Location: &location}}, err
}

// StartWorkflowInternally starts a workflow for another service.
func (s *Server) StartWorkflowInternally(ctx context.Context, r StartWorkflowInternallyRequestObject) (StartWorkflowInternallyResponseObject, error) {
	input := map[string]string{}
	for name, v := range value(r.Body.Input) {
		input[name] = v
	}
	if id := r.Body.UserID; id != nil {
		input["userId"] = id.String()
	}
	w, err := s.Orchestrator.StartWorkflow(ctx, string(r.Body.Kind), r.Body.Key, input)
	return StartWorkflowInternally202JSONResponse(workflow(w)), err
}

// GetWorkflow returns a workflow with its timeline.
func (s *Server) GetWorkflow(ctx context.Context, r GetWorkflowRequestObject) (GetWorkflowResponseObject, error) {
	w, events, err := s.Orchestrator.GetWorkflow(ctx, authn.FromContext(ctx), r.WorkflowID)
	out := GetWorkflow200JSONResponse{Workflow: workflow(w), Timeline: make([]TimelineEntry, len(events))}
	for i, e := range events {
		out.Timeline[i] = TimelineEntry{
			Seq: e.Seq, At: e.At, Type: TimelineEntryType(e.Type), Step: present(e.Step), Attempt: present(e.Attempt), Detail: present(e.Detail),
		}
	}
	return out, err
}

// CancelWorkflow cancels a workflow.
func (s *Server) CancelWorkflow(ctx context.Context, r CancelWorkflowRequestObject) (CancelWorkflowResponseObject, error) {
	w, err := s.Orchestrator.CancelWorkflow(ctx, authn.FromContext(ctx), r.WorkflowID)
	return CancelWorkflow202JSONResponse(workflow(w)), err
}

// RetryWorkflow tries a failed workflow again.
func (s *Server) RetryWorkflow(ctx context.Context, r RetryWorkflowRequestObject) (RetryWorkflowResponseObject, error) {
	w, err := s.Orchestrator.RetryWorkflow(ctx, r.WorkflowID)
	return RetryWorkflow202JSONResponse(workflow(w)), err
}

// ListServices returns the health of all services.
func (s *Server) ListServices(context.Context, ListServicesRequestObject) (ListServicesResponseObject, error) {
	list := s.Orchestrator.Peers.ListServices()
	out := ListServices200JSONResponse{Items: make([]ServiceHealth, len(list))}
	for i, h := range list {
		item := ServiceHealth{Name: h.Name, State: ServiceHealthState(h.State), Breaker: ServiceHealthBreaker(h.Breaker)}
		if !h.CheckedAt.IsZero() {
			ms := h.Latency.Milliseconds()
			item.CheckedAt, item.LatencyMs = &h.CheckedAt, &ms
		}
		out.Items[i] = item
	}
	return out, nil
}

// ListSchedules lists what is started by the clock.
func (s *Server) ListSchedules(ctx context.Context, _ ListSchedulesRequestObject) (ListSchedulesResponseObject, error) {
	list, err := s.Orchestrator.ListSchedules(ctx)
	out := ListSchedules200JSONResponse{Items: make([]Schedule, len(list))}
	for i, item := range list {
		out.Items[i] = schedule(item)
	}
	return out, err
}

// UpdateSchedule changes a schedule.
func (s *Server) UpdateSchedule(ctx context.Context, r UpdateScheduleRequestObject) (UpdateScheduleResponseObject, error) {
	item, err := s.Orchestrator.UpdateSchedule(ctx, r.Name, r.Body.EveryMinutes, r.Body.Enabled)
	return UpdateSchedule200JSONResponse(schedule(item)), err
}

// DeleteUserWorkflows forgets whose workflows were.
func (s *Server) DeleteUserWorkflows(ctx context.Context, r DeleteUserWorkflowsRequestObject) (DeleteUserWorkflowsResponseObject, error) {
	return DeleteUserWorkflows204Response{}, s.Orchestrator.DeleteUserWorkflows(ctx, r.UserID)
}

// GetWorkflowsFootprint tells what is still held of a user.
func (s *Server) GetWorkflowsFootprint(ctx context.Context, r GetWorkflowsFootprintRequestObject) (GetWorkflowsFootprintResponseObject, error) {
	places, err := s.Orchestrator.GetWorkflowsFootprint(ctx, r.UserID)
	out := GetWorkflowsFootprint200JSONResponse{Items: make([]FootprintItem, len(places))}
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

// present is the inverse: nil for the zero value, which leaves a field out.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func workflow(w orchestrator.Workflow) Workflow {
	return Workflow{
		ID: w.ID, Kind: Kind(w.Kind), Version: int32(w.Version), Key: w.Key, UserID: w.UserID, State: State(w.State), Step: present(w.Step),
		Percent: int32(w.Percent), Error: present(w.Error), NextTryAt: w.NextTryAt, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, EndedAt: w.EndedAt,
	}
}

func schedule(s orchestrator.Schedule) Schedule {
	return Schedule{Name: s.Name, Kind: Kind(s.Kind), EveryMinutes: int32(s.Every / time.Minute), Enabled: s.Enabled, LastStartedAt: s.LastStartedAt}
}
