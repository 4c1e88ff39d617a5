-- Vectors again: a chunk may have several, and their signs tell quickly which are worth a look. Those that there were
-- are made anew.
DROP TABLE chunk_vectors;

CREATE TABLE chunk_vectors (
    id      INTEGER PRIMARY KEY,
    set_id  INTEGER NOT NULL REFERENCES chunk_sets (id) ON DELETE CASCADE,
    -- The place in the set of the first of these chunks.
    place   INTEGER NOT NULL,
    -- Vectors of one model cannot be compared with those of another.
    model   TEXT NOT NULL,
    -- For each vector, how many places further its chunk is. This and what follows as proxy.retrieval.vectors packs it.
    owners  BLOB NOT NULL,
    -- A bit for each component. Before the vectors, so that they can be read without them.
    signs   BLOB NOT NULL,
    vectors BLOB NOT NULL
);

CREATE INDEX chunk_vectors_of_set ON chunk_vectors (set_id, model);

-- How many chunks of a set, from the first on, have vectors of this model, as far as they have any meaning.
ALTER TABLE chunk_sets ADD COLUMN model TEXT;
ALTER TABLE chunk_sets ADD COLUMN embedded INTEGER NOT NULL DEFAULT 0;

-- A small one, over those that still need vectors, and one by which those of another model are found.
CREATE INDEX chunk_sets_behind ON chunk_sets (id) WHERE complete = 1 AND file IS NOT NULL AND embedded < chunks;
CREATE INDEX chunk_sets_of_model ON chunk_sets (model) WHERE model IS NOT NULL;
