-- +goose Up

-- The audit trail: append-only, each row carrying the hash of the one before. Rows are written by audit_append
-- alone, which the service's role may execute; it may not insert, update or delete.
CREATE TABLE audit_log (
    id         bigint NOT NULL,
    at         timestamptz NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN ('user', 'service', 'system', 'anonymous')),
    actor_id   text NOT NULL,
    action     text NOT NULL,
    user_id    uuid,                              -- the account it was done to; stays when the account is deleted
    request_id text NOT NULL,
    detail     jsonb NOT NULL,
    prev_hash  bytea NOT NULL,
    hash       bytea NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_log_of_user ON audit_log (user_id, id DESC);
CREATE INDEX audit_log_of_actor ON audit_log (actor_id, id DESC);

-- The end of the chain; its row lock puts writers in order.
CREATE TABLE audit_head (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    id   bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO audit_head (id, hash) VALUES (0, sha256(''));

-- +goose StatementBegin
CREATE FUNCTION audit_hash(prev_hash bytea, id bigint, at timestamptz, actor_kind text, actor_id text, action text,
    user_id uuid, request_id text, detail jsonb) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(prev_hash || convert_to(jsonb_build_array(id, extract(epoch FROM at), actor_kind, actor_id, action,
        user_id, request_id, detail)::text, 'UTF8'))
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION audit_append(actor_kind text, actor_id text, action text, user_id uuid, request_id text, detail jsonb)
    RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    head audit_head;
    now_at timestamptz := clock_timestamp();
    new_hash bytea;
BEGIN
    SELECT * INTO head FROM audit_head FOR UPDATE;
    new_hash := audit_hash(head.hash, head.id + 1, now_at, actor_kind, actor_id, action, user_id, request_id, detail);
    INSERT INTO audit_log VALUES (head.id + 1, now_at, actor_kind, actor_id, action, user_id, request_id, detail,
        head.hash, new_hash);
    UPDATE audit_head SET id = head.id + 1, hash = new_hash;
END
$$;
-- +goose StatementEnd

-- Makes the monthly partitions from this month to the given number ahead.
-- +goose StatementBegin
CREATE FUNCTION audit_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    month timestamptz := date_trunc('month', now(), 'UTC');
BEGIN
    FOR i IN 0..least(months_ahead, 120) LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF audit_log FOR VALUES FROM (%L) TO (%L)',
            'audit_log_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'), month, month + interval '1 month');
        month := month + interval '1 month';
    END LOOP;
END
$$;
-- +goose StatementEnd
SELECT audit_partitions(12);

-- +goose Down
DROP TABLE audit_log, audit_head;
DROP FUNCTION audit_append, audit_hash, audit_partitions;
