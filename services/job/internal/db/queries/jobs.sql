-- name: CompaniesUpsert :many
-- Companies by key, made where they are new.
WITH wanted AS (
    SELECT DISTINCT ON (key) key, name, id FROM (SELECT unnest(@keys::text[]) AS key, unnest(@names::text[]) AS name, unnest(@ids::uuid[]) AS id) t ORDER BY key
), made AS (
    INSERT INTO companies (id, key, name, created_at) SELECT id, key, name, @now::timestamptz FROM wanted ORDER BY key
    ON CONFLICT ON CONSTRAINT companies_key DO NOTHING
    RETURNING id, key
)
SELECT id, key FROM made UNION ALL SELECT c.id, c.key FROM companies c JOIN wanted w ON w.key = c.key;

-- name: CompaniesLock :exec
-- Two runs that bring jobs of one company at once would not see each other's.
SELECT pg_advisory_xact_lock(hashtextextended('job.company.' || key, 0)) FROM (SELECT DISTINCT key FROM (SELECT unnest(@keys::text[]) AS key) t ORDER BY key) k;

-- name: ListingsOfSource :many
SELECT id, job_id, external_id, content_hash, "primary", live FROM job_sources WHERE source_id = @source_id AND external_id = ANY(@external_ids::text[]) FOR UPDATE;

-- name: DuplicateCandidates :many
-- Open jobs of the companies that other sources list, with what duplicates are told by.
SELECT j.id, j.company_id, j.title, j.location, j.country, j.region, j.city, j.latitude, j.longitude, s.sketch, s.platform
FROM jobs j JOIN job_sources s ON s.job_id = j.id AND s."primary"
WHERE j.company_id = ANY(@company_ids::uuid[]) AND j.closed_at IS NULL AND NOT s.alone
  AND NOT EXISTS (SELECT 1 FROM job_sources own WHERE own.job_id = j.id AND own.source_id = @source_id AND own.live);

-- name: ListingsByURL :many
-- Listings of other sources that are at these addresses: whoever links to one lists the same job.
SELECT s.job_id, s.url FROM job_sources s
WHERE s.url = ANY(@urls::text[]) AND s.live AND NOT s.alone AND s.source_id <> @source_id;

-- name: ListingsSeen :exec
UPDATE job_sources SET last_seen_at = @now::timestamptz, missed = 0, live = true WHERE id = ANY(@ids::uuid[]);

-- name: ListingsSeenByPage :execrows
UPDATE job_sources SET last_seen_at = @now::timestamptz, missed = 0 WHERE source_id = @source_id AND page = ANY(@pages::text[]) AND live;

-- name: ListingsMissed :many
-- What a complete listing lacks. The second time in a row it is gone.
UPDATE job_sources SET missed = missed + 1, live = missed + 1 < @limit_::integer
WHERE source_id = @source_id AND live AND last_seen_at < @begun::timestamptz
RETURNING job_id, live;

-- name: ListingsStale :many
-- What sources that only list their newest have not listed for long.
UPDATE job_sources SET live = false
WHERE live AND platform = ANY(@platforms::text[]) AND last_seen_at < @before::timestamptz
RETURNING job_id;

-- name: ListingsGone :many
UPDATE job_sources SET live = false WHERE job_id = @job_id AND id = ANY(@ids::uuid[]) RETURNING id;

-- name: JobsWithoutListing :many
-- Of these jobs those that are open and listed nowhere any more.
SELECT j.id FROM jobs j WHERE j.id = ANY(@ids::uuid[]) AND j.closed_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM job_sources s WHERE s.job_id = j.id AND s.live);

-- name: JobsClose :many
UPDATE jobs SET closed_at = @now::timestamptz, closed_reason = @reason, version = version + 1, updated_at = @now
WHERE id = ANY(@ids::uuid[]) AND closed_at IS NULL
RETURNING *;

-- name: JobsExpired :many
SELECT id FROM jobs WHERE closed_at IS NULL AND valid_through < @now::timestamptz ORDER BY id LIMIT 500;

-- name: JobByID :one
SELECT * FROM jobs WHERE id = @id;

-- name: JobLock :one
SELECT * FROM jobs WHERE id = @id FOR UPDATE;

-- name: JobsFound :many
-- Open jobs, and whether the user saved them.
SELECT sqlc.embed(j), EXISTS (SELECT 1 FROM saved_jobs s WHERE s.user_id = @user_id AND s.job_id = j.id) AS saved
FROM jobs j WHERE j.id = ANY(@ids::uuid[]) AND j.closed_at IS NULL AND NOT j.hidden;

-- name: JobListings :many
SELECT sqlc.embed(s), o.token, o.base_url, o.name AS source_name FROM job_sources s JOIN sources o ON o.id = s.source_id
WHERE s.job_id = @job_id ORDER BY s.live DESC, s."primary" DESC, s.first_seen_at, s.id;

-- name: JobsPrimary :exec
-- Gives jobs that lost the listing they show another one that is live.
UPDATE job_sources SET "primary" = id = (SELECT o.id FROM job_sources o WHERE o.job_id = job_sources.job_id ORDER BY o.live DESC, o."primary" DESC, o.first_seen_at, o.id LIMIT 1)
WHERE job_id = ANY(@ids::uuid[]);

-- name: JobsPlatforms :exec
UPDATE jobs SET platforms = (SELECT coalesce(array_agg(DISTINCT s.platform), '{}') FROM job_sources s WHERE s.job_id = jobs.id AND s.live), version = version + 1, updated_at = @now::timestamptz
WHERE id = ANY(@ids::uuid[]);

