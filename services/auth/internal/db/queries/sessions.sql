-- name: SessionInsert :exec
INSERT INTO sessions (id, user_id, method, device_name, user_agent, ip_sealed, network, country, auth_time, created_at, last_used_at, expires_at)
VALUES (@id, @user_id, @method, @device_name, @user_agent, @ip_sealed, @network, @country, @now, @now, @now, @expires_at);

-- name: SessionList :many
SELECT * FROM sessions
WHERE user_id = @user_id AND revoked_at IS NULL AND expires_at > @now
  AND (sqlc.narg(before_created_at)::timestamptz IS NULL
       OR (created_at, id) < (sqlc.narg(before_created_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC
LIMIT @max_rows;

-- name: SessionStatus :one
SELECT (s.revoked_at IS NULL AND s.expires_at > @now)::boolean AS active, u.tokens_not_before, u.disabled_at
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = @id;

-- name: SessionSetAuthTime :execrows
UPDATE sessions SET auth_time = @now, last_used_at = @now
WHERE id = @id AND user_id = @user_id AND revoked_at IS NULL AND expires_at > @now;

-- name: SessionsRevoke :many
-- Ends the user's sessions: one (id), all but one (keep_id), or all.
UPDATE sessions SET revoked_at = @now::timestamptz, revoke_reason = @reason::text
WHERE user_id = @user_id AND revoked_at IS NULL AND expires_at > @now
  AND (sqlc.narg(id)::uuid IS NULL OR id = sqlc.narg(id))
  AND (sqlc.narg(keep_id)::uuid IS NULL OR id <> sqlc.narg(keep_id))
RETURNING id;

-- name: SessionsOverLimit :many
-- The sessions past the newest `keep`.
SELECT id FROM sessions
WHERE user_id = @user_id AND revoked_at IS NULL AND expires_at > @now
ORDER BY created_at DESC, id DESC
LIMIT 100 OFFSET @keep;

-- name: TokenInsert :exec
INSERT INTO tokens (hash, session_id, created_at, expires_at) VALUES (@hash, @session_id, @now, @expires_at);

-- name: TokenSpend :one
-- Marks the token used and returns its live session; no row when it is unknown, spent, expired or ended. The lock
-- keeps the roles as they are until the access token is signed.
WITH spent AS (
    UPDATE tokens SET used_at = @now::timestamptz WHERE hash = @hash AND used_at IS NULL AND tokens.expires_at > @now
    RETURNING session_id
)
SELECT s.id, s.user_id, s.auth_time, s.created_at, u.roles
FROM spent
JOIN sessions s ON s.id = spent.session_id
JOIN users u ON u.id = s.user_id
WHERE s.revoked_at IS NULL AND s.expires_at > @now AND u.disabled_at IS NULL
FOR SHARE OF u;

-- name: TokenSucceed :execrows
-- Stores the successor and touches the session, if that has not been ended meanwhile.
WITH touched AS (
    UPDATE sessions SET last_used_at = @now, expires_at = @expires_at
    WHERE sessions.id = @session_id AND revoked_at IS NULL
    RETURNING id
)
INSERT INTO tokens (hash, session_id, created_at, expires_at)
SELECT @hash, touched.id, @now, @expires_at FROM touched;

-- name: TokenSession :one
SELECT t.used_at, t.expires_at, s.id AS session_id, s.user_id, s.revoked_at
FROM tokens t JOIN sessions s ON s.id = t.session_id
WHERE t.hash = @hash;
