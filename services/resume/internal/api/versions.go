package api

import "context"

// versionPosition is what a cursor of a list of versions carries.
type versionPosition struct {
	Version int32 `json:"v"`
}

// ListResumeVersions lists the versions of a resume.
func (s *Server) ListResumeVersions(ctx context.Context, r ListResumeVersionsRequestObject) (ListResumeVersionsResponseObject, error) {
	list := "versions of " + r.ResumeID.String()
	var at versionPosition
	if r.Params.Cursor != nil {
		if err := s.Cursors.Decode(list, *r.Params.Cursor, &at); err != nil {
			return nil, err
		}
	}
	items, more, err := s.Resumes.ListVersions(ctx, caller(ctx), r.ResumeID, at.Version, limitOf(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	out := ListResumeVersions200JSONResponse{Items: make([]Version, len(items))}
	for i, x := range items {
		out.Items[i] = version(x)
	}
	if more {
		cursor, err := s.Cursors.Encode(list, versionPosition{items[len(items)-1].Version})
		if err != nil {
			return nil, err
		}
		out.NextCursor = &cursor
	}
	return out, nil
}

// GetResumeVersion reads a version.
func (s *Server) GetResumeVersion(ctx context.Context, r GetResumeVersionRequestObject) (GetResumeVersionResponseObject, error) {
	v, c, err := s.Resumes.GetVersion(ctx, caller(ctx), r.ResumeID, r.Version)
	if err != nil {
		return nil, err
	}
	x := version(v)
	out := GetResumeVersion200JSONResponse{Version: x.Version, Name: x.Name, Cause: x.Cause, RestoredFrom: x.RestoredFrom, Sections: x.Sections, CreatedAt: x.CreatedAt}
	out.Resume, err = contract(c.Resume)
	return out, err
}

// NameResumeVersion names a version.
func (s *Server) NameResumeVersion(ctx context.Context, r NameResumeVersionRequestObject) (NameResumeVersionResponseObject, error) {
	body := r.ApplicationMergePatchPlusJSONBody
	if body == nil {
		body = r.JSONBody
	}
	v, err := s.Resumes.NameVersion(ctx, caller(ctx), r.ResumeID, r.Version, body.Name)
	return NameResumeVersion200JSONResponse(version(v)), err
}

// RestoreResumeVersion makes a version the current one again.
func (s *Server) RestoreResumeVersion(ctx context.Context, r RestoreResumeVersionRequestObject) (RestoreResumeVersionResponseObject, error) {
	changed, err := s.Resumes.Restore(ctx, caller(ctx), r.ResumeID, guard(r.Params.IfMatch), r.Version)
	if err != nil {
		return nil, err
	}
	body, etag, err := stored(changed)
	return RestoreResumeVersion200JSONResponse{Body: body, Headers: RestoreResumeVersion200ResponseHeaders{ETag: etag}}, err
}

// DiffResumeVersions tells what changed between two versions.
func (s *Server) DiffResumeVersions(ctx context.Context, r DiffResumeVersionsRequestObject) (DiffResumeVersionsResponseObject, error) {
	changes, to, err := s.Resumes.Diff(ctx, caller(ctx), r.ResumeID, r.Params.From, value(r.Params.To))
	if err != nil {
		return nil, err
	}
	out := DiffResumeVersions200JSONResponse{From: r.Params.From, To: to, Changes: make([]Change, len(changes))}
	for i, c := range changes {
		out.Changes[i] = Change{
			Kind: ChangeKind(c.Kind), Pointer: c.Pointer, Section: SectionName(c.Section), Label: c.Label, Before: present(c.Before), After: present(c.After),
		}
	}
	return out, nil
}
