package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/orchestrator/internal/db"
)

// What can go wrong at a step for good, or for once where the name says so.
const (
	refused         = "the service refuses"
	silent          = "the service never answers"
	late            = "what it waits for never comes"
	atWork          = "cancelled while at work"
	inWait          = "cancelled while it waits"
	diedDoing       = "the process dies once, before what was done is recorded"
	diedUndoing     = "the process dies once, before what was undone is recorded"
	undoRefused     = "what undoes it is refused"
	garbageAnswer   = "the service answers "
	garbageEvent    = "the event says "
	mostTries       = 3 // of steps here, so that for good comes soon
	mostTransitions = 500
)

var failures = []string{
	refused, silent, late, atWork, inWait, diedDoing, diedUndoing, undoRefused,
	garbageAnswer + "<html>", garbageAnswer + "{}", garbageAnswer + "null", garbageAnswer + `{"items":7}`, garbageAnswer,
	garbageEvent + "{}", garbageEvent + "[]", garbageEvent + `{"to":7}`,
}

// byNature are the POSTs that may be done again without a key: what they ask for is
// a state, or a question.
var byNature = []string{"/check", "/close", "/dispatch", "/cancel", "/matches", "/plan", "/stop", "/proposals"}

// undoes are the calls that take others back.
var undoes = map[string]string{"/cancel": "/dispatch", "/stop": "/plan"}

// performance is one workflow of a saga, played step by step as River's jobs would
// but without their waits, with a failure at a step.
type performance struct {
	*Service
	t       *testing.T
	f       *fixture
	house   *house
	saga    Definition // as it is
	at      int        // the step that the failure is at; -1: all is well
	failure string
	mended  bool // the failure is over

	id     uuid.UUID
	step   int // at work
	undone []int
	die    context.CancelFunc
	// What the steps do when all is well.
	asks, reads, waits, polls map[int]bool
}

// perform plays a workflow of a saga to its end.
func perform(t *testing.T, f *fixture, kind string, at int, failure string) (*performance, db.Workflow) {
	t.Helper()
	p := &performance{t: t, f: f, at: at, failure: failure, step: -1, asks: map[int]bool{}, reads: map[int]bool{}, waits: map[int]bool{}, polls: map[int]bool{}}
	var peers *Peers
	p.house, peers = newHouse(t)
	p.house.instead = p.answer
	played := *f.Service
	p.Service = &played
	for _, d := range Sagas(peers) {
		if d.Kind == kind {
			p.saga = d
			p.Definitions = []Definition{p.failing(d)}
		}
	}
	p.id = (&fixture{Service: p.Service, t: t, pool: f.pool}).play(stories()[kind])
	return p, p.drive()
}

// drive does what River's jobs do, until the workflow ends.
func (p *performance) drive() db.Workflow {
	p.t.Helper()
	for range mostTransitions {
		w, err := p.q.WorkflowGet(p.t.Context(), p.id)
		must(p.t, err)
		switch {
		case w.EndedAt != nil:
			return w
		case w.State == "waiting" && p.hits(inWait, int(w.Step)) && !w.Undoing:
			p.cancel()
			p.mended = true
		case w.State == "waiting":
			must(p.t, p.expired(p.t.Context(), expire{p.id, w.Events}))
		default:
			ctx, die := context.WithCancel(p.t.Context())
			p.die = die
			err := p.work(ctx, p.id)
			die()
			if err != nil && !errors.Is(err, context.Canceled) {
				p.t.Fatal(err)
			}
		}
	}
	p.t.Fatalf("it does not end: %s", p.timeline())
	return db.Workflow{}
}

func (p *performance) hits(failure string, step int) bool {
	return p.failure == failure && p.at == step && !p.mended
}

