-- name: SigningKeysPublished :many
SELECT * FROM signing_keys WHERE retires_at IS NULL OR retires_at > @now::timestamptz ORDER BY signs_from DESC, kid DESC;

-- name: SigningKeyInsert :exec
INSERT INTO signing_keys (kid, private_sealed, public_jwk, created_at, signs_from)
VALUES (@kid, @private_sealed, @public_jwk, @now, @signs_from);

-- name: SigningKeysRetire :exec
-- Lets every other key end once the last token it may have signed has expired.
UPDATE signing_keys SET retires_at = @retires_at::timestamptz WHERE retires_at IS NULL AND kid <> @except_kid;

-- name: SigningKeysLock :exec
-- Two replicas starting at once make one first key.
SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0));
