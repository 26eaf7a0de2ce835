-- +goose Up

CREATE TABLE companies (
    id         uuid PRIMARY KEY,
    key        text NOT NULL CONSTRAINT companies_key UNIQUE,   -- the name without case, punctuation and legal form
    name       text NOT NULL,
    website    text,
    created_at timestamptz NOT NULL
);
CREATE INDEX companies_by_name ON companies (lower(name) text_pattern_ops, id);

-- Where jobs come from.
CREATE TABLE sources (
    id              uuid PRIMARY KEY,
    platform        text NOT NULL,
    token           text NOT NULL,                -- board, site, organisation, or the sitemap's URL; empty for aggregators
    name            text NOT NULL,
    base_url        text NOT NULL DEFAULT '',     -- empty: the platform's public address
    enabled         boolean NOT NULL DEFAULT true,
    every_minutes   integer NOT NULL,
    last_run_at     timestamptz,
    last_success_at timestamptz,
    next_run_at     timestamptz NOT NULL,
    last_error      text,
    failures        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    CONSTRAINT sources_board UNIQUE (platform, token, base_url)
);
CREATE INDEX sources_due ON sources (next_run_at) WHERE enabled;

-- What a URL was last answered with, for conditional requests. Written when the run that asked was stored.
CREATE TABLE validators (
    source_id     uuid NOT NULL REFERENCES sources ON DELETE CASCADE,
    url           text NOT NULL,
    etag          text NOT NULL,
    last_modified text NOT NULL,
    PRIMARY KEY (source_id, url)
);

