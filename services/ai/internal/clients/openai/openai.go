// Package openai asks models by the API of OpenAI, which many others speak too
// (vLLM, Ollama, llama.cpp, Azure, OpenRouter …): chat completions with an answer
// of a JSON Schema, and embeddings.
// https://platform.openai.com/docs/api-reference/chat
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
	"github.com/jobpilot/jobpilot/services/ai/internal/clients/wire"
)

// Config says whom to ask.
type Config struct {
	BaseURL        string // with the version: https://api.openai.com/v1
	Key            string // empty for servers that need none
	Model          string
	EmbeddingModel string // empty: none
	HTTP           *http.Client
	Backoff        time.Duration // see wire.Client
}

// Provider is a server of the API.
type Provider struct {
	cfg  Config
	wire wire.Client
}

// New makes a Provider. It connects to nothing yet.
func New(cfg Config) *Provider {
	headers := map[string]string{}
	if cfg.Key != "" {
		headers["Authorization"] = "Bearer " + cfg.Key
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	return &Provider{cfg, wire.Client{HTTP: cfg.HTTP, Headers: headers, Backoff: cfg.Backoff}}
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
}

func (u usage) spent() ai.Spent { return ai.Spent{Input: u.Prompt, Output: u.Completion} }

// Complete asks for a JSON document of the prompt's schema.
func (p *Provider) Complete(ctx context.Context, q ai.Prompt) (json.RawMessage, ai.Spent, error) {
	request := map[string]any{
		"model":      p.cfg.Model,
		"messages":   []message{{"system", q.Instructions}, {"user", q.Material}},
		"max_tokens": q.MaxTokens, // deprecated by OpenAI, and all that the others know
		"response_format": map[string]any{
			"type": "json_schema", "json_schema": map[string]any{"name": q.Name, "strict": true, "schema": q.Schema},
		},
	}
	if strings.Contains(p.cfg.BaseURL, "api.openai.com") {
		delete(request, "max_tokens")
		request["max_completion_tokens"] = q.MaxTokens
	}
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"message"`
			Finish string `json:"finish_reason"`
		} `json:"choices"`
		Usage usage `json:"usage"`
	}
	if err := p.wire.Post(ctx, p.cfg.BaseURL+"/chat/completions", request, &answer); err != nil {
		return nil, ai.Spent{}, fmt.Errorf("openai: %w", err)
	}
	spent := answer.Usage.spent()
	switch {
	case len(answer.Choices) == 0 || answer.Choices[0].Message.Refusal != "":
		return nil, spent, fmt.Errorf("openai: %w: no answer", ai.ErrRefused)
	case answer.Choices[0].Finish == "length":
		return nil, spent, fmt.Errorf("openai: %w: it is cut off", ai.ErrRefused)
	}
	return json.RawMessage(answer.Choices[0].Message.Content), spent, nil
}

// Embed asks for vectors and brings them to length 1.
func (p *Provider) Embed(ctx context.Context, texts []string) ([][]float32, ai.Spent, error) {
	if p.cfg.EmbeddingModel == "" {
		return nil, ai.Spent{}, errors.New("openai: no model for embeddings is configured")
	}
	var answer struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
		Usage usage `json:"usage"`
	}
	request := map[string]any{"model": p.cfg.EmbeddingModel, "input": texts, "encoding_format": "float"}
	if err := p.wire.Post(ctx, p.cfg.BaseURL+"/embeddings", request, &answer); err != nil {
		return nil, ai.Spent{}, fmt.Errorf("openai: %w", err)
	}
	out := make([][]float32, len(texts))
	for _, d := range answer.Data {
		if d.Index < 0 || d.Index >= len(out) {
			return nil, answer.Usage.spent(), fmt.Errorf("openai: %w: a vector for no text", ai.ErrRefused)
		}
		out[d.Index] = unit(d.Embedding)
	}
	return out, answer.Usage.spent(), nil
}

func unit(v []float32) []float32 {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if norm := math.Sqrt(sum); norm > 0 {
		for i := range v {
			v[i] = float32(float64(v[i]) / norm)
		}
	}
	return v
}
