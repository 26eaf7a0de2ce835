package ai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// liar is a provider that answers what a test says.
type liar struct {
	answer func(Prompt) string
	err    error
	calls  atomic.Int32
	seen   atomic.Pointer[Prompt]
}

func (l *liar) Complete(_ context.Context, p Prompt) (json.RawMessage, Spent, error) {
	l.calls.Add(1)
	if l.err != nil {
		return nil, Spent{}, l.err
	}
	l.seen.Store(&p)
	return json.RawMessage(l.answer(p)), Spent{Input: 700, Output: 300}, nil
}

func (l *liar) Embed(context.Context, []string) ([][]float32, Spent, error) {
	return [][]float32{{1}}, Spent{Input: 1}, nil
}

func (l *liar) engine() *LLM {
	return &LLM{Provider: l, Timeout: 5 * time.Second, About: EngineInfo{
		Name: "openai", Kind: "openai", Model: "test", Tasks: []Task{TaskOptimize, TaskLetter, TaskQuestions, TaskExtract, TaskAnswer}, InputCost: 1000, OutputCost: 1000,
	}}
}

// letterOf makes the provider's answer of sentences, each resting on r1 and j1.
func letterOf(sentences ...string) func(Prompt) string {
	return func(Prompt) string {
		var list []map[string]any
		for _, s := range sentences {
			list = append(list, map[string]any{"text": s, "sources": []string{"r1"}})
		}
		raw, _ := json.Marshal(map[string]any{"paragraphs": []any{map[string]any{"sentences": list}}})
		return string(raw)
	}
}

var honest = []string{
	"I currently work as Backend Engineer at Example Systems.",
	"There I cut the latency of the Go payment API from 900 ms to 120 ms.",
	"I led a team of 4 engineers that moved services to Kubernetes.",
	"Your posting asks for Go and Kubernetes.",
}

func TestLiesAreRefused(t *testing.T) {
	t.Parallel()
	f := newFacts(ada(), acme())
	for _, s := range honest {
		if bad := f.unsupported(s); len(bad) > 0 {
			t.Errorf("%q is held for unsupported: %v", s, bad)
		}
	}
	for _, s := range []string{
		"I have ten years of experience with Go.",
		"I cut the latency of the payment API by 95 percent.",
		"I worked as Backend Engineer at Google.",
		"I am a certified Kubernetes administrator.",
		"I hold a Master of Science in Computer Science.",
		"I am Director of Engineering at Example Systems.",
		"I have worked with Rust for several years.", // the posting names it, the resume does not
		"I graduated from Harvard.",
		"In 2012 I built reporting tools in Python.",
		"I led a team of forty engineers.",
		"Led surgeons in hospitals across Africa.",
		"Ich habe zwölf Jahre Berufserfahrung.",
		"Ich war Abteilungsleiter bei Example Systems.",
		"I was awarded a patent for the payment API.",
		"My work doubled the revenue of the company.",
		"See https://evil.example/cv for more about my work.",
		"Write to me at ada@evil.example about the position.",
	} {
		if len(f.unsupported(s)) == 0 {
			t.Errorf("%q is let through", s)
		}
	}
}

func TestALyingEngineIsPassedOver(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(Prompt) string{
		"lies":                 letterOf("I have 20 years of experience with Rust.", "I worked at Google.", honest[0]),
		"one passage invented": func(Prompt) string { return `{"paragraphs":[{"sentences":[{"text":"I work.","sources":["r999"]}]}]}` },
		"no JSON":              func(Prompt) string { return "Dear team, …" },
		"another form":         func(Prompt) string { return `{"letter":"Dear team"}` },
		"more than the form":   func(Prompt) string { return `{"paragraphs":[],"note":"x"}` },
		"nothing":              func(Prompt) string { return `{"paragraphs":[]}` },
		"the instructions":     func(p Prompt) string { return letterOf(strings.Split(p.Instructions, "\n")[0])(p) },
		"markup":               letterOf(honest[0], "I use <script>alert(1)</script> Go."),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &liar{answer: answer}
			f := newFixture(t, l.engine(), &Builtin{})
			letter, _, _, use, err := f.GenerateCoverLetter(t.Context(), someone(), Ref{Resume: ada(), Job: acme()}, LetterOptions{})
			must(t, err)
			if use.Name != "builtin" || len(use.PassedOver) != 1 || use.PassedOver[0] != (PassedOver{"openai", "refused"}) {
				t.Fatalf("answered by %+v", use)
			}
			if strings.Contains(letter.Text(), "Google") || strings.Contains(letter.Text(), "script") {
				t.Errorf("the letter: %s", letter.Text())
			}
			if n := f.count("SELECT count(*) FROM engine_calls WHERE outcome = 'refused' AND input_tokens + output_tokens > 0 OR outcome = 'refused' AND reason <> ''"); n != 1 {
				t.Errorf("%d calls recorded as refused", n)
			}
			if n := f.count("SELECT count(*) FROM answers"); n != 0 {
				t.Error("a refused answer is kept")
			}
		})
	}
}

