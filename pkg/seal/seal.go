// Package seal encrypts single values at rest and hashes those that must be
// found again by equality.
//
// A sealed value is bound to the place it is stored at: moved to another row,
// column or owner it does not open. It carries the version of its key, so keys
// rotate without downtime: add the new key, reseal what [Keys.NeedsReseal]
// reports, remove the old key.
//
// Layout of a sealed value: format version (1 byte, 0x01), key version (2 bytes,
// big endian), nonce (12 bytes, random), AES-256-GCM ciphertext and tag
// (NIST SP 800-38D; with random nonces a key is good for 2³² values).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	format    = 0x01
	header    = 1 + 2
	nonceSize = 12
	tagSize   = 16
	keySize   = 32
)

// Overhead is the number of bytes that sealing adds.
const Overhead = header + nonceSize + tagSize

// ErrOpen is the one error of [Keys.Open]. It does not say whether the value was
// damaged, belongs elsewhere or was sealed with a key that is not known here.
var ErrOpen = errors.New("seal: value cannot be opened")

// Place is where a sealed value is stored. Table, Column and Row name the cell;
// Owner is the user the row belongs to, or empty.
type Place struct {
	Table, Column, Row, Owner string
}

// Keys seals with its newest key and opens with any. It is safe for concurrent
// use.
type Keys struct {
	current uint16
	byID    map[uint16]cipher.AEAD
}

// ParseKeys reads "1:<base64>,2:<base64>": version and 32 random bytes each
// (`openssl rand -base64 32`). The highest version seals. Errors never contain
// key material.
func ParseKeys(s string) (*Keys, error) {
	k := &Keys{byID: map[uint16]cipher.AEAD{}}
	for i, part := range strings.Split(s, ",") {
		version, encoded, ok := strings.Cut(strings.TrimSpace(part), ":")
		id, err := strconv.ParseUint(version, 10, 16)
		if !ok || err != nil || id == 0 {
			return nil, fmt.Errorf("seal: key %d: want <version>:<base64>, version 1 to 65535", i+1)
		}
		raw, err := decodeKey(encoded)
		if err != nil {
			return nil, fmt.Errorf("seal: key version %d: %w", id, err)
		}
		if k.byID[uint16(id)] != nil {
			return nil, fmt.Errorf("seal: key version %d is given twice", id)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("seal: key version %d: %w", id, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("seal: key version %d: %w", id, err)
		}
		k.byID[uint16(id)] = aead
		k.current = max(k.current, uint16(id))
	}
	return k, nil
}

// Seal encrypts plain for at, with the newest key. Sealing the same value twice
// gives different results.
func (k *Keys) Seal(plain []byte, at Place) []byte {
	out := make([]byte, header+nonceSize, len(plain)+Overhead)
	out[0] = format
	binary.BigEndian.PutUint16(out[1:], k.current)
	rand.Read(out[header:]) // never fails: crypto/rand ends the program instead
	return k.byID[k.current].Seal(out, out[header:], plain, at.aad(out[:header]))
}

// Open decrypts a value that was sealed for at. The error is [ErrOpen].
func (k *Keys) Open(sealed []byte, at Place) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != format {
		return nil, ErrOpen
	}
	aead := k.byID[binary.BigEndian.Uint16(sealed[1:])]
	if aead == nil {
		return nil, ErrOpen
	}
	body := sealed[header:]
	plain, err := aead.Open(nil, body[:nonceSize], body[nonceSize:], at.aad(sealed[:header]))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// NeedsReseal reports that sealed was not made with the newest key.
func (k *Keys) NeedsReseal(sealed []byte) bool {
	return len(sealed) < header || sealed[0] != format || binary.BigEndian.Uint16(sealed[1:]) != k.current
}

// aad is the header and the place, each part with its length before it so that
// no two places give the same bytes.
func (p Place) aad(head []byte) []byte {
	parts := [...]string{p.Table, p.Column, p.Row, p.Owner}
	b := make([]byte, 0, header+4*len(parts)+len(p.Table)+len(p.Column)+len(p.Row)+len(p.Owner))
	b = append(b, head...)
	for _, s := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

// Lookup makes keyed hashes (HMAC-SHA-256) of values that are stored sealed but
// must be found by equality, e.g. an e-mail address. It has a key of its own.
type Lookup struct{ key []byte }

// NewLookup takes 32 random bytes in base64. The error never contains them.
func NewLookup(encoded string) (*Lookup, error) {
	key, err := decodeKey(strings.TrimSpace(encoded))
	if err != nil {
		return nil, fmt.Errorf("seal: lookup key: %w", err)
	}
	return &Lookup{key}, nil
}

// Hash returns the 32 bytes to store beside the sealed value and to search for.
// The column ("users.email") keeps equal values of two columns apart. Normalise
// value first: the hash knows no case folding.
func (l *Lookup) Hash(column, value string) []byte {
	h := hmac.New(sha256.New, l.key)
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(column)))
	h.Write(n[:])
	h.Write([]byte(column))
	h.Write([]byte(value))
	return h.Sum(nil)
}

func decodeKey(s string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw) != keySize {
		return nil, errors.New("want 32 bytes in base64; make one with `openssl rand -base64 32`")
	}
	return raw, nil
}
