package api

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"log/slog"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// newAPI is the service behind its edge, on real servers.
func newAPI(t *testing.T) *testkit.API {
	t.Helper()
	client, prefix := testkit.Redis(t)
	options := user.CacheOptions
	options.Name = prefix + options.Name
	profiles, err := cache.New[[]byte](client, options)
	if err != nil {
		t.Fatal(err)
	}
	pool, keys := testkit.DB(t, "migrations/user"), testkit.SealKeys(t)
	cursors, err := httpx.NewCursors(bytes.Repeat([]byte("c"), 32))
	if err != nil {
		t.Fatal(err)
	}
	users := user.New(user.Deps{Pool: pool, Keys: keys, Files: testkit.Bucket(t), Cache: profiles, Log: slog.New(slog.DiscardHandler)})
	server := &Server{User: users, Cursors: cursors}
	return testkit.NewAPI(t, httpx.Options{Spec: Spec, Access: Access, Routes: server.Routes, Idempotency: httpx.NewIdempotency(pool, keys)})
}

// someone is a caller who has a profile.
func someone(t *testing.T, a *testkit.API, roles ...authn.Role) *testkit.Caller {
	t.Helper()
	c := a.User(t, uuid.Nil, roles...)
	a.Service("orchestrator").Do(t, "POST", "/internal/v1/users/"+c.ID.String()+"/profile", object{"email": "ada@example.com", "displayName": "Ada"}).Want(200)
	return c
}

type object = map[string]any

var merge = []string{"Content-Type", "application/merge-patch+json"}

func TestProfileOverHTTP(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := someone(t, a)
	first := ada.Do(t, "GET", "/api/v1/users/me", nil).Want(200)
	tag := first.Header().Get("ETag")
	ada.Do(t, "GET", "/api/v1/users/"+ada.ID.String(), nil, "If-None-Match", tag).Want(304)
	ada.Do(t, "PATCH", "/api/v1/users/me", object{"headline": "Engineer", "phone": "+49 30 901820"}, append(merge, "If-Match", tag)...).Want(200)
	ada.Do(t, "PATCH", "/api/v1/users/me", object{"headline": "x"}, append(merge, "If-Match", tag)...).WantProblem(412, "precondition_failed")
	for body, pointer := range map[string]string{
		`{"email": "new@example.com"}`: "#/email", `{"phone": "javascript:"}`: "#/phone", `{"headline": 5}`: "#/headline",
		`{"links": [{"kind": "other", "url": "javascript:alert(1)"}]}`: "#/links/0/url", `{"nationalities": ["Germany"]}`: "#/nationalities/0",
	} {
		var p struct{ Errors []struct{ Pointer string } }
		ada.Do(t, "PATCH", "/api/v1/users/me", []byte(body), merge...).Want(422).JSON(&p)
		if p.Errors[0].Pointer != pointer {
			t.Errorf("%s: fault at %s, want %s", body, p.Errors[0].Pointer, pointer)
		}
	}
	var c struct{ Percent int }
	if ada.Do(t, "GET", "/api/v1/users/me/completeness", nil).Want(200).JSON(&c); c.Percent != 15 {
		t.Errorf("%d percent, want 15", c.Percent)
	}
	a.APIKey(ada.ID, "profile:read").Do(t, "GET", "/api/v1/users/me", nil).Want(200)
	a.APIKey(ada.ID, "account:read").Do(t, "GET", "/api/v1/users/me", nil).WantProblem(403, "scope_missing")
	a.User(t, uuid.Nil).Do(t, "GET", "/api/v1/users/me", nil).WantProblem(404, "profile_not_found")
}

