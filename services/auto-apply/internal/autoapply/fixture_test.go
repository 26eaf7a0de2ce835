package autoapply

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/boardtest"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

// The board and the browser are shared by all tests, as each takes its time to
// start; jobs are not: each test has its own.
var (
	shared struct {
		once     sync.Once
		board    *boardtest.Board
		browsers *browser.Pool
		err      error
		mu       sync.Mutex
		taken    map[string]bool
	}
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Applications wait for pages more than they compute: as many at once as there are contexts.
	if err := flag.Set("test.parallel", strconv.Itoa(contexts)); err != nil {
		panic(err)
	}
	code := m.Run()
	if shared.browsers != nil {
		shared.browsers.Close()
		shared.board.Stop()
	}
	os.Exit(code)
}

// contexts of the shared browser.
const contexts = 4

type fixture struct {
	*Service
	t     *testing.T
	pool  *pgxpool.Pool
	board *boardtest.Board
	peers *boardtest.Peers
	user  uuid.UUID
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	shared.once.Do(func() {
		shared.taken = map[string]bool{}
		if shared.board, shared.err = boardtest.Start(); shared.err != nil {
			return
		}
		shared.browsers = browser.New(browser.Options{
			DriverDir: testkit.Env(t, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(t, "CHROMIUM_PATH"), Contexts: contexts, Idle: time.Minute, Allow: []string{shared.board.Host}, Log: slog.New(slog.DiscardHandler),
		})
	})
	must(t, shared.err)
	f := &fixture{t: t, pool: testkit.DB(t, "migrations/auto-apply"), board: shared.board, peers: boardtest.NewPeers(shared.board), user: uuid.New()}
	t.Cleanup(f.peers.Server.Close)
	f.Service = f.worker()
	return f
}

// worker is a service as another replica has it.
func (f *fixture) worker() *Service {
	jobs, err := job.NewClientWithResponses(f.peers.URL)
	must(f.t, err)
	users, err := user.NewClientWithResponses(f.peers.URL)
	must(f.t, err)
	resumes, err := resume.NewClientWithResponses(f.peers.URL)
	must(f.t, err)
	adviser, err := ai.NewClientWithResponses(f.peers.URL)
	must(f.t, err)
	return New(Deps{
		Pool: f.pool, Keys: sealKeys(f.t), Files: testkit.Bucket(f.t), Jobs: jobs, Users: users, Resumes: resumes, AI: adviser, Log: slog.New(slog.DiscardHandler),
		Sites: &site.Sites{Browsers: shared.browsers, Client: browser.NewClient([]string{f.board.Host}, 10*time.Second)},
	})
}

var sealKeys = testkit.SealKeys

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// posting is a job of the board that the fixture's person can apply to without
// being asked; its modes are those of the query and the given ones.
func (f *fixture) posting(query string, modes ...string) (boardtest.Job, uuid.UUID) {
	f.t.Helper()
	list, err := f.board.Jobs(query)
	must(f.t, err)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for _, j := range list {
		if j.Plain() && !shared.taken[j.Key] && (len(modes) == 0 || len(j.Modes) == 0) {
			shared.taken[j.Key] = true // modes are the board's, for all who apply
			if len(modes) > 0 {
				must(f.t, f.board.SetModes(j.Key, modes...))
			}
			return j, f.peers.Add(j)
		}
	}
	f.t.Fatalf("the board has no job left for %s", query)
	return boardtest.Job{}, uuid.Nil
}

// submit makes an application that is sent without a review.
func (f *fixture) submit(job uuid.UUID, review bool) uuid.UUID {
	f.t.Helper()
	a, err := f.SubmitApplication(f.t.Context(), f.user, Request{JobID: job, Review: &review})
	must(f.t, err)
	must(f.t, f.DispatchApplication(f.t.Context(), a.ID))
	return a.ID
}

// work has a worker take an application.
func (f *fixture) work(s *Service, id uuid.UUID) error {
	raw, err := json.Marshal(ApplicationApply{ApplicationID: id, UserID: f.user})
	must(f.t, err)
	m := &rabbit.Message{Attempt: 1}
	m.Type, m.Data = TypeApplicationApply, raw
	return s.Apply(f.t.Context(), m)
}

func (f *fixture) state(id uuid.UUID, want State) Details {
	f.t.Helper()
	d, err := f.GetApplication(f.t.Context(), f.user, id)
	must(f.t, err)
	if d.State != want {
		questions, _ := f.ListQuestions(f.t.Context(), f.user, id)
		f.t.Fatalf("the application is %s (%s), want %s; questions: %+v", d.State, d.Reason, want, questions)
	}
	return d
}

// received are the posts for a job from the fixture's user.
func (f *fixture) received(j boardtest.Job, outcome string) []boardtest.Submission {
	f.t.Helper()
	list, err := f.board.Submissions(j.Key)
	must(f.t, err)
	var mine []boardtest.Submission
	for _, s := range list {
		if s.Outcome == outcome && s.Email == fmt.Sprintf("ada-%s@example.org", f.user.String()[:8]) {
			mine = append(mine, s)
		}
	}
	return mine
}

type (
	boardJob   = boardtest.Job
	boardField = boardtest.Field
)
