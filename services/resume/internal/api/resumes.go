package api

import (
	"context"

	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/resume/internal/resume"
)

// ListResumes lists the caller's resumes.
func (s *Server) ListResumes(ctx context.Context, r ListResumesRequestObject) (ListResumesResponseObject, error) {
	list := "resumes of " + caller(ctx).String()
	page, err := s.page(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	items, more, err := s.Resumes.List(ctx, caller(ctx), page)
	if err != nil {
		return nil, err
	}
	out := ListResumes200JSONResponse{Items: make([]ResumeSummary, len(items))}
	for i, x := range items {
		out.Items[i] = summary(x)
	}
	if more {
		last := items[len(items)-1]
		out.NextCursor, err = s.next(list, more, position{last.CreatedAt.UnixMicro(), last.ID})
	}
	return out, err
}

// CreateResume makes a resume.
func (s *Server) CreateResume(ctx context.Context, r CreateResumeRequestObject) (CreateResumeResponseObject, error) {
	content, err := domain(r.Body.Resume)
	if err != nil {
		return nil, err
	}
	made, err := s.Resumes.Create(ctx, caller(ctx), r.Body.Title, value(r.Body.Language), string(value(r.Body.Template)), content)
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(made)
	return CreateResume201JSONResponse{Body: body, Headers: CreateResume201ResponseHeaders{ETag: etag, Location: location(made)}}, err
}

func location(r resume.Stored) *string {
	at := "/api/v1/resumes/" + r.ID.String()
	return &at
}

// GetResume reads a resume.
func (s *Server) GetResume(ctx context.Context, r GetResumeRequestObject) (GetResumeResponseObject, error) {
	found, err := s.Resumes.Get(ctx, caller(ctx), r.ResumeID)
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(found)
	return GetResume200JSONResponse{Body: body, Headers: GetResume200ResponseHeaders{ETag: etag}}, err
}

// UpdateResume changes a resume by a merge patch.
func (s *Server) UpdateResume(ctx context.Context, r UpdateResumeRequestObject) (UpdateResumeResponseObject, error) {
	patch := r.ApplicationMergePatchPlusJSONBody
	if patch == nil {
		patch = r.JSONBody
	}
	changed, err := s.Resumes.Update(ctx, caller(ctx), r.ResumeID, guard(r.Params.IfMatch), patch.Title, patch.Language, text(patch.Template), value(patch.Resume))
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(changed)
	return UpdateResume200JSONResponse{Body: body, Headers: UpdateResume200ResponseHeaders{ETag: etag}}, err
}

// DeleteResume deletes a resume.
func (s *Server) DeleteResume(ctx context.Context, r DeleteResumeRequestObject) (DeleteResumeResponseObject, error) {
	return DeleteResume204Response{}, s.Resumes.Delete(ctx, caller(ctx), r.ResumeID, guard(r.Params.IfMatch))
}

// SetDefaultResume makes a resume the default one.
func (s *Server) SetDefaultResume(ctx context.Context, r SetDefaultResumeRequestObject) (SetDefaultResumeResponseObject, error) {
	changed, err := s.Resumes.SetDefault(ctx, caller(ctx), r.ResumeID)
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(changed)
	return SetDefaultResume200JSONResponse{Body: body, Headers: SetDefaultResume200ResponseHeaders{ETag: etag}}, err
}

// DuplicateResume copies a resume.
func (s *Server) DuplicateResume(ctx context.Context, r DuplicateResumeRequestObject) (DuplicateResumeResponseObject, error) {
	ask := value(r.Body)
	made, err := s.Resumes.Duplicate(ctx, caller(ctx), r.ResumeID, value(ask.Version), value(ask.Title))
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(made)
	return DuplicateResume201JSONResponse{Body: body, Headers: DuplicateResume201ResponseHeaders{ETag: etag, Location: location(made)}}, err
}

// ListSections lists the sections of a resume.
func (s *Server) ListSections(ctx context.Context, r ListSectionsRequestObject) (ListSectionsResponseObject, error) {
	found, err := s.Resumes.Get(ctx, caller(ctx), r.ResumeID)
	etag := httpx.ETag(found.Revision)
	return ListSections200JSONResponse{Body: SectionList{Items: sections(found.Sections)}, Headers: ListSections200ResponseHeaders{ETag: &etag}}, err
}

// ArrangeSections puts sections in an order.
func (s *Server) ArrangeSections(ctx context.Context, r ArrangeSectionsRequestObject) (ArrangeSectionsResponseObject, error) {
	order := make([]resume.Arrangement, len(r.Body.Items))
	for i, x := range r.Body.Items {
		order[i] = resume.Arrangement{Name: string(x.Name), Hidden: x.Hidden}
	}
	changed, err := s.Resumes.Arrange(ctx, caller(ctx), r.ResumeID, guard(r.Params.IfMatch), order)
	etag := httpx.ETag(changed.Revision)
	return ArrangeSections200JSONResponse{Body: SectionList{Items: sections(changed.Sections)}, Headers: ArrangeSections200ResponseHeaders{ETag: &etag}}, err
}

// GetSection reads one section.
func (s *Server) GetSection(ctx context.Context, r GetSectionRequestObject) (GetSectionResponseObject, error) {
	found, err := s.Resumes.Get(ctx, caller(ctx), r.ResumeID)
	if err != nil {
		return nil, err
	}
	etag := httpx.ETag(found.Revision)
	body, err := contract(found.Resume.Only(string(r.Section)))
	return GetSection200JSONResponse{Body: body, Headers: GetSection200ResponseHeaders{ETag: &etag}}, err
}

// ReplaceSection replaces one section.
func (s *Server) ReplaceSection(ctx context.Context, r ReplaceSectionRequestObject) (ReplaceSectionResponseObject, error) {
	content, err := domain(*r.Body)
	if err != nil {
		return nil, err
	}
	changed, err := s.Resumes.ReplaceSection(ctx, caller(ctx), r.ResumeID, guard(r.Params.IfMatch), string(r.Section), content)
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(changed)
	return ReplaceSection200JSONResponse{Body: body, Headers: ReplaceSection200ResponseHeaders{ETag: etag}}, err
}

// UpdateSection changes one section by a merge patch.
func (s *Server) UpdateSection(ctx context.Context, r UpdateSectionRequestObject) (UpdateSectionResponseObject, error) {
	patch := r.ApplicationMergePatchPlusJSONBody
	if patch == nil {
		patch = r.JSONBody
	}
	changed, err := s.Resumes.UpdateSection(ctx, caller(ctx), r.ResumeID, guard(r.Params.IfMatch), string(r.Section), *patch)
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(changed)
	return UpdateSection200JSONResponse{Body: body, Headers: UpdateSection200ResponseHeaders{ETag: etag}}, err
}