// What is another's does not exist, whoever asks.
func TestOthersAreNotFound(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, bob, admin := someone(t, a), someone(t, a), someone(t, a, authn.RoleSuperAdmin)
	of, some := "/api/v1/users/"+ada.ID.String(), "/"+uuid.NewString()
	patch := func(path string, body object) func(*testkit.Caller) *testkit.Reply {
		return func(c *testkit.Caller) *testkit.Reply { return c.Do(t, "PATCH", of+path, body, merge...) }
	}
	do := func(method, path string, body any) func(*testkit.Caller) *testkit.Reply {
		return func(c *testkit.Caller) *testkit.Reply { return c.Do(t, method, of+path, body) }
	}
	for name, call := range map[string]func(*testkit.Caller) *testkit.Reply{
		"getProfile": do("GET", "", nil), "updateProfile": patch("", object{"headline": "x"}), "requestDeletion": do("DELETE", "", nil),
		"getCompleteness": do("GET", "/completeness", nil), "getPhoto": do("GET", "/photo", nil), "removePhoto": do("DELETE", "/photo", nil),
		"listSkills": do("GET", "/skills", nil), "addSkills": do("POST", "/skills", object{"skills": []object{{"name": "Go"}}}),
		"updateSkill": patch("/skills"+some, object{"years": 1}), "removeSkill": do("DELETE", "/skills"+some, nil),
		"listExperiences": do("GET", "/experiences", nil), "addExperience": do("POST", "/experiences", object{"employer": "A", "title": "B", "startDate": "2020"}),
		"getExperience": do("GET", "/experiences"+some, nil), "updateExperience": patch("/experiences"+some, object{"title": "C"}), "removeExperience": do("DELETE", "/experiences"+some, nil),
		"listEducations": do("GET", "/educations", nil), "addEducation": do("POST", "/educations", object{"institution": "A"}),
		"getEducation": do("GET", "/educations"+some, nil), "updateEducation": patch("/educations"+some, object{"grade": "1"}), "removeEducation": do("DELETE", "/educations"+some, nil),
		"getPreferences": do("GET", "/preferences", nil), "updatePreferences": patch("/preferences", object{"filters": nil}),
		"getSettings": do("GET", "/settings", nil), "updateSettings": patch("/settings", object{"units": "imperial"}),
		"listAnswers": do("GET", "/answers", nil), "saveAnswer": do("PUT", "/answers/notice_period", object{"value": "x"}), "removeAnswer": do("DELETE", "/answers/notice_period", nil),
		"listProposals": do("GET", "/proposals", nil), "getProposal": do("GET", "/proposals"+some, nil),
		"decideProposal": do("POST", "/proposals"+some+"/decisions", object{"rest": "accept"}), "getSubscription": do("GET", "/subscription", nil),
	} {
		for _, c := range []*testkit.Caller{bob, admin} {
			if r := call(c); r.Code != http.StatusNotFound {
				t.Errorf("%s of another's: %d %s", name, r.Code, r.Body)
			}
		}
		call(a.Nobody()).WantProblem(401, "unauthenticated")
	}
}

func TestCareerOverHTTP(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := someone(t, a)
	var added struct{ Items []struct{ ID, Name string } }
	again := []string{"Idempotency-Key", "one"}
	ada.Do(t, "POST", "/api/v1/users/me/skills", object{"skills": []object{{"name": "Go", "years": 3}}}, again...).Want(200).JSON(&added)
	ada.Do(t, "POST", "/api/v1/users/me/skills", object{"skills": []object{{"name": "Rust"}}}, again...).WantProblem(422, "idempotency_key_reused")
	ada.Do(t, "POST", "/api/v1/users/me/skills", object{"skills": []object{}}).Want(422)
	ada.Do(t, "PATCH", "/api/v1/users/me/skills/"+added.Items[0].ID, object{"level": "expert", "years": nil}, merge...).Want(200)
	ada.Do(t, "GET", "/api/v1/users/me/skills", nil).Want(200)
	ada.Do(t, "DELETE", "/api/v1/users/me/skills/"+added.Items[0].ID, nil).Want(204)

	for path, c := range map[string][3]object{
		"experiences": {{"employer": "A", "title": "B", "startDate": "2020-01"}, {"endDate": "2021"}, {"endDate": "2019"}},
		"educations":  {{"institution": "A", "startDate": "2020-01"}, {"endDate": "2021", "degreeLevel": "master"}, {"endDate": "2019"}},
	} {
		var entry struct{ ID string }
		made := ada.Do(t, "POST", "/api/v1/users/me/"+path, c[0]).Want(201).JSON(&entry)
		tag, at := made.Header().Get("ETag"), "/api/v1/users/me/"+path+"/"+entry.ID
		ada.Do(t, "GET", at, nil, "If-None-Match", tag).Want(304)
		ada.Do(t, "PATCH", at, c[1], append(merge, "If-Match", tag)...).Want(200)
		ada.Do(t, "PATCH", at, c[1], append(merge, "If-Match", tag)...).WantProblem(412, "precondition_failed")
		ada.Do(t, "PATCH", at, c[2], merge...).WantProblem(422, "validation_failed")
		ada.Do(t, "GET", "/api/v1/users/me/"+path, nil).Want(200)
		ada.Do(t, "DELETE", at, nil).Want(204)
		ada.Do(t, "GET", at, nil).Want(404)
	}
}

