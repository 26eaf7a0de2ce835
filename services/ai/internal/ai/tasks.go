package ai

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// Ref names a resume or a job by its content or by its id: exactly one of both.
type Ref struct {
	Resume   *Resume
	ResumeID *uuid.UUID
	Job      *Posting
	JobID    *uuid.UUID
}

var (
	errResumeMissing = oneOfBoth("resume", "resumeId")
	errJobMissing    = oneOfBoth("job", "jobId")
	errResumeOwner   = errs.New(errs.NotFound, "resume_not_found", "There is no such resume of this user.")
)

func oneOfBoth(a, b string) *errs.Error {
	return errs.New(errs.Unprocessable, "validation_failed", "Some fields are not valid; see errors.").
		WithFields(errs.Field{Pointer: "#/" + a, Code: "one_of", Message: "give exactly one of " + a + " and " + b})
}

// need says what of a Ref a task cannot do without.
type need struct{ resume, job bool }

// resolve reads what a request names by id. The resume of somebody else is not
// found; a caller for nobody has no resumes.
func (s *Service) resolve(ctx context.Context, c Caller, ref Ref, n need) (*Resume, *Posting, error) {
	if ref.Resume != nil && ref.ResumeID != nil || n.resume && ref.Resume == nil && ref.ResumeID == nil {
		return nil, nil, errResumeMissing
	}
	if ref.Job != nil && ref.JobID != nil || n.job && ref.Job == nil && ref.JobID == nil {
		return nil, nil, errJobMissing
	}
	resume, job := ref.Resume, ref.Job
	if ref.ResumeID != nil {
		owner, r, err := s.Resume(ctx, *ref.ResumeID)
		switch {
		case err != nil:
			return nil, nil, err
		case c.UserID == uuid.Nil || owner != c.UserID:
			return nil, nil, errResumeOwner
		}
		resume = r
	}
	if ref.JobID != nil {
		j, err := s.Job(ctx, *ref.JobID)
		if err != nil {
			return nil, nil, err
		}
		job = j
	}
	return resume, job, nil
}

// hints warns of material that speaks to machines, in which nothing of it was
// followed.
func hints(passages ...[]passage) []Warning {
	out := []Warning{}
	for _, list := range passages {
		if _, n := safePassages(list); n > 0 {
			out = append(out, Warning{
				Code: "instructions_in_text", Pointer: "/" + list[0].document,
				Message: "The " + list[0].document + " has text that speaks to a machine rather than to a reader. It was left out.",
			})
		}
	}
	return out
}

// language is the one asked for, else that of the text, else English.
func language(asked string, text ...string) string {
	if asked != "" {
		return asked
	}
	for _, t := range text {
		if l := languageOf(t); l != "" {
			return l
		}
	}
	return "en"
}

// OptimizeResume suggests changes to a resume. The built-in engine's suggestions
// are always among them: rules find what a model passes over.
func (s *Service) OptimizeResume(ctx context.Context, c Caller, ref Ref, lang string) ([]Suggestion, []Warning, EngineUse, error) {
	resume, job, err := s.resolve(ctx, c, ref, need{resume: true})
	if err != nil {
		return nil, nil, EngineUse{}, err
	}
	q := &OptimizeRequest{Resume: resume, Job: job, Language: language(lang, resume.Basics.Summary, firstHighlight(resume))}
	list, use, err := answer(ctx, s, inquiry[[]Suggestion]{
		task: TaskOptimize, caller: c, input: q, size: size(q),
		ask:   func(ctx context.Context, e Engine) ([]Suggestion, Spent, error) { return e.Optimize(ctx, q) },
		check: func(l *[]Suggestion) (int, error) { return checkSuggestions(q, l) },
	})
	if err != nil {
		return nil, nil, use, err
	}
	if use.Name != "builtin" {
		rules, _, err := (&Builtin{Now: s.Now}).Optimize(ctx, q)
		if err != nil {
			return nil, nil, use, err
		}
		if _, err := checkSuggestions(q, &rules); err != nil {
			return nil, nil, use, err
		}
		for _, r := range rules {
			if !slices.ContainsFunc(list, func(x Suggestion) bool { return x.Pointer == r.Pointer && x.Kind == r.Kind }) && len(list) < 200 {
				list = append(list, r)
			}
		}
	}
	return list, hints(resumePassages(resume), jobPassages(job)), use, nil
}

