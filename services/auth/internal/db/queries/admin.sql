-- name: UserSearch :many
-- Accounts as administrators see them, newest first. A null parameter does not filter, and costs nothing: statements
-- are planned with the values of their parameters.
SELECT sqlc.embed(u),
    EXISTS (SELECT 1 FROM mfa_totp m WHERE m.user_id = u.id AND m.confirmed_at IS NOT NULL) AS mfa,
    -- of the account and of its pairs with any network, whose keys begin with the account's
    (SELECT coalesce(max(d.blocked_until), @now::timestamptz)::timestamptz FROM login_delays d
     WHERE d.scope = 'account' AND d.key = u.email_hash
        OR d.scope = 'pair' AND d.key >= u.email_hash AND d.key <= u.email_hash || decode(repeat('ff', 32), 'hex')) AS delayed_until
FROM users u
WHERE (sqlc.narg(id)::uuid IS NULL OR u.id = sqlc.narg(id))
  AND (sqlc.narg(email_hash)::bytea IS NULL OR u.email_hash = sqlc.narg(email_hash))
  AND (@status::text <> 'disabled' OR u.disabled_at IS NOT NULL)
  AND (@status::text <> 'unverified' OR u.email_verified_at IS NULL AND u.disabled_at IS NULL)
  AND (@status::text <> 'active' OR u.email_verified_at IS NOT NULL AND u.disabled_at IS NULL)
  AND (@role::text = '' OR u.roles @> ARRAY[@role::text])
  AND (@role::text IN ('', 'user') OR u.roles <> '{user}')  -- the index of the few with special roles
  AND (sqlc.narg(registered_after)::timestamptz IS NULL OR u.created_at >= sqlc.narg(registered_after))
  AND (sqlc.narg(registered_before)::timestamptz IS NULL OR u.created_at < sqlc.narg(registered_before))
  AND (sqlc.narg(before_created_at)::timestamptz IS NULL
       OR (u.created_at, u.id) < (sqlc.narg(before_created_at), sqlc.narg(before_id)::uuid))
ORDER BY u.created_at DESC, u.id DESC
LIMIT @max_rows;

-- name: UserDisable :exec
UPDATE users SET disabled_at = @now::timestamptz, disabled_reason = @reason::text, updated_at = @now WHERE id = @id;

-- name: UserEnable :exec
UPDATE users SET disabled_at = NULL, disabled_reason = NULL, updated_at = @now WHERE id = @id;

-- name: UserSetRoles :exec
UPDATE users SET roles = @roles, updated_at = @now WHERE id = @id;

-- name: SuperAdminsLock :exec
-- Of two super admins who would both stop being one, the second sees that it is the last.
SELECT pg_advisory_xact_lock(hashtextextended('auth.super_admins', 0));

-- name: SuperAdminBeside :one
-- Whether there is another super admin who can sign in.
SELECT EXISTS (
    SELECT 1 FROM users
    WHERE roles @> '{super_admin}' AND roles <> '{user}' AND disabled_at IS NULL AND email_verified_at IS NOT NULL AND id <> @id
);
