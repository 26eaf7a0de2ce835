package e2e

import (
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// ownApplication is a failed application of the owner, as far as the tables say:
// what happened to it is sealed.
func ownApplication(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO auto_apply.applications (id, user_id, job_id, company_name, job_title, platform, apply_url, state, review, created_at, updated_at)
		VALUES ($1, $2, gen_random_uuid(), 'Matrix', 'Tester', 'generic', 'https://jobs.example/1', 'failed', true, now(), now())`, id, owner.ID)
	return map[string]string{"applicationId": id, "screenshotId": uuid.NewString()}
}

// noApplication is of ids that nothing has.
func noApplication(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"applicationId": uuid.NewString(), "runId": uuid.NewString()}
}

var autoApplyFixtures = map[string]fixture{
	"submitApplication":          {status: 404, body: body("jobId", uuid.NewString())},
	"listApplications":           {status: 200},
	"getApplication":             {status: 200, path: ownApplication},
	"updateApplication":          {status: 200, path: ownApplication, body: body("notes", "Matrix")},
	"cancelApplication":          {status: 409, path: ownApplication},
	"listApplicationQuestions":   {status: 200, path: ownApplication},
	"answerApplicationQuestions": {status: 404, path: ownApplication, body: body("answers", []any{fieldsOf("questionId", uuid.NewString(), "values", []string{"Yes"})})},
	"getApplicationReview":       {status: 404, path: ownApplication},
	"approveApplication":         {status: 409, path: ownApplication},
	"rejectApplication":          {status: 409, path: ownApplication},
	"getApplicationReceipt":      {status: 404, path: ownApplication},
	"getApplicationScreenshot":   {status: 404, path: ownApplication},

	"getAutoApplySettings": {status: 200},
	"saveAutoApplySettings": {status: 200, body: body("reviewBeforeSending", true, "maxPerDay", 5, "maxPerCompany", 1, "maxPerPlatformPerDay", 5,
		"minScore", 0.5, "coverLetter", "when_required")},
	"startAutoApply":     {status: 202, spends: theAccount},
	"pauseAutoApply":     {status: 409},
	"stopAutoApply":      {status: 409},
	"getAutoApplyStatus": {status: 200},

	"dispatchApplication":         {status: 404, path: noApplication},
	"closeApplication":            {status: 404, path: noApplication, body: body("reason", "It is gone.")},
	"cancelApplicationInternally": {status: 404, path: noApplication},
	"planRun":                     {status: 404, path: noApplication, body: body("items", []any{})},
	"stopRun":                     {status: 404, path: noApplication},
	"deleteUserApplications":      {status: 204, path: nobody},
	"getApplicationsFootprint":    {status: 200, path: nobody},
}
