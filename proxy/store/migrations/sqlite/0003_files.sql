-- A file's row is written after its bytes are durable, under the name of its id; bytes without a row are litter.
CREATE TABLE files (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    purpose    TEXT NOT NULL,
    expires_at INTEGER,
    -- Of the bytes, as hexadecimal digits.
    sha256     TEXT NOT NULL,
    doc        TEXT NOT NULL
);

CREATE INDEX files_listed ON files (project, created_at, seq);
CREATE INDEX files_listed_by_purpose ON files (project, purpose, created_at, seq);
CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE uploads (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    project      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
    expires_at   INTEGER NOT NULL,
    -- How long the file that comes of it is kept; null for ever.
    file_seconds INTEGER,
    -- The parts that it was completed with, as a JSON array, to know a client that asks a second time.
    part_ids     TEXT,
    doc          TEXT NOT NULL,
    CHECK ((status = 'completed') = (part_ids IS NOT NULL))
);

CREATE INDEX uploads_expiring ON uploads (expires_at) WHERE status = 'pending';

CREATE TABLE upload_parts (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    upload_id  TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    bytes      INTEGER NOT NULL CHECK (bytes > 0),
    doc        TEXT NOT NULL
);

CREATE INDEX upload_parts_of ON upload_parts (upload_id, seq);
