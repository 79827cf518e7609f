SELECT
    run_id,
    mission,
    measure.name,
    measure.value,
    measure.unit,
    recorded_time AS measured_at
FROM (
    SELECT
        run_id,
        mission,
        recorded_time,
        unnest(json_transform(data -> 'measures', '[{"name": "VARCHAR", "value": "BIGINT", "unit": "VARCHAR"}]'))
            AS measure
    FROM endings
)
WHERE measure.name IS NOT NULL AND measure.value IS NOT NULL AND measure.unit IS NOT NULL
