-- +goose Up
CREATE TABLE things (id integer PRIMARY KEY, made_at timestamptz NOT NULL);
-- +goose Down
DROP TABLE things;
