// Package anthropic asks models by the Messages API of Anthropic, with the answer
// as the input of a tool that the model has to use, which gives it a JSON Schema.
// https://docs.anthropic.com/en/api/messages
package anthropic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/wire"
)

// version of the API that is spoken.
const version = "2023-06-01"

// Config says whom to ask.
type Config struct {
	BaseURL string // https://api.anthropic.com
	Key     string
	Model   string
	HTTP    *http.Client
	Backoff time.Duration // see wire.Client
}

// Provider is a server of the API.
type Provider struct {
	cfg  Config
	wire wire.Client
}

// New makes a Provider. It connects to nothing yet.
func New(cfg Config) *Provider {
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	return &Provider{cfg, wire.Client{HTTP: cfg.HTTP, Headers: map[string]string{"X-Api-Key": cfg.Key, "Anthropic-Version": version}, Backoff: cfg.Backoff}}
}

// Complete asks for a JSON document of the prompt's schema.
func (p *Provider) Complete(ctx context.Context, q ai.Prompt) (json.RawMessage, ai.Spent, error) {
	request := map[string]any{
		"model": p.cfg.Model, "max_tokens": q.MaxTokens, "system": q.Instructions,
		"messages":    []map[string]string{{"role": "user", "content": q.Material}},
		"tools":       []map[string]any{{"name": q.Name, "description": "Gives the answer.", "input_schema": q.Schema}},
		"tool_choice": map[string]string{"type": "tool", "name": q.Name},
	}
	var answer struct {
		Content []struct {
			Type  string          `json:"type"`
			Name  string          `json:"name"`
			Input json.RawMessage `json:"input"`
		} `json:"content"`
		Stop  string `json:"stop_reason"`
		Usage struct {
			Input  int64 `json:"input_tokens"`
			Output int64 `json:"output_tokens"`
		} `json:"usage"`
	}
	if err := p.wire.Post(ctx, p.cfg.BaseURL+"/v1/messages", request, &answer); err != nil {
		return nil, ai.Spent{}, fmt.Errorf("anthropic: %w", err)
	}
	spent := ai.Spent{Input: answer.Usage.Input, Output: answer.Usage.Output}
	if answer.Stop == "max_tokens" {
		return nil, spent, fmt.Errorf("anthropic: %w: it is cut off", ai.ErrRefused)
	}
	for _, c := range answer.Content {
		if c.Type == "tool_use" && c.Name == q.Name {
			return c.Input, spent, nil
		}
	}
	return nil, spent, fmt.Errorf("anthropic: %w: no answer", ai.ErrRefused)
}

// Embed is not in the API.
func (p *Provider) Embed(context.Context, []string) ([][]float32, ai.Spent, error) {
	return nil, ai.Spent{}, errors.New("anthropic: there are no embeddings")
}
