"""Return on agents: what missions cost, people included, beside what the work costs by hand and by rules.

Costs are measured for models and priced at declared rates for people and platform; failed runs stay
in. Worth is what a success replaces: as declared, and as measured where a mission sets cases aside by
chance. What is money (cash that is released, spend that is avoided) stands apart from hours. Every
figure names its basis, and one that cannot be computed is null with the reason.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.accounts import Amount, MissionRoi, Option, RoiReport, Value
from analytics.assumptions import micros, read_assumptions
from analytics.bootstraps import MINIMUM_RUNS, Interval, ratio_interval
from analytics.errors import AssumptionsBroken, KpiUnknown
from analytics.marts import open_mart
from analytics.plans import plan_of
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from analytics.assumptions import Assumptions, Terms

_DAYS_MIN = 10
"""From so many days on, days are drawn; below, runs are."""

_GROUPS_MAX = 2_000
"""More runs than that are drawn in so many groups of about the same size, put together by their ids."""

_CLUSTERS = """
WITH told AS (
    SELECT *, count(DISTINCT started_at::DATE) OVER () AS days
    FROM run_costs
    WHERE mission = $mission AND arm = 'agents' AND full_micros IS NOT NULL
)
SELECT
    CASE WHEN days >= $days THEN (started_at::DATE)::VARCHAR ELSE (md5_number_lower(run_id) % $groups)::VARCHAR END
        AS cluster,
    any_value(days) AS days,
    count(*) AS runs,
    count(*) FILTER (WHERE status IN ('done', 'no_go', 'aborted', 'failed')) AS ended,
    count(*) FILTER (WHERE success) AS successes,
    sum(model_micros)::BIGINT AS model_micros,
    sum(review_micros)::BIGINT AS review_micros,
    sum(platform_micros)::BIGINT AS platform_micros,
    sum(full_micros)::BIGINT AS full_micros,
    sum(answers)::BIGINT AS answers,
    sum(review_ms)::BIGINT AS review_ms,
    CASE WHEN count(DISTINCT currency) > 1 THEN 'mixed' ELSE any_value(currency) END AS currency,
    CASE WHEN count(DISTINCT basis) > 1 THEN 'mixed' ELSE any_value(basis) END AS basis
