"""Conformance: exact checks of the current runs, in SQL; one violation is drift, whatever the sample.

Three kinds, because each passes runs that the others catch. *Config*: what was in force is what was
sealed. *Path*: steps and tool calls came in the order the mission declares. *Data*: approvals, budgets
and effects fit together record by record; a path check passes a run that approved itself.
"""

# polars types what it hands to Arrow in part only.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analytics.monitors import Comparison, Monitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl
    from duckdb import DuckDBPyConnection

    from gonogo.policy.paths import Constraint

EXACT = "exact check of each run"

_IN_FORCE = """
CREATE OR REPLACE TEMP TABLE in_force AS
SELECT sampled.place, sampled.mission, object, id, coalesce(version, '') AS version, coalesce(digest, '') AS digest
FROM current_runs AS sampled JOIN versions USING (run_id)
WHERE object <> 'baseline'
UNION ALL
SELECT place, mission, 'deployment', deployment, '', ''
FROM current_runs
WHERE deployment IS NOT NULL
"""

_UNDECLARED = """
WITH should AS (
    SELECT mission, object, id, coalesce(version, '') AS version, coalesce(digest, '') AS digest FROM declared
),
strange AS (
    SELECT place, mission, object, id || ' ' || version AS what
    FROM in_force ANTI JOIN should USING (mission, object, id, version, digest)
    UNION ALL
    -- What was declared and is not in force is as strange as what is in force and was not declared.
    SELECT runs.place, runs.mission, should.object, 'without ' || should.id AS what
    FROM (SELECT DISTINCT place, mission FROM in_force WHERE object <> 'deployment') AS runs
    JOIN should ON should.mission = runs.mission AND should.object <> 'deployment'
    ANTI JOIN in_force
        ON in_force.place = runs.place AND in_force.object = should.object AND in_force.id = should.id
),
looked AS (
    SELECT mission, object, count(DISTINCT place) AS n
    FROM in_force SEMI JOIN should USING (mission)
    GROUP BY ALL
)
SELECT looked.mission, looked.object, looked.n, count(DISTINCT strange.place) AS violations,
    max(strange.what) AS example
FROM looked LEFT JOIN strange USING (mission, object)
GROUP BY ALL
ORDER BY ALL
"""

_TRACE = """
CREATE OR REPLACE TEMP TABLE trace AS
SELECT sampled.place, sampled.mission, 'step:' || steps.step AS event, steps.started_at AS begun_at, steps.key
FROM current_runs AS sampled JOIN steps USING (run_id)
WHERE steps.outcome = 'done' AND steps.step IS NOT NULL AND steps.started_at IS NOT NULL
UNION ALL
SELECT sampled.place, sampled.mission, 'tool:' || tool_calls.tool, tool_calls.started_at, tool_calls.key
FROM current_runs AS sampled JOIN tool_calls USING (run_id)
WHERE tool_calls.outcome = 'done' AND tool_calls.tool IS NOT NULL
    AND tool_calls.started_at IS NOT NULL
"""

_FIRST = "(SELECT min(begun_at) FROM trace WHERE trace.place = sampled.place AND event = {})"
_LAST = "(SELECT max(begun_at) FROM trace WHERE trace.place = sampled.place AND event = {})"
_COUNT = "(SELECT count(*) FROM trace WHERE trace.place = sampled.place AND event = {})"

BROKEN_WHEN: Final[Mapping[str, str]] = {
    "existence": f"runs.status = 'done' AND {_COUNT.format('$event')} = 0",
    "absence": f"{_COUNT.format('$event')} > 0",
    "at_most": f"{_COUNT.format('$event')} > $most",
    "precedence": (
        f"{_COUNT.format('$then')} > 0 AND coalesce({_FIRST.format('$event')} > {_FIRST.format('$then')}, TRUE)"
    ),
    "response": (
        f"runs.status = 'done' AND {_COUNT.format('$event')} > 0 "
        f"AND coalesce({_LAST.format('$then')} < {_LAST.format('$event')}, TRUE)"
    ),
    "not_together": f"{_COUNT.format('$event')} > 0 AND {_COUNT.format('$then')} > 0",
}
"""When a run breaks a constraint, by its kind; what was never recorded counts as not done."""

_BROKEN = """
WITH asked AS (SELECT $event::VARCHAR AS event, $then::VARCHAR AS after, $most::BIGINT AS most)
SELECT count(*), count(*) FILTER (WHERE {broken})
FROM current_runs AS sampled JOIN runs USING (run_id)
WHERE sampled.mission = $mission
"""


@dataclass(frozen=True, slots=True)
class Check:
    """An exact check of what the records of a run say to each other."""

    says: str
    """What is wrong with a run that fails it."""
    fails: str
    """Runs that fail it, as SQL that gives ``run_id``."""


