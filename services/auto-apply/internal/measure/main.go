// Command measure applies to the forms of the local job site and reports how many
// of their fields are understood, whether a wrong answer was sent, and how many
// applications a minute go through, beside a script that knows the forms. Both
// take turns, and the ratio is the median of the rounds'. The figures are also
// printed in the format of Go's benchmarks.
//
//	go run ./internal/measure            # in services/auto-apply, with the servers running
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/autoapply"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/boardtest"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/browser"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/job"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/resume"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/clients/user"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/site"
)

const contexts = 4

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run() error {
	withModes := flag.Bool("modes", true, "apply in all modes, and hold what arrived against the truth")
	many := flag.Int("n", 20, "applications to time in a round")
	rounds := flag.Int("rounds", 3, "how often both sides take turns")
	flag.Parse()
	tb, end := testkit.Example()
	defer end()
	board, err := boardtest.Start()
	if err != nil {
		return err
	}
	defer board.Stop()
	jobs, err := board.Jobs("")
	if err != nil {
		return err
	}
	jobs = slices.DeleteFunc(jobs, func(j boardtest.Job) bool { return len(j.Fields) == 0 })
	understood(jobs)
	peers := boardtest.NewPeers(board)
	defer peers.Server.Close()
	browsers := browser.New(browser.Options{
		DriverDir: testkit.Env(tb, "PLAYWRIGHT_DRIVER_DIR"), Chromium: testkit.Env(tb, "CHROMIUM_PATH"), Contexts: contexts, Idle: time.Minute, Allow: []string{board.Host}, Log: slog.New(slog.DiscardHandler),
	})
	defer browsers.Close()
	d := autoapply.Deps{Pool: testkit.DB(tb, "migrations/auto-apply"), Keys: testkit.SealKeys(tb), Files: testkit.Bucket(tb), Log: slog.New(slog.DiscardHandler),
		Sites: &site.Sites{Browsers: browsers, Client: browser.NewClient([]string{board.Host}, 10*time.Second)}}
	if d.Jobs, err = job.NewClientWithResponses(peers.URL); err != nil {
		return err
	}
	if d.Users, err = user.NewClientWithResponses(peers.URL); err != nil {
		return err
	}
	if d.Resumes, err = resume.NewClientWithResponses(peers.URL); err != nil {
		return err
	}
	if d.AI, err = ai.NewClientWithResponses(peers.URL); err != nil {
		return err
	}
	m := &measurement{Service: autoapply.New(d), board: board, peers: peers}
	if *withModes {
		if err := m.modes(jobs); err != nil {
			return err
		}
	}
	plain := slices.DeleteFunc(slices.Clone(jobs), func(j boardtest.Job) bool { return len(j.Modes) > 0 || !j.Plain() })
	plain = spread(plain, *many)
	if _, err := m.apply(plain[:8]); err != nil { // warm
		return err
	}
	script, err := openScript(tb)
	if err != nil {
		return err
	}
	defer script.close()
	var ours, theirs, ratios []float64
	for i := range max(*rounds, 1) {
		sides := []func() error{
			func() error { return add(&ours, m.apply, plain) },
			func() error { return add(&theirs, script.apply, plain) },
		}
		if i%2 == 1 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			if err := side(); err != nil {
				return err
			}
		}
		ratios = append(ratios, 100*ours[i]/theirs[i])
	}
	fmt.Printf("BenchmarkApplications %d %.1f per-minute %.1f script-per-minute %.1f %%ofScript\n", len(ratios)*len(plain), median(ours), median(theirs), median(ratios))
	return nil
}

