-- name: APIKeyInsert :exec
INSERT INTO api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at)
VALUES (@id, @user_id, @name, @prefix, @hash, @scopes, @now, @expires_at);

-- name: APIKeyList :many
SELECT * FROM api_keys WHERE user_id = @user_id AND revoked_at IS NULL ORDER BY created_at DESC, id DESC;

-- name: APIKeyCount :one
SELECT count(*) FROM api_keys WHERE user_id = @user_id AND revoked_at IS NULL;

-- name: APIKeyRevoke :execrows
UPDATE api_keys SET revoked_at = @now::timestamptz WHERE id = @id AND user_id = @user_id AND revoked_at IS NULL;

-- name: APIKeyIntrospect :one
-- The live key of a live account, with what the account may do at this moment.
SELECT k.id, k.user_id, k.scopes, k.last_used_at, u.roles
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.hash = @hash AND k.revoked_at IS NULL AND k.expires_at > @now::timestamptz AND u.disabled_at IS NULL;

-- name: APIKeysTouch :exec
-- Records a use, unless one is recorded since.
UPDATE api_keys SET last_used_at = @now::timestamptz
WHERE id = ANY(@ids::uuid[]) AND (last_used_at IS NULL OR last_used_at < @since::timestamptz);
