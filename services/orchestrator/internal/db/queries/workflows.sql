-- name: WorkflowInsert :execrows
INSERT INTO workflows (id, kind, version, key, user_id, input, state, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(kind), sqlc.arg(version), sqlc.arg(key), sqlc.narg(user_id), sqlc.arg(input), 'running', sqlc.arg(now), sqlc.arg(now))
ON CONFLICT (kind, key) DO NOTHING;

-- name: WorkflowByKey :one
SELECT * FROM workflows WHERE kind = sqlc.arg(kind) AND key = sqlc.arg(key);

-- name: WorkflowGet :one
SELECT * FROM workflows WHERE id = sqlc.arg(id);

-- name: WorkflowLock :one
SELECT * FROM workflows WHERE id = sqlc.arg(id) FOR UPDATE;

-- name: WorkflowClaim :one
-- Whoever claims it last may change it: completing wants the fence.
UPDATE workflows SET fence = fence + 1, updated_at = sqlc.arg(now)
WHERE id = sqlc.arg(id) AND state IN ('running', 'compensating')
RETURNING *;

-- name: WorkflowSet :exec
UPDATE workflows SET outputs = sqlc.arg(outputs), state = sqlc.arg(state), step = sqlc.arg(step), attempt = sqlc.arg(attempt), fence = sqlc.arg(fence), events = sqlc.arg(events),
    undoing = sqlc.arg(undoing), cancelling = sqlc.arg(cancelling), signal = sqlc.arg(signal), signal_at = sqlc.narg(signal_at), error = sqlc.arg(error),
    next_try_at = sqlc.narg(next_try_at), updated_at = sqlc.arg(now), ended_at = sqlc.narg(ended_at)
WHERE id = sqlc.arg(id);

-- name: WorkflowEventInsert :exec
INSERT INTO workflow_events (workflow_id, seq, at, type, step, attempt, detail, output)
VALUES (sqlc.arg(workflow_id), sqlc.arg(seq), sqlc.arg(at), sqlc.arg(type), sqlc.arg(step), sqlc.arg(attempt), sqlc.arg(detail), sqlc.arg(output));

-- name: WorkflowEvents :many
SELECT seq, at, type, step, attempt, detail FROM workflow_events WHERE workflow_id = sqlc.arg(workflow_id) ORDER BY seq LIMIT 1000;

-- name: WorkflowList :many
SELECT * FROM workflows
WHERE (sqlc.narg(user_id)::uuid IS NULL OR user_id = sqlc.narg(user_id)) AND (sqlc.arg(kind)::text = '' OR kind = sqlc.arg(kind)) AND (sqlc.arg(state)::text = '' OR state = sqlc.arg(state))
    AND (sqlc.narg(before)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before)::timestamptz, sqlc.arg(before_id)::uuid))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(max_rows);

-- name: WorkflowsLive :many
-- Those of a user that have not ended, but for the deletion, which ends when all is gone.
SELECT id FROM workflows WHERE user_id = sqlc.arg(user_id) AND ended_at IS NULL AND kind <> 'account_deletion' ORDER BY id;

-- name: WorkflowsForget :exec
WITH e AS (UPDATE workflow_events SET output = NULL
    WHERE output IS NOT NULL AND workflow_id IN (SELECT w.id FROM workflows w WHERE w.user_id = sqlc.arg(user_id) AND w.kind <> 'account_deletion'))
UPDATE workflows SET user_id = NULL, input = '{}', outputs = '{}', signal = NULL, key = 'forgotten ' || id
WHERE workflows.user_id = sqlc.arg(user_id) AND kind <> 'account_deletion';

-- name: WorkflowForget :exec
UPDATE workflows SET user_id = NULL, input = '{}', key = 'forgotten ' || id WHERE id = sqlc.arg(id);

-- name: WorkflowsFootprint :one
SELECT (SELECT count(*) FROM workflows WHERE user_id = sqlc.arg(user_id) AND kind <> 'account_deletion') AS workflows,
       (SELECT count(*) FROM signals WHERE data->>'userId' = sqlc.arg(user_id)::uuid::text) AS signals;

-- name: UserDelete :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (sqlc.arg(user_id), sqlc.arg(now)) ON CONFLICT DO NOTHING;

-- name: UserDeleted :one
SELECT EXISTS (SELECT FROM deleted_users WHERE user_id = sqlc.arg(user_id));

-- name: SignalsForget :exec
DELETE FROM signals WHERE data->>'userId' = sqlc.arg(user_id)::uuid::text;

-- name: SignalLock :exec
-- Whoever waits and whoever signals must not miss each other.
SELECT pg_advisory_xact_lock(hashtextextended('orchestrator.signal.' || sqlc.arg(type)::text || ' ' || sqlc.arg(key)::text, 0));

-- name: SignalInsert :exec
INSERT INTO signals (type, key, event_id, at, data) VALUES (sqlc.arg(type), sqlc.arg(key), sqlc.arg(event_id), sqlc.arg(at), sqlc.arg(data)) ON CONFLICT DO NOTHING;

-- name: SignalNext :many
SELECT type, key, event_id, at, data FROM signals
WHERE type = sqlc.arg(type) AND key = sqlc.arg(key) AND (sqlc.narg(after)::timestamptz IS NULL OR at > sqlc.narg(after)) ORDER BY at LIMIT 1;

-- name: WaitInsert :exec
INSERT INTO waits (workflow_id, type, key) VALUES (sqlc.arg(workflow_id), sqlc.arg(type), sqlc.arg(key)) ON CONFLICT DO NOTHING;

-- name: WaitsFor :many
SELECT workflow_id FROM waits WHERE type = sqlc.arg(type) AND key = sqlc.arg(key) ORDER BY workflow_id;

-- name: WaitsClear :exec
DELETE FROM waits WHERE workflow_id = sqlc.arg(workflow_id);

-- name: ScheduleList :many
SELECT * FROM schedules ORDER BY name;

-- name: ScheduleUpdate :one
UPDATE schedules SET every_minutes = coalesce(sqlc.narg(every_minutes), every_minutes), enabled = coalesce(sqlc.narg(enabled), enabled)
WHERE name = sqlc.arg(name) RETURNING *;

-- name: SchedulesDue :many
SELECT * FROM schedules
WHERE enabled AND (last_started_at IS NULL OR last_started_at + make_interval(mins => every_minutes) <= sqlc.arg(now))
ORDER BY name FOR UPDATE SKIP LOCKED;

-- name: ScheduleStarted :exec
UPDATE schedules SET last_started_at = sqlc.arg(now) WHERE name = sqlc.arg(name);
