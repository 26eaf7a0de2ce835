-- name: AuditAppend :exec
SELECT audit_append(@actor_kind, @actor_id, @action, sqlc.narg(user_id)::uuid, @request_id, @detail::jsonb);

-- name: AuditList :many
-- Entries, newest first. A null parameter does not filter.
SELECT id, at, actor_kind, actor_id, action, user_id, request_id, detail FROM audit_log
WHERE (sqlc.narg(user_id)::uuid IS NULL OR user_id = sqlc.narg(user_id))
  AND (@actor_id::text = '' OR actor_id = @actor_id)
  AND (@action::text = '' OR action = @action)
  AND (sqlc.narg(after)::timestamptz IS NULL OR at >= sqlc.narg(after))
  AND (sqlc.narg(before)::timestamptz IS NULL OR at < sqlc.narg(before))
  AND (@before_id::bigint = 0 OR id < @before_id)
ORDER BY id DESC
LIMIT @max_rows;

-- name: AuditEnd :one
-- Where the chain ends by the head and by the rows, and what its first row follows from.
SELECT h.id, h.hash, sha256('') AS genesis, coalesce((SELECT max(l.id) FROM audit_log l), 0)::bigint AS last_id FROM audit_head h;

-- name: AuditVerify :one
-- Checks the rows after one of the chain up to another: ids without a gap, each row's link to the one before, each
-- row's own hash. broken_id is the first id that is not as it must be, 0 if all are.
WITH linked AS (
    SELECT id, hash, prev_hash, lag(id, 1, @after_id) OVER chain + 1 AS due_id, lag(hash, 1, @after_hash::bytea) OVER chain AS due_hash,
        audit_hash(prev_hash, id, at, actor_kind, actor_id, action, user_id, request_id, detail) AS own_hash
    FROM audit_log
    WHERE id > @after_id AND id <= @up_to
    WINDOW chain AS (ORDER BY id, at)
)
SELECT coalesce(max(id), @after_id)::bigint AS last_id,
    coalesce((SELECT l.hash FROM linked l ORDER BY l.id DESC LIMIT 1), @after_hash)::bytea AS last_hash,
    coalesce(min(due_id) FILTER (WHERE id <> due_id OR prev_hash <> due_hash OR hash <> own_hash), 0)::bigint AS broken_id
FROM linked;
