package match

import (
	"cmp"
	"runtime"
	"slices"
	"sync"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// candidates is how many postings are scored exactly; the others are too far
// behind in skills and occupation.
const candidates = 2048

// Index finds the postings that fit a resume. It is safe for concurrent use:
// searches run side by side, and a change waits for those that run.
type Index struct {
	tax *taxonomy.Taxonomy

	mu          sync.RWMutex
	slots       []slot
	documents   []document // beside slots
	free        []uint32
	byID        map[string]uint32
	postings    map[taxonomy.Ref][]entry
	titles      map[string]uint32 // core → number of title
	titleUses   []int32
	freeTitles  []uint32
	titleOf     []uint32 // beside slots
	titleVector *embedding.Index
	textVector  *embedding.Index // by slot
	frequencies frequencies

	scratch sync.Pool // *scratch
}

// slot is what the first pass reads of a posting, kept small for the cache.
type slot struct {
	total      float32 // weight of the wanted skills
	occupation uint16
	known      bool // the occupation is
	live       bool
}

// entry of an inverted list: a slot with the need in the lower two bits.
type entry uint32

// scratch is the memory of a search, reused by the next.
type scratch struct {
	sum    []float32
	bucket []uint16
	order  []uint32
}

// NewIndex returns an empty index over a taxonomy.
func NewIndex(tax *taxonomy.Taxonomy) *Index {
	return &Index{
		tax: tax, byID: map[string]uint32{}, postings: map[taxonomy.Ref][]entry{}, titles: map[string]uint32{},
		titleVector: embedding.NewIndex(embedding.Vector{}), textVector: embedding.NewIndex(embedding.Vector{}),
		frequencies: frequencies{buckets: make([]uint32, termBuckets)},
		scratch:     sync.Pool{New: func() any { return new(scratch) }},
	}
}

// Len is the number of postings.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byID)
}

// documentText is what the vector of a posting is made from.
func documentText(p *Posting) string {
	return clip(p.Title, nameLimit) + "\n" + clip(p.Description, textLimit)
}

// Put adds a posting, or replaces the one with its ID.
func (x *Index) Put(p *Posting) {
	d, _ := compile(x.tax, p)
	text := embedding.Load().Embed(documentText(p))
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(d.ID)
	at := x.place(&d)
	x.textVector.Put(at, &text)
}

// Remove takes a posting out and tells whether it was there.
func (x *Index) Remove(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.remove(id)
}

func (x *Index) remove(id string) bool {
	at, ok := x.byID[id]
	if !ok {
		return false
	}
	d := &x.documents[at]
	for _, w := range d.Skills {
		list := x.postings[w.Skill]
		i := slices.Index(list, entry(at<<2|uint32(w.Need)))
		list[i] = list[len(list)-1]
		x.postings[w.Skill] = list[:len(list)-1]
	}
	title := x.titleOf[at]
	if x.titleUses[title]--; x.titleUses[title] == 0 {
		delete(x.titles, d.Core)
		x.titleVector.Remove(title)
		x.freeTitles = append(x.freeTitles, title)
	}
	x.frequencies.add(d, -1)
	x.textVector.Remove(at)
	delete(x.byID, id)
	x.slots[at], x.documents[at] = slot{}, document{}
	x.free = append(x.free, at)
	return true
}

// place enters a document everywhere but for the vector of its text.
func (x *Index) place(d *document) uint32 {
	title, known := x.titles[d.Core]
	if !known {
		if n := len(x.freeTitles); n > 0 {
			title, x.freeTitles = x.freeTitles[n-1], x.freeTitles[:n-1]
		} else {
			title = uint32(len(x.titleUses))
			x.titleUses = append(x.titleUses, 0)
		}
		x.titles[d.Core] = title
		v := embedding.Load().Embed(d.Core)
		x.titleVector.Put(title, &v)
	}
	x.titleUses[title]++

	var at uint32
	if n := len(x.free); n > 0 {
		at, x.free = x.free[n-1], x.free[:n-1]
	} else {
		at = uint32(len(x.slots))
		x.slots = append(x.slots, slot{})
		x.documents = append(x.documents, document{})
		x.titleOf = append(x.titleOf, 0)
	}
	x.slots[at] = slot{float32(d.Total), uint16(d.Occupation), d.Known, true}
	x.documents[at], x.titleOf[at] = *d, title
	for _, w := range d.Skills {
		x.postings[w.Skill] = append(x.postings[w.Skill], entry(at<<2|uint32(w.Need)))
	}
	x.frequencies.add(d, 1)
	x.byID[d.ID] = at
	return at
}

// Match returns at most k postings that hold the resume's hard wishes, the best
// fitting first, equals by ID.
func (x *Index) Match(r *Resume, k int) []Result {
	p := read(x.tax, r)
	near := x.occupations(p)
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.slots) == 0 || k <= 0 {
		return nil
	}
	s, _ := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	x.addUp(p, s)
	best := x.preselect(p, near, s, max(candidates, 2*k))
	scored := x.scoreAll(p, best)
	slices.SortFunc(scored, func(a, b scoredSlot) int {
		if a.total != b.total {
			return cmp.Compare(b.total, a.total)
		}
		return cmp.Compare(x.documents[a.at].ID, x.documents[b.at].ID)
	})
	out := make([]Result, 0, min(k, len(scored)))
	for _, s := range scored[:min(k, len(scored))] {
		out = append(out, x.result(p, s))
	}
	return out
}

