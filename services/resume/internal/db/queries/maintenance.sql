-- name: RenderInsert :execrows
-- Of a resume that is gone meanwhile nothing is kept.
INSERT INTO renders (key, user_id, resume_id, created_at)
SELECT @key::text, r.user_id, r.id, @now::timestamptz FROM resumes r WHERE r.id = @resume_id
ON CONFLICT (key) DO UPDATE SET created_at = excluded.created_at;

-- name: RenderExists :one
SELECT EXISTS (SELECT 1 FROM renders WHERE key = @key);

-- name: RendersOld :many
SELECT key FROM renders WHERE created_at < @before ORDER BY created_at LIMIT 200;

-- name: RendersOfResume :many
SELECT key FROM renders WHERE resume_id = @resume_id;

-- name: RendersDelete :exec
DELETE FROM renders WHERE key = ANY(@keys::text[]);

-- name: TombstoneSet :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (@user_id, @now) ON CONFLICT DO NOTHING;

-- name: TombstoneExists :one
SELECT EXISTS (SELECT 1 FROM deleted_users WHERE user_id = @user_id);

-- name: FilesOfUser :many
SELECT key FROM documents d WHERE d.user_id = @user_id;

-- name: RendersOfUser :many
SELECT key FROM renders r WHERE r.user_id = @user_id;

-- name: UserPurge :exec
WITH gone_documents AS (DELETE FROM documents d WHERE d.user_id = @user_id),
     gone_renders AS (DELETE FROM renders r WHERE r.user_id = @user_id)
DELETE FROM resumes s WHERE s.user_id = @user_id;

-- name: Footprint :one
SELECT
    (SELECT count(*) FROM resumes r WHERE r.user_id = @user_id) AS resumes,
    (SELECT count(*) FROM resume_versions v JOIN resumes r ON r.id = v.resume_id WHERE r.user_id = @user_id) AS versions,
    (SELECT count(*) FROM resume_sections s JOIN resumes r ON r.id = s.resume_id WHERE r.user_id = @user_id) AS sections,
    (SELECT count(*) FROM resume_suggestions g WHERE g.user_id = @user_id) AS suggestions,
    (SELECT count(*) FROM documents d WHERE d.user_id = @user_id) AS documents,
    (SELECT count(*) FROM renders e WHERE e.user_id = @user_id) AS renders;
