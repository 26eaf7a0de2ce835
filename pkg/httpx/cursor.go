package httpx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

const cursorMAC = 16 // bytes of HMAC-SHA-256; 128 bits are beyond guessing

var errCursor = errs.New(errs.Invalid, "invalid_cursor", "This cursor is not one of this list. Begin again without it.").
	WithFields(errs.Field{Pointer: "#/query/cursor", Code: "invalid", Message: "must be the nextCursor of the page before, with the same filters"})

// Cursors makes and reads the opaque cursors of lists. They are signed, so a
// client can neither make one up nor carry it to another list.
type Cursors struct{ key []byte }

// NewCursors takes the key of the service, at least 32 random bytes. Cursors of
// another key are refused: rotating it makes clients begin their lists again.
func NewCursors(key []byte) (*Cursors, error) {
	if len(key) < 32 {
		return nil, errors.New("httpx: cursors need a key of at least 32 bytes")
	}
	return &Cursors{append([]byte("jobpilot cursor\x00"), key...)}, nil
}

// Encode makes the cursor for a place in a list. list names the list with all
// that selects its items: operation, owner, filters.
func (c *Cursors) Encode(list string, place any) (string, error) {
	raw, err := json.Marshal(place)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(c.sign(list, raw), raw...)), nil
}

// Decode reads a cursor that Encode made for the same list into place. The error
// is 400 with code invalid_cursor.
func (c *Cursors) Decode(list, cursor string, place any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < cursorMAC || !hmac.Equal(raw[:cursorMAC], c.sign(list, raw[cursorMAC:])) {
		return errCursor
	}
	if err := json.Unmarshal(raw[cursorMAC:], place); err != nil {
		return errCursor.With(err) // of an older version of the service
	}
	return nil
}

func (c *Cursors) sign(list string, raw []byte) []byte {
	mac := hmac.New(sha256.New, c.key)
	sum := sha256.Sum256([]byte(list)) // of fixed length: no two splits alike
	mac.Write(sum[:])
	mac.Write(raw)
	return mac.Sum(nil)[:cursorMAC]
}
