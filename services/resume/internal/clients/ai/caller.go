// Package ai is the client of the ai service: what is generated from its contract,
// and the two calls that resume makes with it.
package ai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/httpx"
)

// Caller calls ai on behalf of users. An answer that is a problem is an
// *errs.Error with ai's own code and text; other errors mean that there was none.
type Caller struct{ client ClientWithResponsesInterface }

// NewCaller calls ai at url with a client that shows the service's key.
func NewCaller(url string, client *http.Client) (*Caller, error) {
	c, err := NewClientWithResponses(url, WithHTTPClient(client))
	return &Caller{c}, err
}

var errEmpty = errors.New("ai: the answer is not what the contract says")

// ParseResume has a file read.
func (c *Caller) ParseResume(ctx context.Context, user uuid.UUID, file io.Reader) (*ParsedResume, error) {
	res, err := c.client.ParseResumeInternallyWithBodyWithResponse(ctx, &ParseResumeInternallyParams{UserID: &user}, "application/octet-stream", file)
	if err != nil {
		return nil, fmt.Errorf("ai: %w", err)
	}
	return answer(res.JSON200, res.HTTPResponse, res.Body)
}

// OptimizeResume asks for suggestions.
func (c *Caller) OptimizeResume(ctx context.Context, user uuid.UUID, ask OptimizeResumeRequest) (*OptimizeResumeResult, error) {
	res, err := c.client.OptimizeResumeInternallyWithResponse(ctx, &OptimizeResumeInternallyParams{UserID: &user}, ask)
	if err != nil {
		return nil, fmt.Errorf("ai: %w", err)
	}
	return answer(res.JSON200, res.HTTPResponse, res.Body)
}

func answer[T any](ok *T, res *http.Response, body []byte) (*T, error) {
	if err := httpx.ResponseError(res.StatusCode, res.Header.Get("Content-Type"), body); err != nil {
		return nil, err
	}
	if ok == nil {
		return nil, errEmpty
	}
	return ok, nil
}