func firstHighlight(r *Resume) string {
	for _, w := range r.Work {
		for _, h := range w.Highlights {
			return h
		}
	}
	return ""
}

// LetterOptions are the wishes for a letter.
type LetterOptions struct {
	Language, Tone, Length, Recipient string
	Seed                              int64
}

// GenerateCoverLetter writes a letter. language is the one it is written in.
func (s *Service) GenerateCoverLetter(ctx context.Context, c Caller, ref Ref, o LetterOptions) (l *Letter, lang string, w []Warning, use EngineUse, err error) {
	resume, job, err := s.resolve(ctx, c, ref, need{resume: true, job: true})
	if err != nil {
		return nil, "", nil, EngineUse{}, err
	}
	if o.Tone == "" {
		o.Tone = "neutral"
	}
	if o.Length == "" {
		o.Length = "medium"
	}
	q := &LetterRequest{
		Resume: resume, Job: job, Language: language(o.Language, plain(job.Description), job.Title), Tone: o.Tone, Length: o.Length, Recipient: o.Recipient, Seed: o.Seed,
	}
	l, use, err = answer(ctx, s, inquiry[*Letter]{
		task: TaskLetter, caller: c, input: q, size: size(q),
		ask:   func(ctx context.Context, e Engine) (*Letter, Spent, error) { return e.Letter(ctx, q) },
		check: func(l **Letter) (int, error) { return checkLetter(q, *l) },
	})
	if err != nil {
		return nil, "", nil, use, err
	}
	w = hints(resumePassages(resume), jobPassages(job))
	if l.Dropped > 0 {
		w = append(w, Warning{Code: "statements_dropped", Message: "Sentences that claimed what neither resume nor posting says were left out. Read the letter once more."})
	}
	return l, q.Language, w, use, nil
}

// QuestionOptions are the wishes for questions.
type QuestionOptions struct {
	Count    int
	Kinds    []string
	Language string
	Seed     int64
}

// GenerateQuestions makes interview questions for a posting.
func (s *Service) GenerateQuestions(ctx context.Context, c Caller, ref Ref, o QuestionOptions) (list []Question, lang string, w []Warning, use EngineUse, err error) {
	resume, job, err := s.resolve(ctx, c, ref, need{job: true})
	if err != nil {
		return nil, "", nil, EngineUse{}, err
	}
	if o.Count == 0 {
		o.Count = 10
	}
	q := &QuestionsRequest{Resume: resume, Job: job, Count: o.Count, Kinds: o.Kinds, Language: language(o.Language, plain(job.Description), job.Title), Seed: o.Seed}
	list, use, err = answer(ctx, s, inquiry[[]Question]{
		task: TaskQuestions, caller: c, input: q, size: size(q), shared: resume == nil,
		ask:   func(ctx context.Context, e Engine) ([]Question, Spent, error) { return e.Questions(ctx, q) },
		check: func(l *[]Question) (int, error) { return checkQuestions(q, l) },
	})
	if err != nil {
		return nil, "", nil, use, err
	}
	w = hints(resumePassages(resume), jobPassages(job))
	if len(list) < q.Count {
		w = append(w, Warning{Code: "fewer_questions", Message: "The posting and the resume have no more that could be asked about."})
	}
	return list, q.Language, w, use, nil
}

