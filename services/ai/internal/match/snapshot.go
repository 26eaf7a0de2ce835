package match

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"github.com/jobpilot/jobpilot/services/ai/internal/embedding"
	"github.com/jobpilot/jobpilot/services/ai/internal/taxonomy"
)

// snapshotHead begins a snapshot. Skills are kept by their Refs, which hold for
// one build of the taxonomy, so that has to be the same.
type snapshotHead struct {
	Format, Taxonomy string
	Postings         int
}

const snapshotFormat = "jobpilot match 1"

// ErrStale is returned for a snapshot that another version wrote: the postings
// have to be put in again.
var ErrStale = errors.New("the snapshot is of another version; put the postings in again")

// WriteTo writes a snapshot, from which [ReadIndex] makes the index again without
// reading the postings: a second for 100,000 instead of a minute. Changes wait
// until it is written.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	counted := &counter{w: w}
	buf := bufio.NewWriterSize(counted, 1<<20)
	err := x.write(buf)
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return counted.n, fmt.Errorf("write a snapshot: %w", err)
	}
	return counted.n, nil
}

func (x *Index) write(w io.Writer) error {
	enc := gob.NewEncoder(w)
	if err := enc.Encode(snapshotHead{snapshotFormat, x.tax.Version(), len(x.byID)}); err != nil {
		return err
	}
	// Slots are numbered anew, without the free ones.
	vectors := embedding.NewIndex(embedding.Vector{})
	n := uint32(0)
	for at := range x.slots {
		if !x.slots[at].live {
			continue
		}
		if err := enc.Encode(&x.documents[at]); err != nil {
			return err
		}
		vectors.Copy(n, x.textVector, uint32(at))
		n++
	}
	_, err := vectors.WriteTo(w)
	return err
}

// ReadIndex reads a snapshot. The error is [ErrStale] for one of another version.
func ReadIndex(tax *taxonomy.Taxonomy, r io.Reader) (*Index, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	dec := gob.NewDecoder(in) // reads no further than its values, since in is a ByteReader
	var head snapshotHead
	if err := dec.Decode(&head); err != nil {
		return nil, fmt.Errorf("read a snapshot: %w", err)
	}
	if head.Format != snapshotFormat || head.Taxonomy != tax.Version() {
		return nil, ErrStale
	}
	x := NewIndex(tax)
	for range head.Postings {
		var d document
		if err := dec.Decode(&d); err != nil {
			return nil, fmt.Errorf("read a snapshot: %w", err)
		}
		if err := x.admissible(&d); err != nil {
			return nil, fmt.Errorf("read a snapshot: %w", err)
		}
		x.place(&d)
	}
	vectors, err := embedding.ReadIndex(in)
	if err != nil {
		return nil, fmt.Errorf("read a snapshot: %w", err)
	}
	if vectors.Len() != len(x.slots) {
		return nil, errors.New("read a snapshot: its vectors are not of its postings")
	}
	x.textVector = vectors
	return x, nil
}

// admissible refuses what no index wrote.
func (x *Index) admissible(d *document) error {
	if _, known := x.byID[d.ID]; known {
		return fmt.Errorf("posting %q occurs twice", d.ID)
	}
	if int(d.Occupation) >= x.tax.Occupations() || int(d.Seniority) >= len(rung) {
		return fmt.Errorf("posting %q has an unknown occupation or seniority", d.ID)
	}
	for _, w := range d.Skills {
		if int(w.Skill) >= x.tax.Len() || w.Need > required {
			return fmt.Errorf("posting %q has an unknown skill", d.ID)
		}
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
