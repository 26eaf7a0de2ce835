package ai

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/jobs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/ai/internal/db"
)

// DeleteUserData deletes all that is held of a user and keeps a tombstone, so
// that a call that ends late stores nothing.
func (s *Service) DeleteUserData(ctx context.Context, user uuid.UUID) error {
	return storeError(pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.UserTombstone(ctx, db.UserTombstoneParams{UserID: user, DeletedAt: s.now()}); err != nil {
			return err
		}
		for _, remove := range []func(context.Context, uuid.UUID) error{q.UserBudgetsDelete, q.UserCallsDelete, q.UserAnswersDelete} {
			if err := remove(ctx, user); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Holding is how much of a user is held at a place.
type Holding struct {
	Place string
	Count int64
}

// Footprint is what is still held of a user.
func (s *Service) Footprint(ctx context.Context, user uuid.UUID) ([]Holding, error) {
	n, err := s.q.UserFootprint(ctx, user)
	if err != nil {
		return nil, storeError(err)
	}
	return []Holding{{"table budget_days", n.BudgetDays}, {"table engine_calls", n.EngineCalls}, {"table answers", n.Answers}}, nil
}

// leftovers are the rows that are of no more use after a time.
var leftovers = []jobs.Leftover{
	{Table: "answers", Key: "user_id, key", Old: "expires_at < $1"},
	{Table: "engine_calls", Key: "id", Old: "created_at < $1", Keep: 90 * 24 * time.Hour},
	{Table: "budget_days", Key: "user_id, day", Old: "day < ($1::timestamptz AT TIME ZONE 'UTC')::date", Keep: 30 * 24 * time.Hour},
	{Table: "deleted_users", Key: "user_id", Old: "deleted_at < $1", Keep: 30 * 24 * time.Hour},
	jobs.Inbox,
	jobs.IdempotencyKeys,
}

// NewMaintenance makes the worker for what is due again and again.
func NewMaintenance(s *Service) (*jobs.Client, error) {
	return jobs.New(s.Pool, jobs.Options{Log: s.Log, Duties: map[string]jobs.Duty{
		"purge": {Every: time.Hour, Do: func(ctx context.Context) error { return jobs.Purge(ctx, s.Pool, s.Log, s.now(), leftovers...) }},
	}})
}

// Model is what is known of a model in use.
type Model struct {
	Name         string             `json:"name"`
	Engine       string             `json:"engine"`
	Task         string             `json:"task"`
	Source       string             `json:"source"`
	Licence      string             `json:"licence,omitempty"`
	Metrics      map[string]float64 `json:"metrics"`
	RegisteredAt time.Time          `json:"registeredAt"`
}

// RegisterModels records the models that this process has.
func (s *Service) RegisterModels(ctx context.Context) error {
	for _, m := range s.models() {
		metrics, err := json.Marshal(m.Metrics)
		if err != nil {
			return err
		}
		if err := s.q.ModelUpsert(ctx, db.ModelUpsertParams{Name: m.Name, Engine: m.Engine, Task: m.Task, Source: m.Source, Licence: m.Licence, Metrics: metrics}); err != nil {
			return storeError(err)
		}
	}
	return nil
}

// KeepModels is a worker: it records the models as soon as Postgres answers and
// every hour again, which is how the list forgets those no replica has any more.
func (s *Service) KeepModels(ctx context.Context) error {
	for {
		wait := time.Hour
		if err := s.RegisterModels(ctx); err != nil {
			s.Log.WarnContext(ctx, "the models could not be recorded; it is tried again", "error", err)
			wait = 10 * time.Second
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// ListModels lists the models that replicas had within the last day.
func (s *Service) ListModels(ctx context.Context) ([]Model, error) {
	rows, err := s.q.ModelsList(ctx, s.now().Add(-24*time.Hour))
	if err != nil {
		return nil, storeError(err)
	}
	out := make([]Model, 0, len(rows))
	for _, r := range rows {
		m := Model{Name: r.Name, Engine: r.Engine, Task: r.Task, Source: r.Source, Licence: r.Licence, RegisteredAt: r.RegisteredAt}
		if err := json.Unmarshal(r.Metrics, &m.Metrics); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func (s *Service) models() []Model {
	out := []Model{}
	for _, e := range s.Engines {
		i := e.Info()
		if i.Kind == "builtin" {
			out = append(out, builtinModels...)
			continue
		}
		out = append(out, Model{Name: i.Name + "/" + i.Model, Engine: i.Name, Task: string(TaskLetter), Source: "over the network, by its provider", Metrics: map[string]float64{}})
		if v := embeddingModel(e); v != "" {
			out = append(out, Model{Name: v, Engine: i.Name, Task: string(TaskEmbeddings), Source: "over the network, by its provider", Metrics: map[string]float64{}})
		}
	}
	return out
}

// builtinModels are those in the program. Figures are of the tests of their
// packages.
var builtinModels = []Model{
	{Name: modelRules, Engine: "builtin", Task: string(TaskLetter), Source: "rules and sentence plans of the project", Licence: "Apache-2.0", Metrics: map[string]float64{}},
	{Name: modelParser, Engine: "builtin", Task: string(TaskParseResume), Source: "rules and word lists of the project", Licence: "Apache-2.0", Metrics: map[string]float64{}},
	{Name: modelMatch, Engine: "builtin", Task: string(TaskMatchJobs), Source: "ESCO 1.1.1 with the project's own skills, BM25, embeddings", Licence: "Apache-2.0; ESCO: EU, reuse with attribution", Metrics: map[string]float64{}},
	{Name: modelSalary, Engine: "builtin", Task: string(TaskPredictSalary), Source: "gradient boosting on the survey of ai-jobs.net, 2020 to 2025", Licence: "CC0-1.0", Metrics: map[string]float64{"coverage": .8}},
	{Name: modelEmbedding, Engine: "builtin", Task: string(TaskEmbeddings), Source: "all-MiniLM-L6-v2 distilled into a table of token vectors, fitted on the labels of ESCO", Licence: "Apache-2.0", Metrics: map[string]float64{"dimensions": 256}},
}
