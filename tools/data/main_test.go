package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestEntries(t *testing.T) {
	t.Parallel()
	blocks, err := readBlocks([]byte("1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.1.255,AU\n1.0.2.0,1.0.2.255,CN\n1.0.4.0,1.0.4.255,CN\n255.255.255.0,255.255.255.255,JP\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := entries(blocks, 4, []string{"", "AU", "CN", "JP"})
	want := []byte{
		1, 0, 0, 0, 1, // two blocks joined
		1, 0, 2, 0, 2,
		1, 0, 3, 0, 0, // nobody's
		1, 0, 4, 0, 2,
		1, 0, 5, 0, 0,
		255, 255, 255, 0, 3, // to the end
	}
	if !bytes.Equal(got, want) {
		t.Errorf("IPv4:\n got %v\nwant %v", got, want)
	}

	blocks, err = readBlocks([]byte("2001:200::,2001:200:0:ffff:ffff:ffff:ffff:ffff,JP\n2001:200:1::,2001:200:1:0:ffff:ffff:ffff:ffff,AU\n2001:200:1:1::,2001:200:1:ffff:ffff:ffff:ffff:ffff,CN\n"))
	if err != nil {
		t.Fatal(err)
	}
	got = entries(blocks, 6, []string{"", "AU", "CN", "JP"})
	want = []byte{
		0x20, 1, 2, 0, 0, 0, 3,
		0x20, 1, 2, 0, 0, 1, 1, // the first block inside the prefix
		0x20, 1, 2, 0, 0, 2, 0,
	}
	if !bytes.Equal(got, want) {
		t.Errorf("IPv6:\n got %v\nwant %v", got, want)
	}
}

func TestReadBlocksRefuses(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"1.0.0.0,1.0.0.255\n", "1.0.0.0,1.0.0.255,au\n", "1.0.0.0,1.0.0.255,AUS\n", "one,two,AU\n", "1.0.0.0,1.0.0,AU\n",
		"1.0.0.255,1.0.0.0,AU\n", "1.0.0.0,1.0.0.255,AU\n1.0.0.255,1.0.1.255,CN\n", "2.0.0.0,2.0.0.1,AU\n1.0.0.0,1.0.0.1,CN\n",
	} {
		if blocks, err := readBlocks([]byte(file)); err == nil {
			t.Errorf("%q: %v", file, blocks)
		}
	}
}

func TestArchives(t *testing.T) {
	t.Parallel()
	var tarball, wheel bytes.Buffer
	z := gzip.NewWriter(&tarball)
	tw := tar.NewWriter(z)
	zw := zip.NewWriter(&wheel)
	for _, err := range []error{
		tw.WriteHeader(&tar.Header{Name: "package/src/words.json", Size: 4, Mode: 0o644}),
		func() error { _, err := tw.Write([]byte("[\"\"]")); return err }(), tw.Close(), z.Close(),
		func() error {
			w, err := zw.Create("src/words.json")
			if err == nil {
				_, err = w.Write([]byte("[\"\"]"))
			}
			return err
		}(), zw.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for kind, c := range map[string]struct {
		open    func([]byte, string) ([]byte, error)
		archive []byte
	}{"tarball": {fromTarball, tarball.Bytes()}, "wheel": {fromWheel, wheel.Bytes()}} {
		if b, err := c.open(c.archive, "src/words.json"); err != nil || string(b) != "[\"\"]" {
			t.Errorf("%s: %q, %v", kind, b, err)
		}
		if _, err := c.open(c.archive, "src/none.json"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a missing file: %v", kind, err)
		}
		if _, err := c.open([]byte("junk"), "src/words.json"); err == nil {
			t.Errorf("%s: junk was read", kind)
		}
	}
}

// An archive that is not the pinned one is not used.
func TestPinned(t *testing.T) {
	t.Parallel()
	s := source{name: "words", version: "1", sha512: "AAAA", fetch: []string{"touch", "archive"}}
	if _, err := s.files("a"); err == nil || !strings.Contains(err.Error(), "not the pinned AAAA") {
		t.Errorf("another archive: %v", err)
	}
	s.fetch = []string{"true"}
	if _, err := s.files("a"); err == nil || !strings.Contains(err.Error(), "left 0 files") {
		t.Errorf("no archive: %v", err)
	}
	s.fetch = []string{"false"}
	if _, err := s.files("a"); err == nil {
		t.Error("a failed fetch passed")
	}
}

func TestWordHashSpreads(t *testing.T) {
	t.Parallel()
	var tops []byte
	for _, s := range []string{"aaa", "aab", "aac", "baa", "caa", "123", "124", "été"} {
		if top := byte(wordHash(s) >> 56); !slices.Contains(tops, top) {
			tops = append(tops, top)
		}
	}
	if len(tops) < 7 {
		t.Errorf("short words share their upper bits: %x", tops)
	}
}
