"""Plans: a mission's declared plan joined with what its runs came to, as the inputs of a forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.bootstraps import MINIMUM_RUNS, RESAMPLES, ratio_draws
from analytics.forecasts import Forecast, Inputs, Line, forecast
from gonogo.model import MICROS_PER_UNIT

if TYPE_CHECKING:
    from analytics.assumptions import Assumptions, Terms

LINES: tuple[Line, ...] = ("base", "upside", "full")


def plan_of(
    terms: Terms, assumptions: Assumptions, clusters: list[dict[str, Any]], total: dict[str, int]
) -> tuple[list[Forecast], str | None]:
    """Return the forecast of each line, or why there is none."""
    plan, finance = terms.plan, assumptions.finance
    if plan is None or terms.manual is None or finance is None:
        missing = "plan" if plan is None else "manual baseline" if terms.manual is None else "discount rate"
        return [], f"policies/assumptions.yaml declares no {missing}"
    if total["runs"] < MINIMUM_RUNS:
        return [], f"a forecast needs {MINIMUM_RUNS} runs; there are {total['runs']}"
    costs = ratio_draws([row["full_micros"] for row in clusters], [row["runs"] for row in clusters], RESAMPLES)
    if costs is None:
        return [], "the runs stand too close together to say how their cost varies"
    given = Inputs(
        investment=float(plan.investment),
        change_per_month=float(plan.change_per_month),
        cases_per_month=plan.cases_per_month,
        spread=plan.spread_percent / 100,
        adoption=plan.adoption_percent / 100,
        months=plan.months,
        rate_per_year=float(finance.discount_percent_per_year) / 100,
        runs=total["runs"],
        successes=total["successes"],
        cost_of_a_run=costs / MICROS_PER_UNIT,
        benefit=benefits(terms),
    )
    return [forecast(given, line) for line in LINES], None


def benefits(terms: Terms) -> dict[Line, float]:
    """Return what a success is worth on each line, in whole units of currency; each line holds those before it."""
    worth = 0.0 if terms.manual is None else terms.manual.micros / MICROS_PER_UNIT
    told = terms.value
    cash, avoidance, redeployed = (
        (0, 0, 0) if told is None else (told.cash_percent, told.avoidance_percent, told.redeployed_percent)
    )
    base = worth * cash / 100
    upside = base + worth * avoidance / 100
    return {"base": base, "upside": upside, "full": upside + (worth - upside) * redeployed / 100}
