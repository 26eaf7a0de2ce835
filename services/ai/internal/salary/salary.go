// Package salary estimates what a job pays: the median of what people in such a
// job report and an interval that holds four of five of them, with what the
// estimate rests on and how far it is off.
//
// The model is gradient boosting on quantiles (Friedman 2001) with an interval
// made honest by what it missed on rows left out (conformalised quantile
// regression: Romano, Patterson & Candès 2019,
// https://arxiv.org/abs/1905.03222). tools/data/salary trains it on the survey of
// ai-jobs.net (CC0), 36,896 reported salaries of 2020 to 2025, and measures it on
// a fifth of them that it never saw; [Measured] has the result, which comes with
// each estimate.
//
// What it does not know it does not say. The survey is of jobs with data, AI and
// software, nine tenths of them in the United States: a title that has nothing to
// do with these is refused, and an estimate tells how many rows support it.
// Amounts are US dollars a year; another currency is given only at a rate that
// the caller brings.
package salary

import (
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed" // the model
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

//go:embed data/model.json.gz
var file []byte

// Errors of [Model.Estimate].
var (
	ErrTitle = errs.New(errs.Unprocessable, "salary_title_unknown",
		"There is no salary data for this title: the survey covers jobs with data, AI and software. Try a more common title of that kind.")
	ErrCountry = errs.New(errs.Unprocessable, "salary_country_missing",
		"Name the country of the company as an ISO 3166-1 alpha-2 code, such as DE.")
	ErrRate = errs.New(errs.Unprocessable, "salary_rate_invalid",
		"The rate has to be a positive number of units of a currency for one US dollar, with the currency's ISO 4217 code.")
)

// Employment is a kind of employment.
type Employment byte

// The kinds; the zero value is full time.
const (
	FullTime Employment = iota
	Contract
	PartTime
	Freelance
)

// Size is the size of a company.
type Size byte

// The sizes: under 50 people, 50 to 250, more. The zero value is unknown, which
// the survey mostly has as Medium.
const (
	SizeUnknown Size = iota
	Small
	Medium
	Large
)

// Question is the job whose pay is asked for.
type Question struct {
	Title string
	// Seniority, when Unstated, is that of the title, else Middle.
	Seniority  taxonomy.Seniority
	Employment Employment
	Company    string // country of the company, ISO 3166-1 alpha-2
	Residence  string // country of the person; empty: that of the company
	Remote     int    // per cent of the work done from home
	Size       Size
	Year       int // 0 and later than the survey: its last year
}

// Rate is the price of a US dollar in another currency.
type Rate struct {
	Currency string // ISO 4217
	PerUSD   float64
}

// Range is pay for a year of the employment asked for, rounded to three digits.
type Range struct {
	Currency          string // ISO 4217
	Low, Median, High float64
}

// Support is how many rows of the survey the model learned from are like the
// question.
type Support struct {
	Exact   int // same title, level and country of the company
	Title   int // same title and level, anywhere
	Country int // same country, any title
}

// Measured is how far the model is off on rows it has not seen.
type Measured struct {
	Rows     int     // measured on
	Error    float64 // mean absolute error, USD a year
	Baseline float64 // that of the median by title and level
	Covered  float64 // share of rows that the interval held
}

// Estimate is the answer.
type Estimate struct {
	USD      Range
	Local    *Range   // at the rate that was given; nil without one
	Interval float64  // the share of such jobs that the range is to hold: .8
	Title    string   // of the survey that was taken for the question's
	Level    string   // "entry", "middle", "senior" or "executive", as taken
	Support  Support  // rows like the question
	Measured Measured // on rows in the same part of the world: the United States or elsewhere
}

// forest and tree are those of tools/data/salary: node i of a tree goes left,
// to Left[i], when the feature is at most the threshold, else to the next; a
// leaf has feature −1 and its value as threshold.
type forest struct {
	Start float64
	Trees []struct {
		Feature   []int8
		Threshold []float32
		Left      []int16
	}
}

func (f *forest) predict(x []float32) float64 {
	y := f.Start
	for k := range f.Trees {
		t := &f.Trees[k]
		i := 0
		for t.Feature[i] >= 0 {
			next := int(t.Left[i])
			if x[t.Feature[i]] > t.Threshold[i] {
				next++
			}
			i = next
		}
		y += float64(t.Threshold[i])
	}
	return y
}

// Model is the trained model. [Load] returns it; it is safe for concurrent use.
type Model struct {
	Encoding         encoding
	Low, Mid, High   forest
	Widen            [2]float64
	Support          map[string]int // by "title|level|country"
	FirstYear, Years int
	Measured         struct{ All, Home, Abroad Measured }

	tax     *taxonomy.Taxonomy
	titles  []string                // of the survey, those with most rows first
	byName  map[string]string       // lower case → as in the survey
	byJob   map[taxonomy.Ref]string // the most frequent title of an occupation
	nearest *embedding.Index        // by place in titles
	counts  map[string]int          // rows by title, "title|level" and "||country"
}

// Load returns the model. It is unpacked on the first call, which takes some
// 20 ms and a megabyte of heap.
func Load() *Model { return load() }

var load = sync.OnceValue(func() *Model {
	m := &Model{tax: taxonomy.Load()}
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err == nil {
		err = json.NewDecoder(z).Decode(m)
	}
	if err != nil {
		panic("salary: the embedded model is damaged; build the program again from a clean checkout: " + err.Error())
	}
	m.index()
	return m
})

// index prepares the ways to find a title.
func (m *Model) index() {
	m.counts, m.byName, m.byJob = map[string]int{}, map[string]string{}, map[taxonomy.Ref]string{}
	for k, n := range m.Support {
		parts := strings.Split(k, "|")
		m.counts[parts[0]] += n
		m.counts[parts[0]+"|"+parts[1]] += n
		m.counts["||"+parts[2]] += n
	}
	for title := range m.Encoding.Title {
		m.titles = append(m.titles, title)
	}
	slices.SortFunc(m.titles, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.counts[b], m.counts[a]), strings.Compare(a, b))
	})
	m.nearest = embedding.NewIndex(embedding.Vector{})
	for i, title := range m.titles {
		m.byName[strings.ToLower(title)] = title
		v := embedding.Load().Embed(title)
		m.nearest.Put(uint32(i), &v)
		if job := m.tax.Occupation(title); job.Known && job.Cosine == 1 {
			if _, taken := m.byJob[job.Occupation]; !taken {
				m.byJob[job.Occupation] = title
			}
		}
	}
}

