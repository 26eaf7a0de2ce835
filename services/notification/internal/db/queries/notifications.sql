-- name: NotificationInsert :exec
INSERT INTO notifications (id, user_id, kind, in_app, title, body, link, data, created_at)
VALUES (@id, @user_id, @kind, @in_app, @title, @body, @link, @data, @now);

-- name: NotificationList :many
SELECT id, kind, title, body, link, data, created_at, read_at FROM notifications
WHERE user_id = @user_id::uuid AND in_app
  AND created_at >= @since
  AND (NOT @unread::boolean OR read_at IS NULL)
  AND (cardinality(@kinds::text[]) = 0 OR kind = ANY (@kinds))
  AND (sqlc.narg(before)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC
LIMIT @max_rows;

-- name: NotificationUnread :one
-- Counts no further than a person would.
SELECT count(*) FROM (
    SELECT 1 FROM notifications WHERE user_id = @user_id::uuid AND in_app AND read_at IS NULL LIMIT 1000) n;

-- name: NotificationRead :one
UPDATE notifications SET read_at = coalesce(read_at, @now)
WHERE id = @id AND user_id = @user_id::uuid AND in_app AND created_at BETWEEN @made_from AND @made_to
RETURNING id, kind, title, body, link, data, created_at, read_at;

-- name: NotificationReadAll :execrows
UPDATE notifications SET read_at = @now WHERE user_id = @user_id::uuid AND in_app AND read_at IS NULL;

-- name: NotificationDelete :execrows
DELETE FROM notifications
WHERE id = @id AND user_id = @user_id::uuid AND in_app AND created_at BETWEEN @made_from AND @made_to;

-- name: NotificationPartitions :exec
SELECT notifications_partitions(@months_ahead::integer, @months_kept::integer);
