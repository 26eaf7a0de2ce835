package ai

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// Models of the built-in engine. A change that gives other answers, or vectors
// that cannot be compared with those before, has a new number.
const (
	modelRules     = "jobpilot-rules-1"
	modelEmbedding = "jobpilot-embedding-1"
)

// Builtin is the engine that needs no network and no key: rules, sentence plans,
// the taxonomy and the table of embeddings. It says only what it can quote.
type Builtin struct {
	// Now is the clock, for how long an employment lasts; nil: time.Now.
	Now func() time.Time
}

// Info is how the engine appears in lists.
func (b *Builtin) Info() EngineInfo {
	return EngineInfo{
		Name: "builtin", Kind: "builtin", Model: modelRules, Free: true,
		Tasks: []Task{TaskParseResume, TaskMatchJobs, TaskOptimize, TaskLetter, TaskPredictSalary, TaskQuestions, TaskEmbeddings, TaskExtract, TaskAnswer},
	}
}

func (b *Builtin) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// Embed looks the texts up in the table of token vectors.
func (b *Builtin) Embed(_ context.Context, texts []string) ([][]float32, Spent, error) {
	m := embedding.Load()
	out := make([][]float32, len(texts))
	for i, t := range texts {
		v := m.Embed(t)
		out[i] = v[:]
	}
	return out, Spent{}, nil
}

// wanted is a skill that a posting asks for.
type wanted struct {
	ref         taxonomy.Ref
	label       string
	requirement string // required, nice_to_have, mentioned
	source      Source
}

// wantedSkills are the skills of a posting, required ones first, each once, with
// the passage that names it. Passages that speak to a machine are not read.
func wantedSkills(j *Posting) []wanted {
	if j == nil {
		return nil
	}
	t := taxonomy.Load()
	var out []wanted
	seen := map[taxonomy.Ref]int{}
	add := func(w wanted) {
		if at, ok := seen[w.ref]; ok {
			if rank(w.requirement) < rank(out[at].requirement) {
				out[at].requirement = w.requirement
			}
			return
		}
		seen[w.ref] = len(out)
		out = append(out, w)
	}
	named := map[string]string{}
	for _, s := range j.Skills {
		named[s.Name] = cmp.Or(s.Requirement, "required")
	}
	passages, _ := safePassages(jobPassages(j))
	section := "required"
	for _, p := range passages {
		if strings.HasPrefix(p.pointer, "/skills/") {
			if s, ok := t.Lookup(p.text); ok {
				add(wanted{s.Ref, s.Label, named[p.text], p.source()})
			}
			continue
		}
		if p.pointer != "/description" {
			continue
		}
		section = sectionAfter(section, p.text)
		for _, h := range t.Find(p.text) {
			if languageTag(p.text[h.Start:h.End]) != "" {
				continue // human languages are no skills here
			}
			add(wanted{h.Skill, t.Skill(h.Skill).Label, requirementIn(section, p.text), p.quote(h.Start, h.End)})
		}
	}
	slices.SortStableFunc(out, func(a, b wanted) int { return cmp.Compare(rank(a.requirement), rank(b.requirement)) })
	return out
}

func rank(requirement string) int {
	return slices.Index([]string{"required", "nice_to_have", "mentioned"}, requirement)
}

// shown is where a resume shows a skill: passages that tell of its use first,
// lists of skills last.
type shown map[taxonomy.Ref][]Source

