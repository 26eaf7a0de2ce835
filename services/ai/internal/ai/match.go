package ai

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/match"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

const modelMatch = "jobpilot-match-1"

// MatchPreferences are what the applicant insists on; Titles only raise a score.
type MatchPreferences struct {
	Titles               []string `json:"titles"`
	Remote               []string `json:"remote"`
	EmploymentTypes      []string `json:"employmentTypes"`
	CountryCodes         []string `json:"countryCodes"`
	MinSalary            *Pay     `json:"minSalary"`
	BlockedCompanies     []string `json:"blockedCompanies"`
	NeedsVisaSponsorship bool     `json:"needsVisaSponsorship"`
}

// JobMatch is how a posting fits. Index is its place in the request.
type JobMatch struct {
	Index        int            `json:"index"`
	ID           string         `json:"id,omitempty"`
	Score        float64        `json:"score"` // 0 to 1
	Parts        MatchParts     `json:"parts"`
	Reasons      []MatchReason  `json:"reasons"`
	Missing      []MissingSkill `json:"missing"`
	Dealbreakers []Dealbreaker  `json:"dealbreakers"`
}

// MatchParts are what a score is made of, each from 0 to 1.
type MatchParts struct {
	Skills     float64 `json:"skills"`
	Title      float64 `json:"title"`
	Text       float64 `json:"text"`
	Experience float64 `json:"experience"`
}

// MatchReason is why a posting fits, with the passages of both texts.
type MatchReason struct {
	Kind    string   `json:"kind"`
	Weight  float64  `json:"weight"`
	Text    string   `json:"text"`
	Sources []Source `json:"sources"`
}

// MissingSkill is asked for and not shown; Related is the nearest that is.
type MissingSkill struct {
	Skill       string        `json:"skill"`
	Requirement string        `json:"requirement"`
	Related     *RelatedSkill `json:"related,omitempty"`
	Sources     []Source      `json:"sources"`
}

// RelatedSkill is a skill that comes near another.
type RelatedSkill struct {
	Skill      string  `json:"skill"`
	Similarity float64 `json:"similarity"`
}

// Dealbreaker is a wish that a posting breaks.
type Dealbreaker struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// MatchRequest asks for scores of postings, those of JobIDs after those of Jobs.
type MatchRequest struct {
	Ref
	Jobs        []*Posting
	JobIDs      []uuid.UUID
	Preferences *MatchPreferences
	Limit       int // 0: all
}

var errNoJobs = errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.").
	WithFields(errs.Field{Pointer: "#/jobs", Code: "required", Message: "give jobs, jobIds or both"})

// pairs scores pairs; it has no postings, so that a score does not depend on what
// else was asked.
var pairs = sync.OnceValue(func() *match.Index { return match.NewIndex(taxonomy.Load()) })

var builtinMatch = EngineUse{Name: "builtin", Model: modelMatch}

// MatchJobs scores postings against a resume, the best first; those with a
// dealbreaker last.
func (s *Service) MatchJobs(ctx context.Context, c Caller, q *MatchRequest) ([]JobMatch, []Warning, EngineUse, error) {
	if len(q.Jobs)+len(q.JobIDs) == 0 {
		return nil, nil, EngineUse{}, errNoJobs
	}
	resume, _, err := s.resolve(ctx, c, q.Ref, need{resume: true})
	if err != nil {
		return nil, nil, EngineUse{}, err
	}
	all := slices.Clone(q.Jobs)
	for _, id := range q.JobIDs {
		j, err := s.Job(ctx, id)
		if err != nil {
			return nil, nil, EngineUse{}, err
		}
		all = append(all, j)
	}
	prefs := q.Preferences
	if prefs == nil {
		prefs = &MatchPreferences{}
	}
	p := newPerson(resume, prefs, &Builtin{Now: s.Now})
	warnings := hints(resumePassages(resume))
	out := make([]JobMatch, 0, len(all))
	for i, j := range all {
		if ctx.Err() != nil {
			return nil, nil, EngineUse{}, ctx.Err()
		}
		out = append(out, p.match(i, j, prefs))
		if more := hints(jobPassages(j)); len(more) > 0 && len(warnings) < 100 {
			more[0].Pointer = fmt.Sprintf("/jobs/%d", i)
			warnings = append(warnings, more...)
		}
	}
	slices.SortStableFunc(out, func(a, b JobMatch) int {
		return cmp.Or(cmp.Compare(min(len(a.Dealbreakers), 1), min(len(b.Dealbreakers), 1)), cmp.Compare(b.Score, a.Score))
	})
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, warnings, builtinMatch, nil
}

