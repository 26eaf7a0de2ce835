package match

import (
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// Resume is what is known of a person who looks for work.
type Resume struct {
	Titles    []string // newest first
	Skills    []Skill
	Text      string // summary, experiences and projects, in reading order
	Education Education
	Languages []string // BCP 47
	// Seniority, when Unstated, is taken from the newest title, else from Years.
	Seniority taxonomy.Seniority
	Years     float64 // of work; 0 is unknown
	Country   string  // of residence, ISO 3166-1 alpha-2
	Wishes    Wishes
}

// Skill is an entry of a resume's list of skills.
type Skill struct {
	Name  string
	Years float64 // 0 is unknown
}

// Education is a level of education.
type Education byte

// The levels, in order; zero is unknown.
const (
	School Education = iota + 1
	Vocational
	Bachelor
	Master
	Doctorate
)

// Wishes are the hard ones: a posting that breaks one is not shown.
type Wishes struct {
	// Permits are the countries in which the person may work. Empty: not asked.
	Permits []string
	// Pay is the least that is acceptable. Zero amount: not asked.
	Pay Money
	// Areas are acceptable places. Empty: all.
	Areas []Area
	// Remote says whether working from home does where Areas does not.
	Remote bool
	// RemoteOnly refuses everything else.
	RemoteOnly bool
	// Blocked are companies that are never shown.
	Blocked []string
}

// Area is a country, a town in it, or all within Radius kilometres of a point.
type Area struct {
	Country  string // ISO 3166-1 alpha-2
	City     string // empty: all of the country
	Lat, Lon float64
	Radius   float64 // kilometres; 0: City or Country decides
}

// Period is what an amount of pay is for.
type Period byte

// The periods; the zero value is a year.
const (
	Year Period = iota
	Month
	Week
	Day
	Hour
)

// Money is an amount of pay for a period of full-time work.
type Money struct {
	Amount   float64
	Currency string // ISO 4217
	Period   Period
}

// year is the amount for a year: 12 months, 52 weeks, 260 days, 2,080 hours.
func (m Money) year() float64 {
	return m.Amount * [...]float64{1, 12, 52, 260, 2080}[min(m.Period, Hour)]
}

// Workplace is where the work of a posting is done.
type Workplace byte

// The kinds of workplaces.
const (
	WorkplaceUnknown Workplace = iota
	OnSite
	Hybrid
	Remote
)

// Place is where a posting is.
type Place struct {
	Country  string // ISO 3166-1 alpha-2
	City     string
	Lat, Lon float64 // both 0: unknown
}

// Answer is yes, no or unknown.
type Answer byte

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)

// Posting is a job as it is advertised.
type Posting struct {
	ID          string
	Title       string
	Company     string
	Description string // plain text
	Required    []string
	Optional    []string
	Places      []Place
	Workplace   Workplace
	RemoteIn    []string // countries a remote job is open to; empty: all
	Seniority   taxonomy.Seniority
	Low, High   Money  // the range of pay; zero amounts: not stated
	Language    string // of the text, BCP 47
	Languages   []string
	Education   Education // the least that is asked; zero: none
	// Sponsors says whether the company gets visas for people; Unknown looks for
	// it in the description.
	Sponsors Answer
}

// Quote is a piece of one of the two texts.
type Quote struct {
	Field      string // as "text", "skills[3]", "titles[0]"; of a posting "title", "description", "required[0]"
	Start, End int    // bytes of the field
	Text       string // the field's bytes Start to End
	Context    string // the sentence or line around
}

// Reason is why a pair fits: what the resume says and what the posting asks.
type Reason struct {
	Kind    ReasonKind
	Skill   taxonomy.Ref // of skills
	Has     taxonomy.Ref // what the resume has for it, the same or another skill
	Years   float64      // of Has, 0 unknown
	Resume  Quote
	Posting Quote
	Weight  float64 // share of the score, 0 to 1
}

// ReasonKind is what a reason is about.
type ReasonKind string

// The kinds of reasons.
const (
	SameSkill    ReasonKind = "skill"
	ImpliedSkill ReasonKind = "impliedSkill"
	CloseSkill   ReasonKind = "closeSkill"
	SameTitle    ReasonKind = "title"
	SameLevel    ReasonKind = "seniority"
)

// Gap is a skill that a posting asks for and a resume does not show.
type Gap struct {
	Skill    taxonomy.Ref
	Required bool
	Posting  Quote
	Close    []taxonomy.Ref // what the resume has that comes close
}

// Rule names a hard wish.
type Rule string

// The rules.
const (
	RuleVisa    Rule = "visa"
	RulePay     Rule = "pay"
	RulePlace   Rule = "place"
	RuleCompany Rule = "blockedCompany"
)

// Rejection is a hard wish that a posting breaks.
type Rejection struct {
	Rule   Rule
	Detail string // one sentence, with the values of both sides
}

// Parts are what a score is made of, each 0 to 1; −1 where it cannot be known.
type Parts struct {
	Skills, Title, Text, Level float64
}

// Result is a posting that was found.
type Result struct {
	ID    string
	Score int // 0 to 100
	Parts Parts
	Has   []taxonomy.Ref // skills of the posting that the resume has or implies
	Lacks []taxonomy.Ref // the others, required ones first
}

// Explanation is everything about one pair.
type Explanation struct {
	Score    int         // 0 to 100; without meaning when there are Rejected
	Rejected []Rejection // hard wishes that do not hold
	Parts    Parts
	Reasons  []Reason // weightiest first
	Missing  []Gap    // required ones first
	Notes    []string // what a person should know: pay not stated, language, education
}
