-- take_waiting --
-- Passages whose vector by a model is still to be made, oldest first (of a source or of a snapshot, where one is
-- given), locked until they are written: two workers never take the same ones, and a killed one lets go of them.
SELECT
    vector.id, snapshot.title, passage.heading,
    substr(snapshot.text, passage.start + 1, passage."end" - passage.start)
FROM search_index_vector AS vector
JOIN search_index_passage AS passage ON passage.id = vector.passage_id
JOIN search_index_snapshot AS snapshot ON snapshot.id = passage.snapshot_id
WHERE vector.model_id = %(model)s AND vector.embedding IS NULL
    AND (%(source)s::bigint IS NULL OR passage.source_id = %(source)s)
    AND (%(snapshot)s::bigint IS NULL OR passage.snapshot_id = %(snapshot)s)
ORDER BY vector.id
LIMIT %(most)s
FOR UPDATE OF vector SKIP LOCKED

-- write_vectors --
-- The vectors that were made, all in one statement.
UPDATE search_index_vector AS vector
SET embedding = made.embedding::halfvec
FROM unnest(%(ids)s::bigint[], %(vectors)s::text[]) AS made (id, embedding)
WHERE vector.id = made.id

-- await_model --
-- Notes that a vector by a model is to be made of every passage that has no row for it yet.
INSERT INTO search_index_vector (passage_id, model_id)
SELECT passage.id, %(model)s
FROM search_index_passage AS passage
WHERE NOT EXISTS (
    SELECT FROM search_index_vector AS vector WHERE vector.passage_id = passage.id AND vector.model_id = %(model)s
)
ON CONFLICT DO NOTHING

-- make_index --
-- A model's index, made beside the work that goes on. Not in a transaction. The number becomes part of the name.
CREATE INDEX CONCURRENTLY vector_of_model_%(model)s ON search_index_vector
    USING hnsw ((embedding::halfvec(%(dimensions)s)) halfvec_ip_ops) WITH (m = 16, ef_construction = 128)
    WHERE model_id = %(model)s

-- make_bit_index --
-- The same of one bit a dimension, a sixteenth of the size: for more vectors than fit into memory.
CREATE INDEX CONCURRENTLY vector_bits_of_model_%(model)s ON search_index_vector
    USING hnsw ((binary_quantize(embedding::halfvec(%(dimensions)s))::bit(%(dimensions)s)) bit_hamming_ops)
    WITH (m = 16, ef_construction = 128)
    WHERE model_id = %(model)s

-- index_is_valid --
-- Whether an index is whole; no row where there is none. One whose making was cut short is there, but is not used.
SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%(name)s)

-- drop_index --
DROP INDEX CONCURRENTLY IF EXISTS vector_of_model_%(model)s

-- drop_bit_index --
DROP INDEX CONCURRENTLY IF EXISTS vector_bits_of_model_%(model)s

-- delete_vectors --
-- Some of a model's vectors: a million at once would be one long transaction.
DELETE FROM search_index_vector
WHERE id IN (SELECT id FROM search_index_vector WHERE model_id = %(model)s LIMIT %(most)s)

-- about_vectors --
-- About how many vectors there are, of all models, as the last VACUUM or ANALYZE saw it.
SELECT reltuples::bigint FROM pg_class WHERE oid = 'search_index_vector'::regclass

-- nearest_by_bits --
-- The nearest passages by the serving model's index of bits: more than are wanted by the signs of their dimensions, of
-- these the nearest by their vectors. Needs hnsw.iterative_scan, and hnsw.ef_search not much below the first LIMIT.
SELECT id
FROM (
    SELECT passage.id, vector.embedding
    FROM search_index_vector AS vector JOIN search_index_passage AS passage ON passage.id = vector.passage_id
    WHERE vector.model_id = %(model)s
        AND {within} AND (%(holding)s::tsquery IS NULL OR lexemes @@ %(holding)s::tsquery)
    ORDER BY binary_quantize(vector.embedding::halfvec(%(dimensions)s))::bit(%(dimensions)s)
        <~> binary_quantize(%(vector)s::halfvec(%(dimensions)s))::bit(%(dimensions)s)
    LIMIT %(overfetch)s
) AS near
ORDER BY (embedding <#> %(vector)s::halfvec) + 0
LIMIT %(candidates)s