// person is a resume as package match reads it, with where its texts come from.
type person struct {
	resume match.Resume
	text   []piece // of resume.Text
	titles []passage
	skills []passage
}

// piece is a passage within a longer text.
type piece struct {
	at int // byte in the text
	passage
}

func newPerson(r *Resume, prefs *MatchPreferences, b *Builtin) *person {
	p := &person{}
	for _, e := range employments(r) {
		if e.position != "" {
			p.titles = append(p.titles, passage{document: "resume", pointer: fmt.Sprintf("/work/%d/position", e.at), text: r.Work[e.at].Position})
		}
	}
	if r.Basics.Label != "" && len(p.titles) == 0 {
		p.titles = append(p.titles, passage{document: "resume", pointer: "/basics/label", text: r.Basics.Label})
	}
	var text strings.Builder
	safe, _ := safePassages(resumePassages(r))
	for _, x := range safe {
		switch {
		case strings.HasPrefix(x.pointer, "/skills/") && !strings.HasSuffix(x.pointer, "/level"):
			p.skills = append(p.skills, x)
			p.resume.Skills = append(p.resume.Skills, match.Skill{Name: x.text})
		case strings.HasPrefix(x.pointer, "/work"), strings.HasPrefix(x.pointer, "/projects"), strings.HasPrefix(x.pointer, "/volunteer"),
			strings.HasPrefix(x.pointer, "/certificates"), x.pointer == "/basics/summary", x.pointer == "/basics/label":
			p.text = append(p.text, piece{text.Len(), x})
			text.WriteString(x.text)
			text.WriteByte('\n')
		}
	}
	for _, t := range p.titles {
		p.resume.Titles = append(p.resume.Titles, t.text)
	}
	p.resume.Titles = append(p.resume.Titles, prefs.Titles...)
	p.resume.Text, p.resume.Years = text.String(), experienceYears(r, b.now())
	if r.Basics.Location != nil {
		p.resume.Country = r.Basics.Location.CountryCode
	}
	for _, l := range r.Languages {
		if tag := languageTag(l.Language); tag != "" {
			p.resume.Languages = append(p.resume.Languages, tag)
		}
	}
	p.resume.Wishes.Blocked = prefs.BlockedCompanies
	if prefs.MinSalary != nil {
		p.resume.Wishes.Pay = money(prefs.MinSalary.Amount, prefs.MinSalary.Currency, prefs.MinSalary.Period)
	}
	return p
}

func money(amount float64, currency, period string) match.Money {
	return match.Money{Amount: amount, Currency: currency, Period: map[string]match.Period{
		"hour": match.Hour, "day": match.Day, "week": match.Week, "month": match.Month, "year": match.Year}[period]}
}

// posting is a job as package match reads it. Skills that the request names and
// the text does not are given beside it.
func posting(j *Posting) (p match.Posting, required, optional []int) {
	p = match.Posting{ID: j.ID, Title: j.Title, Company: j.CompanyName, Seniority: levelOf(j.Seniority)}
	passages, _ := safePassages(lines("/description", plain(j.Description)))
	safe := make([]string, len(passages))
	for i, x := range passages {
		safe[i] = x.text
	}
	p.Description = strings.Join(safe, "\n")
	for i, s := range j.Skills {
		if s.Requirement == "nice_to_have" || s.Requirement == "mentioned" {
			p.Optional, optional = append(p.Optional, s.Name), append(optional, i)
		} else {
			p.Required, required = append(p.Required, s.Name), append(required, i)
		}
	}
	if j.Location != nil {
		p.Places = []match.Place{{Country: j.Location.CountryCode, City: j.Location.City}}
	}
	p.Workplace = map[string]match.Workplace{"onsite": match.OnSite, "hybrid": match.Hybrid, "remote": match.Remote}[j.Remote]
	if j.Salary != nil {
		p.Low, p.High = money(j.Salary.Min, j.Salary.Currency, j.Salary.Period), money(cmp.Or(j.Salary.Max, j.Salary.Min), j.Salary.Currency, j.Salary.Period)
	}
	return p, required, optional
}

func levelOf(name string) taxonomy.Seniority {
	if name == "mid" {
		name = "middle"
	}
	for l := taxonomy.Intern; l <= taxonomy.Executive; l++ {
		if l.String() == name {
			return l
		}
	}
	return taxonomy.Unstated
}

