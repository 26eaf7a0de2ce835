package api

import (
	"context"

	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

// ListOauthProviders lists the providers that are offered.
func (s *Server) ListOauthProviders(context.Context, ListOauthProvidersRequestObject) (ListOauthProvidersResponseObject, error) {
	out := ListOauthProviders200JSONResponse{Items: []Provider{}}
	for _, name := range s.Auth.ListOauthProviders() {
		out.Items = append(out.Items, Provider(name))
	}
	return out, nil
}

// StartOauth begins a sign-in with a provider.
func (s *Server) StartOauth(ctx context.Context, r StartOauthRequestObject) (StartOauthResponseObject, error) {
	start, err := s.Auth.StartOauth(ctx, string(r.Provider), r.Body.CodeChallenge, value(r.Body.RedirectURI))
	return StartOauth200JSONResponse(start), err
}

// OauthCallback takes the browser back from a provider and sends it on to the
// client.
func (s *Server) OauthCallback(ctx context.Context, r OauthCallbackRequestObject) (OauthCallbackResponseObject, error) {
	to, err := s.Auth.OauthCallback(ctx, string(r.Provider), auth.OauthCallback{
		State: r.Params.State, Code: value(r.Params.Code), Error: value(r.Params.Error), Issuer: value(r.Params.Iss),
	})
	return OauthCallback302Response{Headers: OauthCallback302ResponseHeaders{Location: &to}}, err
}

// StartOauthLink begins to link a provider to the caller's account.
func (s *Server) StartOauthLink(ctx context.Context, r StartOauthLinkRequestObject) (StartOauthLinkResponseObject, error) {
	start, err := s.Auth.StartOauthLink(ctx, caller(ctx), string(r.Provider), r.Body.CodeChallenge, value(r.Body.RedirectURI))
	return StartOauthLink200JSONResponse(start), err
}

// ExchangeOauth redeems the code of a callback.
func (s *Server) ExchangeOauth(ctx context.Context, r ExchangeOauthRequestObject) (ExchangeOauthResponseObject, error) {
	b := r.Body
	res, err := s.Auth.ExchangeOauth(ctx, b.Code, b.CodeVerifier, client(ctx, b.DeviceName))
	if err != nil {
		return nil, err
	}
	switch {
	case res.Link != nil:
		link := oauthLink(*res.Link)
		return ExchangeOauth200JSONResponse{Body: OauthResult{Status: OauthResultStatusLinked, Link: &link}}, nil
	case res.LinkToken != "":
		return ExchangeOauth200JSONResponse{Body: OauthResult{Status: OauthResultStatusLinkRequired, LinkToken: &res.LinkToken}}, nil
	}
	in, cookie := s.loginResult(res.LoginResult, b.TokenDelivery)
	return ExchangeOauth200JSONResponse{
		Headers: ExchangeOauth200ResponseHeaders{SetCookie: cookie},
		Body:    OauthResult{Status: OauthResultStatus(in.Status), Tokens: in.Tokens, Challenge: in.Challenge},
	}, nil
}

// ListOauthLinks lists the providers that are linked to the caller's account.
func (s *Server) ListOauthLinks(ctx context.Context, _ ListOauthLinksRequestObject) (ListOauthLinksResponseObject, error) {
	links, err := s.Auth.ListOauthLinks(ctx, caller(ctx).UserID)
	out := ListOauthLinks200JSONResponse{Items: make([]OauthLink, len(links))}
	for i, l := range links {
		out.Items[i] = oauthLink(l)
	}
	return out, err
}

// ConfirmOauthLink links the provider that an exchange left waiting.
func (s *Server) ConfirmOauthLink(ctx context.Context, r ConfirmOauthLinkRequestObject) (ConfirmOauthLinkResponseObject, error) {
	link, err := s.Auth.ConfirmOauthLink(ctx, caller(ctx), r.Body.LinkToken, client(ctx, nil))
	return ConfirmOauthLink200JSONResponse(oauthLink(link)), err
}

// UnlinkOauth removes a provider from the caller's account.
func (s *Server) UnlinkOauth(ctx context.Context, r UnlinkOauthRequestObject) (UnlinkOauthResponseObject, error) {
	return UnlinkOauth204Response{}, s.Auth.UnlinkOauth(ctx, caller(ctx), string(r.Provider), client(ctx, nil))
}

func oauthLink(l auth.OauthLink) OauthLink {
	return OauthLink{Provider: Provider(l.Provider), Email: present(l.Email), LinkedAt: l.LinkedAt, LastUsedAt: l.LastUsedAt}
}
