package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// ListSkills lists the caller's skills.
func (s *Server) ListSkills(ctx context.Context, r ListSkillsRequestObject) (ListSkillsResponseObject, error) {
	full, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Full, error) { return s.User.GetFullProfile(ctx, id) })
	return ListSkills200JSONResponse{Items: full.Skills}, err
}

// AddSkills adds or updates skills of the caller.
func (s *Server) AddSkills(ctx context.Context, r AddSkillsRequestObject) (AddSkillsResponseObject, error) {
	list, err := of(ctx, r.UserID, func(id uuid.UUID) ([]user.Skill, error) { return s.User.AddSkills(ctx, id, r.Body.Skills) })
	return AddSkills200JSONResponse{Items: list}, err
}

// UpdateSkill changes a skill of the caller.
func (s *Server) UpdateSkill(ctx context.Context, r UpdateSkillRequestObject) (UpdateSkillResponseObject, error) {
	v, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Skill, error) { return s.User.UpdateSkill(ctx, id, r.SkillID, *r.Body) })
	return UpdateSkill200JSONResponse(v), err
}

// RemoveSkill removes a skill of the caller.
func (s *Server) RemoveSkill(ctx context.Context, r RemoveSkillRequestObject) (RemoveSkillResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err == nil {
		err = s.User.RemoveSkill(ctx, id, r.SkillID)
	}
	return RemoveSkill204Response{}, err
}

// ListExperiences lists the caller's experiences.
func (s *Server) ListExperiences(ctx context.Context, r ListExperiencesRequestObject) (ListExperiencesResponseObject, error) {
	full, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Full, error) { return s.User.GetFullProfile(ctx, id) })
	return ListExperiences200JSONResponse{Items: full.Experiences}, err
}

// GetExperience returns an experience of the caller.
func (s *Server) GetExperience(ctx context.Context, r GetExperienceRequestObject) (GetExperienceResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Experience, int64, error) { return s.User.GetExperience(ctx, id, r.ExperienceID) })
	return GetExperience200JSONResponse{Body: v, Headers: GetExperience200ResponseHeaders{ETag: tag}}, err
}

// AddExperience adds an experience of the caller.
func (s *Server) AddExperience(ctx context.Context, r AddExperienceRequestObject) (AddExperienceResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Experience, int64, error) { return s.User.AddExperience(ctx, id, *r.Body) })
	return AddExperience201JSONResponse{Body: v, Headers: AddExperience201ResponseHeaders{ETag: tag}}, err
}

// UpdateExperience changes an experience of the caller.
func (s *Server) UpdateExperience(ctx context.Context, r UpdateExperienceRequestObject) (UpdateExperienceResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Experience, int64, error) {
		return s.User.UpdateExperience(ctx, id, r.ExperienceID, *r.Body, check(r.Params.IfMatch))
	})
	return UpdateExperience200JSONResponse{Body: v, Headers: UpdateExperience200ResponseHeaders{ETag: tag}}, err
}

// RemoveExperience removes an experience of the caller.
func (s *Server) RemoveExperience(ctx context.Context, r RemoveExperienceRequestObject) (RemoveExperienceResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err == nil {
		err = s.User.RemoveExperience(ctx, id, r.ExperienceID)
	}
	return RemoveExperience204Response{}, err
}

// ListEducations lists the caller's educations.
func (s *Server) ListEducations(ctx context.Context, r ListEducationsRequestObject) (ListEducationsResponseObject, error) {
	full, err := of(ctx, r.UserID, func(id uuid.UUID) (user.Full, error) { return s.User.GetFullProfile(ctx, id) })
	return ListEducations200JSONResponse{Items: full.Educations}, err
}

// GetEducation returns an education of the caller.
func (s *Server) GetEducation(ctx context.Context, r GetEducationRequestObject) (GetEducationResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Education, int64, error) { return s.User.GetEducation(ctx, id, r.EducationID) })
	return GetEducation200JSONResponse{Body: v, Headers: GetEducation200ResponseHeaders{ETag: tag}}, err
}

// AddEducation adds an education of the caller.
func (s *Server) AddEducation(ctx context.Context, r AddEducationRequestObject) (AddEducationResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Education, int64, error) { return s.User.AddEducation(ctx, id, *r.Body) })
	return AddEducation201JSONResponse{Body: v, Headers: AddEducation201ResponseHeaders{ETag: tag}}, err
}

// UpdateEducation changes an education of the caller.
func (s *Server) UpdateEducation(ctx context.Context, r UpdateEducationRequestObject) (UpdateEducationResponseObject, error) {
	v, tag, err := versioned(ctx, r.UserID, func(id uuid.UUID) (Education, int64, error) {
		return s.User.UpdateEducation(ctx, id, r.EducationID, *r.Body, check(r.Params.IfMatch))
	})
	return UpdateEducation200JSONResponse{Body: v, Headers: UpdateEducation200ResponseHeaders{ETag: tag}}, err
}

// RemoveEducation removes an education of the caller.
func (s *Server) RemoveEducation(ctx context.Context, r RemoveEducationRequestObject) (RemoveEducationResponseObject, error) {
	id, err := owner(ctx, r.UserID)
	if err == nil {
		err = s.User.RemoveEducation(ctx, id, r.EducationID)
	}
	return RemoveEducation204Response{}, err
}
