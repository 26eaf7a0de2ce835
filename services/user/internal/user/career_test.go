package user

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
)

func ptr[T any](v T) *T { return &v }

func TestSkillsAreTiedToTheTaxonomyAndThereOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	added, err := f.AddSkills(ctx, id, []SkillFields{{Name: "  Python   (computer programming) ", Years: ptr(3.0)}, {Name: "Frobnication 2000"}})
	must(t, err)
	if added[0].EscoID == nil || added[0].Name != "Python (computer programming)" || added[1].EscoID != nil {
		t.Errorf("added %+v", added)
	}
	again, err := f.AddSkills(ctx, id, []SkillFields{{EscoID: added[0].EscoID, Level: ptr("expert")}, {Name: "FROBNICATION-2000", LastUsed: ptr(int32(2020))}})
	must(t, err)
	if again[0].ID != added[0].ID || *again[0].Years != 3 || *again[0].Level != "expert" || again[1].ID != added[1].ID {
		t.Errorf("added again: %+v", again)
	}
	_, err = f.AddSkills(ctx, id, []SkillFields{{Name: "New"}, {EscoID: ptr(uuid.New())}})
	wantField(t, err, "#/skills/1/escoId", "unknown")
	_, err = f.AddSkills(ctx, id, []SkillFields{{Level: ptr("expert")}})
	wantField(t, err, "#/skills/0", "required")
	_, err = f.AddSkills(ctx, id, []SkillFields{{Name: "!!!"}})
	wantField(t, err, "#/skills/0/name", "format")
	full, err := f.GetFullProfile(ctx, id)
	must(t, err)
	if len(full.Skills) != 2 {
		t.Errorf("%d skills, want 2: a batch is taken all or none", len(full.Skills))
	}
	changed, err := f.UpdateSkill(ctx, id, added[0].ID, json.RawMessage(`{"level": null, "years": 4}`))
	must(t, err)
	if changed.Level != nil || *changed.Years != 4 {
		t.Errorf("changed to %+v", changed)
	}
	_, err = f.UpdateSkill(ctx, f.registered(), added[0].ID, json.RawMessage(`{"years": 4}`)) // another's
	wantCode(t, err, "skill_not_found")
	must(t, f.RemoveSkill(ctx, id, added[0].ID))
	wantCode(t, f.RemoveSkill(ctx, id, added[0].ID), "skill_not_found")

	var many []SkillFields
	for i := range maxSkills {
		many = append(many, SkillFields{Name: fmt.Sprintf("Skill %d", i)})
	}
	_, err = f.AddSkills(ctx, id, many)
	wantCode(t, err, "too_many_skills")
}

