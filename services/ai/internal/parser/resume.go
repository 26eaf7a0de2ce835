// Package parser turns a document into a resume in the shape of JSON Resume
// 1.0.0, and says for every value where it stands and how sure it is.
//
// It works in four steps, each on what the one before found:
//
//  1. rows: printed lines become sentences again, each with its typography;
//  2. sections: headings are words that a section is called by in one of seven
//     languages, set the way this document sets its headings;
//  3. entries: in a section of jobs or schools the dates are the anchors, and
//     where an entry begins relative to its date is decided for all of them at
//     once, since a document keeps to one layout;
//  4. fields: which part of an entry is the title and which the company is
//     decided likewise, by what the words mean in all entries together.
//
// The text of a resume is data. Nothing in it is followed, fetched or executed.
package parser

// Resume is a resume in JSON Resume 1.0.0 (https://jsonresume.org/schema). Dates
// are ISO 8601 in the precision of the document: 2019, 2019-05 or 2019-05-01. An
// empty endDate of an entry with a startDate means until now.
type Resume struct {
	Basics       Basics        `json:"basics"`
	Work         []Work        `json:"work,omitempty"`
	Volunteer    []Volunteer   `json:"volunteer,omitempty"`
	Education    []Education   `json:"education,omitempty"`
	Awards       []Award       `json:"awards,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Publications []Publication `json:"publications,omitempty"`
	Skills       []Skill       `json:"skills,omitempty"`
	Languages    []Language    `json:"languages,omitempty"`
	Interests    []Interest    `json:"interests,omitempty"`
	References   []Reference   `json:"references,omitempty"`
	Projects     []Project     `json:"projects,omitempty"`
}

// Basics is who the resume is about.
type Basics struct {
	Name     string    `json:"name,omitempty"`
	Label    string    `json:"label,omitempty"`
	Email    string    `json:"email,omitempty"`
	Phone    string    `json:"phone,omitempty"` // as printed
	URL      string    `json:"url,omitempty"`
	Summary  string    `json:"summary,omitempty"`
	Location *Location `json:"location,omitempty"`
	Profiles []Profile `json:"profiles,omitempty"`
}

// Location is where someone lives.
type Location struct {
	Address     string `json:"address,omitempty"`
	PostalCode  string `json:"postalCode,omitempty"`
	City        string `json:"city,omitempty"`
	CountryCode string `json:"countryCode,omitempty"` // ISO 3166-1 alpha-2
	Region      string `json:"region,omitempty"`
}

// Profile is an account on a network.
type Profile struct {
	Network  string `json:"network,omitempty"`
	Username string `json:"username,omitempty"`
	URL      string `json:"url,omitempty"`
}

// Work is a job.
type Work struct {
	Name       string   `json:"name,omitempty"` // of the company
	Position   string   `json:"position,omitempty"`
	Location   string   `json:"location,omitempty"`
	URL        string   `json:"url,omitempty"`
	StartDate  string   `json:"startDate,omitempty"`
	EndDate    string   `json:"endDate,omitempty"`
	Summary    string   `json:"summary,omitempty"`
	Highlights []string `json:"highlights,omitempty"`
}

// Volunteer is unpaid work.
type Volunteer struct {
	Organization string   `json:"organization,omitempty"`
	Position     string   `json:"position,omitempty"`
	URL          string   `json:"url,omitempty"`
	StartDate    string   `json:"startDate,omitempty"`
	EndDate      string   `json:"endDate,omitempty"`
	Summary      string   `json:"summary,omitempty"`
	Highlights   []string `json:"highlights,omitempty"`
}

// Education is a school or a course of study.
type Education struct {
	Institution string   `json:"institution,omitempty"`
	URL         string   `json:"url,omitempty"`
	Area        string   `json:"area,omitempty"`
	StudyType   string   `json:"studyType,omitempty"`
	StartDate   string   `json:"startDate,omitempty"`
	EndDate     string   `json:"endDate,omitempty"`
	Score       string   `json:"score,omitempty"`
	Courses     []string `json:"courses,omitempty"`
}

// Award is a prize or an honour.
type Award struct {
	Title   string `json:"title,omitempty"`
	Date    string `json:"date,omitempty"`
	Awarder string `json:"awarder,omitempty"`
	Summary string `json:"summary,omitempty"`
}

// Certificate is a certificate or a licence.
type Certificate struct {
	Name   string `json:"name,omitempty"`
	Date   string `json:"date,omitempty"`
	Issuer string `json:"issuer,omitempty"`
	URL    string `json:"url,omitempty"`
}

// Publication is a text published.
type Publication struct {
	Name        string `json:"name,omitempty"`
	Publisher   string `json:"publisher,omitempty"`
	ReleaseDate string `json:"releaseDate,omitempty"`
	URL         string `json:"url,omitempty"`
	Summary     string `json:"summary,omitempty"`
}

// Skill is one skill, or a group named Name whose skills are the keywords.
type Skill struct {
	Name     string   `json:"name,omitempty"`
	Level    string   `json:"level,omitempty"`
	Keywords []string `json:"keywords,omitempty"`
}

// Language is a language and how well it is spoken.
type Language struct {
	Language string `json:"language,omitempty"`
	Fluency  string `json:"fluency,omitempty"`
}

// Interest is a hobby or a field of interest.
type Interest struct {
	Name     string   `json:"name,omitempty"`
	Keywords []string `json:"keywords,omitempty"`
}

// Reference is what someone says, or who can be asked.
type Reference struct {
	Name      string `json:"name,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// Project is a project outside or inside a job.
type Project struct {
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Highlights  []string `json:"highlights,omitempty"`
	Keywords    []string `json:"keywords,omitempty"`
	StartDate   string   `json:"startDate,omitempty"`
	EndDate     string   `json:"endDate,omitempty"`
	URL         string   `json:"url,omitempty"`
	Roles       []string `json:"roles,omitempty"`
	Entity      string   `json:"entity,omitempty"`
}

// Source says where a value was read.
type Source struct {
	Page int    `json:"page"` // from 1
	Line int    `json:"line"` // of the page's lines, from 0
	Text string `json:"text"` // the words of the document it was read from
	// Confidence is how likely the value is right, 0 to 1: .9 and above needs no
	// second look, under .5 is a guess.
	Confidence float64 `json:"confidence"`
}

// Warning tells what may be wrong with the result as a whole.
type Warning struct {
	Code    string `json:"code"`           // stable, snake_case
	Page    int    `json:"page,omitempty"` // from 1; 0 for the whole document
	Message string `json:"message"`
}

// Result is a resume with its sources, by JSON Pointer into it: "/basics/name",
// "/work/0/position".
type Result struct {
	Resume   Resume            `json:"resume"`
	Sources  map[string]Source `json:"sources"`
	Warnings []Warning         `json:"warnings,omitempty"`
}
