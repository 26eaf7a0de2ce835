package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/pkg/outbox"
)

// Kinds of workflows.
const (
	KindOnboarding      = "onboarding"
	KindResumeIntake    = "resume_intake"
	KindJobAggregation  = "job_aggregation"
	KindApplication     = "application"
	KindAutoApplyRun    = "auto_apply_run"
	KindAccountDeletion = "account_deletion"
)

// Sagas are the platform's workflows. A change of one that runs somewhere is a new
// version beside the old one.
func Sagas(p *Peers) []Definition {
	return []Definition{onboarding(), resumeIntake(p), jobAggregation(p), application(p), autoApplyRun(p), accountDeletion(p)}
}

// onboarding sees a new account get its profile, and welcomes its owner once the
// address is verified.
func onboarding() Definition {
	return Definition{Kind: KindOnboarding, Version: 1, Forward: true, Steps: []Step{
		{Name: "profile",
			Do: func(_ context.Context, r *Run) (Outcome, error) {
				return Await(time.Hour, Wait{"user.profile.created", r.UserID.String()}), nil
			},
			Resume: func(_ context.Context, _ *Run, s *Signal) (Outcome, error) {
				if s == nil {
					return Outcome{}, Fatal(errors.New("no profile appeared within an hour"))
				}
				return Done(nil), nil
			}},
		{Name: "verified",
			Do: func(_ context.Context, r *Run) (Outcome, error) {
				return Await(30*24*time.Hour, Wait{"auth.user.verified", r.UserID.String()}), nil
			},
			Resume: func(_ context.Context, _ *Run, s *Signal) (Outcome, error) {
				if s == nil { // auth deletes the account
					return End(nil), nil
				}
				return Done(nil), nil
			}},
		{Name: "welcome", Do: func(_ context.Context, r *Run) (Outcome, error) {
			r.Send(outbox.Message{
				Type: TypeNotificationMessageSend, Queue: QueueNotifications, Source: source, Subject: r.UserID.String(),
				Data: NotificationMessageSend{Kind: "user.welcome", UserID: r.UserID, DedupeKey: "welcome " + r.UserID.String()},
			})
			return Done(nil), nil
		}},
	}}
}

// resumeIntake makes a proposal for the profile of a resume that was read.
func resumeIntake(p *Peers) Definition {
	type read struct {
		ResumeID string `json:"resumeId"`
		Version  int64  `json:"version"`
	}
	return Definition{Kind: KindResumeIntake, Version: 1, Forward: true, Steps: []Step{
		{Name: "parsed",
			Do: func(_ context.Context, r *Run) (Outcome, error) {
				return Await(time.Hour, Wait{"resume.document.parsed", r.Key}, Wait{"resume.document.failed", r.Key}), nil
			},
			Resume: func(_ context.Context, _ *Run, s *Signal) (Outcome, error) {
				switch {
				case s == nil:
					return Outcome{}, Fatal(errors.New("the resume was not read within an hour"))
				case s.Type == "resume.document.failed":
					return End(nil), nil // its owner was told by the event
				}
				var out read
				if err := json.Unmarshal(s.Data, &out); err != nil {
					return Outcome{}, Fatal(err)
				}
				if out.ResumeID == "" {
					return Outcome{}, Fatal(fmt.Errorf("%s names no resume", s.Type))
				}
				return Done(out), nil
			}},
		{Name: "propose", Do: func(ctx context.Context, r *Run) (Outcome, error) {
			var in read
			if err := r.Output("parsed", &in); err != nil {
				return Outcome{}, err
			}
			var content struct {
				Version int64           `json:"version"`
				Resume  json.RawMessage `json:"resume"`
				Fields  json.RawMessage `json:"fields"` // how sure the parser was, and what it read where
			}
			if err := p.Call(ctx, "resume", "GET", fmt.Sprintf("/internal/v1/resumes/%s?version=%d&fields=true", in.ResumeID, in.Version), "", nil, &content); err != nil {
				return Outcome{}, err
			}
			if content.Version == 0 || content.Resume == nil {
				return Outcome{}, errAnswer("resume")
			}
			proposal := map[string]any{"resumeId": in.ResumeID, "resumeVersion": content.Version, "resume": content.Resume}
			if content.Fields != nil {
				proposal["fields"] = content.Fields
			}
			// No key: a version of a resume has one proposal, even if its file, and what was
			// read where, is gone when this is done again.
			return Done(nil), p.Call(ctx, "user", "POST", "/internal/v1/users/"+r.UserID.String()+"/proposals", "", proposal, nil)
		}},
	}}
}