func TestExperiencesAndEducations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	old, _, err := f.AddExperience(ctx, id, ExperienceFields{Employer: "A", Title: "Clerk", StartDate: "2010", EndDate: "2012-05"})
	must(t, err)
	now, version, err := f.AddExperience(ctx, id, ExperienceFields{Employer: "B", Title: "Engineer", StartDate: "2012-05-01"})
	must(t, err)
	full, err := f.GetFullProfile(ctx, id)
	must(t, err)
	if len(full.Experiences) != 2 || full.Experiences[0].ID != now.ID {
		t.Errorf("the present one comes first: %+v", full.Experiences)
	}
	for patch, want := range map[string]string{
		`{"endDate": "2012-04"}`: "before_start", `{"startDate": "2013-02-30"}`: "format",
	} {
		_, _, err = f.UpdateExperience(ctx, id, now.ID, json.RawMessage(patch), nil)
		var field string
		if field = "#/endDate"; want == "format" {
			field = "#/startDate"
		}
		wantField(t, err, field, want)
	}
	// Ends in the month it began, as far as is known.
	changed, next, err := f.UpdateExperience(ctx, id, now.ID, json.RawMessage(`{"endDate": "2012-05", "highlights": ["x"]}`), nil)
	must(t, err)
	if changed.EndDate != "2012-05" || next != version+1 {
		t.Errorf("changed to %+v of version %d", changed, next)
	}
	_, _, err = f.UpdateExperience(ctx, id, now.ID, json.RawMessage(`{"title": "x"}`), func(v int64) error {
		if v == version {
			return nil
		}
		return errors.New("another version")
	})
	wantCode(t, err, "precondition_failed")
	stranger := f.registered()
	_, _, err = f.UpdateExperience(ctx, stranger, now.ID, json.RawMessage(`{"title": "x"}`), nil)
	wantCode(t, err, "experience_not_found")
	wantCode(t, f.RemoveExperience(ctx, stranger, old.ID), "experience_not_found")
	must(t, f.RemoveExperience(ctx, id, old.ID))

	e, _, err := f.AddEducation(ctx, id, EducationFields{Institution: "University", StartDate: "2001", EndDate: "2004"})
	must(t, err)
	_, _, err = f.AddEducation(ctx, id, EducationFields{Institution: "University", StartDate: "2004", EndDate: "2001"})
	wantField(t, err, "#/endDate", "before_start")
	e, _, err = f.UpdateEducation(ctx, id, e.ID, json.RawMessage(`{"endDate": null, "grade": "1.3"}`), nil)
	must(t, err)
	if e.EndDate != "" || e.Grade != "1.3" {
		t.Errorf("changed to %+v", e)
	}
	must(t, f.RemoveEducation(ctx, id, e.ID))
	_, _, err = f.GetEducation(ctx, id, e.ID)
	wantCode(t, err, "education_not_found")
}

