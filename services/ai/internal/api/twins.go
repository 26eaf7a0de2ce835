package api

import "context"

// Each task is one operation for users and one for services.

// MatchJobs answers a user.
func (s *Server) MatchJobs(ctx context.Context, r MatchJobsRequestObject) (MatchJobsResponseObject, error) {
	out, err := s.matchJobs(ctx, user(ctx), r.Body)
	return MatchJobs200JSONResponse(out), err
}

// MatchJobsInternally answers another service.
func (s *Server) MatchJobsInternally(ctx context.Context, r MatchJobsInternallyRequestObject) (MatchJobsInternallyResponseObject, error) {
	out, err := s.matchJobs(ctx, behalf(r.Params.UserID), r.Body)
	return MatchJobsInternally200JSONResponse(out), err
}

// AnalyzeSkillsGap answers a user.
func (s *Server) AnalyzeSkillsGap(ctx context.Context, r AnalyzeSkillsGapRequestObject) (AnalyzeSkillsGapResponseObject, error) {
	out, err := s.analyzeSkillsGap(ctx, user(ctx), r.Body)
	return AnalyzeSkillsGap200JSONResponse(out), err
}

// AnalyzeSkillsGapInternally answers another service.
func (s *Server) AnalyzeSkillsGapInternally(ctx context.Context, r AnalyzeSkillsGapInternallyRequestObject) (AnalyzeSkillsGapInternallyResponseObject, error) {
	out, err := s.analyzeSkillsGap(ctx, behalf(r.Params.UserID), r.Body)
	return AnalyzeSkillsGapInternally200JSONResponse(out), err
}

// OptimizeResume answers a user.
func (s *Server) OptimizeResume(ctx context.Context, r OptimizeResumeRequestObject) (OptimizeResumeResponseObject, error) {
	out, err := s.optimizeResume(ctx, user(ctx), r.Body)
	return OptimizeResume200JSONResponse(out), err
}

// OptimizeResumeInternally answers another service.
func (s *Server) OptimizeResumeInternally(ctx context.Context, r OptimizeResumeInternallyRequestObject) (OptimizeResumeInternallyResponseObject, error) {
	out, err := s.optimizeResume(ctx, behalf(r.Params.UserID), r.Body)
	return OptimizeResumeInternally200JSONResponse(out), err
}

// GenerateCoverLetter answers a user.
func (s *Server) GenerateCoverLetter(ctx context.Context, r GenerateCoverLetterRequestObject) (GenerateCoverLetterResponseObject, error) {
	out, err := s.generateCoverLetter(ctx, user(ctx), r.Body)
	return GenerateCoverLetter200JSONResponse(out), err
}

// GenerateCoverLetterInternally answers another service.
func (s *Server) GenerateCoverLetterInternally(ctx context.Context, r GenerateCoverLetterInternallyRequestObject) (GenerateCoverLetterInternallyResponseObject, error) {
	out, err := s.generateCoverLetter(ctx, behalf(r.Params.UserID), r.Body)
	return GenerateCoverLetterInternally200JSONResponse(out), err
}

// PredictSalary answers a user.
func (s *Server) PredictSalary(ctx context.Context, r PredictSalaryRequestObject) (PredictSalaryResponseObject, error) {
	out, err := s.predictSalary(ctx, user(ctx), r.Body)
	return PredictSalary200JSONResponse(out), err
}

// PredictSalaryInternally answers another service.
func (s *Server) PredictSalaryInternally(ctx context.Context, r PredictSalaryInternallyRequestObject) (PredictSalaryInternallyResponseObject, error) {
	out, err := s.predictSalary(ctx, behalf(r.Params.UserID), r.Body)
	return PredictSalaryInternally200JSONResponse(out), err
}

// GenerateQuestions answers a user.
func (s *Server) GenerateQuestions(ctx context.Context, r GenerateQuestionsRequestObject) (GenerateQuestionsResponseObject, error) {
	out, err := s.generateQuestions(ctx, user(ctx), r.Body)
	return GenerateQuestions200JSONResponse(out), err
}

// GenerateQuestionsInternally answers another service.
func (s *Server) GenerateQuestionsInternally(ctx context.Context, r GenerateQuestionsInternallyRequestObject) (GenerateQuestionsInternallyResponseObject, error) {
	out, err := s.generateQuestions(ctx, behalf(r.Params.UserID), r.Body)
	return GenerateQuestionsInternally200JSONResponse(out), err
}

// CreateEmbeddings answers a user.
func (s *Server) CreateEmbeddings(ctx context.Context, r CreateEmbeddingsRequestObject) (CreateEmbeddingsResponseObject, error) {
	out, err := s.createEmbeddings(ctx, user(ctx), r.Body)
	return CreateEmbeddings200JSONResponse(out), err
}

// CreateEmbeddingsInternally answers another service.
func (s *Server) CreateEmbeddingsInternally(ctx context.Context, r CreateEmbeddingsInternallyRequestObject) (CreateEmbeddingsInternallyResponseObject, error) {
	out, err := s.createEmbeddings(ctx, behalf(r.Params.UserID), r.Body)
	return CreateEmbeddingsInternally200JSONResponse(out), err
}

// ExtractJob answers a user.
func (s *Server) ExtractJob(ctx context.Context, r ExtractJobRequestObject) (ExtractJobResponseObject, error) {
	out, err := s.extractJob(ctx, user(ctx), r.Body)
	return ExtractJob200JSONResponse(out), err
}

// ExtractJobInternally answers another service.
func (s *Server) ExtractJobInternally(ctx context.Context, r ExtractJobInternallyRequestObject) (ExtractJobInternallyResponseObject, error) {
	out, err := s.extractJob(ctx, behalf(r.Params.UserID), r.Body)
	return ExtractJobInternally200JSONResponse(out), err
}

// AnswerQuestion answers a user.
func (s *Server) AnswerQuestion(ctx context.Context, r AnswerQuestionRequestObject) (AnswerQuestionResponseObject, error) {
	out, err := s.answerQuestion(ctx, user(ctx), r.Body)
	return AnswerQuestion200JSONResponse(out), err
}

// AnswerQuestionInternally answers another service.
func (s *Server) AnswerQuestionInternally(ctx context.Context, r AnswerQuestionInternallyRequestObject) (AnswerQuestionInternallyResponseObject, error) {
	out, err := s.answerQuestion(ctx, behalf(r.Params.UserID), r.Body)
	return AnswerQuestionInternally200JSONResponse(out), err
}
