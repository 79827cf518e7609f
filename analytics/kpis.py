"""The numbers: each one a formula, a unit, and one SQL statement, computed on the published mart.

A KPI whose denominator is zero is null and says why; it is never zero, and never an estimate. Money
is whole millionths of its currency. Failed and unfinished runs stay in the numerator of costs.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.errors import KpiUnknown
from analytics.formulas import FORMULAS, Formula
from analytics.marts import open_mart
from analytics.stores import insert_rows

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

__all__ = ["Kpi", "chosen", "compute", "receipt", "recheck", "report"]

ALL_MISSIONS = "all"
UNIT_PREFIX = "unit:"
"""What stands before a business unit's name, where a mission's stands otherwise."""

_SHARED = ("units", "run_costs")

_FLOWN = """
SELECT DISTINCT runs.mission, coalesce(business_unit, 'unassigned') AS business_unit
FROM runs
LEFT JOIN units USING (mission)
ORDER BY mission
"""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number about one mission, one business unit, or all of them."""

    id: str
    """K6, K2b, ... of the KPI catalogue, or a short name where the catalogue has none."""
    name: str
    mission: str
    """The mission, ``unit:NAME`` for a business unit, or ``all``."""
    segment: str | None
    """The step, outcome, role or measure it is about, where it is about one."""
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
    """What money stands on: list, declared, notional, example or mixed."""
    business_unit: str | None = None
    """The mission's business unit, or the one it is about; ``None`` for all."""
    board: int | None = None
    """Its place among the seven numbers of the board, from 1."""


def report(home: Path) -> list[Kpi]:
    """Return every KPI of a home, for each mission, each business unit, and all of them together.

    Raises:
        MartMissing: nothing has been published yet.

    """
    with open_mart(home) as con:
        return compute(con)


def receipt(home: Path, wanted: str | None = None) -> dict[str, Any]:
    """Return the receipt of one KPI or of all; see :func:`analytics.receipts.receipt`."""
    from analytics import receipts

    return dict(receipts.receipt(home, wanted))


def recheck(home: Path, kept: bytes) -> dict[str, Any]:
    """Compute a receipt that was kept again; see :func:`analytics.receipts.recheck`."""
    from analytics import receipts

    return dict(receipts.recheck(home, kept))


def chosen(wanted: str | None) -> list[Formula]:
    """Return the formulas of an id and of its parts (``K19`` means ``K19.p50`` too); all, where none is named.

    Raises:
        KpiUnknown: there is none of that id.

    """
    if wanted is None:
        return list(FORMULAS)
    found = [formula for formula in FORMULAS if wanted in {formula.id, formula.id.partition(".")[0]}]
    if not found:
        known = ", ".join(dict.fromkeys(formula.id for formula in FORMULAS))
        raise KpiUnknown(f"There is no KPI {wanted}; there are {known}.")
    return found


def compute(con: DuckDBPyConnection, findings: list[dict[str, Any]] | None = None) -> list[Kpi]:
    """Return every KPI, computed on the tables ``con`` sees.

    Args:
        con: what to compute on.
        findings: rows of ``findings`` that will be published with the numbers; those that stand there, if not given.

    """
    # Many statements read these views; computed once for all of them, they come to the same. Temporary tables stand
    # before views of the same name, so they must not outlive this.
    try:
        for view in _SHARED:
            con.execute(f"CREATE TEMP TABLE {view} AS FROM {view}")
        if findings is not None:
            con.execute("CREATE TEMP TABLE findings AS FROM findings LIMIT 0")
            insert_rows(con, "temp.findings", findings)
        missions = flown(con)
        return [kpi for formula in FORMULAS for kpi in computed(con, formula, missions)]
    finally:
        for view in (*_SHARED, "findings"):
            con.execute(f"DROP TABLE IF EXISTS temp.{view}")


def flown(con: DuckDBPyConnection) -> dict[str, str]:
    """Return every mission that flew, with its business unit."""
    return dict(con.execute(_FLOWN).fetchall())


def computed(con: DuckDBPyConnection, formula: Formula, missions: dict[str, str]) -> list[Kpi]:
    """Return one formula's numbers; a mission of which it says nothing is null with the reason."""
    found: list[Kpi] = []
    if formula.statement is not None:
        cursor = con.execute(formula.statement)
        names = [column[0] for column in cursor.description or []]
        found = [_kpi(formula, dict(zip(names, row, strict=True)), missions) for row in cursor.fetchall()]
    told = {kpi.mission for kpi in found}
    due = {"mission": [ALL_MISSIONS, *missions], "all": [ALL_MISSIONS], "segment": []}[formula.grain]
    return found + [_nothing(formula, mission, missions) for mission in due if mission not in told]


def _kpi(formula: Formula, row: dict[str, Any], missions: dict[str, str]) -> Kpi:
    value, reason = row["value"], None
    if row.get("currency") == "mixed":
        value, reason = None, "the costs are in more than one currency"
    elif value is None:
        reason = row.get("reason") or formula.when_null
    mission, unit = row["mission"], row.get("business_unit")
    return Kpi(
        id=formula.id,
        name=formula.name,
        mission=str(mission) if mission is not None else ALL_MISSIONS if unit is None else f"{UNIT_PREFIX}{unit}",
        segment=row.get("segment"),
        value=value,
        unit=_unit(formula, row),
        numerator=row.get("numerator"),
        denominator=row.get("denominator"),
        reason=reason,
        basis=row.get("basis"),
        business_unit=missions.get(mission, unit) if mission is not None else unit,
        board=formula.board,
    )


def _nothing(formula: Formula, mission: str, missions: dict[str, str]) -> Kpi:
    return Kpi(
        formula.id, formula.name, mission, None, None, _unit(formula, {}), None, None, formula.when_null, None,
        missions.get(mission), formula.board,
    )  # fmt: skip


def _unit(formula: Formula, row: dict[str, Any]) -> str:
    """Return the unit, with the currency where it is one of money, or the measure's own."""
    currency = row.get("currency")
    return str(row.get("unit") or formula.unit.replace("CURRENCY", "currency" if currency is None else str(currency)))
