package api

import (
	"maps"
	"slices"

	"github.com/jobpilot/jobpilot/services/auto-apply/internal/autoapply"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// value is *p, or the zero value for an absent one.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// present is a pointer to v, or nil for the zero value, which leaves a field out.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func application(a autoapply.Application) Application {
	return Application{
		ID: a.ID, JobID: a.JobID, RunID: a.RunID, ResumeID: a.ResumeID, ResumeVersion: a.ResumeVersion, CompanyName: a.CompanyName, JobTitle: a.JobTitle,
		Platform: a.Platform, ApplyURL: a.ApplyUrl, State: ApplicationState(a.State), Reason: present(a.Reason), Review: a.Review, OpenQuestions: a.OpenQuestions,
		Notes: present(a.Notes), SubmittedAt: a.SubmittedAt, CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
}

func details(d autoapply.Details) ApplicationDetails {
	out := ApplicationDetails{Application: application(d.Application), Timeline: make([]TimelineEntry, len(d.Timeline)), Screenshots: make([]Screenshot, len(d.Screenshots))}
	for i, s := range d.Timeline {
		out.Timeline[i] = TimelineEntry{At: s.At, From: ApplicationState(s.From), To: ApplicationState(s.To), By: TimelineEntryBy(s.By), Reason: present(s.Reason)}
	}
	for i, s := range d.Screenshots {
		out.Screenshots[i] = Screenshot{ID: s.ID, Shows: ScreenshotShows(s.Shows), TakenAt: s.TakenAt.UTC()}
	}
	return out
}

func questions(list []autoapply.Question) QuestionList {
	out := QuestionList{Items: make([]Question, len(list))}
	for i, q := range list {
		x := Question{
			ID: q.ID, Question: q.Question, Kind: FieldKind(q.Kind), Options: slices.Concat([]string{}, q.Options), Key: present(q.Key), Reason: QuestionReason(q.Reason),
			Hint: present(q.Hint), AskedAt: q.AskedAt, AnsweredAt: q.AnsweredAt,
		}
		if q.AnsweredAt != nil && q.Kind != form.Code {
			x.Values = &q.Values
		}
		out.Items[i] = x
	}
	return out
}

func filled(f autoapply.FilledForm) FilledForm {
	out := FilledForm{URL: f.URL, Fields: make([]FilledField, len(f.Fields)), Files: make([]SentFile, len(f.Files)), Screenshots: slices.Concat([]ID{}, f.Screenshots), FilledAt: f.FilledAt}
	for i, x := range f.Fields {
		out.Fields[i] = FilledField{
			Name: x.Name, Label: x.Label, Kind: FieldKind(x.Kind), Required: x.Required, Values: slices.Concat([]string{}, x.Values), Source: FilledFieldSource(x.Source),
		}
	}
	for i, x := range f.Files {
		out.Files[i] = SentFile{Field: x.Field, Name: x.Name, ContentType: x.ContentType, Size: x.Size, Sha256: x.SHA256}
	}
	return out
}

func settings(v autoapply.Settings) AutoApplySettings {
	out := AutoApplySettings{
		ReviewBeforeSending: v.ReviewBeforeSending, MaxPerDay: int32(v.MaxPerDay), MaxPerCompany: int32(v.MaxPerCompany),
		MaxPerPlatformPerDay: int32(v.MaxPerPlatformPerDay), MinScore: v.MinScore, CoverLetter: AutoApplySettingsCoverLetter(v.CoverLetter),
	}
	if h := v.Hours; h != nil {
		out.Hours = &SendingHours{From: int32(h.From), To: int32(h.To), TimeZone: h.TimeZone}
		for _, d := range h.Days {
			out.Hours.Days = append(out.Hours.Days, int32(d))
		}
	}
	return out
}

func run(r autoapply.Run) AutoApplyRun {
	out := AutoApplyRun{ID: r.ID, State: AutoApplyRunState(r.State), Planned: r.Planned, Counts: map[string]int32{}, StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt}
	for state, n := range r.Counts {
		out.Counts[state] = n
	}
	out.Skipped = make([]SkippedMatches, 0, len(r.Skipped))
	for _, why := range slices.Sorted(maps.Keys(r.Skipped)) {
		out.Skipped = append(out.Skipped, SkippedMatches{Reason: SkippedMatchesReason(why), Count: r.Skipped[why]})
	}
	return out
}
