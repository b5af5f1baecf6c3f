-- within --
-- What a search is narrowed to, and what is always left out; NULL asks for nothing, and costs nothing: the planner sees
-- the values. A host's own subdomains belong to it. What has no date is not within one.
(
    (%(sources)s::bigint[] IS NULL OR passage.source_id = ANY(%(sources)s))
    AND (%(hosts)s::text[] IS NULL OR passage.host = ANY(%(hosts)s) OR passage.host LIKE ANY(%(subdomains)s))
    AND (%(languages)s::text[] IS NULL OR passage.language = ANY(%(languages)s))
    AND (%(classes)s::text[] IS NULL OR passage.source_class = ANY(%(classes)s))
    AND (%(since)s::date IS NULL OR passage.published_on >= %(since)s)
    AND (%(until)s::date IS NULL OR passage.published_on <= %(until)s)
)

-- count_passages --
-- How many passages a search may look at, counted no further than it matters: those within the filters, and holding a
-- phrase, where one is given.
SELECT count(*) FROM (
    SELECT FROM search_index_passage AS passage
    WHERE {within} AND (%(holding)s::tsquery IS NULL OR lexemes @@ %(holding)s::tsquery)
    LIMIT %(most)s
) AS passage

-- nearest_by_index --
-- The nearest passages by the serving model's HNSW index. Needs hnsw.iterative_scan, without which a filter leaves too
-- few rows; the order is relaxed, and some neighbours are missed.
SELECT passage.id
FROM search_index_vector AS vector JOIN search_index_passage AS passage ON passage.id = vector.passage_id
WHERE vector.model_id = %(model)s
    AND {within} AND (%(holding)s::tsquery IS NULL OR lexemes @@ %(holding)s::tsquery)
ORDER BY vector.embedding::halfvec(%(dimensions)s) <#> %(vector)s::halfvec(%(dimensions)s)
LIMIT %(candidates)s

-- nearest_exactly --
-- The nearest passages by looking at each that the filter leaves. The "+ 0" keeps the planner from the HNSW index,
-- which it prefers even under a filter where it is slower and finds less.
SELECT passage.id
FROM search_index_passage AS passage JOIN search_index_vector AS vector ON vector.passage_id = passage.id
WHERE vector.model_id = %(model)s AND vector.embedding IS NOT NULL
    AND {within} AND (%(holding)s::tsquery IS NULL OR lexemes @@ %(holding)s::tsquery)
