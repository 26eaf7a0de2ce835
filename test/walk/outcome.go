package walk

import (
	"context"
	"fmt"
	"strings"
)

func (w *Walk) outcomeSteps() []Step {
	return []Step{
		{"look at the dashboard", w.dashboard},
		{"look at the job market", w.market},
	}
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
	err := until(ctx, "the saved job on the dashboard", func() (bool, error) {
		err := w.user.get(ctx, "/api/v1/analytics/dashboard?days=7&timeZone=Europe/London", &d)
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
