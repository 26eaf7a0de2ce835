CREATE TABLE notes (
    id           uuid PRIMARY KEY,
    owner_sealed bytea NOT NULL,
    owner_hash   bytea NOT NULL,
    text_sealed  bytea NOT NULL,
    filed_at     timestamptz
);
CREATE INDEX notes_of_owner ON notes (owner_hash, id);