ORDER BY (vector.embedding <#> %(vector)s::halfvec) + 0
LIMIT %(candidates)s

-- phrase --
-- A quoted phrase as a query; NULL where it holds nothing but stop words.
SELECT nullif(phraseto_tsquery('english', %(phrase)s)::text, '')

-- terms --
-- The terms of a query, rarest first, each as a tsquery and with the number of passages that hold it. Of the common
-- terms ANALYZE keeps the frequencies; the others are rare by that very fact and counted, up to a limit: one that is
-- beyond it lies between the limit and the rarest of the common ones, and is taken for their geometric mean.
WITH common AS (
    SELECT element.lexeme, element.frequency
    FROM pg_stats,
        unnest(most_common_elems::text::text[], most_common_elem_freqs) AS element (lexeme, frequency)
    WHERE schemaname = current_schema() AND tablename = 'search_index_passage' AND attname = 'lexemes'
        AND element.lexeme IS NOT NULL
),
term AS (
    SELECT lexeme, ('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS query
    FROM unnest(to_tsvector('english', %(text)s))
)
SELECT
    term.query::text,
    coalesce(
        common.frequency * %(total)s,
        (
            SELECT CASE
                WHEN count(*) < %(most)s THEN count(*)
                ELSE greatest(%(most)s, sqrt(%(most)s * (SELECT min(frequency) FROM common) * %(total)s))
            END
            FROM (SELECT FROM search_index_passage WHERE lexemes @@ term.query LIMIT %(most)s) AS holding
        )
    ) AS passages
FROM term LEFT JOIN common USING (lexeme)
ORDER BY passages, term.query::text

-- best_by_terms --
-- The passages that the query's terms bring (lexical.py says which), best first by all terms: see score. The inner query unpacks a
-- passage's terms once (appending nothing makes a plain copy, LIMIT keeps it), not again for each term. Of what one
-- common word alone brings, a part is ranked.
SELECT id
FROM (
    SELECT id, lexemes || ''::tsvector AS lexemes
    FROM search_index_passage AS passage
    WHERE ({bringing}) AND {within}
    LIMIT 20000
) AS passage
ORDER BY (
    SELECT sum(term.weight * ts_rank(%(fields)s::real[], passage.lexemes, term.query, 1))
    FROM unnest(%(queries)s::tsquery[], %(weights)s::real[]) AS term (query, weight)
) DESC, id
LIMIT %(candidates)s

-- best --
-- The vectors of the best passages, as text, and what they say.
SELECT
    passage.id, vector.embedding::text, substr(snapshot.text, passage.start + 1, passage."end" - passage.start)
FROM search_index_passage AS passage
JOIN search_index_snapshot AS snapshot ON snapshot.id = passage.snapshot_id
LEFT JOIN search_index_vector AS vector ON vector.passage_id = passage.id AND vector.model_id = %(model)s
WHERE passage.id = ANY(%(ids)s)

-- named --
-- The pages of some names, with the passages of each that are nearest to the vector. A name that many pages bear
-- ("introduction") names none.
SELECT page.name, page.id, nearest.id
FROM (
    SELECT id, name, snapshot_id, count(*) OVER (PARTITION BY name) AS namesakes
    FROM search_index_page
    WHERE name = ANY(%(names)s) AND snapshot_id IS NOT NULL
        AND (%(sources)s::bigint[] IS NULL OR source_id = ANY(%(sources)s))
) AS page,
LATERAL (
    SELECT passage.id
    FROM search_index_passage AS passage
    LEFT JOIN search_index_vector AS vector ON vector.passage_id = passage.id AND vector.model_id = %(model)s
    WHERE passage.snapshot_id = page.snapshot_id AND {within}
    ORDER BY (vector.embedding <#> %(vector)s::halfvec) + 0
    LIMIT %(passages)s
) AS nearest
WHERE namesakes <= %(namesakes)s

-- closeness --
-- How near some passages are to a vector.
SELECT passage_id, -(embedding <#> %(moved)s::halfvec)
FROM search_index_vector
WHERE model_id = %(model)s AND passage_id = ANY(%(ids)s) AND embedding IS NOT NULL

-- score --
-- The exact scores of each candidate, and what its rank depends on besides. The lexical score is a sum over the query's
-- terms, as in BM25: the term's rarity times a term frequency that saturates (ts_rank of one term), divided by
-- 1 + log(length) (its normalisation 1). ts_rank of all terms at once knows no rarity, ts_rank_cd drowns in common words.
-- A quoted phrase counts whole where it stands to the letter, half where only the stems of its words do.
SELECT
    passage.id,
    coalesce(-(vector.embedding <#> %(vector)s::halfvec), 0), -- none yet: it is judged by its words
    coalesce(-(vector.embedding <#> %(moved)s::halfvec), 0),
    (
        SELECT coalesce(sum(term.weight * ts_rank(%(fields)s::real[], passage.terms, term.query, 1)), 0)
        FROM unnest(%(queries)s::tsquery[], %(weights)s::real[]) AS term (query, weight)
    ),
    (
        SELECT coalesce(sum(CASE WHEN strpos(
            lower(snapshot.title || ' ' || substr(snapshot.text, passage.start + 1, passage."end" - passage.start)),
            phrase.letters) > 0 THEN 1.0 ELSE 0.5 END), 0)::float
        FROM unnest(%(phrases)s::tsquery[], %(letters)s::text[]) AS phrase (query, letters)
        WHERE passage.terms @@ phrase.query
    ),
    snapshot.page_id, snapshot.sha256, coalesce(page.cluster, -page.id), passage.host, passage.source_class,
    passage.published_on, source.boost + coalesce(host.boost, 0)
FROM (
    SELECT *, lexemes || ''::tsvector AS terms FROM search_index_passage WHERE id = ANY(%(ids)s) OFFSET 0
) AS passage
JOIN search_index_snapshot AS snapshot ON snapshot.id = passage.snapshot_id
JOIN search_index_page AS page ON page.id = snapshot.page_id
JOIN search_index_source AS source ON source.id = passage.source_id
LEFT JOIN search_index_host AS host ON host.name = passage.host
LEFT JOIN search_index_vector AS vector ON vector.passage_id = passage.id AND vector.model_id = %(model)s

-- hits --
-- What is shown of the passages found. The text is cut from the snapshot: a quote is verbatim by construction.
SELECT
    passage.id, passage.snapshot_id, passage.start, passage."end",
    substr(snapshot.text, passage.start + 1, passage."end" - passage.start),
    passage.heading, snapshot.title, page.url, source.name, passage.language
FROM search_index_passage AS passage
JOIN search_index_snapshot AS snapshot ON snapshot.id = passage.snapshot_id
JOIN search_index_page AS page ON page.id = snapshot.page_id
JOIN search_index_source AS source ON source.id = passage.source_id
WHERE passage.id = ANY(%(ids)s)

-- index --
-- About how many passages there are: as ANALYZE saw it, or counted where it has not been yet. Sets, for this
-- transaction, how the HNSW index is searched.
SELECT
    CASE
        WHEN reltuples > 0 THEN reltuples
        ELSE (SELECT count(*) FROM (SELECT FROM search_index_passage LIMIT %(most)s) AS passage)
    END,
    set_config('hnsw.ef_search', %(ef_search)s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)
FROM pg_class WHERE oid = 'search_index_passage'::regclass

-- languages --
-- The languages of the passages, each found by one step in the index, however many passages there are.
WITH RECURSIVE language AS (
    (SELECT language FROM search_index_passage ORDER BY language LIMIT 1)
    UNION ALL
    SELECT (SELECT passage.language FROM search_index_passage AS passage
            WHERE passage.language > language.language ORDER BY passage.language LIMIT 1)
    FROM language WHERE language.language IS NOT NULL
)
SELECT language FROM language WHERE language <> ''
