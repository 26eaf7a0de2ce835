package auth

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"net/netip"
	"sort"
)

// countryTable is built by tools/data and searched where it lies, so it costs
// no heap and only the pages that are looked at. Its layout is described there.
//
//go:embed data/countries.bin
var countryTable []byte

// CountryOf is the ISO 3166-1 alpha-2 code of the country in which the block
// that holds addr is registered with its regional registry, or "" when it is
// not (private and reserved addresses, the zero Addr). That is where the
// network's operator says it is, usually but not always where the person is: a
// hint for people who look at their sessions, never a ground for a decision.
func CountryOf(addr netip.Addr) string {
	const header = 512 + 4
	addr = addr.Unmap()
	v6 := header + 5*int(binary.BigEndian.Uint32(countryTable[512:]))
	var entries []byte
	var width int
	switch {
	case addr.Is4():
		entries, width = countryTable[header:v6], 4
	case addr.Is6():
		entries, width = countryTable[v6:], 6
	default:
		return ""
	}
	prefix := addr.AsSlice()[:width]
	size := width + 1
	after := sort.Search(len(entries)/size, func(i int) bool {
		return bytes.Compare(entries[i*size:i*size+width], prefix) > 0
	})
	if after == 0 {
		return ""
	}
	code := 2 * int(entries[after*size-1])
	if code == 0 {
		return ""
	}
	return string(countryTable[code : code+2])
}
