-- name: MarketTotals :one
SELECT count(*) FILTER (WHERE published_at >= sqlc.arg(since)) AS published,
    count(*) FILTER (WHERE closed_at >= sqlc.arg(since)) AS closed,
    count(*) FILTER (WHERE closed_at IS NULL) AS open,
    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - published_at)) FILTER (WHERE closed_at >= sqlc.arg(since)), 0)::double precision AS median_open_seconds
FROM jobs
WHERE (sqlc.arg(title)::text = '' OR title ILIKE sqlc.arg(title)) AND (sqlc.arg(country)::text = '' OR country = sqlc.arg(country))
    AND (sqlc.arg(remote)::text = '' OR remote = sqlc.arg(remote)) AND (sqlc.arg(skill)::text = '' OR lower(sqlc.arg(skill)) = ANY (skills));

-- name: MarketBuckets :many
-- The most frequent keys of each kind, over the jobs published in the period.
WITH chosen AS (
    SELECT * FROM jobs
    WHERE published_at >= sqlc.arg(since)
        AND (sqlc.arg(title)::text = '' OR title ILIKE sqlc.arg(title)) AND (sqlc.arg(country)::text = '' OR country = sqlc.arg(country))
        AND (sqlc.arg(remote)::text = '' OR remote = sqlc.arg(remote)) AND (sqlc.arg(skill)::text = '' OR lower(sqlc.arg(skill)) = ANY (skills))
), keys AS (
    SELECT 'week' AS kind, to_char(date_trunc('week', published_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS key FROM chosen
    UNION ALL SELECT 'country', country FROM chosen WHERE country <> ''
    UNION ALL SELECT 'remote', remote FROM chosen WHERE remote <> ''
    UNION ALL SELECT 'company', company FROM chosen WHERE company <> ''
    UNION ALL SELECT 'skill', unnest(skills) FROM chosen
), counted AS (
    SELECT kind, key, count(*) AS n, row_number() OVER (PARTITION BY kind ORDER BY CASE WHEN kind = 'week' THEN NULL ELSE count(*) END DESC, key) AS place
    FROM keys GROUP BY kind, key
)
SELECT kind::text AS kind, key::text AS key, n::bigint AS n FROM counted WHERE kind = 'week' OR place <= 20
ORDER BY kind, CASE WHEN kind = 'week' THEN key END, n DESC, key;

-- name: MarketPay :many
SELECT currency, count(*) AS n,
    percentile_cont(0.25) WITHIN GROUP (ORDER BY pay)::double precision AS low,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY pay)::double precision AS median,
    percentile_cont(0.75) WITHIN GROUP (ORDER BY pay)::double precision AS high
FROM jobs
WHERE published_at >= sqlc.arg(since) AND pay IS NOT NULL AND currency <> ''
    AND (sqlc.arg(title)::text = '' OR title ILIKE sqlc.arg(title)) AND (sqlc.arg(country)::text = '' OR country = sqlc.arg(country))
    AND (sqlc.arg(remote)::text = '' OR remote = sqlc.arg(remote)) AND (sqlc.arg(skill)::text = '' OR lower(sqlc.arg(skill)) = ANY (skills))
GROUP BY currency HAVING count(*) >= 5 ORDER BY count(*) DESC, currency LIMIT 20;
