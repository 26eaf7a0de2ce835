-- +goose Up

-- Reference data that every service may read. The rows come from data/<table>.csv.gz, which tools/data/reference
-- builds; tools/migrate replaces a table's rows when its file is another than the one that was loaded.

-- Both are trusted extensions: the owner of the database may create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- The form that names are compared in: lower case, without accents, words of letters, digits, + and #, one space
-- between them: "Zürich (Kreis 4)" is "zurich kreis 4", "C++" stays "c++".
-- +goose StatementBegin
CREATE FUNCTION fold(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT btrim(regexp_replace(lower(unaccent('unaccent', normalize(name, NFKC))), '[^[:alnum:]+#]+', ' ', 'g'))
$$;
-- +goose StatementEnd

-- What tools/migrate has loaded.
CREATE TABLE data_files (
    name      text PRIMARY KEY,                   -- of the table
    sha256    bytea NOT NULL,
    rows      bigint NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

-- ISO 3166-1; names from CLDR by language: {"en": "Germany", "de": "Deutschland"}.
CREATE TABLE countries (
    code         text PRIMARY KEY CHECK (code ~ '^[A-Z]{2}$'),
    alpha3       text NOT NULL,
    numeric_code text NOT NULL,
    currency     text,                            -- legal tender today
    names        jsonb NOT NULL
);

-- ISO 4217: currencies that are legal tender somewhere today.
CREATE TABLE currencies (
    code        text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    minor_units smallint NOT NULL,                -- digits after the point
    symbol      text NOT NULL,
    names       jsonb NOT NULL
);

-- BCP 47 tags.
CREATE TABLE languages (
    code   text PRIMARY KEY,
    native text,                                  -- the language's name in itself
    names  jsonb NOT NULL
);

-- Cities of 15,000 people and more; ids are those of GeoNames.
CREATE TABLE places (
    id           integer PRIMARY KEY,
    name         text NOT NULL,
    region       text,                            -- code of the first-level division, where it has letters
    country_code text NOT NULL,
    latitude     real NOT NULL,
    longitude    real NOT NULL,
    population   integer NOT NULL,
    time_zone    text NOT NULL                    -- IANA
);

-- ESCO 1.1.1; ids are the last part of the concepts' URIs.
CREATE TABLE skills (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('skill', 'knowledge')),
    occupations integer NOT NULL                  -- that need it
);

CREATE TABLE occupations (
    id   uuid PRIMARY KEY,
    name text NOT NULL,
    isco text NOT NULL                            -- ISCO-08 group
);

-- All names that these are known by, for suggestions.
CREATE TABLE place_names (
    place_id integer NOT NULL,
    name     text NOT NULL,
    weight   real NOT NULL,                       -- more is suggested first
    folded   text NOT NULL GENERATED ALWAYS AS (fold(name)) STORED
);
CREATE TABLE skill_names (
    skill_id uuid NOT NULL,
    name     text NOT NULL,
    weight   real NOT NULL,
    folded   text NOT NULL GENERATED ALWAYS AS (fold(name)) STORED
);
CREATE TABLE occupation_names (
    occupation_id uuid NOT NULL,
    name          text NOT NULL,
    weight        real NOT NULL,
    folded        text NOT NULL GENERATED ALWAYS AS (fold(name)) STORED
);
CREATE INDEX place_names_prefix ON place_names (folded text_pattern_ops, weight DESC);
CREATE INDEX place_names_trigrams ON place_names USING gin (folded gin_trgm_ops);
CREATE INDEX place_names_of_place ON place_names (place_id);
CREATE INDEX skill_names_prefix ON skill_names (folded text_pattern_ops, weight DESC);
CREATE INDEX skill_names_trigrams ON skill_names USING gin (folded gin_trgm_ops);
CREATE INDEX occupation_names_prefix ON occupation_names (folded text_pattern_ops, weight DESC);
CREATE INDEX occupation_names_trigrams ON occupation_names USING gin (folded gin_trgm_ops);

-- +goose Down
DROP TABLE occupation_names, skill_names, place_names, occupations, skills, places, languages, currencies, countries, data_files;
DROP FUNCTION fold;
DROP EXTENSION unaccent;
DROP EXTENSION pg_trgm;
