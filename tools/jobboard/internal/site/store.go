package site

import (
	"crypto/rand"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/form"
)

// Bounds of what is kept.
const (
	maxSubmissions = 10000
	maxKept        = 64 << 20 // bytes of answers
	maxDrafts      = 1000
	maxTokens      = 1000
	maxFieldBytes  = 256 << 10 // all answers of one submission
	maxParts       = 500
)

// Submission is one post of a form and what became of it.
type Submission struct {
	ID          string              `json:"id"`
	Job         string              `json:"job"`
	Platform    string              `json:"platform"`
	Board       string              `json:"board"`
	Title       string              `json:"title"`
	Outcome     string              `json:"outcome"` // accepted, invalid, captcha, code, duplicate, error or closed
	At          time.Time           `json:"at"`
	Email       string              `json:"email"`
	Tries       int                 `json:"tries"`  // posts of this e-mail to this job, this one included
	Repeat      bool                `json:"repeat"` // one was accepted before
	UserAgent   string              `json:"userAgent"`
	ContentType string              `json:"contentType"`
	Fields      url.Values          `json:"fields"`
	Meanings    map[string][]string `json:"meanings"`
	Labels      map[string][]string `json:"labels"`
	Files       []form.Upload       `json:"files"`
	Honeypots   []string            `json:"honeypots"`
	Ignored     []string            `json:"ignored"`
	Errors      map[string]string   `json:"errors"`
	size        int
}

// The outcomes of a submission.
const (
	accepted  = "accepted"
	invalid   = "invalid"
	captcha   = "captcha"
	code      = "code"
	duplicate = "duplicate"
	failed    = "error"
	closed    = "closed"
)

// draft holds what was sent on earlier pages, or before the code was asked for.
type draft struct {
	job    string
	values url.Values
	files  []form.Upload
	page   int
	code   string // verification code that is waited for
}

// sentCode is a verification code that went out.
type sentCode struct {
	Email string    `json:"email"`
	Job   string    `json:"job"`
	Code  string    `json:"code"`
	At    time.Time `json:"at"`
}

// store remembers, within bounds: the oldest is forgotten first.
type store struct {
	now func() time.Time

	mu          sync.Mutex
	submissions []*Submission
	kept        int
	next        int
	tries       map[string]*tally // by job and e-mail
	drafts      ring[*draft]
	challenges  ring[string] // id → word
	tokens      ring[string] // token → kind: solved or passive
	codes       []sentCode
}

// tally counts what is kept for one e-mail and one job.
type tally struct{ all, accepted, kept int }

func newStore(now func() time.Time) *store {
	s := &store{now: now}
	s.reset()
	return s
}

func (s *store) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.submissions, s.kept, s.next, s.codes = nil, 0, 0, nil
	s.tries = map[string]*tally{}
	s.drafts, s.challenges, s.tokens = newRing[*draft](maxDrafts), newRing[string](maxTokens), newRing[string](maxTokens)
}

// add keeps a submission and numbers it.
func (s *store) add(x *Submission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	x.ID, x.At = strconv.Itoa(s.next), s.now().UTC()
	key := x.Job + "\n" + strings.ToLower(x.Email)
	t := s.tries[key]
	if t == nil {
		t = &tally{}
		s.tries[key] = t
	}
	t.all++
	t.kept++
	x.Tries, x.Repeat = t.all, t.accepted > 0
	if x.Outcome == accepted {
		t.accepted++
	}
	x.size = 1024
	for name, values := range x.Fields {
		x.size += len(name)
		for _, v := range values {
			x.size += 2*len(v) + 32 // once more in what they mean
		}
	}
	s.submissions = append(s.submissions, x)
	s.kept += x.size
	for len(s.submissions) > maxSubmissions || s.kept > maxKept && len(s.submissions) > 1 {
		old := s.submissions[0]
		s.submissions[0] = nil
		s.submissions = s.submissions[1:]
		s.kept -= old.size
		key := old.Job + "\n" + strings.ToLower(old.Email)
		if t := s.tries[key]; t != nil {
			if t.kept--; t.kept == 0 {
				delete(s.tries, key)
			}
		}
	}
}

// find lists submissions for which ok holds, oldest first.
func (s *store) find(ok func(*Submission) bool) []*Submission {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []*Submission{}
	for _, x := range s.submissions {
		if ok(x) {
			out = append(out, x)
		}
	}
	return out
}

func (s *store) saveDraft(d *draft) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := rand.Text()
	s.drafts.put(token, d)
	return token
}

// draft finds a draft of a posting, or gives an empty one.
func (s *store) draft(token, job string) *draft {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.drafts.get(token); ok && d.job == job {
		return &draft{job: job, values: d.values, files: d.files, page: d.page, code: d.code}
	}
	return &draft{job: job, values: url.Values{}}
}

func (s *store) addCode(c sentCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.At = s.now().UTC()
	s.codes = append(s.codes, c)
	if len(s.codes) > maxDrafts {
		s.codes = s.codes[1:]
	}
}

func (s *store) codesOf(email string) []sentCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []sentCode{}
	for _, c := range s.codes {
		if email == "" || strings.EqualFold(c.Email, email) {
			out = append(out, c)
		}
	}
	return out
}

// ring is a map that forgets what was put first when it is full.
type ring[T any] struct {
	limit int
	keys  []string
	m     map[string]T
}

func newRing[T any](limit int) ring[T] { return ring[T]{limit: limit, m: map[string]T{}} }

func (r *ring[T]) put(key string, v T) {
	if _, ok := r.m[key]; !ok {
		r.keys = append(r.keys, key)
	}
	r.m[key] = v
	if len(r.keys) > r.limit {
		delete(r.m, r.keys[0])
		r.keys = slices.Delete(r.keys, 0, 1)
	}
}

func (r *ring[T]) get(key string) (T, bool) {
	v, ok := r.m[key]
	return v, ok
}

func (r *ring[T]) drop(key string) {
	delete(r.m, key)
	if i := slices.Index(r.keys, key); i >= 0 {
		r.keys = slices.Delete(r.keys, i, i+1)
	}
}
