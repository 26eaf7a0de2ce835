package e2e

import (
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// ownWorkflow is a completed workflow of the owner, as far as the tables say.
func ownWorkflow(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	harness.SQL(t, `INSERT INTO orchestrator.workflows (id, kind, version, key, user_id, input, state, created_at, updated_at, ended_at)
		VALUES ($1::uuid, 'resume_intake', 1, $1::text, $2, '{}', 'completed', now(), now(), now())`, id, owner.ID)
	return map[string]string{"workflowId": id}
}

func schedule(*testing.T, *people, *harness.User) map[string]string {
	return map[string]string{"name": "gather_jobs"}
}

// onboarding is started with a key of its own, for the account that the call is about.
func onboarding(_ *testing.T, owner *harness.User) any {
	return fieldsOf("kind", "onboarding", "key", uuid.NewString(), "userId", owner.ID, "input", fieldsOf("email", owner.Email))
}

var orchestratorFixtures = map[string]fixture{
	"listWorkflows":  {status: 200},
	"startWorkflow":  {status: 202, body: body("kind", "job_aggregation", "input", fieldsOf())},
	"getWorkflow":    {status: 200, path: ownWorkflow, admins: true},
	"cancelWorkflow": {status: 409, path: ownWorkflow, admins: true},
	"retryWorkflow":  {status: 409, path: ownWorkflow},
	"listServices":   {status: 200},
	"listSchedules":  {status: 200},
	"updateSchedule": {status: 200, path: schedule, body: body("enabled", true)},

	"startWorkflowInternally": {status: 202, body: onboarding},
	"deleteUserWorkflows":     {status: 204, path: nobody},
	"getWorkflowsFootprint":   {status: 200, path: nobody},
}