// occupations tells how near each occupation is to the titles of a resume.
func (x *Index) occupations(p *person) []float32 {
	near := make([]float32, x.tax.Occupations())
	const wide, least = 150, .3
	for i, t := range p.titles {
		age := float32(1 - .15*float64(i))
		for _, m := range x.tax.NearestOccupations(t.Core, wide, least) {
			near[m.Ref] = max(near[m.Ref], age*float32(scale(float64(m.Cosine), titleFloor, 1)))
		}
		if t.Known {
			near[t.Occupation] = max(near[t.Occupation], age)
		}
	}
	return near
}

// addUp sums, for each slot, the weight of the wanted skills that the resume has.
func (x *Index) addUp(p *person, s *scratch) {
	s.sum = slices.Grow(s.sum[:0], len(x.slots))[:len(x.slots)]
	clear(s.sum)
	for skill, worth := range p.worth {
		if worth == 0 {
			continue
		}
		var weight [4]float32
		for need := optional; need <= required; need++ {
			weight[need] = float32(worth * skillWeight(x.tax, taxonomy.Ref(skill), need))
		}
		for _, e := range x.postings[taxonomy.Ref(skill)] {
			s.sum[e>>2] += weight[e&3]
		}
	}
}

// preselect returns the slots that are best in skills and occupation and hold
// the hard wishes: sorted by counting into 1,024 classes.
func (x *Index) preselect(p *person, near []float32, s *scratch, limit int) []uint32 {
	const classes = 1024
	var count [classes + 1]int
	s.bucket = slices.Grow(s.bucket[:0], len(x.slots))[:len(x.slots)]
	s.order = slices.Grow(s.order[:0], len(x.slots))[:len(x.slots)]
	for at := range x.slots {
		slot := &x.slots[at]
		fit := float32(0)
		if s.sum[at] > 0 {
			fit = skillShare * float32(skillPart(float64(s.sum[at]), float64(slot.total)))
		}
		if slot.known {
			fit += titleShare * near[slot.occupation]
		}
		class := uint16((classes - 1) * (1 - fit/(skillShare+titleShare)))
		if !slot.live {
			class = classes
		}
		s.bucket[at] = class
		count[class]++
	}
	next := 0
	for class := range count {
		count[class], next = next, next+count[class]
	}
	for at, class := range s.bucket {
		s.order[count[class]] = uint32(at)
		count[class]++
	}
	out := make([]uint32, 0, min(limit, len(x.byID)))
	for _, at := range s.order[:len(x.byID)] {
		if p.holds(&x.documents[at].Facts) {
			if out = append(out, at); len(out) == limit {
				break
			}
		}
	}
	return out
}

type scoredSlot struct {
	at    uint32
	total float64
	parts Parts
}

// scoreAll scores slots exactly, on all processors.
func (x *Index) scoreAll(p *person, slots []uint32) []scoredSlot {
	q := x.frequencies.query(p.terms)
	out := make([]scoredSlot, len(slots))
	workers := min(runtime.GOMAXPROCS(0), 1+len(slots)/256)
	size := (len(slots) + workers - 1) / max(1, workers)
	var all sync.WaitGroup
	for from := 0; from < len(slots); from += size {
		part, into := slots[from:min(from+size, len(slots))], out[from:min(from+size, len(slots))]
		all.Go(func() { x.score(p, &q, part, into) })
	}
	all.Wait()
	return out
}

func (x *Index) score(p *person, q *textQuery, slots []uint32, out []scoredSlot) {
	texts := make([]float32, len(slots))
	x.textVector.Cosines(&p.vector, slots, texts)
	titles := make([]uint32, len(slots))
	for i, at := range slots {
		titles[i] = x.titleOf[at]
	}
	cosines := make([][]float32, len(p.vectors))
	for i := range p.vectors {
		cosines[i] = make([]float32, len(slots))
		x.titleVector.Cosines(&p.vectors[i], titles, cosines[i])
	}
	for i, at := range slots {
		d := &x.documents[at]
		sum := 0.
		for _, w := range d.Skills {
			if worth := p.worth[w.Skill]; worth > 0 {
				sum += worth * skillWeight(x.tax, w.Skill, w.Need)
			}
		}
		parts := Parts{
			Skills: skillPart(sum, d.Total),
			Title:  p.titlePart(d, func(title int) float64 { return float64(cosines[title][i]) }),
			Text:   textPart(q.bm25(d), float64(texts[i])),
			Level:  level(p.seniority, d.Seniority),
		}
		out[i] = scoredSlot{at, parts.total(), parts}
	}
}

func (x *Index) result(p *person, s scoredSlot) Result {
	d := &x.documents[s.at]
	out := Result{ID: d.ID, Score: s.parts.score(), Parts: s.parts}
	wanted := slices.Clone(d.Skills)
	slices.SortStableFunc(wanted, func(a, b wantedSkill) int { return cmp.Compare(b.Need, a.Need) })
	for _, w := range wanted {
		if p.worth[w.Skill] >= impliedWorth {
			out.Has = append(out.Has, w.Skill)
		} else {
			out.Lacks = append(out.Lacks, w.Skill)
		}
	}
	return out
}

// Bytes is about how much memory the postings take.
func (x *Index) Bytes() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := len(x.slots)*(8+4) + x.textVector.Len()*(embedding.Dim+20) + x.titleVector.Len()*(embedding.Dim+20) + 4*termBuckets
	for i := range x.documents {
		d := &x.documents[i]
		n += 240 + 4*cap(d.Skills) + 4*cap(d.Terms) + len(d.ID) + len(d.Core) + 64*len(d.Facts.Places) + 4*len(d.Skills)
	}
	return n
}