// ExtractJob reads the fields of a posting.
func (s *Service) ExtractJob(ctx context.Context, c Caller, q *ExtractRequest) (*ExtractedJob, []Warning, EngineUse, error) {
	text := q.Text
	if q.Format != "text" {
		text = plain(text)
	}
	text = clip(text, 400_000)
	out, use, err := answer(ctx, s, inquiry[*ExtractedJob]{
		task: TaskExtract, caller: c, input: q, size: min(len(text), 40_000), shared: true,
		ask:   func(ctx context.Context, e Engine) (*ExtractedJob, Spent, error) { return e.Extract(ctx, q) },
		check: func(j **ExtractedJob) (int, error) { return checkExtracted(*j, text) },
	})
	if err != nil {
		return nil, nil, use, err
	}
	return out, hints(lines("/text", text)), use, nil
}

// AnswerQuestion answers a question of a form.
func (s *Service) AnswerQuestion(ctx context.Context, c Caller, ref Ref, q *AnswerRequest) (*FormAnswer, []Warning, EngineUse, error) {
	resume, job, err := s.resolve(ctx, c, ref, need{})
	if err != nil {
		return nil, nil, EngineUse{}, err
	}
	q.Resume, q.Job = resume, job
	q.Language = language(q.Language, q.Question)
	out, use, err := answer(ctx, s, inquiry[*FormAnswer]{
		task: TaskAnswer, caller: c, input: q, size: size(q),
		ask:   func(ctx context.Context, e Engine) (*FormAnswer, Spent, error) { return e.Answer(ctx, q) },
		check: func(a **FormAnswer) (int, error) { return checkAnswer(q, *a) },
	})
	if err != nil {
		return nil, nil, use, err
	}
	w := hints(resumePassages(resume), jobPassages(job))
	if instructs(q.Question) {
		w = append(w, Warning{Code: "instructions_in_text", Pointer: "/question", Message: "The question speaks to a machine rather than to the applicant."})
	}
	return out, w, use, nil
}

var errUnknownModel = errs.New(errs.Unprocessable, "unknown_model", "No engine has this model; see GET /api/v1/ai/models.").
	WithFields(errs.Field{Pointer: "#/model", Code: "unknown", Message: "is not a model for embeddings"})

// CreateEmbeddings makes vectors with one model: those of another cannot be
// compared with them, so no other engine steps in.
func (s *Service) CreateEmbeddings(ctx context.Context, c Caller, texts []string, model string) (vectors [][]float32, name string, use EngineUse, err error) {
	if model == "" {
		model = modelEmbedding
	}
	for _, e := range s.Engines {
		if slices.Contains(e.Info().Tasks, TaskEmbeddings) && embeddingModel(e) == model {
			vectors, use, err = answer(ctx, s, inquiry[[][]float32]{
				task: TaskEmbeddings, caller: c, input: struct {
					Model string
					Texts []string
				}{model, texts}, size: size(texts), only: e,
				ask:   func(ctx context.Context, e Engine) ([][]float32, Spent, error) { return e.Embed(ctx, texts) },
				check: func(v *[][]float32) (int, error) { return checkVectors(len(texts), *v) },
			})
			use.Model = model
			return vectors, model, use, err
		}
	}
	return nil, "", EngineUse{}, errUnknownModel
}

// embeddingModel is the model that an engine makes vectors with.
func embeddingModel(e Engine) string {
	if m, ok := e.(interface{ EmbeddingModel() string }); ok {
		return m.EmbeddingModel()
	}
	return modelEmbedding
}

// EngineState is an engine and how it is.
type EngineState struct {
	EngineInfo
	RetryAt time.Time // zero: it is asked
}

// ListEngines lists the engines in the order they are asked.
func (s *Service) ListEngines() []EngineState {
	out := make([]EngineState, len(s.Engines))
	for i, e := range s.Engines {
		out[i] = EngineState{e.Info(), s.circuits[i].open(s.now())}
	}
	return out
}
