-- name: UserLock :exec
SELECT pg_advisory_xact_lock(hashtextextended(sqlc.arg(user_id)::uuid::text, 0));

-- name: TombstoneExists :one
SELECT EXISTS (SELECT FROM deleted_users WHERE user_id = @user_id);

-- name: TombstoneSet :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (@user_id, @now) ON CONFLICT (user_id) DO UPDATE SET deleted_at = excluded.deleted_at;

-- name: ApplicationInsert :exec
INSERT INTO applications (id, user_id, job_id, run_id, resume_id, company_name, job_title, platform, apply_url, state, review, letter_sealed, seq, created_at, updated_at)
VALUES (@id, @user_id, @job_id, @run_id, @resume_id, @company_name, @job_title, @platform, @apply_url, 'queued', @review, @letter_sealed, 1, @now, @now);

-- name: ApplicationGet :one
SELECT * FROM applications WHERE id = @id;

-- name: ApplicationLock :one
SELECT * FROM applications WHERE id = @id FOR UPDATE;

-- name: ApplicationOfJob :one
SELECT id FROM applications WHERE user_id = @user_id AND job_id = @job_id;

-- name: ApplicationSet :exec
UPDATE applications SET resume_id = @resume_id, resume_version = @resume_version, state = @state, reason = @reason, approved = @approved, attempt = @attempt,
    seq = @seq, submitted_at = @submitted_at, updated_at = @now, notes_sealed = @notes_sealed, dispatched = @dispatched, held = @held
WHERE id = @id;

-- name: ApplicationsPage :many
SELECT a.*, (SELECT count(*) FROM application_questions q WHERE q.application_id = a.id AND q.answered_at IS NULL)::integer AS open_questions
FROM applications a
WHERE a.user_id = @user_id
    AND (cardinality(@states::text[]) = 0 OR a.state = ANY (@states::text[]))
    AND (sqlc.narg(platform)::text IS NULL OR a.platform = sqlc.narg(platform))
    AND (sqlc.narg(company)::text IS NULL OR position(lower(sqlc.narg(company)) IN lower(a.company_name)) > 0)
    AND (sqlc.narg(since)::timestamptz IS NULL OR a.created_at >= sqlc.narg(since))
    AND (sqlc.narg(run_id)::uuid IS NULL OR a.run_id = sqlc.narg(run_id))
    AND (sqlc.narg(before)::timestamptz IS NULL OR (a.created_at, a.id) < (sqlc.narg(before), sqlc.narg(before_id)::uuid))
ORDER BY a.created_at DESC, a.id DESC
LIMIT @count;

-- name: Usage :many
-- What counts for the caps: applications that were not taken back, by company and platform.
SELECT company_name, platform, count(*) FILTER (WHERE created_at >= @today)::integer AS today, count(*)::integer AS lately
FROM applications WHERE user_id = @user_id AND created_at >= @lately AND state NOT IN ('cancelled', 'closed')
GROUP BY company_name, platform;

-- name: AppliedJobs :many
SELECT job_id FROM applications WHERE user_id = @user_id AND job_id = ANY (@job_ids::uuid[]);

-- name: HistoryInsert :exec
INSERT INTO application_history (application_id, user_id, seq, at, kind, body_sealed) VALUES (@application_id, @user_id, @seq, @at, @kind, @body_sealed);

-- name: HistoryOf :many
SELECT * FROM application_history WHERE application_id = @application_id ORDER BY seq;

-- name: HistoryPartitions :exec
SELECT application_history_partitions(@months_ahead);

-- name: QuestionInsert :execrows
INSERT INTO application_questions (id, application_id, user_id, field, key, reason, body_sealed, asked_at)
VALUES (@id, @application_id, @user_id, @field, @key, @reason, @body_sealed, @now)
ON CONFLICT (application_id, field) WHERE answered_at IS NULL DO NOTHING;

-- name: QuestionsOf :many
SELECT * FROM application_questions WHERE application_id = @application_id ORDER BY answered_at IS NOT NULL, asked_at, id;

-- name: QuestionAnswer :execrows
UPDATE application_questions SET body_sealed = @body_sealed, answered_at = @now WHERE id = @id AND answered_at IS NULL;

-- name: QuestionsOpen :one
SELECT count(*)::integer FROM application_questions WHERE application_id = @application_id AND answered_at IS NULL;

-- name: PaperSet :exec
INSERT INTO application_papers (application_id, kind, user_id, body_sealed, created_at) VALUES (@application_id, @kind, @user_id, @body_sealed, @now)
ON CONFLICT (application_id, kind) DO UPDATE SET body_sealed = excluded.body_sealed, created_at = excluded.created_at;

-- name: PaperGet :one
SELECT * FROM application_papers WHERE application_id = @application_id AND kind = @kind;

-- name: ScreenshotInsert :exec
INSERT INTO application_screenshots (id, application_id, user_id, shows, key, taken_at) VALUES (@id, @application_id, @user_id, @shows, @key, @now);

-- name: ScreenshotsOf :many
SELECT * FROM application_screenshots WHERE application_id = @application_id ORDER BY taken_at, id;

-- name: ScreenshotGet :one
SELECT * FROM application_screenshots WHERE id = @id AND application_id = @application_id;

-- name: ScreenshotsOfUser :many
SELECT key FROM application_screenshots WHERE user_id = @user_id;

-- name: Stuck :many
-- Applications whose worker is gone.
SELECT id FROM applications WHERE state IN ('preparing', 'filling', 'submitting') AND updated_at < @before LIMIT 100;

-- name: Held :many
-- Applications that wait for their run, with its user.
SELECT a.id, a.user_id FROM applications a JOIN auto_apply_runs r ON r.id = a.run_id WHERE a.held AND a.state = 'queued' AND r.state = 'running' ORDER BY a.id LIMIT 500;
