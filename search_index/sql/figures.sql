-- relations --
-- The index's tables with their size on disk, without and with what belongs to them, and about how many rows they have
-- (as ANALYZE saw it; -1 where it has not looked yet).
SELECT
    relation.relname,
    relation.reltuples::bigint,
    pg_table_size(relation.oid),
    pg_indexes_size(relation.oid),
    pg_total_relation_size(relation.oid)
FROM pg_class AS relation
WHERE relation.relkind = 'r' AND relation.relnamespace = current_schema()::regnamespace
    AND relation.relname LIKE 'search\_index\_%%'
ORDER BY 5 DESC, 1

-- indexes --
-- Their indexes, the largest first, with how often a query has used each of them.
SELECT usage.relname, usage.indexrelname, pg_relation_size(usage.indexrelid), usage.idx_scan
FROM pg_stat_user_indexes AS usage
WHERE usage.schemaname = current_schema() AND usage.relname LIKE 'search\_index\_%%'
ORDER BY 3 DESC, 2
LIMIT %(most)s

-- database_size --
SELECT pg_database_size(current_database())

-- common_values --
-- The most frequent values of a few columns of the passages and the share of each, as ANALYZE saw them.
SELECT attname, value, share
FROM pg_stats, unnest(most_common_vals::text::text[], most_common_freqs) AS frequent (value, share)
WHERE schemaname = current_schema() AND tablename = 'search_index_passage' AND attname = ANY(%(columns)s)
ORDER BY attname, share DESC

-- matching_terms --
-- Of each passage, which of the query's terms it holds: the term's place in the query, its weight, and what it adds to
-- the lexical score.
SELECT
    passage.id, term.place, term.weight,
    term.weight * ts_rank(%(fields)s::real[], passage.lexemes, term.query, 1)
FROM search_index_passage AS passage
CROSS JOIN unnest(%(queries)s::tsquery[], %(weights)s::real[]) WITH ORDINALITY AS term (query, weight, place)
WHERE passage.id = ANY(%(ids)s) AND passage.lexemes @@ term.query
ORDER BY passage.id, 4 DESC
