// Command score parses the documents of a folder and prints, in the format of
// Go's benchmarks, how long a PDF of one to three pages takes against extracting
// its text alone, or how well the documents were read:
//
//	go run ./services/ai/internal/parser/score -bench FOLDER
//	go run ./services/ai/internal/parser/score -scorer SCORE.PY FOLDER
//	go run ./services/ai/internal/parser/score -out DIR FOLDER
//
// The last writes a JSON Resume for each document, named after it. The scorer is a
// program that holds such a folder against the truth: it is called with the folder
// and --json, and prints {"total": {"names": […, F1], …}}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/services/ai/internal/document"
	"github.com/jobpilot/jobpilot/services/ai/internal/parser"
)

func main() {
	document.Worker()
	out := flag.String("out", "", "folder for the JSON Resumes; created")
	scorer := flag.String("scorer", "", "Python program that scores the JSON Resumes")
	bench := flag.Bool("bench", false, "measure the PDFs of one to three pages")
	cache := flag.String("cache", filepath.Join(os.TempDir(), "jobpilot-pdfium"), "folder for compiled code")
	flag.Parse()
	if flag.NArg() != 1 || *out == "" && *scorer == "" && !*bench {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out, *scorer, *cache, *bench); err != nil {
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1)
	}
}

func run(folder, out, scorer, cache string, bench bool) error {
	reader := document.New(document.Config{CacheDir: cache, Workers: 1})
	defer reader.Close()
	names, err := filepath.Glob(filepath.Join(folder, "*.*"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: there is no document", folder)
	}
	if bench {
		return measure(reader, names, cache)
	}
	if out == "" {
		if out, err = os.MkdirTemp("", "jobpilot-score-"); err != nil {
			return err
		}
		defer os.RemoveAll(out)
	}
	if err := write(reader, names, out); err != nil || scorer == "" {
		return err
	}
	return score(scorer, out)
}

// write parses documents into JSON Resumes.
func write(reader *document.Reader, names []string, out string) error {
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

// score prints what a program says of a folder of JSON Resumes: F1 by part.
func score(scorer, folder string) error {
	answer, err := exec.Command("python3", scorer, folder, "--json").Output()
	if err != nil {
		return fmt.Errorf("%s: %w", scorer, err)
	}
	var scores struct{ Total map[string][]float64 }
	if err := json.Unmarshal(answer, &scores); err != nil {
		return fmt.Errorf("%s: %w", scorer, err)
	}
	fmt.Print("BenchmarkScore 1")
	for _, part := range slices.Sorted(maps.Keys(scores.Total)) {
		if numbers := scores.Total[part]; len(numbers) > 0 {
			fmt.Printf(" %.3f %s", numbers[len(numbers)-1], strings.ReplaceAll(part, " ", ""))
		}
	}
	fmt.Println()
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
	var whole, bare, ratios []float64
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
		whole, bare, ratios = append(whole, a), append(bare, b), append(ratios, a/b)
		fmt.Printf("%-40s %d pages  %6.1f ms  text alone %6.1f ms  × %.2f\n", filepath.Base(name), len(doc.Pages), a, b, a/b)
	}
	if len(whole) == 0 {
		return errors.New("there is no PDF of one to three pages")
	}
	fmt.Printf("BenchmarkParse %d %.2f ms %.2f text-ms %.3f times-text\n", len(whole), median(whole), median(bare), median(ratios))
	return nil
}

func ms(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
