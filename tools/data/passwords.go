package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Words outside these lengths, in characters, are left out: shorter ones are
// guessed as fast character by character, longer ones are too rare.
const minWord, maxWord = 3, 24

// word is what the table says of a word.
type word struct {
	rank   int  // place in the list it is most frequent in, from 1
	common bool // it is a common password, not only a word or a name
}

// passwords builds the table of common passwords, English words and names:
// sorted 64-bit big-endian entries, of which the upper 58 bits are the word's
// [wordHash], bit 5 says that it is a common password and the lower five hold
// ceil(log2(rank)).
func passwords() ([]byte, error) {
	common, err := commonPasswords.files("src/passwords.json")
	if err != nil {
		return nil, err
	}
	english, err := englishWords.files("src/wikipedia.json", "src/firstnames.json", "src/lastnames.json")
	if err != nil {
		return nil, err
	}
	django, err := djangoPasswords.files("django/contrib/auth/common-passwords.txt.gz")
	if err != nil {
		return nil, err
	}
	lists := make([][]string, 0, 4)
	for _, b := range [][]byte{common[0], english[0], english[1], english[2]} {
		var list []string
		if err := json.Unmarshal(b, &list); err != nil {
			return nil, fmt.Errorf("read a word list: %w", err)
		}
		lists = append(lists, list)
	}
	more, err := gunzipLines(django[0])
	if err != nil {
		return nil, fmt.Errorf("read the list of Django: %w", err)
	}

	words := map[string]word{}
	add := func(list []string, common bool) { // list is ordered by frequency
		for i, s := range list {
			s = strings.Map(unicode.ToLower, s)
			if n := utf8.RuneCountInString(s); n < minWord || n > maxWord {
				continue
			}
			w, known := words[s]
			if !known || i+1 < w.rank {
				w.rank = i + 1
			}
			w.common = w.common || common
			words[s] = w
		}
	}
	add(lists[0], true)
	add(more, true)
	add(lists[1], false)
	add(lists[2], false)
	add(lists[3][:min(len(lists[3]), 15_000)], false)

	entries := make(map[uint64]uint64, len(words)) // hash → entry
	for _, s := range slices.Sorted(maps.Keys(words)) {
		w, hash := words[s], wordHash(s)&^0x3f
		if _, taken := entries[hash]; taken {
			return nil, fmt.Errorf("two words have one hash; %q is the second", s)
		}
		entry := hash | uint64(bits.Len(uint(w.rank-1)))
		if w.common {
			entry |= 0x20
		}
		entries[hash] = entry
	}
	table := make([]byte, 0, 8*len(entries))
	for _, e := range slices.Sorted(maps.Values(entries)) {
		table = binary.BigEndian.AppendUint64(table, e)
	}
	return table, nil
}

// wordHash is FNV-1a with a final mix (that of MurmurHash3), because FNV leaves
// the upper bits of short words alike. The auth service has the same function.
func wordHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for _, r := range s {
		h = (h ^ uint64(r)) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	return h ^ h>>33
}

func gunzipLines(b []byte) ([]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(text)), nil
}
