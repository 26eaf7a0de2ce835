-- Answers to POSTs that came with an Idempotency-Key, for 24 hours.
CREATE TABLE idempotency_keys (
    id           bytea PRIMARY KEY,               -- SHA-256 of caller, operation and key
    fingerprint  bytea NOT NULL,                  -- SHA-256 of address and body: what the key was first used for
    attempt      integer NOT NULL DEFAULT 1,      -- fences a request that lost its lock
    locked_until timestamptz NOT NULL,            -- while at work; afterwards a retry may take over
    status       smallint,                        -- of the answer; null: at work
    response     bytea,                           -- headers and body, sealed
    expires_at   timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