func TestPreferencesAndAnswersOverHTTP(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := someone(t, a)
	for path, body := range map[string]object{"preferences": {"filters": object{"remoteKinds": []string{"remote"}}, "wishes": nil}, "settings": {"timeZone": "Europe/Paris"}} {
		tag := ada.Do(t, "GET", "/api/v1/users/me/"+path, nil).Want(200).Header().Get("ETag")
		ada.Do(t, "PATCH", "/api/v1/users/me/"+path, body, append(merge, "If-Match", tag)...).Want(200)
		ada.Do(t, "PATCH", "/api/v1/users/me/"+path, body, append(merge, "If-Match", tag)...).WantProblem(412, "precondition_failed")
		ada.Do(t, "GET", "/api/v1/users/me/"+path, nil, "If-None-Match", tag).Want(200)
	}
	ada.Do(t, "PUT", "/api/v1/users/me/answers/notice_period", object{"value": "4 weeks"}).Want(200)
	ada.Do(t, "PUT", "/api/v1/users/me/answers/custom.bird", object{"value": []string{"a"}, "question": "Birds?"}).Want(200)
	ada.Do(t, "PUT", "/api/v1/users/me/answers/unheard_of", object{"value": "x"}).WantProblem(404, "answer_key_not_found")
	ada.Do(t, "GET", "/api/v1/users/me/answers", nil).Want(200)
	ada.Do(t, "DELETE", "/api/v1/users/me/answers/notice_period", nil).Want(204)
	ada.Do(t, "GET", "/api/v1/users/me/subscription", nil).Want(200)
	a.Nobody().Do(t, "GET", "/api/v1/plans", nil).Want(200)
	for _, path := range []string{"answer-keys", "skills?q=pyt", "occupations?q=dev", "places?q=ber&lang=de&country=DE", "countries", "countries?q=ger&limit=300", "currencies?q=e", "languages?lang=fr"} {
		a.Nobody().Do(t, "GET", "/api/v1/reference/"+path, nil).Want(200)
	}
	a.Nobody().Do(t, "GET", "/api/v1/reference/skills?q=", nil).Want(400)
}

