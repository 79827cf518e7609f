"""Where people come in: gates that were planned, interventions that were not, overrides, and how long it took."""

from __future__ import annotations

from analytics.formulas.formula import NO_TERMINAL, TERMINAL, Formula, quantile, rate

_INTERVENED = """(
    interventions > 0
    OR halt IN (SELECT halt FROM halts WHERE signal IS NULL)
    OR run_id IN (SELECT rolls_back FROM runs WHERE rolls_back IS NOT NULL)
    OR run_id IN (SELECT run_id FROM tool_calls WHERE source = 'person')
)"""
"""A person changed the course: no-go or revise at a gate, a halt by hand, a rollback, a result told by hand."""

_BY_ROLE = """
SELECT
    mission,
    role AS segment,
    quantile_cont(waited_ms, {at}) / 60000.0 AS value,
    NULL::BIGINT AS numerator,
    count(waited_ms) AS denominator
FROM gates
WHERE state = 'answered'
GROUP BY GROUPING SETS ((mission, role), (mission), ())
ORDER BY mission NULLS FIRST, segment NULLS FIRST
"""

_WAITED = """(
        SELECT runs.mission, runs.status, coalesce(sum(gates.waited_ms), 0)::BIGINT AS waited_for_people_ms
        FROM runs
        LEFT JOIN gates ON gates.run_id = runs.run_id AND gates.state IN ('answered', 'expired')
        GROUP BY runs.run_id, runs.mission, runs.status
    )"""

_DEPTH = """
WITH asked AS (
    SELECT runs.mission, gates.gate FROM runs LEFT JOIN gates ON gates.run_id = runs.run_id AND gates.state = 'open'
)
SELECT mission, count(gate) AS value, count(gate) AS numerator, NULL::BIGINT AS denominator
FROM asked
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""

_AGE = """
SELECT
    mission,
    date_diff('millisecond', min(opened_at), (SELECT max(last_recorded_at) FROM runs)) / 60000.0 AS value,
    NULL::BIGINT AS numerator,
    count(*) AS denominator
FROM gates
WHERE state = 'open'
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""

_NOBODY = "no person has answered a gate yet"

PEOPLE: tuple[Formula, ...] = (
    Formula(
        "K2a",
        "Planned gate rate",
        "terminal runs that met a gate / terminal runs; what governance costs, no failure",
        "% of terminal runs",
        NO_TERMINAL,
        rate("gates > 0"),
    ),
    Formula(
        "K2b",
        "Intervention rate",
        "terminal runs in which a person answered no-go or revise, halted them by hand, rolled them back, or told a "
        "result / terminal runs; a planned go is none",
        "% of terminal runs",
        NO_TERMINAL,
        rate(_INTERVENED),
        board=2,
    ),
    Formula(
        "K2c",
        "Gates or interventions",
        "terminal runs in K2a or K2b / terminal runs; comparable with figures that count both",
        "% of terminal runs",
        NO_TERMINAL,
        rate(f"gates > 0 OR {_INTERVENED}"),
    ),
    Formula(
        "K15",
        "Human override rate",
        "gates a person answered no-go or revise / gates a person answered",
        "% of answered gates",
        _NOBODY,
        rate("answer IN ('no_go', 'revise')", "state = 'answered'", "gates"),
    ),
    Formula(
        "K16.p50",
        "Time to answer, median",
        "median of gate opened to answered by a person, by role",
        "min",
        _NOBODY,
        _BY_ROLE.format(at=0.5),
        "segment",
    ),
    Formula(
        "K16.p95",
        "Time to answer, p95",
        "95th percentile of the same",
        "min",
        _NOBODY,
        _BY_ROLE.format(at=0.95),
        "segment",
    ),
    Formula(
        "K17.p50",
        "Cycle time, median",
        "median of start to end of terminal runs, waiting included",
        "min",
        NO_TERMINAL,
        quantile("latency_ms", 0.5, "60000.0", "runs", TERMINAL),
    ),
    Formula(
        "K17.p95",
        "Cycle time, p95",
        "95th percentile of the same",
        "min",
        NO_TERMINAL,
        quantile("latency_ms", 0.95, "60000.0", "runs", TERMINAL),
    ),
    Formula(
        "K17.wait",
        "Waited for people, median",
        "median over terminal runs of the time their gates stood open",
        "min",
        NO_TERMINAL,
        quantile("waited_for_people_ms", 0.5, "60000.0", _WAITED, TERMINAL),
    ),
    Formula("K22.depth", "Open gates", "gates that wait for a person", "gates", "no run has begun yet", _DEPTH),
    Formula(
        "K22.age",
        "Oldest open gate",
        "opening of the oldest open gate to the newest record of the snapshot",
        "min",
        "no gate is open",
        _AGE,
    ),
)
"""Numbers about people."""
