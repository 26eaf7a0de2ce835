package match

import (
	"math"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// Shares of the score.
const (
	skillShare = .50
	titleShare = .25
	textShare  = .25
)

// The ends of the linear scales to 0–1. Of some fifteen resumes against 3,052 real
// postings, 5 % of the pairs lie below the lower ends and one in 200 above the
// upper ones. titleFloor is the cosine of titles of unrelated trades.
const (
	titleFloor                 = .25
	bm25Floor, bm25Ceiling     = 0, .10
	cosineFloor, cosineCeiling = .45, .85
)

// scale brings x to 0–1 between two ends.
func scale(x, floor, ceiling float64) float64 {
	return min(1, max(0, (x-floor)/(ceiling-floor)))
}

// rung is where a seniority stands on the ladder; leading people stands beside
// leading by knowledge.
var rung = [...]float64{
	taxonomy.Intern: 0, taxonomy.Junior: 1, taxonomy.Middle: 2, taxonomy.Senior: 3, taxonomy.Lead: 4, taxonomy.Manager: 4,
	taxonomy.Principal: 4.5, taxonomy.Director: 5.5, taxonomy.Executive: 6.5,
}

// level is the factor for the distance of two seniorities, −1 when one is
// unstated. A posting above the resume costs 12 % a step, one below 7 %.
func level(resume, posting taxonomy.Seniority) float64 {
	if resume == taxonomy.Unstated || posting == taxonomy.Unstated {
		return -1
	}
	steps := rung[posting] - rung[resume]
	if steps > 0 {
		return max(.5, 1-.12*steps)
	}
	return max(.6, 1+.07*steps)
}

// titlePart compares the titles of a resume with that of a posting, older ones
// for less; −1 when a side has none.
func (p *person) titlePart(d *document, cosine func(title int) float64) float64 {
	if len(p.titles) == 0 || d.Core == "" {
		return -1
	}
	best := 0.
	for i, t := range p.titles {
		age := 1 - .15*float64(i)
		if t.Known && d.Known && t.Occupation == d.Occupation && t.Cosine == 1 {
			best = max(best, age)
			continue
		}
		best = max(best, age*scale(cosine(i), titleFloor, 1))
	}
	return best
}

// skillPart is the share of the wanted skills that is there. One skill more that
// nobody has is added to what is wanted, so that a posting with a single skill is
// not the perfect match; −1 when the posting names none.
func skillPart(sum, total float64) float64 {
	if total == 0 {
		return -1
	}
	const unseen = .5
	return min(1, sum/(total+unseen)*(1+unseen/6))
}

// textPart fuses BM25 and cosine, .7 and .3.
func textPart(bm25, cosine float64) float64 {
	return .7*scale(bm25, bm25Floor, bm25Ceiling) + .3*scale(cosine, cosineFloor, cosineCeiling)
}

// total is the score of the parts; the weight of unknown ones goes to the others.
func (p Parts) total() float64 {
	sum, share := 0., 0.
	for _, part := range [...][2]float64{{p.Skills, skillShare}, {p.Title, titleShare}, {p.Text, textShare}} {
		if part[0] >= 0 {
			sum += part[0] * part[1]
			share += part[1]
		}
	}
	if share == 0 {
		return 0
	}
	if p.Level >= 0 {
		sum *= p.Level
	}
	return sum / share
}

func (p Parts) score() int { return int(math.Round(100 * p.total())) }

// pair scores one document by its texts.
func (p *person) pair(tax *taxonomy.Taxonomy, d *document, q *textQuery, text string) Parts {
	m := embedding.Load()
	sum := 0.
	for _, w := range d.Skills {
		sum += p.worth[w.Skill] * skillWeight(tax, w.Skill, w.Need)
	}
	title, whole := m.Embed(d.Core), m.Embed(text)
	return Parts{
		Skills: skillPart(sum, d.Total),
		Title:  p.titlePart(d, func(i int) float64 { return float64(p.vectors[i].Dot(&title)) }),
		Text:   textPart(q.bm25(d), float64(p.vector.Dot(&whole))),
		Level:  level(p.seniority, d.Seniority),
	}
}
