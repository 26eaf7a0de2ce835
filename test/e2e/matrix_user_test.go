package e2e

import (
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

// ownProfile is the owner's profile, once auth's event has made it.
func ownProfile(t *testing.T, _ *people, owner *harness.User) map[string]string {
	t.Helper()
	testkit.Eventually(t, "the profile is there", func() bool {
		var n int
		err := harness.Database(t).QueryRow(t.Context(), `SELECT count(*) FROM "user".user_profiles WHERE user_id = $1`, owner.ID).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	})
	return map[string]string{"userId": owner.ID}
}

// ofProfile is something in the owner's profile, as far as the tables say.
func ofProfile(param, insert string) func(*testing.T, *people, *harness.User) map[string]string {
	return func(t *testing.T, p *people, owner *harness.User) map[string]string {
		t.Helper()
		path, id := ownProfile(t, p, owner), uuid.Must(uuid.NewV7()).String()
		harness.SQL(t, insert, id, owner.ID)
		path[param] = id
		return path
	}
}

// inProfile is something that the owner adds to the profile by an operation.
func inProfile(param, op string, data map[string]any) func(*testing.T, *people, *harness.User) map[string]string {
	return func(t *testing.T, p *people, owner *harness.User) map[string]string {
		t.Helper()
		path := ownProfile(t, p, owner)
		var made struct{ ID string }
		p.session(owner).Do(t, harness.Call{Op: op, Path: path, Body: data}).Want(t, 201).JSON(t, &made)
		path[param] = made.ID
		return path
	}
}

var (
	ownSkill = ofProfile("skillId", `INSERT INTO "user".skills (id, user_id, key, name, source, created_at, updated_at)
		VALUES ($1::uuid, $2, $1::text, 'Matrix', 'user', now(), now())`)
	ownExperience = inProfile("experienceId", "addExperience", fieldsOf("employer", "Matrix", "title", "Tester", "startDate", "2020"))
	ownEducation  = inProfile("educationId", "addEducation", fieldsOf("institution", "Matrix"))
)

// noProposal is one that nobody has: what a proposal holds is sealed.
func noProposal(t *testing.T, p *people, owner *harness.User) map[string]string {
	t.Helper()
	path := ownProfile(t, p, owner)
	path["proposalId"] = uuid.Must(uuid.NewV7()).String()
	return path
}

func ownAnswer(t *testing.T, p *people, owner *harness.User) map[string]string {
	t.Helper()
	path := ownProfile(t, p, owner)
	path["key"] = "notice_period"
	return path
}

// absentAnswer is an answer that nobody gave.
func absentAnswer(t *testing.T, p *people, owner *harness.User) map[string]string {
	t.Helper()
	path := ownProfile(t, p, owner)
	path["key"] = "custom.absent"
	return path
}

func newProposal(*testing.T, *harness.User) any {
	return fieldsOf("resumeId", uuid.Must(uuid.NewV7()).String(), "resumeVersion", 1, "resume", fieldsOf("basics", fieldsOf("label", "Tester")))
}

var typed = url.Values{"q": {"ber"}}

var userFixtures = map[string]fixture{
	"getProfile":      {status: 200, path: ownProfile},
	"updateProfile":   {status: 200, path: ownProfile, body: body("headline", "Tester")},
	"requestDeletion": {status: 202, path: ownProfile, spends: theAccount},
	"getCompleteness": {status: 200, path: ownProfile},
	"getPhoto":        {status: 404, path: ownProfile},
	"uploadPhoto":     {status: 422, path: ownProfile, body: func(*testing.T, *harness.User) any { return []byte("no picture") }},
	"removePhoto":     {status: 204, path: ownProfile},

	"listSkills":       {status: 200, path: ownProfile},
	"addSkills":        {status: 200, path: ownProfile, body: body("skills", []any{fieldsOf("name", "Go")})},
	"updateSkill":      {status: 200, path: ownSkill, body: body("years", 3)},
	"removeSkill":      {status: 204, path: ownSkill},
	"listExperiences":  {status: 200, path: ownProfile},
	"addExperience":    {status: 201, path: ownProfile, body: body("employer", "A", "title", "B", "startDate", "2020")},
	"getExperience":    {status: 200, path: ownExperience},
	"updateExperience": {status: 200, path: ownExperience, body: body("title", "C")},
	"removeExperience": {status: 204, path: ownExperience},
	"listEducations":   {status: 200, path: ownProfile},
	"addEducation":     {status: 201, path: ownProfile, body: body("institution", "A")},
	"getEducation":     {status: 200, path: ownEducation},
	"updateEducation":  {status: 200, path: ownEducation, body: body("grade", "1.0")},
	"removeEducation":  {status: 204, path: ownEducation},

	"getPreferences":    {status: 200, path: ownProfile},
	"updatePreferences": {status: 200, path: ownProfile, body: body("wishes", fieldsOf("titles", []string{"Tester"}))},
	"getSettings":       {status: 200, path: ownProfile},
	"updateSettings":    {status: 200, path: ownProfile, body: body("units", "metric")},

	"listAnswers":  {status: 200, path: ownProfile},
	"saveAnswer":   {status: 200, path: ownAnswer, body: body("value", "4 weeks")},
	"removeAnswer": {status: 404, path: absentAnswer},

	"listProposals":  {status: 200, path: ownProfile},
	"getProposal":    {status: 404, path: noProposal},
	"decideProposal": {status: 404, path: noProposal, body: body("rest", "accept")},

	"getSubscription": {status: 200, path: ownProfile},
	"listPlans":       {status: 200},

	"listAnswerKeys":     {status: 200},
	"suggestSkills":      {status: 200, query: typed},
	"suggestOccupations": {status: 200, query: typed},
	"suggestPlaces":      {status: 200, query: typed},
	"suggestCountries":   {status: 200},
	"suggestCurrencies":  {status: 200},
	"suggestLanguages":   {status: 200},

	"inspectProfile":      {status: 200, path: ownProfile},
	"getFullProfile":      {status: 200, path: ownProfile},
	"ensureProfile":       {status: 200, path: ownProfile, body: body("email", "matrix@example.com")},
	"createProposal":      {status: 200, path: ownProfile, body: newProposal},
	"deleteUserProfile":   {status: 204, path: nobody},
	"getProfileFootprint": {status: 200, path: ownProfile},
}
