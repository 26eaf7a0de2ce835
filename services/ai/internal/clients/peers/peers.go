// Package peers asks the services user, resume and job for what ai needs of them,
// which of their long answers is only a few fields.
package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
)

// Peers are the services. HTTP shows our key; see app.Service.UseAuth.
type Peers struct {
	HTTP                       *http.Client
	UserURL, ResumeURL, JobURL string
}

var errPeer = errs.New(errs.Unavailable, "dependency_unavailable", "A service that this needs does not answer. Try again in a few seconds.")

// RequestsPerDay is what the plan of a user entitles them to ask paid engines
// (operation getFullProfile of user).
func (p *Peers) RequestsPerDay(ctx context.Context, user uuid.UUID) (int64, error) {
	var profile struct {
		Entitlements struct {
			AIRequestsPerDay int64 `json:"aiRequestsPerDay"`
		} `json:"entitlements"`
	}
	err := p.get(ctx, p.UserURL+"/internal/v1/users/"+user.String()+"/profile", &profile)
	return profile.Entitlements.AIRequestsPerDay, err
}

// Resume reads a resume and whose it is (operation getResumeContent of resume).
func (p *Peers) Resume(ctx context.Context, id uuid.UUID) (uuid.UUID, *ai.Resume, error) {
	var content struct {
		UserID uuid.UUID `json:"userId"`
		Resume ai.Resume `json:"resume"`
	}
	err := p.get(ctx, p.ResumeURL+"/internal/v1/resumes/"+id.String(), &content)
	if errs.KindOf(err) == errs.NotFound {
		err = errs.New(errs.NotFound, "resume_not_found", "There is no such resume of this user.")
	}
	return content.UserID, &content.Resume, err
}

// Job reads a job (operation getJobForApply of job).
func (p *Peers) Job(ctx context.Context, id uuid.UUID) (*ai.Posting, error) {
	var content struct {
		Job struct {
			ID      string `json:"id"`
			Title   string `json:"title"`
			Company struct {
				Name string `json:"name"`
			} `json:"company"`
			Location struct {
				City    string `json:"city"`
				Region  string `json:"region"`
				Country string `json:"country"`
			} `json:"location"`
			Remote         string   `json:"remote"`
			EmploymentType string   `json:"employmentType"`
			Seniority      string   `json:"seniority"`
			Description    string   `json:"description"`
			RequiredSkills []string `json:"requiredSkills"`
			NiceSkills     []string `json:"niceSkills"`
		} `json:"job"`
	}
	err := p.get(ctx, p.JobURL+"/internal/v1/jobs/"+id.String(), &content)
	if err != nil {
		if errs.KindOf(err) == errs.NotFound {
			err = errs.New(errs.NotFound, "job_not_found", "There is no such job.")
		}
		return nil, err
	}
	j := content.Job
	out := &ai.Posting{
		ID: j.ID, Title: j.Title, CompanyName: j.Company.Name, Description: j.Description, Remote: j.Remote, EmploymentType: j.EmploymentType, Seniority: j.Seniority,
		Location: &ai.Place{City: j.Location.City, Region: j.Location.Region, CountryCode: j.Location.Country},
	}
	for _, s := range j.RequiredSkills {
		out.Skills = append(out.Skills, ai.PostingSkill{Name: s, Requirement: "required"})
	}
	for _, s := range j.NiceSkills {
		out.Skills = append(out.Skills, ai.PostingSkill{Name: s, Requirement: "nice_to_have"})
	}
	return out, nil
}

// get reads an answer. What another service says of a failure is not shown on,
// but for that something does not exist.
func (p *Peers) get(ctx context.Context, url string, out any) error {
	if strings.HasPrefix(url, "/") {
		return errPeer.With(fmt.Errorf("no address is configured for %s", url))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return errPeer.With(err)
	}
	resp, err := p.HTTP.Do(r)
	if err != nil {
		return errPeer.With(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body) // the client bounds it
	if err != nil {
		return errPeer.With(err)
	}
	if err := httpx.ResponseError(resp.StatusCode, resp.Header.Get("Content-Type"), body); err != nil {
		if errs.KindOf(err) == errs.NotFound {
			return err
		}
		return errPeer.With(err)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return errPeer.With(err)
	}
	return nil
}