// leastTitle is the cosine from which a title of the survey is taken for another.
const leastTitle = .65

// title finds the title of the survey: the same words with or without their
// level, the same occupation, the nearest meaning.
func (m *Model) title(asked string) (string, taxonomy.Title, bool) {
	job := m.tax.Occupation(asked)
	words := strings.ToLower(strings.Join(strings.Fields(asked), " "))
	if title, ok := m.byName[words]; ok {
		return title, job, true
	}
	if title, ok := m.byName[strings.ToLower(job.Core)]; ok {
		return title, job, true
	}
	if job.Known && job.Cosine == 1 {
		if title, ok := m.byJob[job.Occupation]; ok {
			return title, job, true
		}
	}
	q := embedding.Load().Embed(job.Core)
	if hits := m.nearest.Search(&q, 1); len(hits) > 0 && hits[0].Cosine >= leastTitle {
		return m.titles[hits[0].ID], job, true
	}
	return "", job, false
}

// levelOf is the survey's level of a seniority: 0 entry, 1 middle, 2 senior, 3
// executive.
func levelOf(s taxonomy.Seniority) int {
	switch s {
	case taxonomy.Intern, taxonomy.Junior:
		return 0
	case taxonomy.Unstated, taxonomy.Middle:
		return 1
	case taxonomy.Director, taxonomy.Executive:
		return 3
	}
	return 2
}

var (
	levelNames = [...]string{"entry", "middle", "senior", "executive"}
	levelCodes = [...]string{"EN", "MI", "SE", "EX"}
)

// interval is the share of jobs that a range is to hold.
const interval = .8

// Estimate answers a question. A rate, if there is one, adds the same range in
// its currency.
func (m *Model) Estimate(q Question, rate *Rate) (Estimate, error) {
	company := strings.ToUpper(strings.TrimSpace(q.Company))
	if len(company) != 2 {
		return Estimate{}, ErrCountry
	}
	if rate != nil && (len(rate.Currency) != 3 || !(rate.PerUSD > 0) || math.IsInf(rate.PerUSD, 0)) {
		return Estimate{}, ErrRate
	}
	title, job, ok := m.title(q.Title)
	if !ok {
		return Estimate{}, ErrTitle
	}
	level := levelOf(cmp.Or(q.Seniority, job.Seniority))
	x := m.Encoding.vector(&input{
		title: title, level: level, employment: int(min(q.Employment, Freelance)), company: company,
		residence: cmp.Or(strings.ToUpper(strings.TrimSpace(q.Residence)), company),
		remote:    remote(q.Remote), size: int(cmp.Or(min(q.Size, Large), Medium)) - 1,
		year: min(max(cmp.Or(q.Year, math.MaxInt), m.FirstYear), m.FirstYear+m.Years-1),
	})
	place, measured := 0, m.Measured.Abroad
	if company == home {
		place, measured = 1, m.Measured.Home
	}
	middle := m.Mid.predict(x)
	low := min(middle, m.Low.predict(x)-m.Widen[place])
	high := max(middle, m.High.predict(x)+m.Widen[place])
	out := Estimate{
		USD:      Range{"USD", digits(math.Exp(low)), digits(math.Exp(middle)), digits(math.Exp(high))},
		Interval: interval, Title: title, Level: levelNames[level], Measured: measured,
		Support: Support{
			Exact:   m.Support[title+"|"+levelCodes[level]+"|"+company],
			Title:   m.counts[title+"|"+levelCodes[level]],
			Country: m.counts["||"+company],
		},
	}
	if rate != nil {
		out.Local = &Range{
			strings.ToUpper(rate.Currency), digits(math.Exp(low) * rate.PerUSD), digits(math.Exp(middle) * rate.PerUSD), digits(math.Exp(high) * rate.PerUSD),
		}
	}
	return out, nil
}

// remote is the survey's nearest answer: 0, 50 or 100 per cent.
func remote(percent int) int {
	switch {
	case percent < 25:
		return 0
	case percent < 75:
		return 50
	}
	return 100
}

// digits rounds to three digits, which is more than the error leaves certain.
func digits(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-2)
	return math.Round(x/unit) * unit
}
