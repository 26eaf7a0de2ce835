package embedding

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
)

// Index holds vectors under ids in 268 bytes each and finds the nearest of them
// by looking at all: 0.15 µs a vector on one core, so 15 ms for 100,000, and
// exact but for the rounding to 8 bits.
//
// A vector v is kept as its difference r = v − m from a mean m, as int8 with a
// scale of its own, and the number m·r, since
//
//	q·v = (q − m)·r + m·r + q·m
//
// and texts of one kind lie close together: what tells them apart is in r, and
// that gets all 8 bits (recall at 10 of .987 against .965 on 3,013 postings).
type Index struct {
	mean Vector

	mu     sync.RWMutex
	ids    []uint32
	place  map[uint32]int32 // id → index in the slices beside it
	codes  []int8           // Dim a vector
	scales []float32
	shifts []float32 // m·r
}

// Hit is a vector found, with its cosine.
type Hit struct {
	ID     uint32
	Cosine float32
}

// NewIndex returns an empty index around a mean, best the [Mean] of vectors like
// those it will hold; the zero vector does, with a little less precision.
func NewIndex(mean Vector) *Index {
	return &Index{mean: mean, place: map[uint32]int32{}}
}

// Mean is the mean of vectors; zero for none.
func Mean(vectors []Vector) Vector {
	var sum [Dim]float64
	for i := range vectors {
		for j, x := range vectors[i] {
			sum[j] += float64(x)
		}
	}
	var mean Vector
	for j := range mean {
		mean[j] = float32(sum[j] / float64(max(1, len(vectors))))
	}
	return mean
}

// Len is the number of vectors.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.ids)
}

// Put adds the vector of id, or replaces it.
func (x *Index) Put(id uint32, v *Vector) {
	var r Vector
	for i := range r {
		r[i] = v[i] - x.mean[i]
	}
	var code [Dim]int8
	scale := quantize(&code, &r)
	var shift float32
	for i := range r {
		shift += x.mean[i] * scale * float32(code[i])
	}
	x.put(id, &code, scale, shift)
}

func (x *Index) put(id uint32, code *[Dim]int8, scale, shift float32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, known := x.place[id]
	if !known {
		at = int32(len(x.ids))
		x.place[id] = at
		x.ids = append(x.ids, id)
		x.codes = append(x.codes, code[:]...)
		x.scales = append(x.scales, scale)
		x.shifts = append(x.shifts, shift)
		return
	}
	copy(x.codes[int(at)*Dim:], code[:])
	x.scales[at], x.shifts[at] = scale, shift
}

// Remove takes the vector of id out, if there is one.
func (x *Index) Remove(id uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, known := x.place[id]
	if !known {
		return
	}
	last := int32(len(x.ids) - 1)
	copy(x.codes[int(at)*Dim:], x.codes[int(last)*Dim:])
	x.ids[at], x.scales[at], x.shifts[at] = x.ids[last], x.scales[last], x.shifts[last]
	x.place[x.ids[at]] = at
	delete(x.place, id)
	x.ids, x.codes = x.ids[:last], x.codes[:int(last)*Dim]
	x.scales, x.shifts = x.scales[:last], x.shifts[:last]
}

// query is a vector made ready to be compared with many.
type query struct {
	code         [Dim]int8
	scale, shift float32
}

func (x *Index) query(q *Vector) query {
	var out query
	var r Vector
	for i := range r {
		r[i] = q[i] - x.mean[i]
	}
	out.scale = quantize(&out.code, &r)
	out.shift = q.Dot(&x.mean)
	return out
}

// cosine is that of the query with the vector at a place.
func (x *Index) cosine(q *query, at int) float32 {
	return float32(dot(&q.code, (*[Dim]int8)(x.codes[at*Dim:])))*q.scale*x.scales[at] + x.shifts[at] + q.shift
}

// Search returns the k nearest to q, nearest first, equals by id. A zero q finds
// nothing.
func (x *Index) Search(q *Vector, k int) []Hit {
	if q.IsZero() || k <= 0 {
		return nil
	}
	ready := x.query(q)
	x.mu.RLock()
	defer x.mu.RUnlock()
	hits := make([]Hit, 0, min(2*k, len(x.ids)))
	least := float32(math.Inf(-1))
	for at, id := range x.ids {
		c := x.cosine(&ready, at)
		if c < least {
			continue
		}
		hits = append(hits, Hit{id, c})
		if len(hits) >= 2*k {
			hits = top(hits, k)
			least = hits[k-1].Cosine
		}
	}
	return top(hits, k)
}

// top keeps the k best hits, in order.
func top(hits []Hit, k int) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.ID, b.ID))
	})
	return hits[:min(k, len(hits))]
}

