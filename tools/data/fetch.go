package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// source is a package of a registry, pinned by version and by the SHA-512 of
// its archive.
type source struct {
	name, version, sha512 string
	fetch                 []string // command; the archive lands in its working directory
	open                  func(archive []byte, name string) ([]byte, error)
}

func npm(name, version, sha512 string) source {
	return source{name, version, sha512,
		[]string{"npm", "pack", "--silent", name + "@" + version}, fromTarball}
}

func pip(name, version, sha512 string) source {
	return source{name, version, sha512,
		[]string{"pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--python-version=3.13", name + "==" + version}, fromWheel}
}

// files fetches the package and returns the named files of it, in their order.
func (s source) files(names ...string) ([][]byte, error) {
	archive, err := s.archive()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", s.name, s.version, err)
	}
	var contents [][]byte
	for _, name := range names {
		b, err := s.open(archive, name)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %s: %w", s.name, s.version, name, err)
		}
		contents = append(contents, b)
	}
	return contents, nil
}

func (s source) archive() ([]byte, error) {
	dir, err := os.MkdirTemp("", "jobpilot-data-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(s.fetch[0], s.fetch[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(s.fetch, " "), err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("%s left %d files, want one archive", s.fetch[0], len(found))
	}
	archive, err := os.ReadFile(found[0])
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != s.sha512 {
		return nil, fmt.Errorf("the archive's SHA-512 is %s, not the pinned %s", got, s.sha512)
	}
	return archive, nil
}

func fromTarball(archive []byte, name string) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, os.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		if h.Name == "package/"+name {
			return io.ReadAll(t)
		}
	}
}

func fromWheel(archive []byte, name string) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
