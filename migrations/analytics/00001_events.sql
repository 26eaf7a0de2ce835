-- +goose Up

-- What happened: events of all services, and of clients (type client.…). Stored once: an event's id and time are
-- its identity.
CREATE TABLE events (
    id          uuid NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    type        text NOT NULL,
    user_id     uuid,
    properties  jsonb NOT NULL DEFAULT '{}',      -- of services: only what the allow-list of events.go names
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX events_of_user ON events (user_id, at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX events_by_time ON events USING brin (at);
CREATE INDEX events_received ON events USING brin (received_at);
CREATE TABLE events_default PARTITION OF events DEFAULT; -- replays from long ago

-- Makes the monthly partitions from last month to the given number ahead.
-- +goose StatementBegin
CREATE FUNCTION events_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    month timestamptz := date_trunc('month', now(), 'UTC') - interval '1 month';
BEGIN
    FOR i IN 0..least(months_ahead, 120) + 1 LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
            'events_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'), month, month + interval '1 month');
        month := month + interval '1 month';
    END LOOP;
END
$$;
-- +goose StatementEnd
SELECT events_partitions(12);

-- Drops the partitions that end before.
-- +goose StatementBegin
CREATE FUNCTION events_drop(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    IF before > now() - interval '30 days' THEN
        RAISE EXCEPTION 'events younger than 30 days are not dropped';
    END IF;
    FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'events'::regclass AND c.relname ~ '^events_\d{4}_\d{2}$'
          AND to_timestamp(right(c.relname, 7) || '_01 UTC', 'YYYY_MM_DD') + interval '1 month' <= before LOOP
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
-- +goose StatementEnd

-- Counts by hour and by day (UTC): of a user, and of all (user_id NULL).
CREATE TABLE metrics (
    period    text NOT NULL CHECK (period IN ('hour', 'day')),
    starts_at timestamptz NOT NULL,
    user_id   uuid,
    type      text NOT NULL,                      -- of events; 'active_users': how many did anything
    detail    text NOT NULL DEFAULT '',           -- of a changed application: its new state
    count     bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (period, starts_at, user_id, type, detail)
);
CREATE INDEX metrics_of_user ON metrics (user_id, period, starts_at);

-- How far events are counted in metrics.
CREATE TABLE rollup (
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    up_to          timestamptz NOT NULL,          -- events before are in the hours
    received_up_to timestamptz NOT NULL           -- as far as they had been received by then
);
INSERT INTO rollup (up_to, received_up_to) VALUES ('epoch', 'epoch');

-- The types that a user's clients used on a day, which are limited.
CREATE TABLE tracked_types (
    user_id uuid NOT NULL,
    day     date NOT NULL,
    type    text NOT NULL,
    PRIMARY KEY (user_id, day, type)
);
CREATE INDEX tracked_types_day ON tracked_types (day);

-- Applications as their events tell of them.
CREATE TABLE applications (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL,
    job_id         uuid,
    company        text NOT NULL DEFAULT '',
    platform       text NOT NULL DEFAULT '',
    resume_id      uuid,
    resume_version bigint,
    state          text NOT NULL,
    requested_at   timestamptz NOT NULL,
    submitted_at   timestamptz,
    answered_at    timestamptz,                   -- the first reaction of the employer
    interview_at   timestamptz,
    offer_at       timestamptz,
    rejected_at    timestamptz,
    changed_at     timestamptz NOT NULL           -- time of the event that state is from
);
CREATE INDEX applications_of_user ON applications (user_id, requested_at DESC);

-- Jobs as their events tell of them.
CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    title        text NOT NULL DEFAULT '',
    company      text NOT NULL DEFAULT '',
    country      text NOT NULL DEFAULT '',
    remote       text NOT NULL DEFAULT '',
    currency     text NOT NULL DEFAULT '',
    pay          double precision,                -- a year's, the middle of the range
    skills       text[] NOT NULL DEFAULT '{}',
    published_at timestamptz NOT NULL,
    closed_at    timestamptz,
    changed_at   timestamptz NOT NULL
);
CREATE INDEX jobs_published ON jobs (published_at);
CREATE INDEX jobs_closed ON jobs (closed_at) WHERE closed_at IS NOT NULL;

-- Users that were deleted: late messages do not bring them back.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE events, metrics, rollup, tracked_types, applications, jobs, deleted_users;
DROP FUNCTION events_partitions, events_drop;
