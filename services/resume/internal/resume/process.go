package resume

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/jobpilot/jobpilot/pkg/blob"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/rabbit"
	"github.com/jobpilot/jobpilot/services/resume/internal/clients/ai"
	"github.com/jobpilot/jobpilot/services/resume/internal/db"
	"github.com/jobpilot/jobpilot/services/resume/internal/jsonresume"
)

// ReadTimeout bounds the reading of one document by a worker: a scan of many
// pages takes its time.
const ReadTimeout = 2 * time.Minute

// lastAttempt is the try after which a document has failed; `tries` of the queue
// in the event catalogue.
const lastAttempt = 5

var (
	errParser     = errs.New(errs.Unavailable, "parser_unavailable", "Files cannot be read at the moment. Try again in a few minutes.").WithRetryAfter(time.Minute)
	errUnreadable = errs.New(errs.Unprocessable, "file_unreadable", "Nothing could be read from the file. Save it as a PDF with text, or as DOCX, then try again.")
)

// ReadQueued reads the document of a message of the queue resume-processing. A
// document that is done, or gone, is passed over.
func (s *Service) ReadQueued(ctx context.Context, m *rabbit.Message) error {
	var work DocumentParse
	if err := m.Decode(&work); err != nil {
		return err
	}
	row, err := s.q.DocumentOpen(ctx, work.DocumentID)
	if err != nil {
		err = missing(err, errDocumentNotFound)
		if errs.Is(err, errDocumentNotFound.Code) {
			return nil
		}
		return rabbit.NotReady(err)
	}
	d, err := s.document(row)
	if err != nil {
		return rabbit.Permanent(err)
	}
	if d.Status == "parsed" || d.Status == "failed" {
		return nil
	}
	if err := s.progress(ctx, &d, "reading", 10); err != nil {
		return err
	}
	file, _, err := s.Files.Get(ctx, d.key, blob.Range{})
	if err != nil {
		return s.giveUp(ctx, d, m.Attempt, errStorage.With(err))
	}
	defer file.Close()
	return s.giveUp(ctx, d, m.Attempt, s.read(ctx, d, file))
}

// giveUp decides what becomes of a document that could not be read. The file's
// own fault is recorded already.
func (s *Service) giveUp(ctx context.Context, d Document, attempt int, err error) error {
	switch {
	case err == nil, errs.KindOf(err) == errs.Unprocessable:
		return nil
	case attempt < lastAttempt:
		return errors.Join(s.progress(ctx, &d, "queued", 0), err)
	}
	return errors.Join(s.fail(ctx, d, errParser), err)
}

// read has ai read a file and stores the resume. When the file is at fault, the
// document has failed and the error is Unprocessable; when ai cannot be had in
// time, it is Unavailable.
func (s *Service) read(ctx context.Context, d Document, file io.Reader) error {
	if err := s.progress(ctx, &d, "parsing", 30); err != nil {
		return err
	}
	res, err := s.AI.ParseResume(ctx, d.UserID, file)
	if err != nil {
		return s.refused(ctx, d, err)
	}
	content, fields, warnings, err := s.parsed(res)
	if err != nil {
		return err
	}
	if content.empty() {
		return errors.Join(errUnreadable, s.fail(ctx, d, errUnreadable))
	}
	if err := s.progress(ctx, &d, "storing", 90); err != nil {
		return err
	}
	language := defaultLanguage
	if res.Language != nil {
		language = *res.Language
	}
	return s.finish(context.WithoutCancel(ctx), d, content, fields, language, warnings)
}

// refused is what an answer of ai other than a resume means.
func (s *Service) refused(ctx context.Context, d Document, err error) error {
	var e *errs.Error
	if errors.As(err, &e) {
		switch e.Kind {
		case errs.Unprocessable, errs.UnsupportedMedia, errs.TooLarge:
			// The house's own service speaks about this user's own file.
			fault := errs.New(errs.Unprocessable, e.Code, e.Message)
			return errors.Join(fault, s.fail(ctx, d, fault))
		}
	}
	return errParser.With(err)
}

// parsed is what ai read, and where, without what the contract does not let through.
func (s *Service) parsed(p *ai.ParsedResume) (Content, []ReadField, []string, error) {
	fields, warnings := readFields(p.Fields), []string{}
	for _, w := range p.Warnings {
		warnings = append(warnings, w.Message)
	}
	raw, err := json.Marshal(p.Resume)
	if err != nil {
		return Content{}, nil, nil, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return Content{}, nil, nil, err
	}
	// Each round takes out what is at fault; what a list or an object then lacks
	// can be a new fault.
	for range 4 {
		object, _ := tree.(map[string]any)
		faults := s.Check(object)
		if len(faults) == 0 {
			break
		}
		for i := len(faults) - 1; i >= 0; i-- { // the last first, so that places in lists stay
			if next, err := jsonresume.Apply(tree, jsonresume.OpRemove, faults[i].Pointer[1:], nil); err == nil {
				tree, fields = next, without(fields, faults[i].Pointer[1:])
				warnings = append(warnings, "Left out, for it "+faults[i].Message+": "+faults[i].Pointer[2:])
			}
		}
	}
	r, err := s.checked(tree, "#")
	return newContent(r), fields, warnings[:min(len(warnings), 100)], err
}

