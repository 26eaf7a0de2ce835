package api

import (
	"bytes"
	"context"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/render"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

// ExportResume makes a document of a resume.
func (s *Server) ExportResume(ctx context.Context, r ExportResumeRequestObject) (ExportResumeResponseObject, error) {
	p := r.Params
	f, err := s.Resumes.ExportOwn(ctx, caller(ctx), r.ResumeID, resume.Export{
		Format: string(p.Format), Template: string(value(p.Template)), Version: value(p.Version), Paper: string(value(p.Paper)), Language: value(p.Lang),
	})
	return document(f), err
}

// ListResumeTemplates lists the templates.
func (s *Server) ListResumeTemplates(ctx context.Context, _ ListResumeTemplatesRequestObject) (ListResumeTemplatesResponseObject, error) {
	list, err := s.Resumes.Templates(ctx)
	if err != nil {
		return nil, err
	}
	out := ListResumeTemplates200JSONResponse{Items: make([]ResumeTemplate, len(list))}
	for i, x := range list {
		out.Items[i] = ResumeTemplate{
			ID: TemplateID(x.ID), Name: x.Name, Description: x.Description, Columns: int32(x.Columns), Formats: make([]ExportFormat, len(x.Formats)),
			GoodFor: x.GoodFor, PreviewURL: "/api/v1/resumes/templates/" + x.ID + "/preview",
		}
		for j, f := range x.Formats {
			out.Items[i].Formats[j] = ExportFormat(f)
		}
	}
	return out, nil
}

var errTemplate = errs.New(errs.NotFound, "template_not_found", "There is no such template; see /api/v1/resumes/templates.")

// PreviewResumeTemplate shows a template.
func (s *Server) PreviewResumeTemplate(_ context.Context, r PreviewResumeTemplateRequestObject) (PreviewResumeTemplateResponseObject, error) {
	picture, ok := render.Preview(string(r.TemplateID))
	if !ok {
		return nil, errTemplate
	}
	return file{body: bytes.NewReader(picture), contentType: "image/png", size: int64(len(picture)), etag: resume.PreviewTag(picture), public: true}, nil
}

// GetResumeContent gives another service the content of a resume.
func (s *Server) GetResumeContent(ctx context.Context, r GetResumeContentRequestObject) (GetResumeContentResponseObject, error) {
	found, err := s.Resumes.GetVersioned(ctx, r.ResumeID, value(r.Params.Version))
	if err != nil {
		return nil, err
	}
	body, etag, err := content(found)
	if err == nil && value(r.Params.Fields) {
		body.Fields, err = s.readFields(ctx, found)
	}
	return GetResumeContent200JSONResponse{Body: body, Headers: GetResumeContent200ResponseHeaders{ETag: etag}}, err
}

// readFields is what was read where, nil where nothing is known of it.
func (s *Server) readFields(ctx context.Context, r resume.Stored) (*[]ReadField, error) {
	list, err := s.Resumes.ReadFields(ctx, r)
	if err != nil || list == nil {
		return nil, err
	}
	out := make([]ReadField, len(list))
	for i, f := range list {
		out[i] = ReadField{Pointer: f.Pointer, Confidence: f.Confidence, Page: present(f.Page), Text: present(f.Text)}
	}
	return &out, nil
}

// GetDefaultResume gives another service the default resume of a user.
func (s *Server) GetDefaultResume(ctx context.Context, r GetDefaultResumeRequestObject) (GetDefaultResumeResponseObject, error) {
	found, err := s.Resumes.Default(ctx, r.UserID)
	if err != nil {
		return nil, err
	}
	body, etag, err := content(found)
	return GetDefaultResume200JSONResponse{Body: body, Headers: GetDefaultResume200ResponseHeaders{ETag: etag}}, err
}

// RenderResumeDocument makes a document for another service.
func (s *Server) RenderResumeDocument(ctx context.Context, r RenderResumeDocumentRequestObject) (RenderResumeDocumentResponseObject, error) {
	f, err := s.Resumes.ExportAny(ctx, r.ResumeID, resume.Export{
		Format: string(r.Body.Format), Template: string(value(r.Body.Template)), Version: value(r.Body.Version),
		Paper: string(value(r.Body.Paper)), Language: value(r.Body.Language),
	})
	return document(f), err
}

// DeleteUserResumes deletes all that is held of a user.
func (s *Server) DeleteUserResumes(ctx context.Context, r DeleteUserResumesRequestObject) (DeleteUserResumesResponseObject, error) {
	return DeleteUserResumes204Response{}, s.Resumes.DeleteUser(ctx, r.UserID)
}

// GetResumesFootprint counts what is held of a user.
func (s *Server) GetResumesFootprint(ctx context.Context, r GetResumesFootprintRequestObject) (GetResumesFootprintResponseObject, error) {
	places, err := s.Resumes.Footprint(ctx, r.UserID)
	out := GetResumesFootprint200JSONResponse{Items: make([]FootprintItem, len(places))}
	for i, p := range places {
		out.Items[i] = FootprintItem{Place: p.Name, Count: p.Count}
		out.Total += p.Count
	}
	return out, err
}
