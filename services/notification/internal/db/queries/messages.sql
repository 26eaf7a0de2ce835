-- name: MessageClaim :one
-- The id of the message with this key, and whether it is new: else it is that of the message that came first, which
-- may be the same one, delivered again.
INSERT INTO message_keys (key, message_id, user_id, created_at) VALUES (@key, @message_id, @user_id, @now)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING message_id, (xmax = 0)::boolean AS fresh;

-- name: DeliveryInsert :exec
INSERT INTO deliveries (id, message_id, user_id, kind, channel, device_id, target_hash, status, digest, reason, not_before, payload_sealed, created_at, updated_at)
VALUES (@id, @message_id, @user_id, @kind, @channel, @device_id, @target_hash, @status, @digest, @reason, @not_before, @payload_sealed, @now, @now);

-- name: DeliveriesOpen :many
SELECT id, message_id, user_id, kind, channel, device_id, target_hash, status FROM deliveries
WHERE message_id = @message_id AND status IN ('pending', 'sending')
ORDER BY channel, id;

-- name: DeliveryLease :execrows
UPDATE deliveries SET status = 'sending', attempts = attempts + 1, lease_until = @until, updated_at = @now
WHERE id = @id AND (status IN ('pending', 'held') OR status = 'sending' AND lease_until < @now);

-- name: DeliveryDone :execrows
-- Ends a delivery that this process has leased.
UPDATE deliveries SET status = @status, reason = @reason, lease_until = NULL, payload_sealed = NULL, updated_at = @now
WHERE id = @id AND status = 'sending';

-- name: DeliveryReturn :exec
-- Gives a lease back after a failure that may pass.
UPDATE deliveries SET status = CASE WHEN payload_sealed IS NULL THEN 'pending' ELSE 'held' END, reason = @reason,
    not_before = CASE WHEN payload_sealed IS NULL THEN NULL ELSE sqlc.narg(not_before)::timestamptz END,
    lease_until = NULL, updated_at = @now
WHERE id = @id AND status = 'sending';

-- name: DeliveriesDue :many
-- Held deliveries whose time has come, those of one user together; also those that a crash left leased.
SELECT id, message_id, user_id, kind, channel, device_id, target_hash, status, digest, attempts, payload_sealed, created_at FROM deliveries
WHERE payload_sealed IS NOT NULL
  AND (status = 'held' AND not_before <= @now OR status = 'sending' AND lease_until < @now)
ORDER BY user_id, id
LIMIT @max_rows;

-- name: DeliveriesOfTarget :one
-- What a target got, or is about to get, since a time.
SELECT count(*) FROM deliveries WHERE target_hash = @target_hash AND created_at > @since AND status IN ('pending', 'held', 'sending', 'sent');

-- name: SuppressionGet :one
SELECT EXISTS (SELECT 1 FROM suppressions WHERE target_hash = @target_hash AND expires_at > @now);

-- name: SuppressionPut :exec
-- Of two reasons the one that lasts longer holds.
INSERT INTO suppressions (target_hash, reason, created_at, expires_at) VALUES (@target_hash, @reason, @now, @expires_at)
ON CONFLICT (target_hash) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE suppressions.expires_at < excluded.expires_at;

-- name: SuppressionDelete :exec
DELETE FROM suppressions WHERE target_hash = @target_hash;
