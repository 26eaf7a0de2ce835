-- name: TotpEnabled :one
SELECT EXISTS (SELECT 1 FROM mfa_totp WHERE user_id = @user_id AND confirmed_at IS NOT NULL);

-- name: MfaGet :one
SELECT t.confirmed_at AS totp_confirmed_at,
    (SELECT count(*) FROM recovery_codes r WHERE r.user_id = u.id AND r.used_at IS NULL) AS recovery_codes_left,
    (SELECT count(*) FROM passkeys p WHERE p.user_id = u.id) AS passkeys
FROM users u LEFT JOIN mfa_totp t ON t.user_id = u.id
WHERE u.id = @user_id;

-- name: TotpGet :one
SELECT secret_sealed, confirmed_at FROM mfa_totp WHERE user_id = @user_id;

-- name: TotpUpsert :execrows
-- Begins an enrolment; it replaces one that waits to be confirmed, never one in use.
INSERT INTO mfa_totp (user_id, secret_sealed) VALUES (@user_id, @secret_sealed)
ON CONFLICT (user_id) DO UPDATE SET secret_sealed = excluded.secret_sealed
WHERE mfa_totp.confirmed_at IS NULL;

-- name: TotpConfirm :execrows
-- Puts an enrolment in use, consuming the code that confirmed it.
UPDATE mfa_totp SET confirmed_at = @now::timestamptz, last_step = @step
WHERE user_id = @user_id AND confirmed_at IS NULL AND secret_sealed = @secret_sealed;

-- name: TotpUse :execrows
-- Consumes the code of a time step: neither it nor the code of an earlier step works again.
UPDATE mfa_totp SET last_step = @step
WHERE user_id = @user_id AND confirmed_at IS NOT NULL AND last_step < @step AND secret_sealed = @secret_sealed;

-- name: TotpDelete :one
DELETE FROM mfa_totp WHERE user_id = @user_id
RETURNING confirmed_at;

-- name: RecoveryCodesDelete :exec
DELETE FROM recovery_codes WHERE user_id = @user_id;

-- name: RecoveryCodesInsert :exec
INSERT INTO recovery_codes (user_id, hash) SELECT @user_id, unnest(@hashes::bytea[]);

-- name: RecoveryCodeUse :execrows
UPDATE recovery_codes SET used_at = @now::timestamptz
WHERE user_id = @user_id AND hash = @hash AND used_at IS NULL;

-- name: RecoveryCodesLeft :one
SELECT count(*) FROM recovery_codes WHERE user_id = @user_id AND used_at IS NULL;

-- name: CodesDelayed :one
-- Whether the account's codes have to wait on this network; where it signed in lately only the pair counts.
SELECT EXISTS (
    SELECT 1 FROM login_delays d
    WHERE d.blocked_until > @now
      AND (d.scope = 'pair' AND d.key = @pair
           OR d.scope = 'account' AND d.key = @account AND NOT EXISTS (
               SELECT 1 FROM sessions s WHERE s.user_id = @user_id AND s.network = @network AND s.created_at > @since))
);
