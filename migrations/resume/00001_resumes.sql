-- +goose Up

-- How documents can look; the layouts themselves are in the program, under the same ids.
CREATE TABLE resume_templates (
    id          text PRIMARY KEY,
    position    smallint NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    columns     smallint NOT NULL,
    formats     text[] NOT NULL,
    good_for    text[] NOT NULL
);
INSERT INTO resume_templates (id, position, name, description, columns, formats, good_for) VALUES
    ('classic', 1, 'Classic', 'One column in a serif face under a centred name, with fine rules between the sections.', 1, '{pdf,docx}',
        '{Law and administration,Finance,Anything traditional}'),
    ('modern', 2, 'Modern', 'Two columns: contact, skills and languages in a coloured side bar, experience beside it.', 2, '{pdf,docx}',
        '{Design and media,Startups,When a person reads first}'),
    ('compact', 3, 'Compact', 'One dense column of plain text with common headings, which every applicant tracking system reads.', 1, '{pdf,docx}',
        '{Applicant tracking systems,Much experience on few pages}'),
    ('academic', 4, 'Academic', 'A curriculum vitae with dates in the margin; education, publications and awards come first.', 1, '{pdf,docx}',
        '{Universities and research,Grants,Medicine}');

-- A resume: what is known about it. Its content is the version that it is at. The title is the user's own name for it.
CREATE TABLE resumes (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL,
    title      text NOT NULL,
    language   text NOT NULL,                     -- BCP 47
    template   text NOT NULL REFERENCES resume_templates,
    is_default boolean NOT NULL,
    source     text NOT NULL CHECK (source IN ('written', 'uploaded', 'copied')),
    version    integer NOT NULL,                  -- the current one
    revision   bigint NOT NULL DEFAULT 1,         -- counts every change, of title and the like too: the ETag
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX resumes_of_user ON resumes (user_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX resumes_default ON resumes (user_id) WHERE is_default;

-- Contents of sections, each stored once however many versions have it: deflated JSON, sealed.
CREATE TABLE resume_sections (
    id             uuid PRIMARY KEY,
    resume_id      uuid NOT NULL REFERENCES resumes ON DELETE CASCADE,
    name           text NOT NULL,                 -- as in JSON Resume: basics, work, …
    content_sealed bytea NOT NULL,
    entries        integer NOT NULL
);
CREATE INDEX resume_sections_of_resume ON resume_sections (resume_id);

-- Versions are never changed but for their name. layout is a list of {name, id, hidden, entries}: the sections in their
-- order, with the row of resume_sections that holds each, absent for an empty one.
CREATE TABLE resume_versions (
    resume_id     uuid NOT NULL REFERENCES resumes ON DELETE CASCADE,
    version       integer NOT NULL,
    name          text,
    cause         text NOT NULL CHECK (cause IN ('created', 'uploaded', 'copied', 'edited', 'arranged', 'restored', 'suggestion')),
    restored_from integer,
    layout        jsonb NOT NULL,
    arranged      boolean NOT NULL,               -- the order is the user's, not the template's
    changed       text[] NOT NULL,                -- sections that differ from the version before
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (resume_id, version)
);

-- Uploaded files, in the bucket of resumes under key. The hash finds the same file again.
CREATE TABLE documents (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL,
    resume_id       uuid NOT NULL,                -- the resume that it becomes, which may be deleted later
    key             text NOT NULL,
    filename_sealed bytea NOT NULL,
    title_sealed    bytea NOT NULL,
    content_type    text NOT NULL,
    size            bigint NOT NULL,
    sha256          bytea NOT NULL,
    status          text NOT NULL CHECK (status IN ('queued', 'processing', 'parsed', 'failed')),
    stage           text NOT NULL CHECK (stage IN ('queued', 'reading', 'parsing', 'storing', 'done', 'failed')),
    percent         smallint NOT NULL,
    warnings        text[] NOT NULL DEFAULT '{}',
    failure_code    text,
    failure_message text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX documents_content ON documents (user_id, sha256);
CREATE INDEX documents_of_user ON documents (user_id, created_at DESC, id DESC);
CREATE INDEX documents_under_way ON documents (updated_at) WHERE status IN ('queued', 'processing');

-- Improvements offered by ai. body_sealed is JSON: before, after, reason.
CREATE TABLE resume_suggestions (
    id              uuid PRIMARY KEY,
    resume_id       uuid NOT NULL REFERENCES resumes ON DELETE CASCADE,
    user_id         uuid NOT NULL,
    job_id          uuid,
    position        smallint NOT NULL,            -- the gravest first
    kind            text NOT NULL,
    pointer         text NOT NULL,                -- RFC 6901, into version
    version         integer NOT NULL,
    body_sealed     bytea NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    applied_version integer,
    created_at      timestamptz NOT NULL,
    decided_at      timestamptz
);
CREATE INDEX resume_suggestions_of_resume ON resume_suggestions (resume_id, created_at DESC, position);
CREATE INDEX resume_suggestions_of_user ON resume_suggestions (user_id);

-- Rendered documents in the bucket of exports, by the hash of what they were made from.
CREATE TABLE renders (
    key        text PRIMARY KEY,
    user_id    uuid NOT NULL,
    resume_id  uuid NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX renders_of_user ON renders (user_id);
CREATE INDEX renders_of_resume ON renders (resume_id);
CREATE INDEX renders_age ON renders (created_at);

-- Users that were deleted, so that late messages do not bring them back; kept 30 days.
CREATE TABLE deleted_users (
    user_id    uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX deleted_users_age ON deleted_users (deleted_at);

-- +goose Down
DROP TABLE deleted_users, renders, resume_suggestions, documents, resume_versions, resume_sections, resumes, resume_templates;
