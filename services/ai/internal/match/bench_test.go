package match_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/match"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

const many = 100_000

var large = sync.OnceValue(func() *match.Index {
	x := match.NewIndex(taxonomy.Load())
	fill(x, 0, many)
	return x
})

// BenchmarkMatch matches one resume with 100,000 postings. The number to hold is
// 20 ms, the median.
func BenchmarkMatch(b *testing.B) {
	x, r := large(), resume()
	r.Wishes = match.Wishes{
		Areas: []match.Area{{Lat: 52.5, Lon: 13.4, Radius: 60}, {Country: "FR"}}, Remote: true,
		Pay: match.Money{Amount: 60_000, Currency: "EUR"}, Permits: []string{"DE", "FR"}, Blocked: []string{"Company 7"},
	}
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if found := x.Match(r, 50); len(found) != 50 {
			b.Fatalf("%d found", len(found))
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms")
	b.ReportMetric(float64(x.Bytes())/many, "bytes/posting")
	// How many of the first 50 are those of a search that scores all exactly.
	same, all := 0, map[string]bool{}
	for _, result := range x.Match(r, many)[:50] {
		all[result.ID] = true
	}
	for _, result := range x.Match(r, 50) {
		if all[result.ID] {
			same++
		}
	}
	b.ReportMetric(float64(same)/50, "recall@50")
}

func BenchmarkPut(b *testing.B) {
	x := match.NewIndex(taxonomy.Load())
	n := 0
	for b.Loop() {
		x.Put(posting(n % 1000))
		n++
	}
}

func BenchmarkExplain(b *testing.B) {
	x := match.NewIndex(taxonomy.Load())
	r, p := resume(), posting(3)
	for b.Loop() {
		x.Explain(r, p)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	x := large()
	var file bytes.Buffer
	for b.Loop() {
		file.Reset()
		if _, err := x.WriteTo(&file); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		size := file.Len()
		if _, err := match.ReadIndex(taxonomy.Load(), &file); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/read")
		b.ReportMetric(float64(size)/(1<<20), "MB")
	}
}
