package testservice

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/outbox"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/pkg/seal"
)

const noteCreated = "test.note.created"

var errNoNote = errs.New(errs.NotFound, "note_not_found", "There is no such note.")

type note struct {
	ID    uuid.UUID `json:"id"`
	Owner string    `json:"owner"`
	Text  string    `json:"text"`
	Filed bool      `json:"filed"`
}

type notes struct {
	db     *pgxpool.Pool
	keys   *seal.Keys
	lookup *seal.Lookup
	copies *cache.Cache[note]
	files  *blob.Store
}

func (n *notes) create(w http.ResponseWriter, r *http.Request) {
	var in struct{ Owner, Text string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		httpx.BodyError(w, r, err)
		return
	}
	v := note{ID: uuid.Must(uuid.NewV7()), Owner: in.Owner, Text: in.Text}
	err := pg.InTx(r.Context(), n.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(r.Context(), `INSERT INTO notes (id, owner_sealed, owner_hash, text_sealed) VALUES ($1, $2, $3, $4)`,
			v.ID, n.keys.Seal([]byte(v.Owner), cell(v.ID, "owner")), n.hash(v.Owner), n.keys.Seal([]byte(v.Text), cell(v.ID, "text")))
		if err != nil {
			return err
		}
		return outbox.Append(r.Context(), tx, outbox.Message{
			Type: noteCreated, Source: "testservice", Subject: v.ID.String(), Data: map[string]any{"noteId": v.ID},
		})
	})
	answer(w, r, http.StatusCreated, v, err)
}

func (n *notes) get(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(chi.URLParam(r, "noteId"))
	if err != nil {
		httpx.ParamError(w, r, err)
		return
	}
	v, err := n.copies.Get(r.Context(), id.String(), func(ctx context.Context) (note, error) {
		found, err := n.load(ctx, n.db, `id = $1`, id)
		if err != nil || len(found) == 0 {
			return note{}, errors.Join(err, cache.ErrNotFound)
		}
		return found[0], nil
	})
	if errors.Is(err, cache.ErrNotFound) {
		err = errNoNote.With(err)
	}
	answer(w, r, http.StatusOK, v, err)
}

func (n *notes) find(w http.ResponseWriter, r *http.Request) {
	found, err := n.load(r.Context(), n.db, `owner_hash = $1`, n.hash(r.URL.Query().Get("owner")))
	answer(w, r, http.StatusOK, map[string]any{"items": append([]note{}, found...)}, err)
}

// file keeps a copy of a new note in the bucket. Writing it again is harmless,
// so it may come before the commit.
func (n *notes) file(ctx context.Context, tx pgx.Tx, e rabbit.Event) error {
	var data struct{ NoteID uuid.UUID }
	if err := e.Decode(&data); err != nil {
		return err
	}
	found, err := n.load(ctx, tx, `id = $1`, data.NoteID)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return rabbit.Permanent(errNoNote)
	}
	if _, err := n.files.Put(ctx, "notes/"+data.NoteID.String(), strings.NewReader(found[0].Text), blob.PutOptions{ContentType: "text/plain"}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE notes SET filed_at = now() WHERE id = $1`, data.NoteID); err != nil {
		return err
	}
	pg.AfterCommit(tx, func() { _ = n.copies.Delete(ctx, data.NoteID.String()) }) // else it expires
	return nil
}

// querier is the pool, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (n *notes) load(ctx context.Context, db querier, where string, arg any) ([]note, error) {
	rows, err := db.Query(ctx, `SELECT id, owner_sealed, text_sealed, filed_at IS NOT NULL FROM notes WHERE `+where+` ORDER BY id`, arg)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (v note, err error) {
		var owner, text []byte
		if err := row.Scan(&v.ID, &owner, &text, &v.Filed); err != nil {
			return v, err
		}
		if owner, err = n.keys.Open(owner, cell(v.ID, "owner")); err != nil {
			return v, err
		}
		if text, err = n.keys.Open(text, cell(v.ID, "text")); err != nil {
			return v, err
		}
		v.Owner, v.Text = string(owner), string(text)
		return v, nil
	})
}

func (n *notes) hash(owner string) []byte {
	return n.lookup.Hash("notes.owner", strings.ToLower(owner))
}

func cell(id uuid.UUID, column string) seal.Place {
	return seal.Place{Table: "notes", Column: column, Row: id.String()}
}

func answer(w http.ResponseWriter, r *http.Request, status int, v any, err error) {
	if pg.IsUnavailable(err) {
		err = errs.New(errs.Unavailable, "unavailable", "Try again in a moment.").With(err)
	}
	if err != nil {
		httpx.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
