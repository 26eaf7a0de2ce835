package auth

import (
	"encoding/binary"
	"net/netip"
	"regexp"
	"testing"
)

func TestCountryOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"8.8.8.8":                 "US",
		"193.0.6.139":             "NL", // RIPE NCC
		"202.12.29.175":           "AU", // APNIC
		"196.216.2.1":             "ZA", // AFRINIC
		"200.3.14.10":             "UY", // LACNIC
		"133.11.0.1":              "JP",
		"::ffff:133.11.0.1":       "JP",
		"2001:4860:4860::8888":    "US",
		"2001:200:dff:fff1::44d7": "JP",
		"2c0f:fff0::1":            "NG", // the last block of all
		"2001:200::1%eth0":        "JP",

		"0.0.0.0": "", "0.255.255.255": "", "10.1.2.3": "", "127.0.0.1": "", "192.168.1.1": "",
		"224.0.0.1": "", "255.255.255.255": "", "100.64.0.1": "",
		"::": "", "::1": "", "fe80::1%eth0": "", "fd00::1": "", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "",
		"2001:db8::1": "",
	} {
		if got := CountryOf(netip.MustParseAddr(addr)); got != want {
			t.Errorf("CountryOf(%s) = %q, want %q", addr, got, want)
		}
	}
	if got := CountryOf(netip.Addr{}); got != "" {
		t.Errorf("CountryOf(no address) = %q", got)
	}
}

// The search relies on this: sorted entries, indexes that name a country, and no
// two neighbours of the same one.
func TestCountryTable(t *testing.T) {
	t.Parallel()
	codes := map[byte]string{0: ""}
	for i := 1; i < 256 && countryTable[2*i] != 0; i++ {
		codes[byte(i)] = string(countryTable[2*i : 2*i+2])
		if !regexp.MustCompile(`^[A-Z]{2}$`).MatchString(codes[byte(i)]) || codes[byte(i)] <= codes[byte(i-1)] {
			t.Errorf("code %d is %q", i, codes[byte(i)])
		}
	}
	v4 := 516 + 5*int(binary.BigEndian.Uint32(countryTable[512:]))
	for width, entries := range map[int][]byte{4: countryTable[516:v4], 6: countryTable[v4:]} {
		size := width + 1
		if len(entries)%size != 0 || len(entries)/size < 100_000 {
			t.Fatalf("%d bytes of entries of %d", len(entries), size)
		}
		for i := 0; i < len(entries); i += size {
			if _, ok := codes[entries[i+width]]; !ok {
				t.Fatalf("entry %d has the unknown country %d", i/size, entries[i+width])
			}
			if i == 0 {
				continue
			}
			if string(entries[i-size:i-1]) >= string(entries[i:i+width]) || entries[i-1] == entries[i+width] {
				t.Fatalf("entry %d is not after and unlike the one before it", i/size)
			}
		}
	}
}

func BenchmarkCountryOf(b *testing.B) {
	addr := netip.MustParseAddr("2a02:8108:1234::1")
	b.ReportAllocs()
	for b.Loop() {
		CountryOf(addr)
	}
}
