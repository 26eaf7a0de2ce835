-- name: UserInsert :one
-- Creates the account unless its address is taken; no row then.
INSERT INTO users (id, email_sealed, email_hash, display_name_sealed, locale, password_hash, email_verified_at, created_at, updated_at)
VALUES (@id, @email_sealed, @email_hash, @display_name_sealed, @locale, @password_hash, @email_verified_at, @now, @now)
ON CONFLICT (email_hash) DO NOTHING
RETURNING id;

-- name: UserByEmail :one
SELECT * FROM users WHERE email_hash = @email_hash;

-- name: UserByID :one
SELECT * FROM users WHERE id = @id;

-- name: UserLock :one
-- Serialises changes of one account.
SELECT * FROM users WHERE id = @id FOR UPDATE;

-- name: UserVerify :execrows
UPDATE users SET email_verified_at = @now::timestamptz, password_hash = coalesce(sqlc.narg(password_hash), password_hash), updated_at = @now
WHERE id = @id AND email_verified_at IS NULL;

-- name: UserSetPassword :exec
UPDATE users SET password_hash = @password_hash, email_verified_at = coalesce(email_verified_at, @now::timestamptz), updated_at = @now
WHERE id = @id;

-- name: UserSetEmail :exec
UPDATE users SET email_sealed = @email_sealed, email_hash = @email_hash, email_verified_at = @now::timestamptz, updated_at = @now
WHERE id = @id;

-- name: UserDelete :execrows
DELETE FROM users WHERE id = @id;

-- name: AccountFootprint :many
SELECT 'table users' AS place, count(*) AS rows FROM users WHERE users.id = @user_id
UNION ALL SELECT 'table sessions', count(*) FROM sessions WHERE sessions.user_id = @user_id
UNION ALL SELECT 'table one_time_tokens', count(*) FROM one_time_tokens WHERE one_time_tokens.user_id = @user_id
UNION ALL SELECT 'table mfa_totp', count(*) FROM mfa_totp WHERE mfa_totp.user_id = @user_id
UNION ALL SELECT 'table recovery_codes', count(*) FROM recovery_codes WHERE recovery_codes.user_id = @user_id
UNION ALL SELECT 'table passkeys', count(*) FROM passkeys WHERE passkeys.user_id = @user_id
UNION ALL SELECT 'table ceremonies', count(*) FROM ceremonies WHERE ceremonies.user_id = @user_id
UNION ALL SELECT 'table oauth_providers', count(*) FROM oauth_providers WHERE oauth_providers.user_id = @user_id
UNION ALL SELECT 'table oauth_flows', count(*) FROM oauth_flows WHERE oauth_flows.user_id = @user_id
UNION ALL SELECT 'table api_keys', count(*) FROM api_keys WHERE api_keys.user_id = @user_id;
