// Command cities writes the names of the cities that the parser knows: those of
// 50,000 people and more in the reference data (GeoNames, CC BY 4.0).
//
//	go run ./cities PLACES.csv.gz OUT.gz
package main

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// people is how many a city has at least. Of smaller ones too many are called like
// something else.
const people = 50_000

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: cities PLACES.csv.gz OUT.gz")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "cities:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	rows := csv.NewReader(unzipped)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n, err := strconv.Atoi(row[6]); err == nil && n >= people { // the heading is no number
			names[row[1]] = true
		}
	}
	o, err := os.Create(out)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(o, gzip.BestCompression)
	if err == nil {
		_, err = io.WriteString(z, strings.Join(slices.Sorted(maps.Keys(names)), "\n"))
	}
	return errors.Join(err, z.Close(), o.Close())
}
