package autoapply

import (
	"slices"
	"strings"
	"time"
)

// Settings are how a user wants applications to be sent.
type Settings struct {
	ReviewBeforeSending  bool    `json:"reviewBeforeSending"`
	MaxPerDay            int     `json:"maxPerDay"`
	MaxPerCompany        int     `json:"maxPerCompany"` // in companyWindow
	MaxPerPlatformPerDay int     `json:"maxPerPlatformPerDay"`
	MinScore             float64 `json:"minScore"`
	Hours                *Hours  `json:"hours,omitempty"`
	CoverLetter          string  `json:"coverLetter"`
}

// When a cover letter is written for those who gave none.
const (
	LetterNever        = "never"
	LetterWhenRequired = "when_required"
	LetterAlways       = "always"
)

// Defaults hold until a user says otherwise.
func Defaults() Settings {
	return Settings{ReviewBeforeSending: true, MaxPerDay: 10, MaxPerCompany: 1, MaxPerPlatformPerDay: 10, MinScore: 0.5, CoverLetter: LetterWhenRequired}
}

// Hours are when runs may send.
type Hours struct {
	From     int    `json:"from"`     // first hour
	To       int    `json:"to"`       // exclusive; up to From is over midnight
	TimeZone string `json:"timeZone"` // IANA
	Days     []int  `json:"days"`     // 1 is Monday (ISO 8601); of the hour that a night begins in
}

// Open reports whether now is within the hours. A zone that is not known is UTC.
func (h *Hours) Open(now time.Time) bool {
	if h == nil {
		return true
	}
	local := now.In(h.zone())
	hour, day := local.Hour(), local
	switch {
	case h.From < h.To:
		if hour < h.From || hour >= h.To {
			return false
		}
	case hour < h.To: // after midnight: the night began the day before
		day = local.AddDate(0, 0, -1)
	case hour < h.From:
		return false
	}
	return slices.Contains(h.Days, (int(day.Weekday())+6)%7+1)
}

func (h *Hours) zone() *time.Location {
	if h != nil {
		if zone, err := time.LoadLocation(h.TimeZone); err == nil {
			return zone
		}
	}
	return time.UTC
}

// companyWindow is what MaxPerCompany counts in.
const companyWindow = 30 * 24 * time.Hour

// Today is when the day that the caps count began.
func (s Settings) Today(now time.Time) time.Time {
	y, m, d := now.In(s.Hours.zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, s.Hours.zone()).UTC()
}

// Candidate is a job that may be applied to.
type Candidate struct {
	Company, Platform string
	Score             float64
}

// Usage is what counts against the caps.
type Usage struct {
	Today    int
	Platform map[string]int // today
	Company  map[string]int // in companyWindow, by folded name
}

// Add counts one more application.
func (u *Usage) Add(c Candidate) {
	u.Today++
	u.Platform[c.Platform]++
	u.Company[company(c.Company)]++
}

func company(name string) string { return strings.Join(strings.Fields(strings.ToLower(name)), " ") }

// Reasons of Policy.Check.
const (
	BelowMinScore = "below_min_score"
	DayCap        = "day_cap"
	CompanyCap    = "company_cap"
	PlatformCap   = "platform_cap"
)

// Policy is everything that limits applications.
type Policy struct {
	Settings
	Entitled int // applications a day of the user's plan
}

// PerDay is the lower of what the user wants and what the plan has.
func (p Policy) PerDay() int { return min(p.MaxPerDay, p.Entitled) }

// Check says why one more application is not allowed; empty: it is. The least score
// binds only what a run chose.
func (p Policy) Check(c Candidate, u Usage, chosenByRun bool) string {
	switch {
	case chosenByRun && c.Score < p.MinScore:
		return BelowMinScore
	case u.Today >= p.PerDay():
		return DayCap
	case u.Company[company(c.Company)] >= p.MaxPerCompany:
		return CompanyCap
	case u.Platform[c.Platform] >= p.MaxPerPlatformPerDay:
		return PlatformCap
	}
	return ""
}
