// Command measure tells how well package taxonomy finds skills in text that it
// was not made from. It prints tables and judges nothing.
//
//	go run ./internal/taxonomy/measure -skillspan DIR -esco DIR
//
// DIR of -skillspan holds dev.json.gz and train.json.gz of SkillSpan (Zhang et
// al. 2022, https://aclanthology.org/2022.naacl-main.366/): sentences of
// postings with marked skills and knowledge. DIR of -esco is what
// tools/data/esco reads: every tenth alternative label, taken out, has to lead
// back to its skill by meaning alone.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

func main() {
	skillspan := flag.String("skillspan", "", "folder of SkillSpan")
	esco := flag.String("esco", "", "folder of ESCO")
	flag.Parse()
	if *skillspan == "" && *esco == "" {
		fmt.Fprintln(os.Stderr, "measure: name -skillspan DIR, -esco DIR or both")
		os.Exit(2)
	}
	if err := run(*skillspan, *esco); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(skillspan, esco string) error {
	if skillspan != "" {
		for _, part := range []string{"train", "dev"} {
			if err := spans(part, filepath.Join(skillspan, part+".json.gz")); err != nil {
				return err
			}
		}
	}
	if esco != "" {
		return labels(filepath.Join(esco, "skills.csv.gz"))
	}
	return nil
}

func open(path string) (*gzip.Reader, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return z, func() { _ = f.Close() }, nil
}

type span struct{ start, end int }

// marked returns the places of the spans that BIO tags mark.
func marked(tags []string, begin, end []int) []span {
	var out []span
	for i, tag := range tags {
		switch {
		case strings.HasPrefix(tag, "B"):
			out = append(out, span{begin[i], end[i]})
		case strings.HasPrefix(tag, "I") && len(out) > 0:
			out[len(out)-1].end = end[i]
		}
	}
	return out
}

// tally counts spans: exact ones, and those that share a character.
type tally struct{ found, wanted, exact, touchedFound, touchedWanted int }

func (t *tally) add(found, wanted []span) {
	t.found += len(found)
	t.wanted += len(wanted)
	overlap := func(a, b span) bool { return a.start < b.end && b.start < a.end }
	for _, f := range found {
		touched := false
		for _, w := range wanted {
			if f == w {
				t.exact++
			}
			touched = touched || overlap(f, w)
		}
		if touched {
			t.touchedFound++
		}
	}
	for _, w := range wanted {
		for _, f := range found {
			if overlap(f, w) {
				t.touchedWanted++
				break
			}
		}
	}
}

func (t *tally) print(what string) {
	rate := func(n, of int) float64 { return float64(n) / float64(max(1, of)) }
	f1 := func(p, r float64) float64 { return 2 * p * r / max(p+r, 1e-9) }
	p, r := rate(t.touchedFound, t.found), rate(t.touchedWanted, t.wanted)
	ep, er := rate(t.exact, t.found), rate(t.exact, t.wanted)
	fmt.Printf("%-34s marked %5d  found %5d  overlap P %.3f R %.3f F1 %.3f  exact P %.3f R %.3f F1 %.3f\n",
		what, t.wanted, t.found, p, r, f1(p, r), ep, er, f1(ep, er))
}

func spans(part, path string) error {
	z, done, err := open(path)
	if err != nil {
		return err
	}
	defer done()
	tax := taxonomy.Load()
	var skills, knowledge, both tally
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s struct {
			Tokens    []string
			Skill     []string `json:"tags_skill"`
			Knowledge []string `json:"tags_knowledge"`
		}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var text strings.Builder
		begin, end := make([]int, len(s.Tokens)), make([]int, len(s.Tokens))
		for i, token := range s.Tokens {
			if i > 0 {
				text.WriteByte(' ')
			}
			begin[i] = text.Len()
			text.WriteString(token)
			end[i] = text.Len()
		}
		var all []span
		for _, h := range tax.Find(text.String()) {
			all = append(all, span{h.Start, h.End})
		}
		a, b := marked(s.Skill, begin, end), marked(s.Knowledge, begin, end)
		skills.add(all, a)
		knowledge.add(all, b)
		both.add(all, append(a, b...))
	}
	if err := lines.Err(); err != nil {
		return err
	}
	both.print("SkillSpan " + part + ", either")
	knowledge.print("SkillSpan " + part + ", knowledge (recall)")
	skills.print("SkillSpan " + part + ", skills (recall)")
	return nil
}

// labels takes every tenth alternative label out of ESCO and looks for it among
// the centroids of what is left.
func labels(path string) error {
	z, done, err := open(path)
	if err != nil {
		return err
	}
	defer done()
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		return err
	}
	m := embedding.Load()
	type query struct {
		text  string
		skill uint32
	}
	var queries []query
	known := map[string]bool{}
	vectors := make([]embedding.Vector, 0, len(rows))
	for i, row := range rows[1:] {
		sum := m.Embed(row[3])
		for j := range sum {
			sum[j] *= 2
		}
		known[strings.ToLower(row[3])] = true
		for alt := range strings.SplitSeq(row[4], "|") {
			alt = strings.TrimSpace(alt)
			h := fnv.New32a()
			_, _ = h.Write([]byte(strings.ToLower(alt)))
			if alt == "" || strings.EqualFold(alt, row[3]) {
				continue
			}
			if h.Sum32()%10 == 0 {
				queries = append(queries, query{alt, uint32(i)})
				continue
			}
			known[strings.ToLower(alt)] = true
			v := m.Embed(alt)
			for j := range sum {
				sum[j] += v[j]
			}
		}
		sum.Normalize()
		vectors = append(vectors, sum)
	}
	index := embedding.NewIndex(embedding.Mean(vectors))
	for i := range vectors {
		index.Put(uint32(i), &vectors[i])
	}
	asked, first, ten, sure, sureRight := 0, 0, 0, 0, 0
	for _, q := range queries {
		if known[strings.ToLower(q.text)] {
			continue
		}
		asked++
		v := m.Embed(q.text)
		for place, hit := range index.Search(&v, 10) {
			right := hit.ID == q.skill
			if right {
				ten++
			}
			if place == 0 && right {
				first++
			}
			if place == 0 && hit.Cosine >= .6 {
				sure++
				if right {
					sureRight++
				}
			}
		}
	}
	rate := func(n, of int) float64 { return float64(n) / float64(max(1, of)) }
	fmt.Printf("unseen alternative labels: %d asked, first hit %.3f, in ten %.3f; cosine ≥ .6: %.3f of them, first hit %.3f\n",
		asked, rate(first, asked), rate(ten, asked), rate(sure, asked), rate(sureRight, sure))
	return nil
}