CHECKS: Final[Mapping[str, Check]] = {
    "self_approval": Check(
        "whoever asked for the run said go at its gate",
        "SELECT run_id FROM gates WHERE answer = 'go' AND state = 'answered' AND answered_by = requester",
    ),
    "late_answer": Check(
        "an answer counted that was given after the gate's deadline",
        "SELECT run_id FROM gates WHERE state = 'answered' AND answered_at > deadline",
    ),
    "wrong_bytes": Check(
        "an accepted answer is bound to another action than its gate asked about",
        "SELECT approvals.run_id FROM approvals JOIN gates USING (run_id, gate) "
        "WHERE accepted AND approvals.action_digest <> gates.action_digest",
    ),
    "unapproved_effect": Check(
        "a change was made although policy asked for a gate or refused, and never allowed it",
        "SELECT tool_calls.run_id FROM tool_calls JOIN decisions "
        "ON decisions.run_id = tool_calls.run_id AND starts_with(decisions.key, tool_calls.key || '/decision') "
        "WHERE effect <> 'read' AND outcome = 'done' "
        "GROUP BY tool_calls.run_id, tool_calls.key HAVING NOT bool_or(verdict = 'allow')",
    ),
    "over_budget": Check(
        "more was spent or changed than the run's budget allows",
        "SELECT run_id FROM runs "
        "WHERE (currency = 'USD' AND cost_micros > budget_usd_micros) OR actions > budget_actions",
    ),
    "other_total": Check(
        "the run's own total is not the sum of its calls",
        "SELECT run_id FROM runs WHERE total_cost_micros <> cost_micros",
    ),
    "other_agent": Check(
        "an agent acted in another version than the run's version log names",
        "SELECT model_calls.run_id FROM model_calls SEMI JOIN versions "
        "ON versions.run_id = model_calls.run_id AND object = 'agent' AND id = agent_id "
        "ANTI JOIN versions AS same ON same.run_id = model_calls.run_id AND same.object = 'agent' "
        "AND same.id = agent_id AND same.version = model_calls.agent_version",
    ),
}
"""What has to hold in every run of every mission, by name."""


_LOOKED_AT: Final = ("runs", "gates", "approvals", "tool_calls", "model_calls", "decisions", "versions")
"""Tables that the checks read."""


def check_config(con: DuckDBPyConnection, declared: pl.DataFrame | None) -> Iterator[Comparison]:
    """Hold what was in force in the current runs against what was sealed; nothing where nothing was."""
    if declared is None:
        return
    con.execute(_IN_FORCE)
    con.register("declared", declared.to_arrow())
    rows = con.execute(_UNDECLARED).fetchall()
    con.unregister("declared")
    for mission, kind, looked, violations, example in rows:
        note = f"for example {example.strip()}" if violations else ""
        yield _exact(("config", mission, kind), looked, violations, note, 1)


def check_paths(
    con: DuckDBPyConnection, paths: Mapping[str, Sequence[Constraint]], needed: int
) -> Iterator[Comparison]:
    """Hold the current runs of each mission against the path it declares.

    A mission without one is not all right, it is unknown: one comparison without enough data.
    """
    con.execute(_TRACE)
    missions = con.execute(
        "SELECT mission, count(*) FILTER (WHERE side = 'current') FROM sampled GROUP BY 1 ORDER BY 1"
    )
    for mission, looked in missions.fetchall():
        if mission not in paths:
            yield _exact(("path", mission, None), looked, None, "no path is declared in policies/paths.yaml", needed)
        for rule in paths.get(mission, ()):
            asked = {"mission": mission, "event": rule.event, "then": rule.then, "most": rule.most}
            looked_at, broken = con.execute(_BROKEN.format(broken=BROKEN_WHEN[rule.kind]), asked).fetchall()[0]
            yield _exact(("path", mission, rule.name), looked_at, broken, rule.sentence, needed)


def check_data(con: DuckDBPyConnection, needed: int) -> Iterator[Comparison]:
    """Hold the records of each current run against each other."""
    # The checks are written over whole tables; they are asked of the current runs' rows alone.
    theirs = ", ".join(
        f"{table} AS (SELECT * FROM main.{table} WHERE run_id IN (SELECT run_id FROM current_runs))"  # noqa: S608 - our own names
        for table in _LOOKED_AT
    )
    for name, check in CHECKS.items():
        rows = con.execute(
            f"WITH {theirs} SELECT mission, count(*), count(*) FILTER (WHERE failing.run_id IS NOT NULL) "  # noqa: S608 - our own text
            f"FROM current_runs LEFT JOIN (SELECT DISTINCT run_id FROM ({check.fails})) AS failing USING (run_id) "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        for mission, looked, violations in rows:
            yield _exact(("data", mission, name), looked, violations, check.says, needed)


def _exact(
    about: tuple[Monitor, str, str | None], looked: int, violations: int | None, note: str, needed: int
) -> Comparison:
    """Return a check as a comparison: a violation counts at once, none counts from enough runs on."""
    monitor, mission, subject = about
    called = None if violations is None or (not violations and looked < needed) else violations > 0
    return Comparison(
        monitor=monitor,
        mission=mission,
        step=subject,
        unit="runs",
        test=EXACT,
        should=0.0,
        is_now=None if violations is None else float(violations),
        statistic=None,
        p=None,
        n_baseline=0,
        n_current=looked,
        needed=needed,
        called=called,
        note=note,
    )
