package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

const ada = `{"basics":{"name":"Ada Lovelace","label":"Engineer","email":"ada@example.com","phone":"+44 20 7946 0000"},
	"work":[{"name":"Analytical Engines","position":"Engineer","startDate":"2021-09","highlights":["Wrote the first program"]}],
	"skills":[{"name":"Go"},{"name":"Mathematics"}]}`

func TestAResumeIsCreatedReadAndChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	if r.Version != 1 || !r.IsDefault || r.Template != Classic || r.Language != "en" || *r.Resume.Basics.Name != "Ada Lovelace" {
		t.Fatalf("created %+v", r)
	}
	reply := who.Do(t, http.MethodGet, at(r.ID), nil).Want(http.StatusOK)
	etag := reply.Header().Get("ETag")
	who.Do(t, http.MethodGet, at(r.ID), nil, "If-None-Match", etag).Want(http.StatusNotModified)

	var changed StoredResume
	f.patch(who, r.ID, `{"title":"Senior","resume":{"basics":{"label":"Senior engineer","phone":null}}}`, "If-Match", etag, "Content-Type", "application/merge-patch+json").
		Want(http.StatusOK).JSON(&changed)
	if changed.Version != 2 || changed.Title != "Senior" || *changed.Resume.Basics.Label != "Senior engineer" || changed.Resume.Basics.Phone != nil || len(*changed.Resume.Work) != 1 {
		t.Fatalf("changed to %+v", changed)
	}
	f.patch(who, r.ID, `{"title":"x"}`, "If-Match", etag).WantProblem(http.StatusPreconditionFailed, "precondition_failed")

	// A change of the title alone is no version, and one that changes nothing is nothing.
	var again StoredResume
	f.patch(who, r.ID, `{"title":"Other"}`).Want(http.StatusOK).JSON(&again)
	before := who.Do(t, http.MethodGet, at(r.ID), nil).Header().Get("ETag")
	f.patch(who, r.ID, `{"title":"Other","resume":{"basics":{"label":"Senior engineer"}}}`).Want(http.StatusOK)
	if after := who.Do(t, http.MethodGet, at(r.ID), nil).Header().Get("ETag"); again.Version != 2 || before != after {
		t.Fatalf("version %d, ETag %s became %s", again.Version, before, after)
	}
	if n := len(f.events("resume.resume.updated")); n != 1 {
		t.Fatalf("%d events of a change", n)
	}
	if e := f.events("resume.resume.created"); len(e) != 1 || e[0]["resumeId"] != r.ID.String() || e[0]["userId"] != who.ID.String() {
		t.Fatalf("events %v", e)
	}
}

func TestContentIsSealedAndStoredOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	for i := range 5 {
		f.patch(who, r.ID, fmt.Sprintf(`{"resume":{"basics":{"label":"Engineer %d"}}}`, i)).Want(http.StatusOK)
	}
	if n := f.count("SELECT count(*) FROM resume_sections WHERE resume_id = $1", r.ID); n != 3+5 {
		t.Fatalf("%d contents for 6 versions of which only basics differ", n)
	}
	if n := f.count("SELECT count(*) FROM resume_sections WHERE position('Lovelace' IN encode(content_sealed, 'escape')) > 0"); n != 0 {
		t.Fatal("contents are not sealed")
	}
	who.Do(t, http.MethodPost, at(r.ID, "versions", 1, "restore"), nil).Want(http.StatusOK)
	if n := f.count("SELECT count(*) FROM resume_sections WHERE resume_id = $1", r.ID); n != 3+5 {
		t.Fatal("restoring stored contents again")
	}
}

