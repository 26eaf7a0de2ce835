-- name: RollupGet :one
SELECT up_to FROM rollup;

-- name: RollupLock :one
SELECT received_up_to FROM rollup FOR UPDATE;

-- name: RollupSet :exec
UPDATE rollup SET up_to = sqlc.arg(up_to), received_up_to = sqlc.arg(received_up_to);

-- name: HoursTouched :many
-- The complete hours whose events came after they were counted last.
SELECT DISTINCT date_trunc('hour', at, 'UTC')::timestamptz AS hour FROM events
WHERE received_at >= sqlc.arg(received_since)
    AND at >= sqlc.arg(after)::timestamptz AND at < sqlc.arg(before)::timestamptz
ORDER BY 1 LIMIT sqlc.arg(max_rows);

-- name: MetricsClear :exec
DELETE FROM metrics WHERE period = sqlc.arg(period) AND starts_at = sqlc.arg(starts_at);

-- name: HourRollup :exec
-- For all users together the types of clients, which are anybody's words, count as one.
INSERT INTO metrics (period, starts_at, user_id, type, detail, count)
SELECT 'hour', sqlc.arg(hour)::timestamptz, user_id, CASE WHEN GROUPING(user_id) = 1 THEN kind ELSE type END, detail, count(*)
FROM (SELECT user_id, type, CASE WHEN starts_with(type, 'client.') THEN 'client' ELSE type END AS kind,
        coalesce(CASE WHEN type = 'auto-apply.application.changed' THEN properties->>'to' END, '') AS detail
    FROM events WHERE at >= sqlc.arg(hour)::timestamptz AND at < sqlc.arg(hour)::timestamptz + interval '1 hour') AS e
GROUP BY GROUPING SETS ((user_id, type, detail), (kind, detail)) HAVING GROUPING(user_id) = 1 OR user_id IS NOT NULL;

-- name: DayRollup :exec
INSERT INTO metrics (period, starts_at, user_id, type, detail, count)
SELECT 'day', sqlc.arg(day)::timestamptz, user_id, type, detail, sum(count) FROM metrics
WHERE period = 'hour' AND starts_at >= sqlc.arg(day)::timestamptz AND starts_at < sqlc.arg(day)::timestamptz + interval '1 day'
GROUP BY user_id, type, detail
UNION ALL
SELECT 'day', sqlc.arg(day)::timestamptz, NULL, 'active_users', '', count(DISTINCT user_id) FROM metrics
WHERE period = 'hour' AND starts_at >= sqlc.arg(day)::timestamptz AND starts_at < sqlc.arg(day)::timestamptz + interval '1 day';

-- name: UserSeries :many
-- Hours that were rolled up, and the events since.
SELECT to_char(m.at AT TIME ZONE sqlc.arg(time_zone)::text, 'YYYY-MM-DD')::text AS day, m.type, m.detail, sum(m.count)::bigint AS count
FROM (
    SELECT starts_at AS at, type, detail, count FROM metrics
    WHERE period = 'hour' AND metrics.user_id = sqlc.arg(user_id) AND starts_at >= sqlc.arg(since) AND starts_at < sqlc.arg(up_to)
    UNION ALL
    SELECT at, type, coalesce(CASE WHEN type = 'auto-apply.application.changed' THEN properties->>'to' END, ''), 1 FROM events
    WHERE events.user_id = sqlc.arg(user_id) AND events.at >= greatest(sqlc.arg(up_to)::timestamptz, sqlc.arg(since)::timestamptz)
) AS m
GROUP BY 1, 2, 3;

-- name: PlatformSeries :many
SELECT starts_at, type, detail, count FROM metrics
WHERE period = 'day' AND user_id IS NULL AND starts_at >= sqlc.arg(since)
ORDER BY starts_at DESC, type, detail;

-- name: HourCounts :many
SELECT CASE WHEN sqlc.narg(user_id)::uuid IS NULL AND starts_with(type, 'client.') THEN 'client' ELSE type END::text AS type,
    coalesce(CASE WHEN type = 'auto-apply.application.changed' THEN properties->>'to' END, '')::text AS detail, count(*) FROM events
WHERE at >= sqlc.arg(hour) AND (sqlc.narg(user_id)::uuid IS NULL OR user_id = sqlc.narg(user_id))
GROUP BY 1, 2;