// finish makes the resume of a document that was read. Whoever else read the same
// document meanwhile was faster.
func (s *Service) finish(ctx context.Context, d Document, c Content, fields []ReadField, language string, warnings []string) error {
	err := s.inTx(ctx, func(t *tx) error {
		if err := t.alive(ctx, d.UserID); err != nil {
			return err
		}
		row, err := t.DocumentLock(ctx, d.ID)
		if err != nil || row.Status == "parsed" || row.Status == "failed" {
			return missing(err, errDocumentNotFound)
		}
		r, err := t.create(ctx, draft{d.ResumeID, d.UserID, d.Title, language, defaultTemplate, "uploaded", causeUploaded, c})
		if err != nil {
			return err
		}
		if err := t.keepFields(ctx, d, fields); err != nil {
			return err
		}
		if err := t.DocumentParsed(ctx, db.DocumentParsedParams{ID: d.ID, Warnings: warnings, Now: t.now}); err != nil {
			return err
		}
		d.Status, d.Stage, d.Percent = "parsed", "done", 100
		if err := t.progressed(ctx, d); err != nil {
			return err
		}
		return t.emit(ctx, TypeDocumentParsed, d.ID, DocumentParsed{
			DocumentID: d.ID, ResumeID: d.ResumeID, UserID: d.UserID, Version: int64(r.Version), Warnings: warnings, ParsedAt: t.now,
		})
	})
	var e *errs.Error
	if errors.As(err, &e) && (e.Kind == errs.Conflict || e.Kind == errs.Unprocessable) { // too many resumes, too large, account gone
		fault := errs.New(errs.Unprocessable, e.Code, e.Message)
		return errors.Join(fault, s.fail(ctx, d, fault))
	}
	return err
}

// progress records and tells how far a document is.
func (s *Service) progress(ctx context.Context, d *Document, stage string, percent int16) error {
	d.Status, d.Stage, d.Percent = "processing", stage, percent
	if stage == "queued" {
		d.Status = "queued"
	}
	ctx = context.WithoutCancel(ctx)
	return s.inTx(ctx, func(t *tx) error {
		n, err := t.DocumentProgress(ctx, db.DocumentProgressParams{ID: d.ID, Status: d.Status, Stage: d.Stage, Percent: d.Percent, Now: t.now})
		if err != nil || n == 0 {
			return err
		}
		return t.progressed(ctx, *d)
	})
}

var stageTexts = map[string]string{
	"queued": "Waiting to be read", "reading": "Opening the file", "parsing": "Reading the resume", "storing": "Storing the resume",
	"done": "Done", "failed": "The file could not be read",
}

func (t *tx) progressed(ctx context.Context, d Document) error {
	return t.emit(ctx, TypeDocumentProgressed, d.ID, DocumentProgressed{
		DocumentID: d.ID, ResumeID: d.ResumeID, UserID: d.UserID, Stage: DocumentProgressedStage(d.Stage), Percent: int64(d.Percent),
		Message: stageTexts[d.Stage], At: t.now,
	})
}

// fail records and tells why a document could not be read.
func (s *Service) fail(ctx context.Context, d Document, why *errs.Error) error {
	ctx = context.WithoutCancel(ctx)
	return s.inTx(ctx, func(t *tx) error {
		n, err := t.DocumentFailed(ctx, db.DocumentFailedParams{ID: d.ID, Code: why.Code, Message: why.Message, Now: t.now})
		if err != nil || n == 0 {
			return err
		}
		d.Status, d.Stage = "failed", "failed"
		if err := t.progressed(ctx, d); err != nil {
			return err
		}
		return t.emit(ctx, TypeDocumentFailed, d.ID, DocumentFailed{
			DocumentID: d.ID, ResumeID: d.ResumeID, UserID: d.UserID, Code: why.Code, Message: why.Message, FailedAt: t.now,
		})
	})
}

// requeue leaves a document to the workers.
func (s *Service) requeue(ctx context.Context, d Document) error {
	d.Status, d.Stage, d.Percent = "queued", "queued", 0
	ctx = context.WithoutCancel(ctx)
	return s.inTx(ctx, func(t *tx) error {
		n, err := t.DocumentProgress(ctx, db.DocumentProgressParams{ID: d.ID, Status: d.Status, Stage: d.Stage, Percent: d.Percent, Now: t.now})
		if err != nil || n == 0 {
			return err
		}
		if err := t.progressed(ctx, d); err != nil {
			return err
		}
		return t.enqueue(ctx, d)
	})
}

// rescue leaves documents to the workers that a process was reading when it died.
func (s *Service) rescue(ctx context.Context) error {
	rows, err := s.q.DocumentsStale(ctx, s.now().Add(-2*ReadTimeout))
	if err != nil {
		return storeError(err)
	}
	for _, row := range rows {
		if err := s.requeue(ctx, Document{ID: row.ID, UserID: row.UserID, ResumeID: row.ResumeID}); err != nil {
			return err
		}
	}
	return nil
}
