package api

import (
	"context"
	"encoding/json"

	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// listName names a list with its filters, for cursors.
func listName(operation string, filters any) (string, error) {
	raw, err := json.Marshal(filters)
	return operation + string(raw), err
}

// SearchUsers lists accounts.
func (s *Server) SearchUsers(ctx context.Context, r SearchUsersRequestObject) (SearchUsersResponseObject, error) {
	p := r.Params
	f := auth.UserFilter{
		Email: value(p.Email), Status: auth.UserStatus(value(p.Status)), Role: string(value(p.Role)),
		RegisteredAfter: p.RegisteredAfter, RegisteredBefore: p.RegisteredBefore,
	}
	name, err := listName("searchUsers", f)
	if err != nil {
		return nil, err
	}
	page, err := s.page(name, p.Limit, p.Cursor)
	if err != nil {
		return nil, err
	}
	list, more, err := s.Auth.SearchUsers(ctx, f, page)
	if err != nil {
		return nil, err
	}
	out := SearchUsers200JSONResponse{Items: make([]User, len(list))}
	for i, u := range list {
		out.Items[i] = user(u)
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

// GetUser returns an account.
func (s *Server) GetUser(ctx context.Context, r GetUserRequestObject) (GetUserResponseObject, error) {
	u, err := s.Auth.GetUser(ctx, r.UserID)
	return GetUser200JSONResponse(user(u)), err
}

// DisableUser disables an account.
func (s *Server) DisableUser(ctx context.Context, r DisableUserRequestObject) (DisableUserResponseObject, error) {
	u, err := s.Auth.DisableUser(ctx, caller(ctx), r.UserID, r.Body.Reason, client(ctx, nil))
	return DisableUser200JSONResponse(user(u)), err
}

// EnableUser enables a disabled account.
func (s *Server) EnableUser(ctx context.Context, r EnableUserRequestObject) (EnableUserResponseObject, error) {
	u, err := s.Auth.EnableUser(ctx, caller(ctx), r.UserID, client(ctx, nil))
	return EnableUser200JSONResponse(user(u)), err
}

// UnlockUser lifts an account's sign-in delays.
func (s *Server) UnlockUser(ctx context.Context, r UnlockUserRequestObject) (UnlockUserResponseObject, error) {
	u, err := s.Auth.UnlockUser(ctx, caller(ctx), r.UserID, client(ctx, nil))
	return UnlockUser200JSONResponse(user(u)), err
}

// SetUserRoles sets the roles of an account.
func (s *Server) SetUserRoles(ctx context.Context, r SetUserRolesRequestObject) (SetUserRolesResponseObject, error) {
	names := make([]string, len(r.Body.Roles))
	for i, role := range r.Body.Roles {
		names[i] = string(role)
	}
	u, err := s.Auth.SetUserRoles(ctx, caller(ctx), r.UserID, names, client(ctx, nil))
	return SetUserRoles200JSONResponse(user(u)), err
}

// ListUserSessions lists the sessions of an account.
func (s *Server) ListUserSessions(ctx context.Context, r ListUserSessionsRequestObject) (ListUserSessionsResponseObject, error) {
	list, err := s.sessionList(ctx, s.Auth.ListUserSessions, "admin-sessions:"+r.UserID.String(), r.UserID, caller(ctx).SessionID, r.Params.Limit, r.Params.Cursor)
	return ListUserSessions200JSONResponse(list), err
}

// EndUserSessions ends all sessions of an account.
func (s *Server) EndUserSessions(ctx context.Context, r EndUserSessionsRequestObject) (EndUserSessionsResponseObject, error) {
	return EndUserSessions204Response{}, s.Auth.EndUserSessions(ctx, caller(ctx), r.UserID, client(ctx, nil))
}

// ListAuditLog reads the audit trail.
func (s *Server) ListAuditLog(ctx context.Context, r ListAuditLogRequestObject) (ListAuditLogResponseObject, error) {
	p := r.Params
	f := auth.AuditFilter{UserID: p.UserID, ActorID: p.ActorID, Action: value(p.Action), After: p.After, Before: p.Before}
	name, err := listName("listAuditLog", f)
	if err != nil {
		return nil, err
	}
	page, err := s.page(name, p.Limit, nil)
	if err != nil {
		return nil, err
	}
	var before int64
	if p.Cursor != nil {
		if err := s.Cursors.Decode(name, *p.Cursor, &before); err != nil {
			return nil, err
		}
	}
	list, more, err := s.Auth.ListAuditLog(ctx, f, before, page.Limit)
	if err != nil {
		return nil, err
	}
	out := ListAuditLog200JSONResponse{Items: make([]AuditEntry, len(list))}
	for i, e := range list {
		entry := AuditEntry{
			ID: e.ID, At: e.At, ActorKind: AuditEntryActorKind(e.ActorKind), ActorID: present(e.ActorID), Action: e.Action,
			UserID: e.UserID, RequestID: present(e.RequestID),
		}
		if err := json.Unmarshal(e.Detail, &entry.Detail); err != nil {
			return nil, err
		}
		out.Items[i] = entry
	}
	if more {
		next, err := s.Cursors.Encode(name, list[len(list)-1].ID)
		if err != nil {
			return nil, err
		}
		out.NextCursor = &next
	}
	return out, nil
}

// VerifyAuditLog checks the hash chain of the audit trail.
func (s *Server) VerifyAuditLog(ctx context.Context, _ VerifyAuditLogRequestObject) (VerifyAuditLogResponseObject, error) {
	v, err := s.Auth.VerifyAuditLog(ctx)
	return VerifyAuditLog200JSONResponse{Intact: v.Intact(), Entries: v.Entries, FirstBrokenID: present(v.FirstBrokenID)}, err
}

func user(u auth.User) User {
	return User{
		ID: u.ID, Email: u.Email, DisplayName: present(u.DisplayName), Locale: u.Locale, Roles: roles(u.Roles), Status: UserStatus(u.Status),
		DisabledReason: present(u.DisabledReason), EmailVerified: u.Verified, Mfa: u.MFA, DelayedUntil: u.DelayedUntil, CreatedAt: u.CreatedAt,
	}
}
