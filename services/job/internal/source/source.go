// Package source reads the listings of job platforms, each in its own form, into
// one: Posting. Adapters take what is there: a field that is missing, of another
// type or unknown is counted in the report and does not fail the run; a posting
// that cannot be used at all is counted as failed, and the others go on.
//
// Shapes: the public APIs that the platforms document for their job boards
// (developers.greenhouse.io/job-board.html, github.com/lever/postings-api,
// developers.ashbyhq.com, help.workable.com, developers.smartrecruiters.com,
// docs.recruitee.com, developer.personio.de) and schema.org/JobPosting.
package source

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jobpilot/jobpilot/services/job/internal/fetch"
)

// Posting is a job as a source lists it: strangers' text, not cleaned yet.
type Posting struct {
	ExternalID string // of the source; never empty
	Title      string
	Company    string // empty: the source's own
	URL        string // for people
	ApplyURL   string // empty: URL
	Page       string // that it was read from, when it has one to itself; for Unchanged
	Places     []Place
	HTML       string // or
	Text       string
	Remote     string // in the source's words, such as "Hybrid"; empty if it does not say
	Employment string // in the source's words
	Seniority  string // in the source's words
	Pay        *Pay
	PayText    string // pay in words, when Pay is nil
	Language   string // as the source says; may be empty
	Posted     time.Time
	Until      time.Time // valid through
}

// Place is where a job is, as far as the source takes it apart.
type Place struct{ Text, City, Region, Country string }

// Pay is a range; an end that is zero is not known.
type Pay struct {
	Min, Max         float64
	Currency, Period string // in the source's words
}

// Board is one listing of a platform.
type Board struct {
	Platform string
	Token    string // of the board on its platform; empty for aggregators
	Name     string // of the company, for platforms that do not tell
	BaseURL  string // of the platform; empty: its public address
}

// Adapter reads the boards of one platform.
type Adapter struct {
	// base is the platform's public address; {token} in it is the board's.
	base string
	// local is the prefix of the platform on the local job site (tools/jobboard).
	local string
	// Window platforms list only their newest jobs: what vanished may be open still.
	Window bool
	// token says that boards have one.
	token bool
}

// adapters by platform. How each is read is in readers.
var adapters = map[string]Adapter{
	"greenhouse":      {base: "https://boards-api.greenhouse.io", local: "/greenhouse/api", token: true},
	"lever":           {base: "https://api.lever.co", local: "/lever/api", token: true},
	"lever-eu":        {base: "https://api.eu.lever.co", local: "/lever-eu/api", token: true},
	"ashby":           {base: "https://api.ashbyhq.com", local: "/ashby/api", token: true},
	"workable":        {base: "https://apply.workable.com", local: "/workable", token: true},
	"smartrecruiters": {base: "https://api.smartrecruiters.com", local: "/smartrecruiters/api", token: true},
	"recruitee":       {base: "https://{token}.recruitee.com", local: "/recruitee/{token}", token: true},
	"personio":        {base: "https://{token}.jobs.personio.de", local: "/personio/{token}", token: true},
	"remoteok":        {base: "https://remoteok.com", local: "/remoteok", Window: true},
	"remotive":        {base: "https://remotive.com", local: "/remotive", Window: true},
	"arbeitnow":       {base: "https://www.arbeitnow.com", local: "/arbeitnow", Window: true},
	"schemaorg":       {base: "{token}", local: "/careers/{token}", token: true},
}

// reader is how a platform is read.
type reader struct {
	// gather reads everything that the board lists.
	gather func(ctx context.Context, r *Run) error
	// one is the URL that answers for one job alone, and is gone with it; nil if there
	// is none.
	one func(r *Run, externalID string) string
}

var readers = map[string]reader{
	"greenhouse":      {greenhouse, greenhouseOne},
	"lever":           {lever, leverOne},
	"lever-eu":        {lever, leverOne},
	"ashby":           {ashby, nil},
	"workable":        {workable, workableOne},
	"smartrecruiters": {smartrecruiters, smartrecruitersOne},
	"recruitee":       {recruitee, nil},
	"personio":        {personio, nil},
	"remoteok":        {remoteok, nil},
	"remotive":        {remotive, nil},
	"arbeitnow":       {arbeitnow, nil},
	"schemaorg":       {schemaorg, nil},
}

