-- name: ResumeInsert :exec
INSERT INTO resumes (id, user_id, title, language, template, is_default, source, version, created_at, updated_at)
VALUES (@id, @user_id, @title, @language, @template,
        NOT EXISTS (SELECT 1 FROM resumes o WHERE o.user_id = @user_id AND o.is_default), @source, 1, @now, @now);

-- name: UserLock :exec
-- Puts in order what counts or changes all resumes of a user.
SELECT pg_advisory_xact_lock(hashtextextended(sqlc.arg(user_id)::uuid::text, 0));

-- name: ResumeCount :one
SELECT count(*) FROM resumes WHERE user_id = @user_id;

-- name: ResumeGet :one
SELECT * FROM resumes WHERE id = @id AND user_id = @user_id;

-- name: ResumeGetByID :one
SELECT * FROM resumes WHERE id = @id;

-- name: ResumeLock :one
SELECT * FROM resumes WHERE id = @id AND user_id = @user_id FOR UPDATE;

-- name: ResumeDefault :one
SELECT * FROM resumes WHERE user_id = @user_id AND is_default;

-- name: ResumeList :many
SELECT * FROM resumes
WHERE user_id = @user_id
  AND (sqlc.narg(before_created_at)::timestamptz IS NULL
       OR (created_at, id) < (sqlc.narg(before_created_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC
LIMIT @max_rows;

-- name: ResumeUpdate :one
UPDATE resumes SET title = @title, language = @language, template = @template, version = @version, revision = revision + 1, updated_at = @now
WHERE id = @id
RETURNING *;

-- name: DefaultClear :exec
UPDATE resumes SET is_default = false, revision = revision + 1 WHERE user_id = @user_id AND is_default;

-- name: DefaultSet :one
UPDATE resumes SET is_default = true, revision = revision + 1 WHERE id = @id RETURNING *;

-- name: DefaultNewest :exec
UPDATE resumes SET is_default = true, revision = revision + 1
WHERE id = (SELECT o.id FROM resumes o WHERE o.user_id = @user_id ORDER BY o.created_at DESC, o.id DESC LIMIT 1);

-- name: ResumeDelete :exec
DELETE FROM resumes WHERE id = @id;

-- name: SectionInsert :exec
INSERT INTO resume_sections (id, resume_id, name, content_sealed, entries) VALUES (@id, @resume_id, @name, @content_sealed, @entries);

-- name: SectionsGet :many
SELECT id, name, content_sealed FROM resume_sections WHERE resume_id = @resume_id AND id = ANY(@ids::uuid[]);

-- name: VersionInsert :exec
INSERT INTO resume_versions (resume_id, version, cause, restored_from, layout, arranged, changed, created_at)
VALUES (@resume_id, @version, @cause, @restored_from, @layout, @arranged, @changed, @now);

-- name: VersionGet :one
SELECT * FROM resume_versions WHERE resume_id = @resume_id AND version = @version;

-- name: VersionList :many
SELECT * FROM resume_versions
WHERE resume_id = @resume_id AND (sqlc.narg(before)::integer IS NULL OR version < sqlc.narg(before))
ORDER BY version DESC
LIMIT @max_rows;

-- name: VersionName :one
UPDATE resume_versions SET name = @name WHERE resume_id = @resume_id AND version = @version RETURNING *;

-- name: VersionsTrim :execrows
-- Drops the versions without a name that are below a number.
DELETE FROM resume_versions v
WHERE v.resume_id = @resume_id AND v.name IS NULL AND v.version < @below;

-- name: SectionsTrim :exec
-- Drops the contents that no version has.
DELETE FROM resume_sections s
WHERE s.resume_id = @resume_id AND NOT EXISTS (
    SELECT 1 FROM resume_versions v, jsonb_array_elements(v.layout) l
    WHERE v.resume_id = s.resume_id AND l ->> 'id' = s.id::text);

-- name: TemplateList :many
SELECT * FROM resume_templates ORDER BY position;
