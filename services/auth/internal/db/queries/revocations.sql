-- name: RevocationsUpsert :exec
INSERT INTO revocations (kind, id, revoked_at)
SELECT @kind, unnest(@ids::uuid[]), @now
ON CONFLICT (kind, id) DO UPDATE SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at);

-- name: RevocationsSince :many
SELECT * FROM revocations WHERE revoked_at >= @since;

-- name: UserRevokeTokens :exec
-- Access tokens issued before are refused.
UPDATE users SET tokens_not_before = @now::timestamptz, updated_at = @now WHERE id = @id;