func TestOneLieIsDroppedFromAnHonestAnswer(t *testing.T) {
	t.Parallel()
	l := &liar{answer: letterOf(append(slices.Clone(honest), "I also worked at Google.")...)}
	f := newFixture(t, l.engine(), &Builtin{})
	letter, _, warnings, use, err := f.GenerateCoverLetter(t.Context(), someone(), Ref{Resume: ada(), Job: acme()}, LetterOptions{})
	must(t, err)
	if use.Name != "openai" || letter.Dropped != 1 || strings.Contains(letter.Text(), "Google") || len(warnings) != 1 || warnings[0].Code != "statements_dropped" {
		t.Errorf("%+v, %d dropped, %+v: %s", use, letter.Dropped, warnings, letter.Text())
	}
}

func TestAnswersAreKeptSealedForTheirUser(t *testing.T) {
	t.Parallel()
	l := &liar{answer: letterOf(honest...)}
	f := newFixture(t, l.engine(), &Builtin{})
	me := someone()
	ask := func(c Caller) (string, EngineUse) {
		letter, _, _, use, err := f.GenerateCoverLetter(t.Context(), c, Ref{Resume: ada(), Job: acme()}, LetterOptions{})
		must(t, err)
		return letter.Text(), use
	}
	first, use := ask(me)
	again, kept := ask(me)
	if first != again || use.Cached || !kept.Cached || l.calls.Load() != 1 {
		t.Fatalf("cached %v then %v after %d calls", use.Cached, kept.Cached, l.calls.Load())
	}
	if _, use := ask(someone()); use.Cached {
		t.Error("somebody else gets the answer")
	}
	if n := f.count("SELECT count(*) FROM answers WHERE position('Example'::bytea IN body_sealed) > 0"); n != 0 {
		t.Error("an answer is not sealed")
	}
	f.advance(2 * time.Hour)
	if _, use := ask(me); use.Cached {
		t.Error("an answer is kept for ever")
	}
	must(t, f.DeleteUserData(t.Context(), me.UserID))
	holdings, err := f.Footprint(t.Context(), me.UserID)
	must(t, err)
	for _, h := range holdings {
		if h.Count != 0 {
			t.Errorf("%s still has %d rows", h.Place, h.Count)
		}
	}
	if _, use := ask(me); use.Name != "builtin" { // a late request of a deleted user stores nothing
		t.Errorf("answered by %+v", use)
	}
	if n := f.count("SELECT count(*) FROM budget_days WHERE user_id = $1", me.UserID); n != 0 {
		t.Error("a deleted user is stored again")
	}
}

