package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

// block is a range of addresses with one country.
type block struct {
	first, last netip.Addr
	country     string
}

var isCountry = regexp.MustCompile(`^[A-Z]{2}$`)

// countries builds the table of countries:
//
//	256 × 2 letters   the country codes in use, the first of them empty (zeros)
//	uint32            number of IPv4 entries
//	n × (4+1) bytes   first address, index of its country
//	m × (6+1) bytes   first 48 bits of an IPv6 address, index of its country
//
// Entries are sorted and each reaches to the next one, so space that nobody has
// is an entry without a country. 48 bits of IPv6 are the longest prefix routed.
func countries() ([]byte, error) {
	files, err := countryBlocks.files("asn-country-ipv4.csv", "asn-country-ipv6.csv")
	if err != nil {
		return nil, err
	}
	var families [2][]block
	seen := map[string]bool{"": true}
	for i, file := range files {
		if families[i], err = readBlocks(file); err != nil {
			return nil, err
		}
		for _, b := range families[i] {
			seen[b.country] = true
		}
	}
	var codes []string
	for code := range seen {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	if len(codes) > 256 {
		return nil, fmt.Errorf("%d countries do not fit one byte", len(codes))
	}
	table := make([]byte, 512)
	for i, code := range codes {
		copy(table[2*i:], code)
	}
	v4 := entries(families[0], 4, codes)
	table = binary.BigEndian.AppendUint32(table, uint32(len(v4)/5))
	return slices.Concat(table, v4, entries(families[1], 6, codes)), nil
}

// readBlocks reads lines "first,last,country" and checks what entries relies on.
func readBlocks(file []byte) ([]block, error) {
	lines, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, err
	}
	blocks := make([]block, 0, len(lines))
	for _, l := range lines {
		if len(l) != 3 || !isCountry.MatchString(l[2]) {
			return nil, fmt.Errorf("line %q is not first,last,country", l)
		}
		b := block{country: l[2]}
		if b.first, err = netip.ParseAddr(l[0]); err != nil {
			return nil, err
		}
		if b.last, err = netip.ParseAddr(l[1]); err != nil {
			return nil, err
		}
		if b.last.Less(b.first) || len(blocks) > 0 && !blocks[len(blocks)-1].last.Less(b.first) {
			return nil, fmt.Errorf("block %s overlaps the one before it", b.first)
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// entries joins neighbouring blocks of one country and cuts addresses to width
// bytes; of several blocks inside one such prefix the first holds.
func entries(blocks []block, width int, codes []string) []byte {
	var table []byte
	last := 0 // index of the country of the last entry
	add := func(first netip.Addr, country string) {
		index, _ := slices.BinarySearch(codes, country)
		prefix := first.AsSlice()[:width]
		n := len(table) - width - 1
		if index == last || n >= 0 && bytes.Equal(table[n:n+width], prefix) {
			return
		}
		table = append(append(table, prefix...), byte(index))
		last = index
	}
	for i, b := range blocks {
		add(b.first, b.country)
		if next := b.last.Next(); next.IsValid() && (i+1 == len(blocks) || blocks[i+1].first != next) {
			add(next, "")
		}
	}
	return table
}
