-- name: SettingsGet :one
SELECT settings FROM auto_apply_settings WHERE user_id = @user_id;

-- name: SettingsSet :exec
INSERT INTO auto_apply_settings (user_id, settings, updated_at) VALUES (@user_id, @settings, @now)
ON CONFLICT (user_id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at;

-- name: RunInsert :exec
INSERT INTO auto_apply_runs (id, user_id, state, started_at) VALUES (@id, @user_id, 'running', @now);

-- name: RunGet :one
SELECT * FROM auto_apply_runs WHERE id = @id;

-- name: RunLock :one
SELECT * FROM auto_apply_runs WHERE id = @id FOR UPDATE;

-- name: RunLatest :one
SELECT * FROM auto_apply_runs WHERE user_id = @user_id ORDER BY started_at DESC LIMIT 1;

-- name: RunSet :exec
UPDATE auto_apply_runs SET state = @state, planned = @planned, skipped = @skipped, planned_at = @planned_at, finished_at = @finished_at WHERE id = @id;

-- name: RunCounts :many
SELECT state, count(*)::integer AS n FROM applications WHERE run_id = @run_id GROUP BY state;

-- name: RunQueued :many
SELECT id FROM applications WHERE run_id = @run_id AND state = 'queued' ORDER BY id;