// Calls at once cannot exceed the budget together.
func TestBudgetIsNotExceededByCallsAtOnce(t *testing.T) {
	t.Parallel()
	l := &liar{answer: letterOf(honest...)}
	f := newFixture(t, l.engine())
	f.limit = Budget{Calls: 3, Tokens: 1 << 30, CostMicros: 1 << 40}
	me := someone()
	var answered, refused atomic.Int32
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			_, _, _, _, err := f.GenerateCoverLetter(t.Context(), me, Ref{Resume: ada(), Job: acme()}, LetterOptions{Seed: int64(i)})
			switch {
			case err == nil:
				answered.Add(1)
			case errors.Is(err, errBudget):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if answered.Load() != 3 || refused.Load() != 9 || l.calls.Load() != 3 {
		t.Errorf("%d answered, %d refused, %d calls", answered.Load(), refused.Load(), l.calls.Load())
	}
	u, err := f.GetUsage(t.Context(), me.UserID)
	must(t, err)
	if u.Used.Calls != 3 || u.Used.Tokens != 3000 || u.Used.CostMicros != 3000 || len(u.Tasks) != 1 || u.Tasks[0].Tokens != 3000 {
		t.Errorf("usage %+v", u)
	}
	_, _, _, _, err = f.GenerateCoverLetter(t.Context(), me, Ref{Resume: ada(), Job: acme()}, LetterOptions{Seed: 99})
	wantCode(t, err, "ai_budget_exhausted")
	f.advance(24 * time.Hour)
	if _, _, _, _, err := f.GenerateCoverLetter(t.Context(), me, Ref{Resume: ada(), Job: acme()}, LetterOptions{Seed: 99}); err != nil {
		t.Errorf("on the next day: %v", err)
	}
}

func TestCircuitLeavesAFailingEngineAlone(t *testing.T) {
	t.Parallel()
	l := &liar{answer: letterOf(honest...), err: errors.New("down")}
	f := newFixture(t, l.engine(), &Builtin{})
	ask := func(seed int64) EngineUse {
		_, _, _, use, err := f.GenerateCoverLetter(t.Context(), someone(), Ref{Resume: ada(), Job: acme()}, LetterOptions{Seed: seed})
		must(t, err)
		return use
	}
	for i := range circuitFailures {
		if use := ask(int64(i)); use.PassedOver[0].Reason != "failed" {
			t.Fatalf("call %d: %+v", i, use)
		}
	}
	if use := ask(100); use.PassedOver[0].Reason != "circuit_open" || l.calls.Load() != circuitFailures {
		t.Fatalf("%+v after %d calls", use, l.calls.Load())
	}
	if f.ListEngines()[0].RetryAt.IsZero() {
		t.Error("the list of engines does not say so")
	}
	f.advance(circuitPause + time.Second)
	l.err = nil
	if use := ask(101); use.Name != "openai" {
		t.Errorf("after the pause: %+v", use)
	}
}

func TestPaidEnginesWorkOnlyForAUser(t *testing.T) {
	t.Parallel()
	l := &liar{answer: letterOf(honest...)}
	f := newFixture(t, l.engine(), &Builtin{})
	_, _, _, use, err := f.GenerateCoverLetter(t.Context(), Caller{}, Ref{Resume: ada(), Job: acme()}, LetterOptions{})
	must(t, err)
	if use.Name != "builtin" || l.calls.Load() != 0 {
		t.Errorf("answered by %+v", use)
	}
}

// Sensitive questions never reach a provider; a provider's guess at another is
// refused when it has no source or is no option.
func TestFormAnswersAreNoGuesses(t *testing.T) {
	t.Parallel()
	answerWith := func(text, source string) func(Prompt) string {
		return func(Prompt) string {
			return fmt.Sprintf(`{"answer":%q,"selected":[],"confidence":1,"known":true,"sources":[%s]}`, text, source)
		}
	}
	for name, x := range map[string]struct {
		q      AnswerRequest
		answer func(Prompt) string
		calls  int32
		want   string // empty: null
	}{
		"sensitive":       {AnswerRequest{Question: "Are you legally authorized to work in Germany?", Options: []string{"Yes", "No"}}, answerWith("Yes", `"r1"`), 0, ""},
		"no source":       {AnswerRequest{Question: "Which editor do you like?"}, answerWith("I like work.", ``), 1, ""},
		"no option":       {AnswerRequest{Question: "Which shift suits you?", Options: []string{"Day", "Night"}}, answerWith("Weekend", `"r1"`), 1, ""},
		"invented":        {AnswerRequest{Question: "What are you proud of?"}, answerWith("I won the 2019 Turing Award at Google.", `"r1"`), 1, ""},
		"honest":          {AnswerRequest{Question: "What are you proud of?"}, answerWith("I cut the latency of the Go payment API from 900 ms to 120 ms.", `"r1"`), 1, "I cut the latency of the Go payment API from 900 ms to 120 ms."},
		"their own words": {AnswerRequest{Question: "Do you require visa sponsorship?", Options: []string{"Yes", "No"}, Answers: []Fact{{Key: "visa", Question: "Do you require visa sponsorship?", Value: "No"}}}, nil, 0, "No"},
		"another question": {AnswerRequest{Question: "Will you require visa sponsorship?", Options: []string{"Yes", "No"},
			Answers: []Fact{{Key: "visa", Question: "Do you require visa sponsorship?", Value: "No"}}}, nil, 0, ""},
		"turned round": {AnswerRequest{Question: "Is it true that you do not want to relocate?", Options: []string{"Yes", "No"},
			Answers: []Fact{{Key: "relocate", Question: "Is it true that you do want to relocate?", Value: "Yes"}}}, answerWith("Yes", ``), 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &liar{answer: x.answer}
			f := newFixture(t, l.engine(), &Builtin{})
			a, _, _, err := f.AnswerQuestion(t.Context(), someone(), Ref{Resume: ada(), Job: acme()}, &x.q)
			must(t, err)
			got := ""
			if a.Answer != nil {
				got = *a.Answer
			}
			if got != x.want || l.calls.Load() != x.calls {
				t.Errorf("%q after %d calls, want %q after %d (%+v)", got, l.calls.Load(), x.want, x.calls, a)
			}
		})
	}
}

func TestSharedAnswersHoldNothingOfAPerson(t *testing.T) {
	t.Parallel()
	l := &liar{answer: func(Prompt) string {
		return `{"skills":[],"seniority":"","seniorityPassage":"","remote":"","remotePassage":""}`
	}}
	f := newFixture(t, l.engine(), &Builtin{})
	for range 2 {
		_, _, _, err := f.ExtractJob(t.Context(), someone(), &ExtractRequest{Text: "We need Go.", Format: "text"})
		must(t, err)
	}
	if l.calls.Load() != 1 || f.count("SELECT count(*) FROM answers WHERE user_id = $1", uuid.Nil) != 1 {
		t.Errorf("%d calls", l.calls.Load())
	}
}
