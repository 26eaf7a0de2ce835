package site

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// own are the platforms whose postings carry every mode.
var own = []string{posting.Greenhouse, posting.Lever, posting.Ashby, posting.Workable, posting.Careers}

// withMode runs a test for the posting of each platform that carries a mode from the start.
func withMode(t *testing.T, mode string, f func(*board, *posting.Job)) {
	t.Helper()
	b := start(t)
	for _, p := range own {
		t.Run(p, func(t *testing.T) { f(&board{t, b.site, b.url, b.client}, b.job(p, mode)) })
	}
}

// succeeded tells a confirmation from everything else.
func succeeded(j *posting.Job, status int, text string) bool {
	if donePath(j) != "" {
		return status == http.StatusSeeOther
	}
	return status == http.StatusOK && (strings.Contains(text, "success-container") || strings.Contains(text, `data-ui="success"`))
}

func TestCaptcha(t *testing.T) {
	word := regexp.MustCompile(`<p class="word"[^>]*>(.*?)</p>`)
	tags := regexp.MustCompile(`<[^>]*>`)
	for mode, want := range map[string]string{posting.ModeCaptcha: "h-captcha", posting.ModeCaptchaRecaptcha: "g-recaptcha",
		posting.ModeCaptchaTurnstile: "cf-turnstile", posting.ModeCaptchaInvisible: "grecaptcha-badge"} {
		t.Run(mode, func(t *testing.T) {
			withMode(t, mode, func(b *board, j *posting.Job) {
				page := b.get(j.ApplyPath())
				if !strings.Contains(page, `class="`+want) {
					t.Fatalf("the page has no %s", want)
				}
				frame := regexp.MustCompile(`data-frame="([^"]+)"`).FindStringSubmatch(page)[1]
				f := b.site.form(j)
				values := filled(f)
				_, field := captchaKind(j.Modes)
				for _, bad := range []string{"", "P1_made-up", b.passive()} {
					values.Set(field, bad)
					if status, _, text := b.post(j, values, resumes(f)); status != http.StatusUnprocessableEntity || !strings.Contains(text, "complete the captcha") {
						t.Errorf("with the answer %q: %d", bad, status)
					}
				}
				html := b.get(strings.ReplaceAll(frame, "&amp;", "&"))
				id := regexp.MustCompile(`data-id="([^"]+)"`).FindStringSubmatch(html)[1]
				typed := tags.ReplaceAllString(word.FindStringSubmatch(html)[1], "")
				_, _, text := b.do(http.MethodPost, "/_captcha/solve", formHeader, strings.NewReader(url.Values{"id": {id}, "word": {typed}}.Encode()))
				var solved struct{ Token string }
				strict(t, "solve", text, &solved)
				values.Set(field, solved.Token)
				if status, _, text := b.post(j, values, resumes(f)); !succeeded(j, status, text) {
					t.Errorf("solved, and yet %d", status)
				}
				if status, _, text := b.post(j, values, resumes(f)); succeeded(j, status, text) {
					t.Error("an answer served twice")
				}
				if n := len(b.submissions("outcome=captcha&job=" + url.QueryEscape(j.Key))); n != 4 {
					t.Errorf("%d refusals recorded, want 4", n)
				}
			})
		})
	}
}

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

func TestWrongWord(t *testing.T) {
	b := start(t)
	id, word := b.site.store.challenge()
	solve := func(word string) int {
		status, _, _ := b.do(http.MethodPost, "/_captcha/solve", formHeader, strings.NewReader(url.Values{"id": {id}, "word": {word}}.Encode()))
		return status
	}
	if solve("wrong") != http.StatusUnprocessableEntity || solve(word) != http.StatusUnprocessableEntity {
		t.Error("a challenge can be tried more than once")
	}
}

func TestLeverNeedsItsButton(t *testing.T) {
	b := start(t)
	j := b.job(posting.Lever, "none")
	f := b.site.form(j)
	if status, _, _ := b.post(j, filled(f), resumes(f)); status != http.StatusUnprocessableEntity {
		t.Errorf("without the passive captcha: %d", status)
	}
}