// failing is the saga with the failure in it.
func (p *performance) failing(d Definition) Definition {
	d.Steps = slices.Clone(d.Steps)
	for i, s := range d.Steps {
		tried := func(r *Run, o Outcome, err error) (Outcome, error) {
			p.step = -1
			if len(o.waits) > 0 {
				p.waits[i] = true
				if p.hits(late, i) || p.hits(inWait, i) {
					o.waits = []Wait{{"test.never.comes", r.ID.String()}}
				}
			}
			p.polls[i] = p.polls[i] || o.after > 0
			switch {
			case p.hits(atWork, i):
				p.mended = true
				p.cancel()
			case p.hits(diedDoing, i):
				p.mended = true
				p.die()
			case p.hits(diedUndoing, i), p.hits(undoRefused, i):
				return Outcome{}, Fatal(errBroken)
			}
			return o, err
		}
		failing := s
		failing.Tries = min(s.tries(), mostTries)
		if p.at == i && p.failure == silent {
			failing.Timeout = 5 * time.Millisecond
		}
		failing.Do = func(ctx context.Context, r *Run) (Outcome, error) {
			p.step = i
			if p.hits(late, i) {
				r.CreatedAt = r.CreatedAt.AddDate(0, 0, -1)
			}
			o, err := s.Do(ctx, r)
			return tried(r, o, err)
		}
		if s.Resume != nil {
			failing.Resume = func(ctx context.Context, r *Run, e *Signal) (Outcome, error) {
				p.step = i
				if said, ok := strings.CutPrefix(p.failure, garbageEvent); ok && p.hits(p.failure, i) && e != nil {
					e.Data = json.RawMessage(said)
				}
				o, err := s.Resume(ctx, r, e)
				return tried(r, o, err)
			}
		}
		if s.Undo != nil {
			failing.Undo = func(ctx context.Context, r *Run) error {
				p.undone = append(p.undone, i)
				if p.hits(undoRefused, i) {
					return Fatal(errBroken)
				}
				err := s.Undo(ctx, r)
				if p.hits(diedUndoing, i) {
					p.mended = true
					p.die()
				}
				return err
			}
		}
		d.Steps[i] = failing
	}
	return d
}

// answer is what the house says instead while the failing step is at work.
func (p *performance) answer(ctx context.Context, answer string) (int, string, error) {
	if p.step >= 0 {
		p.asks[p.step] = true
		p.reads[p.step] = p.reads[p.step] || answer != ""
	}
	if p.step != p.at || p.mended {
		return 0, "", errPass
	}
	said, garbage := strings.CutPrefix(p.failure, garbageAnswer)
	switch {
	case p.failure == refused:
		return http.StatusUnprocessableEntity, `{"code":"told_to_fail"}`, nil
	case p.failure == silent:
		<-ctx.Done()
		return 0, "", ctx.Err()
	case p.failure == late && strings.Contains(answer, `"state"`):
		return http.StatusOK, `{"id":"g","state":"running"}`, nil
	case garbage:
		return http.StatusOK, said, nil
	}
	return 0, "", errPass
}

func (p *performance) cancel() {
	p.t.Helper()
	_, err := p.CancelWorkflow(p.t.Context(), admin, p.id)
	if !p.saga.Cancellable {
		if !errs.Is(err, "not_cancellable") && !errs.Is(err, "workflow_ended") {
			p.t.Errorf("cancelling it says %v", err)
		}
		return
	}
	must(p.t, err)
}

// effects are what the services were asked to do, each once, without what tells
// one performance from another.
func (p *performance) effects() map[call]bool {
	all := map[call]bool{}
	for _, c := range p.house.calls {
		if strings.Contains(c.what, " GET ") {
			continue
		}
		if strings.Contains(c.what, " POST ") && c.key == "" && !slices.ContainsFunc(byNature, func(end string) bool { return strings.HasSuffix(c.what, end) }) {
			p.t.Errorf("%s has no key, so doing it again does it twice", c.what)
		}
		c.what, c.key, c.body = anonymous(c.what), anonymous(c.key), anonymous(c.body)
		all[c] = true
	}
	return all
}

var anID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func anonymous(s string) string { return anID.ReplaceAllString(s, "ID") }

// inEffect are the calls that were done last, of those that others take back.
func (p *performance) inEffect() (still []string) {
	last := map[string]bool{}
	for _, c := range p.house.calls {
		for undo, do := range undoes {
			if strings.HasSuffix(c.what, do) {
				last[do] = true
			}
			if strings.HasSuffix(c.what, undo) {
				last[do] = false
			}
		}
	}
	for do, there := range last {
		if there {
			still = append(still, do)
		}
	}
	return still
}

func (p *performance) timeline() string {
	p.t.Helper()
	_, events, err := p.GetWorkflow(p.t.Context(), admin, p.id)
	must(p.t, err)
	var line []string
	for _, e := range events {
		line = append(line, e.Type+":"+e.Step)
	}
	return strings.Join(line, " ")
}

