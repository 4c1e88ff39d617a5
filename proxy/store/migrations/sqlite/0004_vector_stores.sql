CREATE TABLE vector_stores (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it will expire; null for never, and null again once it has.
    expires_at INTEGER,
    -- With the counts of its files, which whoever changes a file's status changes in the same transaction.
    doc        TEXT NOT NULL
);

CREATE INDEX vector_stores_listed ON vector_stores (project, created_at, seq);
CREATE INDEX vector_stores_expiring ON vector_stores (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE vector_store_batches (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    store_id   TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    doc        TEXT NOT NULL
);

CREATE INDEX vector_store_batches_of ON vector_store_batches (store_id);

CREATE TABLE vector_store_files (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The file's own id: it may be in many stores, and in each of them once.
    id         TEXT NOT NULL,
    project    TEXT NOT NULL,
    store_id   TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    -- The batch that it came with; no foreign key, as batches only go with their store.
    batch_id   TEXT,
    created_at INTEGER NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('in_progress', 'completed', 'failed', 'cancelled')),
    doc        TEXT NOT NULL,
    UNIQUE (store_id, id)
);

CREATE INDEX vector_store_files_listed ON vector_store_files (store_id, created_at, seq);
CREATE INDEX vector_store_files_listed_by_status ON vector_store_files (store_id, status, created_at, seq);
CREATE INDEX vector_store_files_of_batch ON vector_store_files (batch_id, created_at, seq) WHERE batch_id IS NOT NULL;
CREATE INDEX vector_store_files_by_file ON vector_store_files (id);
-- A small one, over those that wait to be read. Its condition is that of the question, word for word.
CREATE INDEX vector_store_files_waiting ON vector_store_files (project, seq) WHERE status = 'in_progress';

-- What was read from a file for a store, once. A set is found by searches when it is complete; one without a file is
-- litter, which is swept in pieces: its reading was given up, or its file has left the store.
CREATE TABLE chunk_sets (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    project  TEXT NOT NULL,
    -- The seq of the store, which is part of every term of the set.
    store    INTEGER NOT NULL,
    file     INTEGER REFERENCES vector_store_files (seq) ON DELETE SET NULL,
    complete INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),
    -- How many chunks were written so far.
    chunks   INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX chunk_sets_of_store ON chunk_sets (store, file, complete, chunks);
CREATE INDEX chunk_sets_of_file ON chunk_sets (file);

-- The id holds the set and the place in it: set * 2^20 + place.
CREATE TABLE chunks (
    id       INTEGER PRIMARY KEY,
    -- How many characters at its beginning the chunk before it has, too.
    repeated INTEGER NOT NULL,
    text     TEXT NOT NULL
);

-- The terms of each chunk, with its id: `17x2river` for the term `river`, of weight class 2, in the store with seq 17.
-- Terms are made by proxy.retrieval, so the tokenizer has only to split at spaces; which it does for all that is no
-- ASCII punctuation. Nothing but "which chunks have this term" is asked, so nothing else is kept.
CREATE VIRTUAL TABLE chunk_terms USING fts5 (terms, content = '', columnsize = 0, detail = none, tokenize = 'ascii');

CREATE VIRTUAL TABLE chunk_term_counts USING fts5vocab ('chunk_terms', 'row');