-- name: ListingMove :exec
UPDATE job_sources SET job_id = @job_id, "primary" = true, alone = true WHERE id = @id;

-- name: JobHide :exec
UPDATE jobs SET hidden = true, version = version + 1, updated_at = @now::timestamptz WHERE id = @id;

-- name: IndexEnqueue :exec
INSERT INTO index_queue (job_id) SELECT unnest(@ids::uuid[]) ON CONFLICT DO NOTHING;

-- name: IndexTake :many
-- What is taken stays locked until the indexer's transaction ends, and is deleted in it.
DELETE FROM index_queue WHERE job_id IN (SELECT q.job_id FROM index_queue q ORDER BY q.queued_at LIMIT @max_rows FOR UPDATE SKIP LOCKED) RETURNING job_id;

-- name: IndexWaiting :one
SELECT count(*), coalesce(extract(epoch FROM now() - min(queued_at)), 0)::double precision AS oldest FROM index_queue;

-- name: IndexTargets :many
SELECT name FROM search_indices ORDER BY created_at;

-- name: IndexTargetAdd :exec
INSERT INTO search_indices (name) VALUES (@name) ON CONFLICT DO NOTHING;

-- name: IndexTargetsKeep :many
DELETE FROM search_indices WHERE name <> @name RETURNING name;

-- name: IndexTargetDrop :exec
DELETE FROM search_indices WHERE name = @name;

-- name: JobsToIndex :many
SELECT sqlc.embed(j), t.plain FROM jobs j JOIN job_texts t ON t.job_id = j.id WHERE j.id = ANY(@ids::uuid[]);

-- name: JobsPage :many
-- Open jobs by id, for building an index.
SELECT sqlc.embed(j), t.plain FROM jobs j JOIN job_texts t ON t.job_id = j.id
WHERE j.id > @after AND j.closed_at IS NULL AND NOT j.hidden ORDER BY j.id LIMIT @max_rows;

-- name: JobText :one
SELECT html, plain FROM job_texts WHERE job_id = @job_id;

-- name: JobTexts :many
SELECT job_id, plain FROM job_texts WHERE job_id = ANY(@ids::uuid[]);

-- name: JobsOfCompany :many
SELECT * FROM jobs WHERE company_id = @company_id AND closed_at IS NULL AND NOT hidden
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (posted_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY posted_at DESC, id DESC LIMIT @max_rows;

-- name: CompanySearch :many
SELECT c.id, c.name, c.website, (SELECT count(*) FROM jobs j WHERE j.company_id = c.id AND j.closed_at IS NULL AND NOT j.hidden) AS open_jobs
FROM companies c
WHERE (sqlc.arg(pattern)::text = '' OR lower(c.name) LIKE sqlc.arg(pattern))
  AND (sqlc.narg(after_name)::text IS NULL OR (lower(c.name), c.id) > (sqlc.narg(after_name), sqlc.narg(after_id)::uuid))
  AND (sqlc.narg(id)::uuid IS NULL OR c.id = sqlc.narg(id))
ORDER BY lower(c.name), c.id LIMIT @max_rows;

-- name: JobsToEnrich :many
SELECT j.id, j.title, j.company_name, t.plain, j.text_hash FROM jobs j JOIN job_texts t ON t.job_id = j.id
WHERE j.closed_at IS NULL AND NOT j.hidden AND j.enrich_hash IS DISTINCT FROM j.text_hash AND j.enrich_after <= @now::timestamptz AND j.enrich_attempts < 8
ORDER BY j.enrich_after LIMIT @max_rows FOR UPDATE OF j SKIP LOCKED;

-- name: JobEnrichTried :exec
-- Tried again later and later; what succeeds is marked by JobEnriched.
UPDATE jobs SET enrich_attempts = enrich_attempts + 1, enrich_after = sqlc.arg(now)::timestamptz + interval '1 minute' * power(4, least(enrich_attempts, 6)) WHERE id = ANY(@ids::uuid[]);

-- name: JobsEnrichLater :exec
-- The ai service is away, which is no fault of these jobs.
UPDATE jobs SET enrich_attempts = greatest(enrich_attempts - 1, 0), enrich_after = @after::timestamptz WHERE id = ANY(@ids::uuid[]);

-- name: JobEnriched :many
-- What the posting itself said stays; the text fills what it left open. Nothing happens if the text is another by now.
UPDATE jobs SET required_skills = @required, nice_skills = @nice, enrich_hash = text_hash, enrich_attempts = 0,
    seniority = CASE WHEN seniority = '' THEN @seniority::text ELSE seniority END,
    employment_type = CASE WHEN employment_type = '' THEN @employment_type::text ELSE employment_type END,
    remote = CASE WHEN remote = '' THEN @remote::text ELSE remote END,
    language = CASE WHEN language = '' THEN @language::text ELSE language END,
    version = version + 1, updated_at = @now::timestamptz
WHERE id = @id AND text_hash = @text_hash RETURNING *;

-- name: ListingByID :one
SELECT sqlc.embed(s), o.token, o.base_url, o.name AS source_name FROM job_sources s JOIN sources o ON o.id = s.source_id
WHERE s.id = @id AND s.job_id = @job_id FOR UPDATE OF s;

-- name: JobsPurge :execrows
-- Jobs closed for long that nobody kept.
DELETE FROM jobs WHERE id IN (
    SELECT j.id FROM jobs j WHERE j.closed_at < @before::timestamptz AND NOT EXISTS (SELECT 1 FROM saved_jobs s WHERE s.job_id = j.id) LIMIT 500);
