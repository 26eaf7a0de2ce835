package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"
)

// github is GitHub, which is no OpenID Connect provider: who signed in is asked
// of its API.
// https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
type github struct {
	client *http.Client
	app    oauth2.Config
	issuer string
	api    string
}

func newGithub(client *http.Client, app oauth2.Config, site, api string) *github {
	app.Scopes = []string{"read:user", "user:email"}
	app.Endpoint = oauth2.Endpoint{
		AuthURL: site + "/login/oauth/authorize", TokenURL: site + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
	}
	return &github{client, app, site + "/login/oauth", api}
}

func (g *github) Authorize(_ context.Context, state string, s Secrets) (string, error) {
	return g.app.AuthCodeURL(state, oauth2.S256ChallengeOption(s.Verifier)), nil
}

func (g *github) Identify(ctx context.Context, code, iss string, s Secrets) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, g.client.Timeout)
	defer cancel()
	if iss != "" && iss != g.issuer {
		return Identity{}, fmt.Errorf("%w: it comes from issuer %.100q", ErrRefused, iss)
	}
	token, err := redeem(ctx, g.client, &g.app, code, oauth2.VerifierOption(s.Verifier))
	if err != nil {
		return Identity{}, err
	}
	var user struct {
		ID    int64  `json:"id"` // stays; a login can be given up and taken by somebody else
		Login string `json:"login"`
		Name  string `json:"name"`
	}
	if err := g.get(ctx, token, "/user", &user); err != nil {
		return Identity{}, err
	}
	if user.ID <= 0 {
		return Identity{}, fmt.Errorf("%w: user without an id", ErrRefused)
	}
	var emails []struct {
		Email             string
		Primary, Verified bool
	}
	if err := g.get(ctx, token, "/user/emails?per_page=100", &emails); err != nil {
		return Identity{}, err
	}
	who := Identity{Subject: strconv.FormatInt(user.ID, 10), Name: user.Name}
	if who.Name == "" {
		who.Name = user.Login
	}
	for _, e := range emails {
		if e.Primary {
			who.Email, who.EmailVerified = e.Email, e.Verified
		}
	}
	return who, nil
}

func (g *github) get(ctx context.Context, token *oauth2.Token, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	res, err := g.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}
