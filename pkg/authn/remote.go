package authn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Remote asks auth what only auth knows: who a key belongs to, and whether a
// session is active when Redis cannot tell. Its methods are the Introspector and
// the Fallback of every other service.
type Remote struct {
	url    string
	client *http.Client
}

// NewRemote makes a Remote of auth at url. The client sends the service's own key
// and bounds time and size of answers; see httpx.NewClient.
func NewRemote(url string, client *http.Client) *Remote {
	return &Remote{strings.TrimRight(url, "/"), client}
}

// CheckSession is nil if the caller's session is active. It is a Fallback.
func (r *Remote) CheckSession(ctx context.Context, p Principal) error {
	var status struct {
		Active    bool
		NotBefore *time.Time
	}
	if err := r.ask(ctx, http.MethodGet, "/internal/v1/sessions/"+p.SessionID.String(), nil, &status); err != nil {
		return err
	}
	if !status.Active || status.NotBefore != nil && p.IssuedAt.Before(IssuedAtLeast(*status.NotBefore)) {
		return ErrUnauthenticated
	}
	return nil
}

// Introspect looks up a key of either kind. It is an Introspector.
func (r *Remote) Introspect(ctx context.Context, key string) (Principal, error) {
	kind, path := KindAPIKey, "/internal/v1/api-keys/introspect"
	if strings.HasPrefix(key, ServiceKeyPrefix) {
		kind, path = KindService, "/internal/v1/service-keys/introspect"
	}
	var k struct {
		Active        bool
		KeyID, UserID uuid.UUID
		Roles, Scopes []string
		Service       string
	}
	if err := r.ask(ctx, http.MethodPost, path, map[string]string{"key": key}, &k); err != nil {
		return Principal{}, err
	}
	if !k.Active {
		return Principal{}, ErrUnauthenticated
	}
	p := Principal{Kind: kind, UserID: k.UserID, KeyID: k.KeyID, Scopes: k.Scopes, Service: k.Service}
	for _, name := range k.Roles {
		if role, ok := ParseRole(name); ok {
			p.Roles = append(p.Roles, role)
		}
	}
	return p, nil
}

func (r *Remote) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("authn: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, body)
	if err != nil {
		return fmt.Errorf("authn: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("authn: ask auth: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("authn: ask auth: %s %s: %s", method, path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("authn: ask auth: %s %s: %w", method, path, err)
	}
	return nil
}