// match scores one posting.
func (p *person) match(i int, j *Posting, prefs *MatchPreferences) JobMatch {
	input, required, optional := posting(j)
	e := pairs().Explain(&p.resume, &input)
	out := JobMatch{
		Index: i, ID: j.ID, Score: float64(e.Score) / 100, Reasons: []MatchReason{}, Missing: []MissingSkill{}, Dealbreakers: []Dealbreaker{},
		Parts: MatchParts{share(e.Parts.Skills), share(e.Parts.Title), share(e.Parts.Text), share(e.Parts.Level)},
	}
	q := quoter{p, j, required, optional}
	t := taxonomy.Load()
	for _, r := range e.Reasons {
		if len(out.Reasons) == 20 {
			break
		}
		sources := q.both(r)
		text := ""
		switch r.Kind {
		case match.SameSkill:
			text = "The posting asks for " + t.Skill(r.Skill).Label + ", which the resume shows."
		case match.ImpliedSkill:
			text = fmt.Sprintf("The posting asks for %s; the resume shows %s, which includes it.", t.Skill(r.Skill).Label, t.Skill(r.Has).Label)
		case match.CloseSkill:
			text = fmt.Sprintf("The posting asks for %s; the resume shows %s, which comes near.", t.Skill(r.Skill).Label, t.Skill(r.Has).Label)
		case match.SameTitle:
			text = "The title is like one that the resume has."
		case match.SameLevel:
			text = "The level is that of the resume."
		}
		if len(sources) > 0 {
			out.Reasons = append(out.Reasons, MatchReason{string(r.Kind), min(max(r.Weight, -1), 1), text, sources})
		}
	}
	for _, g := range e.Missing {
		if len(out.Missing) == 100 {
			break
		}
		m := MissingSkill{Skill: t.Skill(g.Skill).Label, Requirement: "nice_to_have", Sources: q.posting(g.Posting)}
		if g.Required {
			m.Requirement = "required"
		}
		if len(g.Close) > 0 {
			m.Related = &RelatedSkill{t.Skill(g.Close[0]).Label, nearness(g.Skill, g.Close[0])}
		}
		out.Missing = append(out.Missing, m)
	}
	out.Dealbreakers = dealbreakers(e.Rejected, j, prefs)
	return out
}

// nearness is how near two skills are: the weight of their relation.
func nearness(a, b taxonomy.Ref) float64 {
	for _, r := range taxonomy.Load().Related(a, 50) {
		if r.Skill == b {
			return min(max(float64(r.Weight), 0), 1)
		}
	}
	return .5
}

// share is a part of a score; what cannot be known counts as nothing.
func share(v float64) float64 { return min(max(v, 0), 1) }

// dealbreakers are the wishes that a posting breaks. What it does not state
// breaks none.
func dealbreakers(rejected []match.Rejection, j *Posting, w *MatchPreferences) []Dealbreaker {
	out := []Dealbreaker{}
	for _, r := range rejected {
		kind := map[match.Rule]string{match.RuleVisa: "visa", match.RulePay: "salary", match.RulePlace: "country", match.RuleCompany: "company"}[r.Rule]
		out = append(out, Dealbreaker{kind, clip(r.Detail, 1000)})
	}
	if len(w.Remote) > 0 && j.Remote != "" && !slices.Contains(w.Remote, j.Remote) {
		out = append(out, Dealbreaker{"remote", "The work is " + j.Remote + "; wished is " + strings.Join(w.Remote, " or ") + "."})
	}
	if len(w.EmploymentTypes) > 0 && j.EmploymentType != "" && !slices.Contains(w.EmploymentTypes, j.EmploymentType) {
		out = append(out, Dealbreaker{"employment_type", "The employment is " + j.EmploymentType + "; wished is " + strings.Join(w.EmploymentTypes, " or ") + "."})
	}
	if len(w.CountryCodes) > 0 && j.Remote != "remote" && j.Location != nil && j.Location.CountryCode != "" && !slices.Contains(w.CountryCodes, j.Location.CountryCode) {
		out = append(out, Dealbreaker{"country", "The place is in " + j.Location.CountryCode + "; wished is " + strings.Join(w.CountryCodes, " or ") + "."})
	}
	if w.NeedsVisaSponsorship && visaNo.MatchString(plain(j.Description)) {
		out = append(out, Dealbreaker{"visa", "The posting says that no visa is sponsored."})
	}
	return out
}

