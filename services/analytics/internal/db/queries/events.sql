-- name: EventsInsert :many
-- The ids of those that were not there.
INSERT INTO events (id, at, received_at, type, user_id, properties)
SELECT e.id, e.at, sqlc.arg(now), e.type, e.user_id, e.properties
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id, unnest(sqlc.arg(times)::timestamptz[]) AS at,
    unnest(sqlc.arg(types)::text[]) AS type, nullif(unnest(sqlc.arg(users)::uuid[]), '00000000-0000-0000-0000-000000000000') AS user_id,
    unnest(sqlc.arg(properties)::text[])::jsonb AS properties) AS e
ON CONFLICT (id, at) DO NOTHING
RETURNING id;

-- name: TrackedTypesAdd :exec
INSERT INTO tracked_types (user_id, day, type)
SELECT sqlc.arg(user_id), sqlc.arg(day)::date, unnest(sqlc.arg(types)::text[])
ON CONFLICT DO NOTHING;

-- name: TrackedTypesCount :one
SELECT count(*) FROM tracked_types WHERE user_id = sqlc.arg(user_id) AND day = sqlc.arg(day)::date;

-- name: UserDeleted :one
SELECT EXISTS (SELECT FROM deleted_users WHERE user_id = sqlc.arg(user_id));

-- name: DeletedUserInsert :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (sqlc.arg(user_id), sqlc.arg(now)) ON CONFLICT DO NOTHING;

-- name: UserForget :exec
WITH e AS (DELETE FROM events WHERE events.user_id = sqlc.arg(user_id)),
     m AS (DELETE FROM metrics WHERE metrics.user_id = sqlc.arg(user_id)),
     t AS (DELETE FROM tracked_types WHERE tracked_types.user_id = sqlc.arg(user_id))
DELETE FROM applications WHERE applications.user_id = sqlc.arg(user_id);

-- name: UserFootprint :one
SELECT (SELECT count(*) FROM events WHERE events.user_id = sqlc.arg(user_id)) AS events,
       (SELECT count(*) FROM metrics WHERE metrics.user_id = sqlc.arg(user_id)) AS metrics,
       (SELECT count(*) FROM tracked_types WHERE tracked_types.user_id = sqlc.arg(user_id)) AS tracked_types,
       (SELECT count(*) FROM applications WHERE applications.user_id = sqlc.arg(user_id)) AS applications;

-- name: EventsPartitions :exec
SELECT events_partitions(sqlc.arg(months_ahead)::integer);

-- name: EventsDrop :one
SELECT events_drop(sqlc.arg(before)::timestamptz)::integer;
