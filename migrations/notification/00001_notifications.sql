-- +goose Up

-- What a user was told. Rows with in_app are the list that the user sees; the others are the record of a mail or
-- push message alone. user_id is NULL for an address without an account. Partitioned by month.
CREATE TABLE notifications (
    id         uuid NOT NULL,
    user_id    uuid,
    kind       text NOT NULL,
    in_app     boolean NOT NULL,
    title      text NOT NULL DEFAULT '',
    body       text NOT NULL DEFAULT '',
    link       text NOT NULL DEFAULT '',
    data       jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    read_at    timestamptz,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX notifications_of_user ON notifications (user_id, created_at DESC, id DESC) WHERE in_app;
CREATE INDEX notifications_unread ON notifications (user_id, created_at) WHERE in_app AND read_at IS NULL;
CREATE INDEX notifications_record ON notifications (user_id) WHERE NOT in_app;

-- Makes the monthly partitions from the month before this one to the given number ahead, and drops those that ended
-- more than the given number of months ago.
-- +goose StatementBegin
CREATE FUNCTION notifications_partitions(months_ahead integer, months_kept integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    month timestamptz := date_trunc('month', now(), 'UTC') - interval '1 month';
    old text;
BEGIN
    FOR i IN 0..least(months_ahead, 120) + 1 LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF notifications FOR VALUES FROM (%L) TO (%L)',
            'notifications_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'), month, month + interval '1 month');
        month := month + interval '1 month';
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'notifications'::regclass
          AND c.relname < 'notifications_' || to_char((now() - make_interval(months => greatest(months_kept, 1))) AT TIME ZONE 'UTC', 'YYYY_MM')
    LOOP
        EXECUTE format('DROP TABLE %I', old);
    END LOOP;
END
$$;
-- +goose StatementEnd
SELECT notifications_partitions(3, 120);

-- Two messages of one key are one: the first makes the row.
CREATE TABLE message_keys (
    key        bytea PRIMARY KEY,                 -- SHA-256 of receiver and dedupe key
    message_id uuid NOT NULL,
    user_id    uuid,
    created_at timestamptz NOT NULL
);
CREATE INDEX message_keys_age ON message_keys USING brin (created_at);
CREATE INDEX message_keys_of_user ON message_keys (user_id);

-- How a message went out, by channel and target. A row that is being sent is leased: who finds it after a crash
-- waits for the lease to end. payload_sealed is the message itself, as long as it waits.
CREATE TABLE deliveries (
    id             uuid PRIMARY KEY,
    message_id     uuid NOT NULL,
    user_id        uuid,
    kind           text NOT NULL,
    channel        text NOT NULL CHECK (channel IN ('email', 'push')),
    device_id      uuid,                          -- of push
    target_hash    bytea NOT NULL,                -- keyed hash of address or token
    status         text NOT NULL CHECK (status IN ('pending', 'held', 'sending', 'sent', 'failed', 'skipped')),
    digest         boolean NOT NULL DEFAULT false, -- goes out with others in one mail
    reason         text NOT NULL DEFAULT '',
    attempts       integer NOT NULL DEFAULT 0,
    not_before     timestamptz,                   -- of what is held
    lease_until    timestamptz,
    payload_sealed bytea,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX deliveries_of_message ON deliveries (message_id);
CREATE INDEX deliveries_of_target ON deliveries (target_hash, created_at);
CREATE INDEX deliveries_of_user ON deliveries (user_id);
CREATE INDEX deliveries_due ON deliveries (not_before) WHERE status = 'held';
CREATE INDEX deliveries_age ON deliveries USING brin (created_at);

-- Where and in which language a user is told things, from the events of auth and user.
CREATE TABLE contacts (
    user_id             uuid PRIMARY KEY,
    email_sealed        bytea,
    display_name_sealed bytea,
    locale              text NOT NULL DEFAULT '',
    time_zone           text NOT NULL DEFAULT '',
    verified            boolean NOT NULL DEFAULT false,
    refreshed_at        timestamptz,              -- when the user service was last asked; NULL: ask
    updated_at          timestamptz NOT NULL
);

-- What a user chose; what is not here is the default. kinds: {"job.alert": {"push": false}}.
CREATE TABLE notification_preferences (
    user_id       uuid PRIMARY KEY,
    time_zone     text NOT NULL DEFAULT '',       -- empty: that of the account
    quiet_enabled boolean NOT NULL DEFAULT false,
    quiet_start   text NOT NULL DEFAULT '22:00',
    quiet_end     text NOT NULL DEFAULT '07:00',
    digest        text NOT NULL DEFAULT 'off' CHECK (digest IN ('off', 'daily')),
    kinds         jsonb NOT NULL DEFAULT '{}',
    version       bigint NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL
);

-- Browsers and telephones that get push messages: a Web Push subscription or a token of FCM, sealed.
CREATE TABLE device_tokens (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL,
    type          text NOT NULL CHECK (type IN ('web_push', 'fcm')),
    target_hash   bytea NOT NULL CONSTRAINT device_tokens_target UNIQUE,
    target_sealed bytea NOT NULL,
    name          text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    registered_at timestamptz NOT NULL,
    last_used_at  timestamptz
);
CREATE INDEX device_tokens_of_user ON device_tokens (user_id, registered_at DESC);

-- Addresses that take no mail: refused for good, or their owner complained.
CREATE TABLE suppressions (
    target_hash bytea PRIMARY KEY,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX suppressions_expiry ON suppressions (expires_at);

-- Templates by kind, language and version; the highest version is in use. Seeded from the service's files.
CREATE TABLE email_templates (
    kind       text NOT NULL,
    language   text NOT NULL,
    version    integer NOT NULL,
    subject    text NOT NULL,
    body       text NOT NULL,                     -- paragraphs as plain text, for push and the application
    text       text NOT NULL,
    html       text NOT NULL,
    hash       bytea NOT NULL,                    -- SHA-256 of the above, by which seeding knows its own
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, language, version)
);

-- The stream of each user, kept 24 hours: seq has no gaps, and its order is that of the commits, since the row in
-- stream_heads is locked until then.
CREATE TABLE stream_heads (
    user_id uuid PRIMARY KEY,
    seq     bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE stream_events (
    user_id uuid NOT NULL,
    seq     bigint NOT NULL,
    type    text NOT NULL,
    at      timestamptz NOT NULL,
    data    text NOT NULL,                        -- JSON, sent as it is
    PRIMARY KEY (user_id, seq)
);
CREATE INDEX stream_events_age ON stream_events USING brin (at);

-- Tickets that open a stream once, by SHA-256.
CREATE TABLE stream_tickets (
    hash       bytea PRIMARY KEY,
    user_id    uuid NOT NULL,
    session_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX stream_tickets_expiry ON stream_tickets (expires_at);
CREATE INDEX stream_tickets_of_user ON stream_tickets (user_id);

-- Users that were deleted: messages that come late do not bring them back.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE deleted_users, stream_tickets, stream_events, stream_heads, email_templates, suppressions, device_tokens,
    notification_preferences, contacts, deliveries, message_keys, notifications;
DROP FUNCTION notifications_partitions;
