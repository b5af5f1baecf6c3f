-- turn --
-- Takes the next turn at a host for one request, and says how many seconds away it is: turns are `delay` seconds apart,
-- or `factor` times what answers have taken of late, up to `most`. By the database's clock: all workers share the row.
-- No row where the host rests for longer than `patience` seconds.
INSERT INTO search_index_host AS host (name, standing, reason, source_class, boost, busy, first_seen_at, free_at)
VALUES (%(name)s, '', '', '', 0, 0, now(), now() + %(delay)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET
    free_at = greatest(host.free_at, now())
        + greatest(%(delay)s, least(%(factor)s * coalesce(host.seconds, 0), %(most)s)) * interval '1 second'
    WHERE host.free_at IS NULL OR host.free_at <= now() + %(patience)s * interval '1 second'
RETURNING
    extract(epoch FROM free_at - now())::float
        - greatest(%(delay)s, least(%(factor)s * coalesce(seconds, 0), %(most)s))::float

-- answered --
-- A request was answered in `took` seconds: that is learned, and where it took longer than it was thought to, the next
-- turn moves on.
UPDATE search_index_host AS host
SET
    busy = 0,
    seconds = learned.seconds,
    free_at = greatest(
        host.free_at,
        now() + (least(%(factor)s * learned.seconds, %(most)s) - %(took)s) * interval '1 second'
    )
FROM (
    SELECT id, %(weight)s * %(took)s + (1 - %(weight)s) * coalesce(seconds, %(took)s) AS seconds
    FROM search_index_host
    WHERE name = %(name)s
) AS learned
WHERE learned.id = host.id

-- rest --
-- The host has said that it is busy: it is left alone for as long as it asked, and each time in a row for twice as long.
UPDATE search_index_host
SET
    busy = least(busy + 1, 100),
    free_at = greatest(
        free_at,
        now() + least(greatest(%(after)s, %(first)s * 2 ^ least(busy, 20)), %(longest)s) * interval '1 second'
    )
WHERE name = %(name)s
