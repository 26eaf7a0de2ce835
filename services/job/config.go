package main

import (
	"fmt"
	"strings"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// Config is the environment of job. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// SearchURL is OpenSearch 2 or Elasticsearch 8; without it answering, Postgres answers searches.
	SearchURL string `env:"SEARCH_URL,required" check:"url=http|https" example:"http://127.0.0.1:9200"`
	// SearchFlavor is opensearch or elasticsearch; empty suits both.
	SearchFlavor string `env:"SEARCH_FLAVOR" check:"oneof=|opensearch|elasticsearch"`
	// SearchPrefix begins the names of the indices: several installations can share an engine.
	SearchPrefix string `env:"SEARCH_PREFIX" envDefault:"jobpilot-"`

	// AIURL, UserURL and ResumeURL are where the service reaches ai, user and resume.
	AIURL     string `env:"AI_URL,required" check:"url=http|https" example:"http://127.0.0.1:8000"`
	UserURL   string `env:"USER_URL,required" check:"url=http|https" example:"http://127.0.0.1:8002"`
	ResumeURL string `env:"RESUME_URL,required" check:"url=http|https" example:"http://127.0.0.1:8003"`

	// Sources are boards to gather from, added at start if they are not there: platform:token, separated by commas.
	Sources []string `env:"SOURCES" example:"greenhouse:acme,lever:acme,remotive"`
	// SourceBaseURL stands in for the public addresses of all platforms: the local job site, in development.
	SourceBaseURL string `env:"SOURCE_BASE_URL" check:"url=http|https" example:"http://127.0.0.1:18080"`
	// FetchAllow are hosts (name, address, or with port) that may be in a private network; for development.
	FetchAllow []string `env:"FETCH_ALLOW" example:"127.0.0.1:18080"`
	// FetchPerSecond is how many requests a second one host gets.
	FetchPerSecond float64 `env:"FETCH_PER_SECOND" envDefault:"5"`
	// FetchAgent is how the service names itself to the sites it reads.
	FetchAgent string `env:"FETCH_USER_AGENT" envDefault:"JobPilotBot/1.0 (+https://github.com/jobpilot/jobpilot)"`
	// GatherParallel is how many sources are read at once.
	GatherParallel int `env:"GATHER_PARALLEL" envDefault:"4" check:"min=1,max=64"`
}

// boards reads Sources.
func (c *Config) boards() ([]source.Board, error) {
	var out []source.Board
	for _, s := range c.Sources {
		platform, token, _ := strings.Cut(strings.TrimSpace(s), ":")
		if platform == "" {
			continue
		}
		b := source.Board{Platform: platform, Token: token}
		if platform == "schemaorg" && c.SourceBaseURL != "" && !strings.Contains(token, "://") {
			b.BaseURL = c.SourceBaseURL // the token is the address, or a name on the local job site
		}
		if err := source.Validate(b); err != nil {
			return nil, fmt.Errorf("SOURCES: %s: %w", s, err)
		}
		out = append(out, b)
	}
	return out, nil
}
