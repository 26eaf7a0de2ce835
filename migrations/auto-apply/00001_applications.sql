-- +goose Up

-- How a user wants applications to be sent; without a row, the defaults of the program.
CREATE TABLE auto_apply_settings (
    user_id    uuid PRIMARY KEY,
    settings   jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Runs that choose jobs by themselves; a user has one at a time.
CREATE TABLE auto_apply_runs (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    state       text NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'finished')),
    planned     integer NOT NULL DEFAULT 0,
    skipped     jsonb NOT NULL DEFAULT '{}',      -- matches that were not used: count by reason
    planned_at  timestamptz,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE UNIQUE INDEX auto_apply_runs_active ON auto_apply_runs (user_id) WHERE state IN ('running', 'paused');
CREATE INDEX auto_apply_runs_of_user ON auto_apply_runs (user_id, started_at DESC);

-- Applications as they are now: a projection of application_history, from which they can be made again. attempt fences
-- workers: only the one that made the latest attempt may change anything.
CREATE TABLE applications (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL,
    job_id         uuid NOT NULL,
    run_id         uuid,
    resume_id      uuid,
    resume_version integer,
    company_name   text NOT NULL,
    job_title      text NOT NULL,
    platform       text NOT NULL,
    apply_url      text NOT NULL,
    state          text NOT NULL CHECK (state IN ('queued', 'preparing', 'filling', 'needs_review', 'needs_answers', 'needs_captcha', 'submitting',
        'submitted', 'unconfirmed', 'failed', 'closed', 'withdrawn', 'cancelled', 'in_review', 'interview', 'offer', 'rejected', 'hired')),
    reason         text NOT NULL DEFAULT '',
    review         boolean NOT NULL,
    approved       boolean NOT NULL DEFAULT false, -- the user has seen the filled form and wants it sent
    attempt        integer NOT NULL DEFAULT 0,
    seq            integer NOT NULL DEFAULT 0,    -- of the last event applied
    submitted_at   timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    letter_sealed  bytea,                         -- cover letter given by the user
    notes_sealed   bytea,
    dispatched     boolean NOT NULL DEFAULT false, -- the browsers have been told
    held           boolean NOT NULL DEFAULT false  -- they came while its run was paused or out of hours
);
CREATE UNIQUE INDEX applications_job ON applications (user_id, job_id);
CREATE INDEX applications_of_user ON applications (user_id, created_at DESC, id DESC);
CREATE INDEX applications_of_run ON applications (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX applications_held ON applications (id) WHERE held;
CREATE INDEX applications_working ON applications (updated_at) WHERE state IN ('preparing', 'filling', 'submitting');

-- What happened to applications, in order; body_sealed is JSON.
CREATE TABLE application_history (
    application_id uuid NOT NULL,
    user_id        uuid NOT NULL,
    seq            integer NOT NULL,
    at             timestamptz NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('created', 'moved', 'dispatched', 'noted', 'resume', 'approved')),
    body_sealed    bytea NOT NULL,
    PRIMARY KEY (application_id, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX application_history_of_user ON application_history (user_id);
CREATE TABLE application_history_default PARTITION OF application_history DEFAULT;

-- Makes the monthly partitions from last month to the given number ahead.
-- +goose StatementBegin
CREATE FUNCTION application_history_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    month timestamptz := date_trunc('month', now(), 'UTC') - interval '1 month';
BEGIN
    FOR i IN 0..least(months_ahead, 120) + 1 LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF application_history FOR VALUES FROM (%L) TO (%L)',
            'application_history_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'), month, month + interval '1 month');
        month := month + interval '1 month';
    END LOOP;
END
$$;
-- +goose StatementEnd
SELECT application_history_partitions(12);

-- What a form asks that only the user can answer. body_sealed is JSON: question, kind, options, hint, answer.
CREATE TABLE application_questions (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications ON DELETE CASCADE,
    user_id        uuid NOT NULL,
    field          text NOT NULL,                 -- name of the form's field
    key            text NOT NULL,                 -- of the answer bank
    reason         text NOT NULL,
    body_sealed    bytea NOT NULL,
    asked_at       timestamptz NOT NULL,
    answered_at    timestamptz
);
CREATE INDEX application_questions_of_application ON application_questions (application_id, asked_at, id);
CREATE UNIQUE INDEX application_questions_open ON application_questions (application_id, field) WHERE answered_at IS NULL;
CREATE INDEX application_questions_of_user ON application_questions (user_id);

-- The filled form to be reviewed, and the receipt of what was sent; body_sealed is JSON.
CREATE TABLE application_papers (
    application_id uuid NOT NULL REFERENCES applications ON DELETE CASCADE,
    kind           text NOT NULL CHECK (kind IN ('review', 'receipt')),
    user_id        uuid NOT NULL,
    body_sealed    bytea NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (application_id, kind)
);

-- Pictures of pages, in the bucket of user uploads under key. The row is there before the file.
CREATE TABLE application_screenshots (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications ON DELETE CASCADE,
    user_id        uuid NOT NULL,
    shows          text NOT NULL CHECK (shows IN ('filled', 'outcome', 'captcha')),
    key            text NOT NULL,
    taken_at       timestamptz NOT NULL
);
CREATE INDEX application_screenshots_of_application ON application_screenshots (application_id, taken_at);
CREATE INDEX application_screenshots_of_user ON application_screenshots (user_id);

-- Users that were deleted, so that late messages do not bring them back; kept 30 days.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX deleted_users_age ON deleted_users (deleted_at);

-- +goose Down
DROP TABLE deleted_users, application_screenshots, application_papers, application_questions, application_history, applications, auto_apply_runs, auto_apply_settings;
DROP FUNCTION application_history_partitions;
