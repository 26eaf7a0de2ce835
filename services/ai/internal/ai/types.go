package ai

import (
	"strings"

	"github.com/jobpilot/jobpilot/services/ai/internal/parser"
)

// Resume is a resume in JSON Resume 1.0.0.
type Resume = parser.Resume

// Posting is a job posting as far as it is known.
type Posting struct {
	ID             string         `json:"id,omitempty"`
	Title          string         `json:"title"`
	CompanyName    string         `json:"companyName,omitempty"`
	Description    string         `json:"description,omitempty"` // text or HTML
	Location       *Place         `json:"location,omitempty"`
	Remote         string         `json:"remote,omitempty"`         // onsite, hybrid, remote
	EmploymentType string         `json:"employmentType,omitempty"` // full_time, …
	Seniority      string         `json:"seniority,omitempty"`      // intern … executive
	Salary         *PayRange      `json:"salary,omitempty"`
	Skills         []PostingSkill `json:"skills,omitempty"`
}

// PostingSkill is a skill that a posting names.
type PostingSkill struct {
	Name        string `json:"name"`
	Requirement string `json:"requirement,omitempty"` // required, nice_to_have, mentioned
}

// Place is where a job is.
type Place struct {
	City        string `json:"city,omitempty"`
	Region      string `json:"region,omitempty"`
	CountryCode string `json:"countryCode,omitempty"` // ISO 3166-1 alpha-2
}

// Pay is an amount for a period.
type Pay struct {
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"` // ISO 4217
	Period   string  `json:"period"`   // hour, day, week, month, year
}

// PayRange is what a posting offers; zero is not stated.
type PayRange struct {
	Min      float64 `json:"min,omitempty"`
	Max      float64 `json:"max,omitempty"`
	Currency string  `json:"currency"`
	Period   string  `json:"period"`
}

// EngineUse says which engine answered.
type EngineUse struct {
	Name       string       `json:"name"`
	Model      string       `json:"model"`
	Cached     bool         `json:"cached"`
	PassedOver []PassedOver `json:"passedOver,omitempty"`
}

// PassedOver is an engine asked before the one that answered.
type PassedOver struct {
	Name   string `json:"name"`
	Reason string `json:"reason"` // budget_exhausted, circuit_open, failed, refused
}

// Warning tells what may be wrong with an answer as a whole.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Page    int    `json:"page,omitempty"`
	Pointer string `json:"pointer,omitempty"`
}

// Source is a passage that a statement rests on: a quote, word for word, of the
// value at a JSON Pointer into a document of the request.
type Source struct {
	Document string `json:"document"` // resume, job, profile, answers
	Pointer  string `json:"pointer"`
	Quote    string `json:"quote"`
	Start    *int   `json:"start,omitempty"` // in Unicode code points
	End      *int   `json:"end,omitempty"`
}

// Fact is something the applicant has said outside the resume.
type Fact struct {
	Key      string `json:"key"`
	Question string `json:"question,omitempty"`
	Value    string `json:"value"`
}

// OptimizeRequest asks for suggestions; the posting may be absent.
type OptimizeRequest struct {
	Resume   *Resume  `json:"resume"`
	Job      *Posting `json:"job"`
	Language string   `json:"language"`
}

// Suggestion is a change to a resume.
type Suggestion struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Severity  string   `json:"severity"` // major, minor, hint
	Pointer   string   `json:"pointer"`
	Operation string   `json:"operation"` // replace, add, remove, advise
	Before    string   `json:"before,omitempty"`
	After     string   `json:"after,omitempty"`
	Reason    string   `json:"reason"`
	Sources   []Source `json:"sources"`
}

// LetterRequest asks for a cover letter.
type LetterRequest struct {
	Resume    *Resume  `json:"resume"`
	Job       *Posting `json:"job"`
	Language  string   `json:"language"` // en, de
	Tone      string   `json:"tone"`     // formal, neutral, warm
	Length    string   `json:"length"`   // short, medium, long
	Recipient string   `json:"recipient"`
	Seed      int64    `json:"seed"`
}

// Letter is a cover letter, sentence by sentence.
type Letter struct {
	Paragraphs []Paragraph `json:"paragraphs"`
	Dropped    int         `json:"dropped"` // sentences that claimed what the texts do not say
}