func TestFaultsPointAtTheirPlace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	for _, c := range []struct{ body, pointer string }{
		{`{"resume":{"work":[{"startDate":"September"}]}}`, "#/resume/work/0/startDate"},
		{`{"resume":{"basics":{"nickname":"A"}}}`, "#/resume/basics/nickname"},
		{`{"resume":{"hobbies":[]}}`, "#/resume/hobbies"},
		{`{"resume":{"work":"none"}}`, "#/resume/work"},
		{`{"resume":{"basics":{"name":"` + strings.Repeat("x", 201) + `"}}}`, "#/resume/basics/name"},
		{`{"resume":{"basics":{"location":{"countryCode":"germany"}}}}`, "#/resume/basics/location/countryCode"},
		{`{"title":"   "}`, "#/title"},
	} {
		reply := f.patch(who, r.ID, c.body).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
		var p struct{ Errors []errs.Field }
		reply.JSON(&p)
		if len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer {
			t.Errorf("%s: faults %+v", c.body, p.Errors)
		}
	}
	var long []string
	for range 140 {
		long = append(long, `"`+strings.Repeat("x", 1990)+`"`)
	}
	highlights := strings.Join(long[:70], ",")
	f.patch(who, r.ID, `{"resume":{"work":[{"highlights":[`+highlights+`]},{"highlights":[`+highlights+`]}]}}`).
		WantProblem(http.StatusUnprocessableEntity, "resume_too_large")
}

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ada, eve := f.user(), f.user()
	r := f.create(ada, `{"basics":{"name":"Ada"}}`)
	for _, c := range []struct{ method, path, body string }{
		{"GET", at(r.ID), ""}, {"PATCH", at(r.ID), `{"title":"x"}`}, {"DELETE", at(r.ID), ""}, {"PUT", at(r.ID, "default"), ""},
		{"POST", at(r.ID, "duplicate"), `{}`}, {"GET", at(r.ID, "sections"), ""}, {"PUT", at(r.ID, "sections"), `{"items":[{"name":"work"}]}`},
		{"GET", at(r.ID, "sections/work"), ""}, {"PUT", at(r.ID, "sections/work"), `{}`}, {"PATCH", at(r.ID, "sections/work"), `{}`},
		{"GET", at(r.ID, "versions"), ""}, {"GET", at(r.ID, "versions/1"), ""}, {"PATCH", at(r.ID, "versions/1"), `{"name":"x"}`},
		{"POST", at(r.ID, "versions/1/restore"), ""}, {"GET", at(r.ID, "diff?from=1"), ""}, {"GET", at(r.ID, "export?format=txt"), ""},
		{"POST", at(r.ID, "optimize"), `{}`}, {"GET", at(r.ID, "suggestions"), ""},
	} {
		var body any
		if c.body != "" {
			body = json.RawMessage(c.body)
		}
		eve.Do(t, c.method, c.path, body).WantProblem(http.StatusNotFound, "resume_not_found")
	}
	f.api.Nobody().Do(t, http.MethodGet, at(r.ID), nil).Want(http.StatusUnauthorized)
	f.api.APIKey(ada.ID, "resumes:read").Do(t, http.MethodGet, at(r.ID), nil).Want(http.StatusOK)
	f.api.APIKey(ada.ID, "resumes:read").Do(t, http.MethodDelete, at(r.ID), nil).Want(http.StatusForbidden)
	f.api.Service("user").Do(t, http.MethodGet, "/internal/v1/resumes/"+r.ID.String(), nil).Want(http.StatusForbidden)
}

func TestThereIsAlwaysOneDefaultResume(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	a, b, c := f.create(who, `{}`), f.create(who, `{}`), f.create(who, `{}`)
	defaults := func() []uuid.UUID {
		var list ResumeList
		who.Do(t, http.MethodGet, "/api/v1/resumes", nil).Want(http.StatusOK).JSON(&list)
		var ids []uuid.UUID
		for _, r := range list.Items {
			if r.IsDefault {
				ids = append(ids, r.ID)
			}
		}
		return ids
	}
	var wg sync.WaitGroup
	for _, r := range []StoredResume{a, b, c, a, b, c} {
		wg.Go(func() { _, _ = f.SetDefault(t.Context(), who.ID, r.ID) })
	}
	wg.Wait()
	if got := defaults(); len(got) != 1 {
		t.Fatalf("defaults %v", got)
	}
	who.Do(t, http.MethodPut, at(a.ID, "default"), nil).Want(http.StatusOK)
	who.Do(t, http.MethodDelete, at(a.ID), nil).Want(http.StatusNoContent)
	if got := defaults(); !slices.Equal(got, []uuid.UUID{c.ID}) {
		t.Fatalf("after the default one was deleted: %v, want the newest %s", got, c.ID)
	}
	var content ResumeContent
	f.api.Service("auto-apply").Do(t, http.MethodGet, "/internal/v1/users/"+who.ID.String()+"/resumes/default", nil).Want(http.StatusOK).JSON(&content)
	if content.ResumeID != c.ID {
		t.Fatalf("default for services %s", content.ResumeID)
	}
}

func TestResumesOverTheLimitAreRefusedAlsoInARace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := uuid.New()
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() { _, _ = f.Create(t.Context(), user, "x", "", "", jsonresume.Resume{}) })
	}
	wg.Wait()
	if n := f.count("SELECT count(*) FROM resumes WHERE user_id = $1", user); n != 50 {
		t.Fatalf("%d resumes", n)
	}
	_, err := f.Create(t.Context(), user, "x", "", "", jsonresume.Resume{})
	wantCode(t, err, "too_many_resumes")
	if n := f.count("SELECT count(*) FROM resumes WHERE user_id = $1 AND is_default", user); n != 1 {
		t.Fatalf("%d defaults", n)
	}
}

func TestChangesOfOneVersionExcludeEachOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	etag := who.Do(t, http.MethodGet, at(r.ID), nil).Header().Get("ETag")
	var mu sync.Mutex
	var won, lost int
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := f.Update(t.Context(), who.ID, r.ID, guard(&etag), nil, nil, nil, map[string]any{"basics": map[string]any{"label": fmt.Sprint(i)}})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errs.KindOf(err) == errs.Precondition:
				lost++
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 7 || f.count("SELECT count(*) FROM resume_versions WHERE resume_id = $1", r.ID) != 2 {
		t.Fatalf("%d won, %d lost", won, lost)
	}
}

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	var want []uuid.UUID
	for range 5 {
		want = append([]uuid.UUID{f.create(who, `{}`).ID}, want...)
	}
	var got []uuid.UUID
	for path := "/api/v1/resumes?limit=2"; path != ""; {
		var list ResumeList
		who.Do(t, http.MethodGet, path, nil).Want(http.StatusOK).JSON(&list)
		for _, r := range list.Items {
			got = append(got, r.ID)
		}
		if path = ""; list.NextCursor != nil {
			path = "/api/v1/resumes?limit=2&cursor=" + *list.NextCursor
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("listed %v, want %v", got, want)
	}
}

func TestACopyBeginsAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	f.patch(who, r.ID, `{"resume":{"basics":{"label":"Other"}}}`).Want(http.StatusOK)
	var c StoredResume
	who.Do(t, http.MethodPost, at(r.ID, "duplicate"), json.RawMessage(`{"version":1,"title":"Copy"}`)).Want(http.StatusCreated).JSON(&c)
	if c.ID == r.ID || c.Version != 1 || c.Title != "Copy" || c.IsDefault || c.Source != ResumeSource("copied") || *c.Resume.Basics.Label != "Engineer" {
		t.Fatalf("copy %+v", c)
	}
}

func TestSectionsAreArrangedHiddenAndChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	var list SectionList
	who.Do(t, http.MethodPut, at(r.ID, "sections"), json.RawMessage(`{"items":[{"name":"skills"},{"name":"work","hidden":true}]}`)).Want(http.StatusOK).JSON(&list)
	if len(list.Items) != 12 || list.Items[0].Name != SectionBasics || list.Items[1].Name != SectionSkills || list.Items[1].Entries != 2 || !list.Items[2].Hidden {
		t.Fatalf("sections %+v", list.Items)
	}
	text := who.Do(t, http.MethodGet, at(r.ID, "export?format=txt"), nil).Want(http.StatusOK).Body.String()
	if strings.Contains(text, "Analytical") || !strings.Contains(text, "Mathematics") {
		t.Fatalf("hidden sections are not left out:\n%s", text)
	}
	var content ResumeContent
	f.api.Service("ai").Do(t, http.MethodGet, "/internal/v1/resumes/"+r.ID.String(), nil).Want(http.StatusOK).JSON(&content)
	if content.Resume.Work != nil || content.Text != text || content.Version != 2 || content.UserID != who.ID {
		t.Fatalf("content for services %+v", content)
	}
	who.Do(t, http.MethodPut, at(r.ID, "sections"), json.RawMessage(`{"items":[{"name":"work"},{"name":"work"}]}`)).WantProblem(http.StatusUnprocessableEntity, "invalid_arrangement")
	who.Do(t, http.MethodPut, at(r.ID, "sections"), json.RawMessage(`{"items":[{"name":"basics","hidden":true}]}`)).WantProblem(http.StatusUnprocessableEntity, "invalid_arrangement")

	who.Do(t, http.MethodPut, at(r.ID, "sections/languages"), json.RawMessage(`{"languages":[{"language":"English"}]}`)).Want(http.StatusOK)
	who.Do(t, http.MethodPut, at(r.ID, "sections/languages"), json.RawMessage(`{"work":[{"name":"x"}]}`)).WantProblem(http.StatusUnprocessableEntity, "other_section")
	who.Do(t, http.MethodPatch, at(r.ID, "sections/basics"), json.RawMessage(`{"basics":{"summary":"Hello"}}`)).Want(http.StatusOK)
	who.Do(t, http.MethodPatch, at(r.ID, "sections/basics"), json.RawMessage(`{"basics":{"summary":7}}`)).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	var section Resume
	who.Do(t, http.MethodGet, at(r.ID, "sections/basics"), nil).Want(http.StatusOK).JSON(&section)
	if *section.Basics.Summary != "Hello" || *section.Basics.Name != "Ada Lovelace" || section.Work != nil {
		t.Fatalf("section %+v", section)
	}
	var after StoredResume
	who.Do(t, http.MethodPut, at(r.ID, "sections/skills"), json.RawMessage(`{}`)).Want(http.StatusOK).JSON(&after)
	if after.Resume.Skills != nil || after.Version != 5 {
		t.Fatalf("emptied: %+v", after)
	}
}

