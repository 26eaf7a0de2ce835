-- name: SuggestionInsert :exec
INSERT INTO resume_suggestions (id, resume_id, user_id, job_id, position, kind, pointer, version, body_sealed, status, created_at)
VALUES (@id, @resume_id, @user_id, @job_id, @position, @kind, @pointer, @version, @body_sealed, 'pending', @now);

-- name: SuggestionsDrop :exec
DELETE FROM resume_suggestions WHERE resume_id = @resume_id AND status = 'pending';

-- name: SuggestionsTrim :exec
DELETE FROM resume_suggestions s WHERE s.resume_id = @resume_id AND s.id IN (
    SELECT o.id FROM resume_suggestions o WHERE o.resume_id = @resume_id ORDER BY o.created_at DESC, o.position OFFSET 1000);

-- name: SuggestionList :many
SELECT * FROM resume_suggestions
WHERE resume_id = @resume_id AND user_id = @user_id AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
ORDER BY created_at DESC, position
LIMIT 200;

-- name: SuggestionGet :one
SELECT * FROM resume_suggestions WHERE id = @id AND resume_id = @resume_id AND user_id = @user_id;

-- name: SuggestionLock :one
SELECT * FROM resume_suggestions WHERE id = @id AND resume_id = @resume_id AND user_id = @user_id FOR UPDATE;

-- name: SuggestionDecide :one
UPDATE resume_suggestions SET status = @status, applied_version = @applied_version, decided_at = @now WHERE id = @id RETURNING *;
