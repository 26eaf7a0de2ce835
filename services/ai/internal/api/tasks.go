package api

import (
	"context"
	"strings"

	"github.com/jobpilot/jobpilot/services/ai/internal/ai"
	"github.com/jobpilot/jobpilot/services/ai/internal/salary"
)

func (s *Server) matchJobs(ctx context.Context, c ai.Caller, b *MatchJobsRequest) (out MatchJobsResult, err error) {
	q := &ai.MatchRequest{Limit: int(value(b.Limit))}
	if q.Ref, err = ref(b.Resume, b.ResumeID, nil, nil); err != nil {
		return out, err
	}
	if q.Jobs, err = into[[]*ai.Posting](value(b.Jobs)); err != nil {
		return out, err
	}
	q.JobIDs = value(b.JobIds)
	if b.Preferences != nil {
		if q.Preferences, err = into[*ai.MatchPreferences](b.Preferences); err != nil {
			return out, err
		}
	}
	items, warnings, use, err := s.AI.MatchJobs(ctx, c, q)
	if err != nil {
		return out, err
	}
	return into[MatchJobsResult](map[string]any{"items": items, "warnings": warnings, "engine": use})
}

func (s *Server) analyzeSkillsGap(ctx context.Context, c ai.Caller, b *SkillsGapRequest) (out SkillsGap, err error) {
	r, err := ref(b.Resume, b.ResumeID, b.Job, b.JobID)
	if err != nil {
		return out, err
	}
	gap, err := s.AI.AnalyzeSkillsGap(ctx, c, r)
	if err != nil {
		return out, err
	}
	return into[SkillsGap](gap)
}

func (s *Server) optimizeResume(ctx context.Context, c ai.Caller, b *OptimizeResumeRequest) (out OptimizeResumeResult, err error) {
	r, err := ref(b.Resume, b.ResumeID, b.Job, b.JobID)
	if err != nil {
		return out, err
	}
	list, warnings, use, err := s.AI.OptimizeResume(ctx, c, r, string(value(b.Language)))
	if err != nil {
		return out, err
	}
	return into[OptimizeResumeResult](map[string]any{"suggestions": list, "warnings": warnings, "engine": use})
}

func (s *Server) generateCoverLetter(ctx context.Context, c ai.Caller, b *CoverLetterRequest) (out CoverLetter, err error) {
	r, err := ref(b.Resume, b.ResumeID, b.Job, b.JobID)
	if err != nil {
		return out, err
	}
	letter, language, warnings, use, err := s.AI.GenerateCoverLetter(ctx, c, r, ai.LetterOptions{
		Language: string(value(b.Language)), Tone: string(value(b.Tone)), Length: string(value(b.Length)), Recipient: value(b.Recipient), Seed: value(b.Seed),
	})
	if err != nil {
		return out, err
	}
	text := letter.Text()
	return into[CoverLetter](map[string]any{
		"language": language, "text": text, "wordCount": len(strings.Fields(text)), "seed": value(b.Seed), "paragraphs": letter.Paragraphs, "dropped": letter.Dropped,
		"warnings": warnings, "engine": use,
	})
}

func (s *Server) predictSalary(ctx context.Context, c ai.Caller, b *PredictSalaryRequest) (out SalaryPrediction, err error) {
	q := &ai.SalaryRequest{ExperienceYears: b.ExperienceYears}
	if q.Ref, err = ref(nil, nil, b.Job, b.JobID); err != nil {
		return out, err
	}
	if b.Rate != nil {
		q.Rate = &salary.Rate{Currency: b.Rate.Currency, PerUSD: b.Rate.PerUsd}
	}
	p, err := s.AI.PredictSalary(ctx, c, q)
	if err != nil {
		return out, err
	}
	return into[SalaryPrediction](p)
}

func (s *Server) generateQuestions(ctx context.Context, c ai.Caller, b *GenerateQuestionsRequest) (out InterviewQuestions, err error) {
	r, err := ref(b.Resume, b.ResumeID, b.Job, b.JobID)
	if err != nil {
		return out, err
	}
	o := ai.QuestionOptions{Count: int(value(b.Count)), Language: string(value(b.Language)), Seed: value(b.Seed)}
	for _, k := range value(b.Kinds) {
		o.Kinds = append(o.Kinds, string(k))
	}
	list, language, warnings, use, err := s.AI.GenerateQuestions(ctx, c, r, o)
	if err != nil {
		return out, err
	}
	return into[InterviewQuestions](map[string]any{"items": list, "language": language, "warnings": warnings, "engine": use})
}

func (s *Server) createEmbeddings(ctx context.Context, c ai.Caller, b *EmbeddingsRequest) (out Embeddings, err error) {
	vectors, model, use, err := s.AI.CreateEmbeddings(ctx, c, b.Texts, value(b.Model))
	if err != nil {
		return out, err
	}
	out = Embeddings{Model: model, Dimensions: int32(len(vectors[0])), Items: make([]Embedding, len(vectors))}
	for i, v := range vectors {
		out.Items[i] = Embedding{Index: int32(i), Vector: v}
	}
	out.Engine, err = into[EngineUse](use)
	return out, err
}

func (s *Server) extractJob(ctx context.Context, c ai.Caller, b *ExtractJobRequest) (out ExtractedJob, err error) {
	job, warnings, use, err := s.AI.ExtractJob(ctx, c, &ai.ExtractRequest{
		Text: b.Text, Format: string(value(b.Format)), Title: value(b.Title), CompanyName: value(b.CompanyName),
	})
	if err != nil {
		return out, err
	}
	return into[ExtractedJob](struct {
		*ai.ExtractedJob
		Warnings []ai.Warning `json:"warnings"`
		Engine   ai.EngineUse `json:"engine"`
	}{job, warnings, use})
}

func (s *Server) answerQuestion(ctx context.Context, c ai.Caller, b *AnswerQuestionRequest) (out FormAnswer, err error) {
	r, err := ref(b.Resume, b.ResumeID, b.Job, b.JobID)
	if err != nil {
		return out, err
	}
	q, err := into[*ai.AnswerRequest](map[string]any{
		"question": b.Question, "options": b.Options, "multiple": value(b.Multiple), "maxLength": value(b.MaxLength), "language": value(b.Language),
		"profile": b.Profile, "answers": b.Answers,
	})
	if err != nil {
		return out, err
	}
	a, warnings, use, err := s.AI.AnswerQuestion(ctx, c, r, q)
	if err != nil {
		return out, err
	}
	return into[FormAnswer](struct {
		*ai.FormAnswer
		Warnings []ai.Warning `json:"warnings"`
		Engine   ai.EngineUse `json:"engine"`
	}{a, warnings, use})
}