func shownSkills(r *Resume) shown {
	t := taxonomy.Load()
	out, implied := shown{}, shown{}
	add := func(ref taxonomy.Ref, s Source) {
		out[ref] = append(out[ref], s)
		for _, i := range t.Implied(ref) {
			implied[i] = append(implied[i], s)
		}
	}
	passages, _ := safePassages(resumePassages(r))
	var listed []passage
	for _, p := range passages {
		switch {
		case strings.HasPrefix(p.pointer, "/skills"):
			listed = append(listed, p)
			continue
		case strings.HasPrefix(p.pointer, "/basics") && p.pointer != "/basics/summary" && p.pointer != "/basics/label":
			continue
		case strings.HasPrefix(p.pointer, "/references"), strings.HasSuffix(p.pointer, "/url"):
			continue
		}
		for _, h := range t.Find(p.text) {
			add(h.Skill, p.source())
		}
	}
	for _, p := range listed {
		if s, ok := t.Lookup(p.text); ok {
			add(s.Ref, p.source())
			continue
		}
		for _, h := range t.Find(p.text) {
			add(h.Skill, p.source())
		}
	}
	for ref, sources := range implied {
		if len(out[ref]) == 0 {
			out[ref] = sources
		}
	}
	return out
}

// label is a short text of a resume or posting made fit for a sentence; empty for
// one that is none: too long, an address, or words to a machine.
func label(text string, most int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)), " ")
	if text == "" || utf8.RuneCountInString(text) > most || instructs(text) || addresses.MatchString(text) {
		return ""
	}
	return text
}

// employment is one job of a resume that can be told of.
type employment struct {
	at             int // index in work
	position, name string
	from, until    month // until is zero while it goes on
	current        bool
}

// month counts months from year 0; zero is unknown.
type month int

func monthOf(date string, end bool) month {
	if len(date) < 4 {
		return 0
	}
	t, err := time.Parse("2006-01-02"[:min(len(date), 10)], date)
	if err != nil {
		return 0
	}
	m := month(t.Year()*12 + int(t.Month()))
	if len(date) == 4 && end {
		m += 11
	}
	return m
}

// employments are the jobs of a resume, the latest first.
func employments(r *Resume) []employment {
	var out []employment
	for i, w := range r.Work {
		e := employment{
			at: i, position: label(w.Position, 120), name: label(w.Name, 120),
			from: monthOf(w.StartDate, false), until: monthOf(w.EndDate, true), current: w.StartDate != "" && w.EndDate == "",
		}
		if e.position != "" || e.name != "" {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b employment) int {
		if a.current != b.current {
			if a.current {
				return -1
			}
			return 1
		}
		return cmp.Compare(max(b.from, b.until), max(a.from, a.until))
	})
	return out
}

// experienceYears is how long somebody has worked: the union of the times of
// their jobs, in years. Jobs without a beginning do not count.
func experienceYears(r *Resume, now time.Time) float64 {
	type span struct{ from, until month }
	var spans []span
	today := month(now.Year()*12 + int(now.Month()))
	for _, w := range r.Work {
		from, until := monthOf(w.StartDate, false), monthOf(w.EndDate, true)+1
		if w.EndDate == "" {
			until = today
		}
		if from > 0 && until > from {
			spans = append(spans, span{from, min(until, today)})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	total, end := month(0), month(0)
	for _, s := range spans {
		if s.until > end {
			total += s.until - max(s.from, end)
			end = s.until
		}
	}
	return float64(total) / 12
}

// idOf is a short id that is the same for the same parts.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// chooser picks among equally good wordings, the same ones for the same seed.
type chooser struct{ *rand.Rand }

func newChooser(seed int64, purpose string) chooser {
	sum := sha256.Sum256([]byte(purpose))
	var second uint64
	for _, b := range sum[:8] {
		second = second<<8 | uint64(b)
	}
	return chooser{rand.New(rand.NewPCG(uint64(seed), second))} //nolint:gosec // wordings, not secrets
}

func (c chooser) of(list ...string) string { return list[c.IntN(len(list))] }

// listing joins words as a language does: "A, B and C".
func listing(language string, items []string) string {
	and := " and "
	if language == "de" {
		and = " und "
	}
	switch n := len(items); n {
	case 0:
		return ""
	case 1:
		return items[0]
	default:
		return strings.Join(items[:n-1], ", ") + and + items[n-1]
	}
}