func TestProposalsAndInternalOperations(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada, orchestrator := someone(t, a), a.Service("orchestrator")
	inside := "/internal/v1/users/" + ada.ID.String()
	var p struct {
		ID      string
		Changes []struct{ ID, Pointer string }
	}
	for version := range 3 {
		orchestrator.Do(t, "POST", inside+"/proposals", object{"resumeId": uuid.NewString(), "resumeVersion": version + 1, "resume": object{
			"basics": object{"name": "Ada Lovelace", "phone": "+49 30 1234"}, "work": []object{{"name": "A", "position": "B", "startDate": "2020"}},
		}, "fields": []object{{"pointer": "/basics/phone", "confidence": 0.9, "page": 1, "text": "Tel."}}}).Want(200).JSON(&p)
	}
	var list struct {
		Items      []object
		NextCursor string
	}
	ada.Do(t, "GET", "/api/v1/users/me/proposals?limit=2&status=open", nil).Want(200).JSON(&list)
	ada.Do(t, "GET", "/api/v1/users/me/proposals?limit=2&status=open&cursor="+list.NextCursor, nil).Want(200).JSON(&list)
	if len(list.Items) != 1 {
		t.Errorf("the second page has %d proposals", len(list.Items))
	}
	ada.Do(t, "GET", "/api/v1/users/me/proposals?cursor=x", nil).Want(400)
	at := "/api/v1/users/me/proposals/" + p.ID
	ada.Do(t, "GET", at, nil).Want(200)
	ada.Do(t, "POST", at+"/decisions", object{"reject": []string{p.Changes[0].ID}, "rest": "accept"}).Want(200)
	ada.Do(t, "POST", at+"/decisions", object{"accept": []string{p.Changes[0].ID}}).WantProblem(409, "already_decided")
	ada.Do(t, "POST", at+"/decisions", object{}).Want(422)

	a.Service("job").Do(t, "GET", inside+"/profile", nil).Want(200)
	a.Service("auth").Do(t, "GET", inside+"/profile", nil).WantProblem(403, "forbidden")
	ada.Do(t, "GET", inside+"/profile", nil).Want(403)
	path := "/api/v1/users/admin/" + ada.ID.String() + "/profile"
	a.User(t, uuid.Nil, authn.RoleAdmin).Do(t, "GET", path, nil).Want(200)
	ada.Do(t, "GET", path, nil).WantProblem(403, "forbidden")

	ada.Do(t, "DELETE", "/api/v1/users/me", nil).Want(202)
	ada.Do(t, "PATCH", "/api/v1/users/me", object{"headline": "x"}, merge...).WantProblem(409, "account_being_deleted")
	var footprint struct{ Total int }
	if orchestrator.Do(t, "GET", inside+"/footprint", nil).Want(200).JSON(&footprint); footprint.Total == 0 {
		t.Error("before the deletion nothing is held")
	}
	orchestrator.Do(t, "DELETE", inside, nil).Want(204)
	orchestrator.Do(t, "DELETE", inside, nil).Want(204)
	if orchestrator.Do(t, "GET", inside+"/footprint", nil).Want(200).JSON(&footprint); footprint.Total != 0 {
		t.Errorf("after it %d things are", footprint.Total)
	}
	orchestrator.Do(t, "POST", inside+"/profile", object{"email": "ada@example.com"}).WantProblem(409, "account_deleted")
}

