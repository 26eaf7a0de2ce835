-- +goose Up

-- Messages to be published, written in the transaction that they tell of; the relay deletes them once the broker
-- has confirmed them. Empty but for what is under way.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  uuid NOT NULL,
    aggregate   text NOT NULL,                    -- order is kept within it
    lane        smallint NOT NULL GENERATED ALWAYS AS ((hashtext(aggregate) & 15)::smallint) STORED,
    queue       text NOT NULL DEFAULT '',         -- work for this queue; empty: an event, routed by its type
    type        text NOT NULL,
    traceparent text NOT NULL DEFAULT '',         -- W3C trace context of the writer
    body        text NOT NULL,                    -- CloudEvents 1.0 document, JSON
    created_at  timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL DEFAULT 0,       -- times that the broker did not take it
    not_before  timestamptz                       -- of the next attempt
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX outbox_lane ON outbox (lane, id);
CREATE INDEX outbox_parked ON outbox (lane, aggregate, id) WHERE attempts > 0;

-- Messages that a consumer has applied: a second delivery finds its row and changes nothing.
CREATE TABLE inbox (
    consumer   text NOT NULL,
    message_id uuid NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_age ON inbox USING brin (applied_at);

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

-- +goose Down
DROP TABLE outbox, inbox, idempotency_keys;
