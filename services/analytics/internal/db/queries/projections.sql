-- name: ApplicationRequested :exec
INSERT INTO applications (id, user_id, job_id, state, requested_at, changed_at)
VALUES (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(job_id), 'queued', sqlc.arg(at), sqlc.arg(at))
ON CONFLICT (id) DO UPDATE SET requested_at = least(applications.requested_at, excluded.requested_at);

-- name: ApplicationChanged :exec
-- Events of one application may come late: the newest decides the state, the earliest of a kind its time.
INSERT INTO applications AS a (id, user_id, job_id, company, platform, resume_id, resume_version, state, requested_at,
    submitted_at, answered_at, interview_at, offer_at, rejected_at, changed_at)
VALUES (sqlc.arg(id), sqlc.arg(user_id), sqlc.narg(job_id), sqlc.arg(company), sqlc.arg(platform), sqlc.narg(resume_id),
    sqlc.narg(resume_version), sqlc.arg(state), sqlc.arg(at), sqlc.narg(submitted_at), sqlc.narg(answered_at),
    sqlc.narg(interview_at), sqlc.narg(offer_at), sqlc.narg(rejected_at), sqlc.arg(at))
ON CONFLICT (id) DO UPDATE SET
    job_id = coalesce(excluded.job_id, a.job_id),
    company = coalesce(nullif(excluded.company, ''), a.company),
    platform = coalesce(nullif(excluded.platform, ''), a.platform),
    resume_id = coalesce(excluded.resume_id, a.resume_id),
    resume_version = coalesce(excluded.resume_version, a.resume_version),
    state = CASE WHEN excluded.changed_at >= a.changed_at THEN excluded.state ELSE a.state END,
    requested_at = least(a.requested_at, excluded.requested_at),
    submitted_at = least(a.submitted_at, excluded.submitted_at),
    answered_at = least(a.answered_at, excluded.answered_at),
    interview_at = least(a.interview_at, excluded.interview_at),
    offer_at = least(a.offer_at, excluded.offer_at),
    rejected_at = least(a.rejected_at, excluded.rejected_at),
    changed_at = greatest(a.changed_at, excluded.changed_at);

-- name: JobChanged :exec
INSERT INTO jobs AS j (id, title, company, country, remote, currency, pay, skills, published_at, closed_at, changed_at)
VALUES (sqlc.arg(id), sqlc.arg(title), sqlc.arg(company), sqlc.arg(country), sqlc.arg(remote), sqlc.arg(currency), sqlc.narg(pay),
    sqlc.arg(skills), sqlc.arg(published_at), NULL, sqlc.arg(at))
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title, company = excluded.company, country = excluded.country, remote = excluded.remote,
    currency = excluded.currency, pay = excluded.pay,
    skills = CASE WHEN excluded.skills = '{}' THEN j.skills ELSE excluded.skills END, -- known once the text was read
    published_at = least(j.published_at, excluded.published_at), closed_at = NULL, changed_at = excluded.changed_at
WHERE excluded.changed_at >= j.changed_at;

-- name: JobClosed :exec
INSERT INTO jobs AS j (id, published_at, closed_at, changed_at) VALUES (sqlc.arg(id), sqlc.arg(at), sqlc.arg(at), sqlc.arg(at))
ON CONFLICT (id) DO UPDATE SET closed_at = excluded.closed_at, changed_at = excluded.changed_at
WHERE excluded.changed_at >= j.changed_at;

-- name: ApplicationStates :many
SELECT state, count(*) FROM applications WHERE user_id = sqlc.arg(user_id) GROUP BY state;

-- name: ApplicationFunnel :one
SELECT count(*) AS requested, count(submitted_at) AS submitted,
    count(*) FILTER (WHERE submitted_at IS NOT NULL AND answered_at IS NOT NULL) AS answered,
    count(*) FILTER (WHERE submitted_at IS NOT NULL AND interview_at IS NOT NULL) AS interviews,
    count(*) FILTER (WHERE submitted_at IS NOT NULL AND offer_at IS NOT NULL) AS offers,
    count(*) FILTER (WHERE answered_at >= submitted_at) AS timed,
    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - submitted_at)) FILTER (WHERE answered_at >= submitted_at), 0)::double precision AS median_seconds,
    coalesce(percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - submitted_at)) FILTER (WHERE answered_at >= submitted_at), 0)::double precision AS p90_seconds
FROM applications
WHERE user_id = sqlc.arg(user_id) AND requested_at >= sqlc.arg(since) AND requested_at < sqlc.arg(before);

-- name: ApplicationGroups :many
SELECT CASE sqlc.arg(group_by)::text
        WHEN 'platform' THEN platform
        WHEN 'company' THEN company
        WHEN 'week' THEN to_char(date_trunc('week', requested_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD')
        ELSE state END::text AS key,
    count(submitted_at) AS submitted,
    count(*) FILTER (WHERE submitted_at IS NOT NULL AND answered_at IS NOT NULL) AS answered,
    count(*) FILTER (WHERE submitted_at IS NOT NULL AND interview_at IS NOT NULL) AS interviews,
    count(*) FILTER (WHERE submitted_at IS NOT NULL AND offer_at IS NOT NULL) AS offers,
    count(*) AS requested
FROM applications
WHERE user_id = sqlc.arg(user_id) AND requested_at >= sqlc.arg(since) AND requested_at < sqlc.arg(before)
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 100;

-- name: ResumeOutcomes :many
SELECT resume_id::uuid AS resume_id, resume_version::bigint AS resume_version, count(*) AS submitted,
    count(answered_at) AS answered, count(interview_at) AS interviews, count(offer_at) AS offers
FROM applications
WHERE user_id = sqlc.arg(user_id) AND submitted_at >= sqlc.arg(since) AND submitted_at < sqlc.arg(before)
    AND resume_id IS NOT NULL AND resume_version IS NOT NULL
GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT 100;
