-- forget_passages --
-- The passages of all snapshots of a page. Only the current snapshot of a page is searched.
DELETE FROM search_index_passage
WHERE snapshot_id IN (SELECT id FROM search_index_snapshot WHERE page_id = %(page)s)

-- insert_passages --
-- The passages of a snapshot, numbered in the order given. Terms of the title weigh most (A), then those of the headings
-- (B); the weights' factors are in search.sql.
INSERT INTO search_index_passage (snapshot_id, source_id, ordinal, start, "end", heading, lexemes, embedding)
SELECT
    %(snapshot)s, %(source)s, piece.ordinal - 1, piece.start, piece."end", piece.heading,
    setweight(to_tsvector('english', %(title)s), 'A')
        || setweight(to_tsvector('english', piece.heading), 'B')
        || to_tsvector('english', piece.body),
    piece.embedding::halfvec
FROM unnest(%(starts)s::int[], %(ends)s::int[], %(headings)s::text[], %(texts)s::text[], %(vectors)s::text[])
    WITH ORDINALITY AS piece (start, "end", heading, body, embedding, ordinal)

-- count_terms --
-- Lets PostgreSQL look at the passages anew: the terms' frequencies by which a search weighs them (search.sql, "terms").
ANALYZE search_index_passage
