-- name: DocumentInsert :execrows
INSERT INTO documents (id, user_id, resume_id, key, filename_sealed, title_sealed, content_type, size, sha256, status, stage, percent, created_at, updated_at)
VALUES (@id, @user_id, @resume_id, @key, @filename_sealed, @title_sealed, @content_type, @size, @sha256, @status, @stage, @percent, @now, @now)
ON CONFLICT (user_id, sha256) DO NOTHING;

-- name: DocumentGet :one
SELECT * FROM documents WHERE id = @id AND user_id = @user_id;

-- name: DocumentOpen :one
-- For the worker, which has a message and no caller.
SELECT * FROM documents WHERE id = @id;

-- name: DocumentLock :one
SELECT * FROM documents WHERE id = @id FOR UPDATE;

-- name: DocumentByContent :one
SELECT * FROM documents WHERE user_id = @user_id AND sha256 = @sha256;

-- name: DocumentList :many
SELECT * FROM documents
WHERE user_id = @user_id
  AND (sqlc.narg(before_created_at)::timestamptz IS NULL
       OR (created_at, id) < (sqlc.narg(before_created_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC
LIMIT @max_rows;

-- name: DocumentCount :one
SELECT count(*) FROM documents WHERE user_id = @user_id;

-- name: DocumentProgress :execrows
UPDATE documents SET status = @status, stage = @stage, percent = @percent, updated_at = @now
WHERE id = @id AND status IN ('queued', 'processing');

-- name: DocumentParsed :exec
UPDATE documents SET status = 'parsed', stage = 'done', percent = 100, warnings = @warnings, updated_at = @now WHERE id = @id;

-- name: DocumentFailed :execrows
UPDATE documents SET status = 'failed', stage = 'failed', failure_code = @code::text, failure_message = @message::text, updated_at = @now
WHERE id = @id AND status IN ('queued', 'processing');

-- name: DocumentDelete :exec
DELETE FROM documents WHERE id = @id;

-- name: DocumentsStale :many
-- Those that were being read when a process died.
SELECT * FROM documents WHERE status = 'processing' AND updated_at < @before ORDER BY updated_at LIMIT 100;

-- name: DocumentFieldsInsert :exec
INSERT INTO document_fields (document_id, fields_sealed) VALUES (@document_id, @fields_sealed);

-- name: DocumentFieldsOf :one
-- Of the document that a resume was read from, if both are still there.
SELECT f.document_id, f.fields_sealed FROM document_fields f JOIN documents d ON d.id = f.document_id WHERE d.resume_id = @resume_id;
