"""What a KPI is, and the statements that many of them share.

A statement returns one row a mission (``mission`` and ``business_unit``), one a business unit
(``business_unit`` alone) and one for all (neither), with the columns ``mission, business_unit,
value, numerator, denominator`` and, where they apply, ``segment, currency, basis, unit, reason``.
Statements take no parameters, so that anyone can paste one into DuckDB and get the same digits.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal, NamedTuple

Grain = Literal["mission", "segment", "all"]
"""mission: each mission, each business unit, and all of them. segment: each mission by step, outcome, role, class or
measure. all: the home as a whole."""


class Formula(NamedTuple):
    """A KPI: what it is called, what it is, its unit and grain, its SQL, and what a null means."""

    id: str
    name: str
    formula: str
    """The formula in words."""
    unit: str
    """``CURRENCY`` stands for the currency of the costs."""
    when_null: str
    """Why there is no value, where there is none and the statement does not say."""
    statement: str | None
    """``None`` where nothing records what it needs; then it is null everywhere."""
    grain: Grain = "mission"
    board: int | None = None
    """Its place among the seven numbers of the board, from 1."""

    @property
    def sql_sha256(self) -> str | None:
        """SHA-256 of the statement."""
        return None if self.statement is None else sha256(self.statement.encode()).hexdigest()

    def row(self) -> dict[str, Any]:
        """Return it as a row of the table ``formulas``."""
        told = self._asdict()
        del told["when_null"]
        return told | {"sql_sha256": self.sql_sha256}


TERMINAL = "status IN ('done', 'no_go', 'aborted', 'failed')"
NO_TERMINAL = "no run has ended yet"

SETS = "GROUPING SETS ((mission, business_unit), (business_unit), ())"
"""Each mission, each business unit, and all."""

ORDER = "ORDER BY mission NULLS FIRST, business_unit NULLS FIRST"

_RATE = """
WITH told AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, coalesce({condition}, FALSE) AS counted
    FROM {source}
    LEFT JOIN units USING (mission)
    WHERE {population}
)
SELECT
    mission,
    business_unit,
    {scale} * count(*) FILTER (WHERE counted) / nullif(count(*), 0) AS value,
    count(*) FILTER (WHERE counted) AS numerator,
    count(*) AS denominator
FROM told
GROUP BY {sets}
{order}
"""


def rate(condition: str, population: str = TERMINAL, source: str = "runs", scale: str = "100.0") -> str:
    """Return the statement of a share of rows, in percent where nothing else is said."""
    return _RATE.format(condition=condition, population=population, source=source, scale=scale, sets=SETS, order=ORDER)


_MONEY = """
WITH spent AS (
    SELECT
        mission,
        business_unit,
        sum({amount})::BIGINT AS numerator,
        count(*) FILTER (WHERE {counted}) AS denominator,
        CASE WHEN min(currency) <> max(currency) THEN 'mixed' ELSE min(currency) END AS currency,
        CASE WHEN min({basis}) <> max({basis}) THEN 'mixed' ELSE min({basis}) END AS basis
    FROM {source}
    WHERE {population}
    GROUP BY {sets}
)
SELECT
    mission,
    business_unit,
    -- Whole millionths, half rounded up, without leaving the integers.
    (2 * numerator + denominator) // nullif(2 * denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM spent
{order}
"""

_BILLED = """(
        SELECT mission, status, success, cost_micros, currency, price_basis,
            coalesce(business_unit, 'unassigned') AS business_unit
        FROM runs
        LEFT JOIN units USING (mission)
    )"""


def billed(counted: str, population: str) -> str:
    """Return the statement of what models cost over a population of runs, divided by those of them that count."""
    return _MONEY.format(
        amount="cost_micros", basis="price_basis", source=_BILLED,
        counted=counted, population=population, sets=SETS, order=ORDER,
    )  # fmt: skip


def full(counted: str, population: str) -> str:
    """Return the same of everything a run costs, people and platform too, where rates are declared for them."""
    return _MONEY.format(
        amount="full_micros", basis="basis", source="run_costs",
        counted=counted, population=f"full_micros IS NOT NULL AND {population}", sets=SETS, order=ORDER,
    )  # fmt: skip


_QUANTILE = """
WITH told AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, {amount} AS amount
    FROM {source}
    LEFT JOIN units USING (mission)
    WHERE {population}
)
SELECT
    mission,
    business_unit,
    quantile_cont(amount, {quantile}) / {divisor} AS value,
    NULL::BIGINT AS numerator,
    count(amount) AS denominator
FROM told
GROUP BY {sets}
{order}
"""


def quantile(amount: str, at: float, divisor: str, source: str, population: str) -> str:
    """Return the statement of a quantile, interpolated between the two nearest values."""
    return _QUANTILE.format(
        amount=amount, quantile=at, divisor=divisor, source=source, population=population, sets=SETS, order=ORDER
    )