// add measures one side once.
func add(to *[]float64, apply func([]boardtest.Job) (float64, error), jobs []boardtest.Job) error {
	v, err := apply(jobs)
	*to = append(*to, v)
	return err
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// keyOf are the keys that a field's meaning may have here.
var keyOf = map[string]string{
	"name.full": "full_name", "name.first": "first_name", "name.last": "last_name", "name.preferred": "preferred_name", "pronouns": "pronouns", "email": "email", "phone": "phone",
	"location": "location", "country": "country", "address": "address", "resume": "resume", "cover_letter": "cover_letter", "cover_letter.text": "cover_letter", "url.linkedin": "linkedin_url",
	"url.github": "github_url", "url.portfolio": "portfolio_url", "current.company": "current_company", "current.title": "current_title", "work_authorization": "authorized_to_work",
	"sponsorship": "requires_sponsorship", "salary": "expected_salary", "start_date": "earliest_start_date", "notice_period": "notice_period", "relocation": "willing_to_relocate",
	"onsite": "willing_to_commute", "travel": "travel_percent", "shifts": "willing_to_work_shifts", "experience.years": "years_of_experience", "language.level": "language_level",
	"education.level": "highest_degree", "skills": "skills", "source": "how_did_you_hear", "adult": "over_18", "employed_before": "worked_here_before", "consent.privacy": "privacy_consent",
	"consent.retention": "future_contact_consent", "consent.truth": "custom.statement_is_true", "eeo.gender": "gender", "eeo.race": "race", "eeo.veteran": "veteran_status",
	"eeo.disability": "disability_status", "motivation": "motivation", "licence": "drivers_license",
}

var kinds = map[string]form.Kind{"textarea": form.Textarea, "select": form.Select, "multi": form.Multi, "boolean": form.Boolean, "checkbox": form.Checkbox, "file": form.File,
	"email": form.Email, "tel": form.Tel, "url": form.URL, "number": form.Number, "date": form.Date, "location": form.Location}

// understood counts the fields whose meaning is found; those that nobody can know
// beforehand (an achievement, a licence of a trade) must have none.
func understood(jobs []boardtest.Job) {
	right, wrong, missed := 0, 0, 0
	examples := map[string]int{}
	for _, j := range jobs {
		for _, f := range j.Fields {
			if f.Meaning == "trap" {
				continue
			}
			kind, ok := kinds[f.Type]
			if !ok {
				kind = form.Text
			}
			m := form.Understand(form.Field{Name: f.Name, Label: f.Label, Kind: kind})
			want := keyOf[f.Meaning]
			if f.Meaning == "licence" && !strings.Contains(form.Fold(f.About), "category b") && !strings.Contains(form.Fold(f.About), "klasse b") && form.Fold(f.About) != "driver s license" && !strings.Contains(form.Fold(f.About), "permis b") {
				want = ""
			}
			switch {
			case m.Key == want:
				right++
			case m.Key == "" || m.Confidence < form.Sure:
				missed++
				examples["missed "+f.Meaning+": "+f.Label]++
			default:
				wrong++
				examples["wrong "+f.Meaning+" as "+m.Key+": "+f.Label]++
			}
		}
	}
	total := right + wrong + missed
	fmt.Printf("fields of %d forms understood: %d of %d (%.2f %%), not understood %d, misunderstood %d\n", len(jobs), right, total, 100*float64(right)/float64(total), missed, wrong)
	fmt.Printf("BenchmarkForms %d %.2f %%understood %d fields\n", len(jobs), 100*float64(right)/float64(total), total)
	list := []string{}
	for e, n := range examples {
		list = append(list, fmt.Sprintf("%5d %s", n, e))
	}
	sort.Sort(sort.Reverse(sort.StringSlice(list)))
	for _, e := range list[:min(12, len(list))] {
		fmt.Println("  ", e)
	}
}

type measurement struct {
	*autoapply.Service
	board *boardtest.Board
	peers *boardtest.Peers
}

// one applies to a job as a new person.
func (m *measurement) one(ctx context.Context, j boardtest.Job) (autoapply.Details, uuid.UUID, error) {
	who, no := uuid.New(), false
	a, err := m.SubmitApplication(ctx, who, autoapply.Request{JobID: m.peers.Add(j), Review: &no})
	if err != nil {
		return autoapply.Details{}, who, err
	}
	raw, err := json.Marshal(autoapply.ApplicationApply{ApplicationID: a.ID, UserID: who})
	if err != nil {
		return autoapply.Details{}, who, err
	}
	msg := &rabbit.Message{Attempt: 1}
	msg.Type, msg.Data = autoapply.TypeApplicationApply, raw
	if err := m.Apply(ctx, msg); err != nil {
		return autoapply.Details{}, who, err
	}
	d, err := m.GetApplication(ctx, who, a.ID)
	return d, who, err
}

// each calls do for all jobs, as many at once as there are contexts.
func each(jobs []boardtest.Job, do func(boardtest.Job) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	work := make(chan boardtest.Job)
	for range contexts {
		wg.Go(func() {
			for j := range work {
				if err := do(j); err != nil {
					mu.Lock()
					failed = fmt.Errorf("%s: %w", j.Key, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, j := range jobs {
		work <- j
	}
	close(work)
	wg.Wait()
	return failed
}

// modes applies to one posting of each platform in each mode that the board knows,
// and holds what arrived against what the person would answer.
func (m *measurement) modes(jobs []boardtest.Job) error {
	seen := map[string]bool{}
	chosen := []boardtest.Job{}
	for _, j := range jobs {
		mode := "none"
		if len(j.Modes) > 0 {
			mode = j.Modes[0]
		}
		for _, n := range []string{"1", "2", "3"} {
			key := j.Platform + "/" + mode + n
			if (mode == "none" || n == "1") && !seen[key] {
				seen[key] = true
				chosen = append(chosen, j)
				break
			}
		}
	}
	var mu sync.Mutex
	states, wrong, sent := map[string]int{}, 0, 0
	err := each(chosen, func(j boardtest.Job) error {
		d, who, err := m.one(context.Background(), j)
		if err != nil {
			return err
		}
		list, err := m.board.Submissions(j.Key)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		mode := "none"
		if len(j.Modes) > 0 {
			mode = strings.Join(j.Modes, "+")
		}
		states[mode+" → "+d.State]++
		for _, s := range list {
			if s.Outcome != "accepted" || !strings.HasPrefix(s.Email, "ada-"+who.String()[:8]) {
				continue
			}
			sent++
			for _, f := range j.Fields {
				given := s.Meanings[f.Meaning]
				if len(given) == 0 {
					given = s.Meanings[f.Meaning+":"+f.About]
				}
				if fault := boardtest.Wrong(f, given); fault != "" {
					wrong++
					fmt.Printf("   wrong: %s, %s: %s\n", j.Key, f.Label, fault)
				}
			}
			if len(s.Honeypots) > 0 {
				wrong++
				fmt.Printf("   trap filled: %s %v\n", j.Key, s.Honeypots)
			}
		}
		return nil
	})
	fmt.Printf("%d forms of all platforms and modes; %d were sent; wrong answers: %d\n", len(chosen), sent, wrong)
	fmt.Printf("BenchmarkForms %d %d wrong %d sent\n", len(chosen), wrong, sent)
	list := []string{}
	for s, n := range states {
		list = append(list, fmt.Sprintf("   %-36s %d", s, n))
	}
	sort.Strings(list)
	fmt.Println(strings.Join(list, "\n"))
	return err
}

// apply is applications a minute.
func (m *measurement) apply(jobs []boardtest.Job) (float64, error) {
	began := time.Now()
	var mu sync.Mutex
	done := 0
	err := each(jobs, func(j boardtest.Job) error {
		d, _, err := m.one(context.Background(), j)
		mu.Lock()
		defer mu.Unlock()
		if d.State == autoapply.Submitted {
			done++
		}
		return err
	})
	fmt.Printf("   %d of %d submitted in %.1f s\n", done, len(jobs), time.Since(began).Seconds())
	return float64(done) / time.Since(began).Minutes(), err
}

// spread takes n jobs evenly over the platforms.
func spread(jobs []boardtest.Job, n int) []boardtest.Job {
	by := map[string][]boardtest.Job{}
	names := []string{}
	for _, j := range jobs {
		if by[j.Platform] == nil {
			names = append(names, j.Platform)
		}
		by[j.Platform] = append(by[j.Platform], j)
	}
	var out []boardtest.Job
	for i := 0; len(out) < n; i++ {
		added := false
		for _, name := range names {
			if i < len(by[name]) && len(out) < n {
				out, added = append(out, by[name][i]), true
			}
		}
		if !added {
			break
		}
	}
	return out
}
