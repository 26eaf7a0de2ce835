package api

import (
	"context"
	"encoding/json"

	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// StartPasskeyRegistration begins the registration of a passkey.
func (s *Server) StartPasskeyRegistration(ctx context.Context, _ StartPasskeyRegistrationRequestObject) (StartPasskeyRegistrationResponseObject, error) {
	c, err := s.Auth.StartPasskeyRegistration(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	body, err := passkeyCeremony(c)
	return StartPasskeyRegistration200JSONResponse(body), err
}

// RegisterPasskey finishes the registration of a passkey.
func (s *Server) RegisterPasskey(ctx context.Context, r RegisterPasskeyRequestObject) (RegisterPasskeyResponseObject, error) {
	credential, err := json.Marshal(r.Body.Credential)
	if err != nil {
		return nil, err
	}
	p, err := s.Auth.RegisterPasskey(ctx, caller(ctx), r.Body.CeremonyID, r.Body.Name, credential, client(ctx, nil))
	if err != nil {
		return nil, err
	}
	return RegisterPasskey201JSONResponse(passkey(p)), nil
}

// ListPasskeys lists the caller's passkeys.
func (s *Server) ListPasskeys(ctx context.Context, _ ListPasskeysRequestObject) (ListPasskeysResponseObject, error) {
	list, err := s.Auth.ListPasskeys(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	out := ListPasskeys200JSONResponse{Items: make([]Passkey, len(list))}
	for i, p := range list {
		out.Items[i] = passkey(p)
	}
	return out, nil
}

// RenamePasskey names a passkey of the caller anew.
func (s *Server) RenamePasskey(ctx context.Context, r RenamePasskeyRequestObject) (RenamePasskeyResponseObject, error) {
	p, err := s.Auth.RenamePasskey(ctx, caller(ctx), r.PasskeyID, r.Body.Name)
	if err != nil {
		return nil, err
	}
	return RenamePasskey200JSONResponse(passkey(p)), nil
}

// RemovePasskey removes a passkey of the caller.
func (s *Server) RemovePasskey(ctx context.Context, r RemovePasskeyRequestObject) (RemovePasskeyResponseObject, error) {
	return RemovePasskey204Response{}, s.Auth.RemovePasskey(ctx, caller(ctx), r.PasskeyID, client(ctx, nil))
}

// StartPasskeyLogin begins a sign-in or a step-up by passkey.
func (s *Server) StartPasskeyLogin(ctx context.Context, _ StartPasskeyLoginRequestObject) (StartPasskeyLoginResponseObject, error) {
	c, err := s.Auth.StartPasskeyLogin(ctx)
	if err != nil {
		return nil, err
	}
	body, err := passkeyCeremony(c)
	return StartPasskeyLogin200JSONResponse(body), err
}

// LoginWithPasskey signs in with a passkey.
func (s *Server) LoginWithPasskey(ctx context.Context, r LoginWithPasskeyRequestObject) (LoginWithPasskeyResponseObject, error) {
	b := r.Body
	credential, err := json.Marshal(b.Credential)
	if err != nil {
		return nil, err
	}
	res, err := s.Auth.LoginWithPasskey(ctx, b.CeremonyID, credential, client(ctx, b.DeviceName))
	if err != nil {
		return nil, err
	}
	body, cookie := s.loginResult(res, b.TokenDelivery)
	return LoginWithPasskey200JSONResponse{Body: body, Headers: LoginWithPasskey200ResponseHeaders{SetCookie: cookie}}, nil
}

func passkey(p auth.Passkey) Passkey {
	return Passkey{ID: p.ID, Name: p.Name, CreatedAt: p.CreatedAt, LastUsedAt: p.LastUsedAt}
}

func passkeyCeremony(c auth.Ceremony) (PasskeyCeremony, error) {
	out := PasskeyCeremony{CeremonyID: c.ID, ExpiresAt: c.ExpiresAt}
	return out, json.Unmarshal(c.Options, &out.PublicKey)
}
