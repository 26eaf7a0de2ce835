package e2e

import (
	"maps"
	"testing"

	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// aiFixtures are of the operations for users and of their twins for services.
var aiFixtures = func() map[string]fixture {
	resume := fieldsOf("basics", fieldsOf("name", "Ada Example", "label", "Engineer"), "skills", []any{fieldsOf("name", "Go")})
	job := fieldsOf("title", "Engineer", "description", "We look for an engineer with Go.")
	all := map[string]fixture{
		"parseResume":         {status: 415, body: func(*testing.T, *harness.User) any { return []byte("no\x00resume") }},
		"matchJobs":           {status: 200, body: body("resume", resume, "jobs", []any{job})},
		"analyzeSkillsGap":    {status: 200, body: body("resume", resume, "job", job)},
		"optimizeResume":      {status: 200, body: body("resume", resume, "job", job)},
		"generateCoverLetter": {status: 200, body: body("resume", resume, "job", job)},
		"predictSalary":       {status: 200, body: body("job", with(job, "location", fieldsOf("countryCode", "DE")))},
		"generateQuestions":   {status: 200, body: body("job", job)},
		"createEmbeddings":    {status: 200, body: body("texts", []string{"Engineer"})},
		"extractJob":          {status: 200, body: body("text", "We look for an engineer with Go.")},
		"answerQuestion":      {status: 200, body: body("question", "How many years of Go do you have?", "resume", resume)},
	}
	for id, f := range maps.Clone(all) {
		all[id+"Internally"] = f
	}
	maps.Copy(all, map[string]fixture{
		"listEngines":        {status: 200},
		"listModels":         {status: 200},
		"getUsage":           {status: 200},
		"deleteUserAiData":   {status: 204, path: nobody},
		"getAiDataFootprint": {status: 200, path: nobody},
	})
	return all
}()
