package taxonomy

import (
	"crypto/sha256"
	_ "embed" // the taxonomy
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
)

// The layout is that of tools/data/esco: a magic number, then sections, each a
// little-endian uint32 length and its bytes.
//
//go:embed data/taxonomy.bin
var file string

const magic = "jptax1\n\x00"

// How a label is recognised in a text; the low two bits of its byte.
const (
	plain byte = iota
	cased
	contextual
	weak
)

// Where a label comes from; the next two bits. The project's own come first.
const (
	ownName byte = iota
	ownAlias
	preferred
	alternative
)

// essential is set on the skill of a relation that the occupation cannot do
// without.
const essential = 1 << 15

// dictionary finds entries by the words of their labels.
type dictionary struct {
	names []string
	ids   string // 16 bytes each; zeros for the project's own
	group string // a byte each
	isco  []uint16

	// The labels, in the order of the numbers of their words: label i has the
	// words sequence[begin[i]:begin[i+1]].
	begin    []uint32
	sequence []uint16
	target   []Ref
	how      string
	first    []uint32         // by word: the first label that begins with it, or a later word
	surface  map[int32]string // as it is written, where case matters or it is the project's own
}

// Taxonomy is all of it. [Load] returns it.
type Taxonomy struct {
	words       map[string]uint16
	spelling    []string // by number of word
	skills      dictionary
	occupations dictionary
	byID        map[string]Ref // of skills
	needs       [][]uint16     // by occupation: skills, perhaps essential
	usedBy      [][]uint16     // by skill: occupations
	links       map[Ref][]Relation
	suggestions suggestions

	nearest func() (skills, occupations *embedding.Index)
}

// Load returns the taxonomy. It is unpacked on the first call, which takes some
// 30 ms.
func Load() *Taxonomy { return load() }

var load = sync.OnceValue(func() *Taxonomy {
	t, err := read(file)
	if err != nil {
		panic("taxonomy: the embedded file is damaged; build the program again from a clean checkout: " + err.Error())
	}
	return t
})

// Version changes whenever a Ref may mean something else: it is the hash of the
// file.
func (t *Taxonomy) Version() string { return version() }

var version = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(file))
	return hex.EncodeToString(sum[:8])
})

// reader cuts sections off a file.
type reader struct {
	rest string
	err  error
}

func (r *reader) bytes() string {
	if r.err != nil || len(r.rest) < 4 {
		r.err = fmt.Errorf("a section is missing")
		return ""
	}
	n := int(binary.LittleEndian.Uint32([]byte(r.rest[:4])))
	if n > len(r.rest)-4 {
		r.err = fmt.Errorf("a section of %d bytes is cut", n)
		return ""
	}
	b := r.rest[4 : 4+n]
	r.rest = r.rest[4+n:]
	return b
}

func (r *reader) lines() []string { return strings.Split(r.bytes(), "\n") }

func (r *reader) numbers() []uint16 {
	b := r.bytes()
	out := make([]uint16, len(b)/2)
	for i := range out {
		out[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
	}
	return out
}

func read(file string) (*Taxonomy, error) {
	body, ok := strings.CutPrefix(file, magic)
	if !ok {
		return nil, fmt.Errorf("another format")
	}
	r := &reader{rest: body}
	t := &Taxonomy{spelling: r.lines()}
	t.words = make(map[string]uint16, len(t.spelling))
	for i, w := range t.spelling {
		t.words[w] = uint16(i)
	}
	t.skills.read(r, len(t.spelling))
	t.occupations.read(r, len(t.spelling))
	counts, relations, links := r.numbers(), r.numbers(), r.numbers()
	if r.err != nil {
		return nil, r.err
	}
	t.needs = make([][]uint16, len(counts))
	t.usedBy = make([][]uint16, len(t.skills.names))
	for occupation, n := range counts {
		t.needs[occupation], relations = relations[:n:n], relations[n:]
		for _, skill := range t.needs[occupation] {
			skill &^= essential
			t.usedBy[skill] = append(t.usedBy[skill], uint16(occupation))
		}
	}
	t.links = map[Ref][]Relation{}
	for ; len(links) >= 3; links = links[3:] {
		from, to := Ref(links[0]), Ref(links[1])
		kind, back := Implies, ImpliedBy
		if links[2] != 0 {
			kind, back = GoesWith, GoesWith
		}
		t.links[from] = append(t.links[from], Relation{Skill: to, Kind: kind, Weight: 1})
		t.links[to] = append(t.links[to], Relation{Skill: from, Kind: back, Weight: 1})
	}
	t.byID = make(map[string]Ref, len(t.skills.names))
	for i := range t.skills.names {
		t.byID[t.skills.id(Ref(i))] = Ref(i)
	}
	t.suggestions = t.suggestable()
	t.nearest = sync.OnceValues(t.embed)
	return t, nil
}

func (d *dictionary) read(r *reader, words int) {
	d.names, d.ids, d.group, d.isco = r.lines(), r.bytes(), r.bytes(), r.numbers()
	lengths := r.bytes()
	d.sequence = r.numbers()
	targets := r.numbers()
	d.how = r.bytes()
	surfaces := r.lines()
	if r.err != nil {
		return
	}
	if len(d.ids) != 16*len(d.names) || len(lengths) != len(targets) || len(d.how) != len(targets) {
		r.err = fmt.Errorf("sections do not fit together")
		return
	}
	d.begin = make([]uint32, 1, len(lengths)+1)
	d.target = make([]Ref, len(targets))
	d.surface = map[int32]string{}
	for i := range lengths {
		d.begin = append(d.begin, d.begin[i]+uint32(lengths[i]))
		d.target[i] = Ref(targets[i])
		if how := d.how[i]; how&3 == cased || how&3 == contextual || how>>2 <= ownAlias {
			d.surface[int32(i)], surfaces = surfaces[0], surfaces[1:]
		}
	}
	d.first = make([]uint32, words+1)
	label := 0
	for w := range d.first {
		for label < len(targets) && int(d.sequence[d.begin[label]]) < w {
			label++
		}
		d.first[w] = uint32(label)
	}
}

// id is the stable name of an entry.
func (d *dictionary) id(ref Ref) string {
	b := d.ids[16*int(ref) : 16*int(ref)+16]
	if b == strings.Repeat("\x00", 16) {
		return "jp:" + slug(d.names[ref])
	}
	h := hex.EncodeToString([]byte(b))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// slug makes a name fit for an identifier: "C++" → "c-plus-plus".
func slug(name string) string {
	name = strings.NewReplacer("+", " plus ", "#", " sharp ", ".NET", " dotnet ").Replace(name)
	var parts []string
	for _, w := range split(name) {
		parts = append(parts, w.text)
	}
	return strings.Join(parts, "-")
}