// Cosines sets out[i] to the cosine of q with the vector of ids[i], and to 0
// where there is none. The slices have the same length.
func (x *Index) Cosines(q *Vector, ids []uint32, out []float32) {
	clear(out)
	if q.IsZero() {
		return
	}
	ready := x.query(q)
	x.mu.RLock()
	defer x.mu.RUnlock()
	for i, id := range ids {
		if at, ok := x.place[id]; ok {
			out[i] = x.cosine(&ready, int(at))
		}
	}
}

// quantize rounds r to 8 bits and returns the scale: r ≈ scale · code.
func quantize(code *[Dim]int8, r *Vector) float32 {
	var most float32
	for _, c := range r {
		most = max(most, c, -c)
	}
	if most == 0 {
		return 0
	}
	scale := most / 127
	for i, c := range r {
		code[i] = int8(math.RoundToEven(float64(c / scale)))
	}
	return scale
}

// dot is the inner product; the four sums let the processor work on them at once.
func dot(a, b *[Dim]int8) int32 {
	var s, t, u, v int32
	for i := 0; i < Dim; i += 4 {
		s += int32(a[i]) * int32(b[i])
		t += int32(a[i+1]) * int32(b[i+1])
		u += int32(a[i+2]) * int32(b[i+2])
		v += int32(a[i+3]) * int32(b[i+3])
	}
	return s + t + u + v
}

// magic begins a written index; the digit is the version of the layout.
const magic = "jpvec1\n\x00"

// WriteTo writes the index for [ReadIndex]: magic, mean, number of vectors, then
// for each its id, scale, shift and code, all little endian.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	buf := bufio.NewWriterSize(w, 1<<16)
	written := int64(0)
	put := func(values ...any) error {
		for _, v := range values {
			if err := binary.Write(buf, binary.LittleEndian, v); err != nil {
				return fmt.Errorf("write the index of vectors: %w", err)
			}
			written += int64(binary.Size(v))
		}
		return nil
	}
	if err := put([]byte(magic), x.mean[:], uint32(len(x.ids)), x.ids, x.scales, x.shifts); err != nil {
		return written, err
	}
	for block := range slices.Chunk(x.codes, 1<<16) {
		if err := put(block); err != nil {
			return written, err
		}
	}
	return written, buf.Flush()
}

// ReadIndex reads what [Index.WriteTo] wrote, and not a byte more when r is an
// io.ByteReader.
func ReadIndex(r io.Reader) (*Index, error) {
	var begin struct {
		Magic [len(magic)]byte
		Mean  Vector
		N     uint32
	}
	if err := binary.Read(r, binary.LittleEndian, &begin); err != nil {
		return nil, fmt.Errorf("read an index of vectors: %w", err)
	}
	if string(begin.Magic[:]) != magic {
		return nil, errors.New("read an index of vectors: another format; build the index anew")
	}
	x := NewIndex(begin.Mean)
	// In blocks, so that a wrong number fails at the end of the file and not in
	// an allocation.
	read := func(n int, into func(n int) any) error {
		for n > 0 {
			block := min(n, 1<<20)
			if err := binary.Read(r, binary.LittleEndian, into(block)); err != nil {
				return fmt.Errorf("read an index of vectors: %w", err)
			}
			n -= block
		}
		return nil
	}
	n := int(begin.N)
	if err := errors.Join(
		read(n, func(n int) any { return grow(&x.ids, n) }),
		read(n, func(n int) any { return grow(&x.scales, n) }),
		read(n, func(n int) any { return grow(&x.shifts, n) }),
		read(n*Dim, func(n int) any { return grow(&x.codes, n) }),
	); err != nil {
		return nil, err
	}
	for at, id := range x.ids {
		x.place[id] = int32(at)
	}
	if len(x.place) != n {
		return nil, errors.New("read an index of vectors: an id occurs twice; build the index anew")
	}
	return x, nil
}

// grow appends n zeros and returns them.
func grow[T any](s *[]T, n int) []T {
	*s = append(*s, make([]T, n)...)
	return (*s)[len(*s)-n:]
}

// Copy puts the vector that from has under id fromID here under id, as it is
// coded there, or nothing if there is none. Both indices have one mean.
func (x *Index) Copy(id uint32, from *Index, fromID uint32) {
	from.mu.RLock()
	at, ok := from.place[fromID]
	if !ok {
		from.mu.RUnlock()
		return
	}
	code := [Dim]int8(from.codes[int(at)*Dim:])
	scale, shift := from.scales[at], from.shifts[at]
	from.mu.RUnlock()
	x.put(id, &code, scale, shift)
}