func TestHoneypot(t *testing.T) {
	withMode(t, posting.ModeHoneypot, func(b *board, j *posting.Job) {
		page := b.get(j.ApplyPath())
		f := b.site.form(j)
		values := filled(f)
		traps := 0
		for _, d := range f.Fields {
			if d.Group == form.Trap {
				traps++
				if !strings.Contains(page, `name="`+d.Name+`"`) {
					t.Errorf("the trap %s is not on the page", d.Name)
				}
			}
		}
		if traps != 5 {
			t.Errorf("%d traps, want one for each way to hide", traps)
		}
		for _, filledTrap := range []string{"", "https://example.org"} {
			values.Set("website_url", filledTrap)
			values.Set("h-captcha-response", b.passive())
			if status, _, text := b.post(j, values, resumes(f)); !succeeded(j, status, text) {
				t.Fatalf("%d %s", status, text)
			}
		}
		got := b.submissions("job=" + url.QueryEscape(j.Key))
		if len(got) != 2 || len(got[0].Honeypots) != 0 || !slices.Equal(got[1].Honeypots, []string{"website_url"}) {
			t.Errorf("honeypots recorded: %+v", got)
		}
	})
}

func TestClosed(t *testing.T) {
	for mode, want := range map[string][]int{posting.ModeClosed: {200, 404, 410}, posting.ModeClosedRedirect: {302}, posting.ModeDelisted: {404}} {
		t.Run(mode, func(t *testing.T) {
			withMode(t, mode, func(b *board, j *posting.Job) {
				listing, api := apiURLs("", j)
				if got := strings.Contains(b.get(listing), j.ID); got != (mode != posting.ModeDelisted) {
					t.Errorf("in the listing: %v", got)
				}
				for _, path := range []string{j.PagePath(), j.ApplyPath()} {
					status, header, text := b.do(http.MethodGet, path, nil, nil)
					if !slices.Contains(want, status) || strings.Contains(text, "<form method") || strings.Contains(text, `enctype="multipart`) {
						t.Errorf("GET %s: %d %s", path, status, text)
					}
					if to := header.Get("Location"); to != "" {
						b.get(to)
					}
				}
				switch j.Platform {
				case posting.Ashby:
					if got := b.graphql(j); got["jobPosting"] != nil {
						t.Errorf("GraphQL still has the posting: %v", got)
					}
				default:
					if status, _, _ := b.do(http.MethodGet, api, nil, nil); status == http.StatusOK && j.Platform != posting.Careers {
						t.Errorf("the API still has the posting")
					}
				}
				if status, _, text := b.apply(j); succeeded(j, status, text) {
					t.Error("a closed posting took an application")
				}
				if n := len(b.submissions("outcome=closed&job=" + url.QueryEscape(j.Key))); n != 1 {
					t.Errorf("%d tries recorded", n)
				}
			})
		})
	}
}

func (b *board) graphql(j *posting.Job) map[string]any {
	b.Helper()
	status, text := b.send(http.MethodPost, "/ashby/jobs/api/non-user-graphql?op=ApiJobPosting", obj{"operationName": "ApiJobPosting",
		"query":     "query ApiJobPosting($organizationHostedJobsPageName: String!, $jobPostingId: String!) { jobPosting(…) { id } }",
		"variables": obj{"organizationHostedJobsPageName": j.Board, "jobPostingId": j.ID}})
	if status != http.StatusOK {
		b.Fatalf("GraphQL: %d %s", status, text)
	}
	var a struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		b.Fatal(err)
	}
	return a.Data
}

func TestOutcomes(t *testing.T) {
	for mode, want := range map[string]struct {
		status  int
		outcome string
	}{
		posting.ModeError500: {500, failed}, posting.ModeDuplicate: {409, duplicate}, posting.ModeConfirmationBlank: {200, accepted},
	} {
		t.Run(mode, func(t *testing.T) {
			withMode(t, mode, func(b *board, j *posting.Job) {
				status, _, text := b.apply(j)
				if status != want.status || want.status == 200 && text != "" {
					t.Errorf("%d %q", status, text)
				}
				if n := len(b.submissions("outcome=" + want.outcome + "&job=" + url.QueryEscape(j.Key))); n != 1 {
					t.Errorf("%d recorded as %s", n, want.outcome)
				}
			})
		})
	}
}

