package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// row is a salary somebody reported.
type row struct {
	title, level, kind, residence, company, size string
	year, remote                                 int
	usd                                          float64
	hash                                         uint64 // of the whole line: duplicates have one
}

// The classes of the columns, in order.
var (
	levels = []string{"EN", "MI", "SE", "EX"}
	kinds  = []string{"FT", "CT", "PT", "FL"}
	sizes  = []string{"S", "M", "L"}
)

// encoding turns a row into numbers. The ai service does the same
// (internal/salary/model.go).
type encoding struct {
	Level     []float64          // median logarithm of pay by level
	Word      map[string]float64 // what a word of a title adds to its level
	Title     map[string]float64 // what a title does
	Fine      map[string]float64 // what a title at a level does, "title|level"
	Country   map[string]float64 // what a country does
	Residence map[string]float64 // and one of residence
}

// flags are words of titles that are features of their own.
var flags = []string{"engineer", "scientist", "analyst", "manager", "architect", "research", "machine", "ai", "data", "software", "head",
	"lead", "director", "principal", "staff", "developer", "consultant", "specialist", "business", "associate", "product", "applied"}

const features = 13 + 22

// vector is what the trees see.
func (e *encoding) vector(r *row) []float32 {
	x := make([]float32, 0, features)
	level := slices.Index(levels, r.level)
	title := e.title(r.title)
	fine, ok := e.Fine[r.title+"|"+r.level]
	if !ok {
		fine = title
	}
	same, us := float32(0), float32(0)
	if r.company == r.residence {
		same = 1
	}
	if r.company == "US" {
		us = 1
	}
	x = append(x, float32(level), float32(slices.Index(kinds, r.kind)), float32(r.year), float32(r.remote),
		float32(slices.Index(sizes, r.size)), float32(title), float32(fine), float32(e.Level[level]+fine),
		float32(of(e.Country, r.company)), float32(of(e.Residence, r.residence)), same, us, float32(len(strings.Fields(r.title))))
	words := strings.Fields(strings.ToLower(r.title))
	for _, f := range flags {
		has := float32(0)
		if slices.Contains(words, f) {
			has = 1
		}
		x = append(x, has)
	}
	return x
}

// elsewhere is what a country without rows adds; one with few is drawn towards
// it. It is more like the others than like the United States.
const elsewhere = -.6

func of(countries map[string]float64, country string) float64 {
	if v, ok := countries[country]; ok {
		return v
	}
	return elsewhere
}

// title is what a title adds, known or by its words.
func (e *encoding) title(title string) float64 {
	if v, ok := e.Title[title]; ok {
		return v
	}
	return e.byWords(title)
}

func (e *encoding) byWords(title string) float64 {
	sum, n := 0., 0.
	for w := range strings.FieldsSeq(strings.ToLower(title)) {
		if v, ok := e.Word[w]; ok {
			sum, n = sum+v, n+1
		}
	}
	return sum / max(n, 1)
}

// shrunk is the median of what falls to a key, drawn towards a prior of some
// weight.
type shrunk struct{ values []float64 }

func shrink(values map[string]*shrunk, key string, v float64) {
	s := values[key]
	if s == nil {
		s = new(shrunk)
		values[key] = s
	}
	s.values = append(s.values, v)
}

func (s *shrunk) toward(prior, weight float64) float64 {
	n := float64(len(s.values))
	return (n*quantile(s.values, .5) + weight*prior) / (n + weight)
}

// encode learns the encoding: what countries add, then words, titles and titles
// at levels add to what is left.
func encode(rows []row) encoding {
	e := encoding{
		Level: make([]float64, len(levels)), Word: map[string]float64{}, Title: map[string]float64{}, Fine: map[string]float64{},
		Country: map[string]float64{}, Residence: map[string]float64{},
	}
	at := make([]shrunk, len(levels))
	for i := range rows {
		l := slices.Index(levels, rows[i].level)
		at[l].values = append(at[l].values, math.Log(rows[i].usd))
	}
	for l := range at {
		e.Level[l] = at[l].toward(12, 1)
	}
	left := func(r *row) float64 { return math.Log(r.usd) - e.Level[slices.Index(levels, r.level)] }
	country, residence := map[string]*shrunk{}, map[string]*shrunk{}
	for i := range rows {
		shrink(country, rows[i].company, left(&rows[i]))
		shrink(residence, rows[i].residence, left(&rows[i]))
	}
	for _, c := range slices.Sorted(maps.Keys(country)) {
		e.Country[c] = country[c].toward(elsewhere, 3)
	}
	for _, c := range slices.Sorted(maps.Keys(residence)) {
		e.Residence[c] = residence[c].toward(elsewhere, 3)
	}
	word, title, fine := map[string]*shrunk{}, map[string]*shrunk{}, map[string]*shrunk{}
	for i := range rows {
		r := &rows[i]
		v := left(r) - e.Country[r.company]
		for w := range strings.FieldsSeq(strings.ToLower(r.title)) {
			shrink(word, w, v)
		}
		shrink(title, r.title, v)
		shrink(fine, r.title+"|"+r.level, v)
	}
	for _, w := range slices.Sorted(maps.Keys(word)) {
		e.Word[w] = word[w].toward(0, 30)
	}
	for _, t := range slices.Sorted(maps.Keys(title)) {
		e.Title[t] = title[t].toward(e.byWords(t), 15)
	}
	for _, t := range slices.Sorted(maps.Keys(fine)) {
		name, _, _ := strings.Cut(t, "|")
		e.Fine[t] = fine[t].toward(e.Title[name], 15)
	}
	return e
}

// byHash splits rows so that equal ones stay together: part of parts goes to the
// second slice.
func byHash(rows []row, salt uint64, part, parts uint64) (rest, taken []row) {
	for _, r := range rows {
		if mix(r.hash^salt)%parts == part {
			taken = append(taken, r)
		} else {
			rest = append(rest, r)
		}
	}
	return rest, taken
}

// mix is the finaliser of MurmurHash3.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// baseline is the median by title and level, by title, of all.
func baseline(rows []row) func(*row) float64 {
	all, byTitle, fine := []float64{}, map[string][]float64{}, map[string][]float64{}
	for i := range rows {
		r := &rows[i]
		all = append(all, r.usd)
		byTitle[r.title] = append(byTitle[r.title], r.usd)
		fine[r.title+"|"+r.level] = append(fine[r.title+"|"+r.level], r.usd)
	}
	median := func(m map[string][]float64) map[string]float64 {
		out := map[string]float64{}
		for k, v := range m {
			out[k] = quantile(v, .5)
		}
		return out
	}
	whole, titles, both := quantile(all, .5), median(byTitle), median(fine)
	return func(r *row) float64 {
		return cmp.Or(both[r.title+"|"+r.level], titles[r.title], whole)
	}
}
