package e2e

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

func newEvent() map[string]any {
	return fieldsOf("id", uuid.Must(uuid.NewV7()).String(), "type", "job.opened", "occurredAt", time.Now().UTC().Format(time.RFC3339),
		"properties", fieldsOf("jobId", uuid.Nil.String()))
}

var analyticsFixtures = map[string]fixture{
	"trackEvent": {status: 202, body: func(*testing.T, *harness.User) any { return newEvent() }},
	"trackEvents": {status: 202, body: func(*testing.T, *harness.User) any {
		return fieldsOf("events", []any{newEvent(), newEvent()})
	}},
	"getDashboard":          {status: 200},
	"getApplicationMetrics": {status: 200},
	"getResumeOutcomes":     {status: 200},
	"getJobMarket":          {status: 200},
	"getPlatformMetrics":    {status: 200},

	"deleteUserEvents":   {status: 204, path: nobody},
	"getEventsFootprint": {status: 200, path: nobody},
}
