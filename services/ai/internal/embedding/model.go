// Package embedding gives short English texts vectors without a model runtime:
// a table of one vector for each WordPiece token, distilled from
// all-MiniLM-L6-v2 and fitted on the labels of ESCO, looked up, added and
// normalised. It knows neither word order nor negation, so it is for titles and
// skills; documents need BM25 beside it (package match).
//
// The table lies in the program file and is read where it lies: it costs no
// heap, and only the pages of tokens that occur are ever loaded. Everything
// here is safe for concurrent use.
package embedding

import (
	_ "embed" // the table
	"encoding/binary"
	"math"
	"strings"
	"sync"
)

// Dim is the number of components of a vector.
const Dim = 256

// table.bin, little endian: u32 N, u32 D, N float32 row scales, N rows of D
// int8; row i is its scale times its bytes.
//
//go:embed data/table.bin
var table string

// vocab.txt has one token a line; the line number from 0 is the token's id.
//
//go:embed data/vocab.txt
var vocab string

// Vector is a text's place in the space of meanings: of length 1, or zero for a
// text without a known token.
type Vector [Dim]float32

// Dot is the inner product, which for vectors of texts is their cosine.
func (v *Vector) Dot(w *Vector) float32 {
	var a, b, c, d float32
	for i := 0; i < Dim; i += 4 {
		a += v[i] * w[i]
		b += v[i+1] * w[i+1]
		c += v[i+2] * w[i+2]
		d += v[i+3] * w[i+3]
	}
	return a + b + c + d
}

// IsZero tells that the text had no known token; its cosine with everything is 0.
func (v *Vector) IsZero() bool { return *v == Vector{} }

// Normalize scales v to length 1; zero stays zero.
func (v *Vector) Normalize() {
	if norm := math.Sqrt(float64(v.Dot(v))); norm > 0 {
		for i := range v {
			v[i] = float32(float64(v[i]) / norm)
		}
	}
}

// Model is the table with its vocabulary.
type Model struct {
	scales, rows string           // of the table
	first        map[string]int32 // tokens that begin a word
	next         map[string]int32 // tokens that continue one, without their "##"
	longest      int              // bytes in the longest token
}

// Load returns the model. The vocabulary is indexed on the first call, which
// takes a few milliseconds; later calls return the same model.
func Load() *Model { return load() }

var load = sync.OnceValue(func() *Model {
	n := int(binary.LittleEndian.Uint32([]byte(table[:4])))
	if d := binary.LittleEndian.Uint32([]byte(table[4:8])); d != Dim || len(table) != 8+n*(4+Dim) {
		panic("embedding: the embedded table is damaged; build the program again from a clean checkout")
	}
	m := &Model{
		scales: table[8 : 8+4*n],
		rows:   table[8+4*n:],
		first:  make(map[string]int32, n),
		next:   make(map[string]int32, n/4),
	}
	id := int32(0)
	for token := range strings.Lines(vocab) {
		token = strings.TrimSuffix(token, "\n")
		if rest, ok := strings.CutPrefix(token, "##"); ok && rest != "" {
			m.next[rest] = id
		} else {
			m.first[token] = id
		}
		m.longest = max(m.longest, len(token))
		id++
	}
	return m
})

// Embed returns the vector of a text of any length: the sum of its tokens' rows,
// scaled to length 1.
func (m *Model) Embed(text string) Vector {
	var v Vector
	for _, id := range m.Tokens(text) {
		scale := math.Float32frombits(uint32(m.scales[4*id]) | uint32(m.scales[4*id+1])<<8 |
			uint32(m.scales[4*id+2])<<16 | uint32(m.scales[4*id+3])<<24)
		row := m.rows[int(id)*Dim : int(id)*Dim+Dim]
		for i := range v {
			v[i] += scale * float32(int8(row[i]))
		}
	}
	v.Normalize()
	return v
}
