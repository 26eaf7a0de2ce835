package main

import "github.com/jobpilot/jobpilot/pkg/app"

// Config is the environment of orchestrator. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// UserURL, ResumeURL, JobURL, AutoApplyURL, AnalyticsURL, NotificationURL, AIURL and OrchestratorURL (itself) are
	// where the services are reached; their health is asked at the port 1000 above.
	UserURL         string `env:"USER_URL,required" check:"url=http|https" example:"http://127.0.0.1:8002"`
	ResumeURL       string `env:"RESUME_URL,required" check:"url=http|https" example:"http://127.0.0.1:8003"`
	JobURL          string `env:"JOB_URL,required" check:"url=http|https" example:"http://127.0.0.1:8004"`
	AutoApplyURL    string `env:"AUTO_APPLY_URL,required" check:"url=http|https" example:"http://127.0.0.1:8005"`
	AnalyticsURL    string `env:"ANALYTICS_URL,required" check:"url=http|https" example:"http://127.0.0.1:8006"`
	NotificationURL string `env:"NOTIFICATION_URL,required" check:"url=http|https" example:"http://127.0.0.1:8007"`
	AIURL           string `env:"AI_URL,required" check:"url=http|https" example:"http://127.0.0.1:8000"`
	OrchestratorURL string `env:"ORCHESTRATOR_URL,required" check:"url=http|https" example:"http://127.0.0.1:8008"`
	// SagaWorkers is how many workflows one replica works on at once.
	SagaWorkers int `env:"SAGA_WORKERS" envDefault:"16" check:"min=1,max=200"`
}

// urls are the services by name.
func (c Config) urls() map[string]string {
	return map[string]string{
		"auth": c.AuthURL, "user": c.UserURL, "resume": c.ResumeURL, "job": c.JobURL, "auto-apply": c.AutoApplyURL,
		"analytics": c.AnalyticsURL, "notification": c.NotificationURL, "ai": c.AIURL, "orchestrator": c.OrchestratorURL,
	}
}
