SELECT
    run_id,
    mission,
    part.object,
    part.id,
    part.version,
    nullif(part.digest, '') AS digest,
    time AS logged_at
FROM (
    SELECT
        run_id,
        mission,
        time,
        unnest(json_transform(
            data -> 'versions',
            '[{"object": "VARCHAR", "id": "VARCHAR", "version": "VARCHAR", "digest": "VARCHAR"}]'
        )) AS part
    FROM fresh
    WHERE artifact = 'version_log'
)
WHERE part.object IS NOT NULL AND part.id IS NOT NULL
