-- Vectors of chunks, as many as were written at one time in one row: searches read all of a store. They go with their
-- set, and those of one model cannot be compared with those of another.
CREATE TABLE chunk_vectors (
    id      INTEGER PRIMARY KEY,
    set_id  INTEGER NOT NULL REFERENCES chunk_sets (id) ON DELETE CASCADE,
    -- The place in the set of the first of these chunks.
    place   INTEGER NOT NULL,
    model   TEXT NOT NULL,
    -- One after the other, as proxy.retrieval.vectors packs them.
    vectors BLOB NOT NULL
);

CREATE INDEX chunk_vectors_of_set ON chunk_vectors (set_id, model);