// Platforms lists what can be read.
func Platforms() []string {
	names := make([]string, 0, len(adapters))
	for name := range adapters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Of returns the adapter of a platform.
func Of(platform string) (Adapter, bool) { a, ok := adapters[platform]; return a, ok }

// Validate reports what is wrong with a board, for whoever adds it.
func Validate(b Board) error {
	a, ok := adapters[b.Platform]
	switch {
	case !ok:
		return fmt.Errorf("there is no platform %q; choose one of %s", b.Platform, strings.Join(Platforms(), ", "))
	case a.token && b.Token == "":
		return fmt.Errorf("%s needs the token of a board", b.Platform)
	case !a.token && b.Token != "":
		return fmt.Errorf("%s has no tokens; leave it out", b.Platform)
	case b.Platform == "schemaorg" && b.BaseURL == "":
		if u, err := url.Parse(b.Token); err != nil || fetch.CheckURL(u) != nil {
			return fmt.Errorf("the token of schemaorg is the URL of a sitemap, http or https")
		}
	case strings.ContainsAny(b.Token, "/?#@:\\ \t\r\n") && b.Platform != "schemaorg", b.Token == "..", strings.Contains(b.Base(), "{token}."):
		return fmt.Errorf("a token is one word, without the address around it")
	case strings.HasPrefix(a.base, "https://{token}.") && !label(b.Token):
		return fmt.Errorf("a token of %s is part of a host name: letters, digits and hyphens", b.Platform)
	}
	return nil
}

func label(s string) bool {
	return len(s) < 64 && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && !strings.HasPrefix(s, "-")
}

// Base is the address of the board's platform, without a slash at the end.
func (b Board) Base() string {
	a := adapters[b.Platform]
	base := a.base
	if b.BaseURL != "" {
		base = strings.TrimRight(b.BaseURL, "/") + a.local
	}
	token := b.Token
	if b.Platform != "schemaorg" || b.BaseURL != "" {
		token = url.PathEscape(b.Token)
	}
	return strings.TrimRight(strings.ReplaceAll(base, "{token}", token), "/")
}

// Report is what became of a run.
type Report struct {
	Found    int      // postings read
	Failed   int      // postings that could not be used
	Complete bool     // all that the board has was seen
	Problems []string // what was odd, with how often
	// Validators are those of the pages read, to be kept once the run is stored.
	Validators map[string]fetch.Validators
}

// Sink takes what a run reads, as it reads it.
type Sink struct {
	// Posting takes a posting.
	Posting func(ctx context.Context, p Posting) error
	// Unchanged is told of pages that have not changed since the last run: the
	// postings read from them then are still there.
	Unchanged func(ctx context.Context, page string) error
}

// Run is one reading of one board, in the hands of an adapter.
type Run struct {
	Board
	fetcher *fetch.Fetcher
	have    map[string]fetch.Validators
	sink    Sink
	report  Report
	odd     map[string]int
	partial bool   // something was left out
	owner   string // see companyAt
}

// Gather reads a board. have are the validators of the run before. The error is
// of the listing as a whole; fetch.ErrNotModified means that nothing has changed.
func Gather(ctx context.Context, f *fetch.Fetcher, b Board, have map[string]fetch.Validators, sink Sink) (Report, error) {
	a, ok := adapters[b.Platform]
	if !ok {
		return Report{}, fmt.Errorf("source: no adapter for %q", b.Platform)
	}
	r := &Run{Board: b, fetcher: f, have: have, sink: sink, odd: map[string]int{}}
	r.report.Validators = map[string]fetch.Validators{}
	err := readers[b.Platform].gather(ctx, r)
	r.report.Complete = err == nil && !a.Window && !r.partial
	for what, n := range r.odd {
		r.report.Problems = append(r.report.Problems, fmt.Sprintf("%s (%d)", what, n))
	}
	sort.Strings(r.report.Problems)
	if len(r.report.Problems) > maxProblems {
		r.report.Problems = append(r.report.Problems[:maxProblems-1], "and more")
	}
	return r.report, err
}

const (
	maxProblems = 100
	maxPostings = 20000 // of a board; what is beyond is left out
	maxPages    = 400   // of a listing
)

// page fetches a URL. One that is conditional is asked for only if it changed.
func (r *Run) page(ctx context.Context, u string, conditional bool) (*fetch.Page, error) {
	var have fetch.Validators
	if conditional {
		have = r.have[u]
	}
	p, err := r.fetcher.Get(ctx, u, have)
	if err == nil && conditional && p.Validators != (fetch.Validators{}) {
		r.report.Validators[u] = p.Validators
	}
	if err != nil && conditional {
		if v, ok := r.have[u]; ok { // still good for the next run
			r.report.Validators[u] = v
		}
	}
	return p, err
}

// problem notes something odd; the same is counted.
func (r *Run) problem(format string, args ...any) {
	what := clip(fmt.Sprintf(format, args...), 300)
	if _, known := r.odd[what]; known || len(r.odd) < 10*maxProblems {
		r.odd[what]++
	}
}

// emit passes a posting on, if it can be used.
func (r *Run) emit(ctx context.Context, p Posting) error {
	r.report.Found++
	switch {
	case r.report.Found > maxPostings:
		r.partial = true
		r.problem("more than %d postings; the rest is left out", maxPostings)
		return nil
	case p.ExternalID == "" || len(p.ExternalID) > 500:
		r.partial = true // whose place in the listing cannot be told
		fallthrough
	case strings.TrimSpace(p.Title) == "", !webURL(p.URL):
		r.report.Failed++
		r.problem("a posting without a usable id, title or URL")
		return nil
	}
	if strings.TrimSpace(p.Company) == "" && adapters[r.Platform].token && r.Platform != "schemaorg" {
		p.Company = firstText(r.Name, spoken(r.Token)) // a board is of one company
	}
	if p.ApplyURL != "" && !webURL(p.ApplyURL) {
		r.problem("an apply URL that is none")
		p.ApplyURL = ""
	}
	return r.sink.Posting(ctx, p)
}

// companyAt is the company of a board whose API does not name it: what whoever
// added the board says, the title of the board's page, which is above that of the
// posting at u, or else the token, as words.
func (r *Run) companyAt(ctx context.Context, u string) string {
	if r.Name != "" || r.owner != "" {
		return firstText(r.Name, r.owner)
	}
	at, err := url.Parse(u)
	if err != nil || !webURL(u) {
		return ""
	}
	r.owner = spoken(r.Token)
	page, err := r.page(ctx, at.ResolveReference(&url.URL{Path: strings.TrimSuffix(path.Dir(at.Path), "/")}).String(), false)
	if err != nil {
		r.problem("the board's page, for the company's name, cannot be read: %v", err)
		return r.owner
	}
	r.owner = firstText(ownerIn(page.Body), r.owner)
	return r.owner
}

var (
	pageTitle = regexp.MustCompile(`(?is)<title[^>]*>([^<]{1,300})</title>`)
	// titleParts are what titles of boards say beside the company's name.
	titleParts = regexp.MustCompile(`(?i)^(?:(?:open )?(?:jobs|positions|careers|roles) (?:at|with)|careers?:|work at|join) |[ ]+(?:[-–—|:]\s*)?(?:jobs|careers?|job board|job openings|open (?:positions|roles))$`)
	notAName   = regexp.MustCompile(`(?i)^(?:jobs?|careers?|lever|ashby|home|job board|job openings|open (?:positions|roles)|not found|error.*|404.*|.*not found|just a moment.*|attention required.*)?$`)
)

// ownerIn is the company that the title of a board's page names: "Acme", "Acme
// Jobs", "Jobs at Acme". Empty if it names none.
func ownerIn(page []byte) string {
	m := pageTitle.FindSubmatch(page[:min(len(page), 256<<10)])
	if m == nil {
		return ""
	}
	name := strings.Join(strings.Fields(html.UnescapeString(string(m[1]))), " ")
	name = strings.TrimSpace(titleParts.ReplaceAllString(name, ""))
	if notAName.MatchString(name) || len(name) > 120 {
		return ""
	}
	return name
}

// spoken makes a name of a token: "acme-labs" is "Acme Labs".
func spoken(token string) string {
	words := strings.FieldsFunc(token, func(c rune) bool { return c == '-' || c == '_' || c == '.' || c == ' ' })
	for i, w := range words {
		first, n := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(first)) + w[n:]
	}
	return strings.Join(words, " ")
}

func firstText(list ...string) string {
	for _, s := range list {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 2000 && fetch.CheckURL(u) == nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
