package resume

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/services/resume/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
)

// Limits of what is kept of a parse, as in the contract.
const (
	maxReadFields  = 2000
	maxReadPointer = 300
	maxReadText    = 500
)

// ReadField is how sure the parser was of a field, and what it read where.
type ReadField struct {
	Pointer    string  `json:"pointer"` // into the resume (RFC 6901)
	Confidence float64 `json:"confidence"`
	Page       int32   `json:"page,omitempty"` // 0 where the format has none
	Text       string  `json:"text,omitempty"`
}

// readFields is what ai read where, as far as it is kept.
func readFields(list []ai.ParsedField) []ReadField {
	out := []ReadField{}
	for _, f := range list {
		if len(out) < maxReadFields && len(f.Pointer) <= maxReadPointer {
			out = append(out, ReadField{f.Pointer, f.Confidence, or(f.Page, 0), clip(f.Text, maxReadText)})
		}
	}
	return out
}

// without takes out the fields at and below a place of the resume that was taken
// out, and has those of the later entries of its list follow theirs.
func without(fields []ReadField, pointer string) []ReadField {
	cut := strings.LastIndexByte(pointer, '/')
	list := pointer[:cut+1]
	gone, err := strconv.Atoi(pointer[cut+1:])
	out := fields[:0]
	for _, f := range fields {
		if f.Pointer == pointer || strings.HasPrefix(f.Pointer, pointer+"/") {
			continue
		}
		if rest, ok := strings.CutPrefix(f.Pointer, list); ok && err == nil {
			step, below, deeper := strings.Cut(rest, "/")
			if n, err := strconv.Atoi(step); err == nil && n > gone {
				f.Pointer = list + strconv.Itoa(n-1)
				if deeper {
					f.Pointer += "/" + below
				}
			}
		}
		out = append(out, f)
	}
	return out
}

// keepFields stores what was read where in a document.
func (t *tx) keepFields(ctx context.Context, d Document, fields []ReadField) error {
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return t.DocumentFieldsInsert(ctx, db.DocumentFieldsInsertParams{
		DocumentID: d.ID, FieldsSealed: t.s.Keys.Seal(deflated(raw), place("document_fields", "fields_sealed", d.ID, d.UserID)),
	})
}

// ReadFields is what was read where of a version of a resume: nothing, unless it is
// the one that was read from a file, and that file is kept.
func (s *Service) ReadFields(ctx context.Context, r Stored) ([]ReadField, error) {
	if r.Source != "uploaded" || r.Version != 1 {
		return nil, nil
	}
	row, err := s.q.DocumentFieldsOf(ctx, r.ID)
	if pg.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	small, err := s.opened(row.FieldsSealed, place("document_fields", "fields_sealed", row.DocumentID, r.UserID))
	if err != nil {
		return nil, err
	}
	raw, err := inflated(small)
	if err != nil {
		return nil, fmt.Errorf("resume: fields of document %s: %w", row.DocumentID, err)
	}
	var fields []ReadField
	return fields, json.Unmarshal(raw, &fields)
}

func deflated(content []byte) []byte {
	var small bytes.Buffer
	w, _ := flate.NewWriter(&small, flate.DefaultCompression) // fails for unknown levels only
	_, _ = w.Write(content)                                   // a buffer takes everything
	_ = w.Close()
	return small.Bytes()
}

func inflated(small []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(bytes.NewReader(small)))
}
