package main

import (
	"time"

	"github.com/jobpilot/jobpilot/pkg/app"
	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/config"
)

// Config is the environment of auto-apply. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// JobURL is where the service reaches job, which knows the postings.
	JobURL string `env:"JOB_URL,required" check:"url=http|https" example:"http://127.0.0.1:8004"`
	// UserURL is where the service reaches user, which knows what its users answer.
	UserURL string `env:"USER_URL,required" check:"url=http|https" example:"http://127.0.0.1:8002"`
	// ResumeURL is where the service reaches resume, which renders what is sent.
	ResumeURL string `env:"RESUME_URL,required" check:"url=http|https" example:"http://127.0.0.1:8003"`
	// AIURL is where the service reaches ai, which answers questions and writes letters.
	AIURL string `env:"AI_URL,required" check:"url=http|https" example:"http://127.0.0.1:8000"`

	// S3Endpoint is the server of files; empty is AWS.
	S3Endpoint string `env:"S3_ENDPOINT" check:"url=http|https" example:"http://127.0.0.1:17070"`
	// S3Region of the buckets.
	S3Region string `env:"S3_REGION" envDefault:"us-east-1"`
	// S3AccessKeyID and S3SecretAccessKey may read and write the buckets.
	S3AccessKeyID string `env:"S3_ACCESS_KEY_ID,required,notEmpty" example:"jobpilot"`
	// S3SecretAccessKey belongs to S3AccessKeyID.
	S3SecretAccessKey config.Secret `env:"S3_SECRET_ACCESS_KEY,required,notEmpty" example:"<secret>"`
	// S3BucketUserUploads keeps the screenshots of applications.
	S3BucketUserUploads string `env:"S3_BUCKET_USER_UPLOADS,required,notEmpty" example:"jobpilot-user-uploads-dev"`

	// PlaywrightDriverDir has Playwright's driver 1.52.0 in its folder package.
	PlaywrightDriverDir string `env:"PLAYWRIGHT_DRIVER_DIR,required,notEmpty" example:"/opt/playwright"`
	// ChromiumPath is the browser that fills forms: chromium-headless-shell, or any Chromium.
	ChromiumPath string `env:"CHROMIUM_PATH,required,notEmpty" example:"/usr/lib/chromium/chromium-headless-shell"`
	// BrowserContexts is how many applications are filled at once.
	BrowserContexts int `env:"BROWSER_CONTEXTS" envDefault:"4" check:"min=1,max=32"`
	// BrowserIdle is how long an unused browser stays before it is let go.
	BrowserIdle time.Duration `env:"BROWSER_IDLE" envDefault:"2m" check:"min=1s,max=24h"`
	// FetchAllow are addresses (host:port or host) that may be private: the local job site in development. Nothing else is excepted.
	FetchAllow []string `env:"FETCH_ALLOW" example:"127.0.0.1:18080"`
	// PlatformPerMinute bounds the applications to one platform, over all users and replicas.
	PlatformPerMinute int `env:"PLATFORM_PER_MINUTE" envDefault:"20" check:"min=1,max=10000"`
}

func (c Config) bucket(name string) blob.Config {
	return blob.Config{
		Endpoint: c.S3Endpoint, Region: c.S3Region, AccessKeyID: c.S3AccessKeyID, SecretAccessKey: c.S3SecretAccessKey.Reveal(), Bucket: name,
	}
}
