-- indexes_aside --
-- Of the indexes of passages and vectors that no constraint rests on: the statements that drop each and make it again.
SELECT format('DROP INDEX %s', index.indexrelid::regclass), pg_get_indexdef(index.indexrelid)
FROM pg_index AS index
WHERE index.indrelid IN ('search_index_passage'::regclass, 'search_index_vector'::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.indexrelid)

-- made_up --
-- Where passages that were made up wait to be put into the index, some thousand at a time.
CREATE TEMPORARY TABLE made_up (
    snapshot bigint, source bigint, ordinal int, start int, "end" int, title text, body text, embedding text
) ON COMMIT DROP

-- copy_made_up --
COPY made_up (snapshot, source, ordinal, start, "end", title, body, embedding) FROM STDIN

-- put_made_up --
-- The same rows, with the same terms, as a crawl would store (store.sql, "replace_passages").
WITH passage AS (
    INSERT INTO search_index_passage
        (snapshot_id, source_id, ordinal, start, "end", heading, digest, host, language, source_class, lexemes)
    SELECT
        snapshot, source, ordinal, start, "end", '', md5(title || E'\n\n' || body)::uuid, '', 'en', '',
        setweight(to_tsvector('english', title), 'A') || to_tsvector('english', body)
    FROM made_up
    RETURNING id, snapshot_id, ordinal
)
INSERT INTO search_index_vector (passage_id, model_id, embedding)
SELECT passage.id, %(model)s, made_up.embedding::halfvec
FROM passage JOIN made_up ON made_up.snapshot = passage.snapshot_id AND made_up.ordinal = passage.ordinal

-- current_snapshots --
-- Makes the one snapshot of each page its current one.
UPDATE search_index_page AS page
SET snapshot_id = snapshot.id
FROM search_index_snapshot AS snapshot
WHERE snapshot.page_id = page.id AND page.snapshot_id IS NULL

-- empty_index --
-- All sources go, with everything that came from them.
TRUNCATE search_index_source CASCADE

-- settle_index --
-- What autovacuum would come to do by itself: the search measures the index as it is after that.
VACUUM (ANALYZE) search_index_page, search_index_snapshot, search_index_passage, search_index_vector