// said are the messages that the workflow sent, but for what it may say until it is
// retried.
func (p *performance) said() []string {
	p.t.Helper()
	rows, err := p.f.pool.Query(p.t.Context(), "SELECT type FROM outbox WHERE body LIKE '%' || $1 || '%' OR (queue <> '' AND body LIKE '%' || $2 || '%') ORDER BY id", p.id.String(), p.subject())
	must(p.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(p.t, err)
	return slices.DeleteFunc(list, func(typ string) bool { return typ == "orchestrator.workflow.failed" })
}

// subject is whose workflow it is.
func (p *performance) subject() string {
	w, err := p.q.WorkflowGet(p.t.Context(), p.id)
	must(p.t, err)
	if w.UserID == nil {
		return "nobody's"
	}
	return w.UserID.String()
}

// Every saga, every step, every failure: the workflow is completed, or compensated
// with all that was done undone in reverse order, or, where nothing can be undone,
// failed until it is retried, and then completed. Steps, and what they do, are taken
// from the definitions.
func TestEveryStepMayFail(t *testing.T) {
	t.Parallel()
	for _, d := range Sagas(nil) {
		t.Run(d.Kind, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if _, ok := stories()[d.Kind]; !ok {
				t.Fatalf("the saga %s has no story", d.Kind)
			}
			well, w := perform(t, f, d.Kind, -1, "")
			if w.State != "completed" {
				t.Fatalf("when all is well it is %s: %s", w.State, well.timeline())
			}
			effects, said := well.effects(), well.said()
			for at, step := range d.Steps {
				for _, failure := range failures {
					if !applies(well, d, at, failure) {
						continue
					}
					t.Run(step.Name+"/"+failure, func(t *testing.T) {
						p, w := perform(t, f, d.Kind, at, failure)
						p.judge(w, well, effects, said)
					})
				}
			}
		})
	}
}

// applies reports whether a failure can happen at a step.
func applies(well *performance, d Definition, at int, failure string) bool {
	switch {
	case failure == refused, failure == silent, strings.HasPrefix(failure, garbageAnswer):
		return well.asks[at]
	case failure == late:
		return well.waits[at] || well.polls[at]
	case failure == inWait, strings.HasPrefix(failure, garbageEvent):
		return well.waits[at]
	case failure == diedUndoing, failure == undoRefused:
		return d.Steps[at].Undo != nil
	}
	return true
}

// judge checks how a performance ended.
func (p *performance) judge(w db.Workflow, well *performance, effects map[call]bool, said []string) {
	p.t.Helper()
	t := p.t
	if w.State == "failed" { // for want of a way back, or on it
		if !p.saga.Forward && p.failure != undoRefused {
			t.Fatalf("it failed although it can be undone: %s", p.timeline())
		}
		p.mended = true
		_, err := p.RetryWorkflow(t.Context(), p.id)
		must(t, err)
		w = p.drive()
		if p.saga.Forward && w.State != "completed" {
			t.Fatalf("retried, it is %s: %s", w.State, p.timeline())
		}
	}
	var waits int
	must(t, p.f.pool.QueryRow(t.Context(), "SELECT count(*) FROM waits WHERE workflow_id = $1", p.id).Scan(&waits))
	if waits != 0 || w.NextTryAt != nil {
		t.Errorf("it has ended and waits for %d events, next try at %v", waits, w.NextTryAt)
	}
	switch w.State {
	case "completed":
		p.completed(well, effects, said)
	case "compensated":
		p.compensated()
	default:
		t.Errorf("it ends %s: %s", w.State, p.timeline())
	}
}

func (p *performance) completed(well *performance, effects map[call]bool, said []string) {
	t := p.t
	t.Helper()
	if len(p.undone) > 0 {
		t.Errorf("steps %v are undone: %s", p.undone, p.timeline())
	}
	if p.saga.Cancellable && (p.failure == atWork || p.failure == inWait) {
		t.Errorf("it goes on although it was cancelled: %s", p.timeline())
	}
	if strings.HasPrefix(p.failure, garbageAnswer) && well.reads[p.at] && !p.mended {
		t.Errorf("garbage passes for an answer: %s", p.timeline())
	}
	if p.failure == late || p.failure == inWait || strings.HasPrefix(p.failure, garbageEvent) {
		return // it may end with less
	}
	if got := p.effects(); !maps.Equal(got, effects) {
		t.Errorf("the services were asked\n%v\nwhen all is well\n%v", got, effects)
	}
	if got := p.said(); !slices.Equal(got, said) {
		t.Errorf("said %v\nwhen all is well %v", got, said)
	}
}

func (p *performance) compensated() {
	t := p.t
	t.Helper()
	var want []int
	for i := p.at; i >= 0; i-- {
		if p.saga.Steps[i].Undo == nil {
			continue
		}
		want = append(want, i)
		if i == p.at && (p.failure == diedUndoing || p.failure == undoRefused) {
			want = append(want, i) // done again
		}
	}
	if !slices.Equal(p.undone, want) {
		t.Errorf("undone are the steps %v, want %v: %s", p.undone, want, p.timeline())
	}
	if still := p.inEffect(); len(still) > 0 {
		t.Errorf("%v is not taken back: %s", still, p.timeline())
	}
	if (p.failure == atWork || p.failure == inWait) != strings.Contains(p.timeline(), "cancelled:") {
		t.Errorf("whether it was cancelled is not in the timeline: %s", p.timeline())
	}
	if !strings.HasSuffix(p.timeline(), fmt.Sprintf("compensated:%s", p.saga.Steps[0].Name)) {
		t.Errorf("the timeline does not end where it began: %s", p.timeline())
	}
}
