package site

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

const defaultDelay = 1500 * time.Millisecond

// setting is what was set for one posting, or for all.
type setting struct {
	Job     string   `json:"job,omitempty"`
	Modes   []string `json:"modes"`
	DelayMS int      `json:"delayMs,omitempty"` // for slow; 1,500 unless set
}

// modes knows which modes are on: those a posting has had from the start unless others were set for it, and the global
// ones on top.
type modes struct {
	mu     sync.RWMutex
	global setting
	jobs   map[string]setting
}

func newModes() *modes { return &modes{jobs: map[string]setting{}} }

func (m *modes) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.global, m.jobs = setting{}, map[string]setting{}
}

// maxDelay keeps a slow posting from holding connections for ever.
const maxDelay = time.Minute

func (m *modes) set(s setting) error {
	for _, mode := range s.Modes {
		if !slices.Contains(posting.Modes, mode) {
			return fmt.Errorf("mode %q is unknown; choose from %v", mode, posting.Modes)
		}
	}
	if s.DelayMS < 0 || time.Duration(s.DelayMS)*time.Millisecond > maxDelay {
		return fmt.Errorf("delayMs %d is not between 0 and %d", s.DelayMS, maxDelay.Milliseconds())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Job == "" {
		m.global = s
	} else {
		m.jobs[s.Job] = s
	}
	return nil
}

// of gives the modes of a posting; of nil, the global ones.
func (m *modes) of(j *posting.Job) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var own []string
	if j != nil {
		own = j.Modes
		if s, ok := m.jobs[j.Key]; ok {
			own = s.Modes
		}
	}
	out := slices.Clone(own)
	for _, mode := range m.global.Modes {
		if !slices.Contains(out, mode) {
			out = append(out, mode)
		}
	}
	return out
}

func (m *modes) has(j *posting.Job, mode string) bool { return slices.Contains(m.of(j), mode) }

func (m *modes) delay(j *posting.Job) time.Duration {
	if !m.has(j, posting.ModeSlow) {
		return 0
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	ms := m.global.DelayMS
	if j != nil && m.jobs[j.Key].DelayMS > 0 {
		ms = m.jobs[j.Key].DelayMS
	}
	if ms == 0 {
		return defaultDelay
	}
	return time.Duration(ms) * time.Millisecond
}

func (m *modes) list() obj {
	m.mu.RLock()
	defer m.mu.RUnlock()
	jobs := []setting{}
	for _, s := range m.jobs {
		jobs = append(jobs, s)
	}
	slices.SortFunc(jobs, func(a, b setting) int {
		if a.Job < b.Job {
			return -1
		}
		return 1
	})
	global := m.global
	if global.Modes == nil {
		global.Modes = []string{}
	}
	return obj{"available": posting.Modes, "global": global, "jobs": jobs}
}
