-- name: StreamNext :one
INSERT INTO stream_heads (user_id, seq) VALUES (@user_id, 1)
ON CONFLICT (user_id) DO UPDATE SET seq = stream_heads.seq + 1
RETURNING seq;

-- name: StreamInsert :exec
INSERT INTO stream_events (user_id, seq, type, at, data) VALUES (@user_id, @seq, @type, @now, @data);

-- name: StreamRead :many
SELECT seq, type, at, data FROM stream_events WHERE user_id = @user_id AND seq > @after ORDER BY seq LIMIT @max_rows;

-- name: StreamHead :one
SELECT coalesce((SELECT seq FROM stream_heads WHERE user_id = @user_id), 0)::bigint;

-- name: StreamHeads :many
SELECT user_id, seq FROM stream_heads WHERE user_id = ANY (@users::uuid[]);

-- name: TicketInsert :exec
INSERT INTO stream_tickets (hash, user_id, session_id, expires_at) VALUES (@hash, @user_id, @session_id, @expires_at);

-- name: TicketSpend :one
DELETE FROM stream_tickets WHERE hash = @hash RETURNING user_id, session_id, expires_at;