// Text is the letter as it is sent: sentences joined, paragraphs with an empty
// line between.
func (l *Letter) Text() string {
	paragraphs := make([]string, len(l.Paragraphs))
	for i, p := range l.Paragraphs {
		list := make([]string, len(p.Sentences))
		for j, s := range p.Sentences {
			list[j] = s.Text
		}
		paragraphs[i] = strings.Join(list, " ")
	}
	return strings.Join(paragraphs, "\n\n")
}

// Paragraph is a part of a letter.
type Paragraph struct {
	Sentences []Sentence `json:"sentences"`
}

// Sentence is a sentence and what it rests on; nothing for phrases that state
// nothing.
type Sentence struct {
	Text    string   `json:"text"`
	Sources []Source `json:"sources"`
}

// QuestionsRequest asks for interview questions; the resume may be absent.
type QuestionsRequest struct {
	Resume   *Resume  `json:"resume"`
	Job      *Posting `json:"job"`
	Count    int      `json:"count"`
	Kinds    []string `json:"kinds"`
	Language string   `json:"language"`
	Seed     int64    `json:"seed"`
}

// Question is a question of an interview.
type Question struct {
	ID         string   `json:"id"`
	Kind       string   `json:"kind"` // technical, behavioural, situational, resume
	Question   string   `json:"question"`
	Skill      string   `json:"skill,omitempty"`
	Level      string   `json:"level,omitempty"`
	Why        string   `json:"why"`
	GoodAnswer []string `json:"goodAnswer"`
	Sources    []Source `json:"sources"`
}

// ExtractRequest asks for the fields of a posting's text.
type ExtractRequest struct {
	Text        string `json:"text"`
	Format      string `json:"format"` // text, html
	Title       string `json:"title"`
	CompanyName string `json:"companyName"`
}

// ExtractedJob is what a posting's text says. Text is what was read, without
// markup; sources point into it.
type ExtractedJob struct {
	Text            string               `json:"text"`
	Language        string               `json:"language,omitempty"`
	Title           *Extracted[string]   `json:"title,omitempty"`
	CompanyName     *Extracted[string]   `json:"companyName,omitempty"`
	Skills          []ExtractedSkill     `json:"skills"`
	Seniority       *Extracted[string]   `json:"seniority,omitempty"`
	EmploymentType  *Extracted[string]   `json:"employmentType,omitempty"`
	Remote          *Extracted[string]   `json:"remote,omitempty"`
	Salary          *Extracted[PayRange] `json:"salary,omitempty"`
	Languages       []ExtractedLanguage  `json:"languages"`
	VisaSponsorship *Extracted[bool]     `json:"visaSponsorship,omitempty"`
	ExperienceYears *ExtractedYears      `json:"experienceYears,omitempty"`
	Education       *Extracted[string]   `json:"education,omitempty"`
	Benefits        []Extracted[string]  `json:"benefits"`
}

// Extracted is a value and the passage it was read from; nil when the caller
// knew it.
type Extracted[T any] struct {
	Value  T       `json:"value"`
	Source *Source `json:"source,omitempty"`
}

// ExtractedSkill is a skill that a posting asks for.
type ExtractedSkill struct {
	Name        string `json:"name"`
	Requirement string `json:"requirement"`
	Source      Source `json:"source"`
}

// ExtractedLanguage is a human language that a posting asks for.
type ExtractedLanguage struct {
	Language    string `json:"language"` // BCP 47
	Level       string `json:"level,omitempty"`
	Requirement string `json:"requirement"`
	Source      Source `json:"source"`
}

// ExtractedYears is how long an applicant should have worked.
type ExtractedYears struct {
	Min    float64 `json:"min"`
	Max    float64 `json:"max,omitempty"`
	Source Source  `json:"source"`
}

// AnswerRequest asks for the answer to a question of a form.
type AnswerRequest struct {
	Question  string   `json:"question"`
	Options   []string `json:"options"`
	Multiple  bool     `json:"multiple"`
	MaxLength int      `json:"maxLength"` // in code points; 0: no limit
	Language  string   `json:"language"`
	Resume    *Resume  `json:"resume"`
	Job       *Posting `json:"job"`
	Profile   []Fact   `json:"profile"`
	Answers   []Fact   `json:"answers"`
}

// FormAnswer is the answer to a question of a form; nil where nothing that was
// given answers it.
type FormAnswer struct {
	Answer     *string  `json:"answer"`
	Selected   []string `json:"selected,omitempty"`
	Confidence float64  `json:"confidence"`
	Kind       string   `json:"kind"`
	Reason     string   `json:"reason"`
	Sources    []Source `json:"sources"`
}