FROM told
GROUP BY 1
ORDER BY 1
"""

_HOLDOUT = """
SELECT measures.value AS seconds
FROM run_costs
JOIN missions ON missions.mission = run_costs.mission
JOIN measures ON measures.run_id = run_costs.run_id AND measures.name = missions.holdout_measure
WHERE run_costs.mission = $mission AND arm = 'by hand'
ORDER BY run_costs.run_id
"""

_SNAPSHOT = """
SELECT evidence_digest, log_root, log_size, assumptions_digest, assumptions_version, assumptions_standing FROM snapshot
"""


def report(home: Path, mission: str | None = None) -> RoiReport:
    """Return the account of one mission, or of all that flew.

    Raises:
        MartMissing: nothing has been published yet.
        AssumptionsBroken: there are none, they do not hold, or the mart was computed with others.
        KpiUnknown: no mission of that name has flown.

    """
    declared = read_assumptions(settings().policy_folder)
    if declared.assumptions is None:
        raise AssumptionsBroken(f"Nothing can be compared without assumptions: {declared.fault}.")
    with open_mart(home) as con:
        cursor = con.execute(_SNAPSHOT)
        names = [column[0] for column in cursor.description or []]
        snapshot = dict(zip(names, cursor.fetchall()[0], strict=True))
        if snapshot["assumptions_digest"] != declared.digest:
            raise AssumptionsBroken("The mart was computed with other assumptions; run gonogo land, then ask again.")
        flown = [str(name) for (name,) in con.execute("SELECT DISTINCT mission FROM runs ORDER BY 1").fetchall()]
        if mission is not None and mission not in flown:
            raise KpiUnknown(f"No mission {mission} has landed; there are {', '.join(flown) or 'none'}.")
        wanted = flown if mission is None else [mission]
        found = [(name, _account(con, name, declared.assumptions)) for name in wanted]
    return RoiReport(
        [account for _, account in found if account is not None],
        [name for name, account in found if account is None],
        declared.assumptions.standing,
        declared.assumptions.currency,
        declared.assumptions.version,
        str(declared.digest),
        snapshot,
    )


def _account(con: DuckDBPyConnection, mission: str, assumptions: Assumptions) -> MissionRoi | None:
    cursor = con.execute(_CLUSTERS, {"mission": mission, "days": _DAYS_MIN, "groups": _GROUPS_MAX})
    names = [column[0] for column in cursor.description or []]
    clusters = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not clusters:
        return None
    terms = assumptions.terms(mission)
    total = {name: sum(row[name] for row in clusters) for name in names if name not in _WORDS}
    words = {name: _one({row[name] for row in clusters} - {None}) for name in ("currency", "basis")}
    per_success = _per_success(clusters, total, words)
    seconds = [int(value) for (value,) in con.execute(_HOLDOUT, {"mission": mission}).fetchall()]
    manual, measured = _manual(terms, assumptions), _measured(terms, seconds)
    forecasts, why = plan_of(terms, assumptions, clusters, total)
    return MissionRoi(
        mission=mission,
        business_unit=terms.business_unit,
        currency=words["currency"],
        runs=total["runs"],
        ended=total["ended"],
        successes=total["successes"],
        days=clusters[0]["days"],
        clusters="days" if clusters[0]["days"] >= _DAYS_MIN else "runs",
        model_micros=total["model_micros"],
        review_micros=total["review_micros"],
        review_minutes=total["review_ms"] / 60_000,
        answers=total["answers"],
        platform_micros=total["platform_micros"],
        full_micros=total["full_micros"],
        per_success=per_success,
        manual=manual,
        saving_declared=_saving(manual, per_success),
        manual_measured=measured,
        saving_measured=_saving(measured, per_success),
        value=_value(terms, total["successes"]),
        options=_options(terms, total, words, assumptions),
        forecasts=forecasts,
        forecast_reason=why,
    )


_WORDS = {"cluster", "days", "currency", "basis"}
"""Columns of a cluster that do not add up."""


def _one(found: set[str]) -> str | None:
    return "mixed" if len(found) > 1 else next(iter(found), None)


def _per_success(clusters: list[dict[str, Any]], total: dict[str, int], words: dict[str, str | None]) -> Amount:
    if words["currency"] == "mixed":
        return Amount(None, None, None, None, "the costs are in more than one currency")
    if not total["successes"]:
        return Amount(None, None, None, words["basis"], "no run has succeeded yet")
    middle = _half_up(total["full_micros"], total["successes"])
    if total["runs"] < MINIMUM_RUNS:
        return Amount(middle, None, None, words["basis"], f"an interval needs {MINIMUM_RUNS} runs")
    interval = ratio_interval([row["full_micros"] for row in clusters], [row["successes"] for row in clusters])
    return _amount(middle, interval, words["basis"])


def _amount(middle: int, interval: Interval | None, basis: str | None) -> Amount:
    if interval is None:
        return Amount(middle, None, None, basis, "the successes are too few and far between for an interval")
    return Amount(middle, round(interval.low), round(interval.high), basis, None)


def _manual(terms: Terms, assumptions: Assumptions) -> Amount:
    if terms.manual is None:
        return Amount(None, None, None, None, "no manual baseline is declared in policies/assumptions.yaml")
    return Amount(terms.manual.micros, None, None, assumptions.standing, "declared, so it has no interval")


def _measured(terms: Terms, seconds: list[int]) -> Amount:
    """Return what a case by hand costs on the cases that were set aside, at the declared wage."""
    if terms.holdout is None:
        return Amount(None, None, None, None, "the mission sets no cases aside for people")
    if terms.manual is None:
        return Amount(None, None, None, None, "no wage is declared, so measured time has no price")
    if len(seconds) < MINIMUM_RUNS:
        return Amount(
            None, None, None, None, f"{len(seconds)} cases were set aside and measured; {MINIMUM_RUNS} are needed"
        )
    wage, other = micros(terms.manual.wage_per_hour), micros(terms.manual.other_per_case)
    costs = [value * wage for value in seconds]
    interval = ratio_interval(costs, [3_600] * len(costs))
    middle = _half_up(sum(costs), 3_600 * len(costs)) + other
    if interval is None:
        return Amount(middle, None, None, "measured", "too thin for an interval")
    return Amount(middle, round(interval.low) + other, round(interval.high) + other, "measured", None)


def _saving(manual: Amount, agents: Amount) -> Amount:
    """Return what a success saves; the bounds are those of both together (wider than 95 % where both have some)."""
    if manual.micros is None or agents.micros is None:
        return Amount(None, None, None, None, manual.reason if manual.micros is None else agents.reason)
    low = None if agents.high is None else (manual.micros if manual.low is None else manual.low) - agents.high
    high = None if agents.low is None else (manual.micros if manual.high is None else manual.high) - agents.low
    basis = manual.basis if manual.basis == agents.basis else "mixed"
    return Amount(manual.micros - agents.micros, low, high, basis, agents.reason)


def _value(terms: Terms, successes: int) -> Value | None:
    if terms.manual is None:
        return None
    worth, told = successes * terms.manual.micros, terms.value
    cash = _half_up(worth * (told.cash_percent if told else 0), 100)
    avoidance = _half_up(worth * (told.avoidance_percent if told else 0), 100)
    rest = worth - cash - avoidance
    redeployed = _half_up(rest * (told.redeployed_percent if told else 0), 100)
    return Value(cash, avoidance, redeployed, rest - redeployed, successes * terms.manual.minutes / 60)


def _options(
    terms: Terms, total: dict[str, int], words: dict[str, str | None], assumptions: Assumptions
) -> list[Option]:
    """Return what a case costs each way, whatever is left undone done by hand."""
    if terms.manual is None or not total["ended"]:
        why = "no manual baseline is declared" if terms.manual is None else "no run has ended yet"
        return [Option("agents", None, None, None, why)]
    hand, left = terms.manual.micros, total["ended"] - total["successes"]
    mixed = "the costs are in more than one currency" if words["currency"] == "mixed" else None
    whole = None if mixed else _half_up(total["full_micros"] + left * hand, total["ended"])
    found = [
        Option("agents, the rest by hand", whole, 100 * total["successes"] / total["ended"], words["basis"], mixed),
        Option("by hand", hand, 100.0, assumptions.standing, None),
    ]
    if terms.rules is None:
        return [*found, Option("rules, the rest by hand", None, None, None, "no rule-based alternative is declared")]
    share = terms.rules.handled_percent
    by_rules = _half_up(micros(terms.rules.cost_per_case) * 100 + (100 - share) * hand, 100)
    return [*found, Option("rules, the rest by hand", by_rules, float(share), assumptions.standing, None)]


def _half_up(amount: int, by: int) -> int:
    """Return a quotient as a whole number, half rounded up, without leaving the integers."""
    return (2 * amount + by) // (2 * by)