func TestPhotoOverHTTP(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := someone(t, a)
	var picture, form bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	w := multipart.NewWriter(&form)
	for _, name := range []string{"other", "photo"} {
		part, err := w.CreateFormFile(name, "../../x.exe")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(picture.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/users/me/photo"
	ada.Do(t, "GET", path, nil).WantProblem(404, "photo_not_found")
	ada.Do(t, "PUT", path, picture.Bytes(), "Content-Type", "image/webp").Want(200) // told by content
	ada.Do(t, "PUT", path, form.Bytes(), "Content-Type", w.FormDataContentType()).Want(200)
	got := ada.Do(t, "GET", path+"?size=128", nil).Want(200)
	if got.Header().Get("Content-Type") != "image/jpeg" {
		t.Errorf("it is %s", got.Header().Get("Content-Type"))
	}
	ada.Do(t, "GET", path+"?size=128", nil, "If-None-Match", got.Header().Get("ETag")).Want(304)
	ada.Do(t, "GET", path+"?size=64", nil).Want(400)
	ada.Do(t, "PUT", path, []byte("GIF89a"), "Content-Type", "image/gif").WantProblem(422, "photo_unreadable")
	ada.Do(t, "PUT", path, []byte("--x"), "Content-Type", "multipart/form-data; boundary=x").Want(422)
	ada.Do(t, "PUT", path, []byte("x"), "Content-Type", "text/html").Want(415)
	ada.Do(t, "PUT", path, bytes.Repeat([]byte("x"), 5<<20+1), "Content-Type", "image/png").Want(413)
	var p struct{ Photo json.RawMessage }
	if ada.Do(t, "GET", "/api/v1/users/me", nil).JSON(&p); p.Photo == nil {
		t.Error("the profile does not name the photo")
	}
	ada.Do(t, "DELETE", path, nil).Want(204)
	other := "/api/v1/users/" + uuid.NewString() + "/photo"
	ada.Do(t, "PUT", other, []byte("--x"), "Content-Type", "multipart/form-data; boundary=x").WantProblem(404, "user_not_found")
}

// What a resume may hold at the most, and the oddest that it may, is accepted as a
// whole; every answer is held against the contract of the profile.
func TestAResumeAtItsLimitsBecomesAProfile(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := someone(t, a)
	long := func(n int) string { return strings.Repeat("ä", n) }
	list := func(n int, one any) (all []any) {
		for range n {
			all = append(all, one)
		}
		return all
	}
	fields := []object{}
	for i := range 2000 {
		fields = append(fields, object{"pointer": "/work/" + strconv.Itoa(i%60) + "/name", "confidence": 1, "page": 1, "text": long(100)})
	}
	var p struct {
		ID      string
		Changes []object
	}
	a.Service("orchestrator").Do(t, "POST", "/internal/v1/users/"+ada.ID.String()+"/proposals", object{"resumeId": uuid.NewString(), "resumeVersion": 1, "fields": fields, "resume": object{
		"basics": object{
			"name": long(99) + " " + long(100), "label": long(200), "phone": long(64), "url": "https://" + long(100), "summary": long(10000), "email": "x@example.com",
			"location": object{"address": long(500), "postalCode": long(32), "city": long(200), "countryCode": "ZZ", "region": long(200)},
			"profiles": list(30, object{"network": "x", "url": "javascript:alert(1)//." + long(10)}),
		},
		"work": []object{
			{"name": long(300), "position": long(300), "location": long(300), "url": "https://x.example/" + strings.Repeat("x", 2000), "startDate": "2020-01-31", "highlights": append(list(98, long(10)), "", " ")},
			{"name": " ", "position": " ", "startDate": "2020"}, {"name": "A", "position": "B", "startDate": "2021", "endDate": "2020"}, {"name": "No", "position": "date"}, {"name": "C", "position": "D", "url": "no address", "startDate": "2020-02-31"},
		},
		"education": []object{{"institution": long(300), "area": long(300), "studyType": long(300), "score": long(100), "courses": append(list(99, long(300)), ""), "url": "//x"}, {"institution": "\t"}},
		"skills":    []object{{"name": long(200)}, {"name": "x", "level": long(100), "keywords": append(list(100, "same"), "a\u200bb", "\u202e", " ", "C++", "c++")}},
		"languages": []object{{"language": "Klingon", "fluency": "native"}, {"language": "English", "fluency": long(50)}, {"language": "en"}, {"language": "anglais"}},
	}}).Want(200).JSON(&p)
	ada.Do(t, "GET", "/api/v1/users/me/proposals/"+p.ID, nil).Want(200)
	ada.Do(t, "POST", "/api/v1/users/me/proposals/"+p.ID+"/decisions", object{"rest": "accept"}).Want(200)
	for _, what := range []string{"", "/skills", "/experiences", "/educations", "/preferences"} {
		ada.Do(t, "GET", "/api/v1/users/me"+what, nil).Want(200)
	}
	a.Service("job").Do(t, "GET", "/internal/v1/users/"+ada.ID.String()+"/profile", nil).Want(200)
	ada.Do(t, "PATCH", "/api/v1/users/me", object{"headline": "Engineer"}, merge...).Want(200)
}
