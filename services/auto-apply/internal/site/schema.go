package site

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

const schemaLimit = 2 << 20 // bytes

// ask fetches a document of a platform.
func (s *Sites) ask(ctx context.Context, address string, body any, out any) error {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, reader = http.MethodPost, bytes.NewReader(raw)
	}
	q, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	r, err := s.Client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	switch r.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return &ClosedError{"The platform does not list the job any more."}
	default:
		return fmt.Errorf("site: %s answered %d", q.URL.Host, r.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(r.Body, schemaLimit)).Decode(out)
}

func base(t Target, public, local string) string {
	if t.BaseURL != "" {
		return strings.TrimRight(t.BaseURL, "/") + local
	}
	return public
}

// greenhouse: developers.greenhouse.io/job-board.html, "Retrieve a job".
func greenhouse(ctx context.Context, s *Sites, t Target) (schema, error) {
	var job struct {
		Questions []struct {
			Label    string
			Required *bool
			Fields   []struct {
				Name, Type string
				Values     []struct{ Label string }
			}
		}
	}
	address := base(t, "https://boards-api.greenhouse.io", "/greenhouse/api") + "/v1/boards/" + url.PathEscape(t.Board) + "/jobs/" + url.PathEscape(t.ExternalID) + "?questions=true"
	if err := s.ask(ctx, address, nil, &job); err != nil {
		return nil, err
	}
	out := schema{}
	for _, q := range job.Questions {
		for _, f := range q.Fields {
			if f.Type == "input_hidden" {
				continue
			}
			// A file may also be given as text: only one of the two is required.
			w := wanted{label: form.Fold(q.Label), required: q.Required != nil && *q.Required && len(q.Fields) == 1, multi: f.Type == "multi_value_multi_select"}
			for _, v := range f.Values {
				w.options = append(w.options, strings.Join(strings.Fields(v.Label), " "))
			}
			out[strings.TrimSuffix(f.Name, "[]")] = w
		}
	}
	return out, nil
}

// ashby: what its own pages ask; a job that is gone is null.
func ashby(ctx context.Context, s *Sites, t Target) (schema, error) {
	var answer struct {
		Data *struct {
			JobPosting *struct {
				ApplicationForm struct {
					Sections []struct {
						FieldEntries []struct {
							IsRequired, IsHidden bool
							Field                struct {
								Path, Type, Title string
								SelectableValues  []struct{ Label string }
							}
						}
					}
				}
			}
		}
	}
	err := s.ask(ctx, base(t, "https://jobs.ashbyhq.com", "/ashby/jobs")+"/api/non-user-graphql?op=ApiJobPosting", map[string]any{
		"operationName": "ApiJobPosting",
		"variables":     map[string]string{"organizationHostedJobsPageName": t.Board, "jobPostingId": t.ExternalID},
		"query": `query ApiJobPosting($organizationHostedJobsPageName: String!, $jobPostingId: String!) { jobPosting(organizationHostedJobsPageName: $organizationHostedJobsPageName, jobPostingId: $jobPostingId) {` +
			` id title applicationForm { sections { title fieldEntries { ... on FormFieldEntry { id field isRequired isHidden } } } } } }`,
	}, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Data == nil {
		return nil, fmt.Errorf("site: ashby answers in another form")
	}
	if answer.Data.JobPosting == nil {
		return nil, &ClosedError{"The platform does not list the job any more."}
	}
	out := schema{}
	for _, section := range answer.Data.JobPosting.ApplicationForm.Sections {
		for _, e := range section.FieldEntries {
			if e.IsHidden {
				continue
			}
			w := wanted{label: form.Fold(e.Field.Title), required: e.IsRequired, multi: e.Field.Type == "MultiValueSelect"}
			for _, v := range e.Field.SelectableValues {
				w.options = append(w.options, v.Label)
			}
			out[e.Field.Path] = w
		}
	}
	return out, nil
}

// workable: of an option, name is the id and value the label.
func workable(ctx context.Context, s *Sites, t Target) (schema, error) {
	var sections []struct {
		Fields []struct {
			ID, Name, Type, Label string
			Required              bool
			Options               []struct{ Value string }
		}
	}
	address := base(t, "https://apply.workable.com", "/workable") + "/api/v1/jobs/" + url.PathEscape(t.ExternalID) + "/form"
	if err := s.ask(ctx, address, nil, &sections); err != nil {
		return nil, err
	}
	out := schema{}
	for _, section := range sections {
		for _, f := range section.Fields {
			w := wanted{label: form.Fold(f.Label), required: f.Required, multi: f.Type == "multiple"}
			for _, o := range f.Options {
				w.options = append(w.options, o.Value)
			}
			name := f.ID
			if name == "" {
				name = f.Name
			}
			out[name] = w
		}
	}
	return out, nil
}