func TestConfirmationLost(t *testing.T) {
	withMode(t, posting.ModeConfirmationLost, func(b *board, j *posting.Job) {
		values := filled(b.site.form(j))
		values.Set("h-captcha-response", b.passive())
		for name := range resumes(b.site.form(j)) { // text in place of files, as this form is not multipart
			values.Set(name+"_text", "A résumé.")
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+j.ApplyPath(), strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = formHeader
		answer, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(text) > 0 {
			t.Errorf("an answer came: %q, %v", text, err)
		}
		if n := len(b.submissions("job=" + url.QueryEscape(j.Key))); n != 1 {
			t.Errorf("%d applications recorded, want the one that was not confirmed", n)
		}
	})
}

func TestAPIOnlyRequired(t *testing.T) {
	withMode(t, posting.ModeAPIOnlyRequired, func(b *board, j *posting.Job) {
		f := b.site.form(j)
		i := slices.IndexFunc(f.Fields, func(d form.Field) bool { return d.Meaning == "country" })
		d := f.Fields[i]
		if d.Marked || !d.Required {
			t.Fatalf("%+v", d)
		}
		values := filled(f)
		values.Del(d.Name)
		status, _, text := b.post(j, values, resumes(f))
		if status != http.StatusUnprocessableEntity || !strings.Contains(text, d.Label) {
			t.Errorf("without %s: %d", d.Label, status)
		}
		var api map[string]any
		if j.Platform == posting.Greenhouse {
			_, path := apiURLs("", j)
			if err := json.Unmarshal([]byte(b.get(path+"?questions=true")), &api); err != nil {
				t.Fatal(err)
			}
			questions, _ := api["questions"].([]any)
			if !slices.ContainsFunc(questions, func(q any) bool { m, _ := q.(map[string]any); return m["label"] == "Country" && m["required"] == true }) {
				t.Error("the API does not call the country required")
			}
		}
	})
}

func TestMultiPage(t *testing.T) {
	token := regexp.MustCompile(`name="_draft" value="([^"]+)"`)
	withMode(t, posting.ModeMultiPage, func(b *board, j *posting.Job) {
		f := b.site.form(j)
		all, draft := filled(f), ""
		for page := range f.Pages {
			values, files := url.Values{"_draft": {draft}}, map[string][]byte{}
			for _, d := range f.Fields {
				switch {
				case d.Page != page:
				case d.Kind == form.File:
					files[d.Name] = pdf
				default:
					values[d.Name] = all[d.Name]
				}
			}
			if page == 0 {
				if status, _, _ := b.post(j, url.Values{}, nil); status != http.StatusUnprocessableEntity {
					t.Errorf("an empty first page: %d", status)
				}
			}
			values.Set("h-captcha-response", b.passive())
			status, _, text := b.post(j, values, files)
			if page == f.Pages-1 {
				if !succeeded(j, status, text) {
					t.Errorf("last page: %d %s", status, text)
				}
				break
			}
			found := token.FindStringSubmatch(text)
			if status != http.StatusOK || found == nil {
				t.Fatalf("page %d: %d %s", page, status, text)
			}
			draft = found[1]
		}
		got := b.submissions("job=" + url.QueryEscape(j.Key))
		if len(got) != 1 || len(got[0].Files) == 0 || len(got[0].Meanings["work_authorization"]) != 1 {
			t.Errorf("recorded: %+v", got)
		}
	})
}

func TestEmailCode(t *testing.T) {
	b := start(t)
	j := b.job(posting.Greenhouse, posting.ModeEmailCode)
	status, _, text := b.apply(j)
	draft := regexp.MustCompile(`name="_draft" value="([^"]+)"`).FindStringSubmatch(text)
	if status != http.StatusUnprocessableEntity || !strings.Contains(text, `id="security-input-7"`) || draft == nil {
		t.Fatalf("%d %s", status, text)
	}
	var codes struct {
		Items []sentCode
		Total int
	}
	b.getJSON("/_board/codes?email=ada@example.org", &codes)
	typed := func(c string) url.Values {
		v := url.Values{"_draft": {draft[1]}}
		for i, letter := range c {
			v.Set("security-input-"+string(rune('0'+i)), string(letter))
		}
		return v
	}
	if status, _, text := b.post(j, typed("WRONGONE"), nil); status != http.StatusUnprocessableEntity || !strings.Contains(text, "not correct") {
		t.Errorf("wrong code: %d", status)
	}
	if status, _, text := b.post(j, typed(codes.Items[0].Code), nil); status != http.StatusSeeOther {
		t.Errorf("right code: %d %s", status, text)
	}
	if got := b.submissions("job=" + url.QueryEscape(j.Key)); len(got) != 1 || got[0].Tries != 3 || len(got[0].Files) == 0 {
		t.Errorf("recorded: %+v", got)
	}
}

func TestMarkupModes(t *testing.T) {
	t.Run("changed", func(t *testing.T) {
		withMode(t, posting.ModeChangedMarkup, func(b *board, j *posting.Job) {
			changed, usual := form.Build(j, j.Modes), form.Build(j, nil)
			var a, c []string
			for i := range usual.Fields {
				if usual.Fields[i].ID != "" && changed.Field(usual.Fields[i].Name).ID == usual.Fields[i].ID {
					t.Errorf("%s kept its id", usual.Fields[i].Name)
				}
				a, c = append(a, usual.Fields[i].Name), append(c, changed.Fields[i].Name)
			}
			if slices.Equal(a, c) || !slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(c))) {
				t.Error("the order did not change, or a field did")
			}
			page := b.get(j.ApplyPath())
			for _, usual := range []string{`class="application-question`, `class="field"`, `data-ui="firstname"`, "data-field-path", `for="`} {
				if j.Platform != posting.Careers && strings.Contains(page, usual) && (usual != `for="` || j.Platform == posting.Lever) {
					t.Errorf("the page still has %s", usual)
				}
			}
		})
	})
	t.Run("late", func(t *testing.T) {
		withMode(t, posting.ModeLateFields, func(b *board, j *posting.Job) {
			page := b.get(j.ApplyPath())
			_, late, ok := strings.Cut(page, "<template data-late>")
			if !ok || !strings.Contains(late, `data-late-kind="resume"`) || !strings.Contains(late, `data-late-kind="time"`) {
				t.Error("no field comes late")
			}
		})
	})
	t.Run("re-render", func(t *testing.T) {
		withMode(t, posting.ModeReRender, func(b *board, j *posting.Job) {
			if !strings.Contains(b.get(j.ApplyPath()), " data-rerender") {
				t.Error("the form keeps its fields")
			}
		})
	})
}

