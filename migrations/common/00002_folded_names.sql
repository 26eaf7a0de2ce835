-- +goose Up

-- The names of countries, currencies and languages, folded once instead of at every lookup.
-- +goose StatementBegin
CREATE FUNCTION fold_all(names jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT array_agg(DISTINCT fold(value)) FROM jsonb_each_text(names)
$$;
-- +goose StatementEnd
ALTER TABLE countries ADD COLUMN folded text[] GENERATED ALWAYS AS (fold_all(names)) STORED;
ALTER TABLE currencies ADD COLUMN folded text[] GENERATED ALWAYS AS (fold_all(names)) STORED;
ALTER TABLE languages ADD COLUMN folded text[] GENERATED ALWAYS AS (fold_all(names)) STORED;

-- +goose Down
ALTER TABLE languages DROP COLUMN folded;
ALTER TABLE currencies DROP COLUMN folded;
ALTER TABLE countries DROP COLUMN folded;
DROP FUNCTION fold_all;
