"""Every KPI's formula, unit and grain, in one place: the seven of the board first, then the catalogue K1 to K39.

``docs/guides/kpis.md`` says the same in words. What nothing records yet has no statement and is
null with the reason; it is never estimated.
"""

from __future__ import annotations

from analytics.formulas.foresight import FORESIGHT
from analytics.formulas.formula import Formula, Grain
from analytics.formulas.money import MONEY
from analytics.formulas.operations import OPERATIONS
from analytics.formulas.outcomes import OUTCOMES
from analytics.formulas.people import PEOPLE
from analytics.formulas.risk import RISK
from analytics.formulas.sourceless import SOURCELESS
from analytics.formulas.worth import WORTH

__all__ = ["FORMULAS", "Formula", "Grain"]

_ALL = (*OUTCOMES, *MONEY, *WORTH, *PEOPLE, *RISK, *OPERATIONS, *FORESIGHT, *SOURCELESS)

FORMULAS: tuple[Formula, ...] = (
    *sorted((formula for formula in _ALL if formula.board is not None), key=lambda formula: formula.board or 0),
    *(formula for formula in _ALL if formula.board is None),
)
"""All KPIs, in the order they are shown."""
