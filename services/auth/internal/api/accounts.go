package api

import (
	"context"
	"strconv"
	"time"

	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

func microTime(us int64) time.Time { return time.UnixMicro(us).UTC() }

// Register creates an account.
func (s *Server) Register(ctx context.Context, r RegisterRequestObject) (RegisterResponseObject, error) {
	b := r.Body
	err := s.Auth.Register(ctx, auth.Registration{
		Email: b.Email, Password: b.Password, DisplayName: value(b.DisplayName), Locale: value(b.Locale),
	}, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return Register201JSONResponse{Email: b.Email, Next: VerifyEmail}, nil
}

// VerifyEmail confirms an address.
func (s *Server) VerifyEmail(ctx context.Context, r VerifyEmailRequestObject) (VerifyEmailResponseObject, error) {
	return VerifyEmail204Response{}, s.Auth.VerifyEmail(ctx, r.Body.Token, client(ctx, nil))
}

// ResendVerification mails the verification link again.
func (s *Server) ResendVerification(ctx context.Context, r ResendVerificationRequestObject) (ResendVerificationResponseObject, error) {
	return ResendVerification202Response{}, s.Auth.ResendVerification(ctx, r.Body.Email, client(ctx, nil))
}

// Login signs in with e-mail and password.
func (s *Server) Login(ctx context.Context, r LoginRequestObject) (LoginResponseObject, error) {
	b := r.Body
	res, err := s.Auth.Login(ctx, b.Email, b.Password, client(ctx, b.DeviceName))
	if err != nil {
		return nil, err
	}
	body, cookie := s.loginResult(res, b.TokenDelivery)
	return Login200JSONResponse{Body: body, Headers: Login200ResponseHeaders{SetCookie: cookie}}, nil
}

// Refresh exchanges a refresh token, from the body or from the cookie.
func (s *Server) Refresh(ctx context.Context, r RefreshRequestObject) (RefreshResponseObject, error) {
	token, delivery := value(r.Body.RefreshToken), Body
	if token == "" {
		if token = value(r.Params.RefreshToken); token == "" {
			return nil, errRefreshMissing
		}
		if err := s.Auth.CheckCSRF(token, value(r.Params.CSRFToken)); err != nil {
			return nil, err
		}
		delivery = Cookie
	}
	t, err := s.Auth.Refresh(ctx, token, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	body, cookie := s.tokens(t, &delivery)
	return Refresh200JSONResponse{Body: body, Headers: Refresh200ResponseHeaders{SetCookie: cookie}}, nil
}

// Logout ends the caller's session.
func (s *Server) Logout(ctx context.Context, _ LogoutRequestObject) (LogoutResponseObject, error) {
	return Logout204Response{Headers: Logout204ResponseHeaders{SetCookie: dropCookie()}}, s.Auth.Logout(ctx, caller(ctx), client(ctx, nil))
}

// LogoutAll ends all sessions of the caller.
func (s *Server) LogoutAll(ctx context.Context, _ LogoutAllRequestObject) (LogoutAllResponseObject, error) {
	return LogoutAll204Response{Headers: LogoutAll204ResponseHeaders{SetCookie: dropCookie()}}, s.Auth.LogoutAll(ctx, caller(ctx), client(ctx, nil))
}

// ForgotPassword mails a reset link.
func (s *Server) ForgotPassword(ctx context.Context, r ForgotPasswordRequestObject) (ForgotPasswordResponseObject, error) {
	return ForgotPassword202Response{}, s.Auth.ForgotPassword(ctx, r.Body.Email, client(ctx, nil))
}

// ResetPassword sets a password by mailed token.
func (s *Server) ResetPassword(ctx context.Context, r ResetPasswordRequestObject) (ResetPasswordResponseObject, error) {
	return ResetPassword204Response{}, s.Auth.ResetPassword(ctx, r.Body.Token, r.Body.NewPassword, client(ctx, nil))
}

// ChangePassword sets a password for who knows the current one.
func (s *Server) ChangePassword(ctx context.Context, r ChangePasswordRequestObject) (ChangePasswordResponseObject, error) {
	return ChangePassword204Response{}, s.Auth.ChangePassword(ctx, caller(ctx), r.Body.CurrentPassword, r.Body.NewPassword, client(ctx, nil))
}

// ChangeEmail begins a move to another address.
func (s *Server) ChangeEmail(ctx context.Context, r ChangeEmailRequestObject) (ChangeEmailResponseObject, error) {
	return ChangeEmail202Response{}, s.Auth.ChangeEmail(ctx, caller(ctx), r.Body.NewEmail, client(ctx, nil))
}

// ConfirmEmail finishes a move to another address.
func (s *Server) ConfirmEmail(ctx context.Context, r ConfirmEmailRequestObject) (ConfirmEmailResponseObject, error) {
	return ConfirmEmail204Response{}, s.Auth.ConfirmEmail(ctx, r.Body.Token, client(ctx, nil))
}

// GetAccount returns the caller's account.
func (s *Server) GetAccount(ctx context.Context, _ GetAccountRequestObject) (GetAccountResponseObject, error) {
	a, err := s.Auth.GetAccount(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	etag := strconv.Quote(strconv.FormatInt(a.UpdatedAt.UnixMicro(), 36))
	return GetAccount200JSONResponse{Headers: GetAccount200ResponseHeaders{ETag: &etag}, Body: Account{
		ID: a.ID, Email: a.Email, DisplayName: present(a.DisplayName), Locale: a.Locale, Roles: roles(a.Roles),
		EmailVerified: a.Verified, HasPassword: a.HasPassword, CreatedAt: a.CreatedAt,
	}}, nil
}

// DeleteAccount deletes the caller's account.
func (s *Server) DeleteAccount(ctx context.Context, _ DeleteAccountRequestObject) (DeleteAccountResponseObject, error) {
	p := caller(ctx)
	return DeleteAccount204Response{}, s.Auth.DeleteAccount(ctx, p, p.UserID, client(ctx, nil))
}

// ListSessions lists the caller's sessions.
func (s *Server) ListSessions(ctx context.Context, r ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	p := caller(ctx)
	list, err := s.sessionList(ctx, s.Auth.ListSessions, "sessions:"+p.UserID.String(), p.UserID, p.SessionID, r.Params.Limit, r.Params.Cursor)
	return ListSessions200JSONResponse(list), err
}

// RevokeSession ends one of the caller's sessions.
func (s *Server) RevokeSession(ctx context.Context, r RevokeSessionRequestObject) (RevokeSessionResponseObject, error) {
	return RevokeSession204Response{}, s.Auth.RevokeSession(ctx, caller(ctx), r.SessionID, client(ctx, nil))
}

// GetJwks publishes the keys that verify access tokens.
func (s *Server) GetJwks(context.Context, GetJwksRequestObject) (GetJwksResponseObject, error) {
	body, err := s.jwks()
	cache := "public, max-age=60" // shorter than the time a new key is published before it signs
	return GetJwks200JSONResponse{Body: body, Headers: GetJwks200ResponseHeaders{CacheControl: &cache}}, err
}

// GetOpenidConfiguration publishes what is true of the token issuer.
func (s *Server) GetOpenidConfiguration(context.Context, GetOpenidConfigurationRequestObject) (GetOpenidConfigurationResponseObject, error) {
	return GetOpenidConfiguration200JSONResponse{
		Issuer: s.PublicURL, JwksURI: s.PublicURL + "/.well-known/jwks.json",
		SubjectTypesSupported:                &[]string{"public"},
		ClaimsSupported:                      &[]string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "sid", "auth_time", "roles"},
		AccessTokenSigningAlgValuesSupported: &[]string{"ES256"},
		ServiceDocumentation:                 present(s.PublicURL + "/docs/"),
	}, nil
}
