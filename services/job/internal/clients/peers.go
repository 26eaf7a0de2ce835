// Package clients holds the generated clients of the services that job asks.
package clients

import (
	"net/http"

	"github.com/jobpilot/jobpilot/services/job/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/job/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/job/internal/clients/user"
)

// Peers are the services that job asks.
type Peers struct {
	AI      *ai.ClientWithResponses
	Users   *user.ClientWithResponses
	Resumes *resume.ClientWithResponses
}

// Dial makes the clients of the services at these URLs; client shows our key.
func Dial(client *http.Client, aiURL, userURL, resumeURL string) (p Peers, err error) {
	if p.AI, err = ai.NewClientWithResponses(aiURL, ai.WithHTTPClient(client)); err != nil {
		return p, err
	}
	if p.Users, err = user.NewClientWithResponses(userURL, user.WithHTTPClient(client)); err != nil {
		return p, err
	}
	p.Resumes, err = resume.NewClientWithResponses(resumeURL, resume.WithHTTPClient(client))
	return p, err
}
