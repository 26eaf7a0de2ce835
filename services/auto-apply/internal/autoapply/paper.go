package autoapply

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/db"
	"github.com/jobpilot/jobpilot/services/auto-apply/internal/form"
)

// FilledField is a field with what is in it.
type FilledField struct {
	Name     string    `json:"name"`
	Label    string    `json:"label"`
	Kind     form.Kind `json:"kind"`
	Required bool      `json:"required"`
	Values   []string  `json:"values"`
	Source   string    `json:"source"`
}

// SentFile is a file in a form.
type SentFile struct {
	Field       string `json:"field"`
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"` // hexadecimal
}

// FilledForm is a form as it is sent.
type FilledForm struct {
	URL         string        `json:"url"`
	Fields      []FilledField `json:"fields"`
	Files       []SentFile    `json:"files"`
	Screenshots []uuid.UUID   `json:"screenshots"`
	FilledAt    time.Time     `json:"filledAt"`
}

// Receipt is what was sent, and what was seen afterwards.
type Receipt struct {
	Form             FilledForm `json:"form"`
	Outcome          State      `json:"outcome"`
	ConfirmationURL  string     `json:"confirmationUrl"`
	ConfirmationText string     `json:"confirmationText"`
	ClickedAt        time.Time  `json:"clickedAt"`
	SettledAt        time.Time  `json:"settledAt"`
}

const (
	paperReview  = "review"
	paperReceipt = "receipt"
)

// What screenshots show.
const (
	ShowsFilled  = "filled"
	ShowsOutcome = "outcome"
	ShowsCaptcha = "captcha"
)

var (
	errNoReview     = errs.New(errs.NotFound, "no_filled_form", "The form was not filled for a review yet.")
	errNoReceipt    = errs.New(errs.NotFound, "no_receipt", "Nothing was sent by JobPilot for this application.")
	errNotReviewed  = errs.New(errs.Conflict, "not_waiting_for_review", "The application does not wait for a review any more.")
	errNoScreenshot = errs.New(errs.NotFound, "screenshot_not_found", "There is no such picture of this application.")
	errStorage      = errs.New(errs.Unavailable, "storage_unavailable", "The pictures cannot be reached. Try again in a minute.")
)

func (t *tx) writePaper(ctx context.Context, a *db.Application, kind string, v any) error {
	body, err := t.s.seal("application_papers", kind, a.ID, a.UserID, v)
	if err != nil {
		return err
	}
	return t.PaperSet(ctx, db.PaperSetParams{ApplicationID: a.ID, Kind: kind, UserID: a.UserID, BodySealed: body, Now: t.now})
}

func (s *Service) readPaper(ctx context.Context, a db.Application, kind string, none *errs.Error, v any) error {
	p, err := s.q.PaperGet(ctx, db.PaperGetParams{ApplicationID: a.ID, Kind: kind})
	if err != nil {
		return missing(err, none)
	}
	return s.open("application_papers", kind, a.ID, a.UserID, p.BodySealed, v)
}

// GetReview returns the form as it would be sent.
func (s *Service) GetReview(ctx context.Context, userID, id uuid.UUID) (f FilledForm, err error) {
	a, err := s.own(ctx, userID, id)
	if err == nil {
		err = s.readPaper(ctx, a, paperReview, errNoReview, &f)
	}
	return f, err
}

// GetReceipt returns what was sent.
func (s *Service) GetReceipt(ctx context.Context, userID, id uuid.UUID) (r Receipt, err error) {
	a, err := s.own(ctx, userID, id)
	if err == nil {
		err = s.readPaper(ctx, a, paperReceipt, errNoReceipt, &r)
	}
	return r, err
}

// Decide ends a review: the form is sent as it was seen, or the application is
// withdrawn.
func (s *Service) Decide(ctx context.Context, userID, id uuid.UUID, approve bool) (Details, error) {
	err := s.inTx(ctx, func(t *tx) error {
		a, err := t.lockOwn(ctx, userID, id)
		if err != nil {
			return err
		}
		if a.State != NeedsReview {
			return errNotReviewed
		}
		if !approve {
			return t.move(ctx, &a, Withdrawn, ByUser, "")
		}
		if err := t.record(ctx, &a, event{Kind: kindApproved, By: ByUser}); err != nil {
			return err
		}
		if err := t.move(ctx, &a, Queued, ByUser, ""); err != nil {
			return err
		}
		return t.enqueue(ctx, &a)
	})
	if err != nil {
		return Details{}, err
	}
	return s.GetApplication(ctx, userID, id)
}

// GetScreenshot opens a picture (JPEG); the caller closes it.
func (s *Service) GetScreenshot(ctx context.Context, userID, id, shot uuid.UUID) (io.ReadCloser, int64, error) {
	if _, err := s.own(ctx, userID, id); err != nil {
		return nil, 0, err
	}
	row, err := s.q.ScreenshotGet(ctx, db.ScreenshotGetParams{ID: shot, ApplicationID: id})
	if err != nil {
		return nil, 0, missing(err, errNoScreenshot)
	}
	body, info, err := s.Files.Get(ctx, row.Key, blob.Range{})
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, 0, errNoScreenshot
	case err != nil:
		return nil, 0, errStorage.With(err)
	}
	return body, info.Size, nil
}

// picture keeps a screenshot: first the row, so that no file is forgotten. One that
// is stored while its user is being deleted is deleted again: the deletion may have
// passed it before it was there.
func (s *Service) picture(ctx context.Context, a db.Application, shows string, jpeg []byte) (uuid.UUID, error) {
	id := newID()
	key := "auto-apply/" + a.UserID.String() + "/" + a.ID.String() + "/" + id.String() + ".jpg"
	err := s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, a.UserID); err != nil {
			return err
		}
		return t.ScreenshotInsert(ctx, db.ScreenshotInsertParams{ID: id, ApplicationID: a.ID, UserID: a.UserID, Shows: shows, Key: key, Now: t.now})
	})
	if err != nil {
		return id, err
	}
	if _, err = s.Files.Put(ctx, key, bytes.NewReader(jpeg), blob.PutOptions{ContentType: "image/jpeg"}); err != nil {
		return id, err
	}
	gone, err := s.q.TombstoneExists(ctx, a.UserID)
	if err == nil && gone {
		err = errors.Join(errGone, s.Files.Delete(ctx, key))
	}
	return id, err
}

// add puts a field into the form, in the place of an earlier one of its name.
func (f *FilledForm) add(x FilledField) {
	if i := slices.IndexFunc(f.Fields, func(o FilledField) bool { return o.Name == x.Name && o.Label == x.Label }); i >= 0 {
		f.Fields[i] = x
		return
	}
	f.Fields = append(f.Fields, x)
}
