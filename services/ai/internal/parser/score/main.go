// Command score parses every document of a folder and writes a JSON Resume for
// each, named after it, for a scorer to compare with the truth; and measures how
// long reading and parsing a PDF takes against extracting its text alone.
//
//	go run ./services/ai/internal/parser/score [-out DIR] [-bench] FOLDER
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/document"
	"github.com/jobpilot/jobpilot/services/ai/internal/parser"
)

func main() {
	document.Worker()
	out := flag.String("out", "", "folder for the JSON Resumes; created")
	bench := flag.Bool("bench", false, "measure the PDFs of one to three pages")
	cache := flag.String("cache", filepath.Join(os.TempDir(), "jobpilot-pdfium"), "folder for compiled code")
	flag.Parse()
	if flag.NArg() != 1 || *out == "" && !*bench {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out, *cache, *bench); err != nil {
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1)
	}
}

func run(folder, out, cache string, bench bool) error {
	reader := document.New(document.Config{CacheDir: cache, Workers: 1})
	defer reader.Close()
	names, err := filepath.Glob(filepath.Join(folder, "*.*"))
	if err != nil {
		return err
	}
	if bench {
		return measure(reader, names, cache)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		doc, err := reader.Read(context.Background(), data)
		if err != nil {
			fmt.Printf("%s: %v\n", filepath.Base(name), err)
			continue
		}
		result, err := parser.Parse(context.Background(), doc, nil)
		if err != nil {
			return err
		}
		b, err := json.MarshalIndent(result.Resume, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, filepath.Base(name)+".json"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// measure prints, for each PDF of one to three pages, the median time of reading
// and parsing it and that of extracting its text, interleaved in one run.
func measure(reader *document.Reader, names []string, cache string) error {
	ctx := context.Background()
	plain, err := document.NewPlain(cache)
	if err != nil {
		return err
	}
	defer plain.Close()
	var whole, ratios []float64
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if filepath.Ext(name) != ".pdf" {
			continue
		}
		doc, err := reader.Read(ctx, data)
		if err != nil || len(doc.Pages) > 3 {
			continue
		}
		var ours, theirs []float64
		for range 15 {
			start := time.Now()
			doc, err := reader.Read(ctx, data)
			if err != nil {
				return err
			}
			if _, err := parser.Parse(ctx, doc, nil); err != nil {
				return err
			}
			ours = append(ours, ms(start))
			start = time.Now()
			if err := plain.Text(data); err != nil {
				return err
			}
			theirs = append(theirs, ms(start))
		}
		a, b := median(ours), median(theirs)
		whole, ratios = append(whole, a), append(ratios, a/b)
		fmt.Printf("%-40s %d pages  %6.1f ms  text alone %6.1f ms  × %.2f\n", filepath.Base(name), len(doc.Pages), a, b, a/b)
	}
	fmt.Printf("median %.1f ms (limit 30), × %.2f (limit 3)\n", median(whole), median(ratios))
	return nil
}

func ms(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
