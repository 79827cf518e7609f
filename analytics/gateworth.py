"""What each gate costs and catches: the rows of the mart's view ``gate_worth``, and what they come to."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from analytics.marts import open_mart

if TYPE_CHECKING:
    from pathlib import Path

Worth = Literal["catches", "caught_nothing", "not_enough_data"]
"""catches: people changed the course at least once in thirty answers or more. caught_nothing: never, and the upper
bound says how much may be missed. not_enough_data: fewer than thirty answers; never good or bad."""


@dataclass(frozen=True, slots=True)
class GateWorth:
    """One gate: a mission's action, the role that is asked, and the rules that ask; money in millionths."""

    mission: str
    business_unit: str
    action: str
    role: str
    rules: list[str]
    asked: int
    answered: int
    went: int
    stopped: int
    revised: int
    expired: int
    waiting: int
    waited_ms: int | None
    waited_p50_minutes: float | None
    review_ms: int | None
    review_micros: int | None
    currency: str | None
    basis: str | None
    caught: int
    caught_percent: float | None
    caught_low: float | None
    caught_high: float | None
    stopped_cents: int | None
    missed: int
    missed_cents: int | None
    micros_per_catch: int | None
    """What a catch has to be worth for the gate to pay."""
    verdict: Worth


def report(home: Path) -> list[GateWorth]:
    """Return every gate that was ever opened, the dearest first; those nobody declared a rate for come last.

    Raises:
        MartMissing: nothing has been published yet.

    """
    with open_mart(home) as con:
        cursor = con.execute(
            "SELECT * FROM gate_worth ORDER BY review_micros DESC NULLS LAST, mission, action, role, rules"
        )
        names = [column[0] for column in cursor.description or []]
        rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [GateWorth(**row) for row in rows]
