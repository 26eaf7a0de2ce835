package walk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

func (w *Walk) outcomeSteps() []Step {
	steps := []Step{{"look at the dashboard", w.dashboard}, {"look at the job market", w.look(w.market)}}
	if w.applies() {
		steps = append([]Step{{"get an answer by mail", w.employerAnswers}, {"note it, and see the status change", w.noteAnswer}}, steps...)
	}
	return steps
}

// answering is the application that an employer answers: one that arrived for certain.
func (w *Walk) answering() application {
	for _, a := range append([]application{w.reviewed}, w.made()...) {
		if !w.unconfirmed[a.id] {
			return a
		}
	}
	return w.reviewed
}

func (w *Walk) employerAnswers(ctx context.Context) (string, error) {
	var m struct{ From, Subject string }
	err := w.client(w.Board).call(ctx, http.MethodPost, "/_board/answers", 200,
		map[string]any{"job": w.answering().posting.Key, "email": w.email, "kind": "interview"}, &m)
	if err != nil {
		return "", err
	}
	_, err = w.awaitMail(ctx, w.email, func(x mail) bool { return x.Subject == m.Subject })
	return fmt.Sprintf("%q from %s", m.Subject, m.From), err
}

func (w *Walk) noteAnswer(ctx context.Context) (string, error) {
	a := w.answering()
	path := "/api/v1/applications/" + a.id
	if err := w.user.call(ctx, http.MethodPatch, path, 200, map[string]any{"state": "interview", "notes": "Call them on Monday."}, nil); err != nil {
		return "", err
	}
	var s state
	if err := w.user.get(ctx, path, &s); err != nil {
		return "", err
	}
	var n struct{ Kind, Title string }
	f, err := w.stream.await(ctx, "notification", &n, func() bool { return n.Kind == "application.interview" })
	return fmt.Sprintf("%s is %s; told %q as frame %d", a.job.Title, s.Application.State, n.Title, f.Seq), err
}

// counts are figures of a period.
type counts struct{ Applications, Answers, Interviews, JobsViewed, JobsSaved, QuestionsAnswered int }

func (w *Walk) dashboard(ctx context.Context) (string, error) {
	var d struct {
		Totals counts
		Funnel []struct {
			Stage string
			Count int
		}
	}
	err := until(ctx, "the dashboard to show it all", func() (bool, error) {
		err := w.user.get(ctx, "/api/v1/analytics/dashboard?days=7&timeZone=Europe/London", &d)
		if w.applies() && (d.Totals.Applications != len(w.made())-len(w.unconfirmed) || d.Totals.Interviews != 1) {
			return false, errors.Join(err, errNotYet, fmt.Errorf("it has %+v", d.Totals))
		}
		return d.Totals.JobsSaved == 1, err
	})
	if err != nil {
		return "", err
	}
	var stages []string
	for _, s := range d.Funnel {
		stages = append(stages, fmt.Sprintf("%s %d", s.Stage, s.Count))
	}
	return fmt.Sprintf("%d applications, %d answers, %d saved; %s", d.Totals.Applications, d.Totals.Answers, d.Totals.JobsSaved, strings.Join(stages, ", ")), nil
}

func (w *Walk) market(ctx context.Context) (string, error) {
	type bucket struct {
		Key   string
		Count int
	}
	var m struct {
		Open, Published int
		ByCountry       []bucket
		TopSkills       []bucket
	}
	if err := w.user.get(ctx, "/api/v1/analytics/jobs"+query("title", w.query), &m); err != nil {
		return "", err
	}
	if m.Published == 0 {
		return "", fmt.Errorf("no published job has %q in its title", w.query)
	}
	said := fmt.Sprintf("%d jobs with %q in the title, %d open", m.Published, w.query, m.Open)
	for _, b := range m.ByCountry[:min(3, len(m.ByCountry))] {
		said += fmt.Sprintf(", %s %d", b.Key, b.Count)
	}
	return said, nil
}
