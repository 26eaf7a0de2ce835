package main

import (
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/config"
)

// Config is the environment of resume. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// AIURL is where the service reaches ai, which reads files and makes suggestions.
	AIURL string `env:"AI_URL,required" check:"url=http|https" example:"http://127.0.0.1:8000"`

	// S3Endpoint is the server of files; empty is AWS.
	S3Endpoint string `env:"S3_ENDPOINT" check:"url=http|https" example:"http://127.0.0.1:17070"`
	// S3Region of the buckets.
	S3Region string `env:"S3_REGION" envDefault:"us-east-1"`
	// S3AccessKeyID and S3SecretAccessKey may read and write the buckets.
	S3AccessKeyID string `env:"S3_ACCESS_KEY_ID,required,notEmpty" example:"jobpilot"`
	// S3SecretAccessKey belongs to S3AccessKeyID.
	S3SecretAccessKey config.Secret `env:"S3_SECRET_ACCESS_KEY,required,notEmpty" example:"<secret>"`
	// S3BucketResumes keeps uploaded files.
	S3BucketResumes string `env:"S3_BUCKET_RESUMES,required,notEmpty" example:"jobpilot-resumes-dev"`
	// S3BucketExports keeps rendered documents for a week.
	S3BucketExports string `env:"S3_BUCKET_EXPORTS,required,notEmpty" example:"jobpilot-exports-dev"`

	// PlaywrightDriverDir has Playwright's driver 1.52.0 in its folder package.
	PlaywrightDriverDir string `env:"PLAYWRIGHT_DRIVER_DIR,required,notEmpty" example:"/opt/playwright"`
	// ChromiumPath is the browser that prints PDF: chromium-headless-shell, or any Chromium.
	ChromiumPath string `env:"CHROMIUM_PATH,required,notEmpty" example:"/usr/lib/chromium/chromium-headless-shell"`
	// BrowserWorkers is how many documents are printed at once.
	BrowserWorkers int `env:"BROWSER_WORKERS" envDefault:"2" check:"min=1,max=16"`
	// BrowserIdle is how long an unused browser stays before it is let go.
	BrowserIdle time.Duration `env:"BROWSER_IDLE" envDefault:"2m" check:"min=1s,max=24h"`
	// ReadWorkers is how many uploaded files are read at once.
	ReadWorkers int `env:"READ_WORKERS" envDefault:"2" check:"min=1,max=32"`
}

func (c Config) bucket(name string) blob.Config {
	return blob.Config{
		Endpoint: c.S3Endpoint, Region: c.S3Region, AccessKeyID: c.S3AccessKeyID, SecretAccessKey: c.S3SecretAccessKey.Reveal(), Bucket: name,
	}
}
