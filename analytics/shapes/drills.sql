-- One drill tries several signals in several lanes; each pair is a record.
SELECT
    id,
    run_id,
    data ->> 'drill' AS drill,
    data ->> 'signal' AS signal,
    data ->> 'lane' AS lane,
    (data ->> 'trials')::BIGINT AS trials,
    (data ->> 'caught')::BIGINT AS caught,
    (data ->> 'effects')::BIGINT AS effects,
    (data ->> 'effects_after')::BIGINT AS effects_after,
    (data ->> 'p50_us')::BIGINT AS p50_us,
    (data ->> 'p99_us')::BIGINT AS p99_us,
    (data ->> 'most_us')::BIGINT AS most_us,
    (data ->> 'limit_us')::BIGINT AS limit_us,
    (data ->> 'passed')::BOOLEAN AS passed,
    time AS ended_at
FROM fresh
WHERE artifact = 'drill_record'
