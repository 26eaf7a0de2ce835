-- name: ProfileInsert :execrows
-- Makes the profile unless it is there, or the user was deleted.
INSERT INTO user_profiles (user_id, profile_sealed, created_at, updated_at)
SELECT @user_id, @profile_sealed, @now, @now
WHERE NOT EXISTS (SELECT FROM deleted_users d WHERE d.user_id = @user_id)
ON CONFLICT (user_id) DO NOTHING;

-- name: ProfileGet :one
SELECT * FROM user_profiles WHERE user_id = @user_id;

-- name: ProfileLock :one
-- Serialises changes of one user.
SELECT * FROM user_profiles WHERE user_id = @user_id FOR UPDATE;

-- name: ProfileUpdate :exec
UPDATE user_profiles SET profile_sealed = @profile_sealed, version = version + 1, updated_at = @now WHERE user_id = @user_id;

-- name: ProfileSetPhoto :exec
UPDATE user_profiles SET photo_id = sqlc.narg(photo_id), photo_type = sqlc.narg(photo_type),
    photo_uploaded_at = sqlc.narg(uploaded_at)::timestamptz, version = version + 1, updated_at = @now
WHERE user_id = @user_id;

-- name: ProfileRequestDeletion :exec
UPDATE user_profiles SET deletion_requested_at = @now::timestamptz, version = version + 1, updated_at = @now WHERE user_id = @user_id;

-- name: ProfileDelete :exec
DELETE FROM user_profiles WHERE user_id = @user_id;

-- name: TombstoneInsert :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (@user_id, @now) ON CONFLICT (user_id) DO NOTHING;

-- name: FilesDrop :exec
INSERT INTO dropped_files (key, user_id, dropped_at) SELECT unnest(@keys::text[]), @user_id, @now::timestamptz ON CONFLICT (key) DO NOTHING;

-- name: FilesDropped :many
-- Files to be deleted; a null user means everybody's.
SELECT key FROM dropped_files WHERE sqlc.narg(user_id)::uuid IS NULL OR user_id = sqlc.narg(user_id) ORDER BY dropped_at LIMIT @max_rows;

-- name: FileForget :exec
DELETE FROM dropped_files WHERE key = @key;

-- name: Footprint :many
-- Rows of a user by table.
SELECT 'table user_profiles'::text AS place, count(*) AS rows FROM user_profiles p WHERE p.user_id = @user_id
UNION ALL SELECT 'table skills', count(*) FROM skills s WHERE s.user_id = @user_id
UNION ALL SELECT 'table experiences', count(*) FROM experiences x WHERE x.user_id = @user_id
UNION ALL SELECT 'table educations', count(*) FROM educations e WHERE e.user_id = @user_id
UNION ALL SELECT 'table preferences', count(*) FROM preferences r WHERE r.user_id = @user_id
UNION ALL SELECT 'table answers', count(*) FROM answers a WHERE a.user_id = @user_id
UNION ALL SELECT 'table proposals', count(*) FROM proposals o WHERE o.user_id = @user_id
UNION ALL SELECT 'table subscriptions', count(*) FROM subscriptions b WHERE b.user_id = @user_id
UNION ALL SELECT 'bucket user-uploads', count(*) FROM dropped_files f WHERE f.user_id = @user_id;

-- name: AuditAppend :exec
SELECT audit_append(@actor_kind, @actor_id, @action, sqlc.narg(user_id)::uuid, @request_id, @detail::jsonb);

-- name: AuditPartitions :exec
SELECT audit_partitions(@months_ahead);
