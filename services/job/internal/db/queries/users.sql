-- name: UserGone :one
SELECT EXISTS (SELECT 1 FROM deleted_users WHERE user_id = @user_id);

-- name: UserBury :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (@user_id, @now) ON CONFLICT DO NOTHING;

-- name: SavedJobInsert :execrows
INSERT INTO saved_jobs (user_id, job_id, saved_at) VALUES (@user_id, @job_id, @now) ON CONFLICT DO NOTHING;

-- name: SavedJobDelete :execrows
DELETE FROM saved_jobs WHERE user_id = @user_id AND job_id = @job_id;

-- name: SavedJobs :many
SELECT sqlc.embed(j), s.saved_at FROM saved_jobs s JOIN jobs j ON j.id = s.job_id
WHERE s.user_id = @user_id AND NOT j.hidden
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (s.saved_at, s.job_id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY s.saved_at DESC, s.job_id DESC LIMIT @max_rows;

-- name: SavedAmong :many
SELECT job_id FROM saved_jobs WHERE user_id = @user_id AND job_id = ANY(@ids::uuid[]);

-- name: SavedJobCount :one
SELECT count(*) FROM saved_jobs WHERE user_id = @user_id;

-- name: AlertInsert :exec
INSERT INTO job_alerts (id, user_id, name, frequency, query, enabled, created_at, told_at) VALUES (@id, @user_id, @name, @frequency, @query, @enabled, @now, @now);

-- name: AlertCount :one
SELECT count(*) FROM job_alerts WHERE user_id = @user_id;

-- name: AlertReplace :execrows
UPDATE job_alerts SET name = @name, frequency = @frequency, query = @query, enabled = @enabled WHERE id = @id AND user_id = @user_id;

-- name: AlertDelete :execrows
DELETE FROM job_alerts WHERE id = @id AND user_id = @user_id;

-- name: AlertsOfUser :many
SELECT sqlc.embed(a), (SELECT count(*) FROM alert_matches m WHERE m.alert_id = a.id AND m.matched_at > @since::timestamptz) AS new_matches,
    coalesce((SELECT max(m.matched_at) FROM alert_matches m WHERE m.alert_id = a.id), 'epoch')::timestamptz AS last_match_at
FROM job_alerts a WHERE a.user_id = @user_id AND (sqlc.narg(id)::uuid IS NULL OR a.id = sqlc.narg(id)) ORDER BY a.created_at DESC, a.id DESC;

-- name: AlertMatches :many
SELECT sqlc.embed(j), m.matched_at FROM alert_matches m JOIN job_alerts a ON a.id = m.alert_id JOIN jobs j ON j.id = m.job_id
WHERE m.alert_id = @alert_id AND a.user_id = @user_id AND NOT j.hidden
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (m.matched_at, m.job_id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY m.matched_at DESC, m.job_id DESC LIMIT @max_rows;

-- name: AlertQueueAdd :exec
INSERT INTO alert_queue (job_id) SELECT unnest(@ids::uuid[]) ON CONFLICT DO NOTHING;

-- name: AlertQueueTake :many
-- Jobs that the search index has by now: those that still wait for it are left.
DELETE FROM alert_queue WHERE job_id IN (
    SELECT q.job_id FROM alert_queue q WHERE q.queued_at < @before::timestamptz AND NOT EXISTS (SELECT 1 FROM index_queue i WHERE i.job_id = q.job_id)
    ORDER BY q.queued_at LIMIT @max_rows FOR UPDATE SKIP LOCKED)
RETURNING job_id;

-- name: AlertsEnabled :many
SELECT * FROM job_alerts WHERE enabled AND id > @after ORDER BY id LIMIT @max_rows;

-- name: AlertMatchesInsert :many
-- Each job once for an alert; those that are new are returned.
INSERT INTO alert_matches (alert_id, job_id, matched_at, told)
SELECT a.id, j, @now::timestamptz, @told::boolean FROM job_alerts a, unnest(@job_ids::uuid[]) AS j WHERE a.id = @alert_id
ON CONFLICT DO NOTHING
RETURNING job_id;

-- name: AlertsToDigest :many
-- Alerts with matches that nobody was told of, whose day is over.
SELECT * FROM job_alerts a WHERE a.enabled AND a.told_at <= @before::timestamptz AND EXISTS (SELECT 1 FROM alert_matches m WHERE m.alert_id = a.id AND NOT m.told)
ORDER BY a.id LIMIT 200 FOR UPDATE SKIP LOCKED;

-- name: AlertTell :many
UPDATE alert_matches m SET told = true FROM jobs j
WHERE m.alert_id = @alert_id AND NOT m.told AND j.id = m.job_id
RETURNING m.job_id, j.title, j.company_name, (j.closed_at IS NULL AND NOT j.hidden)::boolean AS open;

-- name: AlertTold :exec
UPDATE job_alerts SET told_at = @now WHERE id = @id;

-- name: ReportInsert :execrows
INSERT INTO job_reports (id, job_id, user_id, reason, comment, created_at) VALUES (@id, @job_id, @user_id, @reason, @comment, @now)
ON CONFLICT ON CONSTRAINT job_reports_once DO NOTHING;

-- name: ReportList :many
SELECT sqlc.embed(r), j.title FROM job_reports r JOIN jobs j ON j.id = r.job_id
WHERE (@state::text = '' OR r.state = @state) AND (sqlc.narg(id)::uuid IS NULL OR r.id = sqlc.narg(id))
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (r.created_at, r.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY r.created_at DESC, r.id DESC LIMIT @max_rows;

-- name: ReportLock :one
SELECT * FROM job_reports WHERE id = @id FOR UPDATE;

-- name: ReportResolve :exec
UPDATE job_reports SET state = @state, note = @note, resolved_at = @now::timestamptz, resolved_by = @by::uuid WHERE id = @id;

-- name: ReportsUphold :exec
-- The other open reports of a job that is hidden are answered with it.
UPDATE job_reports SET state = 'upheld', note = @note, resolved_at = @now::timestamptz, resolved_by = @by::uuid WHERE job_id = @job_id AND state = 'open';

-- name: UserForget :exec
WITH saved AS (DELETE FROM saved_jobs s WHERE s.user_id = @user_id), alerts AS (DELETE FROM job_alerts a WHERE a.user_id = @user_id)
UPDATE job_reports SET user_id = NULL, comment = '' WHERE job_reports.user_id = @user_id;

-- name: UserFootprint :one
SELECT (SELECT count(*) FROM saved_jobs s WHERE s.user_id = @user_id) AS saved_jobs,
    (SELECT count(*) FROM job_alerts a WHERE a.user_id = @user_id) AS job_alerts,
    (SELECT count(*) FROM alert_matches m JOIN job_alerts a ON a.id = m.alert_id WHERE a.user_id = @user_id) AS alert_matches,
    (SELECT count(*) FROM job_reports r WHERE r.user_id = @user_id) AS job_reports;
