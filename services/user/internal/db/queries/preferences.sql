-- name: PreferencesInsert :exec
INSERT INTO preferences (user_id, updated_at, settings, settings_updated_at) VALUES (@user_id, @now, @settings, @now);

-- name: PreferencesGet :one
SELECT * FROM preferences WHERE user_id = @user_id;

-- name: PreferencesUpdate :exec
UPDATE preferences SET data = @data, version = version + 1, updated_at = @now WHERE user_id = @user_id;

-- name: SettingsUpdate :exec
UPDATE preferences SET settings = @settings, settings_version = settings_version + 1, settings_updated_at = @now WHERE user_id = @user_id;

-- name: AnswersOf :many
SELECT * FROM answers WHERE user_id = @user_id ORDER BY key;

-- name: AnswerUpsert :exec
INSERT INTO answers (user_id, key, question, value_sealed, source, confirmed_at, updated_at)
VALUES (@user_id, @key, sqlc.narg(question), @value_sealed, @source, sqlc.narg(confirmed_at), @now)
ON CONFLICT (user_id, key) DO UPDATE SET question = excluded.question, value_sealed = excluded.value_sealed, source = excluded.source,
    confirmed_at = excluded.confirmed_at, updated_at = excluded.updated_at;

-- name: AnswerDelete :execrows
DELETE FROM answers WHERE user_id = @user_id AND key = @key;

-- name: SubscriptionInsert :exec
INSERT INTO subscriptions (user_id, plan, status, started_at) VALUES (@user_id, 'free', 'active', @now);

-- name: SubscriptionGet :one
SELECT s.plan, s.status, s.started_at, s.ends_at, p.entitlements FROM subscriptions s JOIN plans p ON p.code = s.plan WHERE s.user_id = @user_id;

-- name: Plans :many
SELECT * FROM plans ORDER BY rank;

-- name: ProposalInsert :execrows
INSERT INTO proposals (id, user_id, resume_id, resume_version, changes_sealed, status, created_at, closed_at)
VALUES (@id, @user_id, @resume_id, @resume_version, @changes_sealed, @status, @now, sqlc.narg(closed_at))
ON CONFLICT (user_id, resume_id, resume_version) DO NOTHING;

-- name: ProposalOfResume :one
SELECT * FROM proposals WHERE user_id = @user_id AND resume_id = @resume_id AND resume_version = @resume_version;

-- name: ProposalGet :one
SELECT * FROM proposals WHERE user_id = @user_id AND id = @id;

-- name: ProposalDecide :exec
UPDATE proposals SET changes_sealed = @changes_sealed, status = @status, closed_at = sqlc.narg(closed_at) WHERE id = @id;

-- name: ProposalsOf :many
-- Proposals, newest first. An empty status and a zero before do not filter.
SELECT * FROM proposals WHERE user_id = @user_id AND (@status::text = '' OR status = @status)
  AND (sqlc.narg(before)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before), @before_id::uuid))
ORDER BY created_at DESC, id DESC LIMIT @max_rows;
