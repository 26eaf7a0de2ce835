-- +goose Up

-- Workflows as they are now: what their events in workflow_events come to.
CREATE TABLE workflows (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    version     integer NOT NULL,                 -- of the definition
    key         text NOT NULL,                    -- of its beginning: workflows of a kind with one key are one
    user_id     uuid,
    input       jsonb NOT NULL,
    outputs     jsonb NOT NULL DEFAULT '{}',      -- of completed steps, by name
    state       text NOT NULL CHECK (state IN ('running', 'waiting', 'compensating', 'completed', 'compensated', 'failed')),
    step        integer NOT NULL DEFAULT 0,       -- index in the definition; when compensating, the one being undone
    attempt     integer NOT NULL DEFAULT 1,       -- of the step
    fence       bigint NOT NULL DEFAULT 0,        -- whoever works on it took the newest
    events      integer NOT NULL DEFAULT 0,       -- how many are in workflow_events
    undoing     boolean NOT NULL DEFAULT false,   -- it is being compensated, or failed at that
    cancelling  boolean NOT NULL DEFAULT false,   -- to be compensated once the step at work has ended
    signal      jsonb,                            -- the event that ended its waiting
    signal_at   timestamptz,                      -- time of the newest event that it was told of
    error       text NOT NULL DEFAULT '',
    next_try_at timestamptz,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    CONSTRAINT workflows_key UNIQUE (kind, key)
);
CREATE INDEX workflows_newest ON workflows (created_at DESC, id DESC);
CREATE INDEX workflows_of_user ON workflows (user_id, created_at DESC, id DESC) WHERE user_id IS NOT NULL;
CREATE INDEX workflows_ended ON workflows (ended_at) WHERE ended_at IS NOT NULL;

-- What happened to a workflow, in order.
CREATE TABLE workflow_events (
    workflow_id uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
    seq         integer NOT NULL,
    at          timestamptz NOT NULL,
    type        text NOT NULL,
    step        text NOT NULL DEFAULT '',
    attempt     integer NOT NULL DEFAULT 0,
    detail      text NOT NULL DEFAULT '',
    output      jsonb,                            -- of a completed step
    PRIMARY KEY (workflow_id, seq)
);

-- Events of other services that a workflow waits for, or may yet come to wait for.
CREATE TABLE signals (
    type     text NOT NULL,
    key      text NOT NULL,                       -- id of what the event is about
    event_id uuid NOT NULL,
    at       timestamptz NOT NULL,
    data     jsonb NOT NULL,
    PRIMARY KEY (type, key, event_id)
);
CREATE INDEX signals_age ON signals (at);

CREATE TABLE waits (
    workflow_id uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
    type        text NOT NULL,
    key         text NOT NULL,
    PRIMARY KEY (workflow_id, type, key)
);
CREATE INDEX waits_for ON waits (type, key);

CREATE TABLE schedules (
    name            text PRIMARY KEY,
    kind            text NOT NULL,
    every_minutes   integer NOT NULL CHECK (every_minutes BETWEEN 5 AND 10080),
    enabled         boolean NOT NULL,
    last_started_at timestamptz
);
INSERT INTO schedules VALUES ('gather_jobs', 'job_aggregation', 60, true);

-- +goose Down
DROP TABLE schedules, waits, signals, workflow_events, workflows;
