// Package jsonresume is the JSON Resume 1.0.0 model (jsonresume.org/schema) and
// what can be done with one without knowing whose it is: taking it apart into
// sections, merge patches, differences, and reading and setting single texts.
package jsonresume

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Resume is a resume. Its limits are those of the contract, which checks it
// where it comes in.
type Resume struct {
	Basics       *Basics       `json:"basics,omitempty"`
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

// Basics is who the resume is of.
type Basics struct {
	Name     string    `json:"name,omitempty"`
	Label    string    `json:"label,omitempty"`
	Image    string    `json:"image,omitempty"`
	Email    string    `json:"email,omitempty"`
	Phone    string    `json:"phone,omitempty"`
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

// Profile is an account with a network such as LinkedIn.
type Profile struct {
	Network  string `json:"network,omitempty"`
	Username string `json:"username,omitempty"`
	URL      string `json:"url,omitempty"`
}

// Work is a position. Dates are as much of an ISO 8601 date as is known; an end
// that is absent lies ahead.
type Work struct {
	Name       string   `json:"name,omitempty"` // of the employer
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

// Education is a course of study.
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

// Award is an honour.
type Award struct {
	Title   string `json:"title,omitempty"`
	Date    string `json:"date,omitempty"`
	Awarder string `json:"awarder,omitempty"`
	Summary string `json:"summary,omitempty"`
}

// Certificate attests a skill.
type Certificate struct {
	Name   string `json:"name,omitempty"`
	Date   string `json:"date,omitempty"`
	Issuer string `json:"issuer,omitempty"`
	URL    string `json:"url,omitempty"`
}

// Publication is a paper, a book, an article.
type Publication struct {
	Name        string `json:"name,omitempty"`
	Publisher   string `json:"publisher,omitempty"`
	ReleaseDate string `json:"releaseDate,omitempty"`
	URL         string `json:"url,omitempty"`
	Summary     string `json:"summary,omitempty"`
}

// Skill is a skill, or a group of them with the single ones as keywords.
type Skill struct {
	Name     string   `json:"name,omitempty"`
	Level    string   `json:"level,omitempty"`
	Keywords []string `json:"keywords,omitempty"`
}

// Language is a language that someone speaks.
type Language struct {
	Language string `json:"language,omitempty"`
	Fluency  string `json:"fluency,omitempty"`
}

// Interest is what someone likes to do.
type Interest struct {
	Name     string   `json:"name,omitempty"`
	Keywords []string `json:"keywords,omitempty"`
}

// Reference is what someone else says.
type Reference struct {
	Name      string `json:"name,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// Project is a piece of work of one's own.
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
	Type        string   `json:"type,omitempty"`
}

// Sections are the names of the sections in the order that most resumes have.
var Sections = []string{
	"basics", "work", "education", "skills", "projects", "certificates", "publications", "awards", "languages", "volunteer", "interests", "references",
}

// IsSection reports whether name is the name of a section.
func IsSection(name string) bool { return slices.Contains(Sections, name) }

// Split takes a resume apart into its sections, each as JSON; empty ones are
// left out.
func Split(r Resume) (map[string]json.RawMessage, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("jsonresume: %w", err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, fmt.Errorf("jsonresume: %w", err)
	}
	if string(parts["basics"]) == "{}" {
		delete(parts, "basics")
	}
	return parts, nil
}

// Join is the inverse of Split.
func Join(parts map[string]json.RawMessage) (r Resume, err error) {
	raw, err := json.Marshal(parts)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		err = fmt.Errorf("jsonresume: %w", err)
	}
	return r, err
}

// Entries is how many entries a section has; of basics 1 or 0.
func (r *Resume) Entries(section string) int {
	f := r.field(section)
	switch {
	case !f.IsValid(), f.Kind() == reflect.Pointer && f.IsNil():
		return 0
	case f.Kind() == reflect.Pointer:
		return 1
	}
	return f.Len()
}

// Only is a resume with the section alone.
func (r *Resume) Only(section string) (out Resume) {
	out.Set(section, r)
	return out
}

// Set makes the section what it is in other.
func (r *Resume) Set(section string, other *Resume) {
	if f := r.field(section); f.IsValid() {
		f.Set(other.field(section))
	}
}

// Clear empties the section.
func (r *Resume) Clear(section string) {
	if f := r.field(section); f.IsValid() {
		f.SetZero()
	}
}

var fields = func() map[string]int {
	m := map[string]int{}
	for i, t := 0, reflect.TypeFor[Resume](); i < t.NumField(); i++ {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		m[name] = i
	}
	return m
}()

func (r *Resume) field(section string) reflect.Value {
	i, ok := fields[section]
	if !ok {
		return reflect.Value{}
	}
	return reflect.ValueOf(r).Elem().Field(i)
}

// Tree is the resume as plain JSON values: what patches and pointers work on.
func (r Resume) Tree() (map[string]any, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("jsonresume: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("jsonresume: %w", err)
	}
	return tree, nil
}

// FromTree is the inverse of Tree. The tree was checked against the contract.
func FromTree(tree map[string]any) (r Resume, err error) {
	raw, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return Resume{}, fmt.Errorf("jsonresume: %w", err)
	}
	if r.Basics != nil && reflect.ValueOf(*r.Basics).IsZero() {
		r.Basics = nil
	}
	return r, nil
}
