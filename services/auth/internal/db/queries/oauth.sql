-- name: OauthFlowInsert :exec
INSERT INTO oauth_flows (state_hash, provider, user_id, code_challenge, redirect_uri, secrets_sealed, expires_at)
VALUES (@state_hash, @provider, @user_id, @code_challenge, @redirect_uri, @secrets_sealed, @expires_at);

-- name: OauthFlowTake :one
-- Consumes the flow: whoever deletes the row goes on with it, everyone else finds nothing.
DELETE FROM oauth_flows WHERE state_hash = @state_hash AND provider = @provider AND expires_at > @now
RETURNING *;

-- name: OauthFlowsDrop :exec
-- Drops what the user began with the provider and has not finished, so that one link is under way at a time.
DELETE FROM oauth_flows WHERE user_id = @user_id::uuid AND provider = @provider;

-- name: OauthLinkBySubject :one
SELECT * FROM oauth_providers WHERE provider = @provider AND subject = @subject;

-- name: OauthLinkInsert :execrows
-- Links the provider, unless its account is linked already or the user has another one of this provider.
INSERT INTO oauth_providers (id, user_id, provider, subject, email_sealed, linked_at, last_used_at)
VALUES (@id, @user_id, @provider, @subject, @email_sealed, @now::timestamptz, sqlc.narg(last_used_at))
ON CONFLICT DO NOTHING;

-- name: OauthLinkUse :execrows
-- Notes a sign-in, and the address that the provider's account has now.
UPDATE oauth_providers SET last_used_at = @now::timestamptz, email_sealed = coalesce(@email_sealed, email_sealed)
WHERE id = @id AND user_id = @user_id;

-- name: OauthLinkList :many
SELECT * FROM oauth_providers WHERE user_id = @user_id ORDER BY linked_at, id;

-- name: OauthLinkDelete :execrows
DELETE FROM oauth_providers WHERE user_id = @user_id AND provider = @provider;

-- name: UserAdopt :execrows
-- Gives an account whose address nobody had proved to who proved it now; what was set before, a password above
-- all, was set by somebody unknown.
UPDATE users
SET email_verified_at = @now::timestamptz, password_hash = NULL, display_name_sealed = @display_name_sealed, locale = @locale, updated_at = @now
WHERE id = @id AND email_verified_at IS NULL;