// jobAggregation gathers jobs from all sources that are due.
func jobAggregation(p *Peers) Definition {
	const most = 6 * time.Hour
	type gathering struct {
		ID    string `json:"id"`
		State string `json:"state"`
	}
	return Definition{Kind: KindJobAggregation, Version: 1, Forward: true, Steps: []Step{
		{Name: "start", Do: func(ctx context.Context, r *Run) (Outcome, error) {
			var g gathering
			err := p.Call(ctx, "job", "POST", "/internal/v1/gatherings", r.ID.String(), struct{}{}, &g)
			if err == nil && g.ID == "" {
				err = errAnswer("job")
			}
			return Done(g), err
		}},
		{Name: "finish", Do: func(ctx context.Context, r *Run) (Outcome, error) {
			var begun, g gathering
			if err := r.Output("start", &begun); err != nil {
				return Outcome{}, err
			}
			if err := p.Call(ctx, "job", "GET", "/internal/v1/gatherings/"+begun.ID, "", nil, &g); err != nil {
				return Outcome{}, err
			}
			switch {
			case g.State == "":
				return Outcome{}, errAnswer("job")
			case g.State != "running":
				return Done(g), nil
			case time.Since(r.CreatedAt) > most:
				return Outcome{}, Fatal(fmt.Errorf("gathering %s is not done after %s", begun.ID, most))
			}
			return Again(5 * time.Second), nil
		}},
	}}
}

// settled are the states of an application that nothing of ours follows.
var settled = []string{"submitted", "unconfirmed", "failed", "closed", "withdrawn", "cancelled"}

// application sends one application, if its job is still open, and waits until it
// is settled: an application may wait for its user for long.
func application(p *Peers) Definition {
	path := func(r *Run, what string) string { return "/internal/v1/applications/" + r.Key + "/" + what }
	wait := func(r *Run) Outcome {
		return Await(30*24*time.Hour, Wait{"auto-apply.application.changed", r.Key})
	}
	return Definition{Kind: KindApplication, Version: 1, Cancellable: true, Steps: []Step{
		{Name: "check", Timeout: 30 * time.Second, Do: func(ctx context.Context, r *Run) (Outcome, error) {
			var job struct {
				Live   *bool  `json:"live"`
				Reason string `json:"reason"`
			}
			if err := p.Call(ctx, "job", "POST", "/internal/v1/jobs/"+r.Input["jobId"]+"/check", "", nil, &job); err != nil {
				return Outcome{}, err
			}
			switch {
			case job.Live == nil:
				return Outcome{}, errAnswer("job")
			case *job.Live:
				return Done(nil), nil
			}
			return End(job), p.Call(ctx, "auto-apply", "POST", path(r, "close"), "", map[string]string{"reason": job.Reason}, nil)
		}},
		{Name: "dispatch",
			Do: func(ctx context.Context, r *Run) (Outcome, error) {
				return Done(nil), p.Call(ctx, "auto-apply", "POST", path(r, "dispatch"), "", nil, nil)
			},
			Undo: func(ctx context.Context, r *Run) error {
				err := p.Call(ctx, "auto-apply", "POST", path(r, "cancel"), "", nil, nil)
				var no *RefusedError
				if errors.As(err, &no) && (no.Status == 404 || no.Status == 409) {
					return nil // gone, or sent already: what was sent cannot be taken back
				}
				return err
			}},
		{Name: "settled",
			Do: func(_ context.Context, r *Run) (Outcome, error) { return wait(r), nil },
			Resume: func(_ context.Context, r *Run, s *Signal) (Outcome, error) {
				if s == nil {
					return Outcome{}, Fatal(errors.New("nothing happened to the application for 30 days"))
				}
				var change struct{ To string }
				if err := json.Unmarshal(s.Data, &change); err != nil {
					return Outcome{}, Fatal(err)
				}
				if slices.Contains(settled, change.To) {
					return Done(map[string]string{"state": change.To}), nil
				}
				return wait(r), nil
			}},
	}}
}

