-- name: TemplateSeed :exec
-- Adds a version, unless some version is the same already.
INSERT INTO email_templates (kind, language, version, subject, body, text, html, hash)
SELECT @kind, @language, coalesce((SELECT max(version) FROM email_templates t WHERE t.kind = @kind AND t.language = @language), 0) + 1,
    @subject, @body, @text, @html, @hash
WHERE NOT EXISTS (SELECT 1 FROM email_templates t WHERE t.kind = @kind AND t.language = @language AND t.hash = @hash)
ON CONFLICT DO NOTHING;

-- name: TemplatesNewest :many
SELECT DISTINCT ON (kind, language) kind, language, version, subject, body, text, html, created_at
FROM email_templates ORDER BY kind, language, version DESC;

-- name: TemplateVersions :many
SELECT kind, language, version, subject, body, text, html, created_at FROM email_templates
WHERE kind = @kind AND language = @language ORDER BY version DESC LIMIT 100;
