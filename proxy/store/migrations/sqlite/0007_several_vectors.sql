-- Vectors again: a chunk may have several, and their signs tell quickly which are worth a look. Those that there were
-- are made anew.
DROP TABLE chunk_vectors;

-- Signs of the vectors of chunks that follow one another, as many as were written at one time: searches read those of a
-- whole store. Those of one model cannot be compared with those of another.
CREATE TABLE chunk_signs (
    id     INTEGER PRIMARY KEY,
    set_id INTEGER NOT NULL REFERENCES chunk_sets (id) ON DELETE CASCADE,
    -- The place in the set of the first of these chunks.
    place  INTEGER NOT NULL,
    model  TEXT NOT NULL,
    -- For each vector, how many places further its chunk is. This and what follows as proxy.retrieval.vectors packs it.
    owners BLOB NOT NULL,
    -- A bit for each component.
    signs  BLOB NOT NULL
);

CREATE INDEX chunk_signs_of_set ON chunk_signs (set_id, model);

-- The vectors themselves, a few in a row, as searches read some here and there. The id holds that of their signs, and
-- which few of them these are: signs * 2^10 + part.
CREATE TABLE chunk_vectors (
    id      INTEGER PRIMARY KEY,
    vectors BLOB NOT NULL
);

CREATE TRIGGER chunk_vectors_go_with_their_signs AFTER DELETE ON chunk_signs BEGIN
    DELETE FROM chunk_vectors WHERE id >= old.id * 1024 AND id < (old.id + 1) * 1024; END;

-- How many chunks of a set, from the first on, have vectors of this model, as far as they have any meaning.
ALTER TABLE chunk_sets ADD COLUMN model TEXT;
ALTER TABLE chunk_sets ADD COLUMN embedded INTEGER NOT NULL DEFAULT 0;

-- A small one, over those that still need vectors, and one by which those of another model are found.
CREATE INDEX chunk_sets_behind ON chunk_sets (id) WHERE complete = 1 AND file IS NOT NULL AND embedded < chunks;
CREATE INDEX chunk_sets_of_model ON chunk_sets (model) WHERE model IS NOT NULL;