// autoApplyRun finds jobs for a run of automatic applications and has them applied
// to; each application is a workflow of its own.
func autoApplyRun(p *Peers) Definition {
	const most = 50 // of the best matches; the caps of auto-apply decide how many are used
	return Definition{Kind: KindAutoApplyRun, Version: 1, Steps: []Step{
		{Name: "match", Timeout: 30 * time.Second, Do: func(ctx context.Context, r *Run) (Outcome, error) {
			var found struct {
				Items []struct {
					JobID string  `json:"jobId"`
					Score float64 `json:"score"`
				} `json:"items"`
			}
			err := p.Call(ctx, "job", "POST", "/internal/v1/users/"+r.UserID.String()+"/matches", "", map[string]any{"limit": most}, &found)
			if err == nil && found.Items == nil {
				err = errAnswer("job")
			}
			return Done(found), err
		}},
		{Name: "plan",
			Do: func(ctx context.Context, r *Run) (Outcome, error) {
				var found json.RawMessage
				if err := r.Output("match", &found); err != nil {
					return Outcome{}, err
				}
				return Done(nil), p.Call(ctx, "auto-apply", "POST", "/internal/v1/runs/"+r.Key+"/plan", "", found, nil)
			},
			Undo: func(ctx context.Context, r *Run) error {
				err := p.Call(ctx, "auto-apply", "POST", "/internal/v1/runs/"+r.Key+"/stop", "", nil, nil)
				var no *RefusedError
				if errors.As(err, &no) && no.Status == 404 {
					return nil
				}
				return err
			}},
		{Name: "finished",
			Do: func(_ context.Context, r *Run) (Outcome, error) {
				return Await(7*24*time.Hour, Wait{"auto-apply.run.finished", r.Key}), nil
			},
			Resume: func(context.Context, *Run, *Signal) (Outcome, error) { return Done(nil), nil }},
	}}
}

// deletion is what each service forgets of a user: where, in the order of the
// saga. auto-apply is first, so that nothing is sent any more; what counts events is
// last. The farewell is addressed to nobody's account, so no deletion holds it up.
var deletion = []struct{ step, service, path, footprint string }{
	{"applications", "auto-apply", "", "/footprint"},
	{"jobs", "job", "", "/footprint"},
	{"resumes", "resume", "/resumes", "/resumes/footprint"},
	{"ai", "ai", "", "/footprint"},
	{"profile", "user", "", "/footprint"},
	{"account", "auth", "", "/footprint"},
	{"messages", "notification", "", "/footprint"},
	{"events", "analytics", "", "/footprint"},
	{"workflows", "orchestrator", "", "/footprint"},
}

// footprint is what a service still holds of a user.
type footprint struct {
	Total *int64 `json:"total"`
	Items []struct {
		Place string `json:"place"`
		Count int64  `json:"count"`
	} `json:"items"`
}

func (f footprint) String() string {
	var places []string
	for _, i := range f.Items {
		places = append(places, fmt.Sprintf("%s %d", i.Place, i.Count))
	}
	return strings.Join(places, ", ")
}

// accountDeletion deletes what every service holds of a user, and then asks each
// whether anything is left; what they say is in the timeline.
func accountDeletion(p *Peers) Definition {
	const tries = 36 // over a day: a service may be away for long, and nothing can be undone
	d := Definition{Kind: KindAccountDeletion, Version: 1, Forward: true, Forgets: true}
	for _, s := range deletion {
		d.Steps = append(d.Steps, Step{Name: s.step, Tries: tries, Do: func(ctx context.Context, r *Run) (Outcome, error) {
			return Done(nil), p.Call(ctx, s.service, "DELETE", "/internal/v1/users/"+r.UserID.String()+s.path, "", nil, nil)
		}})
	}
	d.Steps = append(d.Steps, Step{Name: "proof", Tries: tries, Do: func(ctx context.Context, r *Run) (Outcome, error) {
		proof := map[string]int64{}
		for _, s := range deletion {
			var left footprint
			if err := p.Call(ctx, s.service, "GET", "/internal/v1/users/"+r.UserID.String()+s.footprint, "", nil, &left); err != nil {
				return Outcome{}, err
			}
			if left.Total == nil || left.Items == nil {
				return Outcome{}, errAnswer(s.service) // which proves nothing
			}
			if *left.Total > 0 {
				// Something that was under way has come after the deletion.
				if err := p.Call(ctx, s.service, "DELETE", "/internal/v1/users/"+r.UserID.String()+s.path, "", nil, nil); err != nil {
					return Outcome{}, err
				}
				return Outcome{}, fmt.Errorf("%s still held %d: %s", s.service, *left.Total, left)
			}
			proof[s.service] = 0
			r.Note(s.service + " holds nothing: " + left.String())
		}
		return Done(proof), nil
	}})
	return d
}