func TestSetModes(t *testing.T) {
	b := start(t)
	j := b.job(posting.Ashby, "none")
	if status, text := b.send(http.MethodPut, "/_board/modes", setting{Job: j.Key, Modes: []string{posting.ModeClosed}}); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if b.graphql(j)["jobPosting"] != nil {
		t.Error("a posting that was closed is open")
	}
	other := b.job(posting.Lever, posting.ModeCaptcha)
	if status, _ := b.send(http.MethodPut, "/_board/modes", setting{Job: other.Key, Modes: []string{}}); status != http.StatusOK {
		t.Fatal(status)
	}
	if status, _, text := b.apply(other); !succeeded(other, status, text) {
		t.Errorf("without its captcha: %d", status)
	}
	if status, _ := b.send(http.MethodPut, "/_board/modes", setting{Modes: []string{posting.ModeError500}}); status != http.StatusOK {
		t.Fatal(status)
	}
	if status, _, _ := b.apply(other); status != http.StatusInternalServerError {
		t.Errorf("a mode for all did not reach %s: %d", other.Key, status)
	}
	for _, bad := range []any{setting{Modes: []string{"sleepy"}}, setting{Modes: []string{"slow"}, DelayMS: 1e9}} {
		if status, _ := b.send(http.MethodPut, "/_board/modes", bad); status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", bad, status)
		}
	}
	if status, _ := b.send(http.MethodPut, "/_board/modes", setting{Job: "lever/none/1"}); status != http.StatusNotFound {
		t.Errorf("an unknown job: %d", status)
	}
	if status, _ := b.send(http.MethodPut, "/_board/modes", obj{"mode": "slow"}); status != http.StatusBadRequest {
		t.Errorf("an unknown name: %d", status)
	}
	if status, _, _ := b.do(http.MethodDelete, "/_board/modes", nil, nil); status != http.StatusOK || len(b.site.modes.of(j)) != 0 {
		t.Error("modes survived their removal")
	}
}

func TestSlow(t *testing.T) {
	b := start(t)
	j := b.job(posting.Careers, "none")
	const wanted = 80 * time.Millisecond
	if status, _ := b.send(http.MethodPut, "/_board/modes", setting{Job: j.Key, Modes: []string{posting.ModeSlow}, DelayMS: int(wanted.Milliseconds())}); status != http.StatusOK {
		t.Fatal(status)
	}
	began := time.Now()
	b.get(j.PagePath())
	if took := time.Since(began); took < wanted {
		t.Errorf("the page took %v", took)
	}
}

// TestExactlyTheBuiltInModes keeps the README's promise: one posting for each mode on each platform.
func TestExactlyTheBuiltInModes(t *testing.T) {
	b := start(t)
	for _, p := range own {
		found := map[string]int{}
		for _, j := range b.site.board().Jobs {
			if j.Platform == p && j.Company.Variant != "react" {
				for _, m := range j.Modes {
					found[m]++
				}
			}
		}
		for _, m := range posting.Modes {
			want := 1
			if m == posting.ModeEmailCode {
				want = 0 // only React-like pages ask for it
			}
			if found[m] != want {
				t.Errorf("%s: %d postings with %s, want %d (%v)", p, found[m], m, want, slices.Sorted(maps.Keys(found)))
			}
		}
	}
}