func TestPreferencesAndSettings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	p, _, err := f.UpdatePreferences(ctx, id, json.RawMessage(`{"filters": {"needsVisaSponsorship": true, "places": [{"placeId": 2950159, "countryCode": "XX", "radiusKm": 30}],
		"minimumPay": {"amount": 70000, "currency": "EUR", "period": "year"}}, "wishes": {"titles": ["Engineer"]}}`), nil)
	must(t, err)
	if w := p.Filters.Places[0]; w.CountryCode != "DE" || w.Name != "Berlin" || *w.Latitude < 52 || !*p.Filters.NeedsVisaSponsorship {
		t.Errorf("preferences are %+v", p)
	}
	p, _, err = f.UpdatePreferences(ctx, id, json.RawMessage(`{"filters": {"needsVisaSponsorship": null, "minimumPay": null}}`), nil)
	must(t, err)
	if p.Filters.NeedsVisaSponsorship != nil || p.Filters.MinimumPay != nil || len(p.Wishes.Titles) != 1 {
		t.Errorf("preferences are %+v", p)
	}
	if got := told[PreferencesUpdated](f, TypePreferencesUpdated); len(got) != 2 {
		t.Errorf("told %+v", got)
	}
	for patch, want := range map[string][2]string{
		`{"filters": {"places": [{"countryCode": "ZZ"}]}}`:                               {"#/filters/places/0/countryCode", "unknown"},
		`{"filters": {"places": [{"countryCode": "DE", "radiusKm": 5}]}}`:                {"#/filters/places/0", "incomplete"},
		`{"wishes": {"desiredPay": {"amount": 1, "currency": "DEM", "period": "year"}}}`: {"#/wishes/desiredPay/currency", "unknown"},
	} {
		_, _, err := f.UpdatePreferences(ctx, id, json.RawMessage(patch), nil)
		wantField(t, err, want[0], want[1])
	}
	st, _, err := f.UpdateSettings(ctx, id, json.RawMessage(`{"timeZone": "Europe/Berlin", "currency": "EUR", "emailDigest": "off"}`), nil)
	must(t, err)
	if st.TimeZone != "Europe/Berlin" || st.Locale != "de" || st.EmailDigest != "off" {
		t.Errorf("settings are %+v", st)
	}
	for _, zone := range []string{"Local", "", "Nowhere/Land", "../../etc/passwd"} {
		_, _, err = f.UpdateSettings(ctx, id, json.RawMessage(`{"timeZone": "`+zone+`"}`), nil)
		wantField(t, err, "#/timeZone", "unknown")
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	if list, err := f.ListAnswers(ctx, id); err != nil || len(list) != 0 {
		t.Fatalf("the bank begins with %+v, %v", list, err)
	}
	save := func(key, question, value string) (Answer, error) {
		return f.SaveAnswer(ctx, id, key, question, "user", json.RawMessage(value))
	}
	for key, value := range map[string]string{
		"notice_period": `"4 weeks"`, "willing_to_relocate": `true`, "years_of_experience": `7.5`, "earliest_start_date": `"2026-03-01"`,
		"expected_salary": `{"amount":80000,"currency":"EUR","period":"year"}`, "gender": `"prefer_not_to_say"`, "race": `["asian","white"]`,
	} {
		a, err := save(key, "", value)
		must(t, err)
		if string(a.Value) != value || a.ConfirmedAt == nil || a.Type == "" {
			t.Errorf("%s is %+v (%s)", key, a, a.Value)
		}
	}
	a, err := save("custom.favourite_bird", "What is your favourite bird?", `"Wren"`)
	must(t, err)
	if !a.Sensitive || a.Type != "text" || a.Question == "" {
		t.Errorf("the answer to a question of one's own is %+v", a)
	}
	for _, c := range [][4]string{
		{"willing_to_relocate", "", `"yes"`, "type"}, {"gender", "", `"robot"`, "not_allowed"}, {"race", "", `["asian","blue"]`, "not_allowed"},
		{"notice_period", "", `"  "`, "too_short"}, {"earliest_start_date", "", `"soon"`, "type"}, {"custom.x", "", `"y"`, "required"},
		{"notice_period", "Why?", `"y"`, "not_allowed"}, {"managed_people", "", `1e300`, "too_large"},
	} {
		_, err := save(c[0], c[1], c[2])
		field := "#/value"
		if c[0] == "custom.x" || c[1] != "" {
			field = "#/question"
		}
		wantField(t, err, field, c[3])
	}
	_, err = save("no_such_key", "", `"x"`)
	wantCode(t, err, "answer_key_not_found")
	must(t, f.RemoveAnswer(ctx, id, "gender"))
	wantCode(t, f.RemoveAnswer(ctx, id, "gender"), "answer_not_found")
	if n := f.count("SELECT count(*) FROM answers WHERE position('Wren'::bytea in value_sealed) > 0"); n != 0 {
		t.Error("an answer is stored in the clear")
	}
	if got := told[AnswersUpdated](f, TypeAnswersUpdated); len(got) != 9 || !slices.Equal(got[8].Keys, []string{"gender"}) {
		t.Errorf("told %+v", got)
	}
	// Support does not see them, and that it looked is noted.
	full, err := f.InspectProfile(ctx, newID(), id, Client{})
	must(t, err)
	if len(full.Answers) != 0 || f.count("SELECT count(*) FROM audit_log WHERE action = 'profile.inspected'") != 1 {
		t.Errorf("an administrator sees %+v", full.Answers)
	}
}

func TestTheCatalogueOfAnswersIsSound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range AnswerKeys {
		if seen[k.Key] || answerForms[k.Type] == "" || k.Question == "" || (k.Type == "choice" || k.Type == "choices") != (len(k.Choices) > 0) {
			t.Errorf("%+v", k)
		}
		if (k.Group == "demographic" || k.Group == "pay" || k.Group == "work_authorization") && !k.Sensitive {
			t.Errorf("%s is not marked as sensitive", k.Key)
		}
		seen[k.Key] = true
	}
}

func TestCompletenessAddsUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	full, err := f.GetFullProfile(t.Context(), f.registered())
	must(t, err)
	var sum int32
	for _, p := range full.Completeness.Parts {
		sum += p.Weight
	}
	if sum != 100 || full.Completeness.Percent != 0 || full.Completeness.Parts[0].Key != "experiences" {
		t.Errorf("a new profile is %+v", full.Completeness)
	}
	full.Experiences = []Experience{{}}
	if c := complete(&full); c.Percent != 20 || c.Parts[len(c.Parts)-1].Key != "experiences" {
		t.Errorf("with an experience it is %+v", c)
	}
}
