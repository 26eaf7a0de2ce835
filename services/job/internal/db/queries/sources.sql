-- name: SourceInsert :one
-- No row when the board is there already.
INSERT INTO sources (id, platform, token, name, base_url, every_minutes, next_run_at, created_at)
VALUES (@id, @platform, @token, @name, @base_url, @every_minutes, @now, @now)
ON CONFLICT ON CONSTRAINT sources_board DO NOTHING
RETURNING *;

-- name: SourceByID :one
SELECT * FROM sources WHERE id = @id;

-- name: SourceByBoard :one
SELECT * FROM sources WHERE platform = @platform AND token = @token AND base_url = @base_url;

-- name: SourceList :many
SELECT sqlc.embed(s), (SELECT count(*) FROM job_sources j WHERE j.source_id = s.id AND j.live) AS live_jobs
FROM sources s
WHERE sqlc.narg(id)::uuid IS NULL OR s.id = sqlc.narg(id)
ORDER BY s.platform, s.token;

-- name: SourceUpdate :execrows
UPDATE sources SET enabled = coalesce(sqlc.narg(enabled), enabled), name = coalesce(sqlc.narg(name), name),
    every_minutes = coalesce(sqlc.narg(every_minutes), every_minutes),
    next_run_at = CASE WHEN sqlc.narg(enabled)::boolean AND NOT enabled THEN @now::timestamptz
        WHEN sqlc.narg(every_minutes)::integer IS NOT NULL THEN
            least(next_run_at, coalesce(last_run_at, created_at) + make_interval(mins => sqlc.narg(every_minutes)))
        ELSE next_run_at END
WHERE id = @id;

-- name: SourcesEnabled :many
-- Locked, so that two runs started at once do not both take a source.
SELECT id FROM sources WHERE enabled AND (sqlc.narg(ids)::uuid[] IS NULL OR id = ANY(sqlc.narg(ids)::uuid[])) ORDER BY id FOR UPDATE;

-- name: SourcesDue :many
SELECT id FROM sources WHERE enabled AND next_run_at <= @now ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: SourcesPlan :exec
-- Keeps sources that a run has taken from being due meanwhile.
UPDATE sources SET next_run_at = sqlc.arg(now)::timestamptz + make_interval(mins => every_minutes) WHERE id = ANY(@ids::uuid[]);

-- name: SourceSucceeded :exec
UPDATE sources SET last_run_at = @now::timestamptz, last_success_at = @now, last_error = NULL, failures = 0,
    next_run_at = sqlc.arg(now)::timestamptz + make_interval(mins => every_minutes)
WHERE id = @id;

-- name: SourceFailed :exec
-- A source that fails is asked less and less often, until once in a week.
UPDATE sources SET last_run_at = @now::timestamptz, last_error = @error::text, failures = failures + 1,
    next_run_at = sqlc.arg(now)::timestamptz + least(make_interval(mins => every_minutes) * power(2, least(failures, 10)), interval '7 days')
WHERE id = @id;

-- name: ValidatorList :many
SELECT url, etag, last_modified FROM validators WHERE source_id = @source_id;

-- name: ValidatorsDrop :exec
DELETE FROM validators WHERE source_id = @source_id;

-- name: ValidatorsInsert :exec
INSERT INTO validators (source_id, url, etag, last_modified)
SELECT @source_id, unnest(@urls::text[]), unnest(@etags::text[]), unnest(@modified::text[]);

-- name: GatheringInsert :exec
INSERT INTO gatherings (id, started_by, started_at) VALUES (@id, @started_by, @now);

-- name: GatheringSourcesInsert :exec
INSERT INTO gathering_sources (gathering_id, source_id, state) SELECT @gathering_id, unnest(@source_ids::uuid[]), 'queued';

-- name: GatheringByID :one
SELECT * FROM gatherings WHERE id = @id;

-- name: GatheringSourceList :many
SELECT sqlc.embed(g), s.platform, s.token FROM gathering_sources g JOIN sources s ON s.id = g.source_id
WHERE g.gathering_id = @gathering_id ORDER BY s.platform, s.token;

-- name: GatheringSourceBegin :execrows
-- No row when the source's part of the run is over.
UPDATE gathering_sources SET state = 'running', started_at = @now::timestamptz, found = 0, created = 0, updated = 0, unchanged = 0, closed = 0,
    failed = 0, problems = '{}', error = NULL
WHERE gathering_id = @gathering_id AND source_id = @source_id AND state IN ('queued', 'running');

-- name: GatheringSourceProgress :exec
UPDATE gathering_sources SET found = found + @found, created = created + @created, updated = updated + @updated, unchanged = unchanged + @unchanged
WHERE gathering_id = @gathering_id AND source_id = @source_id;

-- name: GatheringSourceEnd :one
UPDATE gathering_sources SET state = @state, closed = @closed, failed = @failed, problems = @problems, error = sqlc.narg(error), finished_at = @now::timestamptz
WHERE gathering_id = @gathering_id AND source_id = @source_id
RETURNING *;

-- name: GatheringLock :exec
SELECT 1 FROM gatherings WHERE id = @id FOR UPDATE;

-- name: GatheringEnd :execrows
UPDATE gatherings g SET finished_at = @now::timestamptz
WHERE g.id = @id AND g.finished_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM gathering_sources s WHERE s.gathering_id = g.id AND s.state IN ('queued', 'running'));
