-- +goose Up

-- What is known of the models in use: written at start by the service that has them.
CREATE TABLE models (
    name          text PRIMARY KEY,
    engine        text NOT NULL,
    task          text NOT NULL,
    source        text NOT NULL,                    -- what it was made from, or whose it is
    licence       text NOT NULL DEFAULT '',
    metrics       jsonb NOT NULL DEFAULT '{}',      -- measured on data that it was not made from
    registered_at timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz NOT NULL DEFAULT now() -- when a replica last had it
);

-- The budget of a user for paid engines. A call takes its estimate before it begins and corrects it when it ends, so
-- that calls at once cannot exceed the limit together; one that never ended stays at its estimate.
CREATE TABLE budget_days (
    user_id     uuid NOT NULL,
    day         date NOT NULL,                      -- in UTC
    tokens      bigint NOT NULL DEFAULT 0,
    cost_micros bigint NOT NULL DEFAULT 0,          -- millionths of a US dollar
    calls       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, day)
);
CREATE INDEX budget_days_age ON budget_days (day);

-- Every call to a paid engine, without what was said.
CREATE TABLE engine_calls (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL,
    task          text NOT NULL,
    engine        text NOT NULL,
    model         text NOT NULL,
    outcome       text NOT NULL CHECK (outcome IN ('answered', 'refused', 'failed')),
    reason        text NOT NULL DEFAULT '',         -- of an outcome other than answered: a code, never a text
    input_tokens  bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_micros   bigint NOT NULL DEFAULT 0,
    ms            bigint NOT NULL,
    request_id    text NOT NULL DEFAULT '',
    day           date NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX engine_calls_of_user ON engine_calls (user_id, day);
CREATE INDEX engine_calls_age ON engine_calls USING brin (created_at);

-- Answers of paid engines, kept to be given again for the same question. user_id is zero where nothing of a person
-- was in it.
CREATE TABLE answers (
    user_id     uuid NOT NULL,
    key         bytea NOT NULL,                     -- SHA-256 of task, engine, model, instructions and input
    body_sealed bytea NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX answers_expiry ON answers (expires_at);

-- Users whose data was deleted; what comes late for them is not stored again.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX deleted_users_age ON deleted_users (deleted_at);

-- +goose Down
DROP TABLE models, budget_days, engine_calls, answers, deleted_users;
