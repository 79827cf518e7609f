"""The numbers: each one a formula, a unit, and one SQL statement, computed on the published mart.

A KPI whose denominator is zero is null and says why; it is never zero, and never an estimate. Money
is whole millionths of its currency. Failed and unfinished runs stay in the numerator of costs.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.formulas import FORMULAS, Formula
from analytics.marts import open_mart

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

ALL_MISSIONS = "all"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number about one mission, or about all of them."""

    id: str
    """K6, K2b, ... of the KPI catalogue, or a short name where the catalogue has none."""
    name: str
    mission: str
    """The mission, or ``all``."""
    segment: str | None
    """The step, outcome or measure it is about, where it is about one."""
    value: int | float | None
    """The number in ``unit``; ``None`` where there is none."""
    unit: str
    numerator: int | None
    """What was counted or summed; ``None`` for quantiles."""
    denominator: int | None
    """What it was divided by, or how many values it is taken over."""
    reason: str | None
    """Why ``value`` is ``None``."""
    basis: str | None
    """What money stands on: list, declared, notional or mixed prices."""


def report(home: Path) -> list[Kpi]:
    """Return every KPI of a home, for each mission and for all missions together.

    Raises:
        MartMissing: nothing has been published yet.

    """
    with open_mart(home) as con:
        return compute(con)


def compute(con: DuckDBPyConnection) -> list[Kpi]:
    """Return every KPI, computed on the tables ``con`` sees."""
    found: list[Kpi] = []
    for formula in FORMULAS:
        cursor = con.execute(formula.statement)
        names = [column[0] for column in cursor.description or []]
        found += [_kpi(formula, dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    return found


def _kpi(formula: Formula, row: dict[str, Any]) -> Kpi:
    value, reason = row["value"], None
    if row.get("currency") == "mixed":
        value, reason = None, "the costs are in more than one currency"
    elif value is None:
        reason = formula.when_null
    return Kpi(
        id=formula.id,
        name=formula.name,
        mission=ALL_MISSIONS if row["mission"] is None else str(row["mission"]),
        segment=row.get("segment"),
        value=value,
        unit=_unit(formula, row),
        numerator=row.get("numerator"),
        denominator=row.get("denominator"),
        reason=reason,
        basis=row.get("basis"),
    )


def _unit(formula: Formula, row: dict[str, Any]) -> str:
    """Return the unit, with the currency where it is one of money, or the measure's own."""
    currency = row.get("currency")
    return str(row.get("unit") or formula.unit.replace("CURRENCY", "currency" if currency is None else str(currency)))
