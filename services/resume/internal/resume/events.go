package resume

import (
	"context"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/outbox"
)

// source names this service in its messages.
const source = "resume"

// emit appends an event to the outbox. Events of one subject, a resume or a
// document, are published in their order.
func (t *tx) emit(ctx context.Context, typ string, subject uuid.UUID, data any) error {
	return outbox.Append(ctx, t.x, outbox.Message{Type: typ, Source: source, Subject: subject.String(), Time: t.now, Data: data})
}

// enqueue has a document read by a worker.
func (t *tx) enqueue(ctx context.Context, d Document) error {
	return outbox.Append(ctx, t.x, outbox.Message{
		Type: TypeDocumentParse, Queue: QueueResumeProcessing, Source: source, Subject: d.ID.String(), Time: t.now,
		Data: DocumentParse{DocumentID: d.ID, ResumeID: d.ResumeID, UserID: d.UserID},
	})
}
