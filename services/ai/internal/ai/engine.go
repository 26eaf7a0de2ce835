package ai

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Task is what an engine is asked for, by its name in the contract.
type Task string

// The tasks.
const (
	TaskParseResume   Task = "parse_resume"
	TaskMatchJobs     Task = "match_jobs"
	TaskOptimize      Task = "optimize_resume"
	TaskLetter        Task = "cover_letter"
	TaskPredictSalary Task = "predict_salary"
	TaskQuestions     Task = "interview_questions"
	TaskEmbeddings    Task = "embeddings"
	TaskExtract       Task = "extract_job"
	TaskAnswer        Task = "answer_question"
)

// EngineInfo is what an engine says of itself.
type EngineInfo struct {
	Name, Kind, Model string
	Tasks             []Task
	// Free engines count against no budget and keep no answers.
	Free bool
	// InputCost and OutputCost are millionths of a US dollar for a thousand tokens.
	InputCost, OutputCost int64
}

// Spent is what a call cost, in tokens.
type Spent struct{ Input, Output int64 }

// Engine answers tasks. What it returns is checked by [Service] before anybody
// sees it.
type Engine interface {
	Info() EngineInfo
	Optimize(context.Context, *OptimizeRequest) ([]Suggestion, Spent, error)
	Letter(context.Context, *LetterRequest) (*Letter, Spent, error)
	Questions(context.Context, *QuestionsRequest) ([]Question, Spent, error)
	Extract(context.Context, *ExtractRequest) (*ExtractedJob, Spent, error)
	Answer(context.Context, *AnswerRequest) (*FormAnswer, Spent, error)
	// Embed returns vectors of length 1, one for each text.
	Embed(context.Context, []string) ([][]float32, Spent, error)
}

// ErrRefused is an answer that broke its form or claimed what the texts do not
// say: the next engine is asked.
var ErrRefused = errors.New("ai: the engine's answer is refused")

const (
	circuitFailures = 5                // in a row, after which an engine is left alone
	circuitPause    = 30 * time.Second // at first; doubled at each further failure
	circuitMaxPause = 10 * time.Minute
)

// circuit leaves an engine alone that failed again and again. After the pause one
// call tries it; its outcome decides.
type circuit struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	trying   bool
}

// enter reports whether the engine may be asked now.
func (c *circuit) enter(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures < circuitFailures {
		return true
	}
	if now.Before(c.until) || c.trying {
		return false
	}
	c.trying = true
	return true
}

// leave records an outcome. A call that its caller gave up says nothing.
func (c *circuit) leave(now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trying = false
	switch {
	case err == nil, errors.Is(err, ErrRefused): // it answers
		c.failures = 0
	case errors.Is(err, context.Canceled):
	default:
		c.failures++
		if over := c.failures - circuitFailures; over >= 0 {
			c.until = now.Add(min(circuitPause<<min(over, 10), circuitMaxPause))
		}
	}
}

// open returns until when the engine is left alone; zero for not at all.
func (c *circuit) open(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures >= circuitFailures && now.Before(c.until) {
		return c.until
	}
	return time.Time{}
}
