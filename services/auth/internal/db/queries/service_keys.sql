-- name: ServiceKeysLock :exec
-- Two rotations of one service's keys at once follow each other.
SELECT pg_advisory_xact_lock(hashtextextended('auth.service_keys.' || @service::text, 0));

-- name: ServiceKeyInsert :exec
INSERT INTO service_keys (id, service, hash, created_at) VALUES (@id, @service, @hash, @now);

-- name: ServiceKeysEnd :many
-- Ends a service's keys at a time, but for the newest `keep`.
UPDATE service_keys SET expires_at = @ends_at::timestamptz
WHERE service_keys.id IN (
    SELECT k.id FROM service_keys k
    WHERE k.service = @service AND (k.expires_at IS NULL OR k.expires_at > @now::timestamptz)
    ORDER BY k.created_at DESC, k.id DESC
    OFFSET @keep
) AND (expires_at IS NULL OR expires_at > @ends_at::timestamptz)
RETURNING id;

-- name: ServiceKeyIntrospect :one
SELECT id, service FROM service_keys WHERE hash = @hash AND (expires_at IS NULL OR expires_at > @now::timestamptz);

-- name: ServiceKeyList :many
SELECT id, service, created_at, expires_at FROM service_keys
WHERE expires_at IS NULL OR expires_at > @now::timestamptz
ORDER BY service, created_at DESC, id DESC;