func TestVersionsAreListedComparedNamedAndRestored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	f.patch(who, r.ID, `{"resume":{"basics":{"label":"Lead"},"work":[{"name":"New Works","position":"Lead","startDate":"2024"},
		{"name":"Analytical Engines","position":"Engineer","startDate":"2021-09","endDate":"2023-12","highlights":["Wrote the first program"]}]}}`).Want(http.StatusOK)
	var diff VersionDiff
	who.Do(t, http.MethodGet, at(r.ID, "diff?from=1"), nil).Want(http.StatusOK).JSON(&diff)
	var got []string
	for _, c := range diff.Changes {
		got = append(got, fmt.Sprintf("%s %s %q %q", c.Kind, c.Label, value(c.Before), value(c.After)))
	}
	want := []string{
		`changed Basics › Label "Engineer" "Lead"`,
		`added Work › Lead, New Works "" "Name: New Works\nPosition: Lead\nStart date: 2024"`,
		`added Work › Engineer, Analytical Engines › End date "" "2023-12"`,
	}
	if !slices.Equal(got, want) || diff.To != 2 {
		t.Fatalf("differences %q", got)
	}
	var named Version
	who.Do(t, http.MethodPatch, at(r.ID, "versions/1"), json.RawMessage(`{"name":"for Acme"}`)).Want(http.StatusOK).JSON(&named)
	who.Do(t, http.MethodPatch, at(r.ID, "versions/9"), json.RawMessage(`{"name":"x"}`)).WantProblem(http.StatusNotFound, "version_not_found")
	var back StoredResume
	who.Do(t, http.MethodPost, at(r.ID, "versions/1/restore"), nil).Want(http.StatusOK).JSON(&back)
	if back.Version != 3 || *back.Resume.Basics.Label != "Engineer" {
		t.Fatalf("restored %+v", back)
	}
	var list VersionList
	who.Do(t, http.MethodGet, at(r.ID, "versions?limit=2"), nil).Want(http.StatusOK).JSON(&list)
	if len(list.Items) != 2 || list.Items[0].Cause != CauseRestored || *list.Items[0].RestoredFrom != 1 || list.NextCursor == nil ||
		!slices.Equal(list.Items[1].Sections, []SectionName{SectionBasics, SectionWork}) {
		t.Fatalf("versions %+v", list.Items)
	}
	who.Do(t, http.MethodGet, at(r.ID, "versions?cursor="+*list.NextCursor), nil).Want(http.StatusOK).JSON(&list)
	if len(list.Items) != 1 || *list.Items[0].Name != "for Acme" {
		t.Fatalf("the last page %+v", list.Items)
	}
	var v VersionContent
	who.Do(t, http.MethodGet, at(r.ID, "versions/2"), nil).Want(http.StatusOK).JSON(&v)
	if *v.Resume.Basics.Label != "Lead" {
		t.Fatalf("version 2 %+v", v)
	}
}

func TestOldVersionsAreDroppedButNamedOnesStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	r := f.create(who, ada)
	name := "keep"
	_, err := f.NameVersion(t.Context(), who.ID, r.ID, 1, &name)
	must(t, err)
	// As if there had been 511 versions.
	_, err = f.pool.Exec(t.Context(), `WITH v AS (INSERT INTO resume_versions SELECT resume_id, n, NULL, 'edited', NULL, layout, arranged, changed, created_at
		FROM resume_versions, generate_series(2, 511) n WHERE resume_id = $1) UPDATE resumes SET version = 511 WHERE id = $1`, r.ID)
	must(t, err)
	f.patch(who, r.ID, `{"resume":{"basics":{"label":"x"}}}`).Want(http.StatusOK)
	if n := f.count("SELECT count(*) FROM resume_versions WHERE resume_id = $1", r.ID); n != 500+1+1 {
		t.Fatalf("%d versions are left", n)
	}
	who.Do(t, http.MethodGet, at(r.ID, "versions/1"), nil).Want(http.StatusOK)
	who.Do(t, http.MethodGet, at(r.ID, "versions/2"), nil).Want(http.StatusNotFound)
}

func TestCreateIsIdempotentByKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	who := f.user()
	body := json.RawMessage(`{"title":"x","resume":{}}`)
	var a, b StoredResume
	who.Do(t, http.MethodPost, "/api/v1/resumes", body, "Idempotency-Key", "k").Want(http.StatusCreated).JSON(&a)
	who.Do(t, http.MethodPost, "/api/v1/resumes", body, "Idempotency-Key", "k").Want(http.StatusCreated).JSON(&b)
	if a.ID != b.ID {
		t.Fatal("one key made two resumes")
	}
}
