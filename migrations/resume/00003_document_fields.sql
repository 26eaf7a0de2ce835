-- +goose Up

-- What was read where in an uploaded file, and how surely: a deflated JSON list, sealed. Kept as long as the file.
CREATE TABLE document_fields (
    document_id   uuid PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
    fields_sealed bytea NOT NULL
);
CREATE INDEX documents_of_resume ON documents (resume_id);

-- +goose Down
DROP TABLE document_fields;
DROP INDEX documents_of_resume;
