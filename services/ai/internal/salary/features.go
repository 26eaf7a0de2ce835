package salary

import (
	"slices"
	"strings"
)

// home is the country of nine tenths of the survey.
const home = "US"

// encoding turns a question into numbers; tools/data/salary learned it.
type encoding struct {
	Level     []float64          // logarithm of pay by level
	Word      map[string]float64 // what a word of a title adds
	Title     map[string]float64 // what a title adds
	Fine      map[string]float64 // what a title at a level adds, "title|level"
	Country   map[string]float64 // what a country adds
	Residence map[string]float64 // and one of residence
}

// elsewhere is what a country adds that the survey lacks.
const elsewhere = -.6

// flags are words of titles that are features of their own.
var flags = []string{"engineer", "scientist", "analyst", "manager", "architect", "research", "machine", "ai", "data", "software", "head",
	"lead", "director", "principal", "staff", "developer", "consultant", "specialist", "business", "associate", "product", "applied"}

// input is a question in the words of the survey; numbers count its classes.
type input struct {
	title, company, residence             string
	level, employment, remote, size, year int
}

// vector has the features in the order of tools/data/salary.
func (e *encoding) vector(in *input) []float32 {
	title := e.Title[in.title]
	fine, ok := e.Fine[in.title+"|"+levelCodes[in.level]]
	if !ok {
		fine = title
	}
	words := strings.Fields(strings.ToLower(in.title))
	x := []float32{
		float32(in.level), float32(in.employment), float32(in.year), float32(in.remote), float32(in.size),
		float32(title), float32(fine), float32(e.Level[in.level] + fine),
		float32(of(e.Country, in.company)), float32(of(e.Residence, in.residence)),
		is(in.company == in.residence), is(in.company == home), float32(len(words)),
	}
	for _, f := range flags {
		x = append(x, is(slices.Contains(words, f)))
	}
	return x
}

func of(countries map[string]float64, country string) float64 {
	if v, ok := countries[country]; ok {
		return v
	}
	return elsewhere
}

func is(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
