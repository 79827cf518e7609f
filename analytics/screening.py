"""Screening: one look in SQL at what a load is checked for, before Great Expectations judges what is left.

To set up a judgement takes the same for a small load as for a large one, and nearly every load is plainly good.
The look is made of the expectations themselves: it counts the rows that each of them might refuse. Where
there is none, the check has passed; where there is one, or the look does not know how to put the
expectation, Great Expectations judges all rows. So the look never refuses, and never lets in what would
have been refused.
"""

# duckdb is typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.quality import Check, Expected, Report, validate

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}
_DIGEST = "^[0-9a-f]{64}$"
"""The one pattern that is known to mean the same to both; what both understand is not said of others."""


def check(con: DuckDBPyConnection, suite: str, expected: tuple[Expected, ...], frame: str) -> Report:
    """Check the rows a query returns, whose column ``row`` names them, as :func:`analytics.quality.validate` does.

    Raises:
        duckdb.Error: the query cannot be run on the records.

    """
    relation = con.sql(frame)
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    doubts = [_doubt(one, types.get(one.column, "")) for one in expected]
    looked = ", ".join(doubt or "1" for doubt in doubts)
    # Our own names and terms, not input.
    rows, *found = con.execute(f"SELECT count(*), {looked} FROM ({frame})").fetchall()[0]  # noqa: S608
    doubtful = tuple(one for one, count in zip(expected, found, strict=True) if count)
    judged = validate(suite, doubtful, con.sql(f"{frame} ORDER BY row").df()) if doubtful else Report()
    verdicts = iter(judged.checks)
    checks = [
        next(verdicts) if count else Check(suite, one, "passed", rows)
        for one, count in zip(expected, found, strict=True)
    ]
    return Report(checks, judged.bad_rows)


def _doubt(one: Expected, kind: str) -> str | None:
    """Return an aggregate that is zero only where no row can fail, or ``None`` where none is known.

    Nulls fail no expectation.
    """
    match one.kind, one.terms:
        case "ToBeInSet", {"value_set": [*values], **rest} if not rest and _are(values, kind):
            words = ", ".join(map(_literal, values))
            return f"count(*) FILTER (WHERE {one.column} NOT IN ({words}))"
        case "ToBeBetween", {**limits} if limits and kind in _INTEGERS and _are([*limits.values()], kind):
            beyond = {"min_value": "<", "max_value": ">"}
            if limits.keys() <= beyond.keys():
                said = " OR ".join(f"{one.column} {beyond[name]} {limit}" for name, limit in limits.items())
                return f"count(*) FILTER (WHERE {said})"
        case "ToMatchRegex", {"regex": regex, **rest} if regex == _DIGEST and not rest and kind == "VARCHAR":
            return f"count(*) FILTER (WHERE NOT regexp_matches({one.column}, '{regex}'))"
        case "ToBeUnique", {**terms} if not terms and kind == "VARCHAR":
            return f"count({one.column}) - count(DISTINCT {one.column})"
        case _:
            pass
    return None


def _are(values: list[Any], kind: str) -> bool:
    """Whether all values compare with a column of this type as they are."""
    wanted = int if kind in _INTEGERS else str if kind == "VARCHAR" else None
    return bool(values) and all(type(value) is wanted for value in values)


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
