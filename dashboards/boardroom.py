"""The boardroom: the seven numbers of the board, for the whole house, a business unit or a mission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboards.figures import ALL_MISSIONS, Kpi
from dashboards.wording import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.tables import Tables

UNIT_PREFIX = "unit:"

QUESTIONS: Mapping[str, str] = {
    "K1": "Does it pay? Below 0 it does not.",
    "K2b": "How often do people have to step in?",
    "K3a": "What is the worst that one run can do?",
    "K6.full": "What does a success cost, people included?",
    "K8": "Does it get there by itself?",
    "K37": "How much work is it?",
    "K36": "Does it serve what we set out to do?",
}
"""What a member of the board asks, by the number that answers it."""

_WHOSE = "SELECT DISTINCT mission FROM kpis WHERE board IS NOT NULL ORDER BY mission"

_FIGURES = """
SELECT
    kpis.id, kpis.name, kpis.mission, kpis.segment, kpis.value, kpis.unit, kpis.numerator, kpis.denominator,
    kpis.reason, kpis.basis, kpis.board, formulas.formula, formulas.statement, formulas.sql_sha256
FROM kpis
LEFT JOIN formulas ON formulas.id = kpis.id
WHERE kpis.board IS NOT NULL AND kpis.segment IS NULL AND ($whose IS NULL OR kpis.mission = $whose)
ORDER BY kpis.board, kpis.mission
"""

_SNAPSHOT = "SELECT * FROM snapshot"

_ASSUMPTIONS = "SELECT mission, name, value, source, as_of FROM assumptions"

_OF_KPI = ("id", "name", "mission", "segment", "value", "unit", "numerator", "denominator", "reason", "basis")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the board, and how it is computed."""

    kpi: Kpi
    place: int
    formula: str | None
    statement: str | None
    """The SQL; ``None`` where nothing records what the number needs."""
    sql_sha256: str | None

    @property
    def question(self) -> str:
        """What it answers."""
        return QUESTIONS.get(self.kpi.id, "")


def whose_names(tables: Tables) -> list[str]:
    """Return for whom the numbers are computed: all, business units, missions."""
    known = [str(row["mission"]) for row in tables.rows(_WHOSE)]
    units = [name for name in known if name.startswith(UNIT_PREFIX)]
    return [ALL_MISSIONS, *units, *(name for name in known if name not in units and name != ALL_MISSIONS)]


def whose_words(name: str) -> str:
    """Return for whom a number is, as it is said."""
    if name == ALL_MISSIONS:
        return "the whole house"
    return f"unit {spoken(name.removeprefix(UNIT_PREFIX))}" if name.startswith(UNIT_PREFIX) else spoken(name)


def board_figures(tables: Tables, whose: str | None = ALL_MISSIONS) -> list[Figure]:
    """Return the board's numbers in their order; of everybody, where ``whose`` is ``None``."""
    return [
        Figure(
            Kpi(**{name: row[name] for name in _OF_KPI}),
            row["board"],
            row["formula"],
            row["statement"],
            row["sql_sha256"],
        )
        for row in tables.rows(_FIGURES, whose=whose)
    ]


def snapshot_of(tables: Tables) -> dict[str, Any]:
    """Return what the mart was computed on."""
    return tables.row(_SNAPSHOT)


def assumptions_of(tables: Tables) -> list[dict[str, Any]]:
    """Return what is assumed, in the order of the file."""
    return tables.rows(_ASSUMPTIONS)