-- One row for each job, however often it is listed.
CREATE TABLE jobs (
    id               uuid PRIMARY KEY,
    version          bigint NOT NULL DEFAULT 1,   -- of this row: the search index takes the highest
    company_id       uuid NOT NULL REFERENCES companies,
    company_name     text NOT NULL,
    title            text NOT NULL,
    language         text NOT NULL,
    location         text NOT NULL,
    country          text NOT NULL,
    region           text NOT NULL,
    city             text NOT NULL,
    latitude         double precision,
    longitude        double precision,
    remote           text NOT NULL,
    employment_type  text NOT NULL,
    seniority        text NOT NULL,
    pay_min          double precision,
    pay_max          double precision,
    pay_currency     text NOT NULL DEFAULT '',
    pay_period       text NOT NULL DEFAULT '',
    pay_year_max     double precision,            -- the upper end, a year
    required_skills  text[] NOT NULL DEFAULT '{}',
    nice_skills      text[] NOT NULL DEFAULT '{}',
    platforms        text[] NOT NULL DEFAULT '{}',
    posted_at        timestamptz NOT NULL,
    valid_through    timestamptz,
    closed_at        timestamptz,
    closed_reason    text NOT NULL DEFAULT '',
    hidden           boolean NOT NULL DEFAULT false,  -- by a moderator
    enrich_hash      bytea,                       -- text that skills were read from; differs: to be read again
    text_hash        bytea NOT NULL,
    enrich_attempts  integer NOT NULL DEFAULT 0,
    enrich_after     timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
CREATE INDEX jobs_of_company ON jobs (company_id, posted_at DESC, id DESC) WHERE closed_at IS NULL;
CREATE INDEX jobs_newest ON jobs (posted_at DESC, id DESC) WHERE closed_at IS NULL AND NOT hidden;
CREATE INDEX jobs_to_enrich ON jobs (enrich_after) WHERE closed_at IS NULL AND NOT hidden AND enrich_hash IS DISTINCT FROM text_hash;
CREATE INDEX jobs_ending ON jobs (valid_through) WHERE closed_at IS NULL AND valid_through IS NOT NULL;

-- What a job says, apart from its row since it is long and seldom asked for.
CREATE TABLE job_texts (
    job_id uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    html   text NOT NULL,                         -- sanitised
    plain  text NOT NULL,
    words  tsvector NOT NULL                      -- of title, company, place and text: searched while the engine is away
);
CREATE INDEX job_texts_words ON job_texts USING gin (words);

-- Each listing of a job. content is the listing as normalised, so that a merge can be undone.
CREATE TABLE job_sources (
    id            uuid PRIMARY KEY,
    job_id        uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    source_id     uuid NOT NULL REFERENCES sources ON DELETE CASCADE,
    platform      text NOT NULL,
    external_id   text NOT NULL,
    url           text NOT NULL,
    apply_url     text NOT NULL,
    page          text NOT NULL,                  -- that it alone was read from, for conditional requests; or empty
    content       jsonb NOT NULL,
    content_hash  bytea NOT NULL,
    sketch        bytea NOT NULL,                 -- of the text, to find near duplicates
    "primary"     boolean NOT NULL,               -- the job shows this listing
    alone         boolean NOT NULL DEFAULT false, -- was split off: never merged again
    missed        smallint NOT NULL DEFAULT 0,    -- complete listings in a row that lack it
    live          boolean NOT NULL DEFAULT true,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    CONSTRAINT job_sources_listing UNIQUE (source_id, external_id)
);
CREATE INDEX job_sources_of_job ON job_sources (job_id);
CREATE INDEX job_sources_url ON job_sources (url) WHERE live;
CREATE INDEX job_sources_page ON job_sources (source_id, page) WHERE page <> '';
CREATE INDEX job_sources_live ON job_sources (source_id) WHERE live;

-- Jobs whose document in the search index is older than their row; the indexer empties it.
CREATE TABLE index_queue (
    job_id    uuid PRIMARY KEY,
    queued_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The indices that documents go to: the one behind the alias, and one that is being built.
CREATE TABLE search_indices (
    name       text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- New jobs that alerts have not been held against yet.
CREATE TABLE alert_queue (
    job_id    uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    queued_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE gatherings (
    id          uuid PRIMARY KEY,
    started_by  text NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX gatherings_age ON gatherings (started_at);

CREATE TABLE gathering_sources (
    gathering_id uuid NOT NULL REFERENCES gatherings ON DELETE CASCADE,
    source_id    uuid NOT NULL REFERENCES sources ON DELETE CASCADE,
    state        text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    found        integer NOT NULL DEFAULT 0,
    created      integer NOT NULL DEFAULT 0,
    updated      integer NOT NULL DEFAULT 0,
    unchanged    integer NOT NULL DEFAULT 0,
    closed       integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0,
    problems     text[] NOT NULL DEFAULT '{}',
    error        text,
    started_at   timestamptz,
    finished_at  timestamptz,
    PRIMARY KEY (gathering_id, source_id)
);

CREATE TABLE saved_jobs (
    user_id  uuid NOT NULL,
    job_id   uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, job_id)
);
CREATE INDEX saved_jobs_newest ON saved_jobs (user_id, saved_at DESC, job_id DESC);

CREATE TABLE job_alerts (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    name        text NOT NULL,
    frequency   text NOT NULL CHECK (frequency IN ('instant', 'daily')),
    query       jsonb NOT NULL,
    enabled     boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    told_at     timestamptz NOT NULL              -- matches up to here have been told of
);
CREATE INDEX job_alerts_of_user ON job_alerts (user_id, created_at DESC);

CREATE TABLE alert_matches (
    alert_id   uuid NOT NULL REFERENCES job_alerts ON DELETE CASCADE,
    job_id     uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    matched_at timestamptz NOT NULL,
    told       boolean NOT NULL,
    PRIMARY KEY (alert_id, job_id)
);
CREATE INDEX alert_matches_newest ON alert_matches (alert_id, matched_at DESC, job_id DESC);
CREATE INDEX alert_matches_untold ON alert_matches (alert_id) WHERE NOT told;

CREATE TABLE job_reports (
    id          uuid PRIMARY KEY,
    job_id      uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    user_id     uuid,                             -- NULL: the reporter's account is gone
    reason      text NOT NULL,
    comment     text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dismissed', 'upheld')),
    note        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by uuid,
    CONSTRAINT job_reports_once UNIQUE (job_id, user_id)
);
CREATE INDEX job_reports_newest ON job_reports (created_at DESC, id DESC);

-- Accounts that are gone: late requests and messages do not bring anything of theirs back.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE deleted_users, job_reports, alert_matches, job_alerts, saved_jobs, gathering_sources, gatherings, alert_queue,
    search_indices, index_queue, job_sources, job_texts, jobs, validators, sources, companies;
