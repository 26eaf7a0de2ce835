package match

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// Parameters of BM25, see doc.go.
const (
	k1 = 1.2
	b  = .75
	k3 = 8
	// maxTerms is how many different terms of a posting count, the most frequent
	// and then the first; a posting of 500 words has some 150.
	maxTerms = 128
	// queryTerms is how many terms of a resume are looked for, the weightiest.
	queryTerms = 160
	// averageLength is taken while the index has no postings.
	averageLength = 180
	termBuckets   = 1 << 18
)

// term is a stem: the upper 24 bits are its hash, the lower 8 how often it
// occurs (at most 255).
type term uint32

func (t term) hash() uint32 { return uint32(t) >> 8 }
func (t term) count() int   { return int(t & 255) }

// stopWords are too common to say anything, in the languages that postings of
// this index mostly have.
var stopWords = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`a about above after all also am an and any are as at be because been being below between both but by can
		could did do does doing down during each few for from further had has have having he her here hers him his how i if in into is it
		its just me more most my no nor not now of off on once only or other our ours out over own per same she should so some such than
		that the their them then there these they this those through to too under until up us very via was we were what when where which
		while who whom why will with within without would you your yours job role work working team company looking join
		der die das und oder in den von zu mit dem des auf für ist im nicht ein eine als auch es an werden aus er hat dass sie nach wird
		bei einer um am sind noch wie einem über einen so zum war haben nur bis mehr durch wir du dein deine uns unser unsere ihr`) {
		out[w] = true
	}
	return out
}()

// terms returns the distinct terms of a text, the most frequent first and equals
// in order of place, at most limit of them, and the number of words that count.
func terms(text string, limit int) ([]term, int) {
	counts := map[uint32]int{}
	var order []uint32
	length := 0
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' && r != '#'
	}) {
		w = strings.ToLower(w)
		if len(w) < 2 || stopWords[w] {
			continue
		}
		h := hash(stem(w))
		if counts[h]++; counts[h] == 1 {
			order = append(order, h)
		}
		length++
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return counts[b] - counts[a] })
	out := make([]term, 0, min(limit, len(order)))
	for _, h := range order[:min(limit, len(order))] {
		out = append(out, term(h<<8|uint32(min(255, counts[h]))))
	}
	return out, length
}

// stem cuts the endings of number, gerund and past: the S-stemmer (Harman 1991)
// and -ing, -ed, which is enough to bring forms together and merges few words.
func stem(w string) string {
	switch n := len(w); {
	case n > 5 && strings.HasSuffix(w, "ing"):
		w = w[:n-3]
	case n > 4 && strings.HasSuffix(w, "ies"):
		return w[:n-3] + "y"
	case n > 4 && strings.HasSuffix(w, "ed"):
		w = w[:n-2]
	case n > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us"):
		w = w[:n-1]
	}
	if n := len(w); n > 4 && w[n-1] == 'e' {
		w = w[:n-1]
	}
	return w
}

// hash is FNV-1a folded to 24 bits.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return (h>>24 ^ h) & 0xffffff
}

// frequencies counts the postings that have a term. Terms share buckets, which
// makes a rare one look a little less so.
type frequencies struct {
	postings int
	length   int // words of all
	buckets  []uint32
}

func (f *frequencies) add(d *document, sign int) {
	f.postings += sign
	f.length += sign * int(d.Length)
	for _, t := range d.Terms {
		f.buckets[t.hash()%termBuckets] += uint32(sign)
	}
}

func (f *frequencies) idf(hash uint32) float64 {
	if f.postings == 0 {
		return 1
	}
	n := float64(f.buckets[hash%termBuckets])
	return math.Log1p((max(0, float64(f.postings)-n) + .5) / (n + .5))
}

func (f *frequencies) average() float64 {
	if f.postings == 0 {
		return averageLength
	}
	return max(1, float64(f.length)/float64(f.postings))
}

// textQuery is a resume's terms made ready for many documents.
type textQuery struct {
	weight  map[uint32]float64 // hash → idf · weight in the query · (k1+1)
	filter  [1024]uint64       // by the lower 16 bits of the hash, so that most misses are cheap
	most    float64            // the BM25 that no document exceeds
	average float64
}

func (f *frequencies) query(resume []term) textQuery {
	q := textQuery{weight: make(map[uint32]float64, queryTerms), average: f.average()}
	type weighted struct {
		hash   uint32
		weight float64
	}
	all := make([]weighted, 0, len(resume))
	for _, t := range resume {
		n := float64(t.count())
		all = append(all, weighted{t.hash(), f.idf(t.hash()) * (k3 + 1) * n / (k3 + n) * (k1 + 1)})
	}
	slices.SortStableFunc(all, func(a, b weighted) int {
		if a.weight > b.weight {
			return -1
		} else if a.weight < b.weight {
			return 1
		}
		return int(a.hash) - int(b.hash)
	})
	for _, w := range all[:min(queryTerms, len(all))] {
		q.weight[w.hash] = w.weight
		q.filter[w.hash>>6&1023] |= 1 << (w.hash & 63)
		q.most += w.weight
	}
	return q
}

// bm25 is the share of the most that any document could have.
func (q *textQuery) bm25(d *document) float64 {
	if q.most == 0 {
		return 0
	}
	norm := k1 * (1 - b + b*float64(d.Length)/q.average)
	sum := 0.
	for _, t := range d.Terms {
		h := t.hash()
		if q.filter[h>>6&1023]&(1<<(h&63)) == 0 {
			continue
		}
		if w, ok := q.weight[h]; ok {
			n := float64(t.count())
			sum += w * n / (n + norm)
		}
	}
	return sum / q.most
}
