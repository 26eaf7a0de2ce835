package main

import (
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/config"
)

// Config is the environment of ai. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// UserURL, ResumeURL and JobURL are where those services are reached: for plans, and for what requests name by id.
	UserURL   string `env:"USER_URL" envDefault:"http://127.0.0.1:8002" check:"url=http|https"`
	ResumeURL string `env:"RESUME_URL" envDefault:"http://127.0.0.1:8003" check:"url=http|https"`
	JobURL    string `env:"JOB_URL" envDefault:"http://127.0.0.1:8004" check:"url=http|https"`

	// Engines are asked in this order: builtin, openai, anthropic. Those that need a key or a URL must have it.
	Engines []string `env:"AI_ENGINES" envDefault:"builtin" example:"anthropic,openai,builtin"`
	// EngineTimeout bounds what one engine may take for a task.
	EngineTimeout time.Duration `env:"AI_ENGINE_TIMEOUT" envDefault:"20s" check:"min=1s,max=50s"`
	// KeepAnswers is how long answers of paid engines are kept for the same question; 0 keeps none.
	KeepAnswers time.Duration `env:"AI_KEEP_ANSWERS" envDefault:"24h" check:"min=0s"`
	// TokensPerRequest times the requests of a user's plan is their budget of tokens for a day.
	TokensPerRequest int64 `env:"AI_TOKENS_PER_REQUEST" envDefault:"8000" check:"min=0"`
	// CostPerDay is the most that a user may cost in a day, in millionths of a US dollar.
	CostPerDay int64 `env:"AI_COST_PER_DAY" envDefault:"500000" check:"min=0"`

	// OpenAI is OpenAI or any server of its API.
	OpenAI Provider `envPrefix:"OPENAI_"`
	// OpenAIEmbeddingModel makes vectors when a request names it; empty: none.
	OpenAIEmbeddingModel string `env:"OPENAI_EMBEDDING_MODEL" example:"text-embedding-3-small"`
	// Anthropic is Anthropic.
	Anthropic Provider `envPrefix:"ANTHROPIC_"`

	// ParseParallel is how many resumes are read at once; further ones wait a little and are then refused as busy.
	ParseParallel int `env:"PARSE_PARALLEL" envDefault:"4" check:"min=1,max=64"`
	// PDFWorkers is how many processes read PDFs at once, 140 MB each while there are PDFs to read.
	PDFWorkers int `env:"PDF_WORKERS" envDefault:"2" check:"min=1,max=32"`
	// CacheDir keeps the PDF reader compiled between starts, which saves seconds at the first PDF; empty: the user's own.
	CacheDir string `env:"CACHE_DIR" example:"/var/cache/jobpilot"`
}

// Provider is a server of language models.
type Provider struct {
	// BaseURL of the API; empty is the provider's own.
	BaseURL string `env:"BASE_URL" check:"url=http|https"`
	// APIKey from the provider.
	APIKey config.Secret `env:"API_KEY"`
	// Model to ask.
	Model string `env:"MODEL"`
	// InputCost and OutputCost are its prices: millionths of a US dollar for a thousand tokens.
	InputCost  int64 `env:"INPUT_COST" envDefault:"3000" check:"min=0"`
	OutputCost int64 `env:"OUTPUT_COST" envDefault:"15000" check:"min=0"`
}

// Validate checks what tags cannot.
func (c *Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, name := range c.Engines {
		p, known := map[string]Provider{"builtin": {}, "openai": c.OpenAI, "anthropic": c.Anthropic}[name]
		switch {
		case !known || seen[name]:
			return config.Fault{Key: "AI_ENGINES", Text: "must be some of builtin, openai and anthropic, each once"}
		case name == "builtin":
		case p.Model == "":
			return config.Fault{Key: prefixes[name] + "MODEL", Text: "missing; name the model to ask, or take " + name + " out of AI_ENGINES"}
		case p.APIKey == "" && (name == "anthropic" || p.BaseURL == ""):
			return config.Fault{Key: prefixes[name] + "API_KEY", Text: "missing; set it, or take " + name + " out of AI_ENGINES"}
		}
		seen[name] = true
	}
	if len(seen) == 0 {
		return config.Fault{Key: "AI_ENGINES", Text: "names no engine; the default is builtin"}
	}
	return nil
}

var prefixes = map[string]string{"openai": "OPENAI_", "anthropic": "ANTHROPIC_"}
