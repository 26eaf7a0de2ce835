package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

var errMultipart = errs.New(errs.Invalid, "malformed_multipart", "Send the file as the field \"file\" of a multipart/form-data body, or as the body itself.")

// UploadResume takes a file and has it read.
func (s *Server) UploadResume(ctx context.Context, r UploadResumeRequestObject) (UploadResumeResponseObject, error) {
	body, name := r.Body, value(r.Params.Filename)
	if r.MultipartBody != nil {
		part, err := filePart(r.MultipartBody)
		if err != nil {
			return nil, err
		}
		body, name = part, part.FileName()
	}
	up, err := s.Resumes.Upload(ctx, caller(ctx), name, value(r.Params.Title), body)
	if r.MultipartBody != nil && errors.Is(err, io.ErrUnexpectedEOF) { // the part has no end
		return nil, errMultipart.With(err)
	}
	if err != nil {
		return nil, err
	}
	out := UploadedResume{Document: uploadedFile(up.Document)}
	if up.Resume != nil {
		made, _, err := stored(*up.Resume)
		if err != nil {
			return nil, err
		}
		out.Resume = &made
	}
	at := "/api/v1/resumes/documents/" + up.Document.ID.String()
	switch {
	case up.Known && up.Resume != nil:
		return UploadResume200JSONResponse(out), nil
	case up.Resume != nil:
		return UploadResume201JSONResponse{Body: out, Headers: UploadResume201ResponseHeaders{Location: location(*up.Resume)}}, nil
	}
	return UploadResume202JSONResponse{Body: out, Headers: UploadResume202ResponseHeaders{Location: &at}}, nil
}

// filePart is the field "file" of a form; what comes before it is passed over.
func filePart(form *multipart.Reader) (*multipart.Part, error) {
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errMultipart.WithFields(errs.Field{Pointer: "#/file", Code: "required", Message: "is required"})
		case err != nil:
			return nil, errMultipart.With(err)
		case part.FormName() == "file":
			return part, nil
		}
	}
}

// ListResumeDocuments lists the caller's files.
func (s *Server) ListResumeDocuments(ctx context.Context, r ListResumeDocumentsRequestObject) (ListResumeDocumentsResponseObject, error) {
	list := "documents of " + caller(ctx).String()
	page, err := s.page(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	items, more, err := s.Resumes.ListDocuments(ctx, caller(ctx), page)
	if err != nil {
		return nil, err
	}
	out := ListResumeDocuments200JSONResponse{Items: make([]ResumeDocument, len(items))}
	for i, x := range items {
		out.Items[i] = uploadedFile(x)
	}
	if more {
		last := items[len(items)-1]
		out.NextCursor, err = s.next(list, more, position{last.CreatedAt.UnixMicro(), last.ID})
	}
	return out, err
}

// GetResumeDocument tells how far a file is read.
func (s *Server) GetResumeDocument(ctx context.Context, r GetResumeDocumentRequestObject) (GetResumeDocumentResponseObject, error) {
	d, err := s.Resumes.GetDocument(ctx, caller(ctx), r.DocumentID)
	return GetResumeDocument200JSONResponse(uploadedFile(d)), err
}

// DownloadResumeDocument gives a file back.
func (s *Server) DownloadResumeDocument(ctx context.Context, r DownloadResumeDocumentRequestObject) (DownloadResumeDocumentResponseObject, error) {
	d, body, err := s.Resumes.OpenDocument(ctx, caller(ctx), r.DocumentID)
	if err != nil {
		return nil, err
	}
	return file{body: body, contentType: d.ContentType, name: d.Filename, size: d.Size}, nil
}

// DeleteResumeDocument deletes a file.
func (s *Server) DeleteResumeDocument(ctx context.Context, r DeleteResumeDocumentRequestObject) (DeleteResumeDocumentResponseObject, error) {
	return DeleteResumeDocument204Response{}, s.Resumes.DeleteDocument(ctx, caller(ctx), r.DocumentID)
}

// SuggestImprovements asks for suggestions.
func (s *Server) SuggestImprovements(ctx context.Context, r SuggestImprovementsRequestObject) (SuggestImprovementsResponseObject, error) {
	var job resume.Job
	if r.Body != nil {
		job.ID = r.Body.JobID
		if x := r.Body.Job; x != nil {
			job.Title, job.CompanyName, job.Description = x.Title, value(x.CompanyName), x.Description
		}
	}
	list, err := s.Resumes.Suggest(ctx, caller(ctx), r.ResumeID, job)
	return SuggestImprovements201JSONResponse(suggestions(list)), err
}

// ListSuggestions lists suggestions.
func (s *Server) ListSuggestions(ctx context.Context, r ListSuggestionsRequestObject) (ListSuggestionsResponseObject, error) {
	list, err := s.Resumes.ListSuggestions(ctx, caller(ctx), r.ResumeID, text(r.Params.Status))
	return ListSuggestions200JSONResponse(suggestions(list)), err
}

// AcceptSuggestion makes the suggested change.
func (s *Server) AcceptSuggestion(ctx context.Context, r AcceptSuggestionRequestObject) (AcceptSuggestionResponseObject, error) {
	x, err := s.Resumes.AcceptSuggestion(ctx, caller(ctx), r.ResumeID, r.SuggestionID, value(r.Body).Text)
	return AcceptSuggestion200JSONResponse(suggestion(x)), err
}

// RejectSuggestion puts a suggestion aside.
func (s *Server) RejectSuggestion(ctx context.Context, r RejectSuggestionRequestObject) (RejectSuggestionResponseObject, error) {
	x, err := s.Resumes.RejectSuggestion(ctx, caller(ctx), r.ResumeID, r.SuggestionID)
	return RejectSuggestion200JSONResponse(suggestion(x)), err
}
