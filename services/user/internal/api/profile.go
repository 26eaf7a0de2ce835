package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strconv"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// GetProfile returns the caller's profile.
func (s *Server) GetProfile(ctx context.Context, r GetProfileRequestObject) (GetProfileResponseObject, error) {
	p, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Profile, int64, error) { return s.User.GetProfile(ctx, id) })
	return GetProfile200JSONResponse{Body: p, Headers: GetProfile200ResponseHeaders{ETag: tag}}, err
}

// UpdateProfile changes the caller's profile.
func (s *Server) UpdateProfile(ctx context.Context, r UpdateProfileRequestObject) (UpdateProfileResponseObject, error) {
	p, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Profile, int64, error) {
		return s.User.UpdateProfile(ctx, id, *r.Body, check(r.Params.IfMatch))
	})
	return UpdateProfile200JSONResponse{Body: p, Headers: UpdateProfile200ResponseHeaders{ETag: tag}}, err
}

// RequestDeletion begins the deletion of the caller's account.
func (s *Server) RequestDeletion(ctx context.Context, r RequestDeletionRequestObject) (RequestDeletionResponseObject, error) {
	d, err := of(ctx, r.UserID, func(id uuid.UUID) (DeletionRequest, error) {
		at, err := s.User.RequestDeletion(ctx, id, client(ctx))
		return DeletionRequest{UserID: id, RequestedAt: at}, err
	})
	return RequestDeletion202JSONResponse(d), err
}

// GetCompleteness says what is missing in the caller's profile.
func (s *Server) GetCompleteness(ctx context.Context, r GetCompletenessRequestObject) (GetCompletenessResponseObject, error) {
	full, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Full, error) { return s.User.GetFullProfile(ctx, id) })
	return GetCompleteness200JSONResponse(full.Completeness), err
}

// GetPhoto streams the caller's photo.
func (s *Server) GetPhoto(ctx context.Context, r GetPhotoRequestObject) (GetPhotoResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err != nil {
		return nil, err
	}
	size := 512
	if r.Params.Size != nil {
		size = int(*r.Params.Size)
	}
	photo, content, length, err := s.User.GetPhoto(ctx, id, size)
	if err != nil {
		return nil, err
	}
	tag := strconv.Quote(photo.ID.String() + "-" + strconv.Itoa(size))
	if photo.MediaType == "image/png" {
		return GetPhoto200ImagePngResponse{Body: content, ContentLength: length, Headers: GetPhoto200ResponseHeaders{ETag: &tag}}, nil
	}
	return GetPhoto200ImageJpegResponse{Body: content, ContentLength: length, Headers: GetPhoto200ResponseHeaders{ETag: &tag}}, nil
}

// UploadPhoto stores a photo of the caller, sent as it is or in a form.
func (s *Server) UploadPhoto(ctx context.Context, r UploadPhotoRequestObject) (UploadPhotoResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err != nil {
		return nil, err
	}
	content := r.Body
	if media, params, err := mime.ParseMediaType(httpx.Header(ctx).Get("Content-Type")); err == nil && media == "multipart/form-data" {
		if content, err = photoPart(multipart.NewReader(content, params["boundary"])); err != nil {
			return nil, err
		}
	}
	p, err := s.User.UploadPhoto(ctx, id, content)
	return UploadPhoto200JSONResponse(p), err
}

// photoPart finds the picture in a form.
func photoPart(form *multipart.Reader) (io.Reader, error) {
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errNoPart
		case err != nil:
			return nil, errForm.With(err)
		case part.FormName() == "photo":
			return part, nil
		}
	}
}

// RemovePhoto removes the caller's photo.
func (s *Server) RemovePhoto(ctx context.Context, r RemovePhotoRequestObject) (RemovePhotoResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err == nil {
		err = s.User.RemovePhoto(ctx, id)
	}
	return RemovePhoto204Response{}, err
}

// GetSubscription returns the caller's plan.
func (s *Server) GetSubscription(ctx context.Context, r GetSubscriptionRequestObject) (GetSubscriptionResponseObject, error) {
	v, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Subscription, error) { return s.User.GetSubscription(ctx, id) })
	return GetSubscription200JSONResponse(v), err
}

// ListPlans returns the plans that there are.
func (s *Server) ListPlans(ctx context.Context, _ ListPlansRequestObject) (ListPlansResponseObject, error) {
	plans, err := s.User.ListPlans(ctx)
	return ListPlans200JSONResponse{Items: plans}, err
}

// InspectProfile shows a profile to an administrator.
func (s *Server) InspectProfile(ctx context.Context, r InspectProfileRequestObject) (InspectProfileResponseObject, error) {
	full, err := s.User.InspectProfile(ctx, authn.FromContext(ctx).UserID, r.UserID, client(ctx))
	return InspectProfile200JSONResponse(full), err
}
