-- name: DelaysGet :many
SELECT scope, failures, blocked_until FROM login_delays
WHERE (scope = 'account' AND key = @account) OR (scope = 'pair' AND key = @pair) OR (scope = 'network' AND key = @network);

-- name: DelayCount :one
-- Counts a failure; one after a quiet time starts anew.
INSERT INTO login_delays AS d (scope, key, failures, failed_at, blocked_until)
VALUES (@scope, @key, 1, @now, @now)
ON CONFLICT (scope, key) DO UPDATE
SET failures = CASE WHEN d.failed_at < @quiet_since THEN 1 ELSE d.failures + 1 END, failed_at = @now
RETURNING failures;

-- name: DelaySet :exec
UPDATE login_delays SET blocked_until = @blocked_until WHERE scope = @scope AND key = @key;

-- name: DelayClear :exec
DELETE FROM login_delays WHERE scope = @scope AND key = @key;

-- name: DelayClearAccount :exec
-- Lifts the delays of an account: its own, and of its pairs with any network (a pair's key begins with the account's).
DELETE FROM login_delays
WHERE (scope = 'account' AND key = @account)
   OR (scope = 'pair' AND key >= @account AND key <= @account || decode(repeat('ff', 32), 'hex'));

-- name: SprayAdd :one
WITH added AS (
    INSERT INTO login_sprays (network, account, at) VALUES (@network, @account, @now)
    ON CONFLICT (network, account) DO UPDATE SET at = excluded.at
)
SELECT count(*) FROM login_sprays s WHERE s.network = @network AND s.at > @since AND s.account <> @account;

-- name: KnownNetwork :one
-- Whether the account signed in from this network lately; a stranger elsewhere cannot delay it there.
SELECT EXISTS (SELECT 1 FROM sessions WHERE user_id = @user_id AND network = @network AND created_at > @since);
