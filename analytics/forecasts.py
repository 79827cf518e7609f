"""Forecasts: what a mission's plan comes to, drawn many times over what is not known.

Net of a month = cases x adoption x (success rate x benefit of a success - cost of a run) - change. The
present value discounts months at Finance's yearly rate. Drawn are: cases and prices (uniform within
the declared spread), adoption (uniform from the declared least share to all), the success rate
(Jeffreys posterior), and the cost of a run (bootstrap). Money here is in whole units of currency.
"""

# numpy is typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from analytics.bootstraps import SEED

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 10_000

Line = Literal["base", "upside", "full"]
"""base: cash that is released. upside: with cost avoidance. full: with hours that are shown to be redeployed."""

Driver = Literal["cases", "adoption", "success_rate", "cost_of_a_run"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a forecast stands on, for one mission."""

    investment: float
    change_per_month: float
    cases_per_month: int
    spread: float
    """Share by which cases and prices may lie from plan."""
    adoption: float
    """Least share of the cases that comes to the mission."""
    months: int
    rate_per_year: float
    runs: int
    successes: int
    cost_of_a_run: NDArray[Any]
    """Bootstrap draws."""
    benefit: dict[Line, float]
    """Worth of a success on each line."""


@dataclass(frozen=True, slots=True)
class Swing:
    """How far one unknown alone moves the net present value of the base line."""

    driver: Driver
    at_p10: float
    at_p90: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one line comes to over the plan."""

    line: Line
    p_npv_positive: float
    npv_p10: float
    npv_p50: float
    npv_p90: float
    payback_months: int | None
    """First month by which the median net has paid the investment back; ``None``: not within the plan."""
    discounted_payback_months: int | None
    p_payback: float
    """Share of the draws that pay back within the plan, undiscounted."""
    tornado: list[Swing] = field(default_factory=list[Swing])


def forecast(given: Inputs, line: Line) -> Forecast:
    """Draw the plan of a mission on one line."""
    import numpy as np

    drawn = _draw(given)
    net = _net(given, line, drawn)
    npv = net * _annuity(given) - given.investment
    low, middle, high = (float(each) for each in np.quantile(npv, (0.1, 0.5, 0.9)))
    median = float(np.median(net))
    return Forecast(
        line,
        float((npv > 0).mean()),
        low,
        middle,
        high,
        _payback(given, median),
        _discounted_payback(given, median),
        float((net * given.months >= given.investment).mean()),
        _tornado(given, line, drawn),
    )


def _draw(given: Inputs) -> dict[Driver, NDArray[Any]]:
    import numpy as np

    chance = np.random.default_rng(SEED)
    spread = (1 - given.spread, 1 + given.spread)
    return {
        "cases": given.cases_per_month * chance.uniform(*spread, DRAWS),
        "adoption": chance.uniform(given.adoption, 1, DRAWS),
        "success_rate": chance.beta(given.successes + 0.5, given.runs - given.successes + 0.5, DRAWS),
        "cost_of_a_run": chance.choice(given.cost_of_a_run, DRAWS) * chance.uniform(*spread, DRAWS),
    }


def _net(given: Inputs, line: Line, drawn: dict[Driver, Any]) -> Any:
    """Return the net of a month."""
    margin = drawn["success_rate"] * given.benefit[line] - drawn["cost_of_a_run"]
    return drawn["cases"] * drawn["adoption"] * margin - given.change_per_month


def _monthly(given: Inputs) -> float:
    return (1 + given.rate_per_year) ** (1 / 12) - 1


def _annuity(given: Inputs) -> float:
    """Return what one unit a month is worth today."""
    rate = _monthly(given)
    return given.months if rate == 0 else (1 - (1 + rate) ** -given.months) / rate


def _payback(given: Inputs, net: float) -> int | None:
    if given.investment == 0:
        return 0
    months = ceil(given.investment / net) if net > 0 else given.months + 1
    return months if months <= given.months else None


def _discounted_payback(given: Inputs, net: float) -> int | None:
    worth, rate = -given.investment, _monthly(given)
    for month in range(given.months + 1):
        worth += net / (1 + rate) ** month if month else 0
        if worth >= 0:
            return month
    return None


def _tornado(given: Inputs, line: Line, drawn: dict[Driver, NDArray[Any]]) -> list[Swing]:
    """Return what each driver does between its 10th and 90th percentile, the others at their medians; widest first."""
    import numpy as np

    middle: dict[Driver, float] = {driver: float(np.median(values)) for driver, values in drawn.items()}
    found: list[Swing] = []
    for driver, values in drawn.items():
        ends = (
            float(_net(given, line, {**middle, driver: float(np.quantile(values, at))}) * _annuity(given))
            - given.investment
            for at in (0.1, 0.9)
        )
        found.append(Swing(driver, *ends))
    return sorted(found, key=lambda swing: -abs(swing.at_p90 - swing.at_p10))
