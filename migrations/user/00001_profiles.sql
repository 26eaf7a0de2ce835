-- +goose Up

-- The person. What identifies one (names, e-mail, phone, address, nationality) is one sealed document; all other
-- tables refer to its row, whose lock puts the changes of one user in order.
CREATE TABLE user_profiles (
    user_id               uuid PRIMARY KEY,
    version               bigint NOT NULL DEFAULT 1,  -- the profile's entity tag
    profile_sealed        bytea NOT NULL,             -- JSON, as GET /api/v1/users/{userId} answers it
    photo_id              uuid,                       -- files photos/<user_id>/<photo_id>/<size>
    photo_type            text CHECK (photo_type IN ('image/jpeg', 'image/png')),
    photo_uploaded_at     timestamptz,
    deletion_requested_at timestamptz,                -- from here on nothing changes any more
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);

CREATE TABLE skills (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    key        text NOT NULL,                         -- id of the taxonomy's entry, or else the folded name
    name       text NOT NULL,
    esco_id    uuid,                                  -- common.skills
    level      text CHECK (level IN ('beginner', 'intermediate', 'advanced', 'expert')),
    years      double precision,
    last_used  integer,
    source     text NOT NULL CHECK (source IN ('user', 'resume')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT skills_key UNIQUE (user_id, key)
);

-- Experiences and educations are read and written as a whole; data has the fields of the contract.
CREATE TABLE experiences (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    version    bigint NOT NULL DEFAULT 1,
    data       jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX experiences_of_user ON experiences (user_id);

CREATE TABLE educations (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    version    bigint NOT NULL DEFAULT 1,
    data       jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX educations_of_user ON educations (user_id);

CREATE TABLE preferences (
    user_id             uuid PRIMARY KEY REFERENCES user_profiles ON DELETE CASCADE,
    version             bigint NOT NULL DEFAULT 1,
    data                jsonb NOT NULL DEFAULT '{}',  -- filters and wishes
    updated_at          timestamptz NOT NULL,
    settings_version    bigint NOT NULL DEFAULT 1,
    settings            jsonb NOT NULL,
    settings_updated_at timestamptz NOT NULL
);

-- The answer bank. Any answer may tell what nobody else should know, so all are sealed.
CREATE TABLE answers (
    user_id       uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    key           text NOT NULL,
    question      text,                               -- of a key that is not in the catalogue
    value_sealed  bytea NOT NULL,                     -- JSON
    source        text NOT NULL CHECK (source IN ('user', 'resume', 'profile')),
    confirmed_at  timestamptz,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);

-- What a parsed resume would change.
CREATE TABLE proposals (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES user_profiles ON DELETE CASCADE,
    resume_id      uuid NOT NULL,
    resume_version integer NOT NULL,
    changes_sealed bytea NOT NULL,                    -- JSON; each change has its own status
    status         text NOT NULL CHECK (status IN ('open', 'closed')),
    created_at     timestamptz NOT NULL,
    closed_at      timestamptz,
    CONSTRAINT proposals_resume UNIQUE (user_id, resume_id, resume_version)
);
CREATE INDEX proposals_of_user ON proposals (user_id, created_at DESC, id DESC);

CREATE TABLE plans (
    code         text PRIMARY KEY,
    name         text NOT NULL,
    rank         integer NOT NULL,                    -- order from the smallest
    entitlements jsonb NOT NULL
);
INSERT INTO plans (code, name, rank, entitlements) VALUES
    ('free', 'Free', 0, '{"applicationsPerDay": 10, "resumes": 5, "alerts": 5, "aiRequestsPerDay": 50, "autoApply": true}'),
    ('premium', 'Premium', 1, '{"applicationsPerDay": 100, "resumes": 50, "alerts": 50, "aiRequestsPerDay": 1000, "autoApply": true}');

CREATE TABLE subscriptions (
    user_id    uuid PRIMARY KEY REFERENCES user_profiles ON DELETE CASCADE,
    plan       text NOT NULL REFERENCES plans,
    status     text NOT NULL CHECK (status IN ('active', 'past_due', 'cancelled')),
    started_at timestamptz NOT NULL,
    ends_at    timestamptz
);

-- Users whose profiles are gone: messages that come late do not bring them back. Kept for 30 days.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX deleted_users_age ON deleted_users (deleted_at);

-- Files that nothing refers to any more, to be deleted from the bucket.
CREATE TABLE dropped_files (
    key        text PRIMARY KEY,
    user_id    uuid NOT NULL,
    dropped_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE dropped_files, deleted_users, subscriptions, plans, proposals, answers, preferences, educations, experiences,
    skills, user_profiles;
