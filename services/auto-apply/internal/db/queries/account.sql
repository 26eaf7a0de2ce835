-- name: UserPurge :exec
WITH history AS (DELETE FROM application_history h WHERE h.user_id = @user_id),
    settings AS (DELETE FROM auto_apply_settings s WHERE s.user_id = @user_id),
    runs AS (DELETE FROM auto_apply_runs r WHERE r.user_id = @user_id)
DELETE FROM applications a WHERE a.user_id = @user_id;

-- name: Footprint :one
SELECT (SELECT count(*) FROM applications a WHERE a.user_id = @user_id) AS applications,
    (SELECT count(*) FROM application_history h WHERE h.user_id = @user_id) AS history,
    (SELECT count(*) FROM application_questions q WHERE q.user_id = @user_id) AS questions,
    (SELECT count(*) FROM application_papers p WHERE p.user_id = @user_id) AS papers,
    (SELECT count(*) FROM application_screenshots s WHERE s.user_id = @user_id) AS screenshots,
    (SELECT count(*) FROM auto_apply_settings s WHERE s.user_id = @user_id) AS settings,
    (SELECT count(*) FROM auto_apply_runs r WHERE r.user_id = @user_id) AS runs;
