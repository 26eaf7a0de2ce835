package auth

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // what the file has; nothing is protected by it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// breachedFile is the file of Pwned Passwords, SHA-1 ordered by hash: lines of 40
// hexadecimal digits, a colon and a count. It has some 40 GB and stays on disk.
type breachedFile struct {
	*os.File
	size int64
}

const (
	hashDigits  = 2 * sha1.Size
	maxHashLine = 128
)

// openBreachedFile opens the file and looks at its first line and at 64 others
// spread over it, which tells the wrong file from the right one.
func openBreachedFile(path string) (_ *breachedFile, err error) {
	const advice = "give the Pwned Passwords file with SHA-1 hashes ordered by hash"
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("breached passwords: %w; %s", err, advice)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("breached passwords: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, fmt.Errorf("breached passwords: %s is empty or not a file; %s", path, advice)
	}
	f := &breachedFile{file, info.Size()}
	var last []byte
	const samples = 64
	for i := range int64(samples) {
		hash, _, err := f.hashFrom(f.size / samples * i)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("breached passwords: %s: %w; %s", path, err, advice)
		}
		if bytes.Compare(hash, last) < 0 {
			return nil, fmt.Errorf("breached passwords: %s is not ordered by hash (%s is after %s); %s", path, hash, last, advice)
		}
		last = hash
	}
	return f, nil
}

// contains reports whether the password's hash is in the file.
func (f *breachedFile) contains(password string) (bool, error) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // see the import
	want := bytes.ToUpper(hex.AppendEncode(nil, sum[:]))
	low, high := int64(0), f.size
	for low < high {
		middle := low + (high-low)/2
		hash, next, err := f.hashFrom(middle)
		order := 1 // past the last line is after everything
		switch {
		case err == nil:
			order = bytes.Compare(hash, want)
		case !errors.Is(err, io.EOF):
			return false, fmt.Errorf("breached passwords: %s: %w", f.Name(), err)
		}
		switch {
		case order == 0:
			return true, nil
		case order < 0:
			low = next
		default:
			high = middle
		}
	}
	return false, nil
}

// hashFrom returns the hash of the first line that begins at offset or after it,
// in upper case, and where the line after that begins; io.EOF if there is none.
func (f *breachedFile) hashFrom(offset int64) (hash []byte, next int64, err error) {
	var buf [2 * maxHashLine]byte
	start := max(0, offset-1) // a line begins at offset if a newline is before it
	n, err := f.ReadAt(buf[:min(int64(len(buf)), f.size-start)], start)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	text := buf[:n]
	if offset > 0 {
		skip := bytes.IndexByte(text, '\n') + 1
		if skip == 0 && start+int64(n) < f.size {
			return nil, 0, fmt.Errorf("no line ends in the %d bytes from %d", n, start)
		}
		if skip == 0 || start+int64(skip) >= f.size {
			return nil, 0, io.EOF
		}
		text, start = text[skip:], start+int64(skip)
	}
	line, _, ended := bytes.Cut(text, []byte("\n"))
	if !ended && start+int64(len(text)) < f.size {
		return nil, 0, fmt.Errorf("the line at %d does not end", start)
	}
	hash, count, _ := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(":"))
	if _, err := hex.DecodeString(string(hash)); err != nil || len(hash) != hashDigits || bytes.ContainsFunc(count, func(r rune) bool { return r < '0' || r > '9' }) {
		return nil, 0, fmt.Errorf("the line at %d is not a SHA-1 hash, a colon and a count", start)
	}
	return bytes.ToUpper(hash), start + int64(len(line)) + 1, nil
}
