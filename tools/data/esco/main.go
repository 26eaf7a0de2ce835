// Command esco builds the taxonomy that the ai service embeds, from the ESCO
// classification and the project's own lists beside this file:
//
//	go run ./tools/data/esco -esco DIR
//
// DIR holds skills.csv.gz (uri, type, reuseLevel, label, altLabels),
// occupations.csv.gz (uri, iscoGroup, label, altLabels; alternative labels are
// separated by a bar) and occupation_skills.csv.gz (occupation, relation,
// skill), ESCO 1.1.1 in English as https://esco.ec.europa.eu/en/use-esco/download
// has it, reduced to these columns. The same input gives the same bytes. NOTICE
// names the source.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where the taxonomy goes and where common words come from, relative to the root
// of the checkout.
const (
	output = "services/ai/internal/taxonomy/data/taxonomy.bin"
	vocab  = "services/ai/internal/embedding/data/vocab.txt"
)

func main() {
	dir := flag.String("esco", "", "folder with skills.csv.gz, occupations.csv.gz and occupation_skills.csv.gz")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "esco:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	if dir == "" {
		return fmt.Errorf("usage: go run ./tools/data/esco -esco DIR")
	}
	words, err := os.ReadFile(vocab)
	if err != nil {
		return fmt.Errorf("run this in the root of the checkout: %w", err)
	}
	b := newBuilder(strings.Fields(string(words)))
	skills, err := table(filepath.Join(dir, "skills.csv.gz"), 5)
	if err != nil {
		return err
	}
	occupations, err := table(filepath.Join(dir, "occupations.csv.gz"), 4)
	if err != nil {
		return err
	}
	relations, err := table(filepath.Join(dir, "occupation_skills.csv.gz"), 3)
	if err != nil {
		return err
	}
	if err := b.classification(skills, occupations, relations); err != nil {
		return err
	}
	if err := b.technical(); err != nil {
		return fmt.Errorf("technical.txt: %w", err)
	}
	if err := b.titles(); err != nil {
		return fmt.Errorf("titles.txt: %w", err)
	}
	file, err := b.file()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(output, file, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d skills, %d occupations, %d bytes\n", output, len(b.skills.entries), len(b.occupations.entries), len(file))
	return nil
}

// table reads a compressed CSV file without its heading.
func table(path string, columns int) ([][]string, error) {
	packed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := csv.NewReader(z)
	r.FieldsPerRecord = columns
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: empty", path)
	}
	return rows[1:], nil
}

// uuid is the 16 bytes of the end of an ESCO URI.
func uuid(s string) ([16]byte, error) {
	var id [16]byte
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not a UUID", s)
	}
	return [16]byte(b), nil
}

// sections is the file: a magic number, then blocks of bytes with their lengths.
// The ai service reads them in this order (internal/taxonomy/file.go).
type sections struct{ bytes.Buffer }

func (s *sections) add(b []byte) {
	s.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
	s.Write(b)
}

func (s *sections) lines(lines []string) { s.add([]byte(strings.Join(lines, "\n"))) }

func (s *sections) numbers(numbers []uint16) {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	s.add(b)
}
