package api

import (
	"context"
	"encoding/json"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// CompleteLogin answers the challenge of a sign-in.
func (s *Server) CompleteLogin(ctx context.Context, r CompleteLoginRequestObject) (CompleteLoginResponseObject, error) {
	b := r.Body
	res, err := s.Auth.CompleteLogin(ctx, b.ChallengeToken, string(b.Method), b.Code, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	body, cookie := s.loginResult(res, b.TokenDelivery)
	return CompleteLogin200JSONResponse{Body: body, Headers: CompleteLogin200ResponseHeaders{SetCookie: cookie}}, nil
}

// StepUp proves the caller's presence again.
func (s *Server) StepUp(ctx context.Context, r StepUpRequestObject) (StepUpResponseObject, error) {
	b := r.Body
	proof := auth.Proof{Method: string(b.Method), Password: value(b.Password), Code: value(b.Code), CeremonyID: value(b.CeremonyID)}
	if b.Credential != nil {
		var err error
		if proof.Credential, err = json.Marshal(b.Credential); err != nil {
			return nil, err
		}
	}
	access, err := s.Auth.StepUp(ctx, caller(ctx), proof, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return StepUp200JSONResponse{AccessToken: access, TokenType: AccessTokenTokenTypeBearer, ExpiresIn: int(authn.AccessTokenTTL.Seconds())}, nil
}

// GetMfa tells the caller's second factors.
func (s *Server) GetMfa(ctx context.Context, _ GetMfaRequestObject) (GetMfaResponseObject, error) {
	m, err := s.Auth.GetMfa(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return GetMfa200JSONResponse{
		Totp: m.TotpConfirmedAt != nil, TotpConfirmedAt: m.TotpConfirmedAt, RecoveryCodesLeft: m.RecoveryCodesLeft, Passkeys: m.Passkeys,
	}, nil
}

// EnrolTotp begins the enrolment of an authenticator app.
func (s *Server) EnrolTotp(ctx context.Context, _ EnrolTotpRequestObject) (EnrolTotpResponseObject, error) {
	e, err := s.Auth.EnrolTotp(ctx, caller(ctx), client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return EnrolTotp201JSONResponse{Secret: e.Secret, OtpauthURI: e.URI}, nil
}

// ConfirmTotp puts the enrolled app in use.
func (s *Server) ConfirmTotp(ctx context.Context, r ConfirmTotpRequestObject) (ConfirmTotpResponseObject, error) {
	codes, err := s.Auth.ConfirmTotp(ctx, caller(ctx), r.Body.Code, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return ConfirmTotp200JSONResponse{RecoveryCodes: codes}, nil
}

// RemoveTotp removes the authenticator app and the recovery codes.
func (s *Server) RemoveTotp(ctx context.Context, _ RemoveTotpRequestObject) (RemoveTotpResponseObject, error) {
	return RemoveTotp204Response{}, s.Auth.RemoveTotp(ctx, caller(ctx), client(ctx, nil))
}

// RegenerateRecoveryCodes replaces the recovery codes.
func (s *Server) RegenerateRecoveryCodes(ctx context.Context, _ RegenerateRecoveryCodesRequestObject) (RegenerateRecoveryCodesResponseObject, error) {
	codes, err := s.Auth.RegenerateRecoveryCodes(ctx, caller(ctx), client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return RegenerateRecoveryCodes200JSONResponse{RecoveryCodes: codes}, nil
}
