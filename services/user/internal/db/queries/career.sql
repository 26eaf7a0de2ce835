-- name: SkillsOf :many
SELECT * FROM skills WHERE user_id = @user_id ORDER BY lower(name), id;

-- name: SkillUpsert :one
-- Adds a skill, or changes what is said of it; what is not said stays.
INSERT INTO skills (id, user_id, key, name, esco_id, level, years, last_used, source, created_at, updated_at)
VALUES (@id, @user_id, @key, @name, @esco_id, @level, @years, @last_used, @source, @now, @now)
ON CONFLICT (user_id, key) DO UPDATE SET level = coalesce(excluded.level, skills.level), years = coalesce(excluded.years, skills.years),
    last_used = coalesce(excluded.last_used, skills.last_used), updated_at = excluded.updated_at
RETURNING *;

-- name: SkillGet :one
SELECT * FROM skills WHERE user_id = @user_id AND id = @id;

-- name: SkillUpdate :one
UPDATE skills SET level = sqlc.narg(level), years = sqlc.narg(years), last_used = sqlc.narg(last_used), updated_at = @now
WHERE user_id = @user_id AND id = @id
RETURNING *;

-- name: SkillDelete :execrows
DELETE FROM skills WHERE user_id = @user_id AND id = @id;

-- name: SkillCount :one
SELECT count(*) FROM skills WHERE user_id = @user_id;

-- name: ExperiencesOf :many
SELECT * FROM experiences WHERE user_id = @user_id ORDER BY coalesce(data->>'endDate', '9999') DESC, data->>'startDate' DESC, id;

-- name: ExperienceGet :one
SELECT * FROM experiences WHERE user_id = @user_id AND id = @id;

-- name: ExperienceInsert :exec
INSERT INTO experiences (id, user_id, data, created_at, updated_at) VALUES (@id, @user_id, @data, @now, @now);

-- name: ExperienceUpdate :exec
UPDATE experiences SET data = @data, version = version + 1, updated_at = @now WHERE id = @id;

-- name: ExperienceDelete :execrows
DELETE FROM experiences WHERE user_id = @user_id AND id = @id;

-- name: EducationsOf :many
SELECT * FROM educations WHERE user_id = @user_id ORDER BY coalesce(data->>'endDate', '9999') DESC, data->>'startDate' DESC NULLS LAST, id;

-- name: EducationGet :one
SELECT * FROM educations WHERE user_id = @user_id AND id = @id;

-- name: EducationInsert :exec
INSERT INTO educations (id, user_id, data, created_at, updated_at) VALUES (@id, @user_id, @data, @now, @now);

-- name: EducationUpdate :exec
UPDATE educations SET data = @data, version = version + 1, updated_at = @now WHERE id = @id;

-- name: EducationDelete :execrows
DELETE FROM educations WHERE user_id = @user_id AND id = @id;