// quoter turns quotes of package match into sources of the request.
type quoter struct {
	p                  *person
	job                *Posting
	required, optional []int // places in job.Skills
}

func (q quoter) both(r match.Reason) []Source {
	return append(q.resume(r.Resume), q.posting(r.Posting)...)
}

func (q quoter) resume(x match.Quote) []Source {
	if name, at, ok := element(x.Field); ok {
		list := map[string][]passage{"skills": q.p.skills, "titles": q.p.titles}[name]
		if at < len(list) {
			return []Source{list[at].source()}
		}
		return []Source{}
	}
	for i := len(q.p.text) - 1; i >= 0; i-- {
		if b := q.p.text[i]; b.at <= x.Start && x.Text != "" {
			return []Source{b.source()}
		}
	}
	return []Source{}
}

func (q quoter) posting(x match.Quote) []Source {
	if name, at, ok := element(x.Field); ok {
		places := map[string][]int{"required": q.required, "optional": q.optional}[name]
		if at < len(places) {
			p := passage{document: "job", pointer: fmt.Sprintf("/skills/%d/name", places[at]), text: q.job.Skills[places[at]].Name}
			return []Source{p.source()}
		}
		return []Source{}
	}
	pointer := "/" + x.Field
	for _, p := range jobPassages(q.job) {
		if at := strings.Index(p.text, x.Context); p.pointer == pointer && x.Text != "" && at >= 0 {
			return []Source{p.source()}
		}
	}
	for _, p := range jobPassages(q.job) {
		if at := strings.Index(p.text, x.Text); p.pointer == pointer && x.Text != "" && at >= 0 {
			return []Source{p.quote(at, at+len(x.Text))}
		}
	}
	return []Source{}
}

// element reads "skills[3]".
func element(field string) (name string, at int, ok bool) {
	name, rest, ok := strings.Cut(field, "[")
	if !ok {
		return "", 0, false
	}
	at, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	return name, at, err == nil
}

// SkillsGap is what a posting asks for against what a resume shows.
type SkillsGap struct {
	Coverage   float64        `json:"coverage"`
	Matched    []MatchedSkill `json:"matched"`
	Missing    []MissingSkill `json:"missing"`
	Additional []string       `json:"additional"`
	Warnings   []Warning      `json:"warnings"`
	Engine     EngineUse      `json:"engine"`
}

// MatchedSkill is asked for and shown.
type MatchedSkill struct {
	Skill       string   `json:"skill"`
	Requirement string   `json:"requirement"`
	Sources     []Source `json:"sources"`
}

// AnalyzeSkillsGap compares the skills of a posting with those of a resume.
func (s *Service) AnalyzeSkillsGap(ctx context.Context, c Caller, ref Ref) (*SkillsGap, error) {
	resume, job, err := s.resolve(ctx, c, ref, need{resume: true, job: true})
	if err != nil {
		return nil, err
	}
	t := taxonomy.Load()
	have := shownSkills(resume)
	out := &SkillsGap{Matched: []MatchedSkill{}, Missing: []MissingSkill{}, Additional: []string{}, Engine: builtinMatch, Warnings: hints(resumePassages(resume), jobPassages(job))}
	asked := map[taxonomy.Ref]bool{}
	var got, total float64
	for _, w := range wantedSkills(job) {
		asked[w.ref] = true
		weight := map[string]float64{"required": 1, "nice_to_have": .5}[w.requirement]
		total += weight
		if evidence := have[w.ref]; len(evidence) > 0 {
			got += weight
			if len(out.Matched) < 100 {
				out.Matched = append(out.Matched, MatchedSkill{w.label, w.requirement, []Source{w.source, evidence[0]}})
			}
			continue
		}
		m := MissingSkill{Skill: w.label, Requirement: w.requirement, Sources: []Source{w.source}}
		for _, r := range t.Related(w.ref, 50) {
			if len(have[r.Skill]) > 0 && (m.Related == nil || float64(r.Weight) > m.Related.Similarity) {
				m.Related = &RelatedSkill{t.Skill(r.Skill).Label, min(max(float64(r.Weight), 0), 1)}
			}
		}
		if len(out.Missing) < 100 {
			out.Missing = append(out.Missing, m)
		}
	}
	if total > 0 {
		out.Coverage = got / total
	}
	for ref := range have {
		if !asked[ref] {
			out.Additional = append(out.Additional, t.Skill(ref).Label)
		}
	}
	slices.Sort(out.Additional)
	out.Additional = out.Additional[:min(len(out.Additional), 500)]
	return out, nil
}
