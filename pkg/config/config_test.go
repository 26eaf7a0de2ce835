package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/config"
)

type settings struct {
	DatabaseURL config.Secret `env:"DATABASE_URL,required,notEmpty" check:"url=postgres|postgresql" example:"postgres://user:password@host:5432/jobpilot"`
	Addr        string        `env:"HTTP_ADDR" envDefault:"127.0.0.1:8001" check:"addr"`
	LogLevel    string        `env:"LOG_LEVEL" envDefault:"info" check:"oneof=debug|info|warn|error"`
	TTL         time.Duration `env:"TOKEN_TTL" envDefault:"15m" check:"min=1m,max=1h"`
	Workers     int           `env:"WORKERS" envDefault:"2" check:"min=1"`
	Origins     []string      `env:"CORS_ORIGINS" check:"url=https"`
	Pepper      config.Secret `env:"PASSWORD_PEPPER" check:"len=32"`
	Search      struct {
		URL string `env:"URL" check:"url"`
	} `envPrefix:"SEARCH_"`
}

func Example() {
	_, err := config.Parse[settings](map[string]string{"TOKEN_TTL": "soon", "WORKERS": "0"})
	fmt.Println(err)
	// Output:
	// the configuration is not valid:
	// DATABASE_URL: missing; set it to postgres://user:password@host:5432/jobpilot
	// TOKEN_TTL: must be a duration such as 15m or 500ms
	// WORKERS: must be at least 1
}

func TestFaults(t *testing.T) {
	t.Parallel()
	good := map[string]string{"DATABASE_URL": "postgres://u:p@h/db"}
	for _, c := range []struct{ key, value, want string }{
		{"DATABASE_URL", "", "DATABASE_URL: empty"},
		{"DATABASE_URL", "mysql://u:hunter2@h/db", "DATABASE_URL: must be a URL that starts with postgres:// or postgresql://"},
		{"DATABASE_URL", "hunter2", "DATABASE_URL: must be an absolute URL"},
		{"HTTP_ADDR", "8001", "HTTP_ADDR: must be host:port"},
		{"HTTP_ADDR", "localhost:http", "HTTP_ADDR: must be host:port"},
		{"LOG_LEVEL", "loud", "LOG_LEVEL: must be one of debug, info, warn, error"},
		{"TOKEN_TTL", "2h", "TOKEN_TTL: must be at most 1h"},
		{"WORKERS", "hunter2", "WORKERS: must be a whole number"},
		{"CORS_ORIGINS", "https://a.example,http://b.example", "CORS_ORIGINS: must be a URL that starts with https://"},
		{"PASSWORD_PEPPER", "hunter2", "PASSWORD_PEPPER: must have at least 32 characters"},
		{"SEARCH_URL", "elastic", "SEARCH_URL: must be an absolute URL"},
	} {
		vars := map[string]string{}
		for k, v := range good {
			vars[k] = v
		}
		vars[c.key] = c.value
		_, err := config.Parse[settings](vars)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%q: got %v, want %q", c.key, c.value, err, c.want)
			continue
		}
		if lines := strings.Count(err.Error(), "\n"); lines != 1 {
			t.Errorf("%s=%q: one fault took %d lines: %v", c.key, c.value, lines, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}

func TestLoadReadsTheProcess(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://u:p@h/db")
	t.Setenv("SEARCH_URL", "http://127.0.0.1:19200")
	cfg, err := config.Load[settings]()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DatabaseURL.Reveal() != "postgres://u:p@h/db" || cfg.TTL != 15*time.Minute || cfg.Search.URL != "http://127.0.0.1:19200" {
		t.Fatalf("read %+v", cfg)
	}
}

type validated struct {
	Min int `env:"POOL_MIN" envDefault:"5"`
	Max int `env:"POOL_MAX" envDefault:"4"`
}

func (v *validated) Validate() error {
	if v.Min > v.Max {
		return errors.Join(config.Fault{Key: "POOL_MIN", Text: "must not be over POOL_MAX"})
	}
	return nil
}

func TestValidateMethod(t *testing.T) {
	t.Parallel()
	if _, err := config.Parse[validated](map[string]string{}); err == nil || !strings.HasSuffix(err.Error(), "\nPOOL_MIN: must not be over POOL_MAX") {
		t.Fatalf("got %v", err)
	}
	if _, err := config.Parse[validated](map[string]string{"POOL_MAX": "9"}); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse[settings](map[string]string{
		"DATABASE_URL": "postgres://u:hunter2@h/db", "PASSWORD_PEPPER": strings.Repeat("hunter2", 5),
		"SEARCH_URL": "https://elastic:hunter2@search.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("configuration", "config", config.Dump(cfg))
	logger.Info("secret", "a", cfg.Pepper, "b", []config.Secret{cfg.Pepper})
	asJSON, err := json.Marshal(cfg.Pepper)
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(asJSON) + fmt.Sprintf("%v %+v %#v %s %q %x", cfg.Pepper, cfg.Pepper, cfg.Pepper, cfg.Pepper, cfg.Pepper, cfg.DatabaseURL)
	if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
		t.Fatalf("a secret shows: %s", all)
	}
	for _, want := range []string{`"DATABASE_URL":"[masked]"`, `"TOKEN_TTL":"15m0s"`, `"SEARCH_URL":"https://elastic:xxxxx@search.example"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the dump lacks %s: %s", want, log.String())
		}
	}
}
