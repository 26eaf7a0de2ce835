package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

var day = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)

// board is a running site with a client that follows no redirects.
type board struct {
	*testing.T
	site   *Site
	url    string
	client *http.Client
}

func start(t *testing.T, options ...func(*Options)) *board {
	t.Helper()
	generate := func(n int) (*posting.Board, error) { return posting.Generate(1, n, day) }
	b, err := generate(posting.MinJobs)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Board: b, More: generate, Today: day, Place: time.Nanosecond}
	for _, f := range options {
		f(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &board{T: t, site: s, url: server.URL, client: client}
}

func (b *board) do(method, path string, header http.Header, body io.Reader) (int, http.Header, string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, body)
	if err != nil {
		b.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

func (b *board) get(path string) string {
	b.Helper()
	status, _, text := b.do(http.MethodGet, path, nil, nil)
	if status != http.StatusOK {
		b.Fatalf("GET %s: %d %s", path, status, text)
	}
	return text
}

// getJSON decodes strictly: a name that the target has not is an error.
func (b *board) getJSON(path string, target any) {
	b.Helper()
	strict(b.T, path, b.get(path), target)
}

func strict(t *testing.T, path, text string, target any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(target); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func (b *board) send(method, path string, body any) (int, string) {
	b.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	status, _, text := b.do(method, path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(data))
	return status, text
}

// job finds the first posting of a platform with a mode; "none" for one without.
func (b *board) job(platform, mode string) *posting.Job {
	b.Helper()
	i := slices.IndexFunc(b.site.board().Jobs, func(j *posting.Job) bool {
		return j.Platform == platform && j.OriginalURL == "" && (mode == "none" && len(j.Modes) == 0 && len(j.Traps) == 0 || slices.Contains(j.Modes, mode))
	})
	if i < 0 {
		b.Fatalf("no posting of %s has the mode %s", platform, mode)
	}
	return b.site.board().Jobs[i]
}

// filled answers every field of a form as a person would.
func filled(f *form.Form) url.Values {
	v := url.Values{}
	for _, d := range f.Fields {
		switch {
		case d.Group == form.Trap, d.Kind == form.File:
		case d.Kind == form.Multi:
			v[d.Name] = []string{d.Options[0].Value, d.Options[1].Value}
		case len(d.Options) > 0:
			v.Set(d.Name, d.Options[0].Value)
		default:
			v.Set(d.Name, map[form.Kind]string{form.Email: "ada@example.org", form.Tel: "+44 20 7946 0123", form.Number: "7",
				form.Date: "2026-05-01", form.URL: "https://www.linkedin.com/in/ada"}[d.Kind])
			if v.Get(d.Name) == "" {
				v.Set(d.Name, "Ada Byron")
			}
		}
	}
	return v
}

var pdf = []byte("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n")

// post sends a form with a résumé for every file field.
func (b *board) post(j *posting.Job, values url.Values, files map[string][]byte) (int, http.Header, string) {
	b.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, all := range values {
		for _, v := range all {
			if err := w.WriteField(name, v); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, content := range files {
		part, err := w.CreateFormFile(name, "cv.pdf")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return b.do(http.MethodPost, j.ApplyPath(), http.Header{"Content-Type": {w.FormDataContentType()}}, &body)
}

// apply fills and sends the form of a posting, with what its captcha wants on Lever.
func (b *board) apply(j *posting.Job) (int, http.Header, string) {
	b.Helper()
	f := b.site.form(j)
	values := filled(f)
	if j.Platform == posting.Lever {
		values.Set("h-captcha-response", b.passive())
	}
	return b.post(j, values, resumes(f))
}

func resumes(f *form.Form) map[string][]byte {
	files := map[string][]byte{}
	for _, d := range f.Fields {
		if d.Kind == form.File {
			files[d.Name] = pdf
		}
	}
	return files
}

func (b *board) passive() string {
	b.Helper()
	var a struct{ Token string }
	b.getJSON("/_captcha/passive", &a)
	return a.Token
}

func (b *board) submissions(query string) []Submission {
	b.Helper()
	var a struct {
		Items []Submission
		Total int
	}
	b.getJSON("/_board/submissions?"+query, &a)
	return a.Items
}

// platforms are those with a form of their own.
var platforms = []string{posting.Greenhouse, posting.Lever, posting.Ashby, posting.Workable, posting.Careers, posting.SmartRecruiters,
	posting.Recruitee, posting.Personio}

// TestEveryFormTakesItsAnswers sends each posting's form, filled from its description, and expects the confirmation.
func TestEveryFormTakesItsAnswers(t *testing.T) {
	b := start(t)
	sent := map[string]int{}
	for _, j := range b.site.board().Jobs {
		if j.OriginalURL != "" || len(j.Modes) > 0 {
			continue
		}
		status, header, text := b.apply(j)
		if done := donePath(j); done != "" {
			if status != http.StatusSeeOther || header.Get("Location") != done {
				t.Fatalf("%s: %d %s", j.Key, status, text)
			}
			text = b.get(done)
		}
		marker := map[string]string{posting.Greenhouse: "application_confirmation", posting.Lever: "msg-submit-success",
			posting.Ashby: "ashby-application-form-success-container", posting.Workable: `data-ui="success"`}[j.Platform]
		if marker == "" {
			marker = "thank-you"
		}
		if !strings.Contains(text, marker) {
			t.Errorf("%s: the confirmation has no %s", j.Key, marker)
		}
		sent[j.Platform]++
	}
	for _, p := range platforms {
		if sent[p] == 0 {
			t.Errorf("no form of %s was tried", p)
		}
	}
}

// TestPagesHoldTheirFields looks for the control of every field on the page, by its name.
func TestPagesHoldTheirFields(t *testing.T) {
	b := start(t)
	for _, j := range b.site.board().Jobs {
		if j.OriginalURL != "" || b.site.closed(j) || slices.Contains(j.Modes, posting.ModeMultiPage) || slices.Contains(j.Modes, posting.ModeSlow) {
			continue
		}
		page := b.get(j.ApplyPath())
		for _, d := range b.site.form(j).Fields {
			name := strings.NewReplacer("[", "[", "&", "&amp;").Replace(d.Name)
			if !strings.Contains(page, `name="`+name+`"`) && !strings.Contains(page, `data-combobox="`+name+`"`) {
				t.Errorf("%s: %s (%s) is not on its page", j.Key, d.Name, d.Kind)
			}
			if id, ok := strings.CutPrefix(d.Selector, "#"); ok && !strings.Contains(page, `id="`+id+`"`) {
				t.Errorf("%s: nothing has the id of %s", j.Key, d.Selector)
			}
		}
		for _, d := range b.site.form(j).Fields { // labels are what a machine has to understand
			if d.Group == form.Trap {
				continue
			}
			if d.Meaning == "" || d.Label == "" {
				t.Errorf("%s: %s has no meaning or no label", j.Key, d.Name)
			}
		}
	}
}

func TestChoicesHaveKnownMeaning(t *testing.T) {
	b := start(t)
	for _, j := range b.site.board().Jobs {
		seen := map[string]bool{}
		for _, d := range b.site.form(j).Fields {
			if seen[d.Name] {
				t.Errorf("%s: two fields are called %s", j.Key, d.Name)
			}
			seen[d.Name] = true
			switch d.Kind {
			case form.Select, form.Multi, form.YesNo:
				if len(d.Options) < 2 {
					t.Errorf("%s: %s offers %d answers", j.Key, d.Label, len(d.Options))
				}
			}
		}
	}
}

func TestRecording(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	b := start(t, func(o *Options) { o.Now = func() time.Time { return now } })
	j := b.job(posting.Greenhouse, "none")
	f := b.site.form(j)
	missing := filled(f)
	missing.Del("email")
	if status, _, text := b.post(j, missing, resumes(f)); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Email is required") {
		t.Fatalf("without e-mail: %d %s", status, text)
	}
	for range 2 {
		if status, _, text := b.apply(j); status != http.StatusSeeOther {
			t.Fatalf("%d %s", status, text)
		}
	}
	all := b.submissions("email=ADA@example.org&job=" + url.QueryEscape(j.Key))
	if len(all) != 2 {
		t.Fatalf("%d submissions recorded, want 2", len(all))
	}
	x := all[1]
	if x.Tries != 2 || !x.Repeat || all[0].Repeat || !x.At.Equal(now) || x.Outcome != "accepted" {
		t.Errorf("second submission: %+v", x)
	}
	sum := sha256.Sum256(pdf)
	if len(x.Files) == 0 || x.Files[0].Size != int64(len(pdf)) || x.Files[0].SHA256 != hex.EncodeToString(sum[:]) || x.Files[0].Name != "cv.pdf" {
		t.Errorf("files: %+v", x.Files)
	}
	if got := x.Meanings["name.first"]; len(got) != 1 || got[0] != "Ada Byron" {
		t.Errorf("meaning of the first name: %v", got)
	}
	if got := x.Meanings["work_authorization"]; len(got) != 1 || got[0] != f.Fields[slices.IndexFunc(f.Fields, func(d form.Field) bool {
		return d.Meaning == "work_authorization"
	})].Options[0].Label {
		t.Errorf("a choice is not given by its label: %v", got)
	}
	if bad := b.submissions("outcome=invalid"); len(bad) != 1 || bad[0].Errors["email"] == "" {
		t.Errorf("refused submissions: %+v", bad)
	}
	if status, _ := b.send(http.MethodPost, "/_board/reset", nil); status != http.StatusOK || len(b.submissions("outcome=all")) != 0 {
		t.Error("reset kept submissions")
	}
}

func TestValidation(t *testing.T) {
	b := start(t)
	j := b.job(posting.Workable, "none")
	f := b.site.form(j)
	name := func(kind form.Kind) string {
		i := slices.IndexFunc(f.Fields, func(d form.Field) bool { return d.Kind == kind })
		if i < 0 {
			t.Fatalf("the form has no %s", kind)
		}
		return f.Fields[i].Name
	}
	for _, c := range []struct{ field, value, fault string }{
		{"email", "ada", "valid email"}, {"phone", "call me", "valid phone"}, {name(form.YesNo), "perhaps", "one of the options"},
		{"firstname", "  ", "First name is required"},
	} {
		values := filled(f)
		values.Set(c.field, c.value)
		if status, _, text := b.post(j, values, resumes(f)); status != http.StatusUnprocessableEntity || !strings.Contains(text, c.fault) {
			t.Errorf("%s=%q: %d without %q", c.field, c.value, status, c.fault)
		}
	}
	for fault, content := range map[string][]byte{"is empty": {}, "is not what its name says": []byte("MZ"),
		"too large": append(slices.Clone(pdf), make([]byte, form.MaxFile)...)} {
		if status, _, text := b.post(j, filled(f), map[string][]byte{"resume": content}); status != http.StatusUnprocessableEntity || !strings.Contains(text, fault) {
			t.Errorf("file that %s: %d", fault, status)
		}
	}
	if n := len(b.submissions("")); n != 0 {
		t.Errorf("%d submissions with faults were accepted", n)
	}
}

func TestLimits(t *testing.T) {
	b := start(t)
	j := b.job(posting.Careers, "none")
	f := b.site.form(j)
	values := filled(f)
	values.Set("extra", strings.Repeat("x", maxFieldBytes))
	if status, _, _ := b.post(j, values, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("answers of %d bytes: %d", maxFieldBytes, status)
	}
	if status, _, _ := b.post(j, filled(f), map[string][]byte{"resume": make([]byte, maxBody)}); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a file as large as a request may be: %d", status)
	}
	many := url.Values{}
	for i := range maxParts + 1 {
		many.Set(fmt.Sprint("f", i), "")
	}
	if status, _, _ := b.post(j, many, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d fields: %d", len(many), status)
	}
	if status, _, _ := b.do(http.MethodPost, j.ApplyPath(), http.Header{"Content-Type": {"text/plain"}}, strings.NewReader("x")); status != http.StatusBadRequest {
		t.Errorf("plain text: %d", status)
	}
}

func TestStoreIsBounded(t *testing.T) {
	s := newStore(time.Now)
	for i := range maxSubmissions + 100 {
		s.add(&Submission{Job: "j", Email: fmt.Sprint(i), Outcome: accepted})
	}
	if len(s.submissions) != maxSubmissions || len(s.tries) != maxSubmissions {
		t.Errorf("%d submissions and %d tallies kept", len(s.submissions), len(s.tries))
	}
	if first := s.submissions[0].ID; first != "101" {
		t.Errorf("the oldest kept is %s", first)
	}
	large := url.Values{"a": {strings.Repeat("x", 200<<10)}}
	for range 400 {
		s.add(&Submission{Job: "j", Email: "a", Fields: large, Outcome: accepted})
	}
	if s.kept > maxKept {
		t.Errorf("%d bytes kept", s.kept)
	}
	for i := range 2 * maxDrafts {
		s.saveDraft(&draft{job: fmt.Sprint(i)})
	}
	if len(s.drafts.m) != maxDrafts || len(s.drafts.keys) != maxDrafts {
		t.Errorf("%d drafts kept", len(s.drafts.m))
	}
}

func TestUnknownTokensDoNotFillTheCounters(t *testing.T) {
	b := start(t)
	for i := range maxBoards + 50 {
		b.site.count(fmt.Sprint("lever/", i), "listing")
	}
	if n := len(b.site.counts); n > maxBoards+1 {
		t.Errorf("%d counters", n)
	}
}
