-- name: CeremonyInsert :exec
INSERT INTO ceremonies (id, user_id, kind, data, expires_at) VALUES (@id, @user_id, @kind, @data, @expires_at);

-- name: CeremonyTake :one
-- Consumes the ceremony: whoever deletes the row may answer it, everyone else finds nothing.
DELETE FROM ceremonies
WHERE id = @id AND kind = @kind AND user_id IS NOT DISTINCT FROM sqlc.narg(user_id)::uuid AND expires_at > @now
RETURNING data;

-- name: PasskeyList :many
SELECT * FROM passkeys WHERE user_id = @user_id ORDER BY created_at, id;

-- name: PasskeyGet :one
SELECT * FROM passkeys WHERE user_id = @user_id AND credential_id = @credential_id;

-- name: PasskeyInsert :exec
INSERT INTO passkeys (id, user_id, credential_id, credential, name, created_at)
VALUES (@id, @user_id, @credential_id, @credential, @name, @now);

-- name: PasskeyUse :exec
UPDATE passkeys SET credential = @credential, last_used_at = @now::timestamptz WHERE id = @id;

-- name: PasskeyRename :one
UPDATE passkeys SET name = @name WHERE id = @id AND user_id = @user_id
RETURNING *;

-- name: PasskeyDelete :execrows
DELETE FROM passkeys WHERE id = @id AND user_id = @user_id;

-- name: LoginMethods :one
-- In how many ways the account can sign in: password, passkeys, providers.
SELECT ((SELECT count(*) FROM users u WHERE u.id = @user_id AND u.password_hash IS NOT NULL)
      + (SELECT count(*) FROM passkeys p WHERE p.user_id = @user_id)
      + (SELECT count(*) FROM oauth_providers o WHERE o.user_id = @user_id))::bigint;
