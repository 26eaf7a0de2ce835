-- name: ModelUpsert :exec
INSERT INTO models (name, engine, task, source, licence, metrics) VALUES (@name, @engine, @task, @source, @licence, @metrics)
ON CONFLICT (name) DO UPDATE SET engine = excluded.engine, task = excluded.task, source = excluded.source,
    licence = excluded.licence, metrics = excluded.metrics, seen_at = now();

-- name: ModelsList :many
SELECT name, engine, task, source, licence, metrics, registered_at FROM models WHERE seen_at > @since ORDER BY engine, task, name;

-- name: BudgetReserve :one
-- Takes the estimate if it still fits; no row is the answer if it does not.
INSERT INTO budget_days AS b (user_id, day, tokens, cost_micros, calls)
SELECT @user_id, @day, @tokens::bigint, @cost_micros::bigint, 1
WHERE @tokens::bigint <= @max_tokens::bigint AND @cost_micros::bigint <= @max_cost_micros::bigint AND @max_calls::bigint >= 1
    AND NOT EXISTS (SELECT FROM deleted_users d WHERE d.user_id = @user_id)
ON CONFLICT (user_id, day) DO UPDATE SET tokens = b.tokens + excluded.tokens, cost_micros = b.cost_micros + excluded.cost_micros, calls = b.calls + 1
WHERE b.tokens + excluded.tokens <= @max_tokens::bigint AND b.cost_micros + excluded.cost_micros <= @max_cost_micros::bigint AND b.calls < @max_calls::bigint
RETURNING b.tokens;

-- name: BudgetCorrect :exec
UPDATE budget_days SET tokens = GREATEST(0, tokens + @tokens::bigint), cost_micros = GREATEST(0, cost_micros + @cost_micros::bigint)
WHERE user_id = @user_id AND day = @day;

-- name: BudgetDay :one
SELECT tokens, cost_micros, calls FROM budget_days WHERE user_id = @user_id AND day = @day;

-- name: CallInsert :exec
INSERT INTO engine_calls (id, user_id, task, engine, model, outcome, reason, input_tokens, output_tokens, cost_micros, ms, request_id, day, created_at)
SELECT @id, @user_id, @task, @engine, @model, @outcome, @reason, @input_tokens, @output_tokens, @cost_micros, @ms, @request_id, @day, @created_at
WHERE NOT EXISTS (SELECT FROM deleted_users d WHERE d.user_id = @user_id);

-- name: CallsByTask :many
SELECT task, sum(input_tokens + output_tokens)::bigint AS tokens, sum(cost_micros)::bigint AS cost_micros, count(*) AS calls
FROM engine_calls WHERE user_id = @user_id AND day = @day GROUP BY task ORDER BY task;

-- name: AnswerGet :one
SELECT body_sealed FROM answers WHERE user_id = @user_id AND key = @key AND expires_at > @now;

-- name: AnswerPut :exec
INSERT INTO answers (user_id, key, body_sealed, expires_at)
SELECT @user_id, @key, @body_sealed, @expires_at
WHERE NOT EXISTS (SELECT FROM deleted_users d WHERE d.user_id = @user_id)
ON CONFLICT (user_id, key) DO UPDATE SET body_sealed = excluded.body_sealed, expires_at = excluded.expires_at;

-- name: UserTombstone :exec
INSERT INTO deleted_users (user_id, deleted_at) VALUES (@user_id, @deleted_at)
ON CONFLICT (user_id) DO UPDATE SET deleted_at = excluded.deleted_at;

-- name: UserBudgetsDelete :exec
DELETE FROM budget_days WHERE user_id = @user_id;

-- name: UserCallsDelete :exec
DELETE FROM engine_calls WHERE user_id = @user_id;

-- name: UserAnswersDelete :exec
DELETE FROM answers WHERE user_id = @user_id;

-- name: UserFootprint :one
SELECT (SELECT count(*) FROM budget_days b WHERE b.user_id = @user_id) AS budget_days,
    (SELECT count(*) FROM engine_calls c WHERE c.user_id = @user_id) AS engine_calls,
    (SELECT count(*) FROM answers a WHERE a.user_id = @user_id) AS answers;
