package embedding_test

import (
	"bytes"
	"cmp"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
)

// random returns n unit vectors around one direction, as those of texts of one
// kind are.
func random(n int, seed uint64) []embedding.Vector {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]embedding.Vector, n)
	for i := range out {
		out[i] = embedding.Load().Embed("software engineer")
		for j := range out[i] {
			out[i][j] += float32(rng.NormFloat64()) / 8
		}
		norm := 1 / float32(math.Sqrt(float64(out[i].Dot(&out[i]))))
		for j := range out[i] {
			out[i][j] *= norm
		}
	}
	return out
}

// exact is the float answer that the index has to agree with.
func exact(vectors map[uint32]embedding.Vector, q *embedding.Vector, k int) []embedding.Hit {
	var hits []embedding.Hit
	for id, v := range vectors {
		hits = append(hits, embedding.Hit{ID: id, Cosine: v.Dot(q)})
	}
	slices.SortFunc(hits, func(a, b embedding.Hit) int { return cmp.Compare(b.Cosine, a.Cosine) })
	return hits[:min(k, len(hits))]
}

func TestIndexFindsTheNearest(t *testing.T) {
	t.Parallel()
	vectors := random(2000, 1)
	index := embedding.NewIndex(embedding.Mean(vectors[:500]))
	kept := map[uint32]embedding.Vector{}
	for i := range vectors {
		index.Put(uint32(i), &vectors[i])
		kept[uint32(i)] = vectors[i]
	}
	for id := uint32(0); id < 2000; id += 3 { // some go, some change
		index.Remove(id)
		delete(kept, id)
		if v := vectors[1999-id]; id+1 < 2000 {
			index.Put(id+1, &v)
			kept[id+1] = v
		}
	}
	index.Remove(99_999)
	if index.Len() != len(kept) {
		t.Fatalf("%d vectors, want %d", index.Len(), len(kept))
	}

	var file bytes.Buffer
	n, err := index.WriteTo(&file)
	if err != nil || n != int64(file.Len()) {
		t.Fatalf("wrote %d bytes of %d: %v", n, file.Len(), err)
	}
	again, err := embedding.ReadIndex(&file)
	if err != nil {
		t.Fatal(err)
	}

	const k = 10
	found := 0
	queries := random(50, 2)
	for i := range queries {
		want := exact(kept, &queries[i], k)
		got := index.Search(&queries[i], k)
		if !slices.Equal(got, again.Search(&queries[i], k)) {
			t.Error("the index that was read answers otherwise")
		}
		ids, cosines := make([]uint32, k), make([]float32, k)
		for j, hit := range got {
			ids[j] = hit.ID
			if j > 0 && hit.Cosine > got[j-1].Cosine {
				t.Error("not in order")
			}
			if slices.ContainsFunc(want, func(w embedding.Hit) bool { return w.ID == hit.ID }) {
				found++
			}
		}
		index.Cosines(&queries[i], ids, cosines)
		for j, hit := range got {
			v := kept[hit.ID]
			if d := v.Dot(&queries[i]) - hit.Cosine; d > .005 || d < -.005 || cosines[j] != hit.Cosine {
				t.Errorf("cosine %v, exactly %v, by id %v", hit.Cosine, v.Dot(&queries[i]), cosines[j])
			}
		}
	}
	if recall := float64(found) / float64(k*len(queries)); recall < .95 {
		t.Errorf("recall %.3f", recall)
	}
}

func TestIndexEdges(t *testing.T) {
	t.Parallel()
	var zero embedding.Vector
	index := embedding.NewIndex(zero)
	v := random(1, 3)[0]
	if hits := index.Search(&v, 5); len(hits) != 0 {
		t.Errorf("an empty index has %v", hits)
	}
	index.Put(7, &v)
	index.Put(8, &zero)
	if hits := index.Search(&zero, 5); len(hits) != 0 {
		t.Errorf("a text without tokens finds %v", hits)
	}
	if hits := index.Search(&v, 5); len(hits) != 2 || hits[0].ID != 7 || hits[1].Cosine != 0 {
		t.Errorf("found %v", hits)
	}
	out := []float32{9, 9}
	index.Cosines(&v, []uint32{7, 1}, out)
	if out[0] < .99 || out[1] != 0 {
		t.Errorf("cosines %v", out)
	}
}

func TestReadIndexRefuses(t *testing.T) {
	t.Parallel()
	index := embedding.NewIndex(embedding.Vector{})
	v := random(1, 4)[0]
	index.Put(1, &v)
	var file bytes.Buffer
	if _, err := index.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	for name, b := range map[string][]byte{
		"empty":   nil,
		"cut":     whole[:len(whole)-1],
		"foreign": append([]byte("GIF89a.."), whole[8:]...),
		"too many": func() []byte {
			b := bytes.Clone(whole)
			b[8+4*embedding.Dim+3] = 0x7f
			return b
		}(),
	} {
		if _, err := embedding.ReadIndex(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := index.WriteTo(failing{}); err == nil {
		t.Error("a write that failed is not told")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestIndexIsSafeForManyAtOnce(t *testing.T) {
	t.Parallel()
	vectors := random(64, 5)
	index := embedding.NewIndex(embedding.Mean(vectors))
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range vectors {
				index.Put(uint32(i), &vectors[i])
				index.Search(&vectors[i], 3)
				if i%4 == worker {
					index.Remove(uint32(i))
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkSearch(b *testing.B) {
	vectors := random(10_000, 6)
	index := embedding.NewIndex(embedding.Mean(vectors))
	for i := range vectors {
		index.Put(uint32(i), &vectors[i])
	}
	for b.Loop() {
		index.Search(&vectors[0], 10)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/vector")
}
