package e2e

import (
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// aJob is a job that nobody gathered, as far as the tables say.
func aJob(t *testing.T, _ *people, _ *harness.User) map[string]string {
	t.Helper()
	id, company := uuid.Must(uuid.NewV7()).String(), uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO job.companies (id, key, name, created_at) VALUES ($1::uuid, $1::text, 'Matrix', now())`, company)
	harness.SQL(t, `INSERT INTO job.jobs (id, company_id, company_name, title, language, location, country, region, city, remote, employment_type, seniority,
		posted_at, text_hash, created_at, updated_at, enrich_after) VALUES ($1, $2, 'Matrix', 'Tester', 'en', '', '', '', '', '', '', '', now(), '', now(), now(), '9999-01-01')`, id, company)
	harness.SQL(t, `INSERT INTO job.job_texts (job_id, html, plain, words) VALUES ($1, '', '', '')`, id)
	return map[string]string{"jobId": id, "companyId": company, "postingId": uuid.NewString()}
}

func jobSource(t *testing.T, _ *people, _ *harness.User) map[string]string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO job.sources (id, platform, token, name, enabled, every_minutes, next_run_at, created_at)
		VALUES ($1::uuid, 'greenhouse', $1::text, 'Matrix', false, 360, now(), now())`, id)
	return map[string]string{"sourceId": id}
}

func jobAlert(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO job.job_alerts (id, user_id, name, frequency, query, enabled, created_at, told_at)
		VALUES ($1, $2, 'Matrix', 'daily', '{"q": "matrix"}', false, now(), now())`, id, owner.ID)
	return map[string]string{"alertId": id}
}

func jobReport(t *testing.T, p *people, owner *harness.User) map[string]string {
	t.Helper()
	path := aJob(t, p, owner)
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO job.job_reports (id, job_id, reason, created_at) VALUES ($1, $2, 'spam', now())`, id, path["jobId"])
	return map[string]string{"reportId": id}
}

// noJob is of ids that nothing has.
func noJob(*testing.T, *people, *harness.User) map[string]string {
	id := uuid.NewString()
	return map[string]string{"jobId": id, "runId": id, "userId": id}
}

func alertBody(*testing.T, *harness.User) any {
	return fieldsOf("name", "Matrix", "frequency", "daily", "query", fieldsOf("q", "matrix"), "enabled", false)
}

var jobFixtures = map[string]fixture{
	"searchJobs":                 {status: 200},
	"suggestSearchTerms":         {status: 200, query: url.Values{"kind": {"title"}, "q": {"eng"}}},
	"getJob":                     {status: 200, path: aJob},
	"saveJob":                    {status: 204, path: aJob},
	"unsaveJob":                  {status: 204, path: aJob},
	"listSavedJobs":              {status: 200},
	"listSimilarJobs":            {status: 200, path: aJob},
	"scoreJobMatch":              {status: 404, path: noJob, body: body()},
	"generateInterviewQuestions": {status: 404, path: noJob, body: body()},
	"getJobSalary":               {status: 404, path: noJob},
	"reportJob":                  {status: 204, path: aJob, body: body("reason", "spam")},

	"listJobAlerts":       {status: 200},
	"createJobAlert":      {status: 201, body: alertBody},
	"getJobAlert":         {status: 200, path: jobAlert},
	"replaceJobAlert":     {status: 200, path: jobAlert, body: alertBody},
	"deleteJobAlert":      {status: 204, path: jobAlert},
	"listJobAlertMatches": {status: 200, path: jobAlert},

	"searchCompanies": {status: 200},
	"getCompany":      {status: 200, path: aJob},
	"listCompanyJobs": {status: 200, path: aJob},

	"listJobSources": {status: 200},
	"addJobSource": {status: 201, body: func(*testing.T, *harness.User) any {
		return fieldsOf("platform", "greenhouse", "token", uuid.NewString(), "everyMinutes", 43200)
	}},
	"updateJobSource":      {status: 200, path: jobSource, body: body("everyMinutes", 720)},
	"gatherJobSource":      {status: 409, path: jobSource},
	"gatherAllSources":     {status: 202},
	"getGatheringProgress": {status: 404, path: noJob},
	"splitJobPosting":      {status: 404, path: aJob},
	"listJobReports":       {status: 200},
	"resolveJobReport":     {status: 200, path: jobReport, body: body("outcome", "dismissed")},

	"listRecommendations": {status: 200},

	"getJobForApply":      {status: 404, path: noJob},
	"checkJobLive":        {status: 404, path: noJob},
	"findMatches":         {status: 409, path: noJob, body: body()},
	"startGathering":      {status: 202, body: body("sourceIds", []string{})},
	"getGathering":        {status: 404, path: noJob},
	"deleteUserJobData":   {status: 204, path: noJob},
	"getJobDataFootprint": {status: 200, path: noJob},
}
