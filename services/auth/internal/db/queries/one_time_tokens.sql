-- name: OneTimeTokenInsert :exec
INSERT INTO one_time_tokens (hash, purpose, user_id, data_sealed, created_at, expires_at)
VALUES (@hash, @purpose, @user_id, @data_sealed, @now, @expires_at);

-- name: OneTimeTokenTake :one
-- Consumes the token: whoever deletes the row has it, everyone else finds nothing.
DELETE FROM one_time_tokens WHERE hash = @hash AND purpose = @purpose AND expires_at > @now
RETURNING user_id, data_sealed, created_at;

-- name: OneTimeTokenTry :one
-- Counts an attempt at a challenge and returns it, while attempts are left.
UPDATE one_time_tokens SET attempts = attempts + 1
WHERE hash = @hash AND purpose = @purpose AND expires_at > @now AND attempts < @max_attempts
RETURNING user_id, data_sealed;

-- name: OneTimeTokensDrop :exec
DELETE FROM one_time_tokens WHERE user_id = @user_id AND purpose = @purpose;

-- name: OneTimeTokensSince :one
-- How many tokens of a purpose the account was sent lately; bounds the mails a stranger can cause.
SELECT count(*) FROM one_time_tokens WHERE user_id = @user_id AND purpose = @purpose AND created_at > @since;
