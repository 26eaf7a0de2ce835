-- name: UsersExpire :many
-- Deletes accounts that nobody ever verified and that hold nothing: no way to sign in but the password that could not
-- be used, and no link that may still arrive.
DELETE FROM users WHERE id IN (
    SELECT u.id FROM users u
    WHERE u.email_verified_at IS NULL AND u.created_at < @before::timestamptz AND u.disabled_at IS NULL AND u.roles = '{user}'
      AND NOT EXISTS (SELECT 1 FROM one_time_tokens t WHERE t.user_id = u.id AND t.expires_at > @now)
      AND NOT EXISTS (SELECT 1 FROM oauth_providers o WHERE o.user_id = u.id)
      AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id)
    ORDER BY u.created_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: AuditPartitions :exec
SELECT audit_partitions(@months_ahead);

-- name: SigningKeyNewest :one
SELECT max(created_at)::timestamptz FROM signing_keys;
