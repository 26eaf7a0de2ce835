package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"
)

// advises makes ai suggest these, in its words.
func (a *adviser) advises(list string) {
	a.answers(http.StatusOK, map[string]any{
		"suggestions": json.RawMessage(list), "warnings": []any{}, "engine": map[string]any{"name": "builtin", "model": "m", "cached": false},
	})
}

const advice = `[
	{"id":"1","kind":"missing_keyword","severity":"major","pointer":"/skills/-","operation":"add","after":"Kubernetes","reason":"The posting asks for it.","sources":[]},
	{"id":"2","kind":"weak_verb","severity":"minor","pointer":"/work/0/highlights/0","operation":"replace","before":"Wrote the first program","after":"Published the first program","reason":"Stronger.","sources":[]},
	{"id":"3","kind":"quantify","severity":"minor","pointer":"/work/0/highlights/0","operation":"advise","before":"Wrote the first program","reason":"Give a number.","sources":[]},
	{"id":"4","kind":"duplicate","severity":"hint","pointer":"/skills/1","operation":"remove","before":"Mathematics","reason":"Twice.","sources":[]},
	{"id":"5","kind":"missing_contact","severity":"hint","pointer":"/basics/url","operation":"advise","reason":"Name a page.","sources":[]}]`

func TestSuggestionsAreAcceptedOneByOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.advises(advice)
	who := f.user()
	r := f.create(who, ada)
	var list SuggestionList
	job := uuid.New()
	who.Do(t, http.MethodPost, at(r.ID, "optimize"), json.RawMessage(`{"jobId":"`+job.String()+`"}`)).Want(http.StatusCreated).JSON(&list)
	if len(list.Items) != 5 || list.Items[0].Kind != "missing_keyword" || *list.Items[0].JobID != job || *list.Items[1].Section != SectionWork || list.Items[0].Status != SuggestionPending {
		t.Fatalf("suggestions %+v", list.Items)
	}
	var asked struct {
		JobID  uuid.UUID
		Resume Resume
	}
	must(t, json.Unmarshal(f.ai.asked[0], &asked))
	if asked.JobID != job || *asked.Resume.Basics.Name != "Ada Lovelace" {
		t.Fatalf("ai was asked %s", f.ai.asked[0])
	}
	if n := f.count("SELECT count(*) FROM resume_suggestions WHERE position('Kubernetes' IN encode(body_sealed, 'escape')) > 0"); n != 0 {
		t.Fatal("suggestions are not sealed")
	}
	accept := func(i int) string { return at(r.ID, "suggestions", list.Items[i].ID, "accept") }

	var x Suggestion
	who.Do(t, http.MethodPost, accept(0), nil).Want(http.StatusOK).JSON(&x)
	if x.Status != SuggestionAccepted || *x.AppliedVersion != 2 {
		t.Fatalf("accepted %+v", x)
	}
	who.Do(t, http.MethodPost, accept(1), nil).Want(http.StatusOK)
	who.Do(t, http.MethodPost, accept(1), nil).WantProblem(http.StatusConflict, "suggestion_conflict")
	// The advice is about what stood there before the change above.
	who.Do(t, http.MethodPost, accept(2), json.RawMessage(`{"text":"Wrote 3 programs"}`)).WantProblem(http.StatusConflict, "suggestion_conflict")
	who.Do(t, http.MethodPost, accept(3), nil).Want(http.StatusOK)
	who.Do(t, http.MethodPost, accept(4), nil).WantProblem(http.StatusConflict, "suggestion_needs_text")
	who.Do(t, http.MethodPost, accept(4), json.RawMessage(`{"text":"https://ada.example.com"}`)).Want(http.StatusOK)
	who.Do(t, http.MethodPost, accept(0), nil).WantProblem(http.StatusConflict, "suggestion_decided")

	var now StoredResume
	who.Do(t, http.MethodGet, at(r.ID), nil).Want(http.StatusOK).JSON(&now)
	skills := *now.Resume.Skills
	if now.Version != 5 || len(skills) != 2 || *skills[1].Name != "Kubernetes" || (*(*now.Resume.Work)[0].Highlights)[0] != "Published the first program" ||
		*now.Resume.Basics.URL != "https://ada.example.com" {
		t.Fatalf("the resume became %+v", now)
	}
	who.Do(t, http.MethodPost, at(r.ID, "suggestions", list.Items[2].ID, "reject"), nil).Want(http.StatusOK)
	who.Do(t, http.MethodPost, at(r.ID, "suggestions", list.Items[0].ID, "reject"), nil).WantProblem(http.StatusConflict, "suggestion_decided")
	who.Do(t, http.MethodGet, at(r.ID, "suggestions?status=accepted"), nil).Want(http.StatusOK).JSON(&list)
	if len(list.Items) != 4 {
		t.Fatalf("%d accepted", len(list.Items))
	}
	f.user().Do(t, http.MethodPost, at(r.ID, "suggestions", list.Items[0].ID, "reject"), nil).WantProblem(http.StatusNotFound, "suggestion_not_found")
}

func TestNewSuggestionsReplaceThoseThatWait(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ai.advises(advice)
	who := f.user()
	r := f.create(who, ada)
	for range 2 {
		who.Do(t, http.MethodPost, at(r.ID, "optimize"), json.RawMessage(`{"job":{"title":"Lead","description":"Go"}}`)).Want(http.StatusCreated)
	}
	if n := f.count("SELECT count(*) FROM resume_suggestions"); n != 5 {
		t.Fatalf("%d suggestions", n)
	}
	f.ai.refuses(http.StatusNotFound, "job_not_found")
	who.Do(t, http.MethodPost, at(r.ID, "optimize"), nil).WantProblem(http.StatusConflict, "suggestions_refused")
	f.ai.refuses(http.StatusServiceUnavailable, "unavailable")
	who.Do(t, http.MethodPost, at(r.ID, "optimize"), nil).WantProblem(http.StatusServiceUnavailable, "adviser_unavailable")
	if n := f.count("SELECT count(*) FROM resume_suggestions"); n != 5 {
		t.Fatal("a failure dropped suggestions")
	}
}
