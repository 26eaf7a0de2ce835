-- name: ContactGet :one
SELECT * FROM contacts WHERE user_id = @user_id;

-- name: ContactPut :exec
-- What is NULL or empty stays as it was.
INSERT INTO contacts (user_id, email_sealed, display_name_sealed, locale, time_zone, verified, refreshed_at, updated_at)
VALUES (@user_id, @email_sealed, @display_name_sealed, @locale, @time_zone, @verified, @refreshed_at, @now)
ON CONFLICT (user_id) DO UPDATE SET
    email_sealed = coalesce(excluded.email_sealed, contacts.email_sealed),
    display_name_sealed = coalesce(excluded.display_name_sealed, contacts.display_name_sealed),
    locale = coalesce(nullif(excluded.locale, ''), contacts.locale),
    time_zone = coalesce(nullif(excluded.time_zone, ''), contacts.time_zone),
    verified = excluded.verified OR contacts.verified,
    refreshed_at = coalesce(excluded.refreshed_at, contacts.refreshed_at),
    updated_at = excluded.updated_at;

-- name: ContactStale :exec
UPDATE contacts SET refreshed_at = NULL WHERE user_id = @user_id;

-- name: PreferencesGet :one
SELECT * FROM notification_preferences WHERE user_id = @user_id;

-- name: PreferencesInsert :exec
INSERT INTO notification_preferences (user_id, version, updated_at) VALUES (@user_id, 0, @now) ON CONFLICT DO NOTHING;

-- name: PreferencesLock :one
SELECT * FROM notification_preferences WHERE user_id = @user_id FOR UPDATE;

-- name: PreferencesUpdate :one
UPDATE notification_preferences SET time_zone = @time_zone, quiet_enabled = @quiet_enabled, quiet_start = @quiet_start,
    quiet_end = @quiet_end, digest = @digest, kinds = @kinds, version = version + 1, updated_at = @now
WHERE user_id = @user_id
RETURNING *;

-- name: DevicePut :one
-- A device that another user registered before is this user's now: it is the one who holds it.
INSERT INTO device_tokens (id, user_id, type, target_hash, target_sealed, name, created_at, registered_at)
VALUES (@id, @user_id, @type, @target_hash, @target_sealed, @name, @now, @now)
ON CONFLICT (target_hash) DO UPDATE SET id = excluded.id, user_id = excluded.user_id, target_sealed = excluded.target_sealed,
    name = excluded.name, registered_at = excluded.registered_at,
    created_at = CASE WHEN device_tokens.user_id = excluded.user_id THEN device_tokens.created_at ELSE excluded.created_at END
RETURNING *;

-- name: DevicesTrim :exec
DELETE FROM device_tokens WHERE id IN (
    SELECT d.id FROM device_tokens d WHERE d.user_id = @user_id ORDER BY d.registered_at DESC, d.id DESC OFFSET @keep::integer);

-- name: DevicesOf :many
SELECT * FROM device_tokens WHERE user_id = @user_id ORDER BY registered_at DESC, id DESC;

-- name: DeviceGet :one
SELECT * FROM device_tokens WHERE id = @id;

-- name: DeviceUsed :exec
UPDATE device_tokens SET last_used_at = @now WHERE id = @id;

-- name: DeviceDelete :execrows
DELETE FROM device_tokens WHERE id = @id AND user_id = @user_id;

-- name: UserDeleted :one
SELECT EXISTS (SELECT 1 FROM deleted_users WHERE user_id = @user_id);

-- name: UserBury :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (@user_id, @now) ON CONFLICT DO NOTHING;
