-- replace_passages --
-- Makes these the passages of a page: only its current snapshot is searched. A passage that says the same as before
-- (the digest tells) keeps its row, and with it its vectors; the others go, and new ones come. Terms of the title weigh
-- most (A), then those of the headings (B); the weights' factors are in search.sql.
WITH piece AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY digest ORDER BY ordinal) AS nth
    FROM (
        SELECT *, md5(%(title)s || E'\n' || heading || E'\n' || body)::uuid AS digest
        FROM unnest(%(starts)s::int[], %(ends)s::int[], %(headings)s::text[], %(texts)s::text[])
            WITH ORDINALITY AS given (start, "end", heading, body, ordinal)
    ) AS given
),
old AS (
    SELECT id, digest, row_number() OVER (PARTITION BY digest ORDER BY ordinal) AS nth
    FROM search_index_passage
    WHERE snapshot_id IN (SELECT id FROM search_index_snapshot WHERE page_id = %(page)s)
),
kept AS (
    UPDATE search_index_passage AS passage
    SET
        snapshot_id = %(snapshot)s, source_id = %(source)s, ordinal = piece.ordinal - 1,
        start = piece.start, "end" = piece."end", host = %(host)s, language = %(language)s,
        source_class = %(source_class)s, published_on = %(published_on)s
    FROM old JOIN piece USING (digest, nth)
    WHERE passage.id = old.id
    RETURNING passage.id
),
gone AS (
    DELETE FROM search_index_passage
    WHERE id IN (SELECT old.id FROM old LEFT JOIN piece USING (digest, nth) WHERE piece.ordinal IS NULL)
)
INSERT INTO search_index_passage
    (snapshot_id, source_id, ordinal, start, "end", heading, digest, host, language, source_class, published_on, lexemes)
SELECT
    %(snapshot)s, %(source)s, piece.ordinal - 1, piece.start, piece."end", piece.heading, piece.digest,
    %(host)s, %(language)s, %(source_class)s, %(published_on)s,
    setweight(to_tsvector('english', %(title)s), 'A')
        || setweight(to_tsvector('english', piece.heading), 'B')
        || to_tsvector('english', piece.body)
FROM piece LEFT JOIN old USING (digest, nth)
WHERE old.id IS NULL

-- await_vectors --
-- Notes that a vector is to be made, by every model in use, of each passage of a snapshot that has none yet.
INSERT INTO search_index_vector (passage_id, model_id)
SELECT passage.id, model.id
FROM search_index_passage AS passage CROSS JOIN search_index_embeddingmodel AS model
WHERE passage.snapshot_id = %(snapshot)s AND model.state <> 'retired'
ON CONFLICT DO NOTHING

-- count_terms --
-- Lets PostgreSQL look at the passages anew: the terms' frequencies by which a search weighs them (search.sql, "terms").
ANALYZE search_index_passage

-- alike --
-- The pages in the index that share a MinHash band with a page, those that share most first. The inner limit keeps the
-- worst case small: thousands of pages of one template share all of theirs.
SELECT page.id, page.source_id, page.cluster, page.url, snapshot.title, snapshot.text
FROM (
    SELECT id, source_id, cluster, url, snapshot_id, bands
    FROM search_index_page
    WHERE bands && %(bands)s::bigint[] AND id <> %(page)s AND snapshot_id IS NOT NULL
    LIMIT 200
) AS page JOIN search_index_snapshot AS snapshot ON snapshot.id = page.snapshot_id
ORDER BY (SELECT count(*) FROM unnest(page.bands) AS band WHERE band = ANY(%(bands)s::bigint[])) DESC, page.id
LIMIT %(most)s
